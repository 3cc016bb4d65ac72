"""An account with API Gateway in it, in memory, for tests: operations by name, and requests to deployed APIs."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.memorystore import MemoryStore
from stategate.iam.principal import Principal, root
from stategate.services import apigateway, iam, lambda_
from stategate.services.apigateway.execute import ExecuteApi
from stategate.services.call import Call
from stategate.services.dispatch import Dispatcher
from stategate.services.errors import AwsError
from stategate.services.ports import (
    FunctionCode,
    Invocation,
    InvocationResult,
    LogEvent,
    OutboundError,
    OutboundRequest,
    OutboundResponse,
    Ports,
    World,
)
from stategate.testing.clock import FakeClock
from stategate.wire.http import HttpRequest, HttpResponse, parse_query

ACCOUNT = "111122223333"
WORLD = World(ACCOUNT, "us-east-1")


class SeededEntropy:
    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def random(self) -> float:
        return self._random.random()

    def letters(self, count: int, alphabet: str) -> str:
        return "".join(self._random.choice(alphabet) for _ in range(count))


@dataclass
class Settings:
    auth: str = "open"


@dataclass
class Recorded:
    """A stand-in for the other services: answers what it was told to, and remembers who called."""

    response: HttpResponse = field(default_factory=lambda: HttpResponse(200, [], b"{}"))
    calls: list[tuple[World, Principal, str, HttpRequest]] = field(default_factory=list)
    delay: float = 0.0

    async def as_principal(
        self, world: World, principal: Principal, service: str, request: HttpRequest, source_ip: str
    ) -> HttpResponse:
        self.calls.append((world, principal, service, request))
        if self.delay:
            await asyncio.sleep(self.delay)
        return self.response


@dataclass
class FakeFunctions:
    """Runs nothing: every invocation gives `result`."""

    result: InvocationResult = field(default_factory=lambda: InvocationResult(b"{}", None, b""))
    payloads: list[bytes] = field(default_factory=list)
    delay: float = 0.0

    async def put_package(self, package: bytes) -> tuple[str, int]:
        return "c2hh", len(package)

    def package(self, code_sha256: str) -> bytes | None:
        return None

    def keep_packages(self, referenced: Collection[str]) -> None:
        return None

    async def invoke(self, code: FunctionCode, invocation: Invocation) -> InvocationResult:
        self.payloads.append(invocation.payload)
        if self.delay:
            await asyncio.sleep(self.delay)
        return self.result

    def retire(self, arn: str) -> None:
        return None


@dataclass
class FakeOutbound:
    """Another server: answers or raises what it is told to."""

    answer: OutboundResponse | OutboundError = field(default_factory=lambda: OutboundResponse(200, (), b"{}"))
    requests: list[OutboundRequest] = field(default_factory=list)

    async def send(self, request: OutboundRequest) -> OutboundResponse:
        self.requests.append(request)
        if isinstance(self.answer, OutboundError):
            raise self.answer
        return self.answer


@dataclass
class Lines:
    """A log writer that keeps what it is given."""

    written: list[tuple[str, str, list[str]]] = field(default_factory=list)

    def write(self, world: World, group: str, stream: str, events: Sequence[LogEvent]) -> None:
        self.written.append((group, stream, [event.message for event in events]))


class GatewayWorld:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.entropy = SeededEntropy()
        self.functions = FakeFunctions()
        self.outbound = FakeOutbound()
        nothing: Any = None
        self.ports = Ports(
            clock=self.clock,
            entropy=self.entropy,
            store=MemoryStore(),
            executions=nothing,
            functions=self.functions,
            log_events=nothing,
            settings=Settings(),
            secret=b"s" * 32,
            outbound=self.outbound,
        )
        services = {"apigateway": apigateway.OPERATIONS, "iam": iam.OPERATIONS, "lambda": lambda_.OPERATIONS}
        self.dispatcher = Dispatcher(self.ports, services)
        self.backend = Recorded()
        self.lines = Lines()
        self.execute = ExecuteApi(self.ports, self.backend, self.lines)

    def __call__(self, operation: str, service: str = "apigateway", /, **given: Any) -> dict[str, Any]:
        call = Call(self.ports, WORLD, root(ACCOUNT), self.entropy.uuid(), self.clock.now())
        return asyncio.run(self.dispatcher.call(call, service, operation, given))

    def role(self, name: str, *, trusted: str = "apigateway.amazonaws.com", allow: str | None = None) -> str:
        trust = {"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn: str = self("CreateRole", "iam", RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        if allow is not None:
            allowed = {"Effect": "Allow", "Action": allow, "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
            self("PutRolePolicy", "iam", RoleName=name, PolicyName="p", PolicyDocument=document)
        return arn

    def logging_role(self) -> None:
        """Lets the account's APIs write logs."""
        patch = {"op": "replace", "path": "/cloudwatchRoleArn", "value": self.role("Logs", allow="logs:*")}
        self("UpdateAccount", patchOperations=[patch])

    def log(self, api: str, level: str, *, data: bool = True) -> None:
        """Execution logs of the stage `prod`; `data`: bodies and headers, too."""
        patches = [
            {"op": "replace", "path": "/*/*/logging/loglevel", "value": level},
            {"op": "replace", "path": "/*/*/logging/dataTrace", "value": "true" if data else "false"},
        ]
        self("UpdateStage", restApiId=api, stageName="prod", patchOperations=patches)

    def api(self, *paths: str, **members: Any) -> tuple[str, dict[str, str]]:
        """A new API with these paths; returns its id and the resources' ids by path."""
        api = self("CreateRestApi", name="test", **members)
        ids = {"/": api["rootResourceId"]}
        for path in paths:
            at = ""
            for part in path.strip("/").split("/"):
                parent, at = at or "/", f"{at}/{part}"
                if at not in ids:
                    made = self("CreateResource", restApiId=api["id"], parentId=ids[parent], pathPart=part)
                    ids[at] = made["id"]
        return api["id"], ids

    def method(
        self,
        api: str,
        resource: str,
        verb: str,
        integration: dict[str, Any],
        responses: dict[str, dict[str, Any]] | None = None,
        method_responses: dict[str, dict[str, Any]] | None = None,
        **members: Any,
    ) -> None:
        where = {"restApiId": api, "resourceId": resource, "httpMethod": verb}
        self("PutMethod", **where, authorizationType="NONE", **members)
        for code in responses or {}:
            self("PutMethodResponse", **where, statusCode=code, **(method_responses or {}).get(code, {}))
        self("PutIntegration", **where, **integration)
        for code, response in (responses or {}).items():
            self("PutIntegrationResponse", **where, statusCode=code, **response)

    def mock(self, api: str, resource: str, verb: str, template: str, **response: Any) -> None:
        """A MOCK method that answers 200 with a template."""
        self.method(
            api,
            resource,
            verb,
            {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}},
            {"200": {"responseTemplates": {"application/json": template}, **response}},
        )

    def deploy(self, api: str, stage: str = "prod", **members: Any) -> str:
        deployed: str = self("CreateDeployment", restApiId=api, stageName=stage, **members)["id"]
        return deployed

    def request(
        self,
        api: str,
        method: str = "GET",
        path: str = "/",
        *,
        stage: str | None = "prod",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> HttpResponse:
        path, _, query = path.partition("?")
        pairs = [("host", "api.test"), *((name.lower(), value) for name, value in (headers or {}).items())]
        request = HttpRequest(method, path, query, pairs, body)
        assert request.parameters == parse_query(query)
        return asyncio.run(self.execute(request, api, stage, path, "10.0.0.9"))


def refused(world: GatewayWorld, operation: str, **given: Any) -> str:
    """The message of a BadRequestException."""
    with pytest.raises(AwsError) as caught:
        world(operation, **given)
    assert (caught.value.code, caught.value.status) == ("BadRequestException", 400)
    return caught.value.message
