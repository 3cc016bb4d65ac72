"""A failure of a stage, made into the answer that the client gets: the one place where that happens.

A customised response of the type wins, then a customised DEFAULT_4XX or DEFAULT_5XX, then AWS's default. Templates are
not VTL: only `$context.*`, `$stageVariables.*` and `$method.request.*` are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from stategate.gateway import media
from stategate.gateway.failures import DEFAULT_TEMPLATE, NOT_CUSTOMISABLE, RESPONSE_TYPES, GatewayFailure
from stategate.gateway.mappings import InvalidMapping, Source, context_text, declared_parameter, request_source
from stategate.gateway.model import GatewayResponse, Method, Resource
from stategate.gateway.stages import Received, Reply, Routed
from stategate.lang import jsontext

_ROOT = r"(context|stageVariables|method\.request)"
_REFERENCE = re.compile(rf"\$(?:\{{{_ROOT}\.([\w.\-]+)\}}|{_ROOT}\.([\w\-]+(?:\.[\w\-]+)*))")
_SPACED = frozenset(("API_CONFIGURATION_ERROR", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"))
"""Unless they are customised, AWS answers these with a blank after the colon (recorded: 36 bytes, not 35)."""

_NO_RESOURCE = Resource("", "")
_NO_METHOD = Method("")
_TARGET = re.compile(r"gatewayresponse\.header\.([A-Za-z0-9!#$%&'*+\-.^_`|~]+)\Z")

Custom = tuple[GatewayResponse, tuple[tuple[str, Source], ...]]
Render = Callable[[GatewayFailure, Received, "Routed | None", "dict[str, Any]"], Reply]


def compile_parameters(parameters: Mapping[str, str]) -> tuple[tuple[str, Source], ...]:
    """Raises `InvalidMapping`."""
    compiled = []
    for target, expression in parameters.items():
        found = _TARGET.match(target)
        if found is None:
            raise InvalidMapping(target)
        compiled.append((found[1], request_source(expression)))
    return tuple(compiled)


def compile_gateway_responses(responses: tuple[GatewayResponse, ...]) -> Render:
    """The renderer of one deployment."""
    custom: dict[str, Custom] = {
        response.response_type: (response, compile_parameters(response.response_parameters)) for response in responses
    }

    def render(failure: GatewayFailure, received: Received, routed: Routed | None, context: dict[str, Any]) -> Reply:
        return _render(failure, received, routed, context, custom)

    return render


def _render(
    failure: GatewayFailure,
    received: Received,
    routed: Routed | None,
    context: dict[str, Any],
    custom: Mapping[str, Custom],
) -> Reply:
    known = RESPONSE_TYPES[failure.response_type]
    status = failure.status or known.status or 500
    chosen = None
    if failure.response_type not in NOT_CUSTOMISABLE:
        chosen = custom.get(failure.response_type) or custom.get("DEFAULT_4XX" if status < 500 else "DEFAULT_5XX")
    context["error"] = {
        "message": failure.message,
        "messageString": jsontext.dumps(failure.message),
        "responseType": failure.response_type,
        "validationErrorString": failure.validation_error,
    }
    view = routed or Routed(received, _NO_RESOURCE, _NO_METHOD, {}, context)
    content_type, template, headers = media.DEFAULT, DEFAULT_TEMPLATE, []
    if chosen is not None:
        response, parameters = chosen
        status = int(response.status_code) if response.status_code else status
        picked = media.response_template(response.response_templates, media.accepted_type(received.header("accept")))
        if picked is not None:
            content_type, template = picked
        for name, source in parameters:
            value = source(view)
            if value is not None:
                headers.append((name, _joined(value)))
    if failure.response_type == "ACCESS_DENIED" and template == DEFAULT_TEMPLATE:
        body = '{"Message":' + context["error"]["messageString"] + "}"
    elif chosen is None and failure.response_type in _SPACED:
        body = '{"message": ' + context["error"]["messageString"] + "}"
    else:
        body = _substituted(template, view)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.insert(0, ("Content-Type", content_type))
    headers.append(("x-amzn-ErrorType", failure.error_type))
    return Reply(status, tuple(headers), body.encode())


def _substituted(template: str, view: Routed) -> str:
    """References replaced by their text, unknown ones by nothing (`null` for a JSON message that is none)."""

    def value(found: re.Match[str]) -> str:
        root, path = (found[1], found[2]) if found[1] else (found[3], found[4])
        match root:
            case "stageVariables":
                return view.received.around.variables.get(path, "")
            case "context":
                return context_text(view.context, path.split(".")) or ""
            case _:
                return _parameter(f"{root}.{path}", view)

    return _REFERENCE.sub(value, template)


def _parameter(expression: str, view: Routed) -> str:
    """Of the path, the query string or the headers; the body, which may be large, is none."""
    if declared_parameter(expression) is None:
        return ""
    return _joined(request_source(expression)(view) or "")


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ",".join(value)
