"""Executions on disk: typed reads, and the batches that the engine commits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from stategate.asl.effects import Finish, ScheduleTask
from stategate.asl.history import HistoryEvent
from stategate.runtime.store.writer import Batch, Statement, Writer
from stategate.services.ports import Execution, NewExecution

Done = Callable[[Exception | None], None]

_INSERT_EXECUTION = """INSERT OR IGNORE INTO execution
    (arn, machine, status, started, version, definition, new, header, stopped, output, error, cause, continues)
    VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)"""
_STEP = "UPDATE execution SET version = version + 1, header = ?, continues = ? WHERE arn = ? AND version = ?"
_FINISH = """UPDATE execution SET version = version + 1, header = NULL, continues = 0,
    status = ?, stopped = ?, output = ?, error = ?, cause = ? WHERE arn = ? AND version = ?"""
_DEFINITION = "INSERT OR IGNORE INTO definition (hash, text) VALUES (?, ?)"
_HISTORY = "INSERT INTO history (arn, first, events) VALUES (?, ?, ?)"
_SELECT = """SELECT new, definition, status, stopped, output, error, cause, redrives, redriven FROM execution"""

_new_encoder = msgspec.msgpack.Encoder()
_new_decoder = msgspec.msgpack.Decoder(NewExecution)
_task_decoder = msgspec.msgpack.Decoder(ScheduleTask)
_rows_decoder = msgspec.msgpack.Decoder(list[tuple[int, int, float, str, dict[str, Any] | None]])


@dataclass(slots=True)
class Change:
    """What one or more steps of an execution changed; one commit. `version` is what is on disk now, 0: nothing."""

    new: NewExecution
    version: int
    header: bytes = b""
    frames: Mapping[int, bytes] = field(default_factory=dict)
    removed_frames: Iterable[int] = ()
    history: Sequence[HistoryEvent] = ()
    tasks: Sequence[ScheduleTask] = ()
    ended_tasks: Iterable[int] = ()
    timers: Mapping[str, float] = field(default_factory=dict)
    ended_timers: Iterable[str] = ()
    inbox: Iterable[str] = ()
    continues: bool = False
    finish: Finish | None = None
    stopped: float | None = None


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A running execution as it is on disk."""

    new: NewExecution
    version: int
    header: bytes
    continues: bool
    frames: Mapping[int, bytes]
    tasks: Sequence[ScheduleTask]
    timers: Mapping[str, float]
    inbox: Sequence[tuple[str, bytes]]


