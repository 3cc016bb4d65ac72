"""Versions, and what an ARN with a qualifier names."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from stategate.services.call import Call, Input, Output
from stategate.services.states import names, paging, records
from stategate.services.states.errors import (
    conflict,
    invalid_arn,
    machine_deleting,
    machine_does_not_exist,
    quota_exceeded,
)
from stategate.services.states.records import Alias, Machine, Settings, Version

MOST = 1000
"""Versions that a state machine can have."""

INITIAL = "INITIAL"
"""The name of the revision before the first update."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """`version` and `alias` if the ARN named them."""

    machine: Machine
    version: Version | None = None
    alias: Alias | None = None

    @property
    def settings(self) -> Settings:
        return self.machine.settings if self.version is None else self.version.settings


def resolve(call: Call, arn: str, *, draw: bool = False) -> Resolved:
    """The state machine of an ARN, with the version that its qualifier names. Of an alias's it is the one that most is
    routed to; with `draw` (for a start) the weights decide. Raises `InvalidArn`, `StateMachineDoesNotExist`."""
    parsed = names.parse_machine_arn(call.world, arn)
    machine = records.machines(call.ports, call.world).get(parsed.name)
    if machine is None:
        raise machine_does_not_exist(arn)
    if parsed.qualifier is None:
        return Resolved(machine)
    alias = None
    number = parsed.version
    if number is None:
        alias = records.aliases(call.ports, call.world).get(records.alias_key(machine.name, parsed.qualifier))
        if alias is None:
            raise machine_does_not_exist(arn)
        number = _route(call, alias) if draw else max(alias.routes, key=lambda route: route.weight).version
    version = records.versions(call.ports, call.world).get(records.version_key(machine.name, number))
    if version is None:
        raise machine_does_not_exist(arn)
    return Resolved(machine, version, alias)


def _route(call: Call, alias: Alias) -> int:
    point = call.ports.entropy.random() * 100
    for route in alias.routes:
        point -= route.weight
        if point < 0:
            return route.version
    return alias.routes[-1].version


def publish(call: Call, machine: Machine, description: str | None) -> Version:
    """The version of the current revision; one that is there already is returned as it is. Writes nothing before it
    raises `ServiceQuotaExceededException`; `machine` itself need not be written yet."""
    published = list(records.versions_of(call.ports, call.world, machine.name))
    for known in published:
        if known.revision == machine.revision:
            return known
    if len(published) >= MOST:
        raise quota_exceeded("versions of a state machine", MOST)
    version = Version(machine.last_version + 1, machine.settings, call.now, machine.revision, description)
    key = records.version_key(machine.name, version.number)
    records.versions(call.ports, call.world).put(key, version)
    machine = msgspec.structs.replace(machine, last_version=version.number)
    records.machines(call.ports, call.world).put(machine.name, machine)
    return version


def publish_state_machine_version(call: Call, input: Input) -> Output:
    arn = input["stateMachineArn"]
    machine = records.existing_machine(call.ports, call.world, arn)
    if machine.deleting:
        raise machine_deleting(arn)
    given, current = input.get("revisionId"), machine.revision or INITIAL
    if given is not None and given != current:
        raise conflict(
            f"Failed to publish the State Machine version for revision {given}."
            f" The current State Machine revision is {current}."
        )
    version = publish(call, machine, input.get("description"))
    return {
        "stateMachineVersionArn": records.version_arn(call.world, machine.name, version.number),
        "creationDate": version.created,
    }


def list_state_machine_versions(call: Call, input: Input) -> Output:
    """Newest first."""
    machine = records.existing_machine(call.ports, call.world, input["stateMachineArn"])
    newest_first = list(records.versions_of(call.ports, call.world, machine.name))[::-1]
    found, token = paging.page(
        call,
        input,
        ["ListStateMachineVersions", machine.name],
        lambda last: (version for version in newest_first if last is None or version.number < last),
        lambda version: version.number,
    )
    shown = [
        {
            "stateMachineVersionArn": records.version_arn(call.world, machine.name, version.number),
            "creationDate": version.created,
        }
        for version in found
    ]
    return {"stateMachineVersions": shown, "nextToken": token}


def delete_state_machine_version(call: Call, input: Input) -> Output:
    """A version that is not there is no error; one that an alias routes to is."""
    arn = input["stateMachineVersionArn"]
    parsed = names.parse_machine_arn(call.world, arn)
    number = parsed.version
    if number is None:
        raise invalid_arn(f"Invalid State Machine Version ARN: {arn}")
    using = [
        alias.name
        for alias in records.aliases_of(call.ports, call.world, parsed.name)
        if any(route.version == number for route in alias.routes)
    ]
    if using:
        raise conflict(
            "Version to be deleted must not be referenced by an alias."
            f" Current list of aliases referencing this version: [{', '.join(using)}]"
        )
    records.versions(call.ports, call.world).delete(records.version_key(parsed.name, number))
    return {}
