"""The values of templates: their text, equality and order as in Java.

Python's own types stand for Java's: str, int (Integer, Long and BigInteger by size), float (Double), bool, None, dict
(a LinkedHashMap) and list. A plain list came from JSON and prints as JSON; what a template makes is a `ListValue`.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any, Literal

from stategate.lang.vtl.errors import CallError
from stategate.lang.vtl.host import Exposed

MAX_TEXT = 10 * 1024 * 1024  # characters of one value's text
MAX_BITS = 2048  # of one integer
_SIZE_OF_PART = 16  # in characters: a part takes as long as so many
MAX_NESTING = 200  # of a value that is printed
MAX_MEMBERS = 1_000_000  # of a value with all that is in it; what is shared counts each time it is met


class ListValue(list[Any]):
    """A list that was made in the template; prints as Java does: `[1, two]`."""

    __slots__ = ()


class ArrayValue(ListValue):
    """A Java array, as `split` returns."""

    __slots__ = ()


class SilentMap(dict[Any, Any]):
    """A map that prints nothing, whatever is in it."""

    __slots__ = ()


class Entry:
    """A Map.Entry; writes through to its map."""

    __slots__ = ("key", "owner")

    def __init__(self, owner: dict[Any, Any], key: Any) -> None:
        self.owner = owner
        self.key = key

    @property
    def value(self) -> Any:
        return self.owner.get(self.key)


class MapView:
    """What `keySet()`, `values()` and `entrySet()` give: it shows what its map holds now."""

    __slots__ = ("kind", "owner")

    def __init__(self, owner: dict[Any, Any], kind: Literal["keys", "values", "entries"]) -> None:
        self.owner = owner
        self.kind = kind

    def __iter__(self) -> Iterator[Any]:
        match self.kind:
            case "keys":
                return iter(list(self.owner))
            case "values":
                return iter(list(self.owner.values()))
            case "entries":
                return iter([Entry(self.owner, key) for key in self.owner])

    def __len__(self) -> int:
        return len(self.owner)

    def __contains__(self, item: object) -> bool:
        return item in list(self)


class Cursor:
    """A java.util.Iterator."""

    __slots__ = ("at", "items")

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.at = 0


HOLDERS = frozenset((dict, SilentMap, list, ListValue, ArrayValue, MapView, Entry))
"""The types of values that hold others: what walks through one may take long, however short it looks."""


def is_number(value: Any) -> bool:
    """Whether it is a java.lang.Number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def bounded(text: str) -> str:
    """The text itself, unless it is too long."""
    if len(text) > MAX_TEXT:
        raise CallError(f"A text of more than {MAX_TEXT} characters")
    return text


def int_text(value: int) -> str:
    if value.bit_length() > MAX_BITS:
        raise CallError("A number is too large")
    return str(value)


def double_text(value: float) -> str:
    """A double as Java prints it: `1.5`, `1.0E8`, `1.0E-5`."""
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    size = abs(value)
    if value == 0 or 1e-3 <= size < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).rstrip("0")
    power = exponent + len(digits) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"


_JSON_SPECIAL = re.compile('["\\\\/\x00-\x1f\x7f-\x9f\u2000-\u20ff]')
_JSON_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _json_string(text: str) -> str:
    escaped = _JSON_SPECIAL.sub(lambda found: _JSON_SHORT.get(found[0]) or f"\\u{ord(found[0]):04X}", text)
    return f'"{escaped}"'


class _Printer:
    """Collects the text of nested values. Values may share parts, so the text can be much larger than they are."""

    __slots__ = ("most", "parts", "size")

    def __init__(self, most: int) -> None:
        self.parts: list[str] = []
        self.size = 0
        self.most = most

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.size += len(text) + _SIZE_OF_PART
        if self.size > self.most:
            raise CallError("The text of a value has too many parts or characters")

    def java(self, value: Any, depth: int) -> None:
        if depth > MAX_NESTING:
            raise CallError("A value is nested too deeply")
        match value:
            case SilentMap():
                pass
            case dict():
                self._members("{", "}", ", ", [(text(k) + "=", v) for k, v in value.items()], depth, value, json=False)
            case ArrayValue():
                self.add("[Ljava.lang.Object;")
            case ListValue() | MapView():
                self._members("[", "]", ", ", [("", v) for v in value], depth, value, json=False)
            case list():
                self._members("[", "]", ",", [("", v) for v in value], depth, value, json=True)
            case Entry():
                self.add(text(value.key) + "=")
                self.java(value.value, depth + 1)
            case _:
                self.add(text(value))

    def json(self, value: Any, depth: int) -> None:
        if depth > MAX_NESTING:
            raise CallError("A value is nested too deeply")
        match value:
            case dict():
                members = [(_json_string(text(k)) + ":", v) for k, v in value.items()]
                self._members("{", "}", ",", members, depth, value, json=True)
            case list() | MapView():
                self._members("[", "]", ",", [("", v) for v in value], depth, value, json=True)
            case None | bool() | int() | float():
                self.add(text(value))
            case _:
                self.add(_json_string(text(value)))

    def _members(
        self,
        opening: str,
        closing: str,
        comma: str,
        members: list[tuple[str, Any]],
        depth: int,
        owner: Any,
        *,
        json: bool,
    ) -> None:
        self.add(opening)
        separator = ""
        for head, member in members:
            self.add(separator + head)
            separator = comma
            if member is owner:
                self.add("(this Map)" if isinstance(owner, dict) else "(this Collection)")
            elif json:
                self.json(member, depth + 1)
            else:
                self.java(member, depth + 1)
        self.add(closing)


