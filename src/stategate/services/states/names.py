"""Names and ARNs of state machines and executions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stategate.services.errors import validation_error
from stategate.services.ports import World
from stategate.services.states.errors import (
    Wording,
    execution_does_not_exist,
    invalid_arn,
    invalid_name,
    machine_does_not_exist,
    resource_not_found,
)
from stategate.wire.arn import Arn, InvalidArn

_BAD = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff\U0010ffff]""")
_NUMBER = re.compile(r"[1-9][0-9]*")
MAX_NAME = 80
EXPRESS = "express"


def check_name(name: str) -> None:
    """Raises `InvalidName`."""
    if not name or len(name) > MAX_NAME or _BAD.search(name):
        raise invalid_name(name)


def partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def arn_of(world: World, resource: str) -> str:
    return f"arn:{partition(world.region)}:states:{world.region}:{world.account}:{resource}"


def machine_arn(world: World, name: str) -> str:
    return arn_of(world, f"stateMachine:{name}")


@dataclass(frozen=True, slots=True)
class MachineArn:
    """`qualifier`: a version's number or an alias's name, if the ARN has one."""

    text: str
    name: str
    qualifier: str | None = None

    @property
    def version(self) -> int | None:
        return int(self.qualifier) if self.qualifier is not None and _NUMBER.fullmatch(self.qualifier) else None

    @property
    def alias(self) -> str | None:
        return self.qualifier if self.version is None else None


def parse_arn(text: str, kind: str, parts: range = range(1, 2)) -> tuple[World, list[str]]:
    """Where a resource of this kind lives, and the parts of its name. Raises `InvalidArn`."""
    try:
        arn = Arn.parse(text)
    except InvalidArn:
        raise invalid_arn(f"Invalid ARN prefix: {text}") from None
    if arn.service != "states":
        raise invalid_arn(f"Invalid ARN prefix: {text}")
    given, *names = arn.resource.split(":")
    if given != kind:
        raise invalid_arn(f"Resource type not valid in this context: {given}")
    if len(names) not in parts or not all(names):
        raise invalid_arn(f"Invalid ARN suffix: {text}")
    return World(arn.account, arn.region), names


def parse_machine_arn(world: World, text: str, elsewhere: Wording = machine_does_not_exist) -> MachineArn:
    """Raises `InvalidArn` unless it is a state machine's; `ValidationException` if it is a Map state's; `elsewhere` if
    it belongs to another world."""
    found, names = parse_arn(text, "stateMachine", range(1, 3))
    if "/" in names[0]:
        raise validation_error(f"The ARN of a Distributed Map state is not valid in this context: {text}")
    if found != world:
        raise elsewhere(text)
    return MachineArn(text, names[0], names[1] if len(names) == 2 else None)


def check_map_run_arn(world: World, text: str) -> str:
    """Raises `InvalidArn`; `ResourceNotFound` if it belongs to another world."""
    found, names = parse_arn(text, "mapRun", range(2, 3))
    if "/" not in names[0]:
        raise invalid_arn(f"Invalid ARN suffix: {text}")
    if found != world:
        raise resource_not_found(text)
    return text


def check_described_arn(world: World, text: str) -> str:
    """The ARN of an execution that is kept: a Standard one, or an Express one that a map run started. Raises
    `InvalidArn`; `ExecutionDoesNotExist` if it belongs to another world."""
    parts = text.split(":")
    if len(parts) != 9 or parts[5] != EXPRESS or "/" not in parts[6]:
        return check_execution_arn(world, text)
    found, _ = parse_arn(text, EXPRESS, range(3, 4))
    if found != world:
        raise execution_does_not_exist(text)
    return text


def check_execution_arn(world: World, text: str) -> str:
    """The ARN of a Standard execution. Raises `InvalidArn`; `ExecutionDoesNotExist` if it belongs to another world."""
    found, _ = parse_arn(text, "execution", range(2, 3))
    if found != world:
        raise execution_does_not_exist(text)
    return text
