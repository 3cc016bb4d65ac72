"""Usage plans: Create, Get, list, Update, Delete; their keys; what was used of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from stategate.services.apigateway import records, records_keys, shapes
from stategate.services.apigateway.apikeys import get_key
from stategate.services.apigateway.errors import bad_request, conflict, not_found
from stategate.services.apigateway.paging import page
from stategate.services.apigateway.patching import Patch, invalid_path, patches, unsupported_op
from stategate.services.apigateway.records_keys import ApiStage, Quota, Throttle, Usage, UsagePlan
from stategate.services.apigateway.tags import new_tags
from stategate.services.call import Call, Input, Output

_MAX_DAYS = 90
_OFFSETS = {"DAY": 0, "WEEK": 6, "MONTH": 27}


def create_usage_plan(call: Call, given: Input) -> Output:
    plan = UsagePlan(
        id=records.new_id(call, 6),
        name=given["name"],
        description=given.get("description") or None,
        api_stages=tuple(_api_stage(call, item) for item in given.get("apiStages") or ()),
        throttle=_throttle(given.get("throttle")),
        quota=_quota(given.get("quota")),
        tags=new_tags(given),
    )
    _check_name(plan)
    records_keys.usage_plans(call.ports, call.world).put(plan.id, plan)
    return shape(plan)


def get_usage_plan(call: Call, given: Input) -> Output:
    return shape(_plan(call, given), always_tags=True)


def get_usage_plans(call: Call, given: Input) -> Output:
    key_id = given.get("keyId")
    found = [plan for _, plan in records_keys.usage_plans(call.ports, call.world).items()]
    if key_id:
        members = records_keys.plans_of_key(call.ports, call.world)
        found = [plan for plan in found if members.get(f"{key_id}/{plan.id}") is not None]
    found.sort(key=lambda plan: (plan.name, plan.id))
    return page(given, found, lambda plan: plan.id, shape)


def update_usage_plan(call: Call, given: Input) -> Output:
    plan = _plan(call, given)
    for patch in patches(given):
        plan = _patched(call, plan, patch)
    _check_name(plan)
    _check_quota(plan.quota)
    for _, member in records_keys.usage_plan_keys(call.ports, call.world).items(f"{plan.id}/"):
        _check_one_plan(call, plan, member.key_id)
    records_keys.usage_plans(call.ports, call.world).put(plan.id, plan)
    return shape(plan, always_tags=True)


def delete_usage_plan(call: Call, given: Input) -> Output:
    plan = _plan(call, given)
    if plan.api_stages:
        raise bad_request(f"Cannot delete Usage Plan {plan.id} because it is associated with API stages")
    ports, world = call.ports, call.world
    for name, member in list(records_keys.usage_plan_keys(ports, world).items(f"{plan.id}/")):
        records_keys.usage_plan_keys(ports, world).delete(name)
        records_keys.plans_of_key(ports, world).delete(f"{member.key_id}/{plan.id}")
    records_keys.forget_usage(ports, world, f"{plan.id}/")
    records_keys.usage_plans(ports, world).delete(plan.id)
    return {}


def create_usage_plan_key(call: Call, given: Input) -> Output:
    plan = _plan(call, given)
    if given["keyType"] != "API_KEY":
        raise bad_request("Invalid key type specified. Valid options are API_KEY")
    key = get_key(call, given["keyId"])
    if records_keys.usage_plan_keys(call.ports, call.world).get(f"{plan.id}/{key.id}") is not None:
        raise conflict("This key already belongs to the usage plan")
    _check_one_plan(call, plan, key.id)
    records_keys.join(call.ports, call.world, plan.id, key.id)
    return _key_shape(key)


def get_usage_plan_key(call: Call, given: Input) -> Output:
    return _key_shape(_member(call, given))


def get_usage_plan_keys(call: Call, given: Input) -> Output:
    """Newest first; none for an unknown plan [recorded]."""
    prefix = given.get("nameQuery") or ""
    keys = records_keys.api_keys(call.ports, call.world)
    members = records_keys.usage_plan_keys(call.ports, call.world).items(f"{given['usagePlanId']}/")
    found = [key for _, member in members if (key := keys.get(member.key_id)) is not None]
    found = [key for key in found if (key.name or "").startswith(prefix)]
    found.sort(key=lambda key: (-key.created, key.id))
    return page(given, found, lambda key: key.id, _key_shape)


def delete_usage_plan_key(call: Call, given: Input) -> Output:
    plan, key = _plan(call, given), _member(call, given)
    records_keys.usage_plan_keys(call.ports, call.world).delete(f"{plan.id}/{key.id}")
    records_keys.plans_of_key(call.ports, call.world).delete(f"{key.id}/{plan.id}")
    records_keys.forget_usage(call.ports, call.world, f"{plan.id}/{key.id}/")
    return {}


def get_usage(call: Call, given: Input) -> Output:
    """Per key, one [used, remaining] a day."""
    plan = _plan(call, given)
    start, end = _day(given["startDate"]), _day(given["endDate"])
    if end < start:
        raise bad_request("Usage plan start date cannot be after end date.")
    if (end - start).days >= _MAX_DAYS:
        raise bad_request(f"Usage plan date range cannot be more than {_MAX_DAYS} days.")
    wanted = given.get("keyId")
    members = records_keys.usage_plan_keys(call.ports, call.world).items(f"{plan.id}/")
    keys = [member.key_id for _, member in members if not wanted or member.key_id == wanted]
    if wanted and not keys:
        raise not_found("Invalid API Key identifier specified")
    days = [start + timedelta(days=count) for count in range((end - start).days + 1)]
    output = page(given, keys, lambda key: key, lambda key: (key, [_used(call, plan, key, day) for day in days]))
    output["items"] = dict(output["items"])
    return {"usagePlanId": plan.id, "startDate": start.isoformat(), "endDate": end.isoformat(), **output}


def update_usage(call: Call, given: Input) -> Output:
    """Only today's `/remaining` can be replaced."""
    plan, key = _plan(call, given), _member(call, given)
    today = datetime.fromtimestamp(call.now, UTC).date()
    if plan.quota is None:
        raise bad_request("Usage Plan does not have a quota")
    table = records_keys.days_used(call.ports, call.world)
    name = f"{plan.id}/{key.id}/{today.isoformat()}"
    usage = before = table.get(name)
    for patch in patches(given):
        if patch.path != "/remaining" or patch.op != "replace":
            raise invalid_path(patch.path)
        if not re.fullmatch(r"[0-9]{1,18}", patch.value or ""):
            raise bad_request("Invalid remaining quota specified")
        left = records_keys.remaining(call.ports, call.world, plan, key.id, today)
        granted = int(patch.value or "") - left
        usage = Usage(0, granted) if before is None else replace(before, granted=before.granted + granted)
    if usage is not None and usage != before:
        table.put(name, usage)
    items = {key.id: [_used(call, plan, key.id, today)]}
    return {"usagePlanId": plan.id, "startDate": today.isoformat(), "endDate": today.isoformat(), "items": items}


