"""Patch operations: read from the input, and AWS's two ways of refusing a path.

Style A (resources, models, request validators) and style B (APIs, methods, responses) are recorded from AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stategate.services.apigateway.errors import bad_request
from stategate.services.call import Input
from stategate.services.errors import AwsError

CHANGES = ("add", "remove", "replace")


@dataclass(frozen=True, slots=True)
class Patch:
    """`path` as it came; `keys` its parts, unescaped (`~1` is `/`, `~0` is `~`)."""

    op: str
    path: str
    value: str | None
    source: str | None

    @property
    def keys(self) -> list[str]:
        return [part.replace("~1", "/").replace("~0", "~") for part in self.path.split("/")[1:]]

    @property
    def flag(self) -> bool:
        """The value as AWS reads a boolean: anything but `true` is false."""
        return (self.value or "").lower() == "true"


def patches(given: Input) -> list[Patch]:
    operations = given.get("patchOperations") or ()
    made = []
    for operation in operations:
        path = operation.get("path")
        if path is None:
            raise invalid_path("null")
        made.append(Patch(operation.get("op") or "", path, operation.get("value"), operation.get("from")))
    return made


def invalid_path(path: str) -> AwsError:
    return bad_request(f"Invalid patch path {path}")


def only(patch: Patch, *allowed: str) -> None:
    """Style B: the operations that a path knows."""
    if patch.op not in allowed:
        raise bad_request(f"Invalid patch operation specified. Must be one of: [{', '.join(allowed)}]")


def only_replace(patch: Patch) -> None:
    only(patch, "replace")


def listed(known: Sequence[str], patch: Patch, item: str) -> tuple[str, ...]:
    """A list after `add` of an item, once and at the end; without it after any other operation."""
    others = tuple(other for other in known if other != item)
    return (*others, item) if patch.op == "add" else others


def unsupported_op(patch: Patch) -> AwsError:
    """Style A: the operation is not one for this path."""
    return bad_request(
        f"Invalid patch path  '{patch.path}' specified for op '{patch.op}'. Please choose supported operations"
    )


def only_add_or_remove(patch: Patch) -> None:
    """Style A: a list, which is never replaced."""
    if patch.op not in ("add", "remove"):
        raise unsupported_op(patch)


def unknown_path(patch: Patch, allowed: Iterable[str]) -> AwsError:
    """Style A: no path that the operation knows."""
    return bad_request(
        f"Invalid patch path  '{patch.path}' specified for op '{patch.op}'. Must be one of: [{', '.join(allowed)}]"
    )


def apply_style_a(
    given: Input, allowed: Mapping[str, Callable[[Patch], Any]], apply: Callable[[Patch, Any], None]
) -> None:
    """`allowed` maps a path to the function that reads its value; only `replace` is known."""
    for patch in patches(given):
        if patch.op != "replace":
            raise unsupported_op(patch)
        read = allowed.get(patch.path)
        if read is None:
            raise unknown_path(patch, allowed)
        apply(patch, read(patch))


def text(patch: Patch) -> str | None:
    """The value; "" and absent are None."""
    return patch.value or None