class ExecutionTables:
    """Reads with one connection, in the event loop; writes through the writer."""

    def __init__(self, reader: Any, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer
        self._definitions: dict[bytes, str] = {}
        self._hashes: dict[str, bytes] = {}

    # --- writes

    def commit(self, change: Change, done: Done) -> None:
        """`done` gets None, `Conflict` (another version is on disk) or `StoreFailed`."""
        self._writer.submit(Batch(self._writes(change), done, self._guard(change)))

    def start_express(self, new: NewExecution, done: Done) -> None:
        key = self._hash(new.definition)
        self._writer.submit(
            Batch(
                [(_DEFINITION, (key, new.definition))],
                done,
                ("INSERT OR IGNORE INTO express (arn, definition, new) VALUES (?, ?, ?)", (new.arn, key, _encode(new))),
            )
        )

    def end_express(self, arn: str, done: Done) -> None:
        self._writer.submit(Batch([("DELETE FROM express WHERE arn = ?", (arn,))], done))

    def post(self, arn: str, event_id: str, event: bytes, done: Done) -> None:
        """Adds to the inbox of a running execution. The same `event_id` again, or an execution that is not running,
        is a `Conflict`."""
        guard = (
            """INSERT OR IGNORE INTO inbox (arn, event_id, event)
            SELECT arn, ?, ? FROM execution WHERE arn = ? AND status = 'RUNNING'""",
            (event_id, event, arn),
        )
        self._writer.submit(Batch((), done, guard))

    def _guard(self, change: Change) -> Statement:
        new, finish = change.new, change.finish
        if change.version == 0:
            status, header = (finish.status, None) if finish else ("RUNNING", change.header)
            ending = (change.stopped, finish.output, finish.error, finish.cause) if finish else (None, None, None, None)
            return _INSERT_EXECUTION, (
                new.arn,
                new.machine_arn,
                status,
                new.started,
                self._hash(new.definition),
                _encode(new),
                header,
                *ending,
                change.continues and not finish,
            )
        if finish:
            return _FINISH, (
                finish.status,
                change.stopped,
                finish.output,
                finish.error,
                finish.cause,
                new.arn,
                change.version,
            )
        return _STEP, (change.header, change.continues, new.arn, change.version)

    def _writes(self, change: Change) -> list[Statement]:
        arn, writes = change.new.arn, list[Statement]()
        if change.version == 0:
            writes.append((_DEFINITION, (self._hash(change.new.definition), change.new.definition)))
        if change.history:
            writes.append((_HISTORY, (arn, change.history[0].id, encode_history(change.history))))
        if change.finish:
            if change.version:
                writes += [
                    (f"DELETE FROM {table} WHERE arn = ?", (arn,)) for table in ("frame", "timer", "task", "inbox")
                ]
            return writes
        for event_id in change.inbox:
            writes.append(("DELETE FROM inbox WHERE arn = ? AND event_id = ?", (arn, event_id)))
        for frame in change.removed_frames:
            writes.append(("DELETE FROM frame WHERE arn = ? AND frame = ?", (arn, frame)))
        for frame, state in change.frames.items():
            writes.append(("INSERT OR REPLACE INTO frame (arn, frame, state) VALUES (?, ?, ?)", (arn, frame, state)))
        for timer in change.ended_timers:
            writes.append(("DELETE FROM timer WHERE arn = ? AND timer = ?", (arn, timer)))
        for timer, due in change.timers.items():
            writes.append(("INSERT OR REPLACE INTO timer (arn, timer, due) VALUES (?, ?, ?)", (arn, timer, due)))
        for command in change.ended_tasks:
            writes.append(("DELETE FROM task WHERE arn = ? AND command = ?", (arn, command)))
        for task in change.tasks:
            row = (arn, task.command, msgspec.msgpack.encode(task))
            writes.append(("INSERT OR REPLACE INTO task (arn, command, task) VALUES (?, ?, ?)", row))
        return writes

    # --- reads

    def get(self, arn: str) -> Execution | None:
        rows = self._read(f"{_SELECT} WHERE arn = ?", (arn,))
        return self._execution(rows[0]) if rows else None

    def page(
        self, machine_arn: str, *, status: str | None, after: tuple[float, str] | None, limit: int
    ) -> Sequence[Execution]:
        where, parameters = "machine = ?", [machine_arn]
        if status is not None:
            where, parameters = where + " AND status = ?", [*parameters, status]
        if after is not None:
            where, parameters = where + " AND (started, arn) < (?, ?)", [*parameters, *after]  # type: ignore[list-item]
        sql = f"{_SELECT} WHERE {where} ORDER BY started DESC, arn DESC LIMIT ?"
        return [self._execution(row) for row in self._read(sql, (*parameters, limit))]

    def running(self, machine_arn: str) -> Sequence[str]:
        """The ARNs of the running executions."""
        sql = "SELECT arn FROM execution WHERE machine = ? AND status = 'RUNNING'"
        return [arn for (arn,) in self._read(sql, (machine_arn,))]

    def count_running(self, machine_arn: str) -> int:
        sql = "SELECT count(*) FROM execution WHERE machine = ? AND status = 'RUNNING'"
        return int(self._read(sql, (machine_arn,))[0][0])

    def history(self, arn: str, *, after: int | None, limit: int, reverse: bool) -> Sequence[HistoryEvent]:
        if reverse:
            below = after if after is not None else 1 << 62
            sql, parameters = "first < ? ORDER BY first DESC", (arn, below)
            return self._events(sql, parameters, limit, lambda e: e.id < below, reverse=True)
        above = after or 0
        rows = self._read("SELECT max(first) FROM history WHERE arn = ? AND first <= ?", (arn, above + 1))
        sql, parameters = "first >= ? ORDER BY first", (arn, rows[0][0] or 0)
        return self._events(sql, parameters, limit, lambda e: e.id > above, reverse=False)

    def last_event(self, arn: str) -> int:
        """The id of the last event of the history, 0 if it has none."""
        events = self.history(arn, after=None, limit=1, reverse=True)
        return events[0].id if events else 0

    def load(self, arn: str) -> StoredRun | None:
        """None unless the execution is there and runs."""
        rows = self._read(
            "SELECT new, definition, version, header, continues FROM execution WHERE arn = ? AND status = 'RUNNING'",
            (arn,),
        )
        if not rows:
            return None
        new, key, version, header, continues = rows[0]
        return StoredRun(
            self._new(new, key),
            version,
            header,
            bool(continues),
            dict(self._read("SELECT frame, state FROM frame WHERE arn = ?", (arn,))),
            [
                _task_decoder.decode(task)
                for (task,) in self._read("SELECT task FROM task WHERE arn = ? ORDER BY command", (arn,))
            ],
            dict(self._read("SELECT timer, due FROM timer WHERE arn = ?", (arn,))),
            self._read("SELECT event_id, event FROM inbox WHERE arn = ? ORDER BY event_id", (arn,)),
        )

    def version(self, arn: str) -> int:
        """How many commits the execution has had; 0 if it is not there."""
        rows = self._read("SELECT version FROM execution WHERE arn = ?", (arn,))
        return int(rows[0][0]) if rows else 0

    def new_execution(self, arn: str) -> NewExecution | None:
        rows = self._read("SELECT new, definition FROM execution WHERE arn = ?", (arn,))
        return self._new(*rows[0]) if rows else None

    def owed(self) -> Sequence[str]:
        """The ARNs of executions for which something must be done at a start, timers apart."""
        return [
            arn
            for (arn,) in self._read(
                """SELECT arn FROM task UNION SELECT arn FROM inbox
                UNION SELECT arn FROM execution INDEXED BY execution_continues WHERE continues""",
                (),
            )
        ]

    def timers(self, after: float, until: float, limit: int) -> tuple[float, Sequence[tuple[str, str, float]]]:
        """Timers due after `after` and by the time that is returned with them: `until`, or earlier if there are more
        than `limit` (ties apart)."""
        rows = self._read("SELECT due FROM timer WHERE due > ? ORDER BY due LIMIT 1 OFFSET ?", (after, limit - 1))
        if rows:
            until = min(until, rows[0][0])
        return until, self._read("SELECT arn, timer, due FROM timer WHERE due > ? AND due <= ?", (after, until))

    def next_timer(self, after: float) -> float | None:
        """When the first timer after `after` is due."""
        due: float | None = self._read("SELECT min(due) FROM timer WHERE due > ?", (after,))[0][0]
        return due

    def express(self) -> Sequence[NewExecution]:
        """The asynchronous Express executions that were not finished."""
        return [self._new(*row) for row in self._read("SELECT new, definition FROM express", ())]

    def _read(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        rows: list[Any] = self._reader.execute(sql, parameters).fetchall()
        return rows

    def _events(
        self,
        where: str,
        parameters: Sequence[Any],
        limit: int,
        wanted: Callable[[HistoryEvent], bool],
        *,
        reverse: bool,
    ) -> Sequence[HistoryEvent]:
        events: list[HistoryEvent] = []
        cursor = self._reader.execute(f"SELECT events FROM history WHERE arn = ? AND {where}", parameters)
        for (batch,) in cursor:
            decoded = decode_history(batch)
            events += filter(wanted, reversed(decoded) if reverse else decoded)
            if len(events) >= limit:
                cursor.close()
                break
        return events[:limit]

    def _execution(self, row: Any) -> Execution:
        new, key, status, stopped, output, error, cause, redrives, redriven = row
        return Execution(self._new(new, key), status, stopped, output, error, cause, redrives, redriven)

    def _new(self, encoded: bytes, key: bytes) -> NewExecution:
        return replace(_new_decoder.decode(encoded), definition=self._definition(key))

    def _definition(self, key: bytes) -> str:
        text = self._definitions.get(key)
        if text is None:
            text = self._read("SELECT text FROM definition WHERE hash = ?", (key,))[0][0]
            if len(self._definitions) >= 256:
                self._definitions.clear()
            self._definitions[key] = text
        return text

    def _hash(self, definition: str) -> bytes:
        key = self._hashes.get(definition)
        if key is None:
            key = hashlib.sha256(definition.encode("utf-8", "surrogatepass")).digest()
            if len(self._hashes) >= 256:
                self._hashes.clear()
            self._hashes[definition] = key
        return key


def encode_history(events: Sequence[HistoryEvent]) -> bytes:
    return msgspec.msgpack.encode([(e.id, e.previous, e.timestamp, e.type, e.details) for e in events])


def decode_history(encoded: bytes) -> list[HistoryEvent]:
    return [HistoryEvent(*row) for row in _rows_decoder.decode(encoded)]


def _encode(new: NewExecution) -> bytes:
    return _new_encoder.encode(replace(new, definition=""))
