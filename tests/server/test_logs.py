import json
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from stategate.server import logs
from stategate.server.settings import Settings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_what_libraries_log_is_a_line_of_ours(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    logs.configure(Settings(log_format="json"))
    logging.getLogger("some.library").warning("Invalid HTTP request received.")
    logging.getLogger("some.library").info("not shown")
    line = json.loads(capfdbinary.readouterr().err)
    assert (line["level"], line["event"]) == ("warning", "Invalid HTTP request received.")


def test_no_more_of_it_than_the_level_says(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    logs.configure(Settings(log_format="json", log_level="error"))
    logging.getLogger("some.library").warning("Invalid HTTP request received.")
    assert capfdbinary.readouterr().err == b""


LOGGED = """
import structlog
from stategate.server import logs
from stategate.server.settings import Settings
logs.configure(Settings(log_format="{format}"))
for number in range(3):
    structlog.get_logger().error("a line", number=number)
print("went on")
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("format", ["console", "json"])
@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-", "2>&1 >&3 | true"])
def test_a_log_that_cannot_be_written_stops_nothing(format: str, redirected: str) -> None:
    shell = f'exec 3>&1; "$0" -c "$1" {redirected}'
    command = ["sh", "-c", shell, sys.executable, LOGGED.format(format=format)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("went on\n", 0)


@pytest.mark.parametrize("format", ["console", "json"])
def test_a_line_is_written_in_one_piece(format: str) -> None:
    """Workers and threads write to the same file."""
    end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with end, other:
        program = LOGGED.format(format=format)
        subprocess.run(
            [sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL, stderr=other.fileno(), timeout=60
        )
        end.setblocking(False)
        assert all(end.recv(10_000).endswith(b"\n") for _ in range(3))
