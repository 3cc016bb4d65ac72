"""The stage's cache, payload compression, and the limits of requests."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from services.apigateway.gatewayworld import GatewayWorld
from stategate.services.ports import OutboundResponse
from stategate.wire.http import HttpResponse


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def deployed(world: GatewayWorld, keys: tuple[str, ...] = (), verb: str = "GET", **members: Any) -> str:
    api, ids = world.api("/a/{id}", **members)
    where = {"restApiId": api, "resourceId": ids["/a/{id}"], "httpMethod": verb}
    declared = {"method.request.path.id": True, "method.request.querystring.q": False}
    world("PutMethod", **where, authorizationType="NONE", requestParameters=declared)
    world(
        "PutIntegration",
        **where,
        type="HTTP_PROXY",
        integrationHttpMethod="GET",
        uri="https://example.com/",
        cacheKeyParameters=list(keys),
    )
    world.deploy(api)
    return api


def cache(world: GatewayWorld, api: str, **settings: str) -> None:
    patches = [
        {"op": "replace", "path": "/cacheClusterEnabled", "value": "true"},
        {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"},
        *({"op": "replace", "path": f"/*/*/caching/{name}", "value": value} for name, value in settings.items()),
    ]
    stage = world("UpdateStage", restApiId=api, stageName="prod", patchOperations=patches)
    assert stage["cacheClusterStatus"] == "AVAILABLE"


def ask(world: GatewayWorld, api: str, path: str = "/a/1", **headers: str) -> HttpResponse:
    """A request whose answer, if the endpoint is asked, has its number as body."""
    number = str(len(world.outbound.requests)).encode()
    world.outbound.answer = OutboundResponse(200, (("Content-Type", "text/plain"),), number)
    return world.request(api, "GET", path, headers=headers)


def test_answers_are_kept_for_their_time(world: GatewayWorld) -> None:
    api = deployed(world)
    assert [ask(world, api).body for _ in range(2)] == [b"0", b"1"]
    cache(world, api, ttlInSeconds="60")
    assert [ask(world, api).body for _ in range(3)] == [b"2"] * 3
    world.clock.advance(59)
    assert ask(world, api).body == b"2"
    world.clock.advance(1)
    answer = ask(world, api)
    assert (answer.body, answer.header("content-type")) == (b"3", "text/plain")


def test_only_cache_key_parameters_tell_requests_apart(world: GatewayWorld) -> None:
    api = deployed(world, ("method.request.path.id", "method.request.querystring.q"))
    cache(world, api)
    bodies = [ask(world, api, path).body for path in ("/a/1", "/a/2", "/a/1?q=x", "/a/1?z=x", "/a/2")]
    assert bodies == [b"0", b"1", b"2", b"0", b"1"]


def test_errors_are_not_kept(world: GatewayWorld) -> None:
    api = deployed(world)
    cache(world, api)
    world.outbound.answer = OutboundResponse(500, (), b"no")
    assert [world.request(api, path="/a/1").status for _ in range(2)] == [500, 500]
    assert len(world.outbound.requests) == 2


def test_other_verbs_are_not_kept(world: GatewayWorld) -> None:
    api = deployed(world, verb="POST")
    cache(world, api)
    for _ in range(2):
        world.request(api, "POST", "/a/1")
    assert len(world.outbound.requests) == 2


def test_a_flush_and_a_deployment_forget(world: GatewayWorld) -> None:
    api = deployed(world)
    cache(world, api)
    assert [ask(world, api).body for _ in range(2)] == [b"0", b"0"]
    world.clock.advance(1)
    world("FlushStageCache", restApiId=api, stageName="prod")
    assert [ask(world, api).body for _ in range(2)] == [b"1", b"1"]
    world.deploy(api)
    assert ask(world, api).body == b"2"


@pytest.mark.parametrize(
    ("strategy", "status", "warning"),
    [
        ("FAIL_WITH_403", 403, None),
        ("SUCCEED_WITH_RESPONSE_HEADER", 200, "199 User is not authorized to invalidate the cache"),
        ("SUCCEED_WITHOUT_RESPONSE_HEADER", 200, None),
    ],
)
def test_a_fresh_answer_needs_permission(world: GatewayWorld, strategy: str, status: int, warning: str | None) -> None:
    api = deployed(world)
    cache(world, api, unauthorizedCacheControlHeaderStrategy=strategy)
    ask(world, api)
    answer = ask(world, api, **{"Cache-Control": "max-age=0"})
    assert (answer.status, answer.header("warning")) == (status, warning)
    assert len(world.outbound.requests) == 1
    cache(world, api, requireAuthorizationForCacheControl="false")
    assert ask(world, api, **{"Cache-Control": "max-age=0"}).body == b"1"
    assert ask(world, api, **{"Cache-Control": "no-cache"}).body == b"1"


class TestCompression:
    def api(self, world: GatewayWorld, template: str = "0123456789", /, **members: Any) -> str:
        api, ids = world.api("/a", **members)
        world.mock(api, ids["/a"], "POST", template)
        world.deploy(api)
        return api

    @pytest.mark.parametrize(
        ("accepted", "encoding"),
        [
            ("gzip", "gzip"),
            ("deflate, gzip", "deflate"),
            ("br, gzip;q=0.5", "gzip"),
            ("identity", None),
            ("gzip;q=0", None),
            ("br", None),
            ("", None),
        ],
    )
    def test_answers_of_some_length(self, world: GatewayWorld, accepted: str, encoding: str | None) -> None:
        api = self.api(world, minimumCompressionSize=10)
        answer = world.request(api, "POST", "/a", headers={"Accept-Encoding": accepted})
        assert answer.header("content-encoding") == encoding
        assert answer.header("content-length") == str(len(answer.body))
        decoders: dict[str | None, Any] = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}
        assert decoders[encoding](answer.body) == b"0123456789"

    def test_short_answers_and_other_apis_are_left_alone(self, world: GatewayWorld) -> None:
        for members in ({"minimumCompressionSize": 11}, {}):
            answer = world.request(self.api(world, **members), "POST", "/a", headers={"Accept-Encoding": "gzip"})
            assert (answer.body, answer.header("content-encoding")) == (b"0123456789", None)

    def test_a_compressed_request(self, world: GatewayWorld) -> None:
        api, ids = world.api("/a", minimumCompressionSize=0)
        template = '{"statusCode": 200} #set($context.responseOverride.header.X = $input.path("$.a"))'
        where = {"restApiId": api, "resourceId": ids["/a"], "httpMethod": "POST"}
        world("PutMethod", **where, authorizationType="NONE")
        world("PutMethodResponse", **where, statusCode="200")
        world("PutIntegration", **where, type="MOCK", requestTemplates={"application/json": template})
        world("PutIntegrationResponse", **where, statusCode="200")
        world.deploy(api)
        headers = {"Content-Encoding": "gzip"}
        answer = world.request(api, "POST", "/a", headers=headers, body=gzip.compress(b'{"a": "v"}'))
        assert (answer.status, answer.header("x")) == (200, "v")
        assert world.request(api, "POST", "/a", headers=headers, body=b"nonsense").status == 400
        cut = gzip.compress(b"x" * 1000)[:-9]
        assert world.request(api, "POST", "/a", headers=headers, body=cut).status == 400
        bomb = gzip.compress(b"0" * 50_000_000)
        assert world.request(api, "POST", "/a", headers=headers, body=bomb).status == 413


def test_the_limits_of_a_request(world: GatewayWorld) -> None:
    api, ids = world.api("/a/{id}")
    world.mock(api, ids["/a/{id}"], "POST", "{}")
    world.deploy(api)
    answer = world.request(api, "POST", "/a/1", body=b"x" * (10 * 1024 * 1024 + 1))
    assert (answer.status, json.loads(answer.body)) == (413, {"message": "Request Too Long"})
    assert world.request(api, "POST", "/a/1", headers={"X": "x" * 10_240}).status == 413
    assert world.request(api, "POST", "/a/1", headers={"X": "x" * 10_000}).status == 200
    patches = [{"op": "replace", "path": "/authorizationType", "value": "AWS_IAM"}]
    world("UpdateMethod", restApiId=api, resourceId=ids["/a/{id}"], httpMethod="POST", patchOperations=patches)
    world.deploy(api)
    assert world.request(api, "POST", "/a/" + "x" * 2000).status == 414
