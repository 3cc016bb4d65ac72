"""What the operations need from the outside, as protocols. `runtime` implements them, `server.app` plugs them in.

Times are epoch seconds (float, ms precision on the wire); JSON texts are `str`; sizes are bytes of UTF-8.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from stategate.asl.effects import ScheduleTask
from stategate.asl.history import HistoryEvent
from stategate.asl.maprun import ItemSource, ResultTarget

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """Where resources live: an account in a region. IAM's resources live in region `aws-global`."""

    account: str
    region: str


class Clock(Protocol):
    def now(self) -> float:
        """Epoch seconds."""
        ...


class Entropy(Protocol):
    def uuid(self) -> str:
        """A random UUID (version 4), in lower case."""
        ...

    def random(self) -> float:
        """Uniform in [0, 1)."""
        ...

    def letters(self, count: int, alphabet: str) -> str:
        """`count` random characters of `alphabet`."""
        ...


class Records(Protocol[T]):
    """The records of one kind in one world, by key. Reads come from memory. A write is seen by the next read at once
    and is on disk when `Store.durable()` returns; writes made without an `await` between them commit together."""

    def get(self, key: str) -> T | None: ...

    def put(self, key: str, value: T) -> None: ...

    def delete(self, key: str) -> None:
        """Deleting what is not there does nothing."""
        ...

    def items(self, prefix: str = "") -> Iterator[tuple[str, T]]:
        """The records whose key starts with `prefix`, sorted by key; safe against writes while it runs."""
        ...


class Store(Protocol):
    def records(self, world: World, kind: str, type_: type[T]) -> Records[T]:
        """`kind` is `<service>.<thing>`, as in `iam.role`; `type_` is a `msgspec.Struct`."""
        ...

    def worlds(self, kind: str) -> Sequence[World]:
        """The worlds that hold records of this kind (to find an API by its id, say)."""
        ...

    async def durable(self) -> None:
        """Returns once every write made so far is on disk."""
        ...


# --- executions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogDestination:
    """Where and how a state machine logs. `level`: OFF, ALL, ERROR, FATAL. `log_group_arn` without the final `:*`."""

    level: str = "OFF"
    include_execution_data: bool = False
    log_group_arn: str | None = None


@dataclass(frozen=True, slots=True)
class NewExecution:
    """An execution to start. `arn` is the execution's ARN, `type` STANDARD or EXPRESS, `definition` the text that the
    state machine had at the start: the execution keeps it. `input` is the JSON text, verbatim. `parent` is the task
    (execution's ARN and command) that started it."""

    arn: str
    name: str
    world: World
    machine_arn: str
    machine_name: str
    definition: str
    role_arn: str
    type: str
    input: str
    started: float
    logging: LogDestination = field(default_factory=LogDestination)
    machine_version_arn: str | None = None
    machine_alias_arn: str | None = None
    machine_updated: float = 0.0
    revision_id: str | None = None
    trace_header: str | None = None
    parent: tuple[str, int] | None = None
    map_run_arn: str | None = None
    map_index: int = -1
    map_items: int | None = None
    redrives: int = 0


@dataclass(frozen=True, slots=True)
class Execution:
    """What is known of an execution. `status`: RUNNING SUCCEEDED FAILED TIMED_OUT ABORTED. `seconds_billed` and the
    like are derived by the operations."""

    new: NewExecution
    status: str
    stopped: float | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    redrive_count: int = 0
    redriven: float | None = None


@dataclass(frozen=True, slots=True)
class MapRunCounts:
    """How many children of a map run, or items in them, are in which status."""

    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    aborted: int = 0


@dataclass(frozen=True, slots=True)
class MapRun:
    """A run of a Map state in DISTRIBUTED mode. `status`: RUNNING, SUCCEEDED, FAILED or ABORTED. Limits that are None
    were not given; `concurrency` 0: no limit."""

    arn: str
    execution_arn: str
    label: str
    status: str
    started: float
    stopped: float | None
    concurrency: int
    tolerated_count: int | None
    tolerated_percentage: float | None
    items: MapRunCounts
    executions: MapRunCounts
    redrives: int = 0
    redriven: float | None = None
    type: str = "STANDARD"


