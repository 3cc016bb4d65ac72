"""A deployment, compiled: the route table and, per method, the stages of its pipeline as closures.

A snapshot never changes, so it is compiled once; a request pays for the length of its path and for its own templates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stategate.gateway.context import build_context
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.gatewayresponses import Render, compile_gateway_responses
from stategate.gateway.httprequests import proxied_reply
from stategate.gateway.model import Method, Resource, Snapshot
from stategate.gateway.proxy import proxy_reply
from stategate.gateway.requests import Build, compile_request
from stategate.gateway.responses import Finish, compile_response
from stategate.gateway.routes import Routes
from stategate.gateway.stages import (
    Authorized,
    IntegrationResult,
    Received,
    Reply,
    Routed,
)
from stategate.gateway.trace import java_map, truncated
from stategate.gateway.validation import Validate, compile_validator

Respond = Callable[[Routed, IntegrationResult, bool], Reply]


class NotDeployable(ValueError):
    """The API can't be deployed; the message is AWS's."""


@dataclass(frozen=True, slots=True)
class CompiledMethod:
    """`respond` takes whether the integration reported a function error."""

    resource: Resource
    method: Method
    validate: Validate
    request: Build
    respond: Respond


@dataclass(frozen=True, slots=True)
class CompiledDeployment:
    routes: Routes[CompiledMethod]
    failure: Render
    binary_media_types: tuple[str, ...]


def check_deployable(snapshot: Snapshot) -> None:
    """What CreateDeployment refuses."""
    methods = [method for deployed in snapshot.resources for method in deployed.methods]
    if not methods:
        raise NotDeployable("The REST API doesn't contain any methods")
    if any(method.integration is None for method in methods):
        raise NotDeployable("No integration defined for method")


def compile_deployment(snapshot: Snapshot) -> CompiledDeployment:
    routes: Routes[CompiledMethod] = Routes()
    for deployed in snapshot.resources:
        methods = {
            method.http_method: compile_method(deployed.resource, method, snapshot) for method in deployed.methods
        }
        if methods:
            routes.add(deployed.resource.path, methods)
    return CompiledDeployment(
        routes, compile_gateway_responses(snapshot.gateway_responses), snapshot.binary_media_types
    )


def compile_method(resource: Resource, method: Method, snapshot: Snapshot) -> CompiledMethod:
    integration = method.integration
    if integration is None:
        raise NotDeployable("No integration defined for method")
    request = compile_request(resource, method, snapshot.binary_media_types)
    if integration.type == "AWS_PROXY":
        respond: Respond = proxy_reply
    elif integration.type == "HTTP_PROXY":
        respond = _mapped(proxied_reply)
    else:
        respond = _mapped(compile_response(integration, method, snapshot.binary_media_types))
    return CompiledMethod(resource, method, compile_validator(method, snapshot), request, respond)


def _mapped(finish: Finish) -> Respond:
    def respond(routed: Routed, result: IntegrationResult, failed: bool) -> Reply:
        return finish(routed, result)

    return respond


def routed_to(target: CompiledMethod, received: Received, parameters: dict[str, str]) -> Routed:
    """Received -> Routed."""
    return Routed(received, target.resource, target.method, parameters, build_context(received, target.resource))


def authorize(target: CompiledMethod, routed: Routed) -> Authorized:
    """Routed -> Authorized. Methods with an authorizer, IAM authorization or an API key can't be created yet."""
    if target.method.authorization_type != "NONE" or target.method.api_key_required:
        raise GatewayFailure("UNAUTHORIZED")
    return Authorized(routed)


def log_request(routed: Routed) -> None:
    """The first lines of the execution log."""
    received = routed.received
    trace = received.trace
    if trace is None:
        return
    api_stage = f"{received.around.api_id}/{received.around.stage}"
    if not received.test:
        verb = f"{routed.method.http_method} {routed.resource.path}"
        trace.info(f"Extended Request Id: {received.extended_request_id}")
        trace.info(f"Verifying Usage Plan for request: {received.request_id}. API Key:  API Stage: {api_stage}")
        trace.info(
            f"API Key  authorized because method '{verb}' does not require API Key. "
            "Request will not contribute to throttle or quota limits"
        )
        trace.info(f"Usage Plan check succeeded for API Key  and API Stage {api_stage}")
    trace.info(f"Starting execution for request: {received.request_id}")
    path = received.path if received.test else routed.resource.path
    trace.info(f"HTTP Method: {received.method}, Resource Path: {path}")
    trace.info(f"Method request path: {java_map(routed.path_parameters)}")
    trace.info(f"Method request query string: {java_map(received.query)}")
    if trace.data:
        trace.detail(truncated(f"Method request headers: {java_map(received.headers)}"))
        body = received.body.decode("utf-8", "replace")
        trace.detail(truncated(f"Method request body before transformations: {body}"))


def log_reply(routed: Routed, reply: Reply) -> None:
    """The last lines of a request that went well."""
    trace = routed.received.trace
    if trace is None:
        return
    if trace.data:
        body = reply.body.decode("utf-8", "replace")
        trace.detail(truncated(f"Method response body after transformations: {body}"))
        trace.detail(truncated(f"Method response headers: {java_map(reply.headers)}"))
    trace.info("Successfully completed execution")
    trace.info(f"Method completed with status: {reply.status}")


def log_failure(received: Received, failure: GatewayFailure, reply: Reply) -> None:
    """Why the gateway itself answered."""
    trace = received.trace
    if trace is None:
        return
    if failure.log is not None:
        trace.error(truncated(f"Execution failed due to configuration error: {failure.log}"))
    elif failure.response_type == "INTEGRATION_TIMEOUT":
        trace.error("Execution failed due to a timeout error")
    else:
        trace.error(truncated(f"Execution failed: {failure.message}"))
    trace.error(f"Method completed with status: {reply.status}")
