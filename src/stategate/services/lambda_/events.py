"""Asynchronous invocations: kept on disk from when they are acknowledged until they are delivered or given up.

A failure is tried again twice, after one and two minutes; a throttled one for up to six hours, with growing pauses.
`eventinvoke` lets users change that, and has others told of the outcome.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog
from msgspec import structs

from stategate.services.errors import AwsError
from stategate.services.lambda_ import calling, destinations, lookup, names, records
from stategate.services.lambda_.calling import Invoked
from stategate.services.lambda_.names import FunctionName
from stategate.services.lambda_.records import Event, EventInvoke
from stategate.services.ports import Invocation, Ports, World

RETRIES = 2
RETRY_AFTER = (60.0, 120.0)
MAX_AGE = 6 * 3600.0
MAX_PAUSE = 300.0

_log = structlog.get_logger(__name__)
_running: set[asyncio.Task[None]] = set()
"""The event loop holds its tasks weakly."""


def accept(ports: Ports, name: FunctionName, invocation: Invocation) -> None:
    """Queues an invocation. It is acknowledged once `Store.durable()` returns, and begun after that."""
    now = ports.clock.now()
    key = f"{int(now * 1000):014d}:{invocation.request_id}"
    event = Event(
        function=name.name,
        qualifier=name.qualifier,
        invoked_arn=invocation.invoked_arn,
        request_id=invocation.request_id,
        payload=invocation.payload,
        accepted=now,
        due=now,
        client_context=invocation.client_context,
        trace_id=invocation.trace_id,
    )
    records.events(ports, name.world).put(key, event)
    _start(ports, name.world, key)


def resume(ports: Ports) -> int:
    """Goes on with the invocations that an earlier run of the server acknowledged; returns how many there are."""
    count = 0
    for world in ports.store.worlds("lambda.event"):
        keys = [key for key, _ in records.events(ports, world).items()]
        for key in keys:
            _start(ports, world, key)
        count += len(keys)
    return count


def _start(ports: Ports, world: World, key: str) -> None:
    task = asyncio.get_running_loop().create_task(_deliver(ports, world, key))
    _running.add(task)
    task.add_done_callback(_running.discard)


async def _deliver(ports: Ports, world: World, key: str) -> None:
    kept = records.events(ports, world)
    await ports.store.durable()
    while (event := kept.get(key)) is not None:
        if (pause := event.due - ports.clock.now()) > 0:
            await asyncio.sleep(pause)
        _settle(ports, world, key, event, await _attempt(ports, world, event))
        await ports.store.durable()


@dataclass(frozen=True, slots=True)
class Attempt:
    """`outcome`: "done", "failed", "throttled" or "gone" (the function was deleted). `invoked` if the function ran."""

    outcome: str
    invoked: Invoked | None = None


async def _attempt(ports: Ports, world: World, event: Event) -> Attempt:
    name = names.parse(world, event.function, event.qualifier)
    invocation = Invocation(event.request_id, event.payload, event.invoked_arn, event.client_context, event.trace_id)
    try:
        function, configuration = lookup.configuration(ports, name, ports.entropy.random)
        invoked = await calling.call(ports, world, function, configuration, invocation)
    except AwsError as error:
        outcomes = {"TooManyRequestsException": "throttled", "ResourceNotFoundException": "gone"}
        return Attempt(outcomes.get(error.code, "failed"))
    except Exception:  # noqa: BLE001  tried again, as a failure of the function is
        _log.exception("asynchronous invocation failed", function=event.function, request_id=event.request_id)
        return Attempt("failed")
    return Attempt("done" if invoked.function_error is None else "failed", invoked)


def _settle(ports: Ports, world: World, key: str, event: Event, attempt: Attempt) -> None:
    """Forgets the event or says when it is tried again; who is to be told of its end is, in the same commit."""
    now = ports.clock.now()
    settings = records.event_invokes(ports, world).get(records.event_invoke_key(event.function, event.qualifier))
    settings = settings or EventInvoke(modified=now)
    retries = RETRIES if settings.retries is None else settings.retries
    max_age = MAX_AGE if settings.max_age is None else settings.max_age
    attempts = event.attempts + (attempt.outcome in ("done", "failed"))
    throttled = event.throttled + (attempt.outcome == "throttled")
    again = structs.replace(event, attempts=attempts, throttled=throttled)
    kept = records.events(ports, world)
    match attempt.outcome:
        case "throttled":
            pause = min(2.0**event.throttled, MAX_PAUSE)
        case "failed" if attempts <= retries:
            pause = RETRY_AFTER[attempts - 1]
        case _:
            kept.delete(key)
            condition = "Success" if attempt.outcome == "done" else "RetriesExhausted"
            if attempt.outcome != "gone":
                destinations.tell(ports, world, again, settings, condition, attempt.invoked, accept)
            return
    if now + pause - event.accepted > max_age:
        kept.delete(key)
        destinations.tell(ports, world, again, settings, "EventAgeExceeded", attempt.invoked, accept)
        return
    kept.put(key, structs.replace(again, due=now + pause))
