"""SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat: the answers to tasks that wait for one."""

from __future__ import annotations

from stategate.services.access import authorize
from stategate.services.call import Call, Input, Output
from stategate.services.ports import World
from stategate.services.states.errors import invalid_output, invalid_token, task_does_not_exist, task_timed_out
from stategate.services.states.payloads import check_payload


async def send_task_success(call: Call, input: Input) -> Output:
    token, output = input["taskToken"], input["output"]
    _check_token(call, token, "SendTaskSuccess")
    check_payload("output", output, invalid_output)
    _acknowledge(await call.ports.executions.task_succeeded(token, output))
    return {}


async def send_task_failure(call: Call, input: Input) -> Output:
    token = input["taskToken"]
    _check_token(call, token, "SendTaskFailure")
    _acknowledge(await call.ports.executions.task_failed(token, input.get("error"), input.get("cause")))
    return {}


async def send_task_heartbeat(call: Call, input: Input) -> Output:
    token = input["taskToken"]
    _check_token(call, token, "SendTaskHeartbeat")
    _acknowledge(await call.ports.executions.task_heartbeat(token))
    return {}


def _check_token(call: Call, token: str, operation: str) -> None:
    """The permission is asked for here, because the resource (the activity, or the state machine) is known from the
    token only. A token of another account is none."""
    owner = call.ports.executions.task_owner(token)
    if owner is None:
        raise invalid_token()
    execution = owner.execution
    if execution.world != World(call.world.account, call.world.region):
        raise task_does_not_exist()
    resource = owner.activity or execution.machine_arn
    authorize(call.ports, call.world, call.principal, f"states:{operation}", resource)


def _acknowledge(taken_up: bool) -> None:
    if not taken_up:
        raise task_timed_out()
