"""The context object that a caller of TestState gives, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stategate.lang import jsontext
from stategate.services.errors import AwsError, validation_error

_ALLOWED: Mapping[str, Mapping[str, str]] = {
    "Execution": {
        "Id": "a string",
        "Input": "anything",
        "Name": "a string",
        "RoleArn": "a string",
        "StartTime": "a string",
        "RedriveCount": "a number",
        "RedriveTime": "a string",
    },
    "State": {"EnteredTime": "a string", "Name": "a string", "RetryCount": "a number"},
    "StateMachine": {"Id": "a string", "Name": "a string"},
    "Task": {"Token": "a string"},
}


def read_context(text: str) -> dict[str, Any]:
    """Raises `ValidationException`, with AWS's messages."""
    try:
        context = jsontext.loads(text)
    except jsontext.JSONSyntaxError:
        raise _invalid("must be valid JSON") from None
    if not isinstance(context, dict):
        raise _invalid("must be a JSON object")
    for name, value in context.items():
        if name == "Map":
            raise _invalid("'Map' field is not supported when mocking a Context object")
        members = _ALLOWED.get(name)
        if members is None:
            raise _invalid(f"Field '{name}' is not allowed")
        if not isinstance(value, dict):
            raise _invalid(f"{name} must be an object")
        _check_members(name, members, value)
    return context


def _check_members(name: str, members: Mapping[str, str], value: dict[str, Any]) -> None:
    for member, given in value.items():
        expected = members.get(member)
        if expected is None:
            raise _invalid(f"Field '{member}' is not allowed")
        number = isinstance(given, int | float) and not isinstance(given, bool)
        if (expected == "a string" and not isinstance(given, str)) or (expected == "a number" and not number):
            raise _invalid(f"{name}.{member} must be {expected}")


def _invalid(reason: str) -> AwsError:
    return validation_error(f"Invalid Context object provided: {reason}")
