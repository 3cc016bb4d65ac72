"""What IAM's operations share: errors, pages, tags, ids and the checks of policy documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from stategate.iam import AwsManagedPolicy, Kind, MalformedPolicy, aws_managed_policies, parse_policy
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError
from stategate.services.iam import records
from stategate.services.iam.credentials import ALPHABET
from stategate.services.pages import InvalidMarker, cut

T = TypeVar("T")

DEFAULT_PAGE = 100
TAGS_MAXIMUM = 50
_WHITESPACE = re.compile(r"\s")
_ARN = re.compile(r"arn:[a-z-]+:iam::(\d{12}|aws):policy/.+")


# --- errors -----------------------------------------------------------------------------------------------------


def no_such_entity(message: str) -> AwsError:
    return AwsError("NoSuchEntity", message, status=404)


def already_exists(message: str) -> AwsError:
    return AwsError("EntityAlreadyExists", message, status=409)


def delete_conflict(message: str) -> AwsError:
    return AwsError("DeleteConflict", message, status=409)


def limit_exceeded(message: str) -> AwsError:
    return AwsError("LimitExceeded", message, status=409)


def invalid_input(message: str) -> AwsError:
    return AwsError("InvalidInput", message)


def invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


# --- ids, times, documents --------------------------------------------------------------------------------------


def unique_id(call: Call, prefix: str) -> str:
    """As IAM's: a prefix of four letters (AROA, AIDA, ANPA) and 17 characters."""
    return prefix + call.ports.entropy.letters(17, ALPHABET)


def moment(call: Call) -> float:
    """IAM's times have whole seconds."""
    return float(int(call.now))


def encoded(document: str) -> str:
    """Documents are percent-encoded in IAM's answers."""
    return quote(document, safe="-_.~")


def size(document: str) -> int:
    """Characters that count against the quotas: white space does not."""
    return len(_WHITESPACE.sub("", document))


def check_document(text: str, kind: Kind) -> None:
    """Raises `MalformedPolicyDocument`."""
    try:
        parse_policy(text, kind)
    except MalformedPolicy as error:
        raise AwsError("MalformedPolicyDocument", str(error)) from error


# --- pages ------------------------------------------------------------------------------------------------------


def page(input: Input, member: str, items: Iterable[tuple[str | int, T]], show: Callable[[T], Any]) -> Output:
    """One page of `items` (key, item), sorted by key: the member, IsTruncated and the Marker of the next page."""
    try:
        shown, marker = cut(
            (((key,), item) for key, item in items), input.get("MaxItems") or DEFAULT_PAGE, input.get("Marker")
        )
    except InvalidMarker as error:
        raise invalid("Invalid Marker.") from error
    output: Output = {member: [show(item) for item in shown], "IsTruncated": marker is not None}
    if marker is not None:
        output["Marker"] = marker
    return output


# --- tags -------------------------------------------------------------------------------------------------------


def read_tags(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Raises `InvalidInput` if a key comes twice (the case of keys does not count)."""
    read = {tag["Key"]: tag["Value"] for tag in tags or ()}
    if len({key.lower() for key in read}) < len(tags or ()):
        raise invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    for key in read:
        if key.lower().startswith("aws:"):
            raise invalid_input("The prefix aws: is reserved for AWS use.")
    return read


def add_tags(old: Mapping[str, str], new: Mapping[str, str], quota: str) -> dict[str, str]:
    """`new` replaces what has the same key in any case. `quota` is the quota's name, as in TagsPerRole."""
    replaced = {key.lower() for key in new}
    tags = {**{key: value for key, value in old.items() if key.lower() not in replaced}, **new}
    if len(tags) > TAGS_MAXIMUM:
        raise limit_exceeded(f"Cannot exceed quota for {quota}: {TAGS_MAXIMUM}")
    return tags


def remove_tags(old: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    removed = {key.lower() for key in keys}
    return {key: value for key, value in old.items() if key.lower() not in removed}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_page(input: Input, tags: Mapping[str, str]) -> Output:
    return page(input, "Tags", sorted((key, (key, value)) for key, value in tags.items()), _tag)


def _tag(tag: tuple[str, str]) -> dict[str, str]:
    return {"Key": tag[0], "Value": tag[1]}


# --- managed policies -------------------------------------------------------------------------------------------

AnyPolicy = AwsManagedPolicy | records.ManagedPolicy


def check_policy_arn(arn: str) -> None:
    if not arn.startswith("arn:"):
        raise invalid(f"ARN {arn} is not valid.")
    if _ARN.fullmatch(arn) is None:
        raise invalid_input(f"ARN {arn} is not valid.")


def find_policy(call: Call, arn: str) -> AnyPolicy | None:
    """AWS's policies, and those of the caller's account."""
    return aws_managed_policies().get(arn) or records.policies(call.ports, call.world.account).get(arn)


def attachable(call: Call, arn: str) -> AnyPolicy:
    """The policy to attach or to use as a boundary; raises `NoSuchEntity`."""
    check_policy_arn(arn)
    policy = find_policy(call, arn)
    if policy is None:
        raise no_such_entity(f"Policy {arn} does not exist or is not attachable.")
    return policy


def boundary_shown(arn: str | None) -> dict[str, str] | None:
    if arn is None:
        return None
    return {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
