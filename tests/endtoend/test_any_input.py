"""Whatever comes for whatever operation: AWS's error or an answer, never an internal error."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stategate.server.app import SERVICES, App, build
from stategate.server.http import Hook
from stategate.server.settings import Settings
from stategate.wire import HttpRequest, HttpResponse
from wire.generated import Generator

STATES = "arn:aws:states:us-east-1:000000000000"
ROLE = "arn:aws:iam::000000000000:role/r"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
TRUST = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":'
    '{"Service":["states.amazonaws.com","lambda.amazonaws.com","apigateway.amazonaws.com"]}}}'
)
DEFINITION = '{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1000,"End":true}}}'
DOCUMENT = (
    '{"openapi":"3.0.1","info":{"title":"t","version":"1"},"paths":{"/a/{b}":{"get":{"responses":{},'
    '"x-amazon-apigateway-integration":{"type":"mock","requestTemplates":{"application/json":"{\\"statusCode\\":200}"}}}}}}'
)
KNOWN = {
    "role": [ROLE],
    "rolearn": [ROLE],
    "rolename": ["r"],
    "policydocument": [POLICY, TRUST, "{}"],
    "policyname": ["p"],
    "definition": [DEFINITION, '{"Type":"Pass","End":true}'],
    "statemachinearn": [f"{STATES}:stateMachine:m", f"{STATES}:stateMachine:m:1"],
    "executionarn": [f"{STATES}:execution:m:e"],
    "activityarn": [f"{STATES}:activity:t"],
    "name": ["m", "e", "t"],
    "input": ["{}", '{"a":1}'],
    "functionname": ["f", FUNCTION],
    "qualifier": ["$LATEST", "1"],
    "runtime": ["python3.12"],
    "handler": ["index.handler"],
    "loggroupname": ["g"],
    "logstreamname": ["s"],
    "resourcearn": [f"{STATES}:stateMachine:m", FUNCTION],
    "httpmethod": ["GET", "ANY"],
    "stagename": ["v1"],
    "type": ["MOCK", "AWS", "TOKEN"],
    "statuscode": ["200"],
    "body": [DOCUMENT],
    "path": ["/description", "/variables/a", "/*/*/throttling/rateLimit", "/binaryMediaTypes/a~1b", "/quota/limit"],
}
WAITS = frozenset({"GetActivityTask", "StartSyncExecution", "Invoke", "InvokeAsync", "TestInvokeMethod", "TestState"})
"""They wait for something, or start processes: a test of their own each."""


class Server:
    """The whole server in this process, without its sockets."""

    def __init__(self, runner: asyncio.Runner, app: App) -> None:
        self.runner = runner
        self._app = app
        self.known = dict(KNOWN)

    async def asked(self, request: HttpRequest) -> HttpResponse:
        return await self._app.asgi._dispatcher.http(request, "127.0.0.1")

    def send(self, request: HttpRequest) -> HttpResponse:
        return self.runner.run(self.asked(request))

    def request(self, service: str, path_or_target: str, value: dict[str, Any] | bytes) -> HttpRequest:
        """A POST of JSON to a service."""
        scope = f"000000000000/20240101/us-east-1/{service}/aws4_request"
        signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        headers = [("authorization", signed), ("x-amz-date", "20240101T000000Z")]
        path, _, query = path_or_target.partition("?") if path_or_target.startswith("/") else ("/", "", "")
        if path == "/":
            headers.append(("x-amz-target", path_or_target))
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return HttpRequest("POST", path, query, headers, body)

    def call(self, service: str, path_or_target: str, value: dict[str, Any] | bytes) -> Any:
        """What is answered to `request`."""
        answer = self.send(self.request(service, path_or_target, value))
        assert answer.status < 300, answer
        return json.loads(answer.body or b"null")

    def prepare(self) -> None:
        """What the likely values name."""
        iam = "Version=2010-05-08&UserName=nobody&RoleName=r&AssumeRolePolicyDocument=" + TRUST
        for action in ("CreateRole", "CreateUser", "CreateAccessKey"):
            answer = self.send(HttpRequest("POST", "/", f"{iam}&Action={action}"))
            assert answer.status == 200
        self.user_key = answer.body.partition(b"<AccessKeyId>")[2].partition(b"<")[0].decode()
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("index.py", "def handler(event, context): return event")
        code = base64.b64encode(archive.getvalue()).decode()
        function = {"FunctionName": "f", "Role": ROLE, "Runtime": "python3.12", "Handler": "index.handler"}
        self.call("lambda", "/2015-03-31/functions", {**function, "Code": {"ZipFile": code}})
        machine = {"name": "m", "definition": DEFINITION, "roleArn": ROLE, "publish": True}
        self.call("states", "AWSStepFunctions.CreateStateMachine", machine)
        self.call("states", "AWSStepFunctions.CreateActivity", {"name": "t"})
        started = {"stateMachineArn": f"{STATES}:stateMachine:m", "name": "e"}
        self.call("states", "AWSStepFunctions.StartExecution", started)
        self.call("logs", "Logs_20140328.CreateLogGroup", {"logGroupName": "g"})
        self.call("logs", "Logs_20140328.CreateLogStream", {"logGroupName": "g", "logStreamName": "s"})
        api = self.call("apigateway", "/restapis?mode=import", DOCUMENT.encode())
        self.call("apigateway", f"/restapis/{api['id']}/deployments", {"stageName": "v1"})
        self.known |= {"restapiid": [api["id"]], "resourceid": [api["rootResourceId"]]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("any-input")
    with asyncio.Runner() as runner:

        async def made() -> App:
            return build(Settings(data_dir=Path(data)))

        async def call(hooks: Iterable[Hook]) -> None:
            for hook in hooks:
                await hook()

        app = runner.run(made())
        runner.run(call(app.asgi._startup))
        server = Server(runner, app)
        server.prepare()
        yield server
        runner.run(call(reversed(app.asgi._shutdown)))


@pytest.mark.parametrize("service", sorted(SERVICES))
@settings(max_examples=800, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data(), random=st.randoms(use_true_random=False), broken=st.booleans())
def test_any_input_gets_an_answer(service: str, server: Server, data: Any, random: Random, broken: bool) -> None:
    operation = data.draw(st.sampled_from(sorted(set(SERVICES[service]) - WAITS)))
    request = Generator(random, service, server.known).request(operation, broken)
    if request is None:
        return
    answer = server.send(request)
    assert answer.status < 500 or answer.status == 501, (request, answer)
    if answer.status >= 400:
        assert b"essage" in answer.body, (request, answer)


def test_a_certificate_that_is_made_holds_up_nobody(server: Server) -> None:
    async def both() -> bool:
        making = asyncio.create_task(server.asked(server.request("apigateway", "/clientcertificates", {})))
        await asyncio.sleep(0)
        assert (await server.asked(server.request("states", "AWSStepFunctions.ListActivities", {}))).status == 200
        waited = not making.done()
        assert (await making).status == 201
        return waited

    assert server.runner.run(both())


NEED_NO_PERMISSION = frozenset({"GetCallerIdentity", "GetSessionToken"})


@pytest.mark.parametrize("service", sorted(SERVICES))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data(), random=st.randoms(use_true_random=False))
def test_a_user_without_policies_may_do_nothing(service: str, server: Server, data: Any, random: Random) -> None:
    operation = data.draw(st.sampled_from(sorted(set(SERVICES[service]) - WAITS - NEED_NO_PERMISSION)))
    request = Generator(random, service, server.known, server.user_key).request(operation, broken=False)
    if request is None:
        return
    answer = server.send(request)
    assert 400 <= answer.status < 500 or answer.status == 501, (request, answer)
