"""The integration response stage: IntegrationResult -> Reply, compiled once per method.

The integration response is selected by pattern, lowest status code first [recorded]; then its parameters, its template
by the client's Accept, content handling and overrides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from stategate.gateway import media
from stategate.gateway.bodies import rendered, response_body
from stategate.gateway.failures import TakesLong, configuration_error
from stategate.gateway.headers import outgoing
from stategate.gateway.mappings import ResponseMapping, compile_response_mapping
from stategate.gateway.model import Integration, IntegrationResponse, Method
from stategate.gateway.patterns import HURRIED_TIMEOUT, TIMEOUT, PatternTimeout, compile_pattern
from stategate.gateway.stages import IntegrationResult, MockRequest, Reply, Routed
from stategate.gateway.templates import Renderer, compile_template

Finish = Callable[[Routed, IntegrationResult], Reply]

_THREE_DIGITS = re.compile(r"\d{3}\Z", re.ASCII)
_STATUS = re.compile(r"""statusCode["']?\s*:\s*["']?(\d{3})\b""", re.ASCII)


class _Mock(msgspec.Struct, rename="camel"):
    """All that is read of a mock's request."""

    status_code: Any = None


_decode_mock = msgspec.json.Decoder(_Mock).decode


class _Response:
    """An integration response, compiled."""

    __slots__ = ("declared", "handling", "matches", "parameters", "status", "templates")

    def __init__(self, response: IntegrationResponse, method: Method) -> None:
        self.status = int(response.status_code)
        self.declared = response.status_code in method.responses
        pattern = response.selection_pattern
        self.matches = compile_pattern(pattern) if pattern else None
        self.parameters: tuple[ResponseMapping, ...] = tuple(
            compile_response_mapping(target, expression)
            for target, expression in (response.response_parameters or {}).items()
        )
        self.templates: dict[str, Renderer | None] = {
            key: compile_template(text) if text else None for key, text in (response.response_templates or {}).items()
        }
        self.handling = response.content_handling


def compile_response(integration: Integration, method: Method, binary_media_types: tuple[str, ...]) -> Finish:
    """The stage of one method whose integration is not a proxy."""
    responses = [_Response(integration.responses[code], method) for code in sorted(integration.responses)]
    default = next((response for response in responses if response.matches is None), None)
    selective = [response for response in responses if response.matches is not None]

    def finish(routed: Routed, result: IntegrationResult) -> Reply:
        response = _select(selective, default, result, routed.hurried)
        if not response.declared:
            raise configuration_error(f"Output mapping refers to an invalid method response: {response.status}")
        headers = _headers(response, routed, result)
        accept = routed.received.header("accept")
        picked = media.response_template(response.templates, media.accepted_type(accept))
        content_type, template = picked if picked is not None else (media.DEFAULT, None)
        body, binary = response_body(response.handling, accept, result.headers, result.body, binary_media_types)
        if template is not None:
            body = rendered(template, routed, body, binary)
        return _overridden(routed.context, response.status, headers, content_type, body)

    return finish


def mock_result(request: MockRequest) -> IntegrationResult:
    """A mock's answer: the status code that the rendered request names, and no body."""
    status = _mock_status(request.body)
    if status is None:
        raise configuration_error(
            "Unable to parse statusCode. It should be an integer defined in the request template."
        )
    return IntegrationResult(int(status), (), b"", status)


def _mock_status(body: str) -> str | None:
    """The three digits. What is no JSON object (`{statusCode: 200}` [recorded]), or nested too deeply, is searched."""
    try:
        status = _decode_mock(body).status_code
    except (msgspec.DecodeError, RecursionError):
        found = _STATUS.search(body)
        return found[1] if found is not None else None
    text = str(status) if isinstance(status, int | str) else ""
    return text if _THREE_DIGITS.match(text) else None


def _select(
    selective: list[_Response], default: _Response | None, result: IntegrationResult, hurried: bool
) -> _Response:
    seconds = HURRIED_TIMEOUT if hurried else TIMEOUT
    try:
        for response in selective:
            if response.matches is not None and response.matches(result.selector, seconds):
                return response
    except PatternTimeout as error:
        if hurried:
            raise TakesLong from None
        raise configuration_error(f"The selection pattern takes too long to match: {error}") from None
    if default is None:
        raise configuration_error(
            "No match for output mapping and no default output mapping configured. "
            f"Endpoint Response Status Code: {result.status}"
        )
    return default


def _headers(response: _Response, routed: Routed, result: IntegrationResult) -> dict[str, tuple[str, list[str]]]:
    headers: dict[str, tuple[str, list[str]]] = {}
    for mapping in response.parameters:
        if mapping.slow and routed.hurried:
            raise TakesLong
        value = mapping.source(routed, result)
        name = outgoing(mapping.header)
        if value is not None and name is not None:
            headers[name.lower()] = (name, [value] if isinstance(value, str) else value)
    return headers


def _overridden(
    context: Mapping[str, Any],
    status: int,
    headers: dict[str, tuple[str, list[str]]],
    content_type: str,
    body: bytes,
) -> Reply:
    override = context.get("responseOverride")
    if isinstance(override, Mapping):
        status = _status(override.get("status"), status)
        values = override.get("header")
        if isinstance(values, Mapping):
            for key, value in values.items():
                name = outgoing(str(key))
                if value is not None and name is not None:
                    many = value if isinstance(value, list) else [value]
                    headers[name.lower()] = (name, [str(item) for item in many])
    headers.setdefault("content-type", ("Content-Type", [content_type]))
    pairs = tuple((name, value) for name, values in headers.values() for value in values)
    return Reply(status, pairs, body)


def _status(value: object, otherwise: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return otherwise
    try:
        number = int(value)
    except ValueError:
        return otherwise
    return number if 100 <= number <= 599 else otherwise
