"""RedriveExecution, and whether an execution can be redriven. Reasons as the API reference words them."""

from __future__ import annotations

import msgspec

from stategate.services.call import Call, Input, Output
from stategate.services.ports import Execution, NotRedrivable, Ports, Records, World
from stategate.services.states import names, records
from stategate.services.states.errors import execution_does_not_exist, execution_not_redrivable

DAY = 86_400.0
PERIOD = 14 * DAY
"""Seconds after its end in which an execution can be redriven."""

LONGEST = 365 * DAY
"""Seconds that an execution may take, redrives included."""

MOST = 1000
"""So often can an execution be redriven."""

LAST_EVENT = 24_999
"""An execution with so many events has no room for another."""

TOKEN_SECONDS = 15 * 60.0
"""So long the same clientToken means the same redrive."""

TOKENS = 10
"""So many redrives of an execution are remembered by their clientToken."""


class Redrive(msgspec.Struct, frozen=True):
    """A redrive that a clientToken was given for."""

    token: str
    at: float


async def redrive_execution(call: Call, input: Input) -> Output:
    """Answers once the execution runs again, on disk. With the clientToken of a recent redrive, the answer is that
    redrive's."""
    arn = names.check_execution_arn(call.world, input["executionArn"])
    execution = call.ports.executions.get(arn)
    if execution is None:
        raise execution_does_not_exist(arn)
    token = input.get("clientToken")
    known = None if token is None else _redrives(call.ports, call.world).get(f"{arn} {token}")
    if known is not None and call.now - known.at < TOKEN_SECONDS:
        return {"redriveDate": known.at}
    reason = refusal(call.ports, execution, call.now)
    if reason is None and execution.new.map_run_arn is not None:
        reason = "Execution was started by a Map Run and can only be redriven by redriving its parent execution"
    if reason is not None:
        raise execution_not_redrivable(reason)
    try:
        redriven = await call.ports.executions.redrive(arn)
    except NotRedrivable as error:
        raise execution_not_redrivable(str(error)) from None
    if redriven is None or redriven.redriven is None:
        raise execution_does_not_exist(arn)
    if token is not None:
        _remember(call, arn, Redrive(token, redriven.redriven))
    return {"redriveDate": redriven.redriven}


def status(ports: Ports, execution: Execution, now: float) -> Output:
    """redriveStatus and its reason, as DescribeExecution shows them."""
    reason = refusal(ports, execution, now)
    if reason is not None:
        return {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}
    by_map_run = execution.new.map_run_arn is not None
    return {"redriveStatus": "REDRIVABLE_BY_MAP_RUN" if by_map_run else "REDRIVABLE"}


def refusal(ports: Ports, execution: Execution, now: float) -> str | None:
    """Why it can't be redriven."""
    new = execution.new
    if execution.status in ("RUNNING", "SUCCEEDED"):
        return f"Execution is {execution.status} and cannot be redriven"
    if new.type == "EXPRESS":
        return None  # a child of a map run: it is started anew
    name = new.machine_arn.rpartition(":stateMachine:")[2].partition("/")[0]
    machine = records.machines(ports, new.world).get(name)
    if machine is not None and machine.deleting:
        return "State machine is in DELETING status"
    if execution.stopped is not None and now - execution.stopped > PERIOD:
        return "Execution redrivable period exceeded"
    if now - new.started > LONGEST:
        return "Execution has exceeded the max execution time"
    if execution.redrive_count >= MOST:
        return "Execution redrive limit exceeded"
    if ports.executions.last_event(new.arn) >= LAST_EVENT:
        return "Execution history event limit exceeded"
    return None


def _redrives(ports: Ports, world: World) -> Records[Redrive]:
    """By execution ARN and token; what is older than a token lives is thrown away with the next one."""
    return ports.store.records(world, "states.redrive", Redrive)


def _remember(call: Call, arn: str, redrive: Redrive) -> None:
    kept = _redrives(call.ports, call.world)
    for key, old in list(kept.items()):
        if call.now - old.at >= TOKEN_SECONDS:
            kept.delete(key)
    kept.put(f"{arn} {redrive.token}", redrive)
    newest_last = sorted(kept.items(f"{arn} "), key=lambda item: item[1].at)
    for key, _ in newest_last[:-TOKENS]:
        kept.delete(key)
