"""`+ - * / %` and the order of numbers.

Integers grow from Integer to Long to BigInteger, division and remainder truncate toward zero, and whatever has no value
(a division by zero, an operand that is no number) is None.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from stategate.lang.vtl.errors import CallError
from stategate.lang.vtl.values import MAX_BITS, is_number


def _as_double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _checked(value: Any) -> Any:
    if type(value) is int and value.bit_length() > MAX_BITS:
        raise CallError("A number is too large")
    return value


def _plain(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        if type(left) is float or type(right) is float:
            return function(_as_double(left), _as_double(right))
        return _checked(function(left, right))

    return apply


def _divide(left: Any, right: Any) -> Any:
    if right == 0:
        return None
    if type(left) is float or type(right) is float:
        return _as_double(left) / _as_double(right)
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: Any, right: Any) -> Any:
    if right == 0:
        return None
    if type(left) is float or type(right) is float:
        dividend = _as_double(left)
        return math.nan if math.isinf(dividend) or dividend != dividend else math.fmod(dividend, _as_double(right))
    remainder = abs(left) % abs(right)
    return -remainder if left < 0 else remainder


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _plain(operator.add),
    "-": _plain(operator.sub),
    "*": _plain(operator.mul),
    "/": _divide,
    "%": _remainder,
}
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compute(symbol: str, left: Any, right: Any) -> Any:
    """The result of an operation on two numbers; None when either is none."""
    if not (is_number(left) and is_number(right)):
        return None
    return _OPERATORS[symbol](left, right)
