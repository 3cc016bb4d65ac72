"""Lambda's Runtime API, by which a custom runtime's `bootstrap` gets its invocations: HTTP on a loopback port that each
worker has for itself.

    GET  /2018-06-01/runtime/invocation/next            waits for an invocation: its payload, with headers
    POST /2018-06-01/runtime/invocation/{id}/response   the result
    POST /2018-06-01/runtime/invocation/{id}/error      the handler's failure
    POST /2018-06-01/runtime/init/error                 the failure to get ready

The first `next` says that the runtime is ready. Statuses and bodies are those of AWS's runtime interface emulator.
"""

from __future__ import annotations

import asyncio
import json
from asyncio import Transport
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import cast

import httptools
import orjson

from stategate.runtime.functions.bootstrap import MAX_RESPONSE, too_large
from stategate.runtime.functions.protocol import ERROR, INIT_ERROR, READY, RESULT, Answer
from stategate.services.ports import Invocation

PREFIX = "/2018-06-01/runtime/"
MAX_HEADERS = 65_536


class RuntimeApi:
    """The `Channel` of a custom runtime."""

    inherited: tuple[int, ...] = ()

    def __init__(self, answered: Callable[[Answer], None], lost: Callable[[], None]) -> None:
        self._answered = answered
        self._server: asyncio.Server | None = None
        self._port = 0
        self._connections: set[_Connection] = set()
        self._ready = False
        self._waiting: _Connection | None = None
        self._pending: tuple[Invocation, float] | None = None
        self._running: str | None = None

    async def prepare(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    @property
    def environment(self) -> Mapping[str, str]:
        return {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._port}"}

    async def connect(self) -> None:
        """The runtime connects by itself."""

    def invoke(self, invocation: Invocation, deadline: float) -> None:
        self._pending = invocation, deadline
        self._serve()

    @property
    def took(self) -> bool:
        return self._pending is None

    def read_rest(self) -> None:
        """A runtime that ends has waited for its replies."""

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.close()

    # --- what connections ask for

    def joined(self, connection: _Connection) -> None:
        self._connections.add(connection)

    def left(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if self._waiting is connection:
            self._waiting = None

    def asked(self, connection: _Connection, error_type: str | None, body: bytes | None) -> None:
        """A request; `body` None: it is larger than a response may be."""
        path = connection.path
        match connection.method, path.removeprefix(PREFIX).split("/") if path.startswith(PREFIX) else []:
            case "GET", ["invocation", "next"]:
                self._next(connection)
            case "POST", ["invocation", request_id, "response" | "error"] if request_id != self._running:
                connection.refuse(400, "InvalidRequestID", "Invalid request ID")
            case "POST", ["invocation", _, kind]:
                self._settle(connection, RESULT if kind == "response" else ERROR, error_type, body)
            case "POST", ["init", "error"] if not self._ready:
                self._settle(connection, INIT_ERROR, error_type, body)
            case "POST", ["init", "error"]:
                connection.refuse(403, "InvalidStateTransition", "State transition from Ready to InitError failed")
            case _:
                connection.reply(404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})

    def _next(self, connection: _Connection) -> None:
        if self._running is not None or self._waiting is not None:
            connection.refuse(403, "InvalidStateTransition", "State transition from Running to Ready failed")
            return
        self._waiting = connection
        if not self._ready:
            self._ready = True
            self._answered(Answer(READY, 0, b""))
        self._serve()

    def _serve(self) -> None:
        if self._waiting is None or self._pending is None:
            return
        connection, (invocation, deadline) = self._waiting, self._pending
        self._waiting = self._pending = None
        self._running = invocation.request_id
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.invoked_arn,
        }
        if invocation.trace_id:
            headers["Lambda-Runtime-Trace-Id"] = invocation.trace_id
        if invocation.client_context:
            # A header holds ASCII only, which JSON can always be written in.
            headers["Lambda-Runtime-Client-Context"] = json.dumps(json.loads(invocation.client_context))
        connection.reply(200, invocation.payload, headers)

    def _settle(self, connection: _Connection, kind: int, error_type: str | None, body: bytes | None) -> None:
        self._running = None
        if body is None:
            message = f"Exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
            connection.refuse(413, "RequestEntityTooLarge", message)
            self._answered(Answer(ERROR if kind == RESULT else kind, 0, too_large()))
            return
        connection.reply(202, b'{"status":"OK"}\n', {"Content-Type": "application/json"})
        if kind == RESULT and error_type is not None:
            # A streamed response that failed on its way says so in its trailers.
            kind, body = ERROR, b""
        if kind != RESULT and not body:
            body = orjson.dumps({"errorType": error_type or "Unhandled", "errorMessage": ""})
        self._answered(Answer(kind, 0, body))


class _Connection(asyncio.Protocol):
    """One connection of the runtime; a request at a time."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._transport: Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    @property
    def method(self) -> str:
        return str(self._parser.get_method().decode())

    @property
    def path(self) -> str:
        return self._url.decode("latin-1").partition("?")[0]

    def _begin(self) -> None:
        self._url = b""
        self._body: bytearray | None = bytearray()
        self._header_size = 0
        self._error_type: str | None = None
        self._expects = False
        self._keep_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(Transport, transport)
        self._api.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._api.left(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Some clients offer HTTP/2. No other protocol is spoken here, and they go on with this one.
            pass
        except httptools.HttpParserError:
            self.refuse(400, "InvalidRequest", "HTTP request detected as truncated")
            self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def refuse(self, status: int, error_type: str, message: str) -> None:
        body = orjson.dumps({"errorMessage": message, "errorType": error_type})
        self.reply(status, body, {"Content-Type": "application/json"})

    def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        if self._transport is None:
            return
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._transport.write("\r\n".join((*lines, "\r\n")).encode("latin-1") + body)
        if not self._keep_alive:
            self._transport.close()

    # --- callbacks of the parser

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_size += len(name) + len(value)
        if self._header_size > MAX_HEADERS:
            raise httptools.HttpParserError("too many headers")
        match name.lower():
            case b"lambda-runtime-function-error-type":
                self._error_type = value.decode("latin-1")
            case b"expect" if value.lower() == b"100-continue":
                self._expects = True

    def on_headers_complete(self) -> None:
        if self._expects and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if self._body is not None:
            self._body += body
            if len(self._body) > MAX_RESPONSE:
                self._body = None

    def on_message_complete(self) -> None:
        self._keep_alive = self._parser.should_keep_alive()
        self._api.asked(self, self._error_type, None if self._body is None else bytes(self._body))
