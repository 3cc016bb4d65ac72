"""What the operations of CloudWatch Logs share: errors, names, pages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from stategate.services.call import Call, Input
from stategate.services.errors import AwsError
from stategate.services.logs import records
from stategate.services.logs.records import Group, Stream
from stategate.services.pages import InvalidMarker, Place, cut
from stategate.services.ports import World

T = TypeVar("T")
PAGE = 50
DAY = 86_400_000
_ARN = re.compile(r"arn:aws[a-z-]*:logs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):log-group:(?P<name>[^:]+)(?::\*)?")
_GROUP_NAME = re.compile(r"[\.\-_/#A-Za-z0-9]{1,512}")
_STREAM_NAME = re.compile(r"[^:*]{1,512}")


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def not_found(thing: str) -> AwsError:
    """`thing`: log group, log stream."""
    return AwsError("ResourceNotFoundException", f"The specified {thing} does not exist.")


def already_exists(thing: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsException", f"The specified {thing} already exists")


def unsupported(what: str) -> AwsError:
    return invalid(f"Stategate does not support {what}.")


def group_arn(world: World, name: str) -> str:
    """Without the final `:*`."""
    return f"arn:aws:logs:{world.region}:{world.account}:log-group:{name}"


def group_of_arn(call: Call, arn: str) -> Group:
    """Raises ResourceNotFoundException."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise invalid(f"1 validation error detected: Value '{arn}' is not the ARN of a log group")
    if (match["account"], match["region"]) != (call.world.account, call.world.region):
        raise not_found("log group")
    return group(call, match["name"])


def group(call: Call, name: str) -> Group:
    """Raises ResourceNotFoundException."""
    found = records.groups(call.ports.store, call.world).get(name)
    if found is None:
        raise not_found("log group")
    return found


def named_group(call: Call, given: Input) -> Group:
    """The group of `logGroupName` or `logGroupIdentifier` (a name or an ARN), of which exactly one must be given."""
    name, identifier = given.get("logGroupName"), given.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise invalid("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    if identifier is not None:
        return group_of_arn(call, identifier) if identifier.startswith("arn:") else group(call, identifier)
    assert name is not None
    return group(call, name)


def stream(call: Call, group_name: str, name: str) -> Stream:
    """Raises ResourceNotFoundException."""
    found = records.streams(call.ports.store, call.world).get(records.stream_key(group_name, name))
    if found is None:
        raise not_found("log stream")
    return found


def check_group_name(name: str) -> None:
    if not _GROUP_NAME.fullmatch(name):
        raise _constraint(name, "logGroupName", r"[\.\-_/#A-Za-z0-9]+")


def check_stream_name(name: str) -> None:
    if not _STREAM_NAME.fullmatch(name):
        raise _constraint(name, "logStreamName", "[^:*]*")


def _constraint(value: str, member: str, pattern: str) -> AwsError:
    return invalid(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint:"
        f" Member must satisfy regular expression pattern: {pattern}"
    )


def page(
    given: Input, items: Iterable[tuple[Place, T]], *, descending: bool = False, most: int = PAGE
) -> tuple[list[T], str | None]:
    """A page of `items`, which are sorted by their places, and the token of the next."""
    limit = given.get("limit") or most
    if limit > most:
        raise invalid(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint:"
            f" Member must have value less than or equal to {most}"
        )
    try:
        return cut(items, limit, given.get("nextToken"), descending=descending)
    except InvalidMarker:
        raise invalid("The specified nextToken is invalid.") from None


def cutoff(call: Call, found: Group) -> int | None:
    """Events older than this (epoch ms) have passed the group's retention."""
    return None if found.retention is None else int(call.now * 1000) - found.retention * DAY
