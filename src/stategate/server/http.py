"""The one ASGI application: reads a request, decides which part it is for, writes the answer.

Three parts share the port: Stategate's own pages under `/_stategate/`, the deployed REST APIs (by host name, or by the
path forms that local tools use), and the AWS operations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import structlog

from stategate.server.protocol import HEADER_NAMES
from stategate.wire.http import HttpRequest, HttpResponse
from stategate.wire.identify import identify

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Hook = Callable[[], Awaitable[None]]
Page = Callable[[], HttpResponse]

OWN_PREFIX = "/_stategate/"
LAMBDA_LIMIT = 70 * 1024 * 1024
"""A package of 50 MB, base64-encoded, with the rest of the request."""
LIMIT = 10 * 1024 * 1024
"""What a REST API takes. An API answers a larger body itself (`HttpRequest.too_large`)."""

BODILESS_SECONDS = 0.25
"""How long a request that should have no body may take to begin one that it announced."""

_BODILESS = frozenset(("GET", "HEAD", "OPTIONS", "DELETE"))

_WAITS = frozenset(
    {
        "AWSStepFunctions.StartSyncExecution",
        "AWSStepFunctions.GetActivityTask",
        "AWSStepFunctions.TestState",
    }
)
"""Operations that wait for their caller only: they stop when the caller goes away."""

_log = structlog.get_logger("stategate.http")


class AwsEndpoint(Protocol):
    """`services.dispatch.Dispatcher` is one."""

    @property
    def services(self) -> list[str]: ...

    async def http(self, request: HttpRequest, source_ip: str) -> HttpResponse: ...


class ExecuteApi(Protocol):
    """Serves a request to a deployed REST API. `stage` None: the request names none. `path` is the raw path after the
    stage; it begins with `/`."""

    async def __call__(
        self, request: HttpRequest, api_id: str, stage: str | None, path: str, source_ip: str
    ) -> HttpResponse: ...


class Domains(Protocol):
    """Serves a request to a custom domain name; None if its host is none."""

    async def __call__(self, request: HttpRequest, source_ip: str) -> HttpResponse | None: ...


class FunctionUrls(Protocol):
    """Serves a request to a function URL."""

    async def __call__(self, request: HttpRequest, url_id: str, source_ip: str) -> HttpResponse: ...


@dataclass(frozen=True, slots=True)
class ApiTarget:
    """A request to a deployed API, as its URL names it."""

    api_id: str
    stage: str | None
    path: str


class TooLarge(Exception):
    """The body is larger than the limit."""


class Disconnected(Exception):
    """The client went away before its request was complete."""


class Application:
    """An ASGI 3 application. `startup` hooks run in order, `shutdown` hooks in reverse; `pages` are more of Stategate's
    own, by path (`/_stategate/...`)."""

    def __init__(
        self,
        dispatcher: AwsEndpoint,
        execute_api: ExecuteApi,
        *,
        version: str,
        startup: Sequence[Hook] = (),
        shutdown: Sequence[Hook] = (),
        pages: Mapping[str, Page] | None = None,
        function_urls: FunctionUrls | None = None,
        domains: Domains | None = None,
    ) -> None:
        self._domains = domains
        self._dispatcher = dispatcher
        self._function_urls = function_urls
        self._execute_api = execute_api
        self._startup = startup
        self._shutdown = shutdown
        self._pages: dict[str, Page] = {OWN_PREFIX + "health": self._health, **(pages or {})}
        self._version = version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "lifespan":
                await self._lifespan(receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1003})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope)
        client = scope.get("client")
        source_ip = client[0] if client else "127.0.0.1"
        target = api_target(request)
        try:
            request.body = await _body_if_any(receive, request, LIMIT if target is not None else _limit(request))
        except TooLarge:
            request.too_large = True
            _close_after(request)
        except Disconnected:
            return
        if request.header("x-amz-target") in _WAITS and target is None and not request.too_large:
            response = await _while_connected(self._dispatcher.http(request, source_ip), receive)
            if response is None:
                return
        else:
            response = await self._respond(request, target, source_ip)
        operation = request.header("x-amz-target")
        _log.debug("request", method=request.method, path=request.path, operation=operation, status=response.status)
        await _send(send, request, response)

    async def _respond(self, request: HttpRequest, target: ApiTarget | None, source_ip: str) -> HttpResponse:
        try:
            if target is not None:
                return await self._execute_api(request, target.api_id, target.stage, target.path, source_ip)
            if request.path.startswith(OWN_PREFIX):
                return _too_large(request) if request.too_large else self._own(request)
            if self._function_urls is not None and (url_id := function_url(request)) is not None:
                return await self._function_urls(request, url_id, source_ip)
            if self._domains is not None and (answer := await self._domains(request, source_ip)) is not None:
                return answer
            if request.too_large:
                return _too_large(request)
            return await self._dispatcher.http(request, source_ip)
        except Exception as error:  # noqa: BLE001 - one request's bug must not end the server
            _log.error("request failed", method=request.method, path=request.path, exc_info=error)
            return _json(500, {"message": "Internal server error"}, "InternalServerErrorException")

    def _own(self, request: HttpRequest) -> HttpResponse:
        page = self._pages.get(request.path)
        if page is None:
            return _json(404, {"message": f"Stategate has no page {request.path}"})
        if request.method not in ("GET", "HEAD"):
            return _json(405, {"message": "Only GET is allowed"})
        return page()

    def _health(self) -> HttpResponse:
        return _json(200, {"status": "ok", "version": self._version, "services": self._dispatcher.services})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    for hook in self._startup:
                        await hook()
                except Exception as error:  # noqa: BLE001 - the server is told, and does not start
                    _log.error("startup failed", exc_info=error)
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._stop(send)
                return

    async def _stop(self, send: Send) -> None:
        failed = None
        for hook in reversed(self._shutdown):
            try:
                await hook()
            except Exception as error:  # noqa: BLE001 - the other hooks must run too
                _log.error("shutdown failed", exc_info=error)
                failed = error
        if failed is None:
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await send({"type": "lifespan.shutdown.failed", "message": str(failed)})


# --- where a request goes ---------------------------------------------------------------------------------------


def api_target(request: HttpRequest) -> ApiTarget | None:
    """The deployed API that the URL names, in one of the forms `{api}.execute-api.…/{stage}/…`, a VPC endpoint's host
    with the header x-apigw-api-id, `/_aws/execute-api/{api}/{stage}/…`, `/restapis/{api}/{stage}/_user_request_/…`."""
    path = request.path
    if path.startswith("/_aws/execute-api/"):
        api_id, _, rest = path.removeprefix("/_aws/execute-api/").partition("/")
        return _staged(api_id, "/" + rest)
    if path.startswith("/restapis/") and "/_user_request_" in path:
        parts = path.split("/", 5)
        if len(parts) >= 5 and parts[4] == "_user_request_":
            return ApiTarget(parts[2], parts[3], "/" + (parts[5] if len(parts) > 5 else ""))
    host = request.header("host")
    if host is None or (".execute-api." not in host and not host.startswith("vpce-")):
        return None
    name = host.lower().partition(".")[0]
    if name.startswith("vpce-"):
        named = request.header("x-apigw-api-id")
        return None if named is None else _staged(named, path)
    return _staged(name.partition("-")[0], path)


def function_url(request: HttpRequest) -> str | None:
    """The id of the function URL that the host names: `{id}.lambda-url.{region}.…`."""
    host = request.header("host")
    return host.lower().partition(".")[0] if host is not None and ".lambda-url." in host else None


def _staged(api_id: str, path: str) -> ApiTarget:
    stage, separator, rest = path.lstrip("/").partition("/")
    return ApiTarget(api_id, stage or None, "/" + rest if separator else "/")


# --- requests ---------------------------------------------------------------------------------------------------


def _request(scope: Scope) -> HttpRequest:
    raw = scope.get("raw_path") or scope["path"].encode()
    names = scope.get(HEADER_NAMES)
    return HttpRequest(
        scope["method"],
        raw.decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        raw_names=None if names is None else [name.decode("latin-1") for name in names],
    )


def _limit(request: HttpRequest) -> int:
    return LAMBDA_LIMIT if request.path.startswith("/20") and "/functions" in request.path else LIMIT


async def _body_if_any(receive: Receive, request: HttpRequest, limit: int) -> bytes:
    """A GET that announces chunks and then sends none has no body: AWS's front answers such a request, and so the
    connection ends with the answer."""
    if request.method not in _BODILESS or request.header("transfer-encoding") is None:
        return await _body(receive, request, limit)
    try:
        async with asyncio.timeout(BODILESS_SECONDS):
            return await _body(receive, request, limit)
    except TimeoutError:
        _close_after(request)
        return b""


def _close_after(request: HttpRequest) -> None:
    """The connection ends with the answer, as if the client had asked for that."""
    request.headers.append(("connection", "close"))
    if request.raw_names is not None:
        request.raw_names.append("Connection")


async def _body(receive: Receive, request: HttpRequest, limit: int) -> bytes:
    length = request.header("content-length")
    if length is not None and length.isdigit() and int(length) > limit:
        raise TooLarge
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise TooLarge
        return body
    chunks, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge
        chunks.append(chunk)
    return b"".join(chunks)


async def _while_connected(work: Awaitable[HttpResponse], receive: Receive) -> HttpResponse | None:
    """None if the client went away; the work is cancelled then, and has ended when this returns."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


