"""Parameter mapping expressions: `integration.request.header.X` <- `method.request.path.id` and the like.

Compiled into functions of a stage's value: when they are put, for AWS's messages, and with the deployment. Source: the
developer guide's data mapping reference and recordings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stategate.gateway.stages import IntegrationResult, Routed
from stategate.lang import jsonpath, jsontext

Source = Callable[[Routed], "str | list[str] | None"]
ResponseSource = Callable[[Routed, IntegrationResult], "str | list[str] | None"]

_NAME = r"[A-Za-z0-9!#$%&'*+\-.^_`|~:\[\]/ ]+"
_REQUEST_TARGET = re.compile(rf"integration\.request\.(header|querystring|path)\.({_NAME})\Z")
_REQUEST_SOURCE = re.compile(
    rf"method\.request\.(path|querystring|header|multivaluequerystring|multivalueheader)\.({_NAME})\Z"
)
_RESPONSE_TARGET = re.compile(rf"method\.response\.header\.({_NAME})\Z")
_RESPONSE_SOURCE = re.compile(rf"integration\.response\.(header|multivalueheader)\.({_NAME})\Z")
_METHOD_PARAMETER = re.compile(rf"method\.request\.(path|querystring|header)\.({_NAME})\Z")
_METHOD_RESPONSE_PARAMETER = re.compile(rf"method\.response\.header\.({_NAME})\Z")
_CONTEXT = re.compile(r"context\.[A-Za-z0-9_]+(\.[A-Za-z0-9_\-]+)*\Z")
_STAGE_VARIABLE = re.compile(r"stageVariables\.([A-Za-z0-9_\-]+)\Z")


class InvalidMapping(ValueError):
    """The expression is none; `text` is what AWS shows."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class RequestMapping:
    """`place`: header, querystring or path. `slow`: its source may take long."""

    place: str
    name: str
    source: Source
    slow: bool = False


@dataclass(frozen=True, slots=True)
class ResponseMapping:
    header: str
    source: ResponseSource
    slow: bool = False


_SMALL_BODY = 8 * 1024


def searches(path: str, size: int = _SMALL_BODY) -> bool:
    """Whether a JSONPath may take long in a document of so many bytes: it searches all of a large one, searches again
    in what it found, or matches with patterns."""
    return path.count("..") > (size < _SMALL_BODY) or "=~" in path


def _is_slow(expression: str) -> bool:
    return expression[:1] != "'" and searches(expression)


def is_method_parameter(key: str) -> bool:
    """Whether `key` may be declared in a method's requestParameters."""
    return _METHOD_PARAMETER.match(key) is not None


def is_method_response_parameter(key: str) -> bool:
    return _METHOD_RESPONSE_PARAMETER.match(key) is not None


def declared_parameter(expression: str) -> str | None:
    """The method's parameter that an expression reads, as its requestParameters name it; None if it reads none."""
    found = _REQUEST_SOURCE.match(expression)
    return f"method.request.{found[1].removeprefix('multivalue')}.{found[2]}" if found is not None else None


def compile_request_mapping(target: str, expression: str) -> RequestMapping:
    """Raises `InvalidMapping` with the part that is wrong."""
    found = _REQUEST_TARGET.match(target)
    if found is None:
        raise InvalidMapping(target)
    return RequestMapping(found[1], found[2], request_source(expression), _is_slow(expression))


def compile_response_mapping(target: str, expression: str) -> ResponseMapping:
    """Raises `InvalidMapping` with the part that is wrong."""
    found = _RESPONSE_TARGET.match(target)
    if found is None:
        raise InvalidMapping(target)
    return ResponseMapping(found[1], response_source(expression), _is_slow(expression))


def request_source(expression: str) -> Source:
    """What an expression reads from a request; raises `InvalidMapping`."""
    common = _common(expression)
    if common is not None:
        return common
    found = _REQUEST_SOURCE.match(expression)
    if found is not None:
        return _REQUEST_PLACES[found[1]](found[2])
    if expression == "method.request.body":
        return lambda routed: routed.received.body.decode("utf-8", "replace") or "{}"
    if expression.startswith("method.request.body."):
        read = _json_reader(expression, expression.removeprefix("method.request.body."))
        return lambda routed: read(routed.received.body)
    raise InvalidMapping(expression)


