"""Map runs on disk: what each is to do, its children in the order of their items, and how they ended.

A row of `map_child` is one child: its input is there from the reading of the items on. The status of a Standard child
changes in the commits of its execution, so that the two never disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from stategate.asl.maprun import RedriveMapRun, StartMapRun
from stategate.runtime.store.writer import Batch, Statement, Writer
from stategate.services.ports import MapRun, MapRunCounts

Done = Callable[[Exception | None], None]

PENDING, RUNNING, SUCCEEDED = "PENDING", "RUNNING", "SUCCEEDED"
PENDING_REDRIVE = "PENDING_REDRIVE"  # shown of those PENDING that have run before

_COLUMNS = """arn, execution, command, status, started, stopped, spec, concurrency, tolerated_count,
    tolerated_percentage, complete, redrives, redriven"""
_decoder = msgspec.msgpack.Decoder(StartMapRun)


@dataclass(frozen=True, slots=True)
class Child:
    """A child that is to be started. `input` is JSON text, `items` how many items it has."""

    index: int
    arn: str
    input: str
    items: int


@dataclass(frozen=True, slots=True)
class ExpressChild:
    """An Express child that has started; its row is all that is kept of it. `status` PENDING: it is to run again."""

    child: Child
    status: str
    output: str | None
    error: str | None
    cause: str | None
    started: float
    stopped: float | None


@dataclass(frozen=True, slots=True)
class StoredMapRun:
    """`complete`: all items have been read. `spec` is what the state asked for; the three limits may have been changed
    since."""

    arn: str
    execution: str
    command: int
    status: str
    started: float
    stopped: float | None
    spec: StartMapRun
    concurrency: int
    tolerated_count: int | None
    tolerated_percentage: float | None
    complete: bool
    redrives: int
    redriven: float | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended, for whoever writes the results."""

    index: int
    arn: str
    status: str
    input: str
    output: str | None
    error: str | None
    cause: str | None
    started: float | None
    stopped: float | None
    redrives: int = 0


def writes_of(
    execution: str,
    now: float,
    runs: Iterable[StartMapRun | RedriveMapRun],
    stopped: Iterable[int],
) -> list[Statement]:
    """What the commit of a step writes for the map runs that the step started, redrove or stopped."""
    writes: list[Statement] = []
    for run in runs:
        if isinstance(run, RedriveMapRun):
            writes += [
                (
                    "UPDATE map_run SET status = 'RUNNING', command = ?, stopped = NULL, redrives = redrives + 1,"
                    " redriven = ? WHERE arn = ?",
                    (run.command, now, run.map_run),
                ),
                (_RESET, (run.map_run,)),
            ]
            continue
        row = (
            run.map_run, execution, run.command, now, msgspec.msgpack.encode(run), run.concurrency,
            run.tolerated_count, run.tolerated_percentage,
        )  # fmt: skip
        writes.append(
            (
                "INSERT OR IGNORE INTO map_run (arn, execution, command, status, started, spec, concurrency,"
                " tolerated_count, tolerated_percentage) VALUES (?, ?, ?, 'RUNNING', ?, ?, ?, ?, ?)",
                row,
            )
        )
    for command in stopped:
        writes.append((f"{_ABORT} AND command = ?", (now, execution, command)))
    return writes


_RESET = "UPDATE map_child SET status = 'PENDING' WHERE map_run = ? AND status IN ('FAILED', 'TIMED_OUT', 'ABORTED')"
_ABORT = "UPDATE map_run SET status = 'ABORTED', stopped = ? WHERE execution = ? AND status = 'RUNNING'"


def abort_all(execution: str, now: float) -> Statement:
    """The execution has ended: so have its map runs."""
    return _ABORT, (now, execution)


def child_status(map_run: str, index: int, status: str) -> Statement:
    return "UPDATE map_child SET status = ? WHERE map_run = ? AND idx = ?", (status, map_run, index)


