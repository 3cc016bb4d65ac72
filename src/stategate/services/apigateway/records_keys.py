"""API keys, usage plans, and what was used: the records that decide whether a key may call, and how often.

Read on every request to a method that requires a key, so that each question is one look-up:
    key value -> `key_of_value` -> ApiKey;   key and stage -> `plan_of` -> UsagePlan;   day -> `days_used`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import msgspec

from stategate.services.ports import Ports, Records, World


class ApiKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """Key: its id. `stage_keys`: `<api>/<stage>`, the way keys were bound to stages before usage plans."""

    id: str
    value: str
    created: float
    updated: float
    name: str | None = None
    description: str | None = None
    enabled: bool = False
    customer_id: str | None = None
    stage_keys: tuple[str, ...] = ()
    tags: Mapping[str, str] = {}


class KeyValue(msgspec.Struct, frozen=True):
    """Key: an API key's value. Values are unique in an account and region."""

    key_id: str


class Throttle(msgspec.Struct, frozen=True):
    """`rate_limit` in requests per second; None: no limit of that kind."""

    rate_limit: float | None = None
    burst_limit: int | None = None


class Quota(msgspec.Struct, frozen=True):
    """`limit` requests per `period` (DAY, WEEK, MONTH); the first period's count starts at `offset`."""

    limit: int
    period: str
    offset: int = 0


class ApiStage(msgspec.Struct, frozen=True, omit_defaults=True):
    """`throttle` by `<resource path>/<verb>`, as in `/pets/GET`."""

    api_id: str
    stage: str
    throttle: Mapping[str, Throttle] = {}


class UsagePlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """Key: its id."""

    id: str
    name: str
    description: str | None = None
    api_stages: tuple[ApiStage, ...] = ()
    throttle: Throttle | None = None
    quota: Quota | None = None
    product_code: str | None = None
    tags: Mapping[str, str] = {}

    def stage(self, api_id: str, stage: str) -> ApiStage | None:
        return next((item for item in self.api_stages if item.api_id == api_id and item.stage == stage), None)


class UsagePlanKey(msgspec.Struct, frozen=True):
    """Keys: `<plan>/<key>`, and in `plans_of_key` `<key>/<plan>`."""

    plan_id: str
    key_id: str
    type: str = "API_KEY"


class Usage(msgspec.Struct, frozen=True):
    """What a key used of a plan on a day (UTC): key `<plan>/<key>/<YYYY-MM-DD>`. `granted` is what UpdateUsage added to
    the quota, less than 0 if it took away."""

    used: int
    granted: int = 0


def api_keys(ports: Ports, world: World) -> Records[ApiKey]:
    return ports.store.records(world, "apigateway.apikey", ApiKey)


def key_values(ports: Ports, world: World) -> Records[KeyValue]:
    return ports.store.records(world, "apigateway.apikeyvalue", KeyValue)


def usage_plans(ports: Ports, world: World) -> Records[UsagePlan]:
    return ports.store.records(world, "apigateway.usageplan", UsagePlan)


def usage_plan_keys(ports: Ports, world: World) -> Records[UsagePlanKey]:
    return ports.store.records(world, "apigateway.usageplankey", UsagePlanKey)


def plans_of_key(ports: Ports, world: World) -> Records[UsagePlanKey]:
    return ports.store.records(world, "apigateway.planofkey", UsagePlanKey)


def days_used(ports: Ports, world: World) -> Records[Usage]:
    """Written by the data plane on every counted request, and by UpdateUsage."""
    return ports.store.records(world, "apigateway.usage", Usage)


def key_of_value(ports: Ports, world: World, value: str) -> ApiKey | None:
    """The key whose value this is, enabled or not."""
    found = key_values(ports, world).get(value)
    return api_keys(ports, world).get(found.key_id) if found is not None else None


def plan_of(ports: Ports, world: World, key_id: str, api_id: str, stage: str) -> UsagePlan | None:
    """The usage plan by which a key may call a stage; a key is in at most one plan per stage."""
    plans = usage_plans(ports, world)
    for _, member in plans_of_key(ports, world).items(f"{key_id}/"):
        plan = plans.get(member.plan_id)
        if plan is not None and plan.stage(api_id, stage) is not None:
            return plan
    return None


def period_start(period: str, day: date) -> date:
    """The first day (UTC) of the quota period that holds `day`: weeks begin on Sunday, months on the first."""
    match period:
        case "WEEK":
            return day - timedelta(days=(day.weekday() + 1) % 7)
        case "MONTH":
            return day.replace(day=1)
        case _:
            return day


def remaining(ports: Ports, world: World, plan: UsagePlan, key_id: str, day: date) -> int:
    """What is left of the plan's quota for a key at (the end of) a day. Without a quota: 0.

    It follows from the quota as it is now: one that is raised, or new, counts what was used before. Less than 0 where
    more was used than the quota allows now. The offset is taken from the limit in the first period only: where the key
    has no record before that period.
    """
    if plan.quota is None:
        return 0
    prefix = f"{plan.id}/{key_id}/"
    start, upto = period_start(plan.quota.period, day).isoformat(), day.isoformat()
    first, left = True, plan.quota.limit
    for key, usage in days_used(ports, world).items(prefix):
        when = key[len(prefix) :]
        if when > upto:
            break
        if when < start:
            first = False
        else:
            left += usage.granted - usage.used
    return left - plan.quota.offset if first else left


def join(ports: Ports, world: World, plan_id: str, key_id: str) -> None:
    """The key becomes one of the plan's."""
    usage_plan_keys(ports, world).put(f"{plan_id}/{key_id}", UsagePlanKey(plan_id, key_id))
    plans_of_key(ports, world).put(f"{key_id}/{plan_id}", UsagePlanKey(plan_id, key_id))


def forget_usage(ports: Ports, world: World, prefix: str) -> None:
    table = days_used(ports, world)
    for key, _ in list(table.items(prefix)):
        table.delete(key)
