"""What performs the tasks of executions."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from stategate.asl.effects import ScheduleTask
from stategate.services.ports.executions import NewExecution


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
