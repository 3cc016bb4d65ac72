"""Requests to custom domain names, by their base path mappings."""

from __future__ import annotations

import asyncio

import pytest

from services.apigateway.gatewayworld import GatewayWorld
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
