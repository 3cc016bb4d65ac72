"""State machines: create, update, describe, list, delete, validate, tag."""

from __future__ import annotations

from typing import Any

import msgspec

from stategate.asl.lint import warnings
from stategate.asl.problems import InvalidDefinition, Problem
from stategate.iam.principal import root
from stategate.services.beside import beside
from stategate.services.call import Call, Input, Output
from stategate.services.errors import validation_error
from stategate.services.ports import Ports
from stategate.services.states import configuration, definitions, names, paging, records, versions
from stategate.services.states.errors import machine_already_exists, machine_deleting, nothing_to_update
from stategate.services.states.records import Machine, Settings
from stategate.services.states.tagging import read_tags


async def create_state_machine(call: Call, input: Input) -> Output:
    """Making the same again is not an error; role and tags are not compared."""
    name, type_ = input["name"], input.get("type") or "STANDARD"
    _check_version_description(input)
    names.check_name(name)
    settings = Settings(
        input["definition"],
        input["roleArn"],
        configuration.read_logging(input.get("loggingConfiguration")),
        configuration.read_tracing(input.get("tracingConfiguration")),
        configuration.read_encryption(input.get("encryptionConfiguration")),
    )
    arn = names.machine_arn(call.world, name)
    await configuration.check_definition(settings.definition, type_)
    configuration.check_role(call, settings.role_arn, arn)
    configuration.check_managed_rule(call, settings.definition, settings.role_arn, arn)
    machine = records.machines(call.ports, call.world).get(name)
    if machine is not None:
        _check_same(call, machine, type_, settings)
    else:
        tags = read_tags({}, input.get("tags"))
        configuration.check_logging(call, settings.logging, settings.role_arn, arn)
        configuration.create_validation_stream(call, settings.logging)
        machine = Machine(name, type_, settings, call.now, call.now, tags=tags)
        records.machines(call.ports, call.world).put(name, machine)
    answer: Output = {"stateMachineArn": arn, "creationDate": machine.created}
    if input.get("publish"):
        version = versions.publish(call, machine, input.get("versionDescription"))
        answer["stateMachineVersionArn"] = records.version_arn(call.world, name, version.number)
    return answer


def _check_same(call: Call, machine: Machine, type_: str, settings: Settings) -> None:
    arn = names.machine_arn(call.world, machine.name)
    if machine.deleting:
        raise machine_deleting(arn)
    known = msgspec.structs.replace(machine.settings, role_arn=settings.role_arn)
    if known.effective() != settings.effective() or machine.type != type_:
        raise machine_already_exists(arn)


def _check_version_description(input: Input) -> None:
    if input.get("versionDescription") is not None and not input.get("publish"):
        raise validation_error("Version description can only be set when publish is true")


async def update_state_machine(call: Call, input: Input) -> Output:
    """Running executions keep what they started with."""
    arn = input["stateMachineArn"]
    machine = _unless_deleting(call, arn)
    members = ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")
    if all(input.get(member) is None for member in members):
        raise nothing_to_update()
    _check_version_description(input)
    if input.get("definition") is not None:
        await configuration.check_definition(input["definition"], machine.type)
        machine = _unless_deleting(call, arn)  # as it is now
    settings = _updated(call, machine, input)
    if settings.effective() != machine.settings.effective():
        machine = msgspec.structs.replace(machine, updated=call.now, revision=call.ports.entropy.uuid())
    machine = msgspec.structs.replace(machine, settings=settings)
    answer: Output = {"updateDate": call.now}
    if machine.revision is not None:
        answer["revisionId"] = machine.revision
    if input.get("publish"):
        version = versions.publish(call, machine, input.get("versionDescription"))
        answer["stateMachineVersionArn"] = records.version_arn(call.world, machine.name, version.number)
        machine = msgspec.structs.replace(machine, last_version=max(machine.last_version, version.number))
    records.machines(call.ports, call.world).put(machine.name, machine)
    return answer


def _unless_deleting(call: Call, arn: str) -> Machine:
    machine = records.existing_machine(call.ports, call.world, arn)
    if machine.deleting:
        raise machine_deleting(arn)
    return machine


def _updated(call: Call, machine: Machine, input: Input) -> Settings:
    """The settings with what was given, all of it checked; the definition is already."""
    arn, changes = names.machine_arn(call.world, machine.name), dict[str, Any]()
    if input.get("definition") is not None:
        changes["definition"] = input["definition"]
    if input.get("roleArn") is not None:
        configuration.check_role(call, input["roleArn"], arn)
        changes["role_arn"] = input["roleArn"]
    if input.get("loggingConfiguration") is not None:
        changes["logging"] = configuration.read_logging(input["loggingConfiguration"])
    if input.get("tracingConfiguration") is not None:
        changes["tracing"] = configuration.read_tracing(input["tracingConfiguration"])
    if input.get("encryptionConfiguration") is not None:
        changes["encryption"] = configuration.read_encryption(input["encryptionConfiguration"])
    settings = msgspec.structs.replace(machine.settings, **changes)
    if "definition" in changes or "role_arn" in changes:
        configuration.check_managed_rule(call, settings.definition, settings.role_arn, arn)
    if "logging" in changes or "role_arn" in changes:
        configuration.check_logging(call, settings.logging, settings.role_arn, arn)
    return settings


