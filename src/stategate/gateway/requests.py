"""The integration request stage: Authorized -> IntegrationRequest, compiled once per method.

Order of AWS's manual: parameter mappings, body template, overrides, content handling, then what the type of the
integration sends.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, assert_never
from urllib.parse import quote, urlencode

from stategate.gateway import media, uris
from stategate.gateway.failures import GatewayFailure, configuration_error
from stategate.gateway.headers import FORBIDDEN_TARGETS
from stategate.gateway.mappings import RequestMapping, compile_request_mapping
from stategate.gateway.model import Integration, Method, Resource
from stategate.gateway.proxy import proxy_event
from stategate.gateway.stages import (
    Authorized,
    FunctionRequest,
    IntegrationRequest,
    MockRequest,
    Pairs,
    Routed,
    ServiceRequest,
)
from stategate.gateway.templates import Renderer, compile_template
from stategate.gateway.trace import Trace, java_map, truncated

Build = Callable[[Authorized], IntegrationRequest]

JSON_TARGETS: Mapping[str, tuple[str, str]] = {
    "states": ("AWSStepFunctions", "application/x-amz-json-1.0"),
    "logs": ("Logs_20140328", "application/x-amz-json-1.1"),
}
"""URI service -> (X-Amz-Target prefix, content type) of the JSON protocols that `action/` speaks."""


class _Mapped:
    """What the parameter mappings and the overrides made."""

    __slots__ = ("headers", "path", "query")

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.query: dict[str, list[str]] = {}
        self.path: dict[str, str] = {}


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
    body = _body_stage(integration, binary_media_types)
    match integration.type:
        case "MOCK":
            return _mock(mappings, body)
        case "AWS_PROXY":
            return _proxy(integration, refuse)
        case "AWS":
            return _service(integration, mappings, body, refuse)
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
        _map(mappings, routed)
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
        address = f"https://lambda.{parsed.region}.amazonaws.com/{parsed.rest}"
        headers = (("X-Amzn-Trace-Id", received.trace_id), ("x-amzn-lambda-integration-tag", received.request_id))
        _log_endpoint(received.trace, address, headers, event)
        if not post:
            # Lambda answers 403 to any other verb: the API is set up wrongly.
            raise GatewayFailure("INTEGRATION_FAILURE", status=500, log="")
        role = _role(credentials, received.around.variables)
        return FunctionRequest(parsed.function, parsed.region, event, headers, role, seconds, proxy=True)

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
        mapped = _map(mappings, routed)
        payload = body(routed)
        _override(routed.context, mapped)
        variables = received.around.variables
        parsed = fixed if fixed is not None else _parse(uri, variables)
        role = _role(credentials, variables)
        function = parsed.function
        if function is not None:
            headers = (("x-amzn-lambda-integration-tag", received.request_id), *mapped.headers.items())
            address = f"https://lambda.{parsed.region}.amazonaws.com/{parsed.rest}"
            _log_endpoint(received.trace, address, _sent(routed, headers), payload)
            later = mapped.headers.get("X-Amz-Invocation-Type", "").strip("'") == "Event"
            return FunctionRequest(function, parsed.region, payload, headers, role, seconds, False, later)
        request = _call(parsed, verb, mapped, payload, role, seconds)
        address = f"https://{parsed.service}.{parsed.region}.amazonaws.com{request.path}"
        if parsed.kind == "action" and not any(name == "Action" for name, _ in request.query):
            # So AWS logs it, whatever the protocol.
            address += f"?Action={parsed.rest}"
        elif request.query:
            address += "?" + urlencode(request.query)
        _log_endpoint(received.trace, address, _sent(routed, request.headers), payload)
        return request

    return build


def _call(
    uri: uris.IntegrationUri, verb: str, mapped: _Mapped, payload: bytes, role: str | None, seconds: float
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


def _role(credentials: str | None, variables: Mapping[str, str]) -> str | None:
    return uris.with_variables(credentials, variables) if credentials else None


def _map(mappings: tuple[RequestMapping, ...], routed: Routed) -> _Mapped:
    mapped = _Mapped()
    for mapping in mappings:
        value = mapping.source(routed)
        if value is None:
            continue
        match mapping.place:
            case "header":
                mapped.headers[mapping.name] = value if isinstance(value, str) else ",".join(value)
            case "querystring":
                mapped.query[mapping.name] = [value] if isinstance(value, str) else value
            case _:
                mapped.path[mapping.name] = value if isinstance(value, str) else ",".join(value)
    return mapped


def _override(context: Mapping[str, Any], mapped: _Mapped) -> None:
    override = context.get("requestOverride")
    if not isinstance(override, Mapping):
        return
    for place, target in (("header", mapped.headers), ("path", mapped.path)):
        values = override.get(place)
        if isinstance(values, Mapping):
            target.update({str(name): str(value) for name, value in values.items() if value is not None})
    values = override.get("querystring")
    if isinstance(values, Mapping):
        for name, value in values.items():
            mapped.query[str(name)] = [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _body_stage(integration: Integration, binary_media_types: tuple[str, ...]) -> Callable[[Routed], bytes]:
    templates: dict[str, Renderer | None] = {
        media.media_type(key) if key != "$default" else key: compile_template(text) if text else None
        for key, text in (integration.request_templates or {}).items()
    }
    passthrough = integration.passthrough_behavior
    handling = integration.content_handling

    def stage(routed: Routed) -> bytes:
        received = routed.received
        content_type = media.media_type(received.header("content-type"))
        try:
            _, template = media.request_template(templates, content_type, passthrough)
        except media.NoTemplate:
            raise GatewayFailure("UNSUPPORTED_MEDIA_TYPE") from None
        body: bytes = received.body
        binary = bool(binary_media_types) and media.is_binary(content_type, binary_media_types)
        if binary and handling == "CONVERT_TO_TEXT":
            body, binary = base64.b64encode(body), False
        if template is not None:
            if binary:
                raise configuration_error("Unable to transform request")
            return template(routed, body.decode("utf-8", "replace")).encode()
        if binary:
            return body
        if handling == "CONVERT_TO_BINARY":
            return decode_base64(body)
        return body.decode("utf-8", "replace").encode()

    return stage


def decode_base64(body: bytes) -> bytes:
    """CONVERT_TO_BINARY of a text; not Base64: 500."""
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise configuration_error("Unable to base64 decode the body") from None


def _sent(routed: Routed, headers: Pairs) -> Pairs:
    api = routed.received.around.api_id
    return (
        *headers,
        ("x-amzn-apigateway-api-id", api),
        ("Accept", "application/json"),
        ("User-Agent", f"AmazonAPIGateway_{api}"),
        ("X-Amzn-Trace-Id", routed.received.trace_id),
    )


def _log_endpoint(trace: Trace | None, address: str, headers: Pairs, body: bytes) -> None:
    if trace is None:
        return
    trace.info(f"Endpoint request URI: {address}")
    if trace.data:
        trace.detail(truncated(f"Endpoint request headers: {java_map(headers)}"))
        text = body.decode("utf-8", "replace")
        trace.detail(truncated(f"Endpoint request body after transformations: {text}"))
    trace.info(f"Sending request to {address}")
