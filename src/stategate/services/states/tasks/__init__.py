"""The kinds of tasks that a Task state can call, one file each.

`run_task` performs a task effect; with the ports bound it is a `services.ports.TaskRunner`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from stategate.asl.effects import ScheduleTask
from stategate.asl.program import Resource
from stategate.asl.value import Value
from stategate.services.call import Calls
from stategate.services.ports import NewExecution, Ports, TaskAccepted, TaskFailure, TaskOutcome, TaskSuccess
from stategate.services.states import activities
from stategate.services.states.tasks import (
    apigateway_invoke,
    arguments,
    aws_sdk,
    function,
    lambda_invoke,
    roles,
    states_start_execution,
)
from stategate.services.states.tasks.taskcall import TaskCall

__all__ = ["TaskCall", "refusal", "run_task", "supported"]

Kind = Callable[[TaskCall], Awaitable[TaskOutcome]]

TOKEN = ".waitForTaskToken"

_FUNCTION = re.compile(r"arn:[a-z0-9-]+:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:(\$LATEST|[A-Za-z0-9_-]+))?")
_INTEGRATION = re.compile(r"arn:[a-z0-9-]+:states:[a-z0-9-]*:(?:\d{12})?:(?P<api>.+)")

INTEGRATIONS: dict[str, Kind] = {
    "apigateway:invoke": apigateway_invoke.run,
    "lambda:invoke": lambda_invoke.run,
    "states:startExecution": states_start_execution.run,
    "states:startExecution.sync": states_start_execution.run_sync,
    "states:startExecution.sync:2": states_start_execution.run_sync,
}
"""By what follows `arn:aws:states:::`. With `.waitForTaskToken` behind it, a kind is called the same way, and its
success is the answer to the call only. What follows `aws-sdk:` is in `aws_sdk.SERVICES`."""


def _kind(resource: str) -> Kind | None:
    if _FUNCTION.fullmatch(resource):
        return function.run
    match = _INTEGRATION.fullmatch(resource)
    if match is None:
        return None
    api = match["api"].removesuffix(TOKEN)
    if api.startswith("aws-sdk:"):
        service, _, action = api.removeprefix("aws-sdk:").partition(":")
        if service in aws_sdk.SERVICES and action.isalnum():
            return lambda call: aws_sdk.run(call, service, action)
    return INTEGRATIONS.get(api)


def supported(resource: str) -> bool:
    """Whether tasks with this Resource can be performed. `asl.resources` refuses the others when a state machine is
    made; its list must not say more than this."""
    return _kind(resource) is not None


def refusal(ports: Ports, resource: Resource, given: Value) -> str | None:
    """Why a task can't be begun, in AWS's words; an `asl.turn.Refusal` with the ports bound. What `run_task` is given
    has passed this."""
    if resource.kind == "activity" and not activities.exists(ports, resource.text):
        return f"The activity {resource.text} does not exist."
    if resource.kind == "integration":
        problems = arguments.problems(resource.service, resource.action, given.json)
        if problems:
            return f"The Parameters '{given.text}' could not be used to start the Task: [{', '.join(problems)}]"
    return None


async def run_task(
    ports: Ports, execution: NewExecution, task: ScheduleTask, calls: Calls | None = None
) -> TaskOutcome:
    """Calls what the task names, with the execution's role or the state's credentials. What the workflow's author
    caused is a `TaskFailure`. `calls` is needed for tasks that are operations of hosted services."""
    kind = _kind(task.resource)
    if kind is None:
        return TaskFailure("States.Runtime", f"Stategate does not support the resource {task.resource} yet.")
    principal = roles.assume(ports, execution, task.credentials)
    if isinstance(principal, TaskFailure):
        return principal
    outcome = await kind(TaskCall(ports, execution, task, principal, calls))
    if task.resource.endswith(TOKEN) and isinstance(outcome, TaskSuccess):
        return TaskAccepted(outcome.output)
    return outcome
