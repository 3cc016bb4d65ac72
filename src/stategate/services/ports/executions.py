"""Executions and map runs, as operations see them, and the engine that runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from stategate.asl.history import HistoryEvent
from stategate.services.ports.foundation import World


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
    (execution's ARN and command) that started it. `redrives` and `redriven` (when the last was) are kept beside it.
    `encryption` is the type of the state machine's key, if it was given one."""

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
    redriven: float | None = None
    encryption: str | None = None


ListedBy = Literal["machine", "machine_version", "machine_alias"]
"""What executions are listed by: the state machine, or the version or the alias that they were started with."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What is known of an execution. `status`: RUNNING SUCCEEDED FAILED TIMED_OUT ABORTED, and PENDING_REDRIVE of an
    Express child of a map run. What is billed is derived by the operations."""

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
    pending_redrive: int = 0


@dataclass(frozen=True, slots=True)
class MapRun:
    """A run of a Map state in DISTRIBUTED mode. `status`: RUNNING, SUCCEEDED, FAILED or ABORTED. Limits that are None
    were not given; `concurrency` 0: no limit."""

    arn: str
    execution_arn: str
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
        """Stops the Standard executions of a state machine that run, or are about to; returns how many there were."""
        ...

    def get(self, arn: str) -> Execution | None:
        """A Standard execution, or an Express one that a map run started; others are not kept."""
        ...

    def list(
        self,
        arn: str,
        *,
        by: ListedBy = "machine",
        status: str | None = None,
        after: tuple[float, str] | None = None,
        limit: int = 1000,
    ) -> Sequence[Execution]:
        """The Standard executions of what the ARN names. Newest first: by (started, arn), both descending, strictly
        after the position `after`. The cost is that of what is returned."""
        ...

    def history(
        self, arn: str, *, after: int | None = None, limit: int = 1000, reverse: bool = False, size: int | None = None
    ) -> Sequence[HistoryEvent]:
        """Events with ids above `after` in ascending order, or (`reverse`) below `after` in descending order; with
        `size` no more than are in about so many bytes, but one."""
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
        """The executions that a map run started; ordered as by `list`, Express ones by their place in the map run."""
        ...

    def awaits_redrive(self, map_run_arn: str, index: int) -> bool:
        """Whether this child of a map run that was redriven has ended before, and is yet to run again."""
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


class ExecutionObserver(Protocol):
    """Told, after the commit, what happened (`services.states.logging`, `services.states.statuschange`). Must not block
    or raise. `status` is called for each start, end and redrive."""

    def events(self, execution: NewExecution, events: Sequence[HistoryEvent]) -> None: ...

    def status(self, execution: Execution) -> None: ...
