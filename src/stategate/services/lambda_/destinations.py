"""Destinations: a function that is told, asynchronously, how an asynchronous invocation of another one ended.

The record is as AWS's developer guide shows it.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson
import structlog

from stategate.services import access
from stategate.services.errors import AwsError
from stategate.services.lambda_ import execution_role, lookup, names, permissions, records
from stategate.services.lambda_.calling import MAX_ASYNCHRONOUS, Invoked
from stategate.services.lambda_.names import FunctionName
from stategate.services.lambda_.records import LATEST, Event, EventInvoke
from stategate.services.ports import Invocation, Ports, World
from stategate.wire.timestamps import iso8601

_log = structlog.get_logger(__name__)


def authorize(ports: Ports, name: FunctionName, target: FunctionName) -> None:
    """Asks whether the execution role of `name` may invoke `target`. Raises AwsError and `access.RoleNotAssumable`."""
    code = records.function_code(name.world, *lookup.configuration(ports, name))
    permissions.authorize(ports, target, execution_role.session(ports, code), "lambda:InvokeFunction")


def tell(
    ports: Ports,
    world: World,
    event: Event,
    settings: EventInvoke,
    condition: str,
    invoked: Invoked | None,
    accept: Callable[[Ports, FunctionName, Invocation], None],
) -> None:
    """Queues the record by `accept`. `condition`: Success, RetriesExhausted or EventAgeExceeded. A destination that
    cannot be told is said in the server's log: there is nobody else to tell."""
    arn = settings.on_success if condition == "Success" else settings.on_failure
    if arn is None:
        return
    try:
        name = names.parse(world, event.function, event.qualifier)
        target = names.parse(world, arn)
        authorize(ports, name, target)
        lookup.configuration(ports, target)
        payload = _record(ports.clock.now(), name, event, condition, invoked)
        if len(payload) > MAX_ASYNCHRONOUS:
            raise AwsError("RequestEntityTooLargeException", f"the record has {len(payload)} bytes")
    except (AwsError, access.RoleNotAssumable) as error:
        _log.warning("destination not told", function=event.function, destination=arn, reason=str(error))
        return
    accept(ports, target, Invocation(ports.entropy.uuid(), payload, target.qualified_arn))


def _record(now: float, name: FunctionName, event: Event, condition: str, invoked: Invoked | None) -> bytes:
    record: dict[str, object] = {
        "version": "1.0",
        "timestamp": iso8601(now),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": f"{name.arn}:{name.qualifier or LATEST}",
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": orjson.Fragment(event.payload),
    }
    if invoked is not None:
        context: dict[str, object] = {"statusCode": 200, "executedVersion": invoked.executed_version}
        if invoked.function_error is not None:
            context["functionError"] = invoked.function_error
        record |= {"responseContext": context, "responsePayload": _json(invoked.payload)}
    return orjson.dumps(record)


def _json(payload: bytes) -> object:
    """A custom runtime may answer with anything."""
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")
    return orjson.Fragment(payload)
