"""The one writer: a thread that commits whatever is queued in one transaction with one fsync.

A batch is all or nothing. It may have a guard: a statement that must change exactly one row, run first. If it changes
none, the batch is dropped alone (somebody else was there first) and the others of the group are not disturbed.
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

GROUP = 1000
"""How many batches share a transaction at most, so that none waits long for the others."""


class StoreFailed(Exception):
    """The disk is full, the file is broken...: what was to be written is not on disk."""


class Conflict(Exception):
    """The guard changed no row: nothing of the batch was written."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Writes that belong together. `done` is called in the event loop with None (on disk), `Conflict` or
    `StoreFailed`."""

    writes: Sequence[Statement]
    done: Callable[[Exception | None], None]
    guard: Statement | None = None


class Writer:
    """Owns the writing connection. `submit` must be called in the event loop that was running when it was started."""

    def __init__(self, connection: apsw.Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="stategate-writer", daemon=True)
        self._thread.start()
        self.commits = 0

    def submit(self, batch: Batch) -> None:
        self._queue.put(batch)

    def write(self, writes: Sequence[Statement], guard: Statement | None = None) -> asyncio.Future[None]:
        """The same with a future, which fails with `Conflict` or `StoreFailed`."""
        future: asyncio.Future[None] = self._loop.create_future()

        def done(error: Exception | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        self.submit(Batch(writes, done, guard))
        return future

    async def close(self) -> None:
        """Writes what is queued, then ends."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.sleep(0)

    def _work(self) -> None:
        ending = False
        while not ending:
            group: list[Batch] = []
            batch = self._queue.get()
            while True:
                if batch is None:
                    ending = True
                    break
                group.append(batch)
                if len(group) >= GROUP:
                    break
                try:
                    batch = self._queue.get_nowait()
                except queue.Empty:
                    break
            if group:
                self._settle(group, self._commit(group))

    def _commit(self, group: list[Batch]) -> list[Exception | None]:
        try:
            return self._transaction(group)
        except Exception as error:  # noqa: BLE001  whatever it was, it is not on disk
            if len(group) == 1:
                return [StoreFailed(f"{type(error).__name__}: {error}")]
            return [self._commit([batch])[0] for batch in group]

    def _transaction(self, group: list[Batch]) -> list[Exception | None]:
        connection, results = self._connection, list[Exception | None]()
        execute = connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            for batch in group:
                if batch.guard is not None:
                    execute(*batch.guard)
                    if connection.changes() != 1:
                        results.append(Conflict())
                        continue
                for sql, parameters in batch.writes:
                    execute(sql, parameters)
                results.append(None)
            execute("COMMIT")
        except BaseException:
            if not connection.get_autocommit():
                execute("ROLLBACK")
            raise
        self.commits += 1
        return results

    def _settle(self, group: list[Batch], results: list[Exception | None]) -> None:
        def settle() -> None:
            for batch, result in zip(group, results, strict=True):
                try:
                    batch.done(result)
                except Exception as error:  # noqa: BLE001  one's failure is not the others'
                    self._loop.call_exception_handler({"message": "after a commit", "exception": error})

        try:
            self._loop.call_soon_threadsafe(settle)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return