def response_source(expression: str) -> ResponseSource:
    """What an expression reads from an integration's answer; raises `InvalidMapping`."""
    common = _common(expression)
    if common is not None:
        return lambda routed, result: common(routed)
    found = _RESPONSE_SOURCE.match(expression)
    if found is not None:
        name, multi = found[2].lower(), found[1] == "multivalueheader"

        def header(routed: Routed, result: IntegrationResult) -> str | list[str] | None:
            values = [value for key, value in result.headers if key.lower() == name]
            return (values if multi else values[-1]) if values else None

        return header
    if expression == "integration.response.body":
        return lambda routed, result: result.body.decode("utf-8", "replace")
    if expression.startswith("integration.response.body."):
        read = _json_reader(expression, expression.removeprefix("integration.response.body."))

        def member(routed: Routed, result: IntegrationResult) -> str | None:
            found = read(result.body)
            return read(_with_error(result)) if found is None and result.selector[:1] == "{" else found

        return member
    raise InvalidMapping(expression)


def _common(expression: str) -> Source | None:
    if len(expression) >= 2 and expression[0] == expression[-1] == "'":
        literal = expression[1:-1]
        return lambda routed: literal
    if (found := _STAGE_VARIABLE.match(expression)) is not None:
        variable = found[1]
        return lambda routed: routed.received.around.variables.get(variable)
    if _CONTEXT.match(expression) is not None:
        names = expression.split(".")[1:]
        return lambda routed: context_text(routed.context, names)
    return None


def context_text(context: Mapping[str, Any], names: list[str]) -> str | None:
    """A value of `$context` as text; None if there is none."""
    value: Any = context
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
        if value is None:
            return None
    return text_of(value)


def text_of(value: object) -> str | None:
    """A JSON value as a parameter's text: strings as they are, everything else as JSON."""
    if value is None:
        return None
    if isinstance(value, str):
        return value
    try:
        return jsontext.dumps(value)
    except (TypeError, RecursionError):
        # A template put something into `$context` that is no JSON value.
        return None


def _path(name: str) -> Source:
    return lambda routed: routed.path_parameters.get(name)


def _query(name: str) -> Source:
    def read(routed: Routed) -> str | None:
        found = None
        for key, value in routed.received.query:
            if key == name:
                found = value
        return found

    return read


def _queries(name: str) -> Source:
    return lambda routed: [value for key, value in routed.received.query if key == name] or None


def _header(name: str) -> Source:
    return lambda routed: routed.received.header(name)


def _headers(name: str) -> Source:
    lower = name.lower()

    def read(routed: Routed) -> str | None:
        values = [value for key, value in routed.received.headers if key.lower() == lower]
        return ",".join(values) if values else None

    return read


_REQUEST_PLACES: dict[str, Callable[[str], Source]] = {
    "path": _path,
    "querystring": _query,
    "header": _header,
    "multivaluequerystring": _queries,
    "multivalueheader": _headers,
}


def _with_error(result: IntegrationResult) -> bytes:
    """The answer of a function that failed with JSON as its error's message: headers are mapped from what that text
    says, bodies are not [developer guide, custom Lambda errors]."""
    try:
        answer = jsontext.loads(result.body)
        return jsontext.dumps({**answer, "errorMessage": jsontext.loads(result.selector)}).encode(errors="replace")
    except (TypeError, jsontext.JSONSyntaxError):
        return result.body


def _json_reader(expression: str, tail: str) -> Callable[[bytes], str | None]:
    try:
        path = jsonpath.compile(tail if tail.startswith("$") else f"$.{tail}")
    except jsonpath.JSONPathError:
        raise InvalidMapping(expression) from None

    def read(body: bytes) -> str | None:
        try:
            return text_of(path.find(jsontext.loads(body or b"{}")))
        except (jsonpath.JSONPathError, jsontext.JSONSyntaxError):
            return None

    return read
