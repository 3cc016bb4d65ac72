"""Values of a document as they are wanted: a text, a map, a flag; and `$ref`s within the document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stategate.gateway.openapi.documents import InvalidDocument

_MAX_REFS = 20
_MAX_SHOWN = 100
_MAX_BROUGHT = 1_000_000


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str | None:
    """As AWS reads a text: numbers and booleans are printed; nothing else is a text."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return None


def flag(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def whole(value: Any) -> int | None:
    match value:
        case bool():
            return None
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case str():
            digits = value.strip()
            return int(digits) if digits.lstrip("-").isdecimal() and len(digits) < 12 else None
        case _:
            return None


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts; what is no text is left out."""
    items = value if isinstance(value, list) else []
    return tuple(item for item in map(text, items) if item is not None)


def children(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries of an object that are objects."""
    for name, item in mapping(value).items():
        if isinstance(item, dict):
            yield name, item


class References:
    """The `$ref`s within a document. What they bring is counted: a small text may refer to much, many times."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._sizes: dict[str, int] = {}
        self._left = _MAX_BROUGHT

    def resolve(self, value: Any, refuse: Callable[[str], object]) -> dict[str, Any]:
        """An object, or the one that its `$ref` names; None is an empty one. Raises `InvalidDocument`.

        Anything else, and a reference that leads nowhere or in a circle, is told to `refuse`, and is an empty object.
        """
        first = mapping(value).get("$ref")
        for _ in range(_MAX_REFS):
            if value is None and first is None:
                return {}
            if not isinstance(value, dict):
                break
            target = value.get("$ref")
            if not isinstance(target, str):
                return value
            value = self._target(target)
        refuse(
            f"Invalid reference specified: {shown(first)}"
            if first is not None
            else f"Expected an object, found {shown(value)}"
        )
        return {}

    def charge(self, amount: int) -> None:
        """Counts values that are read once more. Raises `InvalidDocument` when it is too much."""
        self._left -= amount
        if self._left < 0:
            raise InvalidDocument("The document refers to too much.")

    def _target(self, target: str) -> Any:
        at: Any = self._document if target.startswith("#/") else None
        for part in target[2:].split("/"):
            at = mapping(at).get(part.replace("~1", "/").replace("~0", "~"))
        if target not in self._sizes:
            self._sizes[target] = size(at)
        self.charge(self._sizes[target])
        return at


def size(value: Any) -> int:
    """The number of values in a value, itself included."""
    count, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        count += 1
        waiting.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    return count


def shown(value: Any) -> str:
    """A value for a message, shortened."""
    written = "null" if value is None else text(value) or str(value)
    return written if len(written) <= _MAX_SHOWN else written[:_MAX_SHOWN] + "…"


def reference(value: Any, *places: str) -> str | None:
    """The name in `{"$ref": "#/definitions/<name>"}`, for the places where such things may stand."""
    target = mapping(value).get("$ref")
    if isinstance(target, str):
        for place in places:
            if target.startswith(place) and "/" not in target[len(place) :]:
                return target[len(place) :].replace("~1", "/").replace("~0", "~")
    return None
