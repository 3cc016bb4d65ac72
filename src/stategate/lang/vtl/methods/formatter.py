"""String.format: the conversions of java.util.Formatter that take strings, numbers and booleans."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from stategate.lang.vtl.errors import CallError
from stategate.lang.vtl.values import bounded, text

_SPECIFIER = re.compile(r"%(?:(\d+)\$)?([-#+ 0,(<]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])")
_MAX_WIDTH = 10_000


def format_text(pattern: str, arguments: tuple[Any, ...]) -> str:
    """`String.format(pattern, arguments...)`."""
    out: list[str] = []
    at = ordinary = last = 0
    while (percent := pattern.find("%", at)) >= 0:
        out.append(pattern[at:percent])
        found = _SPECIFIER.match(pattern, percent)
        if found is None:
            raise CallError(f"UnknownFormatConversionException: Conversion = '{pattern[percent : percent + 2]}'")
        at = found.end()
        index, flags, width, precision, conversion = found.groups()
        if conversion in "%n":
            out.append(_padded("%" if conversion == "%" else "\n", flags, width))
            continue
        if "<" in flags:
            number = last
        elif index:
            number = int(index) - 1
        else:
            number, ordinary = ordinary, ordinary + 1
        if not 0 <= number < len(arguments):
            raise CallError(f"MissingFormatArgumentException: Format specifier '{found[0]}'")
        last = number
        out.append(_one(arguments[number], flags, width, precision, conversion))
    out.append(pattern[at:])
    return bounded("".join(out))


def _padded(shown: str, flags: str, width: str | None) -> str:
    if width is None:
        return shown
    size = int(width)
    if size > _MAX_WIDTH:
        raise CallError(f"IllegalFormatWidthException: {width}")
    return shown.ljust(size) if "-" in flags else shown.rjust(size)


def _one(value: Any, flags: str, width: str | None, precision: str | None, conversion: str) -> str:
    if precision is not None and int(precision) > _MAX_WIDTH:
        raise CallError(f"IllegalFormatPrecisionException: {precision}")
    kind = conversion.lower()
    if kind in "sb":
        shown = text(value) if kind == "s" else ("true" if value is not None and value is not False else "false")
        shown = shown if precision is None else shown[: int(precision)]
    elif value is None:
        shown = "null"
    elif kind == "c" and isinstance(value, str) and len(value) == 1:
        shown = value
    elif kind == "c" and type(value) is int and 0 <= value < 0x110000:
        shown = chr(value)
    elif kind in "dxo" and type(value) is int:
        return _integer(value, flags, width, conversion)
    elif kind in "fe" and type(value) is float:
        return _signed(_decimal(value, flags, precision, kind), flags, width, conversion)
    else:
        raise CallError(f"IllegalFormatConversionException: {conversion} != {type(value).__name__}")
    return _padded(shown.upper() if conversion.isupper() else shown, flags, width)


def _integer(value: int, flags: str, width: str | None, conversion: str) -> str:
    if conversion == "d":
        shown = f"{value:,}" if "," in flags else str(value)
    else:
        bits = 32 if -(2**31) <= value < 2**31 else 64
        shown = format(value & (2**bits - 1) if value < 0 else value, conversion.lower())
        if "#" in flags:
            shown = ("0x" if conversion in "xX" else "0") + shown
    return _signed(shown, flags, width, conversion)


def _decimal(value: float, flags: str, precision: str | None, kind: str) -> str:
    places = 6 if precision is None else int(precision)
    if value != value or value in (float("inf"), float("-inf")):
        return text(value)
    if kind == "e":
        return f"{value:.{places}e}"
    rounded = (
        Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        if places < 300
        else Decimal(repr(value))
    )
    return f"{rounded:,f}" if "," in flags else f"{rounded:f}"


def _signed(shown: str, flags: str, width: str | None, conversion: str) -> str:
    negative = shown.startswith("-")
    if negative and "(" in flags:
        shown = f"({shown[1:]})"
    elif not negative and "+" in flags:
        shown = "+" + shown
    elif not negative and " " in flags:
        shown = " " + shown
    if "0" in flags and width is not None and int(width) <= _MAX_WIDTH:
        sign = 1 if shown[:1] in "+-( " else 0
        shown = shown[:sign] + shown[sign:].rjust(int(width) - sign, "0")
    return _padded(shown.upper() if conversion.isupper() else shown, flags, width)
