"""What a data directory must be like: everything else is refused with what is wrong, and where."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stategate.server.app import StartupError, build
from stategate.server.settings import Settings


def open_and_close(data_dir: Path) -> None:
    async def main() -> None:
        await build(Settings(data_dir=data_dir)).parts.close()

    asyncio.run(main())


def _empty_secret(data_dir: Path) -> None:
    (data_dir / "secret").write_bytes(b"")


def _secret_that_is_a_directory(data_dir: Path) -> None:
    (data_dir / "secret").unlink()
    (data_dir / "secret").mkdir()


def _broken_logs(data_dir: Path) -> None:
    (data_dir / "logs.db").write_bytes(b"this is not a database" * 1000)


def _functions_that_are_a_file(data_dir: Path) -> None:
    if (data_dir / "functions").is_dir():
        (data_dir / "functions").rmdir()
    (data_dir / "functions").write_text("")


def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("")
    with pytest.raises(StartupError, match="data cannot be used: it is no directory"):
        open_and_close(file)


def test_a_new_data_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    made, given = tmp_path / "made", tmp_path / "given"
    given.mkdir(mode=0o755)
    for data_dir in (made, given):
        open_and_close(data_dir)
    assert made.stat().st_mode & 0o077 == 0
    assert given.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_empty_secret, "secret cannot be used: it has 0 bytes instead of 32"),
        (_secret_that_is_a_directory, "secret cannot be used: Is a directory"),
        (_broken_logs, "logs.db cannot be opened: file is not a database"),
        (_functions_that_are_a_file, "functions cannot be used: it is no directory"),
    ],
)
def test_what_is_spoilt_is_named(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    open_and_close(tmp_path)
    spoil(tmp_path)
    with pytest.raises(StartupError, match=message):
        open_and_close(tmp_path)


@pytest.mark.parametrize("name", ["stategate.db", "logs.db"])
def test_a_file_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path, name: str) -> None:
    open_and_close(tmp_path)
    (tmp_path / name).chmod(0o444)
    if os.access(tmp_path / name, os.W_OK):
        pytest.skip("this user may write everything")
    with pytest.raises(StartupError, match=f"{name} cannot be used: it is read-only"):
        open_and_close(tmp_path)
