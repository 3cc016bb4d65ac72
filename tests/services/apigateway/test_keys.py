"""API keys, usage plans and what was used of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.apigateway.gatewayworld import WORLD, GatewayWorld
from stategate.services.apigateway import records_keys
from stategate.services.apigateway.records_keys import Quota, Usage, UsagePlan
from stategate.services.errors import AwsError

VALUE = "v" * 20


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def refused(world: GatewayWorld, operation: str, **given: Any) -> tuple[str, int, str]:
    with pytest.raises(AwsError) as caught:
        world(operation, **given)
    return caught.value.code, caught.value.status, caught.value.message


def staged(world: GatewayWorld, stage: str = "prod") -> str:
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", "x")
    world.deploy(api, stage)
    return api


def patch(world: GatewayWorld, plan: str, op: str, path: str, value: str | None = None) -> dict[str, Any]:
    operation = {"op": op, "path": path} | ({} if value is None else {"value": value})
    return world("UpdateUsagePlan", usagePlanId=plan, patchOperations=[operation])


def test_keys_are_found_by_value_and_values_are_unique(world: GatewayWorld) -> None:
    key = world("CreateApiKey", name="k", value=VALUE, enabled=True)
    assert key["value"] == VALUE and "tags" not in key
    assert refused(world, "CreateApiKey", value=VALUE) == ("ConflictException", 409, "API Key already exists")
    found = records_keys.key_of_value(world.ports, WORLD, VALUE)
    assert found is not None and found.id == key["id"]
    assert "value" not in world("GetApiKey", apiKey=key["id"])
    assert world("GetApiKey", apiKey=key["id"], includeValue=True)["value"] == VALUE
    world("DeleteApiKey", apiKey=key["id"])
    assert records_keys.key_of_value(world.ports, WORLD, VALUE) is None
    assert refused(world, "GetApiKey", apiKey=key["id"])[2] == "Invalid API Key identifier specified"


def test_patches_of_keys(world: GatewayWorld) -> None:
    key = world("CreateApiKey", enabled=True)["id"]
    api = staged(world)

    def change(op: str, path: str, value: str) -> dict[str, Any]:
        return world("UpdateApiKey", apiKey=key, patchOperations=[{"op": op, "path": path, "value": value}])

    assert change("replace", "/enabled", "junk")["enabled"] is False
    assert change("replace", "/name", "n")["name"] == "n"
    assert change("add", "/stages", f"{api}/prod")["stageKeys"] == [f"{api}/prod"]
    assert change("remove", "/stages", f"{api}/prod")["stageKeys"] == []
    wrong = {"op": "replace", "path": "/x", "value": "1"}
    assert refused(world, "UpdateApiKey", apiKey=key, patchOperations=[wrong])[2].startswith(
        "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/"
    )


def test_importing_keys(world: GatewayWorld) -> None:
    plan = world("CreateUsagePlan", name="p")["id"]
    lines = [
        "name,key,description,enabled,usageplanIds",
        f'a,{VALUE}a,d,TRUE,"{plan}"',
        "b,short,,,",
        f"c,{VALUE}c,,,none",
    ]
    body = "\n".join(lines).encode()
    assert refused(world, "ImportApiKeys", body=body, format="csv", failOnWarnings=True)[1] == 400
    assert world("GetApiKeys")["items"] == []
    made = world("ImportApiKeys", body=body, format="csv")
    assert len(made["ids"]) == 2 and len(made["warnings"]) == 2
    first = world("GetApiKey", apiKey=made["ids"][0])
    assert (first["name"], first["enabled"], first["description"]) == ("a", True, "d")
    assert [item["id"] for item in world("GetUsagePlanKeys", usagePlanId=plan)["items"]] == made["ids"][:1]
    for junk in (b"\xff", b"", b"a,b\n1,2", b'"'):
        assert refused(world, "ImportApiKeys", body=junk, format="csv")[0] == "BadRequestException"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"apiStages": [{"apiId": "none", "stage": "prod"}]}, "NotFoundException"),
        ({"apiStages": [{"apiId": "none"}]}, "BadRequestException"),
        ({"quota": {"limit": 0, "period": "DAY"}}, "BadRequestException"),
        ({"quota": {"limit": 5, "period": "DAY", "offset": 1}}, "BadRequestException"),
        ({"quota": {"limit": 5, "period": "WEEK", "offset": 7}}, "BadRequestException"),
        ({"throttle": {"rateLimit": -1.0}}, "BadRequestException"),
    ],
)
def test_plans_that_are_refused(world: GatewayWorld, members: dict[str, Any], code: str) -> None:
    assert refused(world, "CreateUsagePlan", name="p", **members)[0] == code
    assert world("GetUsagePlans")["items"] == []


def test_patches_of_plans(world: GatewayWorld) -> None:
    api = staged(world)
    plan = world("CreateUsagePlan", name="p")["id"]
    assert patch(world, plan, "add", "/apiStages", f"{api}:prod")["apiStages"] == [{"apiId": api, "stage": "prod"}]
    where = f"/apiStages/{api}:prod/throttle/pets~1{{id}}/GET"
    patch(world, plan, "replace", f"{where}/rateLimit", "2.5")
    shown = patch(world, plan, "replace", f"{where}/burstLimit", "3")
    assert shown["apiStages"][0]["throttle"] == {"/pets/{id}/GET": {"rateLimit": 2.5, "burstLimit": 3}}
    assert "throttle" not in patch(world, plan, "remove", where)["apiStages"][0]
    assert patch(world, plan, "replace", "/throttle/rateLimit", "10")["throttle"] == {"rateLimit": 10.0}
    assert "throttle" not in patch(world, plan, "remove", "/throttle")
    operations = [
        {"op": "add", "path": "/quota/limit", "value": "10"},
        {"op": "add", "path": "/quota/period", "value": "MONTH"},
    ]
    changed = world("UpdateUsagePlan", usagePlanId=plan, patchOperations=operations)
    assert changed["quota"] == {"limit": 10, "offset": 0, "period": "MONTH"} and changed["tags"] == {}
    for op, path, value, message in (
        ("add", "/apiStages", None, "Invalid API Stage specified"),
        ("remove", "/apiStages", None, "Invalid API Stage specified"),
        ("remove", "/apiStages", f"{api}:prod:x", "Invalid API Stage specified"),
        ("add", "/apiStages", "x:y", "API Stage not found: x:y"),
        ("remove", "/apiStages", "x:y", f"Invalid API Stage {{api: x, stage: y}} specified for usageplan {plan}"),
        ("replace", "/throttle/rateLimit", "x", "Invalid value specified for /throttle/rateLimit: x"),
        ("replace", "/nothing", "x", "Invalid patch path  '/nothing' specified for op 'replace'. "),
    ):
        with pytest.raises(AwsError) as caught:
            patch(world, plan, op, path, value)
        assert caught.value.message.startswith(message)
    assert refused(world, "DeleteUsagePlan", usagePlanId=plan)[0] == "BadRequestException"
    world("DeleteStage", restApiId=api, stageName="prod")
    assert world("GetUsagePlan", usagePlanId=plan)["apiStages"] == []
    world("DeleteUsagePlan", usagePlanId=plan)
    assert refused(world, "GetUsagePlan", usagePlanId=plan) == (
        "NotFoundException",
        404,
        "Invalid Usage Plan ID specified",
    )


def test_a_key_has_one_plan_for_a_stage(world: GatewayWorld) -> None:
    api = staged(world)
    stages = [{"apiId": api, "stage": "prod"}]
    key = world("CreateApiKey", enabled=True)["id"]
    first, second, third = (world("CreateUsagePlan", name="p", apiStages=given)["id"] for given in (stages, stages, []))
    member = {"keyId": key, "keyType": "API_KEY"}
    world("CreateUsagePlanKey", usagePlanId=first, **member)
    assert refused(world, "CreateUsagePlanKey", usagePlanId=first, **member)[0] == "ConflictException"
    assert refused(world, "CreateUsagePlanKey", usagePlanId=second, **member)[0] == "ConflictException"
    world("CreateUsagePlanKey", usagePlanId=third, **member)
    with pytest.raises(AwsError):
        patch(world, third, "add", "/apiStages", f"{api}:prod")
    found = records_keys.plan_of(world.ports, WORLD, key, api, "prod")
    assert found is not None and found.id == first
    assert records_keys.plan_of(world.ports, WORLD, key, api, "other") is None
    assert {plan["id"] for plan in world("GetUsagePlans", keyId=key)["items"]} == {first, third}


@pytest.mark.parametrize(
    ("period", "day", "start"),
    [
        ("DAY", (2024, 5, 15), (2024, 5, 15)),
        ("WEEK", (2024, 5, 15), (2024, 5, 12)),
        ("MONTH", (2024, 5, 15), (2024, 5, 1)),
        ("WEEK", (2024, 5, 12), (2024, 5, 12)),
        ("WEEK", (2024, 5, 11), (2024, 5, 5)),
    ],
)
def test_periods(period: str, day: tuple[int, int, int], start: tuple[int, int, int]) -> None:
    assert records_keys.period_start(period, date(*day)) == date(*start)


def test_what_remains_of_a_quota(world: GatewayWorld) -> None:
    plan = UsagePlan("p", "p", quota=Quota(100, "MONTH", 10))
    table = records_keys.days_used(world.ports, WORLD)

    def left(*day: int) -> int:
        return records_keys.remaining(world.ports, WORLD, plan, "k", date(*day))

    assert left(2024, 5, 3) == 90
    table.put("p/k/2024-05-03", Usage(4))
    assert (left(2024, 5, 2), left(2024, 5, 3), left(2024, 5, 31)) == (90, 86, 86)
    assert left(2024, 6, 1) == 100


def test_a_quota_that_is_changed_counts_what_was_used_before(world: GatewayWorld) -> None:
    plan = world("CreateUsagePlan", name="p")["id"]
    key = world("CreateApiKey", enabled=True)["id"]
    world("CreateUsagePlanKey", usagePlanId=plan, keyId=key, keyType="API_KEY")
    today = datetime.fromtimestamp(world.clock.now(), UTC).date().isoformat()
    records_keys.days_used(world.ports, WORLD).put(f"{plan}/{key}/{today}", Usage(4))

    def left() -> int:
        usage = world("GetUsage", usagePlanId=plan, startDate=today, endDate=today)
        count: int = usage["items"][key][0][1]
        return count

    world(
        "UpdateUsagePlan",
        usagePlanId=plan,
        patchOperations=[
            {"op": "add", "path": "/quota/limit", "value": "10"},
            {"op": "add", "path": "/quota/period", "value": "DAY"},
        ],
    )
    assert left() == 6
    patch(world, plan, "replace", "/quota/limit", "3")
    assert left() == 0
    change = {"op": "replace", "path": "/remaining", "value": "5"}
    assert world("UpdateUsage", usagePlanId=plan, keyId=key, patchOperations=[change])["items"] == {key: [[4, 5]]}
    patch(world, plan, "replace", "/quota/limit", "20")
    assert left() == 22


def test_usage(world: GatewayWorld) -> None:
    plan = world("CreateUsagePlan", name="p", quota={"limit": 10, "period": "DAY"})["id"]
    key = world("CreateApiKey", enabled=True)["id"]
    world("CreateUsagePlanKey", usagePlanId=plan, keyId=key, keyType="API_KEY")
    records_keys.days_used(world.ports, WORLD).put(f"{plan}/{key}/2020-01-02", Usage(3))
    usage = world("GetUsage", usagePlanId=plan, startDate="2020-01-01", endDate="2020-01-03")
    assert usage["items"] == {key: [[0, 10], [3, 7], [0, 10]]}
    change = {"op": "replace", "path": "/remaining", "value": "50"}
    assert world("UpdateUsage", usagePlanId=plan, keyId=key, patchOperations=[change])["items"] == {key: [[0, 50]]}
    for start, end in (("x", "2020-01-01"), ("2020-01-02", "2020-01-01"), ("2020-01-01", "2021-01-01")):
        assert refused(world, "GetUsage", usagePlanId=plan, startDate=start, endDate=end)[1] == 400
    world("DeleteApiKey", apiKey=key)
    assert world("GetUsage", usagePlanId=plan, startDate="2020-01-01", endDate="2020-01-01")["items"] == {}
    assert list(records_keys.days_used(world.ports, WORLD).items()) == []


def test_pages_of_keys(world: GatewayWorld) -> None:
    made = [world("CreateApiKey", name=f"k{n}")["id"] for n in range(7)]
    seen: list[str] = []
    position = None
    while True:
        answer = world("GetApiKeys", limit=3, **({"position": position} if position else {}))
        seen += [item["id"] for item in answer["items"]]
        position = answer.get("position")
        if position is None:
            break
    assert sorted(seen) == sorted(made) and len(seen) == 7
