"""The intrinsic functions: what each takes, and what it gives.

A function takes the values of its arguments and the scope, for its random numbers; it raises `Refused` with the reason.
"""

import base64
import binascii
import hashlib
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from stategate.asl.javamap import hash_order
from stategate.asl.scope import Scope
from stategate.asl.value import heavy
from stategate.lang.jsontext import JSON, JSONSyntaxError, dumps, loads

MAX_ARGUMENTS = 1000
_MAX_TEXT = 10_000
_MAX_RANGE = 1000
_MAX_FORMATTED = 1_000_000  # several times of what a state may put out
_MAX_WRITTEN = 4 * 1024 * 1024
_MIN_INT, _MAX_INT = -(2**31), 2**31 - 1
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}

_canonical = msgspec.json.Encoder(order="sorted").encode
"""Texts that are equal where the values are: 1, 1.0 and true all differ, the order of members does not matter."""


class Refused(Exception):
    """A function can't be applied to these arguments."""


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    fewest: int
    most: int
    apply: Callable[[list[JSON], Scope], JSON]


def _string(value: JSON, what: str) -> str:
    if not isinstance(value, str):
        raise Refused(f"{what} must be a string")
    return value


def _short_string(value: JSON, what: str) -> str:
    if len(_string(value, what)) > _MAX_TEXT:
        raise Refused(f"{what} must not be longer than {_MAX_TEXT} characters")
    return str(value)


