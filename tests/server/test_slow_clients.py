"""Clients that hold a connection: limits of size and time, made short, on a real socket; others are served."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stategate.server.http import LIMIT, Application
from stategate.server.protocol import Limits, Protocol
from stategate.wire import HttpRequest, HttpResponse

LIMITS = Limits(head=16 * 1024, drain=60.0)
HASTY = replace(LIMITS, request=1.0, unread=2.0)
LARGE = 32 * 1024 * 1024


class Backend:
    services: list[str] = []  # noqa: RUF012 - as the dispatcher has it

    async def http(self, request: HttpRequest, source_ip: str) -> HttpResponse:
        host = request.header("host") or ""
        return HttpResponse(200, [], b"x" * LARGE if request.path == "/large" else host.encode())

    async def execute(
        self, request: HttpRequest, api_id: str, stage: str | None, path: str, source_ip: str
    ) -> HttpResponse:
        status, body = (413, b"too large") if request.too_large else (200, request.body)
        close = request.header("connection") == "close"
        return HttpResponse(status, [("Connection", "close" if close else "keep-alive")], body)


class Server(uvicorn.Server):
    """Listens in a thread of its own, with limits of its own."""

    def __init__(self, limits: Limits) -> None:
        backend = Backend()
        app: Any = Application(backend, backend.execute, version="0")
        protocol = type("Quick", (Protocol,), {"limits": limits})
        super().__init__(uvicorn.Config(app, http=protocol, ws="none", log_config=None, access_log=False))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.opened: list[socket.socket] = []

    def connect(self) -> socket.socket:
        self.opened.append(socket.create_connection(self.listener.getsockname(), timeout=60))
        return self.opened[-1]

    @contextlib.contextmanager
    def running(self) -> Iterator[Server]:
        thread = threading.Thread(target=lambda: asyncio.run(self.serve(sockets=[self.listener])))
        thread.start()
        yield self
        self.should_exit = True
        for connection in self.opened:
            connection.close()
        thread.join()
        self.listener.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(LIMITS).running() as running:
        yield running


@pytest.fixture(scope="module")
def hasty() -> Iterator[Server]:
    with Server(HASTY).running() as running:
        yield running


@pytest.fixture
def dial(server: Server) -> Callable[[], socket.socket]:
    return server.connect


def served(connect: Callable[[], socket.socket]) -> bool:
    """Tried more than once: this client can be slow as well."""

    def once() -> bool:
        with contextlib.suppress(ConnectionError), connect() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        return False

    return any(once() for _ in range(5))


def rest(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /",
        b"GET / HTTP/1.1\r\nX-A: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET / HT",
    ],
)
def test_a_request_that_never_ends_is_cut_off(hasty: Server, begun: bytes) -> None:
    connection = hasty.connect()
    connection.sendall(begun)
    assert served(hasty.connect)
    assert rest(connection).count(b"HTTP/1.1 200") == begun.count(b"\r\n\r\nGET")


def test_drops_of_a_head_do_not_prolong_it(hasty: Server) -> None:
    connection = hasty.connect()
    with pytest.raises(OSError):
        for byte in b"GET / HTTP/1.1\r\nX-A: " + b"a" * 1000:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)


def test_an_answer_that_nobody_reads_is_dropped(hasty: Server) -> None:
    connection = hasty.connect()
    connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    assert served(hasty.connect)
    deadline = time.monotonic() + 60
    while hasty.server_state.connections and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(ConnectionResetError):
        assert len(rest(connection)) < LARGE
        raise ConnectionResetError


def test_a_slow_reader_gets_it_all(hasty: Server) -> None:
    connection = hasty.connect()
    connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    time.sleep(HASTY.unread / 4)
    assert len(rest(connection)) > LARGE


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_told_so_while_it_is_sent(dial: Callable[[], socket.socket], chunked: bool) -> None:
    connection = dial()
    size = LIMIT + 2 * 1024 * 1024
    head = b"POST /p/x HTTP/1.1\r\nHost: a.execute-api.localhost\r\n"
    if chunked:
        piece = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + piece * (size // 0x100000) + b"0\r\n\r\n")
    else:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % size + b"a" * size)
    answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"too large")


def test_who_waits_to_be_told_to_continue_is_told_no(dial: Callable[[], socket.socket]) -> None:
    connection = dial()
    head = b"POST /p/x HTTP/1.1\r\nHost: a.execute-api.localhost\r\nExpect: 100-continue\r\n"
    connection.sendall(head + b"Content-Length: 999999999\r\n\r\n")
    assert rest(connection).startswith(b"HTTP/1.1 413 ")
    connection = dial()
    connection.sendall(head + b"Content-Length: 2\r\nConnection: close\r\n\r\n")
    assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"ab")
    assert rest(connection).endswith(b"\r\n\r\nab")


def test_a_head_that_is_too_large_is_told_so_while_it_is_sent(dial: Callable[[], socket.socket]) -> None:
    connection = dial()
    connection.sendall(b"GET / HTTP/1.1\r\n" + b"X-A: " + b"a" * 1_000_000)
    answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.endswith(b'{"message":"Request Header Fields Too Large"}')


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b: c\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_request_gets_json(dial: Callable[[], socket.socket], sent: bytes) -> None:
    connection = dial()
    connection.sendall(sent)
    answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"message":"Bad Request"}')
    assert served(dial)


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"identity"])
def test_codings_that_are_not_spoken(dial: Callable[[], socket.socket], coding: bytes) -> None:
    connection = dial()
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + coding + b"\r\n\r\n0\r\n\r\n")
    assert rest(connection).startswith(b"HTTP/1.1 501 ")


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"http://other.test/a", b"other.test"),
        (b"http://other.test:81/a", b"other.test:81"),
        (b"/a", b"x"),
        (b"*", b"x"),
    ],
)
def test_a_target_with_a_host_names_it(dial: Callable[[], socket.socket], target: bytes, host: bytes) -> None:
    connection = dial()
    connection.sendall(b"OPTIONS " + target + b" HTTP/1.1\r\nA: b\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert rest(connection).endswith(b"\r\n\r\n" + host)


@pytest.mark.parametrize("more", [b"", b"Connection: keep-alive\r\n"])
def test_http_1_0_is_told_that_the_connection_ends(dial: Callable[[], socket.socket], more: bytes) -> None:
    connection = dial()
    connection.sendall(b"GET /p/x HTTP/1.0\r\nHost: a.execute-api.localhost\r\n" + more + b"\r\n")
    assert b"\r\nConnection: close\r\n" in rest(connection)


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_an_upgrade_is_ignored_and_the_connection_goes_on(dial: Callable[[], socket.socket], protocol: bytes) -> None:
    connection = dial()
    upgrade = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
    for body in (b"one", b"two"):
        head = b"POST /p/x HTTP/1.1\r\nHost: a.execute-api.localhost\r\n" + upgrade
        connection.sendall(head + b"Content-Length: 3\r\n\r\n" + body)
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\n" + body)


def test_the_servers_own_limits() -> None:
    assert Protocol.limits == replace(Limits(), head=64 * 1024, request=60.0)


def test_a_head_after_a_long_request_has_the_whole_limit(dial: Callable[[], socket.socket]) -> None:
    connection = dial()
    for size in (15_000, 15_000):
        head = b"POST /p/x HTTP/1.1\r\nHost: a.execute-api.localhost\r\nX-A: " + b"a" * size
        connection.sendall(head + b"\r\nContent-Length: 3\r\n\r\nabc")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("late", [1, 2, 3])
def test_a_head_whose_end_comes_with_a_large_body_is_not_too_large(
    dial: Callable[[], socket.socket], late: int
) -> None:
    connection = dial()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    size = LIMITS.head * 2
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
    connection.sendall(head[:-late])
    time.sleep(0.05)
    connection.sendall(head[-late:] + b"x" * size)
    assert rest(connection).startswith(b"HTTP/1.1 200 ")


def test_what_came_before_nonsense_is_answered(dial: Callable[[], socket.socket]) -> None:
    connection = dial()
    connection.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 2 + b"\x00nonsense\r\n\r\n")
    answer = rest(connection)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.count(b"HTTP/1.1 ") == 2


REQUEST = (
    b"POST /p/x HTTP/1.1\r\nHost: a.execute-api.localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(REQUEST)), st.integers(0, 20), st.binary(max_size=20), st.integers(1, 3))
def test_whatever_comes_gets_http_or_nothing(
    dial: Callable[[], socket.socket], at: int, cut: int, junk: bytes, times: int
) -> None:
    connection = dial()
    try:
        connection.sendall((REQUEST[:at] + junk + REQUEST[at + cut :]) * times)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    except ConnectionError:
        answer = b""
    finally:
        connection.close()
    assert answer == b"" or answer[:12] in {b"HTTP/1.1 %d" % status for status in (200, 400, 404, 501)}
    assert answer != b"" or served(dial)