async def describe_state_machine(call: Call, input: Input) -> Output:
    """Of a version's ARN, what the version keeps; of an alias's, the version that it routes most to."""
    found = versions.resolve(call, input["stateMachineArn"])
    machine, version = found.machine, found.version
    arn = names.machine_arn(call.world, machine.name)
    answer: Output = {
        "stateMachineArn": arn if version is None else f"{arn}:{version.number}",
        "name": machine.name,
        "status": "DELETING" if machine.deleting else "ACTIVE",
        "type": machine.type,
        "creationDate": machine.created if version is None else version.created,
        **configuration.show_settings(found.settings),
    }
    if version is not None and version.description is not None:
        answer["description"] = version.description
    revision = machine.revision if version is None else version.revision
    if revision is not None:
        answer["revisionId"] = revision
    if input.get("includedData") == "METADATA_ONLY":
        answer["definition"] = "{}"
    elif references := await definitions.references(found.settings.definition):
        answer["variableReferences"] = references
    return answer


def list_state_machines(call: Call, input: Input) -> Output:
    """By name."""
    found, token = paging.by_name(call, input, "ListStateMachines", records.machines(call.ports, call.world))
    shown = [
        {
            "stateMachineArn": names.machine_arn(call.world, machine.name),
            "name": machine.name,
            "type": machine.type,
            "creationDate": machine.created,
        }
        for machine in found
    ]
    return {"stateMachines": shown, "nextToken": token}


async def delete_state_machine(call: Call, input: Input) -> Output:
    """Stops the running executions. An ARN that is unknown is no error."""
    parsed = names.parse_machine_arn(call.world, input["stateMachineArn"])
    if parsed.qualifier is not None:
        raise validation_error(
            f"The ARN of a version or an alias is not valid in this context: {parsed.text}; use"
            " DeleteStateMachineVersion or DeleteStateMachineAlias."
        )
    table = records.machines(call.ports, call.world)
    machine = table.get(parsed.name)
    if machine is None:
        return {}
    table.put(machine.name, msgspec.structs.replace(machine, deleting=True))
    if machine.type == "STANDARD":
        await call.ports.store.durable()
        await call.ports.executions.stop_all(names.machine_arn(call.world, machine.name))
    left = table.get(machine.name)
    if left is not None and left.deleting:  # else another deletion was faster, and there may be a new one of this name
        _remove(call, machine.name)
    return {}


def _remove(call: Call, name: str) -> None:
    for version in records.versions_of(call.ports, call.world, name):
        records.versions(call.ports, call.world).delete(records.version_key(name, version.number))
    for alias in records.aliases_of(call.ports, call.world, name):
        records.aliases(call.ports, call.world).delete(records.alias_key(name, alias.name))
    records.machines(call.ports, call.world).delete(name)


async def finish_deletions(ports: Ports) -> None:
    """What a crash interrupted: state machines that are being deleted are gone in the end. For the server's start."""
    for world in ports.store.worlds("states.machine"):
        for name, machine in records.machines(ports, world).items():
            if machine.deleting:
                call = Call(ports, world, root(world.account), ports.entropy.uuid(), ports.clock.now())
                await delete_state_machine(call, {"stateMachineArn": names.machine_arn(world, name)})
    await ports.store.durable()


async def validate_state_machine_definition(call: Call, input: Input) -> Output:
    """A bad definition is an answer, not an error."""
    severity, limit = input.get("severity") or "ERROR", int(input.get("maxResults") or 0) or 100
    definition, type_ = input["definition"], input.get("type") or "STANDARD"

    def found() -> list[Problem]:
        try:
            definitions.compile(definition, type=type_)
        except InvalidDefinition as error:
            return [p for p in error.problems if severity == "WARNING" or p.severity == "ERROR"]
        return list(warnings(definition)) if severity == "WARNING" else []

    problems = await beside(definitions.weight(definition), found)
    diagnostics = []
    for problem in problems[:limit]:
        shown = {"severity": problem.severity, "code": problem.code, "message": problem.message}
        if problem.location:
            shown["location"] = problem.location
        diagnostics.append(shown)
    failed = any(problem.severity == "ERROR" for problem in problems)
    return {
        "result": "FAIL" if failed else "OK",
        "diagnostics": diagnostics,
        "truncated": len(problems) > limit,
    }
