"""The counters of stages and methods."""

from __future__ import annotations

import pytest

from services.apigateway.gatewayworld import GatewayWorld
from stategate.services.apigateway.metrics import Dimensions, GatewayMetrics
from stategate.services.ports import OutboundResponse, World


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def counter(text: str, name: str, **labels: str) -> str | None:
    """The value of the one line with this name and exactly these labels beside those of the API."""
    found = [
        line.rpartition(" ")[2]
        for line in text.splitlines()
        if line.startswith(f"apigateway_{name}_total{{")
        and all(f'{label}="{value}"' in line for label, value in labels.items())
        and ("method=" in line) == ("method" in labels)
    ]
    assert len(found) <= 1
    return found[0] if found else None


def deployed(world: GatewayWorld) -> str:
    api, ids = world.api("/a")
    where = {"restApiId": api, "resourceId": ids["/a"], "httpMethod": "GET"}
    world("PutMethod", **where, authorizationType="NONE")
    world("PutIntegration", **where, type="HTTP_PROXY", integrationHttpMethod="GET", uri="https://example.com/")
    world.deploy(api)
    return api


def setting(world: GatewayWorld, api: str, *patches: tuple[str, str]) -> None:
    operations = [{"op": "replace", "path": path, "value": value} for path, value in patches]
    world("UpdateStage", restApiId=api, stageName="prod", patchOperations=operations)


def ask(world: GatewayWorld, api: str, path: str, status: int = 200) -> None:
    world.outbound.answer = OutboundResponse(status, (), b"")
    world.request(api, "GET", path)


def test_a_stage_is_counted_and_a_method_where_it_asks_for_it(world: GatewayWorld) -> None:
    api = deployed(world)
    ask(world, api, "/a")
    setting(world, api, ("/~1a/GET/metrics/enabled", "true"))
    ask(world, api, "/a", 404)
    ask(world, api, "/a", 503)
    ask(world, api, "/none")
    text = world.execute.metrics.text()
    assert counter(text, "count", api_id=api, stage="prod") == "4"
    assert counter(text, "4xx_error", api_id=api) == "2"
    assert counter(text, "5xx_error", api_id=api) == "1"
    assert counter(text, "count", api_id=api, method="GET", resource="/a") == "2"
    assert counter(text, "4xx_error", api_id=api, method="GET", resource="/a") == "1"


def test_the_cache_is_counted_where_it_is_on(world: GatewayWorld) -> None:
    api = deployed(world)
    ask(world, api, "/a")
    setting(world, api, ("/cacheClusterEnabled", "true"), ("/*/*/caching/enabled", "true"))
    for _ in range(3):
        ask(world, api, "/a")
    text = world.execute.metrics.text()
    assert (counter(text, "cache_hit_count", api_id=api), counter(text, "cache_miss_count", api_id=api)) == ("2", "1")


def test_latencies_add_up_and_names_are_escaped() -> None:
    metrics = GatewayMetrics()
    stage = Dimensions(World("000000000000", "us-east-1"), "a1", 'a "quoted"\\name\n', "prod")
    metrics.of(stage).count(200, 30, 20, None)
    metrics.of(stage).count(200, 12, 0, None)
    text = metrics.text()
    assert counter(text, "latency_milliseconds", api_id="a1") == "42"
    assert counter(text, "integration_latency_milliseconds", api_id="a1") == "20"
    assert r'api_name="a \"quoted\"\\name\n",stage="prod"' in text
    assert "# TYPE apigateway_latency_milliseconds_total counter\n" in text


def test_an_api_that_is_gone_is_not_shown(world: GatewayWorld) -> None:
    api = deployed(world)
    ask(world, api, "/a")
    world("DeleteRestApi", restApiId=api)
    ask(world, api, "/a")
    assert counter(world.execute.metrics.text(), "count", api_id=api) is None
