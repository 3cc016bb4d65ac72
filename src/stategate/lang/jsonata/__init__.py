"""JSONata as Step Functions evaluates it: text -> `Expression`, values in, values out.

    expression = compile("$states.input.price * 2")
    expression.variables                                    # frozenset({"states"})
    expression.evaluate({"states": {"input": {"price": 4}}}, now=1700000000.0, random=Random(1))    # 8

The same variables, `now` (seconds since 1970) and state of `random` give the same result: nothing else comes in.
"""

from __future__ import annotations

from .engine import within
from .errors import JsonataError, JsonataSyntaxError, LimitExceeded, TooCostly, UnsupportedResult
from .expression import Expression, PlainExpression, compile, compile_plain
from .limits import DEFAULT, Limits
from .values import UNDEFINED, Undefined

__all__ = [
    "DEFAULT",
    "UNDEFINED",
    "Expression",
    "JsonataError",
    "JsonataSyntaxError",
    "LimitExceeded",
    "Limits",
    "PlainExpression",
    "TooCostly",
    "Undefined",
    "UnsupportedResult",
    "compile",
    "compile_plain",
    "within",
]
