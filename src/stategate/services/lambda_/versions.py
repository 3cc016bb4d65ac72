"""Published versions and aliases."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import structs

from stategate.services.call import Call, Input, Output
from stategate.services.errors import validation_error
from stategate.services.lambda_ import functions, lookup, names, records, shapes
from stategate.services.lambda_.names import FunctionName, conflict, invalid, not_found
from stategate.services.lambda_.records import LATEST, Alias, Configuration, Function

_ALIAS_NAME = re.compile(r"(?!^[0-9]+$)[a-zA-Z0-9-_]{1,128}")


def publish(call: Call, function: Function, description: str | None) -> Configuration:
    """The version with the function's present code and configuration: the last one, if nothing changed since."""
    kept = records.versions(call.ports, call.world)
    latest = function.latest
    if description is not None:
        latest = structs.replace(latest, description=description)
    last = kept.get(f"{latest.name}:{function.next_version - 1}")
    if last is not None and _same(last, latest):
        return last
    number = str(function.next_version)
    version = structs.replace(latest, version=number, revision=call.ports.entropy.uuid())
    kept.put(f"{latest.name}:{number}", version)
    function = structs.replace(function, next_version=function.next_version + 1)
    records.functions(call.ports, call.world).put(latest.name, function)
    return version


def _same(one: Configuration, other: Configuration) -> bool:
    plain = {"version": "", "revision": "", "modified": 0.0}
    return structs.replace(one, **plain) == structs.replace(other, **plain)


def publish_version(call: Call, given: Input) -> Output:
    name = functions.named(call, given, "PublishVersion")
    function = lookup.function(call.ports, FunctionName(name.world, name.name, None))
    functions.check_revision(given, function.latest.revision)
    if given.get("PublishTo") is not None:
        raise invalid("Stategate does not support PublishTo.")
    wanted, present = given.get("CodeSha256"), function.latest.code_sha256
    if wanted not in (None, "", present):
        raise invalid(
            f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({present})."
            " Please try again with the CodeSHA256 in $LATEST."
        )
    return shapes.configuration(call.world, publish(call, function, given.get("Description")))


def list_versions_by_function(call: Call, given: Input) -> Output:
    name = functions.named(call, given, "ListVersionsByFunction")
    function = lookup.function(call.ports, FunctionName(name.world, name.name, None))
    every = [((0,), function.latest), *(((int(one.version),), one) for one in functions.published(call, name.name))]
    chosen, marker = functions.page(given, every)
    shown = [shapes.configuration(call.world, configuration, configuration.version) for configuration in chosen]
    return {"Versions": shown, "NextMarker": marker}


def delete_version(call: Call, name: FunctionName) -> None:
    """Deleting a version that does not exist does nothing."""
    key = f"{name.name}:{name.qualifier}"
    if lookup.alias(call.ports, name) is not None:
        raise invalid("Deletion of aliases is not currently supported.")
    for _, alias in records.aliases(call.ports, call.world).items(f"{name.name}:"):
        if name.qualifier == alias.version or name.qualifier in alias.weights:
            raise conflict(f"Version {name.qualifier} cannot be deleted because it is referenced by alias {alias.name}")
    records.versions(call.ports, call.world).delete(key)
    records.policies(call.ports, call.world).delete(key)
    records.event_invokes(call.ports, call.world).delete(key)


# --- aliases ----------------------------------------------------------------------------------------------------


def create_alias(call: Call, given: Input) -> Output:
    name, alias_name = _function(call, given, "CreateAlias"), given["Name"]
    if not _ALIAS_NAME.fullmatch(alias_name):
        raise validation_error(
            f"1 validation error detected: Value '{alias_name}' at 'name' failed to satisfy constraint: Member must"
            " satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"
        )
    kept, key = records.aliases(call.ports, call.world), f"{name.name}:{alias_name}"
    if kept.get(key) is not None:
        raise conflict(f"Alias already exists: {shapes.function_arn(call.world, name.name, alias_name)}")
    weights = _weights(given)
    _check_versions(call, name, given["FunctionVersion"], weights)
    alias = Alias(
        function=name.name,
        name=alias_name,
        version=given["FunctionVersion"],
        revision=call.ports.entropy.uuid(),
        description=given.get("Description") or "",
        weights=weights,
    )
    kept.put(key, alias)
    return shapes.alias(call.world, alias)


def get_alias(call: Call, given: Input) -> Output:
    return shapes.alias(call.world, _alias(call, given, "GetAlias"))


def update_alias(call: Call, given: Input) -> Output:
    alias = _alias(call, given, "UpdateAlias")
    functions.check_revision(given, alias.revision)
    version = given.get("FunctionVersion") or alias.version
    weights = alias.weights if given.get("RoutingConfig") is None else _weights(given)
    _check_versions(call, FunctionName(call.world, alias.function, None), version, weights)
    alias = structs.replace(
        alias,
        version=version,
        weights=weights,
        description=alias.description if given.get("Description") is None else given["Description"],
        revision=call.ports.entropy.uuid(),
    )
    records.aliases(call.ports, call.world).put(f"{alias.function}:{alias.name}", alias)
    return shapes.alias(call.world, alias)


def delete_alias(call: Call, given: Input) -> Output:
    name = _function(call, given, "DeleteAlias")
    key = f"{name.name}:{given['Name']}"
    records.aliases(call.ports, call.world).delete(key)
    records.forget_url(call.ports, call.world, key)
    records.policies(call.ports, call.world).delete(key)
    records.event_invokes(call.ports, call.world).delete(key)
    return {}


def list_aliases(call: Call, given: Input) -> Output:
    name, version = _function(call, given, "ListAliases"), given.get("FunctionVersion")
    found = (
        ((alias.name,), alias)
        for _, alias in records.aliases(call.ports, call.world).items(f"{name.name}:")
        if version is None or version == alias.version or version in alias.weights
    )
    chosen, marker = functions.page(given, found)
    return {"Aliases": [shapes.alias(call.world, alias) for alias in chosen], "NextMarker": marker}


def _function(call: Call, given: Input, action: str) -> FunctionName:
    name = functions.named(call, given, action)
    name = FunctionName(name.world, name.name, None)
    lookup.function(call.ports, name)
    return name


def _alias(call: Call, given: Input, action: str) -> Alias:
    name = _function(call, given, action)
    alias = records.aliases(call.ports, call.world).get(f"{name.name}:{given['Name']}")
    if alias is None:
        arn = shapes.function_arn(call.world, name.name, given["Name"])
        raise not_found(f"Cannot find alias arn: {arn}")
    return alias


def _weights(given: Input) -> dict[str, float]:
    routing: Mapping[str, Mapping[str, float]] = given.get("RoutingConfig") or {}
    weights = dict(routing.get("AdditionalVersionWeights") or {})
    if len(weights) > 1:
        raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    return weights


def _check_versions(call: Call, name: FunctionName, version: str, weights: Mapping[str, float]) -> None:
    for number, weight in weights.items():
        if number == version:
            raise invalid(
                f"Invalid function version {number}. Function version {number} is already included in routing"
                " configuration."
            )
        if LATEST in (number, version):
            raise invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        if not 0.0 <= weight <= 1.0:
            raise validation_error(
                f"1 validation error detected: Value '{{{number}={weight}}}' at"
                " 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy"
                " constraint: [Member must have value less than or equal to 1.0, Member must have value greater than"
                " or equal to 0.0]"
            )
    kept = records.versions(call.ports, call.world)
    for number in (version, *weights):
        if number != LATEST and kept.get(f"{name.name}:{number}") is None:
            raise names.function_not_found(shapes.function_arn(call.world, name.name, number))
