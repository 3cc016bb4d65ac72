"""What happens to a run. An event for a command or timer that is not pending (it came twice, or too late) changes
nothing; an event that can't be (a command that was never issued) raises `machine.IllegalEvent`."""

from dataclasses import dataclass

from stategate.asl.maprun import MapRunEnded


@dataclass(frozen=True, slots=True)
class Started:
    """The first event of a run."""


@dataclass(frozen=True, slots=True)
class TaskSucceeded:
    command: int
    output: str  # JSON text


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """`error` and `cause` may both be missing (SendTaskFailure needs neither)."""

    command: int
    error: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class TaskSubmitted:
    """The call of a task that goes on elsewhere (`.waitForTaskToken`, `.sync`) has been answered with `output` (JSON
    text). What the task comes to is another event. `execution_arn`: of the execution that it waits for."""

    command: int
    output: str
    execution_arn: str | None = None


@dataclass(frozen=True, slots=True)
class ActivityStarted:
    """A worker has taken the task of an activity."""

    command: int
    worker: str | None = None


@dataclass(frozen=True, slots=True)
class TaskHeartbeat:
    """Whoever has the task is still at it: the heartbeat's time begins anew."""

    command: int


@dataclass(frozen=True, slots=True)
class ExecutionEnded:
    """The execution that a `.sync` task waits for has ended. `description`: JSON text as `.sync` shows it, with Input
    and Output as texts."""

    command: int
    status: str
    description: str


@dataclass(frozen=True, slots=True)
class TaskRestarted:
    """The task was in flight when the process died, and is called again: the history says so with another
    LambdaFunctionStarted or TaskStarted."""

    command: int


@dataclass(frozen=True, slots=True)
class TimerFired:
    timer: str


@dataclass(frozen=True, slots=True)
class StopRequested:
    error: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Continued:
    """The answer to the effect `Continue`."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """The execution failed, timed out or was stopped, and shall go on from there."""


Event = (
    Started
    | TaskSucceeded
    | TaskFailed
    | TaskRestarted
    | TaskSubmitted
    | ActivityStarted
    | TaskHeartbeat
    | ExecutionEnded
    | TimerFired
    | StopRequested
    | Continued
    | MapRunEnded
    | Redriven
)
