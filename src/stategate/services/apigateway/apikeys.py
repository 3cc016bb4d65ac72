"""API keys: Create, Import, Get, list, Update, Delete."""

from __future__ import annotations

import csv
import io
import string
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from stategate.services.apigateway import records, records_keys, shapes
from stategate.services.apigateway.errors import bad_request, conflict, not_found, unsupported
from stategate.services.apigateway.paging import page
from stategate.services.apigateway.patching import (
    Patch,
    listed,
    only_add_or_remove,
    patches,
    unknown_path,
    unsupported_op,
)
from stategate.services.apigateway.records_keys import ApiKey, KeyValue
from stategate.services.apigateway.tags import new_tags
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError

_ALPHABET = string.ascii_letters + string.digits
_MAX_DESCRIPTION = 125_000
_PATHS = ("/name", "/description", "/enabled", "/labels", "/customerId", "/stages")


def create_api_key(call: Call, given: Input) -> Output:
    if given.get("generateDistinctId") is False:
        raise unsupported("API keys whose id is their value (generateDistinctId)")
    key = _new(call, given)
    records_keys.api_keys(call.ports, call.world).put(key.id, key)
    records_keys.key_values(call.ports, call.world).put(key.value, KeyValue(key.id))
    return shape(key, value=True)


def _new(call: Call, given: Input) -> ApiKey:
    name, value = given.get("name") or None, given.get("value") or None
    _check_name(name)
    _check_description(given.get("description"))
    stages = tuple(f"{item.get('restApiId')}/{item.get('stageName')}" for item in given.get("stageKeys") or ())
    for stage in stages:
        _check_stage(call, stage)
    if value is None:
        value = call.ports.entropy.letters(40, _ALPHABET)
    elif len(value) < 20:
        raise bad_request("API Key value should be at least 20 characters")
    elif len(value) > 128:
        raise bad_request("API Key value exceeds maximum size of 128 characters")
    elif records_keys.key_values(call.ports, call.world).get(value) is not None:
        raise conflict("API Key already exists")
    return ApiKey(
        id=records.new_id(call, 10),
        value=value,
        created=call.now,
        updated=call.now,
        name=name,
        description=given.get("description") or None,
        enabled=bool(given.get("enabled")),
        customer_id=given.get("customerId") or None,
        stage_keys=stages,
        tags=new_tags(given),
    )


def get_api_key(call: Call, given: Input) -> Output:
    return shape(get_key(call, given["apiKey"]), value=bool(given.get("includeValue")), always_tags=True)


def get_api_keys(call: Call, given: Input) -> Output:
    """Newest first; `nameQuery` is a prefix [recorded]."""
    prefix, customer = given.get("nameQuery") or "", given.get("customerId")
    found = [
        key
        for _, key in records_keys.api_keys(call.ports, call.world).items()
        if (key.name or "").startswith(prefix) and (not customer or key.customer_id == customer)
    ]
    found.sort(key=lambda key: (-key.created, key.id))
    values = bool(given.get("includeValues"))
    return page(given, found, lambda key: key.id, lambda key: shape(key, value=values))


def update_api_key(call: Call, given: Input) -> Output:
    key = get_key(call, given["apiKey"])
    for patch in patches(given):
        key = _patched(call, key, patch)
    key = replace(key, updated=call.now)
    records_keys.api_keys(call.ports, call.world).put(key.id, key)
    return shape(key, always_tags=True)


def delete_api_key(call: Call, given: Input) -> Output:
    key = get_key(call, given["apiKey"])
    ports, world = call.ports, call.world
    for name, member in list(records_keys.plans_of_key(ports, world).items(f"{key.id}/")):
        records_keys.plans_of_key(ports, world).delete(name)
        records_keys.usage_plan_keys(ports, world).delete(f"{member.plan_id}/{key.id}")
        records_keys.forget_usage(ports, world, f"{member.plan_id}/{key.id}/")
    records_keys.key_values(ports, world).delete(key.value)
    records_keys.api_keys(ports, world).delete(key.id)
    return {}