class ItemsFailed(Exception):
    """The items of a map run could not be read, or its results not be written; `error` is States.ItemReaderFailed,
    States.ResultWriterFailed..."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(cause)
        self.error = error
        self.cause = cause


@dataclass(frozen=True, slots=True)
class ChildResult:
    """How a child of a map run ended. `input` and `output` are JSON texts."""

    execution_arn: str
    status: str
    input: str
    output: str | None
    error: str | None
    cause: str | None
    started: float | None
    stopped: float | None


class MapRunData(Protocol):
    """Where the items of map runs come from and their results go, with the permissions of the execution's role."""

    def authorize(self, execution: NewExecution) -> None:
        """May the role start the children? Raises `ItemsFailed`."""
        ...

    def read(self, execution: NewExecution, source: ItemSource) -> AsyncIterator[Sequence[Any]]:
        """The items, some at a time, as JSON values. Raises `ItemsFailed`."""
        ...

    async def write(
        self, execution: NewExecution, map_run_arn: str, target: ResultTarget, results: AsyncIterator[ChildResult]
    ) -> str:
        """Writes the results; returns the output of the Map state as JSON text. Raises `ItemsFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class ListedObject:
    """`modified` in epoch seconds; `etag` with its quotes."""

    key: str
    size: int
    etag: str
    modified: float
    storage_class: str


class ObjectStoreError(Exception):
    """S3 refused, or can't be reached. `code` as S3 names it: NoSuchKey, NoSuchBucket, AccessDenied..."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class ObjectStore(Protocol):
    """S3, on another server. Every method raises `ObjectStoreError`."""

    def read(self, region: str, bucket: str, key: str, version: str | None = None) -> AsyncIterator[bytes]:
        """The object, in pieces."""
        ...

    def objects(self, region: str, bucket: str, prefix: str) -> AsyncIterator[Sequence[ListedObject]]:
        """The objects whose key starts with `prefix`, a page at a time."""
        ...

    async def put(self, region: str, bucket: str, key: str, body: bytes) -> None: ...


class NotRedrivable(Exception):
    """An execution that can't be redriven; the message says why."""


class ExecutionExists(Exception):
    """`start` found an execution of that ARN, running or ended."""

    def __init__(self, existing: Execution) -> None:
        super().__init__(existing.new.arn)
        self.existing = existing


@dataclass(frozen=True, slots=True)
class ActivityTask:
    """What a worker gets: `input` is JSON text."""

    token: str
    input: str


@dataclass(frozen=True, slots=True)
class TaskOwner:
    """Whose task a token names. `activity` is the ARN of the activity, if it is (still) a task of one."""

    execution: NewExecution
    activity: str | None


class Executions(Protocol):
    """The durable engine."""

    async def start(self, new: NewExecution) -> Execution:
        """Returns once the execution is on disk. A Standard execution whose ARN exists raises `ExecutionExists`."""
        ...

    async def run(self, new: NewExecution) -> Execution:
        """Runs an Express execution to its end and returns it; nothing is kept. If the caller goes away (cancels),
        the execution is stopped."""
        ...

    async def stop(self, arn: str, error: str | None, cause: str | None) -> Execution | None:
        """None if there is no such execution; an ended one is returned as it is."""
        ...

    async def stop_all(self, machine_arn: str) -> int:
        """Stops the running Standard executions of a state machine; returns how many there were."""
        ...

    def get(self, arn: str) -> Execution | None: ...

    def list(
        self, machine_arn: str, *, status: str | None = None, after: tuple[float, str] | None = None, limit: int = 1000
    ) -> Sequence[Execution]:
        """Newest first: by (started, arn), both descending, strictly after the position `after`. Standard only."""
        ...

    def history(
        self, arn: str, *, after: int | None = None, limit: int = 1000, reverse: bool = False
    ) -> Sequence[HistoryEvent]:
        """Events with ids above `after` in ascending order, or (`reverse`) below `after` in descending order."""
        ...

    def running(self, machine_arn: str) -> int:
        """How many Standard executions of this state machine are running."""
        ...

    async def redrive(self, arn: str) -> Execution | None:
        """Lets an execution that ended without success go on; returns once that is on disk. None if there is none;
        raises `NotRedrivable`."""
        ...

    def last_event(self, arn: str) -> int:
        """The id of the last event of the history, 0 if it has none."""
        ...

    def children(
        self,
        map_run_arn: str,
        *,
        status: str | None = None,
        after: tuple[float, str] | None = None,
        limit: int = 1000,
    ) -> Sequence[Execution]:
        """The Standard executions that a map run started; ordered as by `list`."""
        ...

    def map_run(self, arn: str) -> MapRun | None: ...

    def map_runs(
        self, execution_arn: str, *, after: tuple[float, str] | None = None, limit: int = 1000
    ) -> Sequence[MapRun]:
        """Newest first: by (started, arn), both descending, strictly after the position `after`."""
        ...

    async def update_map_run(
        self, arn: str, concurrency: int | None, tolerated_count: int | None, tolerated_percentage: float | None
    ) -> MapRun | None:
        """Changes the limits that are given. None if there is no such map run."""
        ...

    async def take_task(self, activity_arn: str, worker: str | None, seconds: float) -> ActivityTask | None:
        """The oldest task of the activity that nobody has, waiting so long for one; its history says who has it by the
        time that it is returned."""
        ...

    def task_owner(self, token: str) -> TaskOwner | None:
        """Whose task this is or was; None for what never was a token."""
        ...

    async def task_succeeded(self, token: str, output: str) -> bool:
        """`output` is JSON text. Returns once the task's success is on disk; False: nobody waits for it any more."""
        ...

    async def task_failed(self, token: str, error: str | None, cause: str | None) -> bool:
        """The same for a failure."""
        ...

    async def task_heartbeat(self, token: str) -> bool:
        """The heartbeat's time begins anew; False: nobody waits for the task any more."""
        ...


@dataclass(frozen=True, slots=True)
class TaskSuccess:
    """`output` is JSON text."""

    output: str