def forget_stage(call: Call, api_id: str, stage: str | None = None) -> None:
    """A stage (or an API) is gone: no usage plan names it any more."""
    table = records_keys.usage_plans(call.ports, call.world)
    for name, plan in list(table.items()):
        kept = tuple(item for item in plan.api_stages if item.api_id != api_id or stage not in (None, item.stage))
        if kept != plan.api_stages:
            table.put(name, replace(plan, api_stages=kept))


def _used(call: Call, plan: UsagePlan, key_id: str, day: date) -> list[int]:
    usage = records_keys.days_used(call.ports, call.world).get(f"{plan.id}/{key_id}/{day.isoformat()}")
    used = usage.used if usage is not None else 0
    return [used, max(0, records_keys.remaining(call.ports, call.world, plan, key_id, day))]


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise bad_request(f"Invalid date specified: {text}. Dates are in the format yyyy-MM-dd") from None


def _plan(call: Call, given: Input) -> UsagePlan:
    plan = records_keys.usage_plans(call.ports, call.world).get(given["usagePlanId"])
    if plan is None:
        raise not_found("Invalid Usage Plan ID specified")
    return plan


def _member(call: Call, given: Input) -> records_keys.ApiKey:
    plan = _plan(call, given)
    if records_keys.usage_plan_keys(call.ports, call.world).get(f"{plan.id}/{given['keyId']}") is None:
        raise not_found("Invalid API Key identifier specified")
    return get_key(call, given["keyId"])


