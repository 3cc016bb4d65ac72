from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from stategate.runtime.outbound.http import HttpClient
from stategate.services.ports import OutboundError, OutboundRequest, OutboundResponse

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A raw server: it hands each request's head to `answer`. Yields its URL and a line for each connection."""
    connections: list[bytes] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        connections.append(b"")
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await answer(head, writer)
                await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", connections
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def send(answer: Answer, *requests: OutboundRequest) -> tuple[list[OutboundResponse], int]:
    """The answers to requests whose URL is a path, and how many connections they took."""

    async def run() -> tuple[list[OutboundResponse], int]:
        client = HttpClient()
        try:
            async with server(answer) as (url, connections):
                answers = []
                for request in requests:
                    sent = OutboundRequest(
                        request.method, url + request.url, request.headers, request.body, request.timeout, request.limit
                    )
                    answers.append(await client.send(sent))
                return answers, len(connections)
        finally:
            await client.close()

    return asyncio.run(run())


def fixed(text: bytes) -> Answer:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(text)

    return answer


@pytest.mark.parametrize(
    ("value", "sent"), [("\xc3\xa9", b"\xc3\xa9"), ("\xe9", b"\xc3\xa9"), ("\u20ac", b"\xe2\x82\xac")]
)
def test_bytes_of_a_header_pass_as_they_are_and_text_as_utf_8(value: str, sent: bytes) -> None:
    heads: list[bytes] = []

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        writer.write(b"HTTP/1.1 200 OK\r\nX-Back: " + sent + b"\r\nContent-Length: 0\r\n\r\n")

    (response,), _ = send(answer, OutboundRequest("GET", "/", (("X-Name", value),)))
    assert b"\r\nX-Name: " + sent + b"\r\n" in heads[0]
    assert dict(response.headers)["X-Back"] == sent.decode("latin-1")


def test_it_sends_what_it_was_given_and_nothing_else() -> None:
    heads: list[bytes] = []

    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        writer.write(b"HTTP/1.1 200 OK\r\nX-MiXed: a\r\nX-MiXed: b\r\nContent-Length: 2\r\n\r\nok")

    (response,), _ = send(answer, OutboundRequest("GET", "/a%2Fb?x=%20&x=2", (("X-Some", "v"), ("X-Some", "w"))))
    lines = heads[0].decode().split("\r\n")
    assert lines[0] == "GET /a%2Fb?x=%20&x=2 HTTP/1.1"
    assert [line for line in lines[1:] if line and not line.startswith("Host: ")] == ["X-Some: v", "X-Some: w"]
    assert response.body == b"ok"
    assert response.headers[:2] == (("X-MiXed", "a"), ("X-MiXed", "b"))


def test_redirects_and_encodings_are_left_alone() -> None:
    text = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    (response,), connections = send(fixed(text), OutboundRequest("GET", "/"))
    assert (response.status, response.body, connections) == (302, b"abc", 1)


def test_connections_are_kept() -> None:
    text = b"HTTP/1.1 204 No Content\r\n\r\n"
    answers, connections = send(fixed(text), *[OutboundRequest("GET", "/")] * 5)
    assert (len(answers), connections) == (5, 1)


def test_an_answer_in_chunks() -> None:
    text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    (response,), _ = send(fixed(text), OutboundRequest("GET", "/"))
    assert response.body == b"abcde"


@pytest.mark.parametrize(
    ("text", "request_", "kind"),
    [
        (b"", OutboundRequest("GET", "/", timeout=0.05), "timeout"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", OutboundRequest("GET", "/", timeout=0.05), "timeout"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi", OutboundRequest("GET", "/", limit=8), "too_large"),
        (b"nonsense\r\n\r\n", OutboundRequest("GET", "/"), "protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", OutboundRequest("GET", "/"), "protocol"),
    ],
)
def test_what_goes_wrong_has_a_kind(text: bytes, request_: OutboundRequest, kind: str) -> None:
    with pytest.raises(OutboundError) as caught:
        send(fixed(text), request_)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://127.0.0.1:1/", "connect"),
        ("http://host.invalid/", "address"),
        ("http:///x", "address"),
        ("http://[::1/", "protocol"),
    ],
)
def test_nobody_there(url: str, kind: str) -> None:
    async def run() -> None:
        client = HttpClient()
        try:
            await client.send(OutboundRequest("GET", url))
        finally:
            await client.close()

    with pytest.raises(OutboundError) as caught:
        asyncio.run(run())
    assert caught.value.kind == kind


def test_a_header_cannot_begin_another() -> None:
    with pytest.raises(OutboundError):
        send(fixed(b""), OutboundRequest("GET", "/", (("X", "a\r\nY: b"),)))
