"""HTTP integrations with endpoints that misbehave: the right status in bounded time, others are served."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runtime.outbound.test_http import Answer, fixed, server
from services.apigateway.gatewayworld import GatewayWorld
from stategate.runtime.outbound.http import HttpClient
from stategate.wire.http import HttpRequest, HttpResponse

INTERNAL = b'{"message": "Internal server error"}'
NETWORK = b'{"message": "Network error communicating with endpoint"}'
TIMED_OUT = b'{"message": "Endpoint request timed out"}'


def deployed(world: GatewayWorld, uri: str, kind: str = "HTTP_PROXY", /, **members: object) -> str:
    """GET /a is the endpoint's, GET /b a mock."""
    api, ids = world.api("/a", "/b", endpointConfiguration={"types": ["REGIONAL"]})
    integration = {"type": kind, "integrationHttpMethod": "GET", "uri": uri, "timeoutInMillis": 29_000, **members}
    world.method(api, ids["/a"], "GET", integration, {"200": {}})
    world.mock(api, ids["/b"], "GET", "fine")
    world.deploy(api)
    return api


async def both(world: GatewayWorld, api: str) -> tuple[HttpResponse, bool]:
    """The endpoint's answer, and whether the mock answered without waiting for anything."""

    async def get(path: str) -> HttpResponse:
        return await world.execute(HttpRequest("GET", path, "", [("host", "h")]), api, "prod", path, "10.0.0.9")

    client = HttpClient()
    object.__setattr__(world.ports, "outbound", client)
    try:
        waiting = asyncio.create_task(get("/a"))
        await asyncio.sleep(0.05)
        mock = asyncio.create_task(get("/b"))
        await asyncio.sleep(0)
        prompt = mock.done() and mock.result().body == b"fine"
        return await asyncio.wait_for(waiting, 60), prompt
    finally:
        await client.close()


def asked(answer: Answer, kind: str = "HTTP_PROXY", **members: object) -> HttpResponse:
    async def run() -> HttpResponse:
        async with server(answer) as (url, _):
            found, prompt = await both(world, await asyncio.to_thread(lambda: deployed(world, url, kind, **members)))
        assert prompt
        return found

    world = GatewayWorld()
    return asyncio.run(run())


def endless(first: bytes, piece: bytes, pause: float = 0) -> Answer:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


def cut(text: bytes) -> Answer:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        writer.close()

    return answer


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (fixed(b""), 504, TIMED_OUT),
        (endless(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"a", 0.01), 504, TIMED_OUT),
        (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), 504, TIMED_OUT),
        (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 65536), 500, INTERNAL),
        (endless(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"), 504, NETWORK),
        (endless(b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 65536), 504, NETWORK),
        (cut(b""), 504, NETWORK),
        (cut(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), 504, NETWORK),
        (cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), 504, NETWORK),
        (fixed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 504, NETWORK),
        (fixed(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), 500, INTERNAL),
        (fixed(b"SSH-2.0-OpenSSH_9.2\r\n"), 504, NETWORK),
        (fixed(b"HTTP/1.1 700 Own\r\nContent-Length: 2\r\n\r\nab"), 700, b"ab"),
    ],
)
def test_proxied_endpoints(answer: Answer, status: int, body: bytes) -> None:
    found = asked(answer, timeoutInMillis=300 if body == TIMED_OUT else 29_000)
    assert (found.status, found.body) == (status, body)


def test_a_redirect_is_the_clients_business() -> None:
    text = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    found = asked(fixed(text))
    assert (found.status, found.header("location")) == (307, "http://127.0.0.1:1/")


@pytest.mark.parametrize(
    ("uri", "status", "body"),
    [
        ("http://127.0.0.1:1/", 504, NETWORK),
        ("http://host.invalid/", 500, INTERNAL),
        ("https://127.0.0.1:{plain}/", 500, INTERNAL),
    ],
)
def test_endpoints_that_are_not_there(uri: str, status: int, body: bytes) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As servers of plain HTTP answer to TLS."""
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def run() -> HttpResponse:
        listening = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with listening:
            given = uri.replace("{plain}", str(listening.sockets[0].getsockname()[1]))
            found, _ = await both(world, await asyncio.to_thread(lambda: deployed(world, given)))
        return found

    world = GatewayWorld()
    found = asyncio.run(run())
    assert (found.status, found.body) == (status, body)


@contextlib.asynccontextmanager
async def secure(folder: Path) -> AsyncIterator[str]:
    """A server whose certificate nobody signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    )
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "server.pem"
    file.write_bytes(pem + private)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    finally:
        listening.close()


@pytest.mark.parametrize(("skip", "status"), [(False, 500), (True, 200)])
def test_certificates_are_checked_unless_the_api_says_otherwise(tmp_path: Path, skip: bool, status: int) -> None:
    async def run() -> int:
        async with secure(tmp_path) as url:
            settings = {"tlsConfig": {"insecureSkipVerification": skip}}
            found, _ = await both(world, await asyncio.to_thread(lambda: deployed(world, url, **settings)))
        return found.status

    world = GatewayWorld()
    assert asyncio.run(run()) == status
