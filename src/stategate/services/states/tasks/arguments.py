"""The arguments of service integrations: which there are, and what is wrong with those that are given.

The texts are AWS's: of a definition's problems, and of "The Parameters '…' could not be used to start the Task".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from stategate.lang.jsontext import JSON
from stategate.services.states.tasks import aws_sdk
from stategate.wire import Operation

SDK = "aws-sdk:"


@dataclass(frozen=True, slots=True)
class Argument:
    """`text`: it must be a string; `flag`: a boolean; `values` are those that it can have, if not all."""

    required: bool = False
    text: bool = False
    flag: bool = False
    values: tuple[str, ...] = ()


ANY, TEXT, NEEDED = Argument(), Argument(text=True), Argument(required=True, text=True)

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
AUTH_TYPES = ("NO_AUTH", "IAM_ROLE", "RESOURCE_POLICY")

ARGUMENTS: Mapping[str, Mapping[str, Argument]] = {
    "apigateway:invoke": {
        "ApiEndpoint": NEEDED,
        "Method": Argument(required=True, text=True, values=METHODS),
        "Headers": ANY,
        "Stage": TEXT,
        "Path": TEXT,
        "QueryParameters": ANY,
        "RequestBody": ANY,
        "AllowNullValues": Argument(flag=True),
        "AuthType": Argument(text=True, values=AUTH_TYPES),
    },
    "lambda:invoke": {
        "FunctionName": NEEDED,
        "Payload": ANY,
        "ClientContext": TEXT,
        "InvocationType": Argument(text=True, values=("RequestResponse", "Event", "DryRun")),
        "LogType": Argument(text=True, values=("None", "Tail")),
        "Qualifier": TEXT,
    },
    "states:startExecution": {"StateMachineArn": NEEDED, "Name": TEXT, "TraceHeader": TEXT, "Input": ANY},
}
"""By what follows `arn:aws:states:::`, without the pattern."""


def arguments_of(service: str, action: str) -> Mapping[str, Argument] | None:
    """None for what Stategate does not know."""
    if not service.startswith(SDK):
        return ARGUMENTS.get(f"{service}:{action}")
    operation = aws_sdk.operation(service.removeprefix(SDK), action)
    return None if operation is None else _members(operation)


@cache
def _members(operation: Operation) -> Mapping[str, Argument]:
    """There are only so many operations: what definitions name besides is not remembered."""
    members = operation.model.input.members
    return {aws_sdk.pascal(name): Argument(required=member.required) for name, member in members.items()}


def name_problems(known: Mapping[str, Argument], names: Collection[str]) -> Iterator[str]:
    """Of arguments whose values are not known yet."""
    for name in names:
        if name not in known:
            yield f"The field '{name}' is not supported by Step Functions"
    for name, argument in known.items():
        if argument.required and name not in names:
            yield f"The field '{name}' is required but was missing"


def problems(service: str, action: str, given: JSON) -> list[str]:
    """Why the task can't be begun with these; null is as good as nothing."""
    known = arguments_of(service, action)
    if known is None:
        return []
    if not isinstance(given, dict):
        return ["The value must be an OBJECT"]
    present = {name: value for name, value in given.items() if value is not None or name not in known}
    found = [*name_problems(known, present), *value_problems(known, present)]
    if not found and service.startswith(SDK):
        found = aws_sdk.problems(service.removeprefix(SDK), action, given)
    return found


def value_problems(known: Mapping[str, Argument], given: Mapping[str, JSON]) -> Iterator[str]:
    """Of values that are known; null is as good as nothing."""
    for name, value in given.items():
        argument = known.get(name, ANY)
        if value is None:
            continue
        if argument.text and not isinstance(value, str):
            yield f"The value for the field '{name}' must be a STRING"
        elif argument.flag and not isinstance(value, bool):
            yield f"The value for the field '{name}' must be a BOOLEAN"
        elif argument.values and value not in argument.values:
            yield f"The field '{name}' should have one of these values: [{', '.join(argument.values)}]"
