"""Lambda integrations: selection by errorMessage, permission by role or by the function's policy, proxy answers."""

from __future__ import annotations

import json

import pytest

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from stategate.services.ports import InvocationResult

INVOKE = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{}/invocations"
INTERNAL = b'{"message": "Internal server error"}'


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def function(world: GatewayWorld) -> str:
    role = world.role("Execution", trusted="lambda.amazonaws.com")
    made = world(
        "CreateFunction",
        "lambda",
        FunctionName="move",
        Runtime="python3.11",
        Handler="h.handler",
        Role=role,
        Code={"ZipFile": b"zip"},
    )
    arn: str = made["FunctionArn"]
    return arn


def deployed(world: GatewayWorld, kind: str, credentials: str | None, **responses: str | None) -> str:
    uri = INVOKE.format(function(world))
    api, ids = world.api()
    integration = {"type": kind, "integrationHttpMethod": "POST", "uri": uri}
    if credentials is not None:
        integration["credentials"] = credentials
    shapes = {code: {} if text is None else {"selectionPattern": text} for code, text in responses.items()}
    world.method(api, ids["/"], "POST", integration, shapes)
    world.deploy(api)
    return api


def result(value: object, error: str | None = None) -> InvocationResult:
    return InvocationResult(json.dumps(value).encode(), error, b"")


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (result("Pass"), 200),
        (result({"errorMessage": "it is four hundred!", "errorType": "E"}, "Unhandled"), 405),
        (result({"errorMessage": "five", "errorType": "E"}, "Unhandled"), 502),
        (result({"errorMessage": "200"}), 200),
    ],
)
def test_selection_patterns(world: GatewayWorld, outcome: InvocationResult, status: int) -> None:
    role = world.role("Gateway", allow="lambda:InvokeFunction")
    responses = {"200": None, "405": ".*four hundred.*", "502": ".+", "504": "200"}
    api = deployed(world, "AWS", role, **responses)
    world.functions.result = outcome
    answer = world.request(api, "POST", "/", body=b'{"a": 1}')
    assert (answer.status, answer.body) == (status, outcome.payload)
    assert world.functions.payloads == [b'{"a": 1}']


def test_a_role_without_the_permission(world: GatewayWorld) -> None:
    api = deployed(world, "AWS", world.role("Gateway"), **{"200": None})
    answer = world.request(api, "POST", "/")
    assert (answer.status, answer.body) == (500, INTERNAL)
    assert world.functions.payloads == []


