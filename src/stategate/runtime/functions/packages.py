"""Code packages: zip files, checked, unpacked and kept by their SHA-256.

`<directory>/<SHA-256 in hex>/package.zip` is the file as it came, `code/` what it holds. A package appears whole or not
at all, never changes, and goes at once: what is being made or deleted has a name that begins with a dot.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import lzma
import os
import re
import secrets
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

MAX_ZIPPED = 52_428_800
MAX_UNZIPPED = 262_144_000
MAX_ENTRIES = 100_000
BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
EMPTY_ZIP = "Uploaded file must be a non-empty zip"
_CHUNK = 1 << 20
_NAME = re.compile("[0-9a-f]{64}")
_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    EOFError,
    ValueError,
)
_MACHINES_FAULT = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EIO, errno.EROFS, errno.EACCES,
     errno.ENOMEM)
)  # fmt: skip
"""Of the other errors of the file system the package is the reason: a name that is too long, a file that is a directory
as well."""


class PackageError(ValueError):
    """AWS's message about a package that is refused."""


class Packages:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @staticmethod
    def name(package: bytes) -> str:
        """The base64 SHA-256. Raises `PackageError` for what is too large."""
        if len(package) >= MAX_ZIPPED:
            raise PackageError(f"Zipped size must be smaller than {MAX_ZIPPED} bytes")
        return base64.b64encode(hashlib.sha256(package).digest()).decode()

    def put(self, package: bytes, code_sha256: str) -> None:
        """Returns once the package is on disk. Raises `PackageError`; OSError when the disk is full, or broken."""
        place = self._place(code_sha256)
        if not place.exists():
            self._add(package, place)

    def get(self, code_sha256: str) -> bytes | None:
        """The zip file as it came."""
        try:
            return (self._place(code_sha256) / "package.zip").read_bytes()
        except FileNotFoundError:
            return None

    def names(self) -> set[str]:
        """All that there are."""
        if not self._directory.exists():
            return set()
        names = (path.name for path in self._directory.iterdir() if _NAME.fullmatch(path.name))
        return {base64.b64encode(bytes.fromhex(name)).decode() for name in names}

    def set_aside(self, code_sha256: str) -> Path:
        """From now on the package is not there; what is returned is for `remove`."""
        place = self._place(code_sha256)
        aside = place.with_name(f".old-{place.name}-{secrets.token_hex(4)}")
        place.rename(aside)
        return aside

    def remove(self, aside: Path) -> None:
        shutil.rmtree(aside, ignore_errors=True)

    def leftovers(self) -> list[Path]:
        """What a server that was killed had begun to make or to remove; for `remove`."""
        return [path for kind in (".new-*", ".old-*") for path in self._directory.glob(kind)]

    def code(self, code_sha256: str) -> Path:
        """The directory with the unpacked code."""
        return self._place(code_sha256) / "code"

    def _place(self, code_sha256: str) -> Path:
        return self._directory / base64.b64decode(code_sha256).hex()

    def _add(self, package: bytes, place: Path) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=self._directory))
        try:
            temporary.chmod(0o755)
            _unpack(package, temporary / "code")
            _write(temporary / "package.zip", io.BytesIO(package), 0o444)
            _sync_directories(temporary)
            try:
                temporary.rename(place)
            except OSError:
                if not place.exists():
                    raise
            _sync(self._directory)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _unpack(package: bytes, target: Path) -> None:
    """Raises `PackageError`, and OSError for what is not the package's fault."""
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            entries = archive.infolist()
            if not entries:
                raise PackageError(EMPTY_ZIP)
            if len(entries) > MAX_ENTRIES or any(entry.flag_bits & 1 for entry in entries):
                raise PackageError(BAD_ZIP)
            if sum(entry.file_size for entry in entries) >= MAX_UNZIPPED:
                raise PackageError(f"Unzipped size must be smaller than {MAX_UNZIPPED} bytes")
            target.mkdir()
            for entry in entries:
                _extract(archive, entry, target)
            _check_links(target)
    except PackageError:
        raise
    except _BROKEN as error:
        raise PackageError(BAD_ZIP) from error
    except OSError as error:
        if error.errno in _MACHINES_FAULT:
            raise
        raise PackageError(BAD_ZIP) from error


def _inside(name: str) -> PurePosixPath:
    """The entry's path below the target. Raises `PackageError` for one that would leave it."""
    path = PurePosixPath(name)
    if not name or "\\" in name or "\0" in name or path.is_absolute() or ".." in path.parts:
        raise PackageError(BAD_ZIP)
    return path


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    path = target / _inside(entry.filename)
    mode = entry.external_attr >> 16
    if path != target and _passes_link(target, path.parent):
        raise PackageError(BAD_ZIP)
    if entry.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.exists():
        path.unlink()
    if stat.S_ISLNK(mode):
        path.symlink_to(archive.read(entry).decode())
        return
    with archive.open(entry) as source:
        _write(path, source, 0o555 if mode & 0o111 else 0o444)


def _passes_link(target: Path, directory: Path) -> bool:
    while directory != target:
        if directory.is_symlink():
            return True
        directory = directory.parent
    return False


def _check_links(target: Path) -> None:
    """Links may point within the package only."""
    root = target.resolve()
    for directory, names, files in os.walk(target):
        for name in (*names, *files):
            path = Path(directory, name)
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                raise PackageError(BAD_ZIP)


def _write(path: Path, source: IO[bytes], mode: int) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def _sync_directories(top: Path) -> None:
    for directory, _, _ in os.walk(top):
        _sync(Path(directory))


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
