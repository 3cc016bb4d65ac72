"""The integration request stage: Authorized -> IntegrationRequest, compiled once per method.

Order of AWS's manual: parameter mappings, body template, overrides, content handling, then what the type of the
integration sends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import assert_never
from urllib.parse import quote, urlencode

from stategate.gateway import media, uris
from stategate.gateway.bodies import request_stage
from stategate.gateway.endpoints import log_endpoint, log_invocation, sent_headers
from stategate.gateway.failures import GatewayFailure, configuration_error
from stategate.gateway.headers import FORBIDDEN_TARGETS
from stategate.gateway.httprequests import compile_http
from stategate.gateway.mapped import Mapped, check_sendable, mapped_of, override
from stategate.gateway.mappings import RequestMapping, compile_request_mapping
from stategate.gateway.model import Integration, Method, Resource
from stategate.gateway.proxy import proxy_event
from stategate.gateway.stages import (
    Authorized,
    FunctionRequest,
    IntegrationRequest,
    InvocationType,
    MockRequest,
    Routed,
    ServiceRequest,
)

Build = Callable[[Authorized], IntegrationRequest]

JSON_TARGETS: Mapping[str, tuple[str, str]] = {
    "states": ("AWSStepFunctions", "application/x-amz-json-1.0"),
    "logs": ("Logs_20140328", "application/x-amz-json-1.1"),
    "dynamodb": ("DynamoDB_20120810", "application/x-amz-json-1.0"),
    "kinesis": ("Kinesis_20131202", "application/x-amz-json-1.1"),
}
"""URI service -> (X-Amz-Target prefix, content type) of the JSON protocols that `action/` speaks."""


def compile_request(resource: Resource, method: Method, binary_media_types: tuple[str, ...]) -> Build:
    """The stage of one method. Templates and mappings were checked when they were put."""
    integration = method.integration
    if integration is None:
        raise ValueError(f"no integration for {method.http_method} {resource.path}")
    mappings = tuple(
        compile_request_mapping(target, expression)
        for target, expression in (integration.request_parameters or {}).items()
    )
    refuse = _forbidden(mappings)
    body = request_stage(integration, binary_media_types)
    match integration.type:
        case "MOCK":
            return _mock(mappings, body)
        case "AWS_PROXY":
            return _proxy(integration, refuse)
        case "AWS":
            return _service(integration, mappings, body, refuse)
        case "HTTP" | "HTTP_PROXY":
            return compile_http(integration, mappings, body)
        case other:
            raise ValueError(f"integrations of type {other} are not supported")


def _forbidden(mappings: tuple[RequestMapping, ...]) -> Callable[[], None]:
    wrong = [m.name for m in mappings if m.place == "header" and m.name.lower() in FORBIDDEN_TARGETS]

    def refuse() -> None:
        if wrong:
            raise configuration_error(f"{wrong[0]} header already present")

    return refuse


def _mock(mappings: tuple[RequestMapping, ...], body: Callable[[Routed], bytes]) -> Build:
    def build(authorized: Authorized) -> MockRequest:
        routed = authorized.routed
        mapped_of(mappings, routed)
        return MockRequest(body(routed).decode("utf-8", "replace"))

    return build


def _proxy(integration: Integration, refuse: Callable[[], None]) -> Build:
    uri, credentials, seconds = integration.uri or "", integration.credentials, integration.timeout / 1000
    post = integration.http_method == "POST"

    def build(authorized: Authorized) -> FunctionRequest:
        received = authorized.routed.received
        refuse()
        parsed = _parse(uri, received.around.variables)
        if parsed.function is None:
            raise configuration_error("Invalid endpoint address")
        event = proxy_event(authorized)
        log_invocation(authorized.routed, parsed, (), event)
        if not post:
            # Lambda answers 403 to any other verb: the API is set up wrongly.
            raise GatewayFailure("INTEGRATION_FAILURE", status=500, log="")
        role = role_of(credentials, received.around.variables)
        return FunctionRequest(parsed.function, parsed.region, event, role, seconds)

    return build


def _service(
    integration: Integration,
    mappings: tuple[RequestMapping, ...],
    body: Callable[[Routed], bytes],
    refuse: Callable[[], None],
) -> Build:
    uri, credentials, seconds = integration.uri or "", integration.credentials, integration.timeout / 1000
    verb = integration.http_method or "POST"
    fixed = uris.parse(uri) if "${" not in uri else None

    def build(authorized: Authorized) -> IntegrationRequest:
        routed = authorized.routed
        received = routed.received
        refuse()
        mapped = mapped_of(mappings, routed)
        payload = body(routed)
        override(routed.context, mapped)
        check_sendable(mapped, FORBIDDEN_TARGETS)
        variables = received.around.variables
        parsed = fixed if fixed is not None else _parse(uri, variables)
        role = role_of(credentials, variables)
        function = parsed.function
        if function is not None:
            log_invocation(routed, parsed, tuple(mapped.headers.items()), payload)
            return FunctionRequest(function, parsed.region, payload, role, seconds, _invocation_type(mapped))
        request = _call(parsed, received.method if verb == "ANY" else verb, mapped, payload, role, seconds)
        request = replace(request, headers=sent_headers(routed, request.headers))
        address = f"https://{parsed.service}.{parsed.region}.amazonaws.com{request.path}"
        if parsed.kind == "action" and not any(name == "Action" for name, _ in request.query):
            # So AWS logs it, whatever the protocol.
            address += f"?Action={parsed.rest}"
        elif request.query:
            address += "?" + urlencode(request.query)
        log_endpoint(received.trace, address, request.headers, payload)
        return request

    return build


def _invocation_type(mapped: Mapped) -> InvocationType:
    given = next((value for name, value in mapped.headers.items() if name.lower() == "x-amz-invocation-type"), "")
    match given:
        case "":
            return "RequestResponse"
        case "RequestResponse" | "Event" | "DryRun":
            return given
        case _:
            raise configuration_error(f"Invalid X-Amz-Invocation-Type: {given}")


def _call(
    uri: uris.IntegrationUri, verb: str, mapped: Mapped, payload: bytes, role: str | None, seconds: float
) -> ServiceRequest:
    headers = dict(mapped.headers)
    query: list[tuple[str, str]] = [(name, value) for name, values in mapped.query.items() for value in values]
    present = {name.lower() for name in headers}
    match uri.kind:
        case "action":
            target = JSON_TARGETS.get(uri.service)
            if target is None:
                query.insert(0, ("Action", uri.rest))
            else:
                if "x-amz-target" not in present:
                    headers["X-Amz-Target"] = f"{target[0]}.{uri.rest}"
                if "content-type" not in present:
                    headers["Content-Type"] = target[1]
            path = "/"
        case "path":
            values = {name: quote(value, safe="/+@:=,;!*'()$&%") for name, value in mapped.path.items()}
            rest = uris.with_parameters(uri.rest, values)
            path, _, tail = rest.partition("?")
            query[:0] = [(name, value) for name, _, value in (part.partition("=") for part in tail.split("&") if part)]
            path = "/" + path
            if uri.subdomain is not None:
                if uri.service not in uris.WITH_SUBDOMAIN:
                    raise configuration_error("Invalid endpoint address")
                path = f"/{uri.subdomain}{path}"
            if "content-type" not in present and payload:
                headers["Content-Type"] = media.DEFAULT
        case _:
            assert_never(uri.kind)
    return ServiceRequest(
        uri.service, uri.region, verb, path, tuple(query), tuple(headers.items()), payload, role, seconds
    )


def _parse(uri: str, variables: Mapping[str, str]) -> uris.IntegrationUri:
    try:
        return uris.parse(uris.with_variables(uri, variables))
    except uris.InvalidUri:
        raise configuration_error("Invalid endpoint address") from None


def role_of(credentials: str | None, variables: Mapping[str, str]) -> str | None:
    return uris.with_variables(credentials, variables) if credentials else None