# --- answers ----------------------------------------------------------------------------------------------------


async def _send(send: Send, request: HttpRequest, response: HttpResponse) -> None:
    headers = [(_header(name), _header(value)) for name, value in response.headers]
    body = response.body
    if response.status == 204 or response.status == 304:
        body, headers = b"", [(name, value) for name, value in headers if name.lower() != b"content-length"]
    elif not any(name.lower() == b"content-length" for name, _ in headers):
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})


def _header(text: str) -> bytes:
    """A value that a mapping made could hold a line break, and so begin another header."""
    if "\r" in text or "\n" in text or "\0" in text:
        text = text.replace("\r", " ").replace("\n", " ").replace("\0", " ")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _json(status: int, value: Any, error_type: str | None = None) -> HttpResponse:
    headers = [("Content-Type", "application/json")]
    if error_type is not None:
        headers.append(("x-amzn-ErrorType", error_type))
    return HttpResponse(status, headers, orjson.dumps(value))


def _too_large(request: HttpRequest) -> HttpResponse:
    name = identify(request)
    limit = _limit(request)
    message = f"Request must be smaller than {limit} bytes for the {name or 'requested'} operation"
    code = "RequestEntityTooLargeException" if name in ("lambda", "apigateway") else "RequestTooLargeException"
    answer = _json(413, {"__type": code, "message": message}, code)
    answer.headers.append(("Connection", "close"))
    return answer