def _check_name(plan: UsagePlan) -> None:
    if not plan.name:
        raise bad_request("Usage Plan name cannot be empty")


def _check_one_plan(call: Call, plan: UsagePlan, key_id: str) -> None:
    """By a key and a stage there is one plan, or nobody could tell which limits hold."""
    plans = records_keys.usage_plans(call.ports, call.world)
    for _, member in records_keys.plans_of_key(call.ports, call.world).items(f"{key_id}/"):
        other = plans.get(member.plan_id)
        if other is None or other.id == plan.id:
            continue
        for item in plan.api_stages:
            if other.stage(item.api_id, item.stage) is not None:
                raise conflict(
                    f"API Key {key_id} is already associated with Usage Plan {other.id} for API stage "
                    f"{item.api_id}:{item.stage}"
                )


def _api_stage(call: Call, given: Mapping[str, Any]) -> ApiStage:
    api_id, stage = given.get("apiId"), given.get("stage")
    if not api_id or not stage or ":" in stage:
        raise bad_request("Invalid API Stage specified")
    if records.stages(call.ports, call.world).get(f"{api_id}/{stage}") is None:
        raise not_found(f"API Stage not found: {api_id}:{stage}")
    throttles = {
        name if name.startswith("/") else f"/{name}": _throttle(item) or Throttle()
        for name, item in (given.get("throttle") or {}).items()
    }
    return ApiStage(api_id, stage, throttles)


def _throttle(given: Mapping[str, Any] | None) -> Throttle | None:
    if not given:
        return None
    rate, burst = given.get("rateLimit"), given.get("burstLimit")
    if (rate is not None and rate < 0) or (burst is not None and burst < 0):
        raise bad_request("Usage Plan throttle rate limit and burst limit cannot be negative")
    return Throttle(None if rate is None else float(rate), burst)


def _quota(given: Mapping[str, Any] | None) -> Quota | None:
    if not given:
        return None
    quota = Quota(given.get("limit") or 0, given.get("period") or "", given.get("offset") or 0)
    _check_quota(quota)
    return quota


def _check_quota(quota: Quota | None) -> None:
    if quota is None:
        return
    last = _OFFSETS.get(quota.period)
    if last is None:
        raise bad_request("Usage Plan quota period must be one of DAY, WEEK, MONTH")
    if quota.limit <= 0:
        raise bad_request("Usage Plan quota limit must be greater than 0")
    if not 0 <= quota.offset <= last:
        allowed = "zero" if last == 0 else f"inclusively between 0 and {last}"
        raise bad_request(f"Usage Plan quota offset must be {allowed} in the {quota.period} period")


def _patched(call: Call, plan: UsagePlan, patch: Patch) -> UsagePlan:
    match patch.keys:
        case ["name"] if patch.op == "replace":
            return replace(plan, name=patch.value or "")
        case ["description"] if patch.op in ("add", "replace", "remove"):
            return replace(plan, description=None if patch.op == "remove" else patch.value or None)
        case ["productCode"] if patch.op in ("add", "replace", "remove"):
            return replace(plan, product_code=None if patch.op == "remove" else patch.value or None)
        case ["throttle"] if patch.op == "remove":
            return replace(plan, throttle=None)
        case ["throttle", name] if patch.op in ("add", "replace") and name in _LIMITS:
            return replace(plan, throttle=_limited(plan.throttle, name, patch))
        case ["quota"] if patch.op == "remove":
            return replace(plan, quota=None)
        case ["quota", ("limit" | "offset" | "period") as name] if patch.op in ("add", "replace"):
            return replace(plan, quota=_with_quota(plan.quota, name, patch))
        case ["apiStages"] if patch.op in ("add", "remove"):
            return _staged(call, plan, patch)
        case ["apiStages", stage, "throttle", *rest]:
            return _throttled(plan, patch, stage, rest)
        case _:
            raise unsupported_op(patch)


_LIMITS = {"rateLimit": "rate_limit", "burstLimit": "burst_limit"}


def _limited(throttle: Throttle | None, name: str, patch: Patch) -> Throttle:
    value: float
    try:
        value = float(patch.value or "") if name == "rateLimit" else int(patch.value or "")
    except ValueError:
        raise bad_request(f"Invalid value specified for {patch.path}: {patch.value}") from None
    if not 0 <= value < 2**31:
        raise bad_request("Usage Plan throttle rate limit and burst limit cannot be negative")
    return replace(throttle or Throttle(), **{_LIMITS[name]: value})


