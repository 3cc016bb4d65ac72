"""`arn:aws:states:::lambda:invoke`: the arguments are those of Invoke, the result has the response and its headers."""

from __future__ import annotations

import base64
from email.utils import formatdate
from typing import Any

from stategate.lang.jsontext import JSON, dumps
from stategate.services.errors import AwsError
from stategate.services.lambda_.calling import new_trace_id
from stategate.services.lambda_.invoking import Invoked, invoke
from stategate.services.ports import TaskOutcome, TaskSuccess
from stategate.services.states.tasks import lambda_results
from stategate.services.states.tasks.taskcall import TaskCall
from stategate.wire import WireError, load


async def run(call: TaskCall) -> TaskOutcome:
    ports, given = call.ports, call.arguments()
    request_id, trace_id = ports.entropy.uuid(), call.execution.trace_header or new_trace_id(ports)
    try:
        _check(given)
        invoked = await invoke(
            ports,
            call.world,
            call.principal,
            given["FunctionName"],
            _event(given.get("Payload")),
            qualifier=given.get("Qualifier"),
            log_tail=given.get("LogType") == "Tail",
            request_id=request_id,
            client_context=given.get("ClientContext"),
            trace_id=trace_id,
            invocation_type=given.get("InvocationType") or "RequestResponse",
        )
        if invoked.status == 202:
            # An asynchronous invocation, as the task's success, must not be lost.
            await ports.store.durable()
    except AwsError as error:
        return lambda_results.refused(error, request_id)
    if invoked.function_error is not None:
        return lambda_results.failed(invoked, verbatim=False)
    try:
        return TaskSuccess(dumps(_result(invoked, ports.clock.now(), trace_id)))
    except lambda_results.NotJSON as error:
        return lambda_results.not_json(error)


def _check(given: dict[str, JSON]) -> None:
    """What Invoke's model asks of its arguments, as at the public endpoint."""
    try:
        load("lambda").operations["Invoke"].check(given)
    except WireError as error:
        raise AwsError(error.code, error.message, status=error.status) from None


def _event(payload: JSON) -> bytes:
    """No payload, and null, are an empty event."""
    return b"{}" if payload is None else dumps(payload).encode("utf-8", "replace")


def _result(invoked: Invoked, now: float, trace: str) -> dict[str, Any]:
    """As the SDK's response object is written: the headers as they came, and sorted."""
    log_tail = None if invoked.log_tail is None else base64.b64encode(invoked.log_tail).decode()
    headers = {
        "X-Amz-Executed-Version": invoked.executed_version,
        "X-Amz-Log-Result": log_tail,
        "x-amzn-Remapped-Content-Length": "0",
        "Connection": "keep-alive",
        "x-amzn-RequestId": invoked.request_id,
        "Content-Length": str(len(invoked.payload)),
        "Date": formatdate(now, usegmt=True),
        "X-Amzn-Trace-Id": trace,
        "Content-Type": "application/json",
    }
    headers = {name: value for name, value in headers.items() if value is not None}
    result: dict[str, Any] = {}
    if invoked.executed_version is not None:
        result["ExecutedVersion"] = invoked.executed_version
    if log_tail is not None:
        result["LogResult"] = log_tail
    if invoked.status == 200:
        result["Payload"] = lambda_results.payload_of(invoked)
    result["SdkHttpMetadata"] = {
        "AllHttpHeaders": {name: [value] for name, value in headers.items()},
        "HttpHeaders": {name: headers[name] for name in sorted(headers, key=str.lower)},
        "HttpStatusCode": invoked.status,
    }
    result["SdkResponseMetadata"] = {"RequestId": invoked.request_id}
    result["StatusCode"] = invoked.status
    return result
