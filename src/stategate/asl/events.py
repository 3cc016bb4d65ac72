"""What happens to a run. An event for a command or timer that is not pending (it came twice, or too late) changes
nothing; an event that can't be (a command that was never issued) raises `machine.IllegalEvent`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """The first event of a run."""


@dataclass(frozen=True, slots=True)
class TaskSucceeded:
    command: int
    output: str  # JSON text


@dataclass(frozen=True, slots=True)
class TaskFailed:
    command: int
    error: str
    cause: str


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


Event = Started | TaskSucceeded | TaskFailed | TaskRestarted | TimerFired | StopRequested | Continued
