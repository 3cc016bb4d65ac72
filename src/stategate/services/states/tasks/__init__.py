"""The kinds of tasks that a Task state can call, one file each.

`run_task` performs a task effect; with the ports bound it is a `services.ports.TaskRunner`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from stategate.asl.effects import ScheduleTask
from stategate.iam import Principal
from stategate.services.ports import NewExecution, Ports, TaskFailure, TaskOutcome
from stategate.services.states.tasks import function, lambda_invoke, roles

__all__ = ["run_task", "supported"]

Kind = Callable[[Ports, NewExecution, ScheduleTask, Principal], Awaitable[TaskOutcome]]

_FUNCTION = re.compile(r"arn:[a-z0-9-]+:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:(\$LATEST|[A-Za-z0-9_-]+))?")
_INTEGRATION = re.compile(r"arn:[a-z0-9-]+:states:[a-z0-9-]*:(?:\d{12})?:(?P<api>.+)")

INTEGRATIONS: dict[str, Kind] = {
    "lambda:invoke": lambda_invoke.run,
}
"""By what follows `arn:aws:states:::`."""


def _kind(resource: str) -> Kind | None:
    if _FUNCTION.fullmatch(resource):
        return function.run
    match = _INTEGRATION.fullmatch(resource)
    return INTEGRATIONS.get(match["api"]) if match is not None else None


def supported(resource: str) -> bool:
    """Whether tasks with this Resource can be performed. `asl.resources` refuses the others when a state machine is
    made; its list must not say more than this."""
    return _kind(resource) is not None


async def run_task(ports: Ports, execution: NewExecution, task: ScheduleTask) -> TaskOutcome:
    """Calls what the task names, with the execution's role or the state's credentials. What the workflow's author
    caused is a `TaskFailure`."""
    kind = _kind(task.resource)
    if kind is None:
        return TaskFailure("States.Runtime", f"Stategate does not support the resource {task.resource} yet.")
    principal = roles.assume(ports, execution, task.credentials)
    if isinstance(principal, TaskFailure):
        return principal
    return await kind(ports, execution, task, principal)
