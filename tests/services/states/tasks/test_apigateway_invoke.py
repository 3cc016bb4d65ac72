"""Requests to deployed APIs as tasks: what is sent, and what becomes of the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from services.states.taskworld import WORLD, TaskWorld, simulate, task
from stategate.asl.effects import ScheduleTask
from stategate.gateway.model import RestApi
from stategate.iam import Principal
from stategate.services.access import decide, secret_of
from stategate.services.apigateway import records
from stategate.services.iam.credentials import principal_of
from stategate.services.ports import (
    OutboundError,
    OutboundRequest,
    OutboundResponse,
    TaskFailure,
    TaskOutcome,
    TaskSuccess,
)
from stategate.services.states.tasks import run_task
from stategate.wire import HttpRequest, sigv4

INVOKE = "arn:aws:states:::apigateway:invoke"
ENDPOINT = "abcdefghij.execute-api.us-east-1.amazonaws.com"
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


@dataclass(frozen=True)
class Settings:
    auth: str = "open"
    url: str = "http://127.0.0.1:4566"


class Server:
    """Answers each request with `response`."""

    def __init__(self) -> None:
        self.sent: list[OutboundRequest] = []
        self.response: OutboundResponse | OutboundError = OutboundResponse(200, (), b"")

    async def send(self, request: OutboundRequest) -> OutboundResponse:
        self.sent.append(request)
        if isinstance(self.response, OutboundError):
            raise self.response
        return self.response


async def invoke(world: TaskWorld, server: Server, **given: Any) -> TaskOutcome:
    """As a task of an execution whose role is `r`."""
    ports = replace(world.ports, outbound=server, settings=Settings())
    if not records.apis(ports, WORLD).get("abcdefghij"):
        records.apis(ports, WORLD).put(
            "abcdefghij", RestApi(id="abcdefghij", name="x", created=0, root_resource_id="r")
        )
        await world.start(await world.machine(WAIT, await world.role("r")), name="e")
    execution = world.engine.get("arn:aws:states:us-east-1:000000000000:execution:m:e")
    assert execution is not None
    text = json.dumps({"ApiEndpoint": ENDPOINT, "Method": "POST", **given})
    return await run_task(ports, execution.new, ScheduleTask(1, INVOKE, "T", text), world.dispatcher)


def test_what_is_sent(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        server = Server()
        await invoke(
            world,
            server,
            Stage="dev",
            Path="/a b/c",
            QueryParameters={"x": ["1", "2"], "y": "ä", "z": [None]},
            Headers={"X-One": ["1", "2"], "X-None": None},
            RequestBody={"k": "ü", "none": None, "list": [{"none": None}, None]},
        )
        (request,) = server.sent
        assert request.url == "http://127.0.0.1:4566/dev/a%20b/c?x=1&x=2&y=%C3%A4"
        assert list(request.headers) == [
            ("X-One", "1"),
            ("X-One", "2"),
            ("Host", ENDPOINT),
            ("Content-Type", "application/json"),
        ]
        assert (request.method, request.body.decode()) == ("POST", '{"k":"ü","list":[{},null]}')
        deep = '{"a":' * 500 + "{}" + "}" * 500
        await invoke(world, server, RequestBody=json.loads(deep.replace("{}", '{"none":null}')))
        assert server.sent.pop().body.decode() == deep
        await invoke(world, server, AllowNullValues=True, RequestBody={"none": None})
        assert server.sent.pop().body == b'{"none":null}'
        await invoke(world, server, QueryParameters={"z": [None]}, AllowNullValues=True, RequestBody="text")
        assert server.sent[1].url == "http://127.0.0.1:4566/?z="
        assert server.sent[1].body == b'"text"'
        await invoke(world, server, ApiEndpoint="http://localhost:4566/restapis/abcdefghij", RequestBody=None)
        assert (server.sent[2].url, server.sent[2].body) == ("http://127.0.0.1:4566/", b"")

    simulate(tmp_path, body)


def signer(world: TaskWorld, sent: OutboundRequest) -> Principal:
    """Whose signature it has; it must be right."""
    path, _, query = sent.url.removeprefix(Settings.url).partition("?")
    headers = [(name.lower(), value) for name, value in sent.headers]
    request = HttpRequest("POST", path, query, headers, sent.body)
    signature = sigv4.parse(request)
    assert signature is not None
    secret = secret_of(world.ports, signature.access_key, signature.security_token)
    assert secret is not None
    sigv4.verify(request, signature, secret, world.ports.clock.now())
    return principal_of(world.ports, WORLD.account, signature.access_key, signature.security_token, "rest-json")


def test_the_signature_is_that_of_the_role(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        server = Server()
        await invoke(world, server, AuthType="IAM_ROLE", Stage="dev", QueryParameters={"b": "1", "a": "2"})
        assert signer(world, server.sent[0]).role_arn == "arn:aws:iam::000000000000:role/r"

    simulate(tmp_path, body)


def test_a_resource_policy_sees_the_state_machine(tmp_path: Path) -> None:
    machine = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
    api = "arn:aws:execute-api:us-east-1:000000000000:abcdefghij/dev/POST/"

    def policy(**condition: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "states.amazonaws.com"},
            "Action": "execute-api:Invoke",
            "Resource": api,
            "Condition": {"StringEquals": {f"aws:{key}": value for key, value in condition.items()}},
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    async def body(world: TaskWorld) -> None:
        server = Server()
        await invoke(world, server, AuthType="RESOURCE_POLICY", Stage="dev")
        who = signer(world, server.sent[0])
        assert (who.kind, who.arn) == ("service", "states.amazonaws.com")
        for expected, condition in (
            (True, {"SourceArn": machine, "SourceAccount": WORLD.account}),
            (False, {"SourceArn": machine + "x"}),
            (False, {"SourceAccount": "111111111111"}),
        ):
            decision = decide(world.ports, WORLD, who, "execute-api:Invoke", api, None, policy(**condition))
            assert decision.allowed is expected
        assert not decide(world.ports, WORLD, who, "execute-api:Invoke", api).allowed

    simulate(tmp_path, body)


def test_the_answer(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        server = Server()
        headers = (("content-length", "7"), ("Set-Cookie", "a"), ("Set-Cookie", "b"), ("connection", "keep-alive"))
        server.response = OutboundResponse(201, headers, b'{"a":1}')
        outcome = await invoke(world, server)
        assert outcome == TaskSuccess(
            '{"Headers":{"Connection":["keep-alive"],"Content-Length":["7"],"Set-Cookie":["a","b"]},'
            '"ResponseBody":{"a":1},"StatusCode":201,"StatusText":"Created"}'
        )
        server.response = OutboundResponse(200, (), b"plain")
        outcome = await invoke(world, server)
        assert isinstance(outcome, TaskSuccess)
        assert json.loads(outcome.output)["ResponseBody"] == "plain"
        server.response = OutboundResponse(403, (), b'{"message":"no"}')
        assert await invoke(world, server) == TaskFailure("ApiGateway.403", '{"message":"no"}')
        server.response = OutboundError("timeout", "too late")
        outcome = await invoke(world, server)
        assert isinstance(outcome, TaskFailure)
        assert outcome.error == "ApiGateway.SdkClientException"

    simulate(tmp_path, body)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ApiEndpoint": "other.execute-api.us-east-1.amazonaws.com"}, "other.execute-api"),
        ({"ApiEndpoint": "example.com"}, "example.com"),
        ({"Headers": {"Host": "x"}}, "Host"),
        ({"Headers": {"X-Amzn-Trace-Id": "x"}}, "X-Amzn-Trace-Id"),
        ({"Headers": {"Via": ["x"]}}, "Via"),
        ({"Headers": {"X": "a\r\nY: b"}}, "X"),
        ({"Headers": ["X"]}, "Headers"),
    ],
)
def test_arguments_that_cannot_be(tmp_path: Path, given: dict[str, Any], named: str) -> None:
    async def body(world: TaskWorld) -> None:
        server = Server()
        outcome = await invoke(world, server, **given)
        assert isinstance(outcome, TaskFailure)
        assert outcome.error == "States.Runtime"
        assert named in outcome.cause
        assert not server.sent

    simulate(tmp_path, body)


def test_a_definition_may_name_it(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        given = {"ApiEndpoint": "example.com", "Method": "GET"}
        ended = await world.run(task(INVOKE, given), await world.role("r"))
        assert ended.error == "States.Runtime"

    simulate(tmp_path, body)
