"""`arn:aws:states:::apigateway:invoke`: a request to an API that is deployed here.

The API is named by its endpoint: `<api id>.execute-api.<region>.amazonaws.com`, or one of the URLs under which
Stategate serves it. With AuthType IAM_ROLE the request is signed as the execution's role, with RESOURCE_POLICY as Step
Functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from stategate.iam import Principal
from stategate.lang.jsontext import JSON, JSONSyntaxError, dumps, loads
from stategate.services.access import service_for, session_credentials
from stategate.services.apigateway import records as apis
from stategate.services.ports import (
    OutboundError,
    OutboundRequest,
    OutboundResponse,
    Ports,
    TaskFailure,
    TaskOutcome,
    TaskSuccess,
    World,
)
from stategate.services.states.tasks.roles import SERVICE
from stategate.services.states.tasks.taskcall import TaskCall
from stategate.wire import HttpRequest, sigv4

TIMEOUT = 60.0

_ENDPOINT = re.compile(
    r"(?:https?://)?(?:(?P<host>[A-Za-z0-9_-]+)\.execute-api\.[^/]+"
    r"|[^/]+/(?:restapis|_aws/execute-api)/(?P<path>[A-Za-z0-9_-]+))/?"
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_RESERVED = {
    "authorization", "connection", "content-length", "content-md5", "expect", "host", "max-forwards",
    "proxy-authenticate", "server", "te", "trailer", "transfer-encoding", "upgrade", "via", "www-authenticate",
}  # fmt: skip
_RESERVED_PREFIXES = ("x-forwarded", "x-amz")


class BadArgument(Exception):
    """An argument that the request can't have."""


async def run(call: TaskCall) -> TaskOutcome:
    try:
        request = _request(call, call.arguments())
    except BadArgument as problem:
        return TaskFailure("States.Runtime", str(problem))
    try:
        response = await call.ports.outbound.send(request)
    except OutboundError as error:
        return TaskFailure("ApiGateway.SdkClientException", f"Unable to execute HTTP request: {error}")
    if response.status >= 400:
        return TaskFailure(f"ApiGateway.{response.status}", response.body.decode("utf-8", "replace"))
    return TaskSuccess(dumps(_result(response)))


def _request(call: TaskCall, given: JSON) -> OutboundRequest:
    api, world = _api(call.ports, given["ApiEndpoint"])
    parts = [part.strip("/") for part in (given.get("Stage"), given.get("Path")) if part]
    path = "/" + "/".join(quote(part, safe="/%:@!$&'()*+,;=~") for part in parts)
    nulls = bool(given.get("AllowNullValues"))
    query = urlencode(list(_pairs(given.get("QueryParameters"), "QueryParameters", nulls)))
    headers = list(_pairs(given.get("Headers"), "Headers", nulls))
    for name, value in headers:
        reserved = name.lower() in _RESERVED or name.lower().startswith(_RESERVED_PREFIXES)
        if reserved or not _HEADER_NAME.fullmatch(name) or not value.isprintable():
            raise BadArgument(f"The header '{name}' cannot be set in the field 'Headers'")
    headers.append(("Host", f"{api}.execute-api.{world.region}.amazonaws.com"))
    body = b""
    if given.get("RequestBody") is not None:
        if not nulls:
            _drop_nulls(given["RequestBody"])
        body = dumps(given["RequestBody"]).encode("utf-8", "replace")
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
    request = HttpRequest(given["Method"], path, query, headers, body)
    signer = _signer(call, given.get("AuthType"))
    if signer is not None:
        headers += _signature(call.ports, signer, request, world.region)
    url = f"{call.ports.settings.url}{path}" + (f"?{query}" if query else "")
    return OutboundRequest(given["Method"], url, headers, body, timeout=TIMEOUT)


def _api(ports: Ports, endpoint: str) -> tuple[str, World]:
    match = _ENDPOINT.fullmatch(endpoint)
    api = "" if match is None else match["host"] or match["path"]
    for world in ports.store.worlds("apigateway.restapi"):
        if api and apis.apis(ports, world).get(api) is not None:
            return api, world
    raise BadArgument(f"The ApiEndpoint '{endpoint}' is none of an API that Stategate serves.")


def _drop_nulls(value: JSON) -> None:
    """Takes the fields that are null out of the objects, however deep they are."""
    pending = [value]
    while pending:
        match pending.pop():
            case dict() as fields:
                for name in [name for name, item in fields.items() if item is None]:
                    del fields[name]
                pending += fields.values()
            case list() as items:
                pending += items


def _pairs(given: JSON, field: str, nulls: bool) -> Iterator[tuple[str, str]]:
    """Names with each of their values; null is left out unless it is allowed."""
    if given is None:
        return
    if not isinstance(given, dict):
        raise BadArgument(f"The value of the field '{field}' must be an object")
    for name, values in given.items():
        for value in values if isinstance(values, list) else [values]:
            if value is not None:
                yield name, value if isinstance(value, str) else dumps(value)
            elif nulls:
                yield name, ""


def _signer(call: TaskCall, auth: str | None) -> Principal | None:
    """Who makes the request. With RESOURCE_POLICY it is Step Functions itself, for the state machine: the API's
    resource policy tells which it lets in (aws:SourceArn)."""
    match auth:
        case "IAM_ROLE":
            return call.principal
        case "RESOURCE_POLICY":
            machine = call.execution.machine_arn.partition("/")[0]
            return service_for(SERVICE, call.execution.world.account, machine)
        case _:
            return None


def _signature(ports: Ports, signer: Principal, request: HttpRequest, region: str) -> list[tuple[str, str]]:
    """The headers that make it a request of the signer."""
    now = ports.clock.now()
    credentials = session_credentials(ports, signer, 900)
    signed = [("x-amz-date", sigv4.amz_date(now)), ("x-amz-security-token", credentials.session_token)]
    headers = [(name.lower(), value) for name, value in request.headers]
    whole = HttpRequest(request.method, request.path, request.query, [*headers, *signed], request.body)
    authorization = sigv4.sign(
        whole, credentials.access_key_id, credentials.secret_access_key, region, "execute-api", now
    )
    return [*signed, ("Authorization", authorization)]


def _result(response: OutboundResponse) -> dict[str, Any]:
    headers: dict[str, list[str]] = {"Connection": ["keep-alive"]}
    shown = {"content-length": "Content-Length", "content-type": "Content-Type", "date": "Date"}
    for name, value in response.headers:
        if name.lower() != "connection":
            headers.setdefault(shown.get(name.lower(), name), []).append(value)
    text = response.body.decode("utf-8", "replace")
    try:
        body = loads(text) if text else None
    except JSONSyntaxError:
        body = text
    return {
        "Headers": {name: headers[name] for name in sorted(headers, key=str.lower)},
        **({} if body is None and not text else {"ResponseBody": body}),
        "StatusCode": response.status,
        "StatusText": _status_text(response.status),
    }


def _status_text(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
