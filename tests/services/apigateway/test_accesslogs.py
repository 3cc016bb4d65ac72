"""Access logs: every kind of `$context` value in a line, and `-` for what is not there."""

from __future__ import annotations

import json

import pytest

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from services.apigateway.test_authorizers import call, policy, says
from services.apigateway.test_authorizers import deployed as authorized
from services.apigateway.test_domains import CERTIFICATE
from services.apigateway.test_domains import call as by_domain
from services.apigateway.test_functions import deployed, result
from services.apigateway.test_guard import deployed as guarded
from services.apigateway.test_guard import signed, user

GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:access"


@pytest.fixture
def world() -> GatewayWorld:
    world = GatewayWorld()
    world.logging_role()
    return world


def log(world: GatewayWorld, api: str, format_: str) -> None:
    patches = [
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": GROUP},
        {"op": "replace", "path": "/accessLogSettings/format", "value": format_},
    ]
    world("UpdateStage", restApiId=api, stageName="prod", patchOperations=patches)


def line(world: GatewayWorld) -> str:
    group, _, lines = world.lines.written[-1]
    assert (group, len(lines)) == ("access", 1)
    return lines[0]


def test_an_integration(world: GatewayWorld) -> None:
    api = deployed(world, "AWS", world.role("Invoke", allow="lambda:InvokeFunction"), **{"200": None})
    world.functions.result = result({"a": 1})
    names = {
        "id": "requestId",
        "status": "status",
        "length": "responseLength",
        "integration": "integration.status",
        "lambda": "integration.integrationStatus",
        "latency": "integrationLatency",
        "total": "responseLatency",
        "path": "resourcePath",
        "user": "identity.user",
        "error": "error.message",
        "authorizer": "authorizer.principalId",
        "waf": "wafResponseCode",
    }
    log(world, api, json.dumps({key: f"$context.{name}" for key, name in names.items()}))
    answer = world.request(api, "POST", "/", body=b"{}")
    assert json.loads(line(world)) == {
        "id": answer.header("x-amzn-requestid"),
        "status": "200",
        "length": str(len(answer.body)),
        "integration": "200",
        "lambda": "200",
        "latency": "0",
        "total": "0",
        "path": "/",
        "user": "-",
        "error": "-",
        "authorizer": "-",
        "waf": "-",
    }


def test_a_failure(world: GatewayWorld) -> None:
    api, ids = world.api("/a")
    world.mock(api, ids["/a"], "GET", "{}")
    world.deploy(api)
    log(world, api, "$context.requestId $context.status $context.error.responseType $context.error.messageString")
    world.request(api, "GET", "/missing")
    assert line(world).split(" ", 1)[1] == '403 MISSING_AUTHENTICATION_TOKEN "Missing Authentication Token"'


def test_the_common_log_format(world: GatewayWorld) -> None:
    api, ids = world.api("/a")
    world.mock(api, ids["/a"], "GET", "{}")
    world.deploy(api)
    log(
        world,
        api,
        '$context.identity.sourceIp $context.identity.caller $context.identity.user [$context.requestTime] "'
        '$context.httpMethod $context.resourcePath $context.protocol" $context.status $context.responseLength '
        "$context.requestId",
    )
    answer = world.request(api, "GET", "/a")
    assert line(world) == (
        '10.0.0.9 - - [14/Nov/2023:22:13:20 +0000] "GET /a HTTP/1.1" 200 2 ' + (answer.header("x-amzn-requestid") or "")
    )


STEPS = "$context.authenticate.status $context.authorize.status $context.authorize.error $context.authorizer.status"


def test_who_signed_and_whether_they_may(world: GatewayWorld) -> None:
    api = guarded(world, "AWS_IAM")
    log(world, api, f"$context.requestId {STEPS} $context.identity.userArn")
    world.request(api, "GET", "/a")
    assert line(world).split(" ", 1)[1] == "403 - - - -"
    key, secret = user(world, "bob", None)
    signed(world, api, key, secret)
    text = line(world).split(" ", 1)[1]
    arn = f"arn:aws:iam::{ACCOUNT}:user/bob"
    assert text.startswith(f"200 403 User: {arn} is not authorized to perform: execute-api:Invoke on resource: ")
    assert text.endswith(f" - {arn}")
    key, secret = user(world, "ann", "*")
    signed(world, api, key, secret)
    assert line(world).split(" ", 1)[1] == f"200 200 - - arn:aws:iam::{ACCOUNT}:user/ann"


def test_a_lambda_authorizer(world: GatewayWorld) -> None:
    api = authorized(world)
    log(world, api, f"$context.requestId {STEPS} $context.authorizer.requestId $context.authorizer.principalId")
    says(world)
    call(world, api)
    fields = line(world).split()
    assert (fields[1:5], fields[6]) == (["-", "200", "-", "200"], "user")
    assert len(fields[5]) == 36
    says(world, policy("Deny"))
    call(world, api, token="other")
    assert line(world).split()[1:3] == ["-", "403"]


def test_a_proxied_function_has_two_statuses(world: GatewayWorld) -> None:
    api = deployed(world, "AWS_PROXY", world.role("Invoke", allow="lambda:InvokeFunction"))
    world.functions.result = result({"statusCode": 418})
    log(world, api, "$context.requestId $context.integration.status $context.integration.integrationStatus")
    world.request(api, "POST", "/")
    assert line(world).split()[1:] == ["418", "200"]


def test_a_value_never_breaks_the_line(world: GatewayWorld) -> None:
    api, ids = world.api("/a")
    world.mock(api, ids["/a"], "GET", "line 1\n$util.parseJson('[')")
    world.deploy(api)
    log(world, api, "$context.requestId $context.integrationErrorMessage")
    world.request(api, "GET", "/a")
    assert "Unable to transform request" in line(world)
    assert "\n" not in line(world)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("0F0E0D0C-0b0a-4908-8706-050403020100", "0f0e0d0c-0b0a-4908-8706-050403020100"),
        ("mine", "UUID_REPLACED_INVALID_REQUEST_ID"),
    ],
)
def test_a_request_id_of_the_client_s_own(world: GatewayWorld, given: str, shown: str) -> None:
    api, ids = world.api("/a")
    world.mock(api, ids["/a"], "GET", "$context.requestId")
    world.deploy(api)
    log(world, api, "$context.requestId")
    answer = world.request(api, "GET", "/a", headers={"x-amzn-RequestId": given})
    assert line(world) == shown
    assert answer.body.decode() == answer.header("x-amzn-requestid")
    assert (answer.body.decode() == shown) == (shown != "UUID_REPLACED_INVALID_REQUEST_ID")


def test_the_base_path_of_a_domain_name(world: GatewayWorld) -> None:
    api, ids = world.api("/a")
    world.mock(api, ids["/a"], "GET", "{}")
    world.deploy(api)
    log(world, api, "$context.requestId $context.customDomain.basePathMatched")
    world("CreateDomainName", domainName="api.example.com", certificateArn=CERTIFICATE)
    world("CreateBasePathMapping", domainName="api.example.com", basePath="v1", restApiId=api, stage="prod")
    by_domain(world, "/v1/a")
    assert line(world).split()[1] == "v1"
    world.request(api, "GET", "/a")
    assert line(world).split()[1] == "-"