def test_the_functions_policy(world: GatewayWorld) -> None:
    api = deployed(world, "AWS_PROXY", None)
    world.functions.result = result({"statusCode": 201, "body": "made"})
    assert world.request(api, "POST", "/").body == INTERNAL
    permission = {
        "FunctionName": "move",
        "StatementId": "s",
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    }
    arn = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/*/{{}}/"
    world("AddPermission", "lambda", **permission, SourceArn=arn.format("GET"))
    assert world.request(api, "POST", "/").body == INTERNAL
    world("RemovePermission", "lambda", FunctionName="move", StatementId="s")
    world("AddPermission", "lambda", **permission, SourceArn=arn.format("POST"))
    answer = world.request(api, "POST", "/")
    assert (answer.status, answer.body) == (201, b"made")
    assert json.loads(world.functions.payloads[0])["httpMethod"] == "POST"


def test_a_function_that_fails_behind_a_proxy(world: GatewayWorld) -> None:
    api = deployed(world, "AWS_PROXY", world.role("Gateway", allow="lambda:InvokeFunction"))
    world.functions.result = result({"errorMessage": "no"}, "Unhandled")
    answer = world.request(api, "POST", "/")
    assert (answer.status, answer.body) == (502, INTERNAL)
    assert answer.header("x-amzn-errortype") == "InternalServerErrorException"


def test_a_request_that_is_too_large_for_a_function(world: GatewayWorld) -> None:
    api = deployed(world, "AWS_PROXY", world.role("Invoke", allow="lambda:InvokeFunction"))
    answer = world.request(api, "POST", "/", body=b"x" * (7 * 1024 * 1024))
    assert (answer.status, answer.body) == (413, b'{"message":"Request Too Long"}')


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "é", "(a)"])
def test_names_that_no_header_may_have(world: GatewayWorld, name: str) -> None:
    api = deployed(world, "AWS_PROXY", world.role("Invoke", allow="lambda:InvokeFunction"))
    world.functions.result = result({"statusCode": 200, "headers": {name: "x"}})
    answer = world.request(api, "POST", "/", body=b"{}")
    assert (answer.status, answer.body) == (502, INTERNAL)


def test_a_header_name_that_a_template_made_up(world: GatewayWorld) -> None:
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", '#set($context.responseOverride.header["a b"] = "x")')
    world.deploy(api)
    assert (world.request(api, "GET").status, world.request(api, "GET").body) == (500, INTERNAL)


@pytest.mark.parametrize(
    ("given", "status", "invoked"), [("RequestResponse", 200, 1), ("DryRun", 200, 0), ("x", 500, 0)]
)
def test_an_invocation_type_is_mapped_whatever_the_case_of_the_header(
    world: GatewayWorld, given: str, status: int, invoked: int
) -> None:
    role = world.role("Gateway", allow="lambda:InvokeFunction")
    api, ids = world.api()
    integration = {
        "type": "AWS",
        "integrationHttpMethod": "POST",
        "uri": INVOKE.format(function(world)),
        "credentials": role,
        "requestParameters": {"integration.request.header.x-amz-invocation-type": f"'{given}'"},
    }
    world.method(api, ids["/"], "POST", integration, {"200": {}})
    world.deploy(api)
    assert world.request(api, "POST", "/", body=b"{}").status == status
    assert len(world.functions.payloads) == invoked


@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY"])
def test_the_log_of_a_test_shows_what_is_sent_and_answered(world: GatewayWorld, kind: str) -> None:
    """Recorded with TestInvokeMethod."""
    role = world.role("Gateway", allow="lambda:InvokeFunction")
    api = deployed(world, kind, role, **({"200": None} if kind == "AWS" else {}))
    world.functions.result = result({"statusCode": 200})
    [root] = world("GetResources", restApiId=api)["items"]
    tested = world("TestInvokeMethod", restApiId=api, resourceId=root["id"], httpMethod="POST")
    lines = {line.partition(" : ")[2].partition(": ")[0]: line.partition("{")[2] for line in tested["log"].split("\n")}
    trace = tested["headers"]["X-Amzn-Trace-Id"]
    tag = tested["log"].split("\n")[0].removeprefix("Execution log for request ")
    assert lines["Endpoint request headers"].startswith(
        f"x-amzn-lambda-integration-tag={tag}, x-amzn-apigateway-api-id={api}, Accept=application/json, User-Agent="
    )
    assert lines["Endpoint response headers"].startswith("Date=Tue, 14 Nov 2023 22:13:2")
    assert lines["Method response headers"] == f"X-Amzn-Trace-Id={trace}, Content-Type=application/json}}"


def test_a_response_template_knows_the_endpoint_s_request_id(world: GatewayWorld) -> None:
    api, ids = world.api("/a")
    uri = INVOKE.format(function(world))
    role = world.role("Invoke", allow="lambda:InvokeFunction")
    integration = {"type": "AWS", "integrationHttpMethod": "POST", "uri": uri, "credentials": role}
    template = {"responseTemplates": {"application/json": "$context.awsEndpointRequestId"}}
    header = {"method.response.header.X-Endpoint": "context.awsEndpointRequestId"}
    answers = {"200": {**template, "responseParameters": header}}
    declared = {"200": {"responseParameters": dict.fromkeys(header, False)}}
    world.method(api, ids["/a"], "POST", integration, answers, declared)
    world.deploy(api)
    answer = world.request(api, "POST", "/a")
    assert len(answer.body) == 36
    assert answer.header("x-endpoint") == answer.body.decode() != answer.header("x-amzn-requestid")
