"""Aliases: names that route to one or two versions of a state machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stategate.services.call import Call, Input, Output
from stategate.services.errors import validation_error
from stategate.services.states import names, paging, records
from stategate.services.states.errors import (
    alias_not_found,
    conflict,
    invalid_arn,
    machine_deleting,
    quota_exceeded,
)
from stategate.services.states.records import Alias, Route

MOST = 100
"""Aliases that a state machine can have."""


def create_state_machine_alias(call: Call, input: Input) -> Output:
    """Making the same again is not an error."""
    name = input["name"]
    machine, routes = _read_routes(call, input["routingConfiguration"])
    table, key = records.aliases(call.ports, call.world), records.alias_key(machine, name)
    alias = table.get(key)
    if alias is None:
        if sum(1 for _ in records.aliases_of(call.ports, call.world, machine)) >= MOST:
            raise quota_exceeded("aliases of a state machine", MOST)
        alias = Alias(name, routes, call.now, call.now, input.get("description"))
        table.put(key, alias)
    elif (alias.routes, alias.description) != (routes, input.get("description")):
        raise conflict(
            "Failed to create alias because an alias with the same name and a different routing configuration"
            " already exists."
        )
    return {
        "stateMachineAliasArn": records.alias_arn(call.world, machine, name),
        "creationDate": alias.created,
    }


def update_state_machine_alias(call: Call, input: Input) -> Output:
    """What changes nothing is answered as the update that it repeats."""
    machine, alias = _existing(call, input["stateMachineAliasArn"])
    if input.get("routingConfiguration") is None and input.get("description") is None:
        raise validation_error("Either the description or the routingConfiguration must be specified")
    changes = dict[str, Any]()
    if input.get("routingConfiguration") is not None:
        of, changes["routes"] = _read_routes(call, input["routingConfiguration"])
        if of != machine:
            raise validation_error("Routing configuration must contain versions of the alias's state machine.")
    if input.get("description") is not None:
        changes["description"] = input["description"]
    changed = msgspec.structs.replace(alias, **changes)
    if changed != alias:
        alias = msgspec.structs.replace(changed, updated=call.now)
        records.aliases(call.ports, call.world).put(records.alias_key(machine, alias.name), alias)
    return {"updateDate": alias.updated}


def describe_state_machine_alias(call: Call, input: Input) -> Output:
    machine, alias = _existing(call, input["stateMachineAliasArn"])
    answer: Output = {
        "stateMachineAliasArn": records.alias_arn(call.world, machine, alias.name),
        "name": alias.name,
        "routingConfiguration": [
            {
                "stateMachineVersionArn": records.version_arn(call.world, machine, route.version),
                "weight": route.weight,
            }
            for route in alias.routes
        ],
        "creationDate": alias.created,
        "updateDate": alias.updated,
    }
    if alias.description is not None:
        answer["description"] = alias.description
    return answer


def list_state_machine_aliases(call: Call, input: Input) -> Output:
    """By name. Of a version's ARN, the aliases that route to it."""
    arn = input["stateMachineArn"]
    parsed = names.parse_machine_arn(call.world, arn)
    machine = records.existing_machine(call.ports, call.world, names.machine_arn(call.world, parsed.name))
    if machine.deleting:
        raise machine_deleting(arn)
    version = parsed.version
    if parsed.qualifier is not None and version is None:
        raise invalid_arn(f"Invalid State Machine Version ARN: {arn}")
    if version is not None:
        _check_version(call, machine.name, version)

    def after(last: Any) -> list[Alias]:
        return [
            alias
            for alias in records.aliases_of(call.ports, call.world, machine.name)
            if (last is None or alias.name > last)
            and (version is None or any(route.version == version for route in alias.routes))
        ]

    found, token = paging.page(call, input, ["ListStateMachineAliases", arn], after, lambda alias: alias.name)
    shown = [
        {
            "stateMachineAliasArn": records.alias_arn(call.world, machine.name, alias.name),
            "creationDate": alias.created,
        }
        for alias in found
    ]
    return {"stateMachineAliases": shown, "nextToken": token}


def delete_state_machine_alias(call: Call, input: Input) -> Output:
    """An alias that is not there is no error."""
    machine, name = _parse(call, input["stateMachineAliasArn"])
    records.aliases(call.ports, call.world).delete(records.alias_key(machine, name))
    return {}


def _parse(call: Call, arn: str) -> tuple[str, str]:
    parsed = names.parse_machine_arn(call.world, arn, alias_not_found)
    if parsed.alias is None:
        raise invalid_arn(f"Invalid State Machine Alias ARN: {arn}")
    return parsed.name, parsed.alias


def _existing(call: Call, arn: str) -> tuple[str, Alias]:
    machine, name = _parse(call, arn)
    alias = records.aliases(call.ports, call.world).get(records.alias_key(machine, name))
    if alias is None:
        raise alias_not_found()
    return machine, alias


def _read_routes(call: Call, given: Sequence[Any]) -> tuple[str, tuple[Route, ...]]:
    """The state machine's name and the routes. Raises `ValidationException`."""
    arns = [route["stateMachineVersionArn"] for route in given]
    received = f"Received: [{', '.join(arns)}]"
    parsed = [names.parse_machine_arn(call.world, arn, alias_not_found) for arn in arns]
    if any(each.version is None for each in parsed):
        raise validation_error(f"Routing configuration must contain state machine version ARNs. {received}")
    if len(set(arns)) != len(arns):
        raise validation_error(f"Routing configuration must contain distinct state machine version ARNs. {received}")
    if len({each.name for each in parsed}) != 1:
        raise validation_error(f"Routing configuration must contain versions of one state machine. {received}")
    weights = [int(route["weight"]) for route in given]
    if sum(weights) != 100:
        raise validation_error(f"Sum of routing configuration weights must equal 100. Received: {weights}")
    routes = tuple(Route(each.version or 0, weight) for each, weight in zip(parsed, weights, strict=True))
    name = parsed[0].name
    for route in routes:
        _check_version(call, name, route.version)
    machine = records.machines(call.ports, call.world).get(name)
    if machine is not None and machine.deleting:
        raise machine_deleting(names.machine_arn(call.world, name))
    return name, routes


def _check_version(call: Call, machine: str, version: int) -> None:
    if records.versions(call.ports, call.world).get(records.version_key(machine, version)) is None:
        raise alias_not_found()
