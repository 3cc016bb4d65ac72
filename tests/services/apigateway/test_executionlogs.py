"""Execution logs: what they say where the gateway itself answers."""

from __future__ import annotations

import json

import pytest

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from services.apigateway.test_authorizers import call, policy, says
from services.apigateway.test_authorizers import deployed as authorized
from services.apigateway.test_functions import deployed, result


@pytest.fixture
def world() -> GatewayWorld:
    world = GatewayWorld()
    world.logging_role()
    return world


def lines(world: GatewayWorld) -> list[str]:
    """Of the last request, without its id."""
    return [line.partition(") ")[2] for line in world.lines.written[-1][2]]


def test_an_authorizer_is_called_as_any_function(world: GatewayWorld) -> None:
    api = authorized(world)
    world.log(api, "INFO")
    says(world)
    call(world, api)
    said = lines(world)
    start = next(at for at, line in enumerate(said) if line.startswith("Starting authorizer: "))
    assert [line.partition(": ")[0].partition(" https")[0] for line in said[start : start + 9]] == [
        "Starting authorizer",
        "Incoming identity",
        "Endpoint request URI",
        "Endpoint request headers",
        "Endpoint request body after transformations",
        "Sending request to",
        "Authorizer result body before parsing",
        "Using valid authorizer policy for principal",
        "Successfully completed authorizer execution for request",
    ]
    assert f"X-Amz-Source-Arn=arn:aws:execute-api:us-east-1:{ACCOUNT}:{api}/authorizers/" in said[start + 3]
    assert '"authorizationToken":"t"' in said[start + 4]


def test_who_is_nobody(world: GatewayWorld) -> None:
    api = authorized(world)
    world.log(api, "ERROR")
    answer = call(world, api, token=None)
    request_id = answer.header("x-amzn-requestid")
    assert lines(world) == [f"Unauthorized request: {request_id}", "Method completed with status: 401"]


@pytest.mark.parametrize("document", [policy("Deny"), policy(resource="arn:aws:execute-api:us-east-1:1:other/*")])
def test_who_may_not(world: GatewayWorld, document: dict[str, object]) -> None:
    api = authorized(world)
    world.log(api, "ERROR")
    says(world, document)
    call(world, api)
    said = ["The client is not authorized to perform this operation.", "Method completed with status: 403"]
    assert lines(world) == said


def test_a_body_that_the_model_refuses(world: GatewayWorld) -> None:
    api, ids = world.api("/a")
    world.mock(api, ids["/a"], "POST", "ok")
    schema = json.dumps({"type": "object", "required": ["a"]})
    world("CreateModel", restApiId=api, name="M", contentType="application/json", schema=schema)
    validator = world("CreateRequestValidator", restApiId=api, name="v", validateRequestBody=True)["id"]
    patches = [
        {"op": "replace", "path": "/requestValidatorId", "value": validator},
        {"op": "add", "path": "/requestModels/application~1json", "value": "M"},
    ]
    world("UpdateMethod", restApiId=api, resourceId=ids["/a"], httpMethod="POST", patchOperations=patches)
    world.deploy(api)
    world.log(api, "ERROR")
    world.request(api, "POST", "/a", body=b"{}", headers={"Content-Type": "application/json; charset=utf-8"})
    assert lines(world) == [
        "Request body does not match model schema for content type application/json: "
        '[object has missing required properties (["a"])]',
        "Method completed with status: 400",
    ]


def test_a_function_that_fails(world: GatewayWorld) -> None:
    api = deployed(world, "AWS_PROXY", world.role("Invoke", allow="lambda:InvokeFunction"))
    world.log(api, "ERROR")
    world.functions.result = result({"errorMessage": "no", "errorType": "E"}, "Unhandled")
    world.request(api, "POST", "/")
    first, *rest = lines(world)
    assert first.startswith(
        "Lambda execution failed with status 200 due to customer function error: no. Lambda request id: "
    )
    assert [line.partition(":")[0] for line in rest] == ["Method completed with status"]
