"""Executions on disk: typed reads, and the batches that the engine commits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any, Literal

import msgspec

from stategate.asl.effects import Finish, ScheduleTask
from stategate.asl.history import HistoryEvent
from stategate.asl.maprun import RedriveMapRun, StartMapRun
from stategate.runtime.store import mapruns
from stategate.runtime.store.writer import Batch, Statement, Writer
from stategate.services.ports import Execution, NewExecution
from stategate.services.ports.executions import ListedBy

Done = Callable[[Exception | None], None]

_INSERT_EXECUTION = """INSERT OR IGNORE INTO execution
    (arn, machine, status, started, version, definition, new, header, stopped, output, error, cause, continues, map_run,
    machine_version, machine_alias) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_STEP = "UPDATE execution SET version = version + 1, header = ?, continues = ? WHERE arn = ? AND version = ?"
_FINISH = """UPDATE execution SET version = version + 1, header = ?, continues = 0,
    status = ?, stopped = ?, output = ?, error = ?, cause = ? WHERE arn = ? AND version = ?"""
_REDRIVEN = "UPDATE execution SET redrives = redrives + 1, redriven = ? WHERE arn = ?"
_RUNS_AGAIN = "UPDATE execution SET status = 'RUNNING', stopped = NULL, error = NULL, cause = NULL WHERE arn = ?"
_DEFINITION = "INSERT OR IGNORE INTO definition (hash, text) VALUES (?, ?)"
_HISTORY = "INSERT INTO history (arn, first, events) VALUES (?, ?, ?)"
_TOKEN = "INSERT OR REPLACE INTO token (token, arn, command, activity, input, offered) VALUES (?, ?, ?, ?, ?, ?)"
_WATCH = "INSERT OR REPLACE INTO watch (arn, command, child) VALUES (?, ?, ?)"
POST = """INSERT OR IGNORE INTO inbox (arn, event_id, event)
    SELECT arn, ?, ? FROM execution WHERE arn = ? AND status = 'RUNNING'"""
_SELECT = """SELECT new, definition, status, stopped, output, error, cause, redrives, redriven FROM execution"""

_new_encoder = msgspec.msgpack.Encoder()
_new_decoder = msgspec.msgpack.Decoder(NewExecution)
_task_decoder = msgspec.msgpack.Decoder(ScheduleTask)
_rows_decoder = msgspec.msgpack.Decoder(list[tuple[int, int, float, str, dict[str, Any] | None]])


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A task that waits for an answer from outside. Of an activity's task there is more; `offered` until a worker has
    taken it."""

    token: str
    arn: str
    command: int
    activity: str | None = None
    input: str | None = None
    offered: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A task that a worker may take."""

    token: str
    input: str


