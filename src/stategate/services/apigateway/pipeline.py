"""The request pipeline, run: the stages in AWS's order, and the one place where a failure becomes an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, assert_never

from stategate.gateway import deployment as stages
from stategate.gateway.context import build_context
from stategate.gateway.deployment import CompiledMethod
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.gatewayresponses import Render
from stategate.gateway.stages import (
    FunctionRequest,
    HttpCall,
    IntegrationRequest,
    MockRequest,
    Received,
    Reply,
    Routed,
    ServiceRequest,
)
from stategate.services.apigateway.backends import Backends
from stategate.services.ports import World


@dataclass(slots=True)
class Outcome:
    """A reply with what the access log tells of it. `traced`: the answer carries X-Amzn-Trace-Id. `generated`: it is a
    gateway response."""

    reply: Reply
    context: dict[str, Any]
    traced: bool = False
    extra: dict[str, str] = field(default_factory=dict)
    generated: bool = False


async def run(
    world: World,
    backends: Backends,
    render: Render,
    target: CompiledMethod | None,
    received: Received,
    parameters: dict[str, str],
) -> Outcome:
    """Answers whatever comes; `target` None: no method matched."""
    routed: Routed | None = None
    extra: dict[str, str] = {}
    try:
        if target is None:
            raise GatewayFailure("MISSING_AUTHENTICATION_TOKEN")
        routed = stages.routed_to(target, received, parameters)
        stages.log_request(routed)
        authorized = stages.authorize(target, routed)
        target.validate(routed)
        request = target.request(authorized)
        result, failed = await backends.perform(world, routed, request)
        extra["status"] = extra["integration.status"] = extra["integrationStatus"] = str(result.status)
        reply = target.respond(routed, result, failed)
        stages.log_reply(routed, reply)
        return Outcome(reply, routed.context, _traced(request), extra)
    except GatewayFailure as failure:
        context = routed.context if routed is not None else build_context(received, None)
        reply = render(failure, received, routed, context)
        stages.log_failure(received, failure, reply)
        if failure.log is not None:
            extra["integrationErrorMessage"] = extra["integration.error"] = failure.log or "-"
        return Outcome(reply, context, False, extra, generated=True)


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
