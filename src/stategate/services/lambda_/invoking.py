"""Invoking a function from inside the server: for the Invoke operation, API Gateway's integrations and the task kinds.

Asks whether the principal may, finds the version, and hands the payload to the workers. A function's own failure is a
result; what Lambda itself refuses is an `AwsError` with Lambda's code and message.
"""

from __future__ import annotations

import base64

import orjson

from stategate.iam import Principal
from stategate.services.access import RequestValues
from stategate.services.errors import AwsError
from stategate.services.lambda_ import calling, events, lookup, names, permissions
from stategate.services.lambda_.calling import Invoked
from stategate.services.lambda_.names import FunctionName
from stategate.services.lambda_.records import LATEST, Configuration, Function
from stategate.services.ports import Invocation, Ports, World

__all__ = ["Invoked", "invoke", "run"]

ACTION = "lambda:InvokeFunction"


async def invoke(
    ports: Ports,
    world: World,
    principal: Principal,
    function: str,
    payload: bytes,
    *,
    qualifier: str | None = None,
    context: RequestValues | None = None,
    log_tail: bool = False,
    request_id: str | None = None,
    client_context: str | None = None,
    trace_id: str | None = None,
    invocation_type: str = "RequestResponse",
) -> Invoked:
    """Invokes `function` (any form of its name, see `names`) as `principal`.

    `payload` is JSON text; empty means `{}`. `context` are condition keys as they are written, such as
    `aws:SourceArn`. `client_context` is a JSON object in base64, `invocation_type` RequestResponse, Event or DryRun.
    Raises AwsError: ResourceNotFoundException, AccessDeniedException, InvalidParameterValueException,
    InvalidRequestContentException, RequestEntityTooLargeException, TooManyRequestsException.
    """
    name = names.parse(world, function, qualifier)
    permissions.authorize(ports, name, principal, ACTION, context)
    return await run(
        ports,
        name,
        payload,
        log_tail=log_tail,
        request_id=request_id,
        client_context=_decoded(client_context),
        trace_id=trace_id,
        invocation_type=invocation_type,
    )


async def run(
    ports: Ports,
    name: FunctionName,
    payload: bytes,
    *,
    log_tail: bool = False,
    request_id: str | None = None,
    client_context: str | None = None,
    trace_id: str | None = None,
    invocation_type: str = "RequestResponse",
) -> Invoked:
    """`invoke` for a caller whose permission has been checked. `client_context` is JSON text here."""
    function, configuration = _find(ports, name)
    payload = payload or b"{}"
    calling.check_payload(payload, invocation_type)
    request_id, trace_id = request_id or ports.entropy.uuid(), trace_id or calling.new_trace_id(ports)
    invocation = Invocation(request_id, payload, name.qualified_arn, client_context, trace_id)
    match invocation_type:
        case "DryRun":
            return Invoked(204, b"", None, configuration.version, invocation.request_id)
        case "Event":
            events.accept(ports, name, invocation)
            return Invoked(202, b"", None, None, invocation.request_id)
        case _:
            return await calling.call(ports, name.world, function, configuration, invocation, log_tail=log_tail)


def _decoded(encoded: str | None) -> str | None:
    """A client context as JSON text."""
    if not encoded:
        return None
    try:
        text = base64.b64decode(encoded, validate=True)
        if isinstance(orjson.loads(text), dict):
            return text.decode()
    except ValueError:
        pass
    raise AwsError(
        "InvalidRequestContentException",
        "Client context must be a valid Base64-encoded JSON object.",
        members={"Type": "User"},
    )


def _find(ports: Ports, name: FunctionName) -> tuple[Function, Configuration]:
    try:
        return lookup.configuration(ports, name, ports.entropy.random)
    except AwsError as error:
        if error.code != "ResourceNotFoundException" or name.qualifier is not None:
            raise
        # Invoke, unlike the other operations, says which version it looked for.
        raise names.function_not_found(f"{name.arn}:{LATEST}") from None
