"""JSON values on the way out of an evaluation."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any, Final

from jsonata2py import MISSING

from stategate.lang.jsontext import JSON

from .errors import JsonataError, LimitExceeded, UnsupportedResult, well_formed
from .limits import Limits


class Undefined(Enum):
    """JSONata's nothing, which is not null."""

    UNDEFINED = "undefined"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined.UNDEFINED

# JavaScript prints whole numbers below this without an exponent.
_EXPONENT = 1e21
_DEEPEST = 200


def to_json(value: Any, limits: Limits) -> JSON | Undefined:
    """The JSON value of a result: whole floats become ints as JavaScript prints them, marked arrays plain lists."""
    kind = value.__class__
    if kind is str:
        return well_formed(value)
    if kind is int or kind is bool or value is None:
        return value
    if value is MISSING:
        return UNDEFINED
    try:
        return _Conversion(limits).convert(value, 0)
    except RecursionError:
        raise LimitExceeded("U1001", "The result is nested too deeply") from None


class _Conversion:
    """Copies, so that the result shares nothing with the variables it came from. The same text may be in it many times:
    it counts each time, as it will be written each time."""

    __slots__ = ("characters", "left")

    def __init__(self, limits: Limits) -> None:
        self.left = limits.result
        self.characters = limits.space >> 2

    def convert(self, value: Any, depth: int) -> JSON:
        kind = value.__class__
        if kind is str:
            self.characters -= len(value)
            if self.characters < 0:
                raise LimitExceeded("U1001", "The result holds too much text")
            return well_formed(value)
        if kind is int or kind is bool or value is None:
            return value
        if kind is float:
            return _number(value)
        self.left -= 1
        if isinstance(value, dict):
            self._enter(len(value), depth)
            return {
                well_formed(key): self.convert(item, depth + 1) for key, item in value.items() if item is not MISSING
            }
        if isinstance(value, list):
            self._enter(len(value), depth)
            return [None if item is MISSING else self.convert(item, depth + 1) for item in value]
        raise UnsupportedResult(type(value).__name__)

    def _enter(self, count: int, depth: int) -> None:
        self.left -= count
        if self.left < 0:
            raise LimitExceeded("U1001", "The result holds too many values")
        if depth > _DEEPEST:
            raise LimitExceeded("U1001", f"The result is nested more than {_DEEPEST} deep")


def _number(value: float) -> int | float:
    if value.is_integer():
        return int(value) if -_EXPONENT < value < _EXPONENT else value
    if not math.isfinite(value):
        raise JsonataError("D1001", "Number out of range: null")
    return value
