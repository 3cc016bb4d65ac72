"""The ASGI application: where requests go, limits, disconnects, start and stop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from stategate.server.http import LAMBDA_LIMIT, LIMIT, ApiTarget, Application, api_target
from stategate.wire import HttpRequest, HttpResponse


class Backend:
    """Stands for the dispatcher and the deployed APIs."""

    services = ["iam", "stepfunctions"]  # noqa: RUF012 - as the dispatcher has it

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.api_calls: list[tuple[str, str | None, str, str]] = []
        self.answer = HttpResponse(200, [("Content-Type", "text/plain")], b"hello")
        self.waiting = asyncio.Event()
        self.cancelled = False
        self.stopped = asyncio.Event()
        self.error: Exception | None = None

    async def http(self, request: HttpRequest, source_ip: str) -> HttpResponse:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        if request.header("x-wait"):
            self.waiting.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cancelled = True
                self.stopped.set()
                raise
        return self.answer

    async def execute(
        self, request: HttpRequest, api_id: str, stage: str | None, path: str, source_ip: str
    ) -> HttpResponse:
        self.requests.append(request)
        self.api_calls.append((api_id, stage, path, source_ip))
        return self.answer


def application(backend: Backend, **more: Any) -> Application:
    return Application(backend, backend.execute, version="1.2.3", **more)


def messages(*chunks: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A receive callable with these chunks of a body; then the client goes away."""
    left = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
        for number, chunk in enumerate(chunks)
    ]

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else {"type": "http.disconnect"}

    return receive


class Reply:
    def __init__(self, sent: list[Any]) -> None:
        self.sent = sent
        self.status = sent[0]["status"]
        self.headers = dict(sent[0]["headers"])
        self.body = b"".join(message.get("body", b"") for message in sent[1:])


async def ask(
    app: Application,
    method: str = "GET",
    path: str = "/",
    *chunks: bytes,
    query: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    receive: Callable[[], Awaitable[dict[str, Any]]] | None = None,
) -> Reply | None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": "decoded, not used",
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("198.51.100.7", 1234),
    }
    await app(scope, receive or messages(*(chunks or (b"",))), send)
    return Reply(sent) if sent else None


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_a_request_reaches_the_dispatcher_as_it_came() -> None:
    async def go() -> None:
        backend = Backend()
        reply = await ask(
            application(backend), "PUT", "/a%2Fb/%C3%BC", b"one", b"two", query="x=%20", headers=(("x-y", "\xfc"),)
        )
        request = backend.requests[0]
        assert (request.method, request.path, request.query, request.body) == (
            "PUT",
            "/a%2Fb/%C3%BC",
            "x=%20",
            b"onetwo",
        )
        assert request.headers == [("x-y", "ü")]
        assert reply is not None
        assert (reply.status, reply.body, reply.headers[b"content-length"]) == (200, b"hello", b"5")

    run(go())


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("abc123.execute-api.us-east-1.amazonaws.com", "/prod/a/b", ("abc123", "prod", "/a/b")),
        ("ABC123.execute-api.localhost.localstack.cloud:4566", "/prod", ("abc123", "prod", "/")),
        ("abc123.execute-api.localhost", "/prod/", ("abc123", "prod", "/")),
        ("abc123.execute-api.localhost", "/", ("abc123", None, "/")),
        ("abc123.execute-api.localhost", "//prod/x", ("abc123", "prod", "/x")),
        ("abc123.execute-api.localhost", "/prod//x%2Fy/", ("abc123", "prod", "//x%2Fy/")),
        ("abc123-vpce-0a1b.execute-api.us-east-1.amazonaws.com", "/prod/x", ("abc123", "prod", "/x")),
        ("localhost:4566", "/_aws/execute-api/abc123/prod/a", ("abc123", "prod", "/a")),
        ("localhost:4566", "/_aws/execute-api/abc123", ("abc123", None, "/")),
        ("localhost:4566", "/restapis/abc123/prod/_user_request_/a/b", ("abc123", "prod", "/a/b")),
        ("localhost:4566", "/restapis/abc123/prod/_user_request_", ("abc123", "prod", "/")),
        ("localhost:4566", "/restapis/abc123/prod/_user_request_//a", ("abc123", "prod", "//a")),
        ("localhost:4566", "/restapis/abc123/resources", None),
        ("localhost:4566", "/restapis/abc123/resources/x_user_request_y/methods/GET", None),
        ("localhost:4566", "/", None),
        ("vpce-0a1b.us-east-1.amazonaws.com", "/prod/x", None),
    ],
)
def test_url_forms_of_deployed_apis(host: str, path: str, expected: tuple[str, str | None, str] | None) -> None:
    target = api_target(HttpRequest("GET", path, "", [("host", host)]))
    assert target == (None if expected is None else ApiTarget(*expected))