def _with_quota(quota: Quota | None, name: str, patch: Patch) -> Quota:
    base = quota or Quota(0, "")
    if name == "period":
        return replace(base, period=patch.value or "")
    if not re.fullmatch(r"-?\d{1,9}", patch.value or ""):
        raise bad_request(f"Invalid value specified for {patch.path}: {patch.value}")
    return replace(base, **{name: int(patch.value or "")})


def _staged(call: Call, plan: UsagePlan, patch: Patch) -> UsagePlan:
    api_id, _, stage = (patch.value or "").partition(":")
    known = plan.stage(api_id, stage)
    if patch.op == "add":
        added = _api_stage(call, {"apiId": api_id, "stage": stage})
        return plan if known else replace(plan, api_stages=(*plan.api_stages, added))
    if not api_id or not stage or ":" in stage:
        raise bad_request("Invalid API Stage specified")
    if known is None:
        raise _no_stage(plan, api_id, stage)
    return replace(plan, api_stages=tuple(item for item in plan.api_stages if item is not known))


def _throttled(plan: UsagePlan, patch: Patch, name: str, rest: list[str]) -> UsagePlan:
    """`/apiStages/<api>:<stage>/throttle/<resource path>/<verb>[/rateLimit|/burstLimit]`; the path may be escaped."""
    api_id, _, stage = name.partition(":")
    known = plan.stage(api_id, stage)
    if known is None:
        raise _no_stage(plan, api_id, stage)
    throttles = dict(known.throttle)
    limit = rest[-1] if rest and rest[-1] in _LIMITS else None
    where = "/".join(rest[:-1] if limit else rest)
    if where and not where.startswith("/"):
        where = f"/{where}"
    match patch.op:
        case "remove" if not rest:
            throttles = {}
        case "remove" if limit is None and where in throttles:
            del throttles[where]
        case "add" | "replace" if limit is not None and where:
            throttles[where] = _limited(throttles.get(where), limit, patch)
        case _:
            raise unsupported_op(patch)
    changed = replace(known, throttle=throttles)
    return replace(plan, api_stages=tuple(changed if item is known else item for item in plan.api_stages))


def _no_stage(plan: UsagePlan, api_id: str, stage: str) -> Exception:
    return not_found(f"Invalid API Stage {{api: {api_id}, stage: {stage}}} specified for usageplan {plan.id}")


def _throttle_shape(item: Throttle) -> dict[str, Any]:
    return shapes.present(burstLimit=item.burst_limit, rateLimit=item.rate_limit)


def shape(plan: UsagePlan, *, always_tags: bool = False) -> dict[str, Any]:
    stages = [
        shapes.present(
            apiId=item.api_id,
            stage=item.stage,
            throttle={name: _throttle_shape(throttle) for name, throttle in item.throttle.items()} or None,
        )
        for item in plan.api_stages
    ]
    quota = plan.quota
    return shapes.present(
        id=plan.id,
        name=plan.name,
        description=plan.description,
        apiStages=stages,
        throttle=None if plan.throttle is None else _throttle_shape(plan.throttle),
        quota=None if quota is None else {"limit": quota.limit, "offset": quota.offset, "period": quota.period},
        productCode=plan.product_code,
        tags=dict(plan.tags) if plan.tags or always_tags else None,
    )


def _key_shape(key: records_keys.ApiKey) -> dict[str, Any]:
    return shapes.present(id=key.id, type="API_KEY", value=key.value, name=key.name)


OPERATIONS = {
    "CreateUsagePlan": create_usage_plan,
    "GetUsagePlan": get_usage_plan,
    "GetUsagePlans": get_usage_plans,
    "UpdateUsagePlan": update_usage_plan,
    "DeleteUsagePlan": delete_usage_plan,
    "CreateUsagePlanKey": create_usage_plan_key,
    "GetUsagePlanKey": get_usage_plan_key,
    "GetUsagePlanKeys": get_usage_plan_keys,
    "DeleteUsagePlanKey": delete_usage_plan_key,
    "GetUsage": get_usage,
    "UpdateUsage": update_usage,
}
