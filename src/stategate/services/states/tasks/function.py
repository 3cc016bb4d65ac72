"""The Resource is a function's ARN: the state's input is the event, the response is the result."""

from __future__ import annotations

from stategate.asl.effects import ScheduleTask
from stategate.iam import Principal
from stategate.lang.jsontext import dumps
from stategate.services.errors import AwsError
from stategate.services.lambda_.invoking import invoke
from stategate.services.ports import NewExecution, Ports, TaskOutcome, TaskSuccess, World
from stategate.services.states.tasks import lambda_results


async def run(ports: Ports, execution: NewExecution, task: ScheduleTask, principal: Principal) -> TaskOutcome:
    world = World(principal.account, execution.world.region)
    request_id = ports.entropy.uuid()
    payload = task.input.encode("utf-8", "replace")
    try:
        invoked = await invoke(
            ports, world, principal, task.resource, payload, request_id=request_id, trace_id=execution.trace_header
        )
    except AwsError as error:
        return lambda_results.refused(error, request_id)
    if invoked.function_error is not None:
        return lambda_results.failed(invoked, verbatim=True)
    try:
        return TaskSuccess(dumps(lambda_results.payload_of(invoked)))
    except lambda_results.NotJSON as error:
        return lambda_results.not_json(error)