def test_a_vpc_endpoint_names_the_api_in_a_header() -> None:
    headers = [("host", "vpce-0a1b.execute-api.us-east-1.vpce.amazonaws.com"), ("x-apigw-api-id", "abc123")]
    assert api_target(HttpRequest("GET", "/prod/x", "", headers)) == ApiTarget("abc123", "prod", "/x")


def test_apis_are_executed() -> None:
    async def go() -> None:
        backend = Backend()
        await ask(application(backend), "POST", "/prod/x", b"{}", headers=(("host", "abc.execute-api.localhost"),))
        assert backend.api_calls == [("abc", "prod", "/x", "198.51.100.7")]

    run(go())


def test_health_and_other_pages() -> None:
    def page() -> HttpResponse:
        return HttpResponse(200, [], b"more")

    async def go() -> None:
        backend = Backend()
        app = application(backend, pages={"/_stategate/more": page})
        health = await ask(app, "GET", "/_stategate/health")
        assert health is not None
        assert json.loads(health.body) == {"status": "ok", "version": "1.2.3", "services": ["iam", "stepfunctions"]}
        more = await ask(app, "GET", "/_stategate/more")
        assert more is not None and more.body == b"more"
        for method, path, status in (
            ("GET", "/_stategate/none", 404),
            ("POST", "/_stategate/health", 405),
            ("POST", "/_stategate/more", 405),
        ):
            reply = await ask(app, method, path)
            assert reply is not None and reply.status == status
        assert backend.requests == []

    run(go())


