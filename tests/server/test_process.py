"""The server that tests of users start."""

from pathlib import Path

import pytest

from stategate.testing.process import ServerProcess

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not RANGE.exists(), reason="this system does not tell which ports it gives to clients")
def test_its_port_is_none_that_clients_are_given(tmp_path: Path) -> None:
    first, last = map(int, RANGE.read_text().split())
    if first < 32_000:
        pytest.skip("this system gives clients other ports than usual")
    assert not any(first <= ServerProcess(tmp_path).port <= last for _ in range(20))


def test_a_server_that_does_not_start_says_what_this_start_logged(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text("an earlier start\n")
    with pytest.raises(RuntimeError) as error:
        ServerProcess(tmp_path, "--auth", "strict").start()
    assert "strict needs root_access_key" in str(error.value)
    assert "an earlier start" not in str(error.value)
