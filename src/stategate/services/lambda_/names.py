"""The ways to name a function: `name`, `name:qualifier`, `account:function:name`, the ARN, qualified or not."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stategate.services.errors import AwsError, validation_error
from stategate.services.ports import World

PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?"
    r"(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
_NAME = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov)?-[a-z]+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)
MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class FunctionName:
    """`world` is where the function lives; `qualifier` None, `$LATEST`, a version or an alias."""

    world: World
    name: str
    qualifier: str | None

    @property
    def arn(self) -> str:
        """Unqualified."""
        return f"arn:aws:lambda:{self.world.region}:{self.world.account}:function:{self.name}"

    @property
    def qualified_arn(self) -> str:
        """With the qualifier, if there is one."""
        return self.arn if self.qualifier is None else f"{self.arn}:{self.qualifier}"


def parse(world: World, text: str, qualifier: str | None = None) -> FunctionName:
    """Raises ValidationException for what is no name, InvalidParameterValueException if the name's own qualifier is
    another than the given one, and ResourceNotFoundException for a function of another region."""
    match = _NAME.fullmatch(text)
    if match is None:
        raise validation_error(
            f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint:"
            f" Member must satisfy regular expression pattern: {PATTERN}"
        )
    region, own = match["region"], match["qualifier"]
    if region is not None and region != world.region:
        raise not_found(f"Functions from '{region}' are not reachable in this region ('{world.region}')")
    if own is not None and qualifier is not None and own != qualifier:
        raise invalid("The derived qualifier from the function name does not match the specified qualifier.")
    if len(match["name"]) > MAX_NAME:
        raise validation_error(
            f"1 validation error detected: Value '{match['name']}' at 'functionName' failed to satisfy constraint:"
            f" Member must have length less than or equal to {MAX_NAME}"
        )
    account = match["account"] or world.account
    return FunctionName(World(account, region or world.region), match["name"], own or qualifier)


def not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, status=404, members={"Type": "User"})


def function_not_found(arn: str) -> AwsError:
    return not_found(f"Function not found: {arn}")


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, members={"Type": "User"})


def conflict(message: str) -> AwsError:
    return AwsError("ResourceConflictException", message, status=409, members={"Type": "User"})