@pytest.mark.parametrize(
    ("path", "host", "limit", "message"),
    [
        ("/", "localhost", LIMIT, "Request must be smaller"),
        ("/2015-03-31/functions", "localhost", LAMBDA_LIMIT, "Request must be smaller"),
        ("/_stategate/health", "localhost", LIMIT, "Request must be smaller"),
    ],
)
def test_bodies_have_limits(path: str, host: str, limit: int, message: str) -> None:
    async def go() -> None:
        backend = Backend()
        app = application(backend)
        announced = await ask(app, "POST", path, headers=(("host", host), ("content-length", str(limit + 1))))
        half = bytes(limit // 2 + 1)
        sent = await ask(app, "POST", path, half, half, headers=(("host", host),))
        for reply in (announced, sent):
            assert reply is not None and reply.status == 413
            assert json.loads(reply.body)["message"].startswith(message)
        assert backend.requests == []
        verb = "GET" if path.startswith("/_stategate") else "POST"
        allowed = await ask(app, verb, path, bytes(limit), headers=(("host", host),))
        assert allowed is not None and allowed.status == 200

    run(go())


def test_an_api_refuses_a_large_body_itself_and_the_connection_ends() -> None:
    async def go() -> None:
        backend = Backend()
        headers = (("host", "abc.execute-api.localhost"), ("content-length", str(LIMIT + 1)))
        assert await ask(application(backend), "POST", "/prod/x", headers=headers) is not None
        (request,) = backend.requests
        assert (request.too_large, request.body, request.header("connection")) == (True, b"", "close")

    run(go())


def test_a_bug_is_answered_and_the_next_request_served() -> None:
    async def go() -> None:
        backend = Backend()
        backend.error = ZeroDivisionError("a bug")
        app = application(backend)
        reply = await ask(app)
        assert reply is not None and (reply.status, json.loads(reply.body)) == (
            500,
            {"message": "Internal server error"},
        )
        backend.error = None
        reply = await ask(app)
        assert reply is not None and reply.status == 200

    run(go())


def test_headers_cannot_break_out_and_need_not_be_latin() -> None:
    async def go() -> None:
        backend = Backend()
        backend.answer = HttpResponse(200, [("a", "b\r\nset-cookie: c"), ("d", "日")], b"")
        reply = await ask(application(backend))
        assert reply is not None
        assert reply.headers[b"a"] == b"b  set-cookie: c"
        assert reply.headers[b"d"] == "日".encode()

    run(go())


@pytest.mark.parametrize(("method", "status", "length", "body"), [("HEAD", 200, b"5", b""), ("GET", 204, None, b"")])
def test_answers_without_a_body(method: str, status: int, length: bytes | None, body: bytes) -> None:
    async def go() -> None:
        backend = Backend()
        backend.answer.status = status
        if status == 204:
            backend.answer.headers.append(("Content-Length", "5"))
        reply = await ask(application(backend), method)
        assert reply is not None
        assert (reply.headers.get(b"content-length"), reply.body) == (length, body)

    run(go())


SYNC = (("x-amz-target", "AWSStepFunctions.StartSyncExecution"), ("x-wait", "1"))


def test_who_waits_alone_is_cancelled_when_the_client_goes() -> None:
    async def go() -> None:
        backend = Backend()
        assert await ask(application(backend), "POST", "/", b"{}", headers=SYNC) is None
        assert backend.cancelled

    run(go())


def test_other_operations_go_on_when_the_client_goes() -> None:
    async def go() -> None:
        backend = Backend()
        headers = (("x-amz-target", "AWSStepFunctions.StartExecution"), ("x-wait", "1"))
        task = asyncio.create_task(ask(application(backend), "POST", "/", b"{}", headers=headers))
        await backend.waiting.wait()
        await asyncio.sleep(0)
        assert not task.done() and not backend.cancelled
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(go())


def test_a_client_that_goes_while_it_sends_is_forgotten() -> None:
    async def go() -> None:
        backend = Backend()

        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        assert await ask(application(backend), "POST", "/", receive=receive) is None
        assert backend.requests == []

    run(go())


async def lifespan(app: Application) -> list[str]:
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app({"type": "lifespan"}, receive, send)
    return sent


def test_hooks_run_in_order_and_back() -> None:
    async def go() -> None:
        ran: list[str] = []

        def hook(name: str, fails: bool = False) -> Callable[[], Awaitable[None]]:
            async def run_hook() -> None:
                ran.append(name)
                if fails:
                    raise RuntimeError(name)

            return run_hook

        app = application(Backend(), startup=[hook("a"), hook("b")], shutdown=[hook("c"), hook("d", fails=True)])
        assert await lifespan(app) == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
        assert ran == ["a", "b", "d", "c"]
        app = application(Backend(), startup=[hook("x", fails=True), hook("y")])
        assert await lifespan(app) == ["lifespan.startup.failed"]
        assert ran[4:] == ["x"]

    run(go())


def test_behind_uvicorn() -> None:
    """What the fake scopes above assume: the raw path, and a disconnect that is told while the operation waits."""

    async def go() -> None:
        backend = Backend()
        config = uvicorn.Config(
            application(backend), port=0, http="httptools", log_config=None, access_log=False, lifespan="on"
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /a%2Fb//c?d=%20 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        request = backend.requests[0]
        assert (request.path, request.query, request.body) == ("/a%2Fb//c", "d=%20", b"hi")
        writer.close()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST / HTTP/1.1\r\nHost: h\r\nX-Wait: 1\r\nX-Amz-Target: AWSStepFunctions.StartSyncExecution\r\n"
            b"Content-Length: 2\r\n\r\n{}"
        )
        await asyncio.wait_for(backend.waiting.wait(), 60)
        writer.close()
        await asyncio.wait_for(backend.stopped.wait(), 60)
        server.should_exit = True
        await running

    run(go())
