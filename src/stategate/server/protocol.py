"""HTTP/1.1 as clients of AWS speak it: uvicorn's httptools protocol, with what a server that faces clients needs.

* Methods in lower case are taken for what they mean (`get`), as API Gateway's front does.
* Header names keep their casing both ways: a Lambda proxy event shows the client's, and the answer's is AWS's.
* An answer is written at once, head and body together.
* A request's head is bounded in size, and a request in time: nobody holds memory or a connection by sending slowly.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

HEAD_LIMIT = 64 * 1024
"""Bytes of request line and headers together."""

REQUEST_SECONDS = 60.0
"""From a request's first byte to its last."""

HEADER_NAMES = "stategate.header_names"
"""The key in the ASGI scope: the header names as they came, parallel to `headers`."""

LONGEST_METHOD = 16


class HeadTooLarge(Exception):
    """Becomes a 400 in the parser's error handling."""


class Protocol(HttpToolsProtocol):
    """One connection. `_open` is true from the first byte of a request to its last."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._open = False
        self._head = 0
        self._names: list[bytes] = []
        self._deadline: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        if not self._open and data[:1].islower():
            data = _upper_method(data)
        super().data_received(data)
        if self._open:
            if self._deadline is None:
                self._deadline = self.loop.call_later(REQUEST_SECONDS, self._too_slow)
        elif self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._open = True
        self._head = 0
        self._names = []
        self.scope[HEADER_NAMES] = self._names  # type: ignore[literal-required]

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        self._names.append(name)
        super().on_header(name, value)

    def on_message_complete(self) -> None:
        self._open = False
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        async def answered(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            try:
                await app(scope, receive, Answer(cycle))
            except asyncio.CancelledError:  # the server ends and waits no longer
                cycle.disconnected = True
                cycle.transport.close()

        super()._start_asgi_task(cycle, answered)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > HEAD_LIMIT:
            raise HeadTooLarge

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()


class Answer:
    """The ASGI `send` of one request: a start and one body. uvicorn's own writes header names in lower case."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._head: list[bytes] = []

    async def __call__(self, message: ASGISendEvent) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start":
            cycle.response_started = True
            cycle.waiting_for_100_continue = False
            self._head = [STATUS_LINE[message["status"]]]
            defaults = ((name.title(), value) for name, value in cycle.default_headers)
            for name, value in (*defaults, *message.get("headers", ())):
                if name.lower() == b"connection" and value.lower() == b"close":
                    cycle.keep_alive = False
                self._head += (name, b": ", value, b"\r\n")
        elif message["type"] == "http.response.body":
            await self._finish(message.get("body", b""))

    async def _finish(self, body: bytes) -> None:
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        cycle.transport.write(b"".join((*self._head, b"\r\n", body)))
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


def _upper_method(data: bytes) -> bytes:
    method, space, rest = data.partition(b" ")
    if not space or len(method) > LONGEST_METHOD or not method.isalpha():
        return data
    return method.upper() + space + rest
