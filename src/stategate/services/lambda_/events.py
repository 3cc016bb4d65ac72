"""Asynchronous invocations: kept on disk from when they are acknowledged until they are delivered or given up.

A failure is tried again twice, after one and two minutes; a throttled one for up to six hours, with growing pauses.
"""

from __future__ import annotations

import asyncio

import structlog
from msgspec import structs

from stategate.services.errors import AwsError
from stategate.services.lambda_ import calling, lookup, names, records
from stategate.services.lambda_.names import FunctionName
from stategate.services.lambda_.records import Event
from stategate.services.ports import Invocation, Ports, Records, World

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
        _settle(ports, kept, key, event, await _attempt(ports, world, event))
        await ports.store.durable()


async def _attempt(ports: Ports, world: World, event: Event) -> str:
    """ "done", "failed", "throttled" or "gone" (the function was deleted)."""
    name = names.parse(world, event.function, event.qualifier)
    invocation = Invocation(event.request_id, event.payload, event.invoked_arn, event.client_context, event.trace_id)
    try:
        function, configuration = lookup.configuration(ports, name, ports.entropy.random)
        invoked = await calling.call(ports, world, function, configuration, invocation)
    except AwsError as error:
        return {"TooManyRequestsException": "throttled", "ResourceNotFoundException": "gone"}.get(error.code, "failed")
    except Exception:  # noqa: BLE001  tried again, as a failure of the function is
        _log.exception("asynchronous invocation failed", function=event.function, request_id=event.request_id)
        return "failed"
    return "done" if invoked.function_error is None else "failed"


def _settle(ports: Ports, kept: Records[Event], key: str, event: Event, outcome: str) -> None:
    now = ports.clock.now()
    attempts = event.attempts + (outcome == "failed")
    throttled = event.throttled + (outcome == "throttled")
    if outcome == "throttled":
        pause = min(2.0**event.throttled, MAX_PAUSE)
    elif outcome == "failed" and attempts <= len(RETRY_AFTER):
        pause = RETRY_AFTER[attempts - 1]
    else:
        kept.delete(key)
        return
    if now + pause - event.accepted > MAX_AGE:
        kept.delete(key)
        return
    kept.put(key, structs.replace(event, due=now + pause, attempts=attempts, throttled=throttled))
