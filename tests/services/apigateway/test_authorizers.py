"""Lambda authorizers: who is asked, what is kept, and what each answer means to the caller."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from services.apigateway.test_functions import INVOKE, function, result
from stategate.wire.http import HttpResponse

NULL = {"message": None}
DENIED = {"Message": "User is not authorized to access this resource"}
EXPLICIT = {"Message": "User is not authorized to access this resource with an explicit deny"}


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def policy(effect: str = "Allow", resource: str = "*") -> dict[str, Any]:
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def says(world: GatewayWorld, document: dict[str, Any] | None = None, **members: Any) -> None:
    document = document or policy()
    world.functions.result = result({"principalId": "user", "policyDocument": document, **members})


def deployed(world: GatewayWorld, kind: str = "TOKEN", template: str = "{}", **members: Any) -> str:
    """An API with GET on /a and /b behind one authorizer."""
    arn = function(world)
    role = world.role("Authorizer", allow="lambda:InvokeFunction")
    api, ids = world.api("/a", "/b")
    members = {"identitySource": "method.request.header.Auth", **members}
    uri = INVOKE.format(arn)
    made = world(
        "CreateAuthorizer",
        restApiId=api,
        name="auth",
        type=kind,
        authorizerUri=uri,
        authorizerCredentials=role,
        **members,
    )
    for path in ("/a", "/b"):
        world.mock(api, ids[path], "GET", template)
        patches = [
            {"op": "replace", "path": "/authorizationType", "value": "CUSTOM"},
            {"op": "replace", "path": "/authorizerId", "value": made["id"]},
        ]
        world("UpdateMethod", restApiId=api, resourceId=ids[path], httpMethod="GET", patchOperations=patches)
    world.deploy(api)
    return api


def call(world: GatewayWorld, api: str, path: str = "/a", token: str | None = "t") -> HttpResponse:
    return world.request(api, "GET", path, headers={"Auth": token} if token is not None else {})


def test_the_event_of_a_token_authorizer(world: GatewayWorld) -> None:
    api = deployed(world)
    says(world)
    assert call(world, api, "/a?x=1").status == 200
    assert json.loads(world.functions.payloads[-1]) == {
        "type": "TOKEN",
        "authorizationToken": "t",
        "methodArn": f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/prod/GET/a",
    }


def test_the_event_of_a_request_authorizer(world: GatewayWorld) -> None:
    api = deployed(world, "REQUEST", identitySource="method.request.header.Auth, method.request.querystring.x")
    says(world)
    assert call(world, api, "/a?x=1&x=2").status == 200
    event = json.loads(world.functions.payloads[-1])
    assert event["type"] == "REQUEST"
    assert event["methodArn"].endswith(f"{api}/prod/GET/a")
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/a", "/a", "GET")
    assert event["queryStringParameters"] == {"x": "2"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["pathParameters"] == event["stageVariables"] == {}
    assert event["requestContext"]["apiId"] == api
    assert "body" not in event


def test_without_a_token_nobody_is_asked(world: GatewayWorld) -> None:
    api = deployed(world)
    answer = call(world, api, token=None)
    assert (answer.status, json.loads(answer.body)) == (401, {"message": "Unauthorized"})
    assert answer.header("x-amzn-errortype") == "UnauthorizedException"
    assert not world.functions.payloads


@pytest.mark.parametrize(("token", "status"), [("Bearer abc", 200), ("Bearer ", 401), ("xBearer abc", 401)])
def test_a_token_must_match_the_expression(world: GatewayWorld, token: str, status: int) -> None:
    api = deployed(world, identityValidationExpression="Bearer [a-z]+")
    says(world)
    assert call(world, api, token=token).status == status


def test_a_catastrophic_expression_is_bounded(world: GatewayWorld) -> None:
    api = deployed(world, identityValidationExpression="(a|aa|a?)+$")
    says(world)
    assert call(world, api, token="a" * 60 + "b").status == 401


@pytest.mark.parametrize(
    ("document", "status", "body"),
    [
        (policy("Deny"), 403, EXPLICIT),
        (policy(resource="arn:aws:execute-api:us-east-1:*:*/prod/POST/*"), 403, DENIED),
        (policy(resource="arn:aws:execute-api:us-east-1:*:*/prod/GET/a"), 200, {}),
    ],
)
def test_the_policy_decides(world: GatewayWorld, document: dict[str, Any], status: int, body: object) -> None:
    api = deployed(world)
    says(world, document)
    answer = call(world, api)
    assert (answer.status, json.loads(answer.body)) == (status, body)


@pytest.mark.parametrize(
    ("value", "error", "status", "body"),
    [
        ({"errorMessage": "Unauthorized"}, "Unhandled", 401, {"message": "Unauthorized"}),
        ({"errorMessage": "Unauthorized!"}, "Unhandled", 500, NULL),
        ({"policyDocument": policy()}, None, 500, NULL),
        ({"principalId": "u"}, None, 500, NULL),
        ({"principalId": "u", "policyDocument": {"Statement": "x"}}, None, 500, NULL),
        ({"principalId": "u", "policyDocument": policy(), "context": {"deep": {}}}, None, 500, NULL),
        ({"principalId": "u", "policyDocument": policy(), "context": [1]}, None, 500, NULL),
        ("text", None, 500, NULL),
        (None, None, 500, NULL),
    ],
)
def test_what_is_no_answer(world: GatewayWorld, value: object, error: str | None, status: int, body: object) -> None:
    api = deployed(world)
    world.functions.result = result(value, error)
    answer = call(world, api)
    assert (answer.status, json.loads(answer.body)) == (status, body)
    # A failure is not kept.
    says(world)
    assert call(world, api).status == 200


def test_the_policy_is_kept_and_evaluated_for_each_method(world: GatewayWorld) -> None:
    api = deployed(world)
    says(world, policy(resource=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/prod/GET/a"))
    assert call(world, api, "/a").status == 200
    assert call(world, api, "/b").status == 403
    assert call(world, api, "/a").status == 200
    assert len(world.functions.payloads) == 1
    assert call(world, api, "/a", token="other").status == 200
    assert len(world.functions.payloads) == 2
    world.clock.advance(301)
    assert call(world, api).status == 200
    assert len(world.functions.payloads) == 3


def test_a_time_to_live_of_zero_keeps_nothing(world: GatewayWorld) -> None:
    api = deployed(world, authorizerResultTtlInSeconds=0)
    says(world)
    assert [call(world, api).status for _ in range(3)] == [200] * 3
    assert len(world.functions.payloads) == 3


def test_a_flush_forgets(world: GatewayWorld) -> None:
    api = deployed(world)
    says(world)
    call(world, api)
    world.clock.advance(1)
    world("FlushStageAuthorizersCache", restApiId=api, stageName="prod")
    call(world, api)
    assert len(world.functions.payloads) == 2


def test_the_context_reaches_templates_as_text(world: GatewayWorld) -> None:
    api = deployed(
        world,
        template="$context.authorizer.principalId $context.authorizer.n $context.authorizer.b $context.authorizer.s",
    )
    says(world, context={"n": 1, "b": True, "s": "x", "none": None})
    assert call(world, api).body == b"user 1 true x"


def test_every_identity_source_must_be_there(world: GatewayWorld) -> None:
    sources = "method.request.header.Auth,method.request.querystring.q,stageVariables.v,context.httpMethod"
    api = deployed(world, "REQUEST", identitySource=sources)
    says(world)
    assert call(world, api, "/a?q=1").status == 401
    world("UpdateStage", restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/variables/v", "value": "1"}
    ])  # fmt: skip
    assert call(world, api, "/a?q=1").status == 200
    assert call(world, api, "/a").status == 401


def test_permission_is_needed_to_ask(world: GatewayWorld) -> None:
    api = deployed(world)
    says(world)
    world("DeleteRolePolicy", "iam", RoleName="Authorizer", PolicyName="p")
    answer = call(world, api)
    assert (answer.status, json.loads(answer.body)) == (500, NULL)
    assert answer.header("x-amzn-errortype") == "AuthorizerConfigurationException"


def test_validation_comes_after_authorization(world: GatewayWorld) -> None:
    api = deployed(world)
    assert call(world, api, "/missing").status == 403


def test_a_function_that_takes_too_long(world: GatewayWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    api = deployed(world)
    says(world)
    world.functions.delay = 600
    monkeypatch.setattr(world.execute._guard._functions, "_seconds", 0.05)
    answer = call(world, api)
    assert (answer.status, json.loads(answer.body)) == (500, NULL)
    assert answer.header("x-amzn-errortype") == "AuthorizerFailureException"


def test_the_authorizer_names_the_api_key(world: GatewayWorld) -> None:
    api = deployed(world, template="$context.identity.apiKeyId")
    world(
        "UpdateRestApi",
        restApiId=api,
        patchOperations=[{"op": "replace", "path": "/apiKeySource", "value": "AUTHORIZER"}],
    )
    resource = next(item["id"] for item in world("GetResources", restApiId=api)["items"] if item["path"] == "/a")
    required = [{"op": "replace", "path": "/apiKeyRequired", "value": "true"}]
    world("UpdateMethod", restApiId=api, resourceId=resource, httpMethod="GET", patchOperations=required)
    world.deploy(api)
    plan = world("CreateUsagePlan", name="p", apiStages=[{"apiId": api, "stage": "prod"}])["id"]
    key = world("CreateApiKey", name="k", enabled=True)
    world("CreateUsagePlanKey", usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    says(world, usageIdentifierKey=key["value"])
    assert (call(world, api).status, call(world, api).body.decode()) == (200, key["id"])
    says(world, usageIdentifierKey="unknown")
    assert call(world, api, token="two").status == 403
    says(world)
    answer = world.request(api, "GET", "/a", headers={"Auth": "three", "x-api-key": key["value"]})
    assert (answer.status, answer.header("x-amzn-errortype")) == (403, "ForbiddenException")