@dataclass(slots=True)
class Change:
    """What one or more steps of an execution changed; one commit. `version` is what is on disk now, 0: nothing.

    By command: `taken` (a worker has the task), `watches` (the execution that is waited for), `ended_waits` (tokens
    and watches that are no more; `waits`: there may be some). `posts`: events for other executions that run: ARN, id,
    event. `map_runs` that begin (again), `stopped_map_runs` by command. `redriven`: when the execution was, if these
    steps began with that; `has_map_runs`: there may be some that run; `at`: when the commit is made. An execution that
    finishes with a `header` keeps its frames, for a redrive.
    """

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
    tokens: Sequence[TokenRow] = ()
    taken: Iterable[int] = ()
    watches: Mapping[int, str] = field(default_factory=dict)
    ended_waits: Iterable[int] = ()
    posts: Iterable[tuple[str, str, bytes]] = ()
    waits: bool = False
    map_runs: Sequence[StartMapRun | RedriveMapRun] = ()
    stopped_map_runs: Iterable[int] = ()
    redriven: float | None = None
    has_map_runs: bool = False
    at: float = 0.0
    inbox: Iterable[str] = ()
    continues: bool = False
    finish: Finish | None = None
    stopped: float | None = None


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A running execution as it is on disk. `latest`: the time of its last history event, epoch seconds."""

    new: NewExecution
    version: int
    header: bytes
    continues: bool
    frames: Mapping[int, bytes]
    tasks: Sequence[ScheduleTask]
    timers: Mapping[str, float]
    inbox: Sequence[tuple[str, bytes]]
    tokens: Mapping[int, str] = field(default_factory=dict)
    watches: Mapping[int, str] = field(default_factory=dict)
    latest: float = 0.0


class ExecutionTables:
    """Reads with one connection, in the event loop; writes through the writer."""

    def __init__(self, reader: Any, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer
        self._definitions: dict[bytes, str] = {}
        self._hashes: dict[str, bytes] = {}
        self.map_runs = mapruns.MapRunTables(reader, writer)

    # --- writes

    def commit(self, change: Change, done: Done) -> None:
        """`done` gets None, `Conflict` (another version is on disk) or `StoreFailed`."""
        history = encode_history(change.history) if change.history else b""
        size = len(history) + sum(map(len, change.frames.values()))
        self._writer.submit(Batch(self._writes(change, history), done, self._guard(change), size))

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
        self._writer.submit(Batch((), done, (POST, (event_id, event, arn))))

    def _guard(self, change: Change) -> Statement:
        new, finish = change.new, change.finish
        if change.version == 0:
            status, header = (finish.status, change.header or None) if finish else ("RUNNING", change.header)
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
                new.map_run_arn,
                *((new.machine_version_arn, new.machine_alias_arn) if new.map_run_arn is None else (None, None)),
            )
        if finish:
            return _FINISH, (
                change.header or None,
                finish.status,
                change.stopped,
                finish.output,
                finish.error,
                finish.cause,
                new.arn,
                change.version,
            )
        return _STEP, (change.header, change.continues, new.arn, change.version)

    def _writes(self, change: Change, history: bytes) -> list[Statement]:
        arn, writes = change.new.arn, list[Statement]()
        if change.version == 0:
            writes.append((_DEFINITION, (self._hash(change.new.definition), change.new.definition)))
        if change.history:
            writes.append((_HISTORY, (arn, change.history[0].id, history)))
        writes += self._map_run_writes(change)
        for other, event_id, event in change.posts:
            writes.append((POST, (event_id, event, other)))
        if change.finish:
            if change.version:
                tables = ("timer", "task", "inbox") if change.header else ("frame", "timer", "task", "inbox")
                writes += [(f"DELETE FROM {table} WHERE arn = ?", (arn,)) for table in tables]
            if change.version and change.waits:
                writes += [(f"DELETE FROM {table} WHERE arn = ?", (arn,)) for table in ("token", "watch")]
            return writes + _frames(change)
        for event_id in change.inbox:
            writes.append(("DELETE FROM inbox WHERE arn = ? AND event_id = ?", (arn, event_id)))
        writes += _frames(change)
        for timer in change.ended_timers:
            writes.append(("DELETE FROM timer WHERE arn = ? AND timer = ?", (arn, timer)))
        for timer, due in change.timers.items():
            writes.append(("INSERT OR REPLACE INTO timer (arn, timer, due) VALUES (?, ?, ?)", (arn, timer, due)))
        for command in change.ended_tasks:
            writes.append(("DELETE FROM task WHERE arn = ? AND command = ?", (arn, command)))
        for command in change.ended_waits:
            writes.append(("DELETE FROM token WHERE arn = ? AND command = ?", (arn, command)))
            writes.append(("DELETE FROM watch WHERE arn = ? AND command = ?", (arn, command)))
        for command in change.taken:
            writes.append(("UPDATE token SET offered = 0, input = NULL WHERE arn = ? AND command = ?", (arn, command)))
        for token in change.tokens:
            writes.append((_TOKEN, astuple(token)))
        for command, child in change.watches.items():
            writes.append((_WATCH, (arn, command, child)))
        for task in change.tasks:
            row = (arn, task.command, msgspec.msgpack.encode(task))
            writes.append(("INSERT OR REPLACE INTO task (arn, command, task) VALUES (?, ?, ?)", row))
        return writes

    def _map_run_writes(self, change: Change) -> list[Statement]:
        """What concerns the map runs of the execution, and the one that it is a child of; and its redrive."""
        new, finish, writes = change.new, change.finish, list[Statement]()
        now = change.at
        if change.redriven is not None:
            writes.append((_REDRIVEN, (change.redriven, new.arn)))
            if finish is None:
                writes.append((_RUNS_AGAIN, (new.arn,)))
        if change.map_runs or change.stopped_map_runs:
            writes += mapruns.writes_of(new.arn, now, change.map_runs, change.stopped_map_runs)
        if finish is not None and change.has_map_runs:
            writes.append(mapruns.abort_all(new.arn, now))
        if new.map_run_arn is not None and (finish or change.version == 0 or change.redriven is not None):
            status = finish.status if finish else "RUNNING"
            writes.append(mapruns.child_status(new.map_run_arn, new.map_index, status))
        return writes

    # --- reads

    def get(self, arn: str) -> Execution | None:
        rows = self._read(f"{_SELECT} WHERE arn = ?", (arn,))
        return self._execution(rows[0]) if rows else None

    def page(
        self,
        arn: str,
        *,
        by: ListedBy | Literal["map_run"],
        status: str | None,
        after: tuple[float, str] | None,
        limit: int,
    ) -> Sequence[Execution]:
        """Newest first; `by` is the column, each of which has an index."""
        where, parameters = f"{by} = ?", [arn]
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

    def history(
        self, arn: str, *, after: int | None, limit: int, reverse: bool, size: int | None = None
    ) -> Sequence[HistoryEvent]:
        """With `size` no more than are in about so many bytes, but one."""
        if reverse:
            below = after if after is not None else 1 << 62
            sql, parameters = "first < ? ORDER BY first DESC", (arn, below)
            return self._events(sql, parameters, limit, size, lambda e: e.id < below, reverse=True)
        above = after or 0
        rows = self._read("SELECT max(first) FROM history WHERE arn = ? AND first <= ?", (arn, above + 1))
        sql, parameters = "first >= ? ORDER BY first", (arn, rows[0][0] or 0)
        return self._events(sql, parameters, limit, size, lambda e: e.id > above, reverse=False)

    def last_event(self, arn: str) -> int:
        """The id of the last event of the history, 0 if it has none."""
        return max((event.id for event in self._last(arn)), default=0)

    def _last(self, arn: str) -> Sequence[HistoryEvent]:
        return self.history(arn, after=None, limit=1, reverse=True)

    def load(self, arn: str, *, ended: bool = False) -> StoredRun | None:
        """None unless the execution is there and runs; `ended`: unless it has ended and kept its frames."""
        status = "status <> 'RUNNING' AND header IS NOT NULL" if ended else "status = 'RUNNING'"
        rows = self._read(
            "SELECT new, definition, redrives, redriven, version, header, continues FROM execution"
            f" WHERE arn = ? AND {status}",
            (arn,),
        )
        if not rows:
            return None
        new, key, redrives, redriven, version, header, continues = rows[0]
        return StoredRun(
            replace(self._new(new, key), redrives=redrives, redriven=redriven),
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
            dict(self._read("SELECT command, token FROM token WHERE arn = ?", (arn,))),
            dict(self._read("SELECT command, child FROM watch WHERE arn = ?", (arn,))),
            max((event.timestamp for event in self._last(arn)), default=0.0),
        )

    def token(self, token: str) -> TokenRow | None:
        rows = self._read("SELECT token, arn, command, activity, input, offered FROM token WHERE token = ?", (token,))
        return TokenRow(*rows[0]) if rows else None

    def offers(self, activity: str, limit: int) -> list[Offer]:
        """The tasks of an activity that no worker has taken, the oldest first."""
        sql = "SELECT token, input FROM token WHERE activity = ? AND offered ORDER BY rowid LIMIT ?"
        return [Offer(*row) for row in self._read(sql, (activity, limit))]

    def watchers(self, child: str) -> Sequence[tuple[str, int]]:
        """Who waits for this execution: ARN and command."""
        return self._read("SELECT arn, command FROM watch WHERE child = ?", (child,))

    def owed(self) -> Sequence[str]:
        """The ARNs of executions for which something must be done at a start, timers apart."""
        return [
            arn
            for (arn,) in self._read(
                """SELECT arn FROM task UNION SELECT arn FROM inbox
                UNION SELECT arn FROM execution INDEXED BY execution_continues WHERE continues
                UNION SELECT watch.arn FROM watch JOIN execution ON execution.arn = watch.child
                WHERE execution.status <> 'RUNNING'""",
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
        size: int | None,
        wanted: Callable[[HistoryEvent], bool],
        *,
        reverse: bool,
    ) -> Sequence[HistoryEvent]:
        events, read = list[HistoryEvent](), 0
        cursor = self._reader.execute(f"SELECT events FROM history WHERE arn = ? AND {where}", parameters)
        for (batch,) in cursor:
            decoded = decode_history(batch)
            events += filter(wanted, reversed(decoded) if reverse else decoded)
            read += len(batch)
            if len(events) >= limit or (size is not None and read > size and events):
                cursor.close()
                break
        return events[:limit] if size is None or read <= size else _within(size, events[:limit])

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


def _within(size: int, events: list[HistoryEvent]) -> list[HistoryEvent]:
    """As many from the start as are in so many bytes, but one."""
    for count, event in enumerate(events):
        size -= sum(len(text) for text in (event.details or {}).values() if isinstance(text, str))
        if size < 0:
            return events[: max(count, 1)]
    return events


def _frames(change: Change) -> list[Statement]:
    arn = change.new.arn
    return [
        *(("DELETE FROM frame WHERE arn = ? AND frame = ?", (arn, frame)) for frame in change.removed_frames),
        *(
            ("INSERT OR REPLACE INTO frame (arn, frame, state) VALUES (?, ?, ?)", (arn, frame, state))
            for frame, state in change.frames.items()
        ),
    ]


def encode_history(events: Sequence[HistoryEvent]) -> bytes:
    return msgspec.msgpack.encode([(e.id, e.previous, e.timestamp, e.type, e.details) for e in events])


def decode_history(encoded: bytes) -> list[HistoryEvent]:
    return [HistoryEvent(*row) for row in _rows_decoder.decode(encoded)]


def _encode(new: NewExecution) -> bytes:
    return _new_encoder.encode(replace(new, definition=""))
