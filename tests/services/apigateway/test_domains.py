"""Requests to custom domain names, by their base path mappings."""

from __future__ import annotations

import asyncio
import json

import pytest

from services.apigateway.gatewayworld import GatewayWorld
from services.apigateway.test_functions import INVOKE, function, result
from stategate.wire.http import HttpRequest, HttpResponse

CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-000000000000"


@pytest.fixture
def world() -> GatewayWorld:
    world = GatewayWorld()
    world("CreateDomainName", domainName="api.example.com", certificateArn=CERTIFICATE)
    return world


def deployed(world: GatewayWorld, name: str, **members: object) -> str:
    api, ids = world.api("/a", **members)
    world.mock(api, ids["/a"], "GET", f"{name} $context.path $context.stage $context.domainName")
    world.deploy(api)
    return api


def call(world: GatewayWorld, path: str, host: str = "api.example.com") -> HttpResponse | None:
    request = HttpRequest("GET", path, "", [("host", host)])
    return asyncio.run(world.execute.by_domain(request, "10.0.0.9"))


def test_mappings(world: GatewayWorld) -> None:
    one, two, three = (deployed(world, name, disableExecuteApiEndpoint=True) for name in ("one", "two", "three"))
    world("CreateBasePathMapping", domainName="api.example.com", basePath="v1", restApiId=one, stage="prod")
    world("CreateBasePathMapping", domainName="api.example.com", basePath="any", restApiId=two)
    for path, body in (("/v1/a", "one /v1/a prod"), ("/any/prod/a", "two /any/prod/a prod")):
        answer = call(world, path)
        assert answer is not None
        assert (answer.status, answer.body.decode()) == (200, f"{body} api.example.com")
    answer = call(world, "/a")
    assert answer is not None
    assert answer.status == 403
    world("CreateBasePathMapping", domainName="api.example.com", restApiId=three, stage="prod")
    answer = call(world, "/a", "API.example.com:4566")
    assert answer is not None
    assert answer.body.decode().startswith("three /a prod")
    assert world.request(one, path="/a").status == 403


def test_another_host_is_none_of_them(world: GatewayWorld) -> None:
    assert call(world, "/a", "localhost:4566") is None


def test_the_event_of_a_proxy_shows_the_base_path(world: GatewayWorld) -> None:
    api, ids = world.api("/a/{proxy+}")
    integration = {
        "type": "AWS_PROXY",
        "integrationHttpMethod": "POST",
        "uri": INVOKE.format(function(world)),
        "credentials": world.role("Invoke", allow="lambda:InvokeFunction"),
    }
    world.method(api, ids["/a/{proxy+}"], "GET", integration)
    world.deploy(api)
    world("CreateBasePathMapping", domainName="api.example.com", basePath="v1", restApiId=api, stage="prod")
    world.functions.result = result({"statusCode": 200})
    call(world, "/v1//a/b")
    event = json.loads(world.functions.payloads[-1])
    assert (event["path"], event["pathParameters"]) == ("/v1//a/b", {"proxy": "b"})
    context = event["requestContext"]
    assert (context["path"], context["domainPrefix"]) == ("/v1//a/b", "api")


@pytest.mark.parametrize(("kind", "edge"), [("EDGE", True), ("REGIONAL", False)])
def test_the_domain_name_tells_whether_cloudfront_is_in_front(world: GatewayWorld, kind: str, edge: bool) -> None:
    certificate = {"certificateArn" if edge else "regionalCertificateArn": CERTIFICATE}
    world("CreateDomainName", domainName="e.test", endpointConfiguration={"types": [kind]}, **certificate)
    api = deployed(world, "any")
    world("CreateBasePathMapping", domainName="e.test", restApiId=api, stage="prod")
    answer = call(world, "/a", "e.test")
    assert answer is not None
    assert (answer.header("x-cache") is not None) is edge
