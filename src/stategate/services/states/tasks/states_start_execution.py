"""`arn:aws:states:::states:startExecution` and its `.sync` forms: an execution as a task.

The execution has a name that follows from the task, so that a task that is called again after a crash finds the
execution that it started.
"""

from __future__ import annotations

import asyncio
from typing import Any

from stategate.lang.jsontext import JSON, dumps
from stategate.services.errors import AwsError
from stategate.services.ports import Ports, TaskAccepted, TaskFailure, TaskOutcome, TaskSuccess
from stategate.services.states import records
from stategate.services.states.errors import type_not_supported
from stategate.services.states.names import parse_machine_arn
from stategate.services.states.tasks.taskcall import TaskCall, response_metadata, sdk_cause
from stategate.wire import load

PARAMETERS = {"StateMachineArn": "stateMachineArn", "Name": "name", "TraceHeader": "traceHeader", "Input": "input"}

_stopping: set[asyncio.Task[Any]] = set()


async def run(call: TaskCall) -> TaskOutcome:
    """Answers once the execution is started."""
    return await _start(call, waits=False)


async def run_sync(call: TaskCall) -> TaskOutcome:
    """The task ends with the execution. If nobody waits any more while it is being started, it is stopped."""
    starting = asyncio.ensure_future(_start(call, waits=True))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        _stopping.add(stopping := asyncio.ensure_future(_stop(call.ports, starting)))
        stopping.add_done_callback(_stopping.discard)
        raise


async def _stop(ports: Ports, starting: asyncio.Future[TaskOutcome]) -> None:
    outcome = await starting
    if isinstance(outcome, TaskAccepted) and outcome.execution_arn is not None:
        await ports.executions.stop(outcome.execution_arn, None, None)


async def _start(call: TaskCall, *, waits: bool) -> TaskOutcome:
    given = call.arguments()
    request = call.request(parent=True)
    input = {PARAMETERS[name]: value for name, value in given.items() if value is not None and name != "Input"}
    input["input"] = _text(given.get("Input"))
    input.setdefault("name", call.own_name())
    try:
        if waits and _is_express(call, given["StateMachineArn"]):
            raise type_not_supported()
        started = await call.perform(request, "stepfunctions", "StartExecution", input)
    except AwsError as error:
        return refused(error, request.request_id)
    arn, date = str(started["executionArn"]), float(started["startDate"])
    body = f'{{"executionArn":{dumps(arn)},"startDate":{_java_seconds(date)}}}'
    metadata = response_metadata(request.request_id, len(body.encode()), request.now)
    output = dumps({"ExecutionArn": arn, **metadata, "StartDate": round(date * 1000)})
    return TaskAccepted(output, arn) if waits else TaskSuccess(output)


def _text(value: JSON) -> str:
    """A string is JSON text already; without an input there is the empty object."""
    if value is None:
        return "{}"
    return value if isinstance(value, str) else dumps(value)


def _is_express(call: TaskCall, machine_arn: str) -> bool:
    """Nobody can be told of the end of an Express execution. What is wrong with the ARN StartExecution will say."""
    try:
        name = parse_machine_arn(call.world, machine_arn).name
    except AwsError:
        return False
    machine = records.machines(call.ports, call.world).get(name)
    return machine is not None and machine.type == "EXPRESS"


def refused(error: AwsError, request_id: str) -> TaskFailure:
    """As the first version of AWS's SDK shows an error of Step Functions."""
    shape = load("stepfunctions").model.errors.get(error.code)
    name = "AWSStepFunctionsException" if shape is None else shape.name.removesuffix("Exception") + "Exception"
    return TaskFailure(f"StepFunctions.{name}", sdk_cause(error, "AWSStepFunctions", request_id))


def _java_seconds(seconds: float) -> str:
    """Epoch seconds with milliseconds as Java prints them: 1.700000000123E9."""
    mantissa, _, exponent = f"{round(seconds, 3):.12E}".partition("E")
    digits = mantissa.rstrip("0")
    return f"{digits}{'0' if digits.endswith('.') else ''}E{int(exponent)}"
