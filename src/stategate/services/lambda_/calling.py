"""Calling a version of a function with a payload: what every way to invoke has in common."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from stategate.lang.jsontext import JSONSyntaxError, loads
from stategate.services.errors import AwsError
from stategate.services.lambda_ import records
from stategate.services.lambda_.records import Configuration, Function
from stategate.services.ports import Invocation, Ports, Throttled, World

MAX_SYNCHRONOUS = 6_291_556
MAX_ASYNCHRONOUS = 1_048_576


@dataclass(frozen=True, slots=True)
class Invoked:
    """`status`: 200, 202 (asynchronous) or 204 (dry run). `function_error`: None or "Unhandled". `log_tail`: the last
    4 KB of the log, if it was asked for."""

    status: int
    payload: bytes
    function_error: str | None
    executed_version: str | None
    request_id: str
    log_tail: bytes | None = None


async def call(
    ports: Ports,
    world: World,
    function: Function,
    configuration: Configuration,
    invocation: Invocation,
    *,
    log_tail: bool = False,
) -> Invoked:
    """Runs the version now. Raises TooManyRequestsException."""
    code = records.function_code(world, function, configuration)
    try:
        result = await ports.functions.invoke(code, invocation)
    except Throttled:
        raise throttled() from None
    return Invoked(
        200,
        result.payload,
        result.error,
        configuration.version,
        invocation.request_id,
        result.log_tail if log_tail else None,
    )


def new_trace_id(ports: Ports) -> str:
    """As X-Ray writes it, for an invocation that nobody traces."""
    digits = (ports.entropy.uuid() + ports.entropy.uuid()).replace("-", "")
    return f"Root=1-{int(ports.clock.now()):08x}-{digits[:24]};Parent={digits[24:40]};Sampled=0"


def throttled() -> AwsError:
    return AwsError(
        "TooManyRequestsException",
        "Rate Exceeded.",
        status=429,
        members={"Type": "User", "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"},
    )


def check_payload(payload: bytes, invocation_type: str) -> None:
    """Raises RequestEntityTooLargeException (HTTP 413) and InvalidRequestContentException."""
    if invocation_type == "Event" and len(payload) > MAX_ASYNCHRONOUS:
        raise _too_large(
            f"{len(payload)} byte payload is too large for the Event invocation type"
            f" (service limit {MAX_ASYNCHRONOUS} bytes)"
        )
    if len(payload) > MAX_SYNCHRONOUS:
        raise _too_large(f"Request must be smaller than {MAX_SYNCHRONOUS} bytes for the InvokeFunction operation")
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        _check_precisely(payload)


def _check_precisely(payload: bytes) -> None:
    try:
        loads(payload)
    except JSONSyntaxError as error:
        raise AwsError(
            "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: " + error.message,
            members={"Type": "User"},
        ) from None


def _too_large(message: str) -> AwsError:
    return AwsError("RequestEntityTooLargeException", message, status=413, members={"Type": "User"})