def _array(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise Refused("The first argument must be an array")
    return value


def _integer(value: JSON, what: str) -> int:
    """Numbers are rounded, halves up; the result must have 32 bits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused(f"{what} must be a number")
    whole = value if isinstance(value, int) else math.floor(value) + (value - math.floor(value) >= 0.5)
    if not _MIN_INT <= whole <= _MAX_INT:
        raise Refused(f"{what} must be an integer between {_MIN_INT} and {_MAX_INT}")
    return whole


def _writable(value: JSON) -> JSON:
    """The value, unless its text would be too long to be made: `States.Array($, $, $)` holds the same value often."""
    if heavy(value, _MAX_WRITTEN):
        raise Refused(f"The argument must not be longer than {_MAX_WRITTEN} characters")
    return value


def _array_partition(arguments: list[JSON], scope: Scope) -> JSON:
    array, size = _array(arguments[0]), _integer(arguments[1], "The chunk size")
    if size <= 0:
        raise Refused("The chunk size must be a positive integer")
    return [array[start : start + size] for start in range(0, len(array), size)]


def _array_contains(arguments: list[JSON], scope: Scope) -> JSON:
    array, wanted = _array(_writable(arguments[0])), _canonical(_writable(arguments[1]))
    return any(_canonical(item) == wanted for item in array)


def _array_range(arguments: list[JSON], scope: Scope) -> JSON:
    start, end, step = (_integer(value, "Each argument") for value in arguments)
    if step == 0:
        raise Refused("The step must not be zero")
    numbers = range(start, end + (1 if step > 0 else -1), step)
    if len(numbers) > _MAX_RANGE:
        raise Refused(f"The range must not have more than {_MAX_RANGE} elements")
    return list(numbers)


def _array_get_item(arguments: list[JSON], scope: Scope) -> JSON:
    array, index = _array(arguments[0]), _integer(arguments[1], "The index")
    if not 0 <= index < len(array):
        raise Refused(f"Index {index} out of bounds for length {len(array)}")
    return array[index]


def _array_unique(arguments: list[JSON], scope: Scope) -> JSON:
    seen: dict[bytes, JSON] = {}
    for item in _array(_writable(arguments[0])):
        seen.setdefault(_canonical(item), item)
    return list(seen.values())


def _base64_encode(arguments: list[JSON], scope: Scope) -> JSON:
    return base64.b64encode(_short_string(arguments[0], "The argument").encode()).decode()


def _base64_decode(arguments: list[JSON], scope: Scope) -> JSON:
    text = _short_string(arguments[0], "The argument")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise Refused("The argument is not valid Base64") from None


def _hash(arguments: list[JSON], scope: Scope) -> JSON:
    data = _short_string(arguments[0], "The data")
    algorithm = arguments[1]
    if not isinstance(algorithm, str) or algorithm not in _HASHES:
        raise Refused(f"The algorithm must be one of {', '.join(_HASHES)}")
    return hashlib.new(_HASHES[algorithm], data.encode(), usedforsecurity=False).hexdigest()


def _json_merge(arguments: list[JSON], scope: Scope) -> JSON:
    """The members come in the order of Java's hash tables [recorded]."""
    left, right, deep = arguments
    if not isinstance(left, dict) or not isinstance(right, dict):
        raise Refused("The first two arguments must be objects")
    if deep is not False:
        raise Refused("The third argument must be false: only shallow merging is supported")
    merged = {**left, **right}
    names = list(merged)
    return {names[place]: merged[names[place]] for place in hash_order(names)}


def _math_random(arguments: list[JSON], scope: Scope) -> JSON:
    start, end = _integer(arguments[0], "The start"), _integer(arguments[1], "The end")
    if start >= end:
        raise Refused("The start must be less than the end")
    source = Random(_integer(arguments[2], "The seed")) if len(arguments) == 3 else scope.random
    return source.randrange(start, end)


def _math_add(arguments: list[JSON], scope: Scope) -> JSON:
    total = _integer(arguments[0], "The first argument") + _integer(arguments[1], "The second argument")
    return _integer(total, "The sum")


def _string_split(arguments: list[JSON], scope: Scope) -> JSON:
    """Every character of the second argument separates; empty parts are left out."""
    text, separators = _string(arguments[0], "The first argument"), _string(arguments[1], "The second argument")
    if not separators:
        return [text] if text else []
    one = separators[0]
    parts = text.translate(dict.fromkeys(map(ord, separators), one)).split(one)
    return [part for part in parts if part]


def _string_to_json(arguments: list[JSON], scope: Scope) -> JSON:
    """A blank string is null, as it is for the JSON parser that AWS uses."""
    text = _string(arguments[0], "The argument")
    try:
        return loads(text) if text.strip(" \t\r\n") else None
    except JSONSyntaxError as error:
        raise Refused(f"The argument is not valid JSON: {error.message}") from None


def _uuid(arguments: list[JSON], scope: Scope) -> JSON:
    return str(uuid.UUID(int=scope.random.getrandbits(128), version=4))


def parse_format(template: str) -> list[str]:
    """The pieces of a States.Format template between its `{}`; a backslash makes the next character ordinary."""
    pieces = [""]
    at = 0
    while at < len(template):
        char = template[at]
        if char == "\\":
            if template[at + 1 : at + 2] not in ("'", "{", "}", "\\"):
                raise Refused("A backslash must precede one of ' { } \\")
            pieces[-1] += template[at + 1]
            at += 2
        elif template.startswith("{}", at):
            pieces.append("")
            at += 2
        else:
            pieces[-1] += char
            at += 1
    return pieces


def join_format(pieces: list[str], values: list[JSON]) -> str:
    if len(pieces) - 1 != len(values):
        raise Refused(
            f"The number of arguments ({len(values)}) is not that of the occurrences of {{}} ({len(pieces) - 1})"
        )
    parts = [pieces[0]]
    length = 0
    for value, piece in zip(values, pieces[1:], strict=True):
        parts += (java_text(_writable(value)), piece)
        length += len(parts[-2]) + len(piece)
        if length > _MAX_FORMATTED:
            raise Refused(f"The result must not be longer than {_MAX_FORMATTED} characters")
    return "".join(parts)


def _format(arguments: list[JSON], scope: Scope) -> JSON:
    template = _string(arguments[0], "The first argument")
    return join_format(parse_format(template), arguments[1:])


def java_text(value: Any) -> str:
    """A value as Java's toString shows it: `{a=1, b=[x, y]}`, `1.0E8`; recorded for States.Format."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case float():
            return _java_double(value)
        case dict():
            return "{" + ", ".join(f"{key}={java_text(member)}" for key, member in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(java_text, value)) + "]"
        case _:
            return str(value)


def _java_double(value: float) -> str:
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    mantissa, _, exponent = f"{value!r}".partition("e")
    if not exponent:
        mantissa, _, exponent = _scientific(value)
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def _scientific(value: float) -> tuple[str, str, str]:
    """The shortest digits of a double with one of them before the point."""
    digits = len(repr(abs(value)).replace(".", "").strip("0"))
    mantissa, separator, exponent = f"{value:.{max(digits - 1, 1)}e}".partition("e")
    return mantissa, separator, exponent


FUNCTIONS = {
    function.name: function
    for function in (
        Function("States.Format", 1, MAX_ARGUMENTS, _format),
        Function("States.StringToJson", 1, 1, _string_to_json),
        Function("States.JsonToString", 1, 1, lambda arguments, scope: dumps(_writable(arguments[0]))),
        Function("States.Array", 0, MAX_ARGUMENTS, lambda arguments, scope: arguments),
        Function("States.ArrayPartition", 2, 2, _array_partition),
        Function("States.ArrayContains", 2, 2, _array_contains),
        Function("States.ArrayRange", 3, 3, _array_range),
        Function("States.ArrayGetItem", 2, 2, _array_get_item),
        Function("States.ArrayLength", 1, 1, lambda arguments, scope: len(_array(arguments[0]))),
        Function("States.ArrayUnique", 1, 1, _array_unique),
        Function("States.Base64Encode", 1, 1, _base64_encode),
        Function("States.Base64Decode", 1, 1, _base64_decode),
        Function("States.Hash", 2, 2, _hash),
        Function("States.JsonMerge", 3, 3, _json_merge),
        Function("States.MathRandom", 2, 3, _math_random),
        Function("States.MathAdd", 2, 2, _math_add),
        Function("States.StringSplit", 2, 2, _string_split),
        Function("States.UUID", 0, 0, _uuid),
    )
}
