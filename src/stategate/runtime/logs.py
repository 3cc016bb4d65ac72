"""The events of log streams, in a file of their own (`logs.db`): one writer thread, batches, short syncs.

Appending returns at once; the writer commits what has come about every `LINGER` seconds, and a reader first waits for
what was appended before. A crash of the machine may lose the last moments, which is what logs may lose. What can't be
written (a full disk, a locked file) is tried again. When too much is queued events are dropped, and the stream says how
many.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import structlog

from stategate.runtime.store.schema import SchemaTooNew, migrate
from stategate.runtime.store.sqlite import CannotOpen, refuse_read_only
from stategate.services.ports import Clock, LogEvent, StoredLogEvent, World

LINGER = 0.02
RETRY = 1.0
"""Seconds until what could not be written is tried again."""
LOCKED = 250
"""Milliseconds that the writer waits for a file that another process has locked; who reads then waits as long."""
PATIENCE = 10_000
"""The same at the start and at the end, when nothing comes after that could be tried again."""
STREAMS = 10_000
"""The numbers of so many streams are kept in memory."""
MAX_QUEUED = 64 << 20
EVENT_OVERHEAD = 26
"""Bytes that AWS counts for an event beside its message."""

_log = structlog.get_logger(__name__)

_MIGRATIONS = (
    """
    CREATE TABLE IF NOT EXISTS stream (
        id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, log_group TEXT NOT NULL,
        name TEXT NOT NULL, UNIQUE (account, region, log_group, name)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS event (
        id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, timestamp INTEGER NOT NULL, ingested INTEGER NOT NULL,
        message TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS event_by_time ON event (stream, timestamp, id);
    """,
)
"""The first files had no number: their tables may be there."""


@dataclass(frozen=True, slots=True)
class _Batch:
    world: World
    group: str
    stream: str
    events: Sequence[LogEvent]
    size: int
    ingested: int


_PASSES = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.FullError,
    apsw.IOError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.ReadOnlyError,
)
"""Not the fault of what is written."""

_Write = _Batch | Callable[[apsw.Connection], None]
_Work = _Write | threading.Event


class LogStore:
    """Implements `services.ports.LogEvents`. May be used from any thread; reading is quick but does disk I/O.
    Raises `CannotOpen`."""

    def __init__(self, path: Path, clock: Clock, *, max_queued: int = MAX_QUEUED) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._max_queued = max_queued
        self._path = path
        self._lock = threading.Condition()
        self._queue: list[_Work] = []
        self._queued = 0
        self._busy = False
        self._dropped: dict[tuple[World, str, str], int] = {}
        self._closing = self._failing = False
        self._streams: dict[tuple[World, str, str], int] = {}
        try:
            self._writing = _connect(path)
            migrate(self._writing, _MIGRATIONS)
            self._reading = _connect(path)
            for connection in (self._writing, self._reading):
                connection.set_busy_timeout(LOCKED)
        except (SchemaTooNew, apsw.Error) as error:
            raise CannotOpen(f"{path} cannot be opened: {error}") from error
        self._reading_lock = threading.Lock()
        self._thread = threading.Thread(target=self._write_forever, name="log writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Writes what is queued and ends."""
        with self._lock:
            self._closing = True
            self._lock.notify()
        self._thread.join()
        self._writing.close()
        self._reading.close()

    # --- the port

    def append(self, world: World, group: str, stream: str, events: Sequence[LogEvent]) -> None:
        size = sum(len(event.message) + EVENT_OVERHEAD for event in events)
        now = int(self._clock.now() * 1000)
        with self._lock:
            key = (world, group, stream)
            if self._queued + size > self._max_queued:
                self._dropped[key] = self._dropped.get(key, 0) + len(events)
                return
            if self._dropped and (dropped := self._dropped.pop(key, 0)):
                events = [LogEvent(now, f"Stategate dropped {dropped} log events: too many at a time."), *events]
            self._queued += size
            self._put(_Batch(world, group, stream, events, size, now))

    def read(
        self,
        world: World,
        group: str,
        *,
        streams: Sequence[str] | None = None,
        start: int | None = None,
        end: int | None = None,
        after: tuple[int, str] | None = None,
        limit: int = 10000,
        reverse: bool = False,
    ) -> Sequence[StoredLogEvent]:
        self._settle()
        compare, order = ("<", "DESC") if reverse else (">", "ASC")
        where = ["s.account = ? AND s.region = ? AND s.log_group = ?"]
        values: list[Any] = [world.account, world.region, group]
        if streams is not None:
            where.append(f"s.name IN ({','.join('?' * len(streams))})")
            values += streams
        if start is not None:
            where.append("e.timestamp >= ?")
            values.append(start)
        if end is not None:
            where.append("e.timestamp < ?")
            values.append(end)
        if after is not None:
            where.append(f"(e.timestamp, e.id) {compare} (?, ?)")
            values += [after[0], _number(after[1])]
        sql = (
            "SELECT e.id, s.name, e.timestamp, e.message, e.ingested FROM stream s JOIN event e ON e.stream = s.id"
            f" WHERE {' AND '.join(where)} ORDER BY e.timestamp {order}, e.id {order} LIMIT ?"
        )
        with self._reading_lock:
            rows = list(self._reading.execute(sql, (*values, limit)))
        return [StoredLogEvent(_id(row[2], row[0]), row[1], row[2], row[3], row[4]) for row in rows]

    def delete(self, world: World, group: str, stream: str | None = None) -> None:
        which = "account = ? AND region = ? AND log_group = ?" + ("" if stream is None else " AND name = ?")
        values = (world.account, world.region, group, *(() if stream is None else (stream,)))

        def work(connection: apsw.Connection) -> None:
            connection.execute(f"DELETE FROM event WHERE stream IN (SELECT id FROM stream WHERE {which})", values)
            connection.execute(f"DELETE FROM stream WHERE {which}", values)
            self._streams.clear()

        with self._lock:
            self._put(work)

    def stored_bytes(self, world: World, group: str) -> int:
        self._settle()
        sql = (
            "SELECT coalesce(sum(length(CAST(e.message AS BLOB)) + ?), 0) FROM stream s JOIN event e"
            " ON e.stream = s.id WHERE s.account = ? AND s.region = ? AND s.log_group = ?"
        )
        with self._reading_lock:
            return int(next(self._reading.execute(sql, (EVENT_OVERHEAD, world.account, world.region, group)))[0])

    def expire(self, world: World, group: str, before: int) -> None:
        """Deletes events older than `before` (epoch ms)."""

        def work(connection: apsw.Connection) -> None:
            connection.execute(
                "DELETE FROM event WHERE timestamp < ? AND stream IN"
                " (SELECT id FROM stream WHERE account = ? AND region = ? AND log_group = ?)",
                (before, world.account, world.region, group),
            )

        with self._lock:
            self._put(work)

    # --- the writer

    def _put(self, work: _Work) -> None:
        self._queue.append(work)
        if len(self._queue) == 1:
            self._lock.notify()

    def _settle(self) -> None:
        """Waits until what was appended so far can be read."""
        done = threading.Event()
        with self._lock:
            if not self._queue and not self._busy:
                return
            self._put(done)
            self._lock.notify()
        done.wait()

    def _write_forever(self) -> None:
        while True:
            with self._lock:
                while not self._queue and not self._closing:
                    self._lock.wait()
                if not self._urgent():
                    self._lock.wait(LINGER)
                queue, self._queue = self._queue, []
                self._busy = bool(queue)
                last = self._closing
                if not queue and last:
                    return
            if last:
                self._writing.set_busy_timeout(PATIENCE)
            left = self._try(queue)
            for work in queue:
                if isinstance(work, threading.Event):
                    work.set()
            with self._lock:
                self._busy = False
                self._queued -= _size(queue) - _size(left)
                if left and last:
                    _log.error("log events lost", batches=len(left))
                    return
                self._queue[:0] = left
                if left and not self._urgent():
                    self._lock.wait(RETRY)

    def _urgent(self) -> bool:
        return self._closing or any(isinstance(work, threading.Event) for work in self._queue)

    def _try(self, queue: Sequence[_Work]) -> list[_Write]:
        """Writes it; returns what is to be tried again, in order. What can't be written at all is left out."""
        try:
            self._write(queue)
        except _PASSES as error:
            if not self._failing:
                _log.error("log events not written, trying again", error=f"{type(error).__name__}: {error}")
            self._failing = True
            self._streams.clear()
            return _writes(queue)
        except Exception:  # noqa: BLE001  the thread must go on
            self._streams.clear()
            if len(queue) == 1:
                _log.exception("log events lost", batches=1)
                return []
            for place, work in enumerate(queue):
                if self._try([work]):
                    return _writes(queue[place:])
            return []
        self._failing = False
        return []

    def _write(self, queue: Sequence[_Work]) -> None:
        connection = self._writing
        connection.execute("BEGIN")
        try:
            for work in _writes(queue):
                if isinstance(work, _Batch):
                    stream = self._stream(work)
                    connection.executemany(
                        "INSERT INTO event (stream, timestamp, ingested, message) VALUES (?, ?, ?, ?)",
                        [(stream, event.timestamp, work.ingested, event.message) for event in work.events],
                    )
                else:
                    work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if not connection.get_autocommit():  # when the disk is full SQLite has rolled back already
                connection.execute("ROLLBACK")
            raise

    def _stream(self, batch: _Batch) -> int:
        key = (batch.world, batch.group, batch.stream)
        number = self._streams.get(key)
        if number is None:
            values = (batch.world.account, batch.world.region, batch.group, batch.stream)
            self._writing.execute(
                "INSERT OR IGNORE INTO stream (account, region, log_group, name) VALUES (?, ?, ?, ?)", values
            )
            number = int(
                next(
                    self._writing.execute(
                        "SELECT id FROM stream WHERE account = ? AND region = ? AND log_group = ? AND name = ?", values
                    )
                )[0]
            )
            if len(self._streams) >= STREAMS:
                self._streams.clear()
            self._streams[key] = number
        return number


def _size(queue: Sequence[_Work]) -> int:
    return sum(work.size for work in queue if isinstance(work, _Batch))


def _writes(queue: Sequence[_Work]) -> list[_Write]:
    return [work for work in queue if not isinstance(work, threading.Event)]


def _connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    refuse_read_only(connection, path)
    connection.set_busy_timeout(PATIENCE)
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    return connection


def _id(timestamp: int, number: int) -> str:
    """As long as AWS's event ids; as text, in the order of (timestamp, arrival)."""
    return f"{timestamp:020d}{number:036d}"


def _number(text: str) -> int:
    """The arrival; 0 (before all) for what is no id."""
    return min(int(text[20:] or 0), 2**63 - 1) if text.isdecimal() and text.isascii() else 0
