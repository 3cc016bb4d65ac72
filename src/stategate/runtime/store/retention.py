"""Executions that ended long ago, and how they are deleted with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stategate.runtime.store.writer import Batch, Statement, Writer

_EXPIRED = """SELECT arn FROM execution WHERE stopped < ? AND NOT EXISTS
    (SELECT 1 FROM map_run WHERE map_run.arn = execution.map_run AND map_run.status = 'RUNNING') LIMIT ?"""
_OF_EXECUTION = ("frame", "history", "inbox", "timer", "task", "token", "watch")
_UNUSED_DEFINITIONS = """DELETE FROM definition WHERE hash NOT IN
    (SELECT definition FROM execution UNION SELECT definition FROM express)"""


class RetentionTables:
    """Reads with a connection of the event loop; writes through the writer."""

    def __init__(self, reader: Any, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    def expired(self, before: float, limit: int) -> Sequence[str]:
        """ARNs of executions that ended before then; children of a map run that still runs are not among them."""
        return [arn for (arn,) in self._reader.execute(_EXPIRED, (before, limit)).fetchall()]

    def delete(self, arns: Sequence[str], before: float, done: Callable[[Exception | None], None]) -> None:
        """Deletes those that have not been redriven meanwhile."""
        writes: list[Statement] = []
        for arn in arns:
            ended = "EXISTS (SELECT 1 FROM execution WHERE arn = ? AND stopped < ?)"
            runs = f"map_run IN (SELECT arn FROM map_run WHERE execution = ?) AND {ended}"
            writes.append((f"DELETE FROM map_child WHERE {runs}", (arn, arn, before)))
            writes.append((f"DELETE FROM map_run WHERE execution = ? AND {ended}", (arn, arn, before)))
            writes += [
                (f"DELETE FROM {table} WHERE arn = ? AND {ended}", (arn, arn, before)) for table in _OF_EXECUTION
            ]
            writes.append(("DELETE FROM execution WHERE arn = ? AND stopped < ?", (arn, before)))
        self._writer.submit(Batch(writes, done))

    def delete_definitions(self, done: Callable[[Exception | None], None]) -> None:
        """Those that no execution has any more."""
        self._writer.submit(Batch([(_UNUSED_DEFINITIONS, ())], done))
