"""The request pipeline, run: the stages in AWS's order, and the one place where a failure becomes an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, assert_never

from stategate.gateway import deployment as stages
from stategate.gateway.context import build_context
from stategate.gateway.deployment import CompiledMethod
from stategate.gateway.failures import GatewayFailure, TakesLong, configuration_error
from stategate.gateway.gatewayresponses import Render
from stategate.gateway.headers import is_name
from stategate.gateway.proxy import malformed
from stategate.gateway.stages import (
    Authorized,
    FunctionRequest,
    HttpCall,
    IntegrationRequest,
    IntegrationResult,
    MockRequest,
    Received,
    Reply,
    Routed,
    ServiceRequest,
)
from stategate.services.apigateway.backends import Backends
from stategate.services.apigateway.responsecache import Slot
from stategate.services.beside import LARGE, beside
from stategate.services.ports import World

T = TypeVar("T")

Authorize = Callable[[CompiledMethod, Routed, dict[str, str]], Awaitable[Authorized]]
"""The stage Routed -> Authorized; it tells the access log about itself in the dict."""

Cached = Callable[[CompiledMethod, Authorized], Slot | None]
"""The place of a request in the stage's cache, if its method's answers are kept."""


_OF_INTEGRATIONS = frozenset(("API_CONFIGURATION_ERROR", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"))
"""What access logs call an integration's error."""


@dataclass(slots=True)
class Outcome:
    """A reply with what the access log tells of it. `traced`: the answer carries X-Amzn-Trace-Id. `generated`: it is a
    gateway response. `cache_hit` None: the stage's cache was not asked."""

    reply: Reply
    context: dict[str, Any]
    traced: bool = False
    extra: dict[str, str] = field(default_factory=dict)
    generated: bool = False
    cache_hit: bool | None = None


async def run(
    world: World,
    backends: Backends,
    render: Render,
    target: CompiledMethod | None,
    received: Received,
    parameters: dict[str, str],
    authorize: Authorize | None = None,
    cached: Cached | None = None,
) -> Outcome:
    """Answers whatever comes; `target` None: no method matched; `authorize` None: anybody may (TestInvokeMethod)."""
    routed: Routed | None = None
    extra: dict[str, str] = {}
    try:
        if target is None:
            raise GatewayFailure("MISSING_AUTHENTICATION_TOKEN")
        routed = stages.routed_to(target, received, parameters)
        authorized = Authorized(routed) if authorize is None else await authorize(target, routed, extra)
        stages.log_request(routed)
        size = len(received.body)
        validate = target.validate
        if validate is not None:
            await _done(size, authorized, lambda given: validate(given.routed))
        slot = None if cached is None else cached(target, authorized)
        kept = None if slot is None else slot.find()
        traced = False
        if kept is not None:
            result, failed = kept
        else:
            request = await _done(size, authorized, target.request)
            traced = _traced(request)
            result, failed = await _performed(world, backends, authorized, request, extra)
        extra["integration.status"] = extra["integrationStatus"] = str(result.status)
        answered, wrong = result, failed
        reply = await _done(len(result.body), authorized, lambda given: target.respond(given.routed, answered, wrong))
        _check_sendable(target, reply)
        if target.proxies_function:
            # The function's own status; that of the Lambda service is integrationStatus.
            extra["integration.status"] = str(reply.status)
        if slot is not None:
            if kept is None:
                slot.keep(result, failed, reply)
            reply = slot.finish(reply)
        stages.log_reply(routed, reply, traced)
        cache_hit = None if slot is None else kept is not None
        return Outcome(reply, routed.context, traced, extra, cache_hit=cache_hit)
    except GatewayFailure as failure:
        return _failed(render, failure, received, routed, extra)


def _failed(
    render: Render, failure: GatewayFailure, received: Received, routed: Routed | None, extra: dict[str, str]
) -> Outcome:
    context = routed.context if routed is not None else build_context(received, None)
    reply = render(failure, received, routed, context)
    stages.log_failure(received, failure, reply)
    reason = failure.line or failure.log
    if reason and failure.response_type in _OF_INTEGRATIONS:
        extra["integrationErrorMessage"] = extra["integration.error"] = reason
    return Outcome(reply, context, False, extra, generated=True)


async def _done(size: int, authorized: Authorized, stage: Callable[[Authorized], T]) -> T:
    """Does a stage that works on so many bytes; what is large, and what turns out to take long, beside the event
    loop."""
    if size < LARGE:
        try:
            return stage(authorized)
        except TakesLong:
            pass
    calm = replace(authorized, routed=replace(authorized.routed, hurried=False))
    return await beside(LARGE, lambda: stage(calm), calm.routed.received.around.api_id)


async def _performed(
    world: World, backends: Backends, authorized: Authorized, request: IntegrationRequest, extra: dict[str, str]
) -> tuple[IntegrationResult, bool]:
    """What `Backends.perform` gives; the access log gets to know about it, and how long it took. From here on
    `$context.awsEndpointRequestId` is known."""
    started = backends.now()
    try:
        result, failed = await backends.perform(world, authorized, request)
    finally:
        latency = str(max(0, round((backends.now() - started) * 1000)))
        extra["integrationLatency"] = extra["integration.latency"] = latency
    if isinstance(request, FunctionRequest):
        extra["integration.integrationStatus"] = str(result.status)
    request_id = next((value for name, value in result.headers if name.lower() == "x-amzn-requestid"), None)
    if request_id is not None and isinstance(request, FunctionRequest | ServiceRequest):
        extra["integration.requestId"] = authorized.routed.context["awsEndpointRequestId"] = request_id
    return result, failed


def _check_sendable(target: CompiledMethod, reply: Reply) -> None:
    """What can't be an answer of HTTP is the API's fault, or its function's."""
    wrong = None
    if reply.status < 200:
        # No final answer: the client would wait for another one.
        wrong = f"Invalid status code: {reply.status}"
    elif bad := [name for name, _ in reply.headers if not is_name(name)]:
        wrong = f"Invalid header name: {bad[0]!r}"
    if wrong is not None:
        raise malformed() if target.proxies_function else configuration_error(wrong)


def _traced(request: IntegrationRequest) -> bool:
    """Neither mocks nor HTTP proxies answer with X-Amzn-Trace-Id [recorded]."""
    match request:
        case ServiceRequest() | FunctionRequest():
            return True
        case HttpCall():
            return not request.proxy
        case MockRequest():
            return False
        case _:
            assert_never(request)
