"""java.lang.Number and its classes, and Boolean; with the static methods that templates reach through a value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from stategate.lang.vtl.errors import CallError
from stategate.lang.vtl.values import hash_code, java_equals, text, wrap32

_Number = int | float
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DOUBLE = re.compile(r"\s*[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fFdD]?\s*")


def _wrapped(value: _Number, bits: int) -> int:
    """A narrowing conversion: a double saturates, an integer keeps its low bits."""
    half: int = 2 ** (bits - 1)
    if isinstance(value, float):
        wide = max(bits, 32)
        if value != value:
            return 0
        limit: int = 2 ** (wide - 1)
        value = limit - 1 if value >= limit else -limit if value <= -limit else math.trunc(value)
    return int((value + half) & (2**bits - 1)) - half


def _float(value: _Number) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _bits(value: int) -> int:
    return 32 if -(2**31) <= value < 2**31 else 64


def parse_integer(source: str | None, radix: int = 10) -> int:
    if source is None or not 2 <= radix <= 36 or len(source) > 64:
        raise CallError(f"NumberFormatException: For input string: {text(source)[:80]!r}")
    if radix == 10 and _INTEGER.fullmatch(source) is None:
        raise CallError(f'NumberFormatException: For input string: "{source}"')
    try:
        return int(source.replace("_", "?").replace(" ", "?"), radix)
    except ValueError:
        raise CallError(f'NumberFormatException: For input string: "{source}"') from None


def _parse_int(value: int, source: str | None, radix: int = 10) -> int:
    number = parse_integer(source, radix)
    if _bits(number) > _bits(value):
        raise CallError(f'NumberFormatException: For input string: "{source}"')
    return number


def parse_double(source: str | None) -> float:
    if source is None or _DOUBLE.fullmatch(source) is None:
        raise CallError(f'NumberFormatException: For input string: "{text(source)[:80]}"')
    stripped = source.strip()
    if stripped[-1] in "fFdD" and not stripped.endswith("Infinity"):
        stripped = stripped[:-1]
    return float(stripped)


def _radix(value: int, number: int, radix: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    radix = radix if 2 <= radix <= 36 else 10
    rest, out = abs(number), []
    while rest:
        rest, digit = divmod(rest, radix)
        out.append(digits[digit])
    return ("-" if number < 0 else "") + ("".join(reversed(out)) or "0")


def _unsigned(number: int, style: str) -> str:
    return format(number & (2 ** _bits(number) - 1), style)


def _hexadecimal(value: float) -> str:
    """`0x1.8p1`"""
    if not math.isfinite(value):
        return text(value)
    sign, body = ("-", value.hex()[1:]) if value.hex().startswith("-") else ("", value.hex())
    digits, _, power = body.partition("p")
    head, _, tail = digits.partition(".")
    return f"{sign}{head}.{tail.rstrip('0') or '0'}p{int(power)}"


def _java_class(value: Any) -> object:
    if type(value) is not int:
        return type(value)
    return 32 if _bits(value) == 32 else 64 if -(2**63) <= value < 2**63 else int


def _compare(left: Any, right: Any) -> int:
    if right is None:
        raise CallError("NullPointerException")
    if _java_class(left) != _java_class(right):
        raise CallError("ClassCastException: numbers of different classes, or no number")
    return _order(left, right)


def _order(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


NUMBER_METHODS: dict[str, Callable[..., Any]] = {
    "intValue": lambda value: _wrapped(value, 32),
    "longValue": lambda value: _wrapped(value, 64),
    "shortValue": lambda value: _wrapped(value, 16),
    "byteValue": lambda value: _wrapped(value, 8),
    "doubleValue": _float,
    "floatValue": _float,
    "equals o": java_equals,
    "hashCode": hash_code,
    "toString": text,
}

INTEGER_METHODS: dict[str, Callable[..., Any]] = {
    "compareTo o": _compare,
    "parseInt s": _parse_int,
    "parseInt si": _parse_int,
    "parseLong s": lambda value, source: parse_integer(source),
    "valueOf s": _parse_int,
    "valueOf i": lambda value, other: other,
    "toString i": lambda value, other: text(other),
    "toString ii": _radix,
    "toHexString i": lambda value, other: _unsigned(other, "x"),
    "toBinaryString i": lambda value, other: _unsigned(other, "b"),
    "toOctalString i": lambda value, other: _unsigned(other, "o"),
    "max ii": lambda value, a, b: max(a, b),
    "min ii": lambda value, a, b: min(a, b),
    "sum ii": lambda value, a, b: wrap32(a + b),
    "compare ii": lambda value, a, b: _order(a, b),
    "signum i": lambda value, other: _order(other, 0),
}

DOUBLE_METHODS: dict[str, Callable[..., Any]] = {
    "compareTo o": _compare,
    "isNaN": lambda value: value != value,
    "isInfinite": math.isinf,
    "parseDouble s": lambda value, source: parse_double(source),
    "valueOf s": lambda value, source: parse_double(source),
    "valueOf n": lambda value, other: _float(other),
    "toString n": lambda value, other: text(_float(other)),
    "toHexString n": lambda value, other: _hexadecimal(_float(other)),
    "max nn": lambda value, a, b: _float(max(a, b)),
    "min nn": lambda value, a, b: _float(min(a, b)),
    "sum nn": lambda value, a, b: _float(a) + _float(b),
    "compare nn": lambda value, a, b: _order(a, b),
}

BOOLEAN_METHODS: dict[str, Callable[..., Any]] = {
    "booleanValue": lambda value: value,
    "compareTo o": _compare,
    "equals o": java_equals,
    "hashCode": hash_code,
    "toString": text,
    "toString b": lambda value, other: text(other),
    "parseBoolean s": lambda value, source: source is not None and source.lower() == "true",
    "valueOf s": lambda value, source: source is not None and source.lower() == "true",
    "valueOf b": lambda value, other: other,
    "logicalAnd bb": lambda value, a, b: a and b,
    "logicalOr bb": lambda value, a, b: a or b,
    "logicalXor bb": lambda value, a, b: a != b,
}