@dataclass(frozen=True, slots=True)
class TaskFailure:
    error: str
    cause: str


@dataclass(frozen=True, slots=True)
class TaskAccepted:
    """The call of a task that goes on elsewhere (`.waitForTaskToken`, `.sync`) has been answered; `output` is JSON
    text. With `execution_arn`, the task ends with that execution."""

    output: str
    execution_arn: str | None = None


TaskOutcome = TaskSuccess | TaskFailure | TaskAccepted


class TaskRunner(Protocol):
    """Performs a task effect: asks iam whether the execution role may, then calls. It never raises for what the
    workflow's author caused: that is a `TaskFailure`. Cancelling the returned awaitable cancels the call."""

    def __call__(self, execution: NewExecution, task: ScheduleTask) -> Awaitable[TaskOutcome]: ...


class ExecutionObserver(Protocol):
    """Told, after the commit, what happened (execution logs; status change events). Must not block or raise."""

    def events(self, execution: NewExecution, events: Sequence[HistoryEvent]) -> None: ...

    def status(self, execution: Execution) -> None: ...


# --- functions --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FunctionCode:
    """Everything that a worker needs to run a function. A change of any field means new workers. `code_sha256` names
    the package in the package store; `environment` is the user's variables; `timeout` in seconds, `memory` in MB."""

    world: World
    name: str
    version: str
    arn: str
    role_arn: str
    runtime: str
    handler: str
    code_sha256: str
    revision: str
    timeout: float
    memory: int
    environment: Mapping[str, str]
    log_group: str
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """`payload` is JSON; `invoked_arn` as the caller named it; `deadline` is set by the pool."""

    request_id: str
    payload: bytes
    invoked_arn: str
    client_context: str | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """`error` None or "Unhandled"; `log_tail` the last 4 KB of what was logged."""

    payload: bytes
    error: str | None
    log_tail: bytes


class Throttled(Exception):
    """No worker is free and none may be added."""


class Functions(Protocol):
    async def put_package(self, package: bytes) -> tuple[str, int]:
        """Unpacks and keeps a zip package; returns (base64 SHA-256, size in bytes). ValueError: AWS's message."""
        ...

    def package(self, code_sha256: str) -> bytes | None: ...

    async def invoke(self, code: FunctionCode, invocation: Invocation) -> InvocationResult:
        """Raises `Throttled`. A function's failure (error, exit, timeout, memory) is a result."""
        ...

    def retire(self, arn: str) -> None:
        """The function's workers end once idle: its code or configuration changed, or it was deleted."""
        ...


# --- logs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogEvent:
    timestamp: int  # epoch milliseconds
    message: str


@dataclass(frozen=True, slots=True)
class StoredLogEvent:
    id: str
    stream: str
    timestamp: int
    message: str
    ingested: int


class LogEvents(Protocol):
    """The events of log streams (groups and streams themselves are records). Appending is quick and in order; events
    are on disk soon after, not at once: they are not what must never be lost."""

    def append(self, world: World, group: str, stream: str, events: Sequence[LogEvent]) -> None: ...

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
        """Events with `start` <= timestamp < `end`, ordered by (timestamp, id), strictly beyond `after`."""
        ...

    def delete(self, world: World, group: str, stream: str | None = None) -> None: ...

    def stored_bytes(self, world: World, group: str) -> int: ...

    def expire(self, world: World, group: str, before: int) -> None:
        """Deletes events older than `before` (epoch milliseconds)."""
        ...


class LogWriter(Protocol):
    """For the server's own logs (functions, executions, APIs): creates group and stream when they are missing."""

    def write(self, world: World, group: str, stream: str, events: Sequence[LogEvent]) -> None: ...


# --- other servers ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """A request to another server. `url` is absolute and percent-encoded; it is sent as it is. Only these headers are
    sent, and Host and Content-Length. `timeout` in seconds, for everything from connecting to the last byte.
    `limit`: the largest answer in bytes. `verify`: the server's certificate is checked."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    timeout: float = 29.0
    limit: int = 10 * 1024 * 1024
    verify: bool = True


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """The body as it came: encodings are not undone. Header names keep their casing."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class OutboundError(Exception):
    """No answer. `kind`: "address" (the URL can't be used), "connect", "tls", "timeout", "too_large" or "protocol"."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Outbound(Protocol):
    """An HTTP client. Redirects are answers like any other."""

    async def send(self, request: OutboundRequest) -> OutboundResponse:
        """Raises `OutboundError`."""
        ...


class Offline:
    """An `Outbound` that reaches nobody."""

    async def send(self, request: OutboundRequest) -> OutboundResponse:
        raise OutboundError("connect", "This server makes no requests to other servers.")


@dataclass(frozen=True, slots=True)
class Ports:
    """All of them; made once, in `server.app`."""

    clock: Clock
    entropy: Entropy
    store: Store
    executions: Executions
    functions: Functions
    log_events: LogEvents
    settings: Any
    secret: bytes  # signs session tokens and page tokens; 32 bytes, kept in the data directory
    outbound: Outbound = field(default_factory=Offline)
