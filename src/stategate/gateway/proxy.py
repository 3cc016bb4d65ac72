"""Lambda proxy integrations: the event that the function gets, and the rules for what it returns.

Both are recorded from AWS (event format 1.0; the payload format validation cases).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from stategate.gateway import media
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.headers import outgoing
from stategate.gateway.stages import Authorized, IntegrationResult, Pairs, Received, Reply, Routed
from stategate.lang import jsontext

_ALLOWED = frozenset(("statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"))
_CONTEXT_KEYS = (
    "resourceId",
    "resourcePath",
    "httpMethod",
    "extendedRequestId",
    "requestTime",
    "path",
    "accountId",
    "protocol",
    "stage",
    "domainPrefix",
    "requestTimeEpoch",
    "requestId",
    "identity",
    "domainName",
    "deploymentId",
    "apiId",
)
_MALFORMED = "Malformed Lambda proxy response"


def single(pairs: Pairs) -> dict[str, str] | None:
    """The last value of each name; None if there are none."""
    return dict(pairs) or None


def multi(pairs: Pairs) -> dict[str, list[str]] | None:
    """All values of each name; None if there are none."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values or None


def proxy_event(authorized: Authorized) -> bytes:
    """The JSON of the event, format 1.0. Empty maps are null."""
    routed = authorized.routed
    received = routed.received
    headers = received.headers
    binary = media.is_binary(media.media_type(received.header("content-type")), received.around.binary_media_types)
    body: str | None = None
    if received.body:
        body = base64.b64encode(received.body).decode() if binary else received.body.decode("utf-8", "replace")
    context = event_context(routed)
    if authorized.claims:
        context["authorizer"] = dict(authorized.claims)
    event = {
        "resource": routed.resource.path,
        "path": event_path(received),
        "httpMethod": received.method,
        "headers": single(headers),
        "multiValueHeaders": multi(headers),
        "queryStringParameters": single(received.query),
        "multiValueQueryStringParameters": multi(received.query),
        "pathParameters": dict(routed.path_parameters) or None,
        "stageVariables": dict(received.around.variables) or None,
        "requestContext": context,
        "body": body,
        "isBase64Encoded": bool(binary and received.body),
    }
    return jsontext.dumps(event).encode()


def event_path(received: Received) -> str:
    """`path` of an event: below the stage, or under a custom domain name all of it, its base path included."""
    path = received.full_path if received.custom_domain else received.path
    return "/" + path.lstrip("/")


def event_context(routed: Routed) -> dict[str, Any]:
    """`requestContext` of an event."""
    return {key: routed.context[key] for key in _CONTEXT_KEYS}


def proxy_reply(routed: Routed, result: IntegrationResult, failed: bool) -> Reply:
    """The client's answer. `failed`: the function ended with an error."""
    if failed:
        raise _function_error(result)
    try:
        answer = jsontext.loads(result.body)
    except jsontext.JSONSyntaxError:
        raise malformed() from None
    if not isinstance(answer, dict) or not _ALLOWED.issuperset(answer):
        raise malformed()
    headers = _headers(answer)
    body = _body(routed, answer)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.insert(0, ("Content-Type", media.DEFAULT))
    return Reply(_status(answer.get("statusCode", 200)), tuple(headers), body)


def malformed() -> GatewayFailure:
    """502, and the execution log says that the answer is malformed."""
    return GatewayFailure("INTEGRATION_FAILURE", "Internal server error", status=502, log=_MALFORMED)


def _function_error(result: IntegrationResult) -> GatewayFailure:
    request_id = next((value for name, value in result.headers if name.lower() == "x-amzn-requestid"), "")
    line = (
        f"Lambda execution failed with status {result.status} due to customer function error: {result.selector}. "
        f"Lambda request id: {request_id}"
    )
    return GatewayFailure("INTEGRATION_FAILURE", "Internal server error", status=502, line=line)


def _status(value: object) -> int:
    if isinstance(value, bool) or value is None:
        raise malformed()
    try:
        status = int(value) if isinstance(value, int | str) else -1
    except ValueError:
        raise malformed() from None
    if not 200 <= status <= 999:
        raise malformed()
    return status


def _headers(answer: dict[str, Any]) -> list[tuple[str, str]]:
    many = answer.get("multiValueHeaders")
    single_values = answer.get("headers")
    if not isinstance(many, dict | None) or not isinstance(single_values, dict | None):
        raise malformed()
    collected: dict[str, tuple[str, list[str]]] = {}
    for name, values in (many or {}).items():
        if not isinstance(values, list):
            raise malformed()
        collected[name.lower()] = (name, [_text(value) for value in values])
    for name, value in (single_values or {}).items():
        if value is None:
            continue
        known = collected.setdefault(name.lower(), (name, []))[1]
        text = _text(value)
        if text not in known:
            known.append(text)
    pairs: list[tuple[str, str]] = []
    for name, values in collected.values():
        sent = outgoing(name, proxy=True)
        if sent is not None:
            pairs.extend((sent, value) for value in values)
    return pairs


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list) or value is None:
        raise malformed()
    return jsontext.dumps(value)


def _body(routed: Routed, answer: dict[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise malformed()
    received = routed.received
    wanted = media.accepts_binary(received.header("accept"), received.around.binary_media_types)
    if answer.get("isBase64Encoded") is True and wanted:
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise malformed() from None
    return body.encode()
