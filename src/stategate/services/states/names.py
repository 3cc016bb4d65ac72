"""Names and ARNs of state machines and executions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stategate.services.ports import World
from stategate.services.states.errors import (
    execution_does_not_exist,
    invalid_arn,
    invalid_name,
    machine_does_not_exist,
    resource_not_found,
)
from stategate.wire.arn import Arn, InvalidArn

_BAD = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff\U0010ffff]""")
MAX_NAME = 80


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
        return int(self.qualifier) if self.qualifier is not None and self.qualifier.isdecimal() else None

    @property
    def alias(self) -> str | None:
        return self.qualifier if self.qualifier is not None and not self.qualifier.isdecimal() else None


def _parse(text: str) -> Arn:
    try:
        arn = Arn.parse(text)
    except InvalidArn:
        raise invalid_arn(f"Invalid ARN prefix: {text}") from None
    if arn.service != "states":
        raise invalid_arn(f"Invalid ARN prefix: {text}")
    return arn


def parse_machine_arn(world: World, text: str) -> MachineArn:
    """Raises `InvalidArn` unless it is a state machine's; `StateMachineDoesNotExist` if it belongs to another world."""
    arn = _parse(text)
    kind, *names = arn.resource.split(":")
    if kind != "stateMachine":
        raise invalid_arn(f"Resource type not valid in this context: {kind}")
    if len(names) not in (1, 2) or not all(names):
        raise invalid_arn(f"Invalid ARN suffix: {text}")
    if (arn.account, arn.region) != (world.account, world.region):
        raise machine_does_not_exist(text)
    return MachineArn(text, names[0], names[1] if len(names) == 2 else None)


def check_map_run_arn(world: World, text: str) -> str:
    """Raises `InvalidArn`; `ResourceNotFound` if it belongs to another world."""
    arn = _parse(text)
    kind, *names = arn.resource.split(":")
    if kind != "mapRun":
        raise invalid_arn(f"Resource type not valid in this context: {kind}")
    if len(names) != 2 or not all(names) or "/" not in names[0]:
        raise invalid_arn(f"Invalid ARN suffix: {text}")
    if (arn.account, arn.region) != (world.account, world.region):
        raise resource_not_found(text)
    return text


def check_execution_arn(world: World, text: str) -> str:
    """The ARN of a Standard execution. Raises `InvalidArn`; `ExecutionDoesNotExist` if it belongs to another world."""
    arn = _parse(text)
    kind, *names = arn.resource.split(":")
    if kind != "execution":
        raise invalid_arn(f"Resource type not valid in this context: {kind}")
    if len(names) != 2 or not all(names):
        raise invalid_arn(f"Invalid ARN suffix: {text}")
    if (arn.account, arn.region) != (world.account, world.region):
        raise execution_does_not_exist(text)
    return text
