"""Lambda authorizers, the pure part: who a request says it is, the events that the function gets, and its answer read.

Source: the developer guide ("Use API Gateway Lambda authorizers"); the caller is not told why, the execution log is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import regex

from stategate.gateway.failures import GatewayFailure
from stategate.gateway.mappings import InvalidMapping, Source, request_source
from stategate.gateway.model import Authorizer
from stategate.gateway.proxy import event_context, event_path, multi, single
from stategate.gateway.stages import Routed
from stategate.lang import jsontext

DEFAULT_TTL = 300
_PATTERN_SECONDS = 0.01  # others wait meanwhile


@dataclass(frozen=True, slots=True)
class CompiledAuthorizer:
    """`sources` read the identity; `ttl` in seconds, 0 for no caching; `pattern` is what a token must match."""

    authorizer: Authorizer
    sources: tuple[Source, ...]
    ttl: int
    pattern: regex.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an authorizer function returned. `policy` is JSON text; `context` values are strings."""

    principal_id: str
    policy: str
    context: Mapping[str, str] = field(default_factory=dict)
    usage_key: str | None = None


def misconfigured(reason: str) -> GatewayFailure:
    """500 `{"message":null}`; the reason is for the log."""
    return GatewayFailure("AUTHORIZER_CONFIGURATION_ERROR", log=reason)


def compile_authorizer(authorizer: Authorizer) -> CompiledAuthorizer:
    """Raises `InvalidMapping` for an identity source that is none, `regex.error` for such an expression."""
    texts = [text.strip() for text in (authorizer.identity_source or "").split(",") if text.strip()]
    if not texts and authorizer.type != "REQUEST":
        raise InvalidMapping("identitySource")
    expression = authorizer.identity_validation_expression
    return CompiledAuthorizer(
        authorizer,
        tuple(request_source(text) for text in texts),
        DEFAULT_TTL if authorizer.ttl is None else authorizer.ttl,
        regex.compile(expression) if expression else None,
    )


def identity(compiled: CompiledAuthorizer, routed: Routed) -> tuple[str, ...]:
    """The values of the identity sources: what results are cached by. A missing one is 401, nobody is asked; for a
    REQUEST authorizer without caching the sources don't count."""
    values = []
    for source in compiled.sources:
        value = source(routed)
        values.append(",".join(value) if isinstance(value, list) else value or "")
    kind = compiled.authorizer.type
    if (kind != "REQUEST" or compiled.ttl > 0) and not all(values):
        raise GatewayFailure("UNAUTHORIZED")
    if kind == "TOKEN" and compiled.pattern is not None and not matches(compiled.pattern, values[0]):
        raise GatewayFailure("UNAUTHORIZED")
    return tuple(values)


def matches(pattern: regex.Pattern[str], text: str) -> bool:
    """As Java's `matches`: the whole text. In bounded time; what takes longer does not match."""
    try:
        return pattern.fullmatch(text, timeout=_PATTERN_SECONDS) is not None
    except TimeoutError:
        return False


def token_event(token: str, method_arn: str) -> bytes:
    return jsontext.dumps({"type": "TOKEN", "methodArn": method_arn, "authorizationToken": token}).encode()


def request_event(routed: Routed, method_arn: str) -> bytes:
    received = routed.received
    headers = received.headers
    event = {
        "type": "REQUEST",
        "methodArn": method_arn,
        "resource": routed.resource.path,
        "path": event_path(received),
        "httpMethod": received.method,
        "headers": single(headers) or {},
        "multiValueHeaders": multi(headers) or {},
        "queryStringParameters": single(received.query) or {},
        "multiValueQueryStringParameters": multi(received.query) or {},
        "pathParameters": dict(routed.path_parameters),
        "stageVariables": dict(received.around.variables),
        "requestContext": event_context(routed),
    }
    return jsontext.dumps(event).encode()


def read_answer(payload: bytes) -> Answer:
    """Fails with AUTHORIZER_CONFIGURATION_ERROR for what is no answer of an authorizer."""
    try:
        value = jsontext.loads(payload)
    except jsontext.JSONSyntaxError:
        raise misconfigured("The authorizer's answer is not JSON") from None
    if not isinstance(value, dict):
        raise misconfigured("The authorizer's answer is not an object")
    principal, policy = value.get("principalId"), value.get("policyDocument")
    if not isinstance(principal, str | int | float) or isinstance(principal, bool) or principal == "":
        raise misconfigured("The authorizer's answer has no principalId")
    if not isinstance(policy, dict):
        raise misconfigured("The authorizer's answer has no policyDocument")
    key = value.get("usageIdentifierKey")
    if not isinstance(key, str | None):
        raise misconfigured("usageIdentifierKey is not a string")
    return Answer(_scalar(principal), jsontext.dumps(policy), _context(value.get("context")), key)


def _context(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or any(isinstance(item, dict | list) for item in value.values()):
        raise misconfigured("The authorizer's context has a value that is neither string, number nor boolean")
    return {name: _scalar(item) for name, item in value.items() if item is not None}


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else jsontext.dumps(value)
