"""Zip files: what is refused, and that the rest is kept whole."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from stategate.runtime.functions.packages import BAD_ZIP, EMPTY_ZIP, MAX_UNZIPPED, MAX_ZIPPED, PackageError, Packages


def zipped(*entries: tuple[str, str, int]) -> bytes:
    """Entries of name, content and file mode."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return file.getvalue()


def put(packages: Packages, data: bytes) -> str:
    name = packages.name(data)
    packages.put(data, name)
    return name


FILE, PROGRAM, LINK = stat.S_IFREG | 0o644, stat.S_IFREG | 0o755, stat.S_IFLNK | 0o777


def test_a_package_is_kept_and_unpacked(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "functions")
    data = zipped(("handler.py", "x = 1", FILE), ("bin/run", "#!/bin/sh", PROGRAM), ("bin/alias", "run", LINK))
    sha256 = put(packages, data)
    assert sha256 == base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert put(packages, data) == sha256
    assert packages.get(sha256) == data
    code = packages.code(sha256)
    assert (code / "handler.py").read_text() == "x = 1"
    assert os.access(code / "bin" / "run", os.X_OK)
    assert not (code / "handler.py").stat().st_mode & 0o111
    assert (code / "bin" / "alias").readlink() == Path("run")
    assert [entry.name for entry in (tmp_path / "functions").iterdir()] == [hashlib.sha256(data).hexdigest()]


def test_links_in_a_circle_stay_within_the_package(tmp_path: Path) -> None:
    packages = Packages(tmp_path)
    code = packages.code(put(packages, zipped(("a", "b", LINK), ("b", "a", LINK), ("c", "c", LINK))))
    assert sorted(path.name for path in code.iterdir()) == ["a", "b", "c"]
    with pytest.raises(PackageError, match=BAD_ZIP):
        put(packages, zipped(("a", "a", LINK), ("out", "a/../../../x", LINK)))


def test_a_package_that_is_not_there(tmp_path: Path) -> None:
    assert Packages(tmp_path).get(base64.b64encode(b"x" * 32).decode()) is None


@pytest.mark.parametrize(
    "data",
    [
        b"no zip",
        zipped(("handler.py", "x = 1" * 100, FILE))[:-30],
        zipped(("../outside.py", "x", FILE)),
        zipped(("a/../../outside.py", "x", FILE)),
        zipped(("/outside.py", "x", FILE)),
        zipped(("a\\..\\outside.py", "x", FILE)),
        zipped(("link", "../..", LINK)),
        zipped(("link", "/etc/passwd", LINK)),
        zipped(("link", ".", LINK), ("link/file.py", "x", FILE)),
        zipped(("a", "x", FILE), ("a/b", "x", FILE)),
    ],
)
def test_what_is_no_good_is_refused_and_leaves_nothing(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(PackageError) as refused:
        put(Packages(tmp_path / "functions"), data)
    assert str(refused.value) == BAD_ZIP
    assert [entry.name for entry in tmp_path.iterdir()] == ["functions"]
    assert list((tmp_path / "functions").iterdir()) == []


def test_an_empty_package(tmp_path: Path) -> None:
    with pytest.raises(PackageError) as refused:
        put(Packages(tmp_path), zipped())
    assert str(refused.value) == EMPTY_ZIP


def test_the_sizes(tmp_path: Path) -> None:
    with pytest.raises(PackageError) as refused:
        put(Packages(tmp_path), bytes(MAX_ZIPPED))
    assert str(refused.value) == "Zipped size must be smaller than 52428800 bytes"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("zeros", bytes(MAX_UNZIPPED))
    with pytest.raises(PackageError) as refused:
        put(Packages(tmp_path), file.getvalue())
    assert str(refused.value) == "Unzipped size must be smaller than 262144000 bytes"


def test_names_and_removal(tmp_path: Path) -> None:
    packages = Packages(tmp_path)
    names = [put(packages, zipped(("handler.py", source, FILE))) for source in ("x = 1", "x = 2")]
    assert packages.names() == set(names)
    (tmp_path / "README").write_text("not ours")
    aside = packages.set_aside(names[0])
    assert packages.names() == {names[1]}
    assert packages.leftovers() == [aside]
    # It may come again before the old one is gone.
    assert put(packages, zipped(("handler.py", "x = 1", FILE))) == names[0]
    packages.remove(aside)
    assert packages.leftovers() == []
    assert packages.names() == set(names)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_package_whose_data_is_broken(tmp_path: Path, method: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("main.py", bytes(range(250)) * 20)
    data = bytearray(file.getvalue())
    data[45:75] = bytes(byte ^ 0xFF for byte in data[45:75])
    with pytest.raises(PackageError, match=BAD_ZIP):
        put(Packages(tmp_path), bytes(data))


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, OSError), (errno.EMFILE, OSError), (errno.ENAMETOOLONG, PackageError)],
)
def test_a_full_disk_is_not_the_packages_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    def fail(fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error) as raised:
        put(Packages(tmp_path), zipped(("main.py", "", FILE)))
    assert raised.type is error
    assert list(tmp_path.iterdir()) == []