def text(value: Any) -> str:
    """`String.valueOf(value)`; raises CallError where a value's members make a text that is too large."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return int_text(value)
        case float():
            return double_text(value)
        case None:
            return "null"
        case Exposed():
            return value.vtl_text() or ""
        case ArrayValue():
            return "[Ljava.lang.String;@0"
        case Cursor():
            return "java.util.Iterator@0"
        case dict() | list() | Entry() | MapView():
            return printed(value, MAX_TEXT)[0]
        case _:
            return ""


def printed(value: Any, most: int) -> tuple[str, int]:
    """The text of a value that holds others, and its size: its characters, and `_SIZE_OF_PART` for each part of it.
    Raises CallError if that is more than `most`."""
    printer = _Printer(most)
    printer.java(value, 0)
    return "".join(printer.parts), printer.size


def measure(value: Any, most: int = MAX_MEMBERS) -> int:
    """How many values are in a value, and a further one for 1,024 characters. Raises CallError for one that a walk
    through all of it would not come to the end of: a template can put a value into itself, or twice into another one,
    again and again."""
    members, characters = most, MAX_TEXT
    pending = [value]
    while pending:
        node = pending.pop()
        inside: Collection[Any] = ()
        if isinstance(node, str):
            characters -= len(node)
        elif isinstance(node, dict):
            inside = node.values()
        elif isinstance(node, list | MapView):
            inside = node
        elif isinstance(node, Entry):
            inside = (node.value,)
        members -= len(inside)
        if members < 0:
            raise CallError(f"A value holds more than {most} others")
        if characters < 0:
            raise CallError(f"A value holds more than {MAX_TEXT} characters")
        pending.extend(inside)
    return most - members + (MAX_TEXT - characters >> 10)


def java_equals(left: Any, right: Any, depth: int = 0) -> bool:
    """`left.equals(right)`: the classes count, so 1, 1.0, true and "1" all differ."""
    if depth == 0 and isinstance(left, dict | list | Entry | MapView):
        measure(left)
    if depth > MAX_NESTING:
        raise CallError("Values are nested too deeply to be compared")
    match left, right:
        case (bool(), bool()) | (str(), str()):
            return bool(left == right)
        case (bool(), _) | (_, bool()):
            return False
        case (int(), int()) | (float(), float()):
            return bool(left == right or (left != left and right != right))
        case ArrayValue(), _:
            return left is right
        case list(), list():
            return len(left) == len(right) and all(
                java_equals(a, b, depth + 1) for a, b in zip(left, right, strict=True)
            )
        case dict(), dict():
            return len(left) == len(right) and all(
                key in right and java_equals(value, right[key], depth + 1) for key, value in left.items()
            )
        case MapView(), MapView():
            match left.kind, right.kind:
                case "keys", "keys":
                    return left.owner.keys() == right.owner.keys()
                case "entries", "entries":
                    return java_equals(left.owner, right.owner, depth + 1)
                case _:
                    return left.kind == right.kind and left.owner is right.owner
        case Entry(), Entry():
            return java_equals(left.key, right.key, depth + 1) and java_equals(left.value, right.value, depth + 1)
        case _:
            return left is right


def loosely_equal(left: Any, right: Any) -> bool:
    """`==` of templates: numbers by value, equal classes by `equals`, anything else by text."""
    if type(left) is str and type(right) is str:
        return bool(left == right)
    if left is None or right is None:
        return left is right
    if is_number(left) and is_number(right):
        return bool(left == right)
    for kind in (bool, list, dict):
        if isinstance(left, kind) and isinstance(right, kind):
            return java_equals(left, right)
    return text(left) == text(right)


def hash_code(value: Any, depth: int = 0) -> int:
    """`hashCode()` of the values that have one in Java's contracts."""
    if depth == 0:
        measure(value)
    if depth > MAX_NESTING:
        raise CallError("A value is nested too deeply to be hashed")
    match value:
        case bool():
            return 1231 if value else 1237
        case int():
            return (
                wrap32(value)
                if -(2**31) <= value < 2**31
                else wrap32((value & (2**64 - 1)) ^ ((value >> 32) & 0xFFFFFFFF))
            )
        case float():
            bits = int.from_bytes(struct.pack(">d", value), "big")
            return wrap32(bits ^ (bits >> 32))
        case str():
            result = 0
            for unit in _units(value):
                result = (31 * result + unit) & 0xFFFFFFFF
            return wrap32(result)
        case list():
            result = 1
            for item in value:
                result = (31 * result + hash_code(item, depth + 1)) & 0xFFFFFFFF
            return wrap32(result)
        case MapView():
            return wrap32(sum(hash_code(item, depth + 1) for item in value))
        case Entry():
            return hash_code(value.key, depth + 1) ^ hash_code(value.value, depth + 1)
        case dict():
            return wrap32(sum(hash_code(k, depth + 1) ^ hash_code(v, depth + 1) for k, v in value.items()))
        case _:
            return 0


def _units(value: str) -> list[int]:
    encoded = value.encode("utf-16-le", "surrogatepass")
    return [encoded[at] | encoded[at + 1] << 8 for at in range(0, len(encoded), 2)]


def wrap32(value: int) -> int:
    """The low 32 bits as a signed number."""
    return ((value + 2**31) & 0xFFFFFFFF) - 2**31


def iterable(value: Any) -> list[Any] | None:
    """What `#foreach` walks: a list, a map's values, the rest of an iterator; None for anything else."""
    match value:
        case list():
            return value
        case dict():
            return list(value.values())
        case MapView():
            return list(value)
        case Cursor():
            rest, value.at = value.items[value.at :], len(value.items)
            return rest
        case _:
            return None
