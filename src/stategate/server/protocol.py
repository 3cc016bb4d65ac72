"""HTTP/1.1 as clients of AWS speak it: uvicorn's httptools protocol, with what a server that faces clients needs.

* Methods in lower case are taken for what they mean (`get`), as API Gateway's front does.
* Header names keep their casing both ways: a Lambda proxy event shows the client's, and the answer's is AWS's.
* An answer is written at once, head and body together.
* A request's head is bounded in size; sending it and reading its answer in time: nobody holds memory or a connection by
  being slow. What is no HTTP gets a 400 in JSON, what has too large a head a 431.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import httptools
import orjson
import structlog
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle


@dataclass(frozen=True, slots=True)
class Limits:
    """`head`: bytes of request line and headers together. Seconds: `request` from a connection's or a request's first
    byte to the request's last, `unread` while a client takes nothing of its answer, `drain` for a client that still
    sends what nobody reads."""

    head: int = 64 * 1024
    request: float = 60.0
    unread: float = 60.0
    drain: float = 5.0


HEADER_NAMES = "stategate.header_names"
"""The key in the ASGI scope: the header names as they came, parallel to `headers`."""

LONGEST_METHOD = 16

_HAS_BODY = frozenset((b"content-length", b"transfer-encoding"))
_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:[^\r\n]*", re.IGNORECASE)

_log = structlog.get_logger("stategate.http")


class _Refused(Exception):
    """Raised in the parser's callbacks, which wrap it: the request can't be taken."""

    def __init__(self, answer: tuple[int, str]) -> None:
        super().__init__(answer[1])
        self.answer = answer


_BAD = (400, "Bad Request")
_LARGE_HEAD = (431, "Request Header Fields Too Large")
_UNKNOWN_CODING = (501, "Not Implemented")


class Protocol(HttpToolsProtocol):
    """One connection. `_open` is true from the first byte of a request to its last, `_body` after its head. `_head`
    counts the parts of a head that are complete, `_fed` what came of it; `_tail` is the end of that."""

    limits = Limits()

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._open = False
        self._body = False
        self._draining = False
        self._head = 0
        self._fed = 0
        self._tail = b""
        self._names: list[bytes] = []
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.limits.request, self._end)

    def data_received(self, data: bytes) -> None:
        if self._draining:
            return
        self._unset_keepalive_if_required()
        if not self._open:
            self._fed, self._tail = 0, b""
            data = _understood(data)
        if not self._body and self._endless_head(data):
            self._refuse(*_LARGE_HEAD)
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No other protocol is spoken here: the request was taken as it is, as RFC 9110 allows.
            pass
        except httptools.HttpParserError as error:
            why = error.__context__
            self._refuse(*(why.answer if isinstance(why, _Refused) else _BAD))
            return
        if not self._open:
            self._cancel_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.limits.request, self._end)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._open = True
        self._head = self._fed = 0
        self._names = []
        self.scope[HEADER_NAMES] = self._names  # type: ignore[literal-required]

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        match name.lower():
            case b"host" if any(known == b"host" for known, _ in self.headers):
                raise _Refused(_BAD)
            case b"transfer-encoding" if value.lower() != b"chunked":
                raise _Refused(_UNKNOWN_CODING)
        self._names.append(name)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and any(name in _HAS_BODY for name, _ in self.headers):
            # The parser would drop the body.
            raise _Refused(_BAD)
        self._body = True
        if self.url[:1] != b"/":
            self._name_host()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._open = self._body = False
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        async def answered(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            try:
                await app(scope, receive, Answer(self, cycle))
            except asyncio.CancelledError:  # the server ends and waits no longer
                cycle.disconnected = True
                cycle.transport.close()

        super()._start_asgi_task(cycle, answered)

    def end(self, cycle: RequestResponseCycle) -> None:
        """After the last answer. A client that still sends could not read it if its connection were reset: what it
        sends is taken for a while, and dropped."""
        if cycle.more_body:
            self._drain()
        else:
            self.transport.close()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > self.limits.head:
            raise _Refused(_LARGE_HEAD)

    def _endless_head(self, data: bytes) -> bool:
        """Whether this is more of a head than may come; the parser shows a header only when it is complete."""
        self._fed += len(data)
        before, self._tail = self._tail, (self._tail + data[-3:])[-3:]
        if self._fed <= self.limits.head:
            return False
        return b"\r\n\r\n" not in before + data[: max(0, self.limits.head - self._fed + len(data))]

    def _watch_reader(self, size: int | None = None) -> None:
        """Ends the connection of a client that took nothing of its answer since `size` bytes were left."""
        left = self.transport.get_write_buffer_size()
        if size is not None and left >= size:
            self.transport.abort()
        else:
            self._unread = self.loop.call_later(self.limits.unread, self._watch_reader, left)

    def _name_host(self) -> None:
        """A target with a host in it (`GET http://host/path`) tells the host, whatever the header says [RFC 9112]."""
        target = httptools.parse_url(self.url)
        if not target.host:
            return
        host = target.host + (b":%d" % target.port if target.port else b"")
        kept = [(name, pair) for name, pair in zip(self._names, self.headers, strict=True) if pair[0] != b"host"]
        self._names[:] = [b"Host", *(name for name, _ in kept)]
        self.headers[:] = [(b"host", host), *(pair for _, pair in kept)]

    def _refuse(self, status: int, message: str) -> None:
        """What the parser could not take is answered in the form that API Gateway's front has."""
        if self.cycle is not None and not self.cycle.response_complete and not self._body:
            # What came before it gets its answer, and the connection ends with that.
            self.cycle.keep_alive = False
            self._draining = True
            self._cancel_deadline()
            return
        _log.info("request refused", status=status, client=self.client[0] if self.client else None)
        body = orjson.dumps({"message": message})
        length = str(len(body)).encode()
        head = (
            STATUS_LINE[status],
            b"Content-Type: application/json\r\nx-amzn-ErrorType: BadRequestException\r\nConnection: close\r\n",
            b"Content-Length: " + length + b"\r\n\r\n",
        )
        self.transport.write(b"".join((*head, body)))
        if self._body:
            # The application waits for the rest of the body.
            self.transport.close()
        else:
            self._drain()

    def _drain(self) -> None:
        self._draining = True
        self._cancel_deadline()
        if self.transport.is_closing():
            return
        self.transport.write_eof()
        self.flow.resume_reading()
        self._deadline = self.loop.call_later(self.limits.drain, self._end)

    def _end(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Answer:
    """The ASGI `send` of one request: a start and one body. uvicorn's own writes header names in lower case."""

    def __init__(self, protocol: Protocol, cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._head: list[bytes] = []

    async def __call__(self, message: ASGISendEvent) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start":
            cycle.response_started = True
            cycle.waiting_for_100_continue = False
            status = message["status"]
            # Backends may answer with a status that no standard knows.
            self._head = [STATUS_LINE.get(status) or b"HTTP/1.1 %d \r\n" % status]
            defaults = ((name.title(), value) for name, value in cycle.default_headers)
            for name, value in (*defaults, *message.get("headers", ())):
                if name.lower() == b"connection":
                    if value.lower() == b"close":
                        cycle.keep_alive = False
                    elif not cycle.keep_alive:
                        value = b"close"
                self._head += (name, b": ", value, b"\r\n")
        elif message["type"] == "http.response.body":
            await self._finish(message.get("body", b""))

    async def _finish(self, body: bytes) -> None:
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected or cycle.transport.is_closing():
            return
        cycle.transport.write(b"".join((*self._head, b"\r\n", body)))
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self._protocol.end(cycle)
        cycle.on_response()


def _understood(data: bytes) -> bytes:
    """The beginning of a request as the parser can take it: its method in capitals, and without an offer to speak
    another protocol, since the parser would not read the body of a request with such an offer."""
    method, space, rest = data.partition(b" ")
    if space and data[:1].islower() and len(method) <= LONGEST_METHOD and method.isalpha():
        data = method.upper() + space + rest
    if b"pgrade" in data or b"PGRADE" in data:
        head, end, body = data.partition(b"\r\n\r\n")
        data = _UPGRADE.sub(b"", head) + end + body
    return data
