"""The one writer: commits whatever is queued in one transaction with one fsync.

A batch is all or nothing. It may have a guard: a statement that must change exactly one row, run first. If it changes
none, the batch is dropped alone (somebody else was there first) and the others of the group are not disturbed.

The statements of a small group run in the event loop, its COMMIT, which waits for the disk, in a thread. Each statement
gives the interpreter away and must wait to get it back; in the thread it would wait for a busy event loop, far longer
than it takes itself. A large group runs in the thread altogether, so that the loop is not held up.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

Statement = tuple[str, Sequence[Any]]

GROUP = 200
"""How many batches share a transaction at most, so that none waits long for the others."""

LARGE = 8 * 1024 * 1024
"""A group with so many bytes takes no further batch."""

SMALL = 256
"""So many statements may run in the event loop (about 2 ms)."""

SMALL_BYTES = 512 * 1024
"""With no more than so many bytes (about 2 ms)."""

LOCKED = 5000
"""Milliseconds that the thread waits while another process has the file locked. The event loop never waits."""


class StoreFailed(Exception):
    """The disk is full, the file is broken...: what was to be written is not on disk."""


class Conflict(Exception):
    """The guard changed no row: nothing of the batch was written."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Writes that belong together. `done` is called in the event loop with None (on disk), `Conflict` or
    `StoreFailed`. `size`: about how many bytes they hold, where they may be many."""

    writes: Sequence[Statement]
    done: Callable[[Exception | None], None]
    guard: Statement | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    """A group for the thread; `results` are there if its statements have run and only COMMIT is missing."""

    group: list[Batch]
    results: list[Exception | None] | None


class Writer:
    """Owns the writing connection. `submit` must be called in the event loop that was running when it was started."""

    def __init__(self, connection: apsw.Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._queued: list[Batch] = []
        self._scheduled = False
        self._under_way = False
        self._drained: asyncio.Future[None] | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="stategate-writer", daemon=True)
        self._thread.start()
        self.commits = 0

    def submit(self, batch: Batch) -> None:
        self._queued.append(batch)
        if not self._under_way and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._begin)

    async def close(self) -> None:
        """Writes what is queued, then ends."""
        if self._under_way or self._queued:
            self._drained = self._loop.create_future()
            await self._drained
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    # --- in the event loop

    def _begin(self) -> None:
        self._scheduled = False
        if self._under_way or not self._queued:
            return
        count, statements, size = 0, 0, 0
        while count < min(len(self._queued), GROUP) and size < LARGE:
            statements, size = statements + len(self._queued[count].writes) + 1, size + self._queued[count].size
            count += 1
        group, self._queued = self._queued[:count], self._queued[count:]
        self._under_way = True
        results: list[Exception | None] | None = None
        if statements <= SMALL and size <= SMALL_BYTES:
            self._connection.set_busy_timeout(0)
            try:
                results = self._execute(group)
            except Exception:  # noqa: BLE001  the thread tries again, and finds out whose fault it is
                results = None
        self._jobs.put(_Job(group, results))

    def _ended(self, group: list[Batch], results: list[Exception | None]) -> None:
        self._under_way = False
        self._begin()  # so that the disk works while those who waited go on
        for batch, result in zip(group, results, strict=True):
            try:
                batch.done(result)
            except Exception as error:  # noqa: BLE001  one's failure is not the others'
                self._loop.call_exception_handler({"message": "after a commit", "exception": error})
        if self._drained is not None and not self._under_way and not self._queued:
            self._drained.set_result(None)
            self._drained = None

    # --- in the thread

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            results = self._finish(job)
            try:
                self._loop.call_soon_threadsafe(self._ended, job.group, results)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return

    def _finish(self, job: _Job) -> list[Exception | None]:
        if job.results is not None:
            try:
                self._end_transaction()
            except Exception:  # noqa: BLE001  tried again below, batch by batch if need be
                pass
            else:
                return job.results
        return self._commit(job.group)

    def _commit(self, group: list[Batch]) -> list[Exception | None]:
        self._connection.set_busy_timeout(LOCKED)
        try:
            return self._transaction(group)
        except Exception as error:  # noqa: BLE001  whatever it was, it is not on disk
            if isinstance(error, apsw.BusyError):  # nobody would fare better
                return [StoreFailed("another process has locked the database") for _ in group]
            if len(group) == 1:
                return [StoreFailed(f"{type(error).__name__}: {error}")]
            return [self._commit([batch])[0] for batch in group]

    def _transaction(self, group: list[Batch]) -> list[Exception | None]:
        results = self._execute(group)
        self._end_transaction()
        return results

    # --- in either

    def _execute(self, group: list[Batch]) -> list[Exception | None]:
        """Opens a transaction and runs the statements."""
        connection, results = self._connection, list[Exception | None]()
        execute = connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            for batch in group:
                if batch.guard is not None:
                    execute(*batch.guard)
                    if connection.changes() != 1:
                        results.append(Conflict())
                        continue
                for sql, parameters in batch.writes:
                    execute(sql, parameters)
                results.append(None)
        except BaseException:
            self._roll_back()
            raise
        return results

    def _end_transaction(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self.commits += 1

    def _roll_back(self) -> None:
        if not self._connection.get_autocommit():
            self._connection.execute("ROLLBACK")
