"""State machines, their versions and aliases as they are kept."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from stategate.services.ports import Ports, Records, World
from stategate.services.states import names
from stategate.services.states.errors import machine_does_not_exist

OWNED_KEY = "AWS_OWNED_KEY"
"""The encryption of what was made without another."""


class Logging(msgspec.Struct, frozen=True, omit_defaults=True):
    """`destinations`: log group ARNs, as they were given; None if there was no such member."""

    level: str = "OFF"
    include_execution_data: bool = False
    destinations: tuple[str, ...] | None = None


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an update can change and a version keeps."""

    definition: str
    role_arn: str
    logging: Logging = Logging()
    tracing: bool = False
    encryption: str | None = None

    def effective(self) -> Settings:
        """With what holds where nothing was given: settings that work the same are equal."""
        return msgspec.structs.replace(self, encryption=self.encryption or OWNED_KEY)


class Machine(msgspec.Struct, frozen=True, omit_defaults=True):
    """`revision` is None until the first update; `last_version` is never used again, even when it is deleted."""

    name: str
    type: str
    settings: Settings
    created: float
    updated: float
    revision: str | None = None
    last_version: int = 0
    tags: dict[str, str] = {}
    deleting: bool = False


class Version(msgspec.Struct, frozen=True, omit_defaults=True):
    number: int
    settings: Settings
    created: float
    revision: str | None = None
    description: str | None = None


class Route(msgspec.Struct, frozen=True):
    version: int
    weight: int


class Alias(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    routes: tuple[Route, ...]
    created: float
    updated: float
    description: str | None = None


def machines(ports: Ports, world: World) -> Records[Machine]:
    """By name."""
    return ports.store.records(world, "states.machine", Machine)


def versions(ports: Ports, world: World) -> Records[Version]:
    """By `version_key`."""
    return ports.store.records(world, "states.version", Version)


def aliases(ports: Ports, world: World) -> Records[Alias]:
    """By `alias_key`."""
    return ports.store.records(world, "states.alias", Alias)


def version_key(machine: str, number: int) -> str:
    return f"{machine}:{number:010d}"


def alias_key(machine: str, alias: str) -> str:
    return f"{machine}:{alias}"


def versions_of(ports: Ports, world: World, machine: str) -> Iterator[Version]:
    """In the order of their numbers."""
    return (version for _, version in versions(ports, world).items(f"{machine}:"))


def aliases_of(ports: Ports, world: World, machine: str) -> Iterator[Alias]:
    """In the order of their names."""
    return (alias for _, alias in aliases(ports, world).items(f"{machine}:"))


def version_arn(world: World, machine: str, number: int) -> str:
    return f"{names.machine_arn(world, machine)}:{number}"


def alias_arn(world: World, machine: str, alias: str) -> str:
    return f"{names.machine_arn(world, machine)}:{alias}"


def existing_machine(ports: Ports, world: World, arn: str) -> Machine:
    """The state machine of an unqualified ARN. Raises `InvalidArn`, `StateMachineDoesNotExist`."""
    parsed = names.parse_machine_arn(world, arn)
    machine = machines(ports, world).get(parsed.name) if parsed.qualifier is None else None
    if machine is None:
        raise machine_does_not_exist(arn)
    return machine
