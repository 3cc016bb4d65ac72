"""The store in a data directory: one SQLite file, owned by one process."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from stategate.runtime.store.executions import ExecutionTables
from stategate.runtime.store.records import RecordTable
from stategate.runtime.store.retention import RetentionTables
from stategate.runtime.store.schema import SchemaTooNew, migrate
from stategate.runtime.store.writer import Batch, Statement, StoreFailed, Writer
from stategate.services.ports import Records, World

T = TypeVar("T")

FILE = "stategate.db"
LOCK = "lock"

_Key = tuple[str, str, str, str]  # account, region, kind, key


class CannotOpen(Exception):
    """The data directory can't be used; the message says why."""


class Unreadable(Exception):
    """A record on disk that can't be decoded; the message names it."""


class SqliteStore:
    """Implements `services.ports.Store`, and has the executions' tables for the engine.

    Open it in the event loop that uses it. Reads come from memory (records) or a connection of their own (executions);
    writes go through `writer`. Raises `CannotOpen`.
    """

    def __init__(self, data_dir: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = _lock(data_dir)
        try:
            connection = _open(data_dir / FILE)
            migrate(connection)
            self._reader = _open(data_dir / FILE, writing=False)
        except CannotOpen:
            os.close(self._lock)
            raise
        except (SchemaTooNew, apsw.Error, OSError) as error:
            os.close(self._lock)
            raise CannotOpen(f"{data_dir / FILE} cannot be opened: {error}") from error
        self._connection = connection
        self.writer = Writer(connection, self._loop)
        self.executions = ExecutionTables(self._reader, self.writer)
        self.retention = RetentionTables(self._reader, self.writer)
        self._file, self._loading = data_dir / FILE, threading.Lock()
        self._tables: dict[tuple[World, str], RecordTable[Any]] = {}
        self._worlds: defaultdict[str, set[World]] = defaultdict(set)
        for kind, *world in self._reader.execute("SELECT DISTINCT kind, account, region FROM record"):
            self._worlds[kind].add(World(*world))
        self._pending: dict[_Key, bytes | None] = {}
        self._flight: asyncio.Future[None] | None = None
        self._scheduled = False
        self._count = self._durable_count = 0

    def records(self, world: World, kind: str, type_: type[T]) -> Records[T]:
        """Raises `Unreadable` the first time, if one of them is."""
        table = self._tables.get((world, kind))
        if table is None:
            with self._loading:
                table = self._tables.get((world, kind))
                if table is None:
                    table = self._tables[world, kind] = self._load(world, kind, type_)
        return table

    def worlds(self, kind: str) -> Sequence[World]:
        found = [w for w in self._worlds[kind] if (table := self._tables.get((w, kind))) is None or len(table) > 0]
        return sorted(found, key=lambda world: (world.account, world.region))

    @property
    def written(self) -> int:
        return self._count

    async def durable(self) -> None:
        """Raises `StoreFailed` when they could not be written; they are tried again with the next."""
        target = self._count
        while self._durable_count < target:
            await asyncio.shield(self._flush())

    async def close(self) -> None:
        """Writes everything that is left and lets the data directory go."""
        try:
            await self.durable()
        finally:
            await self.writer.close()
            self._reader.close()
            self._connection.close()
            os.close(self._lock)

    def _load(self, world: World, kind: str, type_: type[T]) -> RecordTable[T]:
        decoder = msgspec.msgpack.Decoder(type_)
        with closing(_open(self._file, writing=False)) as reader:  # steps beside the event loop look for activities
            rows: list[Any] = reader.execute(
                "SELECT key, value FROM record WHERE kind = ? AND account = ? AND region = ?",
                (kind, world.account, world.region),
            ).fetchall()
        encode = msgspec.msgpack.Encoder().encode

        def written(key: str, value: T | None) -> None:
            if value is not None:
                self._worlds[kind].add(world)
            self._write((world.account, world.region, kind, key), None if value is None else encode(value))

        records = {}
        for key, value in rows:
            try:
                records[key] = decoder.decode(value)
            except msgspec.DecodeError as error:
                raise Unreadable(f"{self._file}: {kind} {key!r} in {world} cannot be read: {error}") from error
        return RecordTable(records, written)

    def _write(self, key: _Key, value: bytes | None) -> None:
        self._pending[key] = value
        self._count += 1
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush_scheduled)

    def _flush_scheduled(self) -> None:
        self._scheduled = False
        if self._pending:
            self._flush()

    def _flush(self) -> asyncio.Future[None]:
        """One flush at a time, so that what a failed one held can go back without hiding something newer."""
        if self._flight is not None:
            return self._flight
        pending, self._pending, count = self._pending, {}, self._count
        flight: asyncio.Future[None] = self._loop.create_future()

        def done(error: Exception | None) -> None:
            # All of this at once: whoever finds a flight that has ended, but is still noted, would wait in circles.
            self._flight = None
            if error is None:
                self._durable_count = count
                flight.set_result(None)
            else:
                self._pending = {**pending, **self._pending}
                flight.set_exception(error)
                flight.exception()  # whoever waits may be gone
            if error is None and self._pending:
                self._flush()

        self._flight = flight
        self.writer.submit(Batch([_record(key, value) for key, value in pending.items()], done))
        return flight


def _record(key: _Key, value: bytes | None) -> Statement:
    if value is None:
        return "DELETE FROM record WHERE account = ? AND region = ? AND kind = ? AND key = ?", key
    return "INSERT OR REPLACE INTO record (account, region, kind, key, value) VALUES (?, ?, ?, ?, ?)", (*key, value)


def _lock(data_dir: Path) -> int:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotOpen(f"the data directory {data_dir} cannot be used: {error.filename}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise CannotOpen(
            f"the data directory {data_dir} is in use by another process ({owner or 'unknown'})"
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def refuse_read_only(connection: apsw.Connection, file: Path) -> None:
    """SQLite opens a file that can't be written as well, and complains at the first write. Raises `CannotOpen`."""
    if connection.readonly("main"):
        raise CannotOpen(f"{file} cannot be used: it is read-only")


def _open(file: Path, *, writing: bool = True) -> apsw.Connection:
    connection = apsw.Connection(str(file))
    connection.set_busy_timeout(5000)
    if writing:
        refuse_read_only(connection, file)
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchall()[0][0]
        if mode != "wal":
            raise CannotOpen(f"{file} cannot be used: its file system has no shared memory for SQLite's WAL ({mode})")
        connection.execute("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000").fetchall()
    else:
        connection.execute("PRAGMA query_only = ON").fetchall()
    connection.execute("PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY").fetchall()
    return connection


__all__ = ["CannotOpen", "SqliteStore", "StoreFailed"]