def import_api_keys(call: Call, given: Input) -> Output:
    """A CSV file whose first line names its columns: name, key, description, enabled, usageplanIds.

    All or nothing with `failOnWarnings`; else a line that can't be imported is a warning.
    """
    rows = _rows(given["body"])
    made: list[tuple[ApiKey, Sequence[str]]] = []
    warnings: list[str] = []
    values: set[str] = set()
    plans = records_keys.usage_plans(call.ports, call.world)
    for number, row in enumerate(rows, start=1):
        members = {
            "name": row.get("name"),
            "value": row.get("key"),
            "description": row.get("description"),
            "enabled": (row.get("enabled") or "").strip().lower() == "true",
        }
        wanted = [plan.strip() for plan in (row.get("usageplanids") or "").split(",") if plan.strip()]
        try:
            key = _new(call, members)
            if key.value in values:
                raise conflict("API Key already exists")
        except AwsError as error:
            warnings.append(f"Unable to import API key at line {number}: {error.message}")
            continue
        values.add(key.value)
        warnings.extend(
            f"Unable to associate API key at line {number}: Invalid Usage Plan ID specified {plan}"
            for plan in wanted
            if plans.get(plan) is None
        )
        made.append((key, [plan for plan in wanted if plans.get(plan) is not None]))
    if warnings and given.get("failOnWarnings"):
        raise bad_request("Warnings found during import:\n\t" + "\n\t".join(warnings))
    for key, chosen in made:
        records_keys.api_keys(call.ports, call.world).put(key.id, key)
        records_keys.key_values(call.ports, call.world).put(key.value, KeyValue(key.id))
        for plan in chosen:
            records_keys.join(call.ports, call.world, plan, key.id)
    return shapes.present(ids=[key.id for key, _ in made], warnings=warnings or None)


def _rows(body: Any) -> list[dict[str, str | None]]:
    try:
        text = (body if isinstance(body, bytes | bytearray) else bytes(str(body), "utf-8")).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        rows = [
            {name: value for name, value in row.items() if isinstance(name, str) and (value is None or value != [])}
            for row in reader
        ]
    except (UnicodeDecodeError, csv.Error):
        raise bad_request("Failed to parse CSV API key file.") from None
    if not {"name", "key"} <= set(names):
        raise bad_request("Failed to parse CSV API key file. The columns name and key are required.")
    return rows


def get_key(call: Call, key_id: str) -> ApiKey:
    key = records_keys.api_keys(call.ports, call.world).get(key_id)
    if key is None:
        raise not_found("Invalid API Key identifier specified")
    return key


def _patched(call: Call, key: ApiKey, patch: Patch) -> ApiKey:
    if patch.keys[:1] == ["labels"]:
        raise unsupported("labels of API keys")
    if patch.path == "/stages":
        only_add_or_remove(patch)
        stage = patch.value or ""
        if patch.op == "add":
            _check_stage(call, stage)
        return replace(key, stage_keys=listed(key.stage_keys, patch, stage))
    if patch.op != "replace":
        raise unsupported_op(patch)
    match patch.path:
        case "/name":
            _check_name(patch.value)
            return replace(key, name=patch.value or None)
        case "/description":
            _check_description(patch.value)
            return replace(key, description=patch.value or None)
        case "/enabled":
            return replace(key, enabled=patch.flag)
        case "/customerId":
            return replace(key, customer_id=patch.value or None)
        case _:
            raise unknown_path(patch, _PATHS)


def _check_name(name: str | None) -> None:
    if len(name or "") > 1024:
        raise bad_request("Invalid API Key name, can be at most 1024 characters.")


def _check_description(description: str | None) -> None:
    if len(description or "") > _MAX_DESCRIPTION:
        raise bad_request("Invalid API Key description specified.")


def _check_stage(call: Call, stage: str) -> None:
    if records.stages(call.ports, call.world).get(stage) is None:
        raise not_found("Invalid stage identifier specified")


def shape(key: ApiKey, *, value: bool = False, always_tags: bool = False) -> dict[str, Any]:
    return shapes.present(
        id=key.id,
        value=key.value if value else None,
        name=key.name,
        customerId=key.customer_id,
        description=key.description,
        enabled=key.enabled,
        createdDate=shapes.seconds(key.created),
        lastUpdatedDate=shapes.seconds(key.updated),
        stageKeys=list(key.stage_keys),
        tags=dict(key.tags) if key.tags or always_tags else None,
    )


OPERATIONS = {
    "CreateApiKey": create_api_key,
    "ImportApiKeys": import_api_keys,
    "GetApiKey": get_api_key,
    "GetApiKeys": get_api_keys,
    "UpdateApiKey": update_api_key,
    "DeleteApiKey": delete_api_key,
}
