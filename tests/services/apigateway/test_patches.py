"""What a patch path knows: operations that it refuses by name, lists that grow and shrink."""

from __future__ import annotations

import pytest

from services.apigateway.gatewayworld import GatewayWorld, refused

FUNCTION = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:111122223333:function:f"
    "/invocations"
)
POOL = "arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_a"
ALL = "Invalid patch operation specified. Must be one of: [add, remove, replace]"


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def patch(op: str, path: str, value: str = "", **members: str) -> list[dict[str, str]]:
    return [{"op": op, "path": path, "value": value, **members}]


def test_scopes_are_added_and_removed_only(world: GatewayWorld) -> None:
    api, ids = world.api()
    pool = world("CreateAuthorizer", restApiId=api, name="p", type="COGNITO_USER_POOLS", providerARNs=[POOL])["id"]
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    scopes = {"authorizationScopes": ["a", "b"]}
    world("PutMethod", **where, authorizationType="COGNITO_USER_POOLS", authorizerId=pool, **scopes)
    message = refused(world, "UpdateMethod", **where, patchOperations=patch("replace", "/authorizationScopes", "c"))
    assert message == "Invalid patch operation specified. Must be one of: [add, remove]"
    assert world("GetMethod", **where)["authorizationScopes"] == ["a", "b"]


def test_identity_sources_are_added_and_removed(world: GatewayWorld) -> None:
    api, _ = world.api()
    source = "method.request.header.A"
    given = {"name": "r", "type": "REQUEST", "authorizerUri": FUNCTION, "identitySource": source}
    one = {"restApiId": api, "authorizerId": world("CreateAuthorizer", restApiId=api, **given)["id"]}
    added = patch("add", "/identitySource", "context.stage")
    for _ in range(2):
        assert world("UpdateAuthorizer", **one, patchOperations=added)["identitySource"] == f"{source},context.stage"
    removed = patch("remove", "/identitySource", source)
    assert world("UpdateAuthorizer", **one, patchOperations=removed)["identitySource"] == "context.stage"


def test_the_operation_is_refused_and_not_the_path(world: GatewayWorld) -> None:
    api, ids = world.api()
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    world.mock(api, ids["/"], "GET", "x")
    header = "/responseParameters/method.response.header.a"
    for operation, path, members in (
        ("UpdateMethod", "/requestParameters/method.request.header.a", {}),
        ("UpdateMethodResponse", header, {"statusCode": "200"}),
        ("UpdateIntegration", "/requestTemplates/application~1json", {}),
        ("UpdateIntegrationResponse", header, {"statusCode": "200"}),
    ):
        copied = patch("copy", path, **{"from": "/x"})
        assert refused(world, operation, **where, **members, patchOperations=copied) == ALL
    for path in ("/binaryMediaTypes/a~1b", "/policy"):
        assert refused(world, "UpdateRestApi", restApiId=api, patchOperations=patch("test", path)) == ALL
    keys = patch("replace", "/cacheKeyParameters", "method.request.header.a")
    message = refused(world, "UpdateIntegration", **where, patchOperations=keys)
    assert message == "Invalid patch operation specified. Must be one of: [add, remove]"


def test_a_list_is_never_replaced(world: GatewayWorld) -> None:
    api, _ = world.api()
    authorizer = world("CreateAuthorizer", restApiId=api, name="p", type="COGNITO_USER_POOLS", providerARNs=[POOL])
    key = world("CreateApiKey")
    for operation, path, given in (
        ("UpdateAuthorizer", "/providerARNs", {"restApiId": api, "authorizerId": authorizer["id"]}),
        ("UpdateApiKey", "/stages", {"apiKey": key["id"]}),
    ):
        message = refused(world, operation, **given, patchOperations=patch("replace", path, POOL))
        wanted = f"Invalid patch path  '{path}' specified for op 'replace'. Please choose supported operations"
        assert message == wanted
    endpoints = patch("replace", "/endpointConfiguration/vpcEndpointIds", "vpce-1")
    message = refused(world, "UpdateRestApi", restApiId=api, patchOperations=endpoints)
    assert message == "Invalid patch operation specified. Must be one of: [add, remove]"


def test_a_usage_plan_keeps_a_name(world: GatewayWorld) -> None:
    plan = world("CreateUsagePlan", name="p")["id"]
    message = refused(world, "UpdateUsagePlan", usagePlanId=plan, patchOperations=patch("replace", "/name"))
    assert message == "Usage Plan name cannot be empty"
    assert world("GetUsagePlan", usagePlanId=plan)["name"] == "p"
