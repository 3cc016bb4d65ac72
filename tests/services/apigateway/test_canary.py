"""Canary deployments: settings, routing, promotion."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from services.apigateway.gatewayworld import GatewayWorld
from stategate.services.errors import AwsError


def stage(percent: float) -> tuple[GatewayWorld, str, str]:
    """An API whose stage answers "one blue false", and its canary "two red true"; returns the canary's deployment."""
    world = GatewayWorld()
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", "one $stageVariables.colour $context.isCanaryRequest")
    world.deploy(api, variables={"colour": "blue"})
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET", "statusCode": "200"}
    template = "two $stageVariables.colour $context.isCanaryRequest"
    patch = {"op": "replace", "path": "/responseTemplates/application~1json", "value": template}
    world("UpdateIntegrationResponse", **where, patchOperations=[patch])
    settings = {"percentTraffic": percent, "stageVariableOverrides": {"colour": "red"}}
    return world, api, world.deploy(api, canarySettings=settings)


def answers(world: GatewayWorld, api: str, requests: int = 1) -> Counter[bytes]:
    return Counter(world.request(api).body for _ in range(requests))


def test_traffic_is_divided() -> None:
    world, api, _ = stage(50)
    found = answers(world, api, 200)
    assert set(found) == {b"one blue false", b"two red true"}
    assert 60 < found[b"two red true"] < 140


@pytest.mark.parametrize(("percent", "expected"), [(0, b"one blue false"), (100, b"two red true")])
def test_all_or_nothing(percent: float, expected: bytes) -> None:
    world, api, _ = stage(percent)
    assert answers(world, api, 20) == Counter({expected: 20})


def test_promotion() -> None:
    world, api, canary = stage(0)
    patches = [
        {"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"},
        {"op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables"},
        {"op": "remove", "path": "/canarySettings"},
    ]
    promoted = world("UpdateStage", restApiId=api, stageName="prod", patchOperations=patches)
    assert (promoted["deploymentId"], promoted["variables"]) == (canary, {"colour": "red"})
    assert "canarySettings" not in promoted
    assert answers(world, api) == Counter({b"two red ": 1})
    with pytest.raises(AwsError, match="Promotion not available"):
        world("UpdateStage", restApiId=api, stageName="prod", patchOperations=patches[:1])


def test_refusals() -> None:
    world, api, canary = stage(0)
    with pytest.raises(AwsError, match="Active stages pointing to this deployment"):
        world("DeleteDeployment", restApiId=api, deploymentId=canary)
    patch = {"op": "add", "path": "/canarySettings/deploymentId", "value": canary}
    with pytest.raises(AwsError, match="Invalid add operation with path: /canarySettings/deploymentId"):
        world("UpdateStage", restApiId=api, stageName="prod", patchOperations=[patch])
    with pytest.raises(AwsError, match="Stage other must already be created before making a canary release deployment"):
        world.deploy(api, "other", canarySettings={"percentTraffic": 1})


@pytest.mark.parametrize("canary", [True, False])
@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("/canarySettings/stageVariableOverrides", "/deploymentId"),
        ("/canarySettings/deploymentId", "/description"),
        (None, "/variables"),
    ],
)
def test_only_what_a_canary_has_is_copied(source: str | None, path: str, canary: bool) -> None:
    world, api, _ = stage(0)
    if not canary:
        remove = {"op": "remove", "path": "/canarySettings"}
        world("UpdateStage", restApiId=api, stageName="prod", patchOperations=[remove])
    patch = {"op": "copy", "path": path} | ({"from": source} if source else {})
    with pytest.raises(AwsError) as caught:
        world("UpdateStage", restApiId=api, stageName="prod", patchOperations=[patch])
    assert caught.value.message == (
        f"Invalid copy operation with path: {path} and from {source or 'null'}. Valid copy:path are "
        "[/deploymentId, /variables] and valid copy:from are "
        "[/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
    )


def test_a_variable_is_removed_from_a_canary_only() -> None:
    world, api, _ = stage(0)

    def remove(path: str) -> dict[str, Any]:
        patches = [{"op": "remove", "path": path}]
        return world("UpdateStage", restApiId=api, stageName="prod", patchOperations=patches)

    variable = "/canarySettings/stageVariableOverrides/colour"
    assert "stageVariableOverrides" not in remove(variable)["canarySettings"]
    remove("/canarySettings")
    for path in (variable, "/canarySettings"):
        with pytest.raises(AwsError, match="Canary does not exist"):
            remove(path)
    assert "canarySettings" not in world("GetStage", restApiId=api, stageName="prod")


@pytest.mark.parametrize(
    ("op", "path", "message"),
    [
        ("remove", "/canarySettings/percentTraffic", "Invalid remove operation with path: {}"),
        ("add", "/canarySettings/deploymentId", "Invalid add operation with path: {}"),
        (
            "remove",
            "/canarySettings/nothing",
            "Cannot remove method setting canarySettings/nothing because there is ",
        ),
        ("replace", "/canarySettings/nothing", "Invalid method setting path: {}. Must be one of: [/deploymentId, "),
        ("replace", "/canarySettings", "Invalid method setting path: {}. Must be one of: [/deploymentId, "),
        ("replace", "/canarySettings/deploymentId", "Deployment id does not exist"),
        ("replace", "/canarySettings/percentTraffic", "Percent traffic must be between 0.0 and 100.0"),
    ],
)
def test_changes_of_a_canary_that_are_refused(op: str, path: str, message: str) -> None:
    world, api, _ = stage(0)
    before = world("GetStage", restApiId=api, stageName="prod")
    patch = {"op": op, "path": path, "value": "101"}
    with pytest.raises(AwsError) as caught:
        world("UpdateStage", restApiId=api, stageName="prod", patchOperations=[patch])
    assert caught.value.message.startswith(message.format(path))
    assert world("GetStage", restApiId=api, stageName="prod") == before
