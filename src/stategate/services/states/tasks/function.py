"""The Resource is a function's ARN: the state's input is the event, the response is the result."""

from __future__ import annotations

from stategate.lang.jsontext import dumps
from stategate.services.errors import AwsError
from stategate.services.lambda_.invoking import invoke
from stategate.services.ports import TaskOutcome, TaskSuccess
from stategate.services.states.tasks import lambda_results
from stategate.services.states.tasks.taskcall import TaskCall


async def run(call: TaskCall) -> TaskOutcome:
    ports, task = call.ports, call.task
    request_id = ports.entropy.uuid()
    payload = task.input.encode("utf-8", "replace")
    try:
        invoked = await invoke(
            ports,
            call.world,
            call.principal,
            task.resource,
            payload,
            request_id=request_id,
            trace_id=call.execution.trace_header,
        )
    except AwsError as error:
        return lambda_results.refused(error, request_id)
    if invoked.function_error is not None:
        return lambda_results.failed(invoked, verbatim=True)
    try:
        return TaskSuccess(dumps(lambda_results.payload_of(invoked)))
    except lambda_results.NotJSON as error:
        return lambda_results.not_json(error)
