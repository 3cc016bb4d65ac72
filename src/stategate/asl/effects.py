"""What a run asks of the world. Effects are performed only after the commit that holds them.

A `command` is the history id of the event that scheduled the task: unique in the run, retries included.
A timer's name is unique in the run among those that are set.
"""

from dataclasses import dataclass

from stategate.asl.maprun import RedriveMapRun, StartMapRun, StopMapRun


@dataclass(frozen=True, slots=True)
class ScheduleTask:
    """Call a task. `resource` is the Resource of the state, verbatim (a function's ARN,
    `arn:aws:states:::lambda:invoke`, ...); `input` the JSON text of the effective input or of the arguments;
    `credentials` the role to assume, if the state says so; `token` the task token where the resource waits for one."""

    command: int
    resource: str
    state_name: str
    input: str
    timeout: float | None = None
    heartbeat: float | None = None
    credentials: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class OfferActivity:
    """Let a worker of the activity (its ARN) have the task; `token` is what the worker answers with, `input` JSON text.
    It may be taken once; `events.ActivityStarted` says that it was."""

    command: int
    activity: str
    token: str
    input: str


@dataclass(frozen=True, slots=True)
class WatchExecution:
    """Say with `events.ExecutionEnded(command, ...)` when this execution has ended, or that it has already. Ends with
    the command, however that ends."""

    command: int
    execution_arn: str


@dataclass(frozen=True, slots=True)
class StopExecution:
    """Stop an execution that a `.sync` task started and nobody waits for any more."""

    execution_arn: str


@dataclass(frozen=True, slots=True)
class CancelTask:
    """Nobody waits for this task any more: its result, if it comes, is dropped."""

    command: int


@dataclass(frozen=True, slots=True)
class StartTimer:
    timer: str
    due: float  # epoch seconds; may lie in the past


@dataclass(frozen=True, slots=True)
class CancelTimer:
    timer: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The execution has ended. `status`: SUCCEEDED, FAILED, TIMED_OUT, ABORTED. The run's frames may be dropped."""

    status: str
    output: str | None = None
    error: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Continue:
    """The run has more to do but gives way: commit, then step with `events.Continued`."""


Effect = (
    ScheduleTask
    | OfferActivity
    | WatchExecution
    | StopExecution
    | CancelTask
    | StartTimer
    | CancelTimer
    | StartMapRun
    | RedriveMapRun
    | StopMapRun
    | Finish
    | Continue
)