class MapRunTables:
    """Reads in the event loop; writes through the writer."""

    def __init__(self, reader: Any, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    # --- writes

    def add(self, map_run: str, children: Sequence[Child], done: Done, *, complete: bool, first: bool) -> None:
        """Appends children. `first` throws away what an earlier reading left; `complete`: there are no more."""
        writes: list[Statement] = []
        if first:
            writes.append(("DELETE FROM map_child WHERE map_run = ?", (map_run,)))
        writes += [
            (
                "INSERT INTO map_child (map_run, idx, arn, input, items, status) VALUES (?, ?, ?, ?, ?, 'PENDING')",
                (map_run, child.index, child.arn, child.input, child.items),
            )
            for child in children
        ]
        if complete:
            writes.append(("UPDATE map_run SET complete = 1 WHERE arn = ?", (map_run,)))
        self._writer.submit(Batch(writes, done))

    def mark(self, map_run: str, indexes: Sequence[int], now: float, done: Done) -> None:
        """These Express children are about to run. Without any: none does (the process has died since)."""
        again = "UPDATE map_child SET status = 'PENDING', started = NULL WHERE map_run = ? AND status = 'RUNNING'"
        running = """UPDATE map_child SET status = 'RUNNING', started = ?, stopped = NULL, error = NULL, cause = NULL
            WHERE map_run = ? AND idx = ?"""
        writes: list[Statement] = [(running, (now, map_run, index)) for index in indexes]
        self._writer.submit(Batch(writes or [(again, (map_run,))], done))

    def reset(self, map_run: str, done: Done) -> None:
        """What has not succeeded shall run again."""
        self._writer.submit(Batch([(_RESET, (map_run,))], done))

    def abort_express(self, map_run: str, now: float, done: Done) -> None:
        """The map run has ended: so have its Express children."""
        sql = "UPDATE map_child SET status = 'ABORTED', stopped = ? WHERE map_run = ? AND status = 'RUNNING'"
        self._writer.submit(Batch([(sql, (now, map_run))], done))

    def end_child(self, map_run: str, ended: Ended, done: Done) -> None:
        """Of an Express child, which is not kept itself."""
        sql = """UPDATE map_child SET status = ?, output = ?, error = ?, cause = ?, started = ?, stopped = ?
            WHERE map_run = ? AND idx = ?"""
        row = (
            ended.status, ended.output, ended.error, ended.cause, ended.started, ended.stopped, map_run, ended.index,
        )  # fmt: skip
        self._writer.submit(Batch([(sql, row)], done))

    def end(self, map_run: str, command: int, status: str, now: float, post: Statement, done: Done) -> None:
        """Ends the map run and posts the event that says so. `Conflict` if it does not run (any more)."""
        guard = (
            "UPDATE map_run SET status = ?, stopped = ? WHERE arn = ? AND status = 'RUNNING' AND command = ?",
            (status, now, map_run, command),
        )
        self._writer.submit(Batch([post], done, guard))

    def update(self, map_run: str, concurrency: int, count: int | None, percentage: float | None, done: Done) -> None:
        sql = "UPDATE map_run SET concurrency = ?, tolerated_count = ?, tolerated_percentage = ? WHERE arn = ?"
        self._writer.submit(Batch([(sql, (concurrency, count, percentage, map_run))], done))

    # --- reads

    def get(self, arn: str) -> StoredMapRun | None:
        rows = self._read(f"SELECT {_COLUMNS} FROM map_run WHERE arn = ?", (arn,))
        return _stored(rows[0]) if rows else None

    def of(self, execution: str, after: tuple[float, str] | None, limit: int) -> Sequence[StoredMapRun]:
        """The map runs of an execution, newest first."""
        where, parameters = "execution = ?", [execution]
        if after is not None:
            where, parameters = where + " AND (started, arn) < (?, ?)", [*parameters, *after]  # type: ignore[list-item]
        sql = f"SELECT {_COLUMNS} FROM map_run WHERE {where} ORDER BY started DESC, arn DESC LIMIT ?"
        return [_stored(row) for row in self._read(sql, (*parameters, limit))]

    def running(self) -> Sequence[str]:
        """In the order in which they began."""
        sql = "SELECT arn FROM map_run WHERE status = 'RUNNING' ORDER BY started, execution, command"
        return [arn for (arn,) in self._read(sql, ())]

    def orphans(self) -> Sequence[str]:
        """The ARNs of running children whose map run has ended."""
        sql = """SELECT child.arn FROM execution AS child INDEXED BY execution_children
            JOIN map_run ON map_run.arn = child.map_run
            WHERE child.map_run IS NOT NULL AND child.status = 'RUNNING' AND map_run.status <> 'RUNNING'"""
        return [arn for (arn,) in self._read(sql, ())]

    def running_children(self, map_run: str) -> Sequence[str]:
        sql = "SELECT arn FROM execution WHERE map_run = ? AND status = 'RUNNING'"
        return [arn for (arn,) in self._read(sql, (map_run,))]

    def pending(self, map_run: str, after: int, limit: int) -> Sequence[Child]:
        sql = """SELECT idx, arn, input, items FROM map_child WHERE map_run = ? AND idx > ? AND status = 'PENDING'
            ORDER BY idx LIMIT ?"""
        return [Child(*row) for row in self._read(sql, (map_run, after, limit))]

    def awaits_redrive(self, map_run: str, index: int) -> bool:
        """Whether this child, which has ended once, is to run again as soon as there is room."""
        sql = """SELECT 1 FROM map_child JOIN map_run ON map_run.arn = map_child.map_run
            WHERE map_child.map_run = ? AND idx = ? AND map_child.status = 'PENDING' AND map_run.status = 'RUNNING'"""
        return bool(self._read(sql, (map_run, index)))

    def active(self, map_run: str) -> Sequence[int]:
        """The indexes of the children that run."""
        sql = "SELECT idx FROM map_child WHERE map_run = ? AND status = 'RUNNING'"
        return [index for (index,) in self._read(sql, (map_run,))]

    def by_status(self, map_run: str) -> Mapping[str, tuple[int, int]]:
        """Children and items by the status of the child."""
        sql = "SELECT status, count(*), sum(items) FROM map_child WHERE map_run = ? GROUP BY status"
        return {status: (children, items) for status, children, items in self._read(sql, (map_run,))}

    def output_size(self, map_run: str) -> int:
        """Bytes of the outputs of the children that succeeded."""
        sql = f"""SELECT sum(length(cast({_OUTPUT} AS BLOB)) + 1) FROM map_child
            LEFT JOIN execution ON execution.arn = map_child.arn
            WHERE map_child.map_run = ? AND map_child.status = 'SUCCEEDED'"""
        return int(self._read(sql, (map_run,))[0][0] or 0)

    def ended(self, map_run: str, after: int, limit: int) -> Sequence[Ended]:
        """Children in the order of their items."""
        sql = f"""SELECT idx, map_child.arn, map_child.status, input, {_OUTPUT},
            coalesce(map_child.error, execution.error), coalesce(map_child.cause, execution.cause),
            coalesce(map_child.started, execution.started), coalesce(map_child.stopped, execution.stopped),
            coalesce(execution.redrives, 0)
            FROM map_child LEFT JOIN execution ON execution.arn = map_child.arn
            WHERE map_child.map_run = ? AND idx > ? ORDER BY idx LIMIT ?"""
        return [Ended(*row) for row in self._read(sql, (map_run, after, limit))]

    def express(self, map_run: str, status: str | None, after: str | None, limit: int) -> Sequence[ExpressChild]:
        """Those that have started, the last first; beyond the one of the ARN `after`."""
        where, parameters = "map_run = ? AND started IS NOT NULL", [map_run]
        if status is not None:
            where, parameters = f"{where} AND status = ?", [*parameters, status]
        if after is not None:
            where = f"{where} AND idx < (SELECT idx FROM map_child WHERE {_IS_EXPRESS})"
            parameters = [*parameters, after]
        sql = f"SELECT {_EXPRESS} FROM map_child WHERE {where} ORDER BY idx DESC LIMIT ?"
        return [_express_child(row) for row in self._read(sql, (*parameters, limit))]

    def express_child(self, arn: str) -> tuple[str, ExpressChild] | None:
        """The ARN of its map run, and the child; None unless it has started."""
        sql = f"SELECT map_run, {_EXPRESS} FROM map_child WHERE {_IS_EXPRESS} AND started IS NOT NULL"
        rows = self._read(sql, (arn,))
        return (rows[0][0], _express_child(rows[0][1:])) if rows else None

    def shown(self, stored: StoredMapRun) -> MapRun:
        """As the operations show it."""
        by_status = dict(self.by_status(stored.arn))
        if stored.redrives and stored.status == RUNNING:
            by_status |= self._redriven_later(stored.arn, by_status.get(PENDING, (0, 0)))
        return MapRun(
            arn=stored.arn,
            execution_arn=stored.execution,
            status=stored.status,
            started=stored.started,
            stopped=stored.stopped,
            concurrency=stored.concurrency,
            tolerated_count=stored.tolerated_count,
            tolerated_percentage=stored.tolerated_percentage,
            items=_counts(by_status, 1),
            executions=_counts(by_status, 0),
            redrives=stored.redrives,
            redriven=stored.redriven,
            type=stored.spec.type,
        )

    def _redriven_later(self, map_run: str, pending: tuple[int, int]) -> Mapping[str, tuple[int, int]]:
        """Of the pending children those that have run before, and the others."""
        sql = """SELECT count(*), coalesce(sum(items), 0) FROM map_child
            LEFT JOIN execution ON execution.arn = map_child.arn
            WHERE map_child.map_run = ? AND map_child.status = 'PENDING'
            AND (execution.arn IS NOT NULL OR map_child.started IS NOT NULL)"""
        ((children, items),) = self._read(sql, (map_run,))
        return {PENDING: (pending[0] - children, pending[1] - items), PENDING_REDRIVE: (children, items)}

    def _read(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        rows: list[Any] = self._reader.execute(sql, parameters).fetchall()
        return rows


_OUTPUT = "coalesce(map_child.output, execution.output)"
_EXPRESS = "idx, arn, input, items, status, output, error, cause, started, stopped"
_IS_EXPRESS = "arn = ? AND arn GLOB '*:express:*'"  # as the index has it


def _express_child(row: Any) -> ExpressChild:
    return ExpressChild(Child(*row[:4]), *row[4:])


def _counts(by_status: Mapping[str, tuple[int, int]], which: int) -> MapRunCounts:
    found = {status: numbers[which] for status, numbers in by_status.items()}
    return MapRunCounts(
        pending=found.get(PENDING, 0),
        pending_redrive=found.get(PENDING_REDRIVE, 0),
        running=found.get(RUNNING, 0),
        succeeded=found.get(SUCCEEDED, 0),
        failed=found.get("FAILED", 0),
        timed_out=found.get("TIMED_OUT", 0),
        aborted=found.get("ABORTED", 0),
    )


def _stored(row: Any) -> StoredMapRun:
    arn, execution, command, status, started, stopped, spec, concurrency, count, percentage, complete, *redriven = row
    return StoredMapRun(
        arn, execution, command, status, started, stopped, _decoder.decode(spec), concurrency, count, percentage,
        bool(complete), *redriven,
    )  # fmt: skip
