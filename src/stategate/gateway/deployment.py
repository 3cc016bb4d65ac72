"""A deployment, compiled: the route table and, per method, the stages of its pipeline as closures.

A snapshot never changes, so each method is compiled once, when it is first called; a request pays for the length of its
path and for its own templates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import regex

from stategate.gateway.authorizers import CompiledAuthorizer, compile_authorizer
from stategate.gateway.context import build_context
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.gatewayresponses import Render, compile_gateway_responses
from stategate.gateway.httprequests import proxied_reply
from stategate.gateway.mappings import InvalidMapping, Source, request_source
from stategate.gateway.media import media_type
from stategate.gateway.model import Integration, Method, Resource, Snapshot
from stategate.gateway.proxy import proxy_reply
from stategate.gateway.requests import Build, compile_request
from stategate.gateway.responses import Finish, compile_response
from stategate.gateway.routes import Routes
from stategate.gateway.stages import (
    IntegrationResult,
    Received,
    Reply,
    Routed,
)
from stategate.gateway.trace import headers_map, java_map, truncated
from stategate.gateway.validation import Validate, compile_validator

Respond = Callable[[Routed, IntegrationResult, bool], Reply]


class NotDeployable(ValueError):
    """The API can't be deployed; the message is AWS's."""


@dataclass(frozen=True, slots=True)
class CompiledMethod:
    """`respond` takes whether the integration reported a function error. `authorizer` None: the method has none, or
    one that can't be used (`method.authorization_type` tells)."""

    resource: Resource
    method: Method
    validate: Validate | None
    request: Build
    respond: Respond
    authorizer: CompiledAuthorizer | None = None
    cache_key: tuple[Source, ...] = ()

    @property
    def proxies_function(self) -> bool:
        return self.method.integration is not None and self.method.integration.type == "AWS_PROXY"


@dataclass(frozen=True, slots=True)
class CompiledDeployment:
    routes: Routes[Callable[[], CompiledMethod]]
    failure: Render
    binary_media_types: tuple[str, ...]
    policy: str | None = None
    api_key_source: str = "HEADER"
    minimum_compression_size: int | None = None


def check_deployable(snapshot: Snapshot) -> None:
    """What CreateDeployment refuses."""
    methods = [method for deployed in snapshot.resources for method in deployed.methods]
    if not methods:
        raise NotDeployable("The REST API doesn't contain any methods")
    if any(method.integration is None for method in methods):
        raise NotDeployable("No integration defined for method")


def compile_deployment(snapshot: Snapshot) -> CompiledDeployment:
    routes: Routes[Callable[[], CompiledMethod]] = Routes()
    for deployed in snapshot.resources:
        methods = {
            method.http_method: cache(partial(compile_method, deployed.resource, method, snapshot))
            for method in deployed.methods
        }
        if methods:
            routes.add(deployed.resource.path, methods)
    return CompiledDeployment(
        routes,
        compile_gateway_responses(snapshot.gateway_responses),
        snapshot.binary_media_types,
        snapshot.policy,
        snapshot.api_key_source,
        snapshot.minimum_compression_size,
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
    validate, authorizer = compile_validator(method, snapshot), _authorizer(method, snapshot)
    cache_key = tuple(_cache_source(integration, key) for key in integration.cache_key_parameters)
    return CompiledMethod(resource, method, validate, request, respond, authorizer, cache_key)


def _cache_source(integration: Integration, key: str) -> Source:
    """`method.request.x.y`, or `integration.request.x.y`: what that one is mapped from."""
    if key.startswith("integration.request."):
        key = (integration.request_parameters or {}).get(key, "''")
    try:
        return request_source(key)
    except InvalidMapping:
        return lambda routed: None


def _authorizer(method: Method, snapshot: Snapshot) -> CompiledAuthorizer | None:
    found = next((item for item in snapshot.authorizers if item.id == method.authorizer_id), None)
    if found is None or method.authorization_type in ("NONE", "AWS_IAM"):
        return None
    try:
        return compile_authorizer(found)
    except (InvalidMapping, regex.error):
        return None


def _mapped(finish: Finish) -> Respond:
    def respond(routed: Routed, result: IntegrationResult, failed: bool) -> Reply:
        return finish(routed, result)

    return respond


def routed_to(target: CompiledMethod, received: Received, parameters: dict[str, str]) -> Routed:
    """Received -> Routed."""
    context = build_context(received, target.resource)
    return Routed(received, target.resource, target.method, parameters, context, hurried=True)


def log_request(routed: Routed) -> None:
    """The lines of the execution log with which a request's execution begins."""
    received = routed.received
    trace = received.trace
    if trace is None:
        return
    trace.info(f"Starting execution for request: {received.request_id}")
    path = received.path if received.test else routed.resource.path
    trace.info(f"HTTP Method: {received.method}, Resource Path: {path}")
    trace.info(f"Method request path: {java_map(routed.path_parameters)}")
    trace.info(f"Method request query string: {java_map(received.query)}")
    if trace.data:
        trace.detail(truncated(f"Method request headers: {headers_map(received.headers)}"))
        body = received.body.decode("utf-8", "replace")
        trace.detail(truncated(f"Method request body before transformations: {body}"))


def log_reply(routed: Routed, reply: Reply, traced: bool) -> None:
    """The last lines of a request that went well. `traced`: the answer carries X-Amzn-Trace-Id."""
    trace = routed.received.trace
    if trace is None:
        return
    if trace.data:
        body = reply.body.decode("utf-8", "replace")
        trace.detail(truncated(f"Method response body after transformations: {body}"))
        own = (("X-Amzn-Trace-Id", routed.received.trace_id),) if traced else ()
        trace.detail(truncated(f"Method response headers: {headers_map((*own, *reply.headers))}"))
    trace.info("Successfully completed execution")
    trace.info(f"Method completed with status: {reply.status}")


def log_failure(received: Received, failure: GatewayFailure, reply: Reply) -> None:
    """Why the gateway itself answered."""
    trace = received.trace
    if trace is None:
        return
    trace.error(truncated(failure.line or _failure_line(received, failure)))
    trace.error(f"Method completed with status: {reply.status}")


def _failure_line(received: Received, failure: GatewayFailure) -> str:
    if failure.log is not None:
        return f"Execution failed due to configuration error: {failure.log}"
    match failure.response_type:
        case "INTEGRATION_TIMEOUT":
            return "Execution failed due to a timeout error"
        case "INTEGRATION_FAILURE":
            return "Execution failed due to a network error communicating with endpoint"
        case "UNAUTHORIZED":
            return f"Unauthorized request: {received.request_id}"
        case "BAD_REQUEST_BODY" if failure.validation_error is not None:
            content_type = media_type(received.header("content-type"))
            wrong = failure.validation_error
            return f"Request body does not match model schema for content type {content_type}: {wrong}"
        case _:
            return f"Execution failed: {failure.message}"
