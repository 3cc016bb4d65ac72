"""From text to a callable through the library, and from its errors to ours. No other module starts an evaluation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import Any, Final

from jsonata2py import MISSING, JsonataEvaluationError
from jsonata2py.errors import JsonataError as LibraryError
from jsonata2py.errors import ParseError, TranslatorError
from jsonata2py.optimizer.optimizer import optimize
from jsonata2py.parser.parser import Parser
from jsonata2py.runtime import context
from jsonata2py.translator.translator import Translator

from . import functions, guards, references
from .errors import JsonataError, JsonataSyntaxError, LimitExceeded, TooCostly
from .instrument import ForeignCode, instrument
from .limits import DEFAULT, Limits, Meter
from .messages import message
from .references import References

Entry = Callable[[Any], Any]
NOTHING: Final = MISSING

# Step Functions has a `$random` of its own and no `$eval`: under these names the library knows neither. The same is
# done for the functions that a variable of the execution hides.
_OTHER: Final = "sg_"
_REPLACED: Final = frozenset({"random", "eval"})
# The library's search for the parents that `%` stands for takes the square of their number.
_PARENT_STEPS: Final = re.compile(r"[.(\[]\s*%")
_MOST_PARENT_STEPS: Final = 200
# It takes the square of the length of a path, too, and cannot translate one of more steps.
_MOST_STEPS: Final = 256
_STEPS: Final = re.compile(
    r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|/\*.*?\*/|[.(\[{)\]},;:?&+=<>~!-]""", re.DOTALL
)
_OPERAND: Final = re.compile(r"[\w$`'\"]")
_TOO_DEEP = "The expression is nested too deeply"


def build(source: str, *, plain: bool = False, hidden: frozenset[str] = frozenset()) -> tuple[Entry, References]:
    """Raises `JsonataSyntaxError`. What jsonata-js finds only when it evaluates is left to the evaluation.
    `hidden` are the built-in functions in whose place there are variables."""
    if guards.current.allowance is not None:
        raise TooCostly
    if len(source) > DEFAULT.source:
        raise JsonataSyntaxError("S0500", f"The expression is longer than {DEFAULT.source} characters", -1)
    if len(_PARENT_STEPS.findall(source)) > _MOST_PARENT_STEPS or _longest_path(source) > _MOST_STEPS:
        raise JsonataSyntaxError("S0500", _TOO_DEEP, -1)
    try:
        tree = Parser.parse(source)
        found = references.find(tree)
    except ParseError as error:
        return _refused(source, error, error.position)
    except RecursionError:
        raise JsonataSyntaxError("S0500", _TOO_DEEP, -1) from None
    try:
        if not plain:
            tree = references.rename(tree, {name: _OTHER + name for name in _REPLACED | hidden})
        code = instrument(Translator.translate(optimize(tree), source), "<jsonata>")
    except (ParseError, TranslatorError) as error:
        return _refused(source, error, -1, found)
    except (RecursionError, SyntaxError, ForeignCode, MemoryError, ValueError):
        raise JsonataSyntaxError("S0500", _TOO_DEEP, -1) from None
    except Exception:  # noqa: BLE001 - the translator stumbles over calls with too few arguments
        return _refused(source, LibraryError("T0410", "Argument 1"), -1, found)
    names = guards.NAMESPACE.copy()
    exec(code, names)
    entry: Entry = names["_evaluate"]
    return entry, found


def _longest_path(source: str) -> int:
    """The steps of the longest path, or more: the dots between two signs that end a path."""
    longest = 0
    counts = [0]
    for found in _STEPS.finditer(source):
        sign = found[0]
        if sign == ".":
            counts[-1] += 1
            longest = max(longest, counts[-1])
        elif sign in "([{":
            counts.append(0)
        elif sign in ")]}":
            if len(counts) > 1:
                counts.pop()
        elif len(sign) == 1:
            counts[-1] = 0
    return longest


_NO_REFERENCES: Final = References(frozenset(), frozenset(), False)


def _refused(
    source: str, error: LibraryError, position: int, found: References = _NO_REFERENCES
) -> tuple[Entry, References]:
    code = error.error_code or "S0500"
    # Where an expression ends and another begins, rather than an operator that stands where none can.
    if code == "UNKNOWN" or (code == "S0211" and _OPERAND.match(source, position)):
        code = "S0201"
    told = message(code, error.message)
    if code.startswith("S"):
        raise JsonataSyntaxError(code, told, position) from None

    def entry(data: Any) -> Any:
        raise JsonataError(code, told)

    return entry, found


class _Bindings:
    """The names that an evaluation starts with, in the shape that the library asks for."""

    __slots__ = ("_meter", "_random", "_values")

    def __init__(self, values: Mapping[str, Any], meter: Meter, random: Random) -> None:
        self._values = values
        self._meter = meter
        self._random = random

    def is_empty(self) -> bool:
        return False

    def get_values(self) -> Mapping[str, Any]:
        return self._values

    def get_functions(self) -> dict[str, Any]:
        return {}

    def get_value(self, name: str) -> Any:
        value = self._values.get(name, MISSING)
        return self._values.get(name.removeprefix(_OTHER), MISSING) if value is MISSING else value

    def get_function(self, name: str) -> Any:
        name = name.removeprefix(_OTHER)
        function = functions.ADDED.get(name)
        return None if function is None or name in self._values else _Bound(function, self._meter, self._random)


class _Bound:
    __slots__ = ("_function", "_meter", "_random")

    def __init__(self, function: Callable[..., Any], meter: Meter, random: Random) -> None:
        self._function = function
        self._meter = meter
        self._random = random

    def get_function_signature(self) -> str | None:
        return None

    def apply(self, arguments: Any) -> Any:
        return self._function(self._meter, self._random, *arguments.as_list())


def run(
    entry: Entry,
    variables: Mapping[str, Any],
    now: float,
    random: Random,
    limits: Limits,
    data: Any = MISSING,
    evaluate: Callable[..., Any] | None = None,
) -> Any:
    """The library's own value of an expression, `MISSING` where there is none. Raises `JsonataError`."""
    meter, allowance = Meter(limits), guards.current.allowance
    if allowance is not None:
        meter.work, meter.pattern_seconds = min(meter.work, allowance), 0.0
    guards.current.meter = meter
    guards.current.random = random
    context.begin_evaluation(_Bindings(variables, meter, random), None, 0, evaluate)  # type: ignore[arg-type]
    try:
        state = context.get_state()
        if state is not None:
            state.millis = round(now * 1000)
        return entry(data)
    except LimitExceeded:
        if allowance is not None:
            raise TooCostly from None
        raise
    except JsonataError:
        raise
    except LibraryError as error:
        raise _translated(error) from None
    except RecursionError:
        raise LimitExceeded("U1001", message("U1001", "")) from None
    except MemoryError:
        raise LimitExceeded("U1001", "The evaluation takes too much memory") from None
    except (OverflowError, ValueError, ZeroDivisionError):
        raise JsonataError("D1001", "Number out of range: null") from None
    except Exception as error:  # noqa: BLE001 - the library lets Python's own errors through for odd operands
        raise JsonataError("U1001", f"The expression cannot be evaluated: {error}") from None
    finally:
        context.end_evaluation()
        if allowance is not None:
            guards.current.allowance = meter.work


@contextmanager
def within(allowance: int) -> Iterator[None]:
    """What this thread evaluates meanwhile may take so many steps of `Limits.work` together. Where that is not enough,
    where an expression is yet to be compiled, and for regular expressions, whose cost can't be counted, `TooCostly` is
    raised. For those who can do it again where it holds up nobody."""
    guards.current.allowance = allowance
    try:
        yield
    finally:
        guards.current.allowance = None


# Which arguments of the failing function the reference's message shows.
_SHOWN: Final[dict[str, dict[str, int]]] = {
    "D3030": {"value": 0},
    "D3060": {"value": 0},
    "D3061": {"value": 0, "exp": 1},
    "D3100": {"value": 1},
    "D3110": {"value": 0},
    "D3140": {"value": 0},
    "D1002": {"value": 0},
    "T1003": {"value": 0},
    "T2009": {"value": 0, "value2": 1},
}


def _translated(error: LibraryError) -> JsonataError:
    code = error.error_code
    if code is None:
        return JsonataError("U1001", _innermost(error))
    known: dict[str, Any] = {}
    function = getattr(error, "function", None)
    if function is not None and code != "T1005":
        known["token"] = known["name"] = function
    if getattr(error, "type", None) is not None:
        known["type"] = error.type  # type: ignore[attr-defined]
    elif function in _ARRAYS_OF:
        known["type"] = _ARRAYS_OF[function]
    arguments = getattr(error, "arguments", ())
    for slot, index in _SHOWN.get(code, {}).items():
        if index < len(arguments) and isinstance(arguments[index], str | int | float | bool | None):
            known[slot] = arguments[index]
    told = _innermost(error)
    if code == "D1001" and "range:" not in told:
        # What JSON makes of infinity.
        known["value"] = None
    text = message(code, told, **known)
    return LimitExceeded(code, text) if code == "U1001" else JsonataError(code, text)


_ARRAYS_OF: Final = {"sum": "numbers", "average": "numbers", "max": "numbers", "min": "numbers", "join": "strings"}


def _innermost(error: LibraryError) -> str:
    """The library prefixes what a bound function raised with where it was called."""
    cause = error.__cause__
    if isinstance(cause, LibraryError) and error.message.startswith("Error calling bound function"):
        return cause.message
    return str(error.message)


def evaluate_text(source: str, data: Any, bound: dict[str, Any] | None = None) -> Any:
    """`$eval`: an expression within the evaluation that runs, with its bindings and what is left of its limits."""
    try:
        entry, _ = build(source, plain=True)
    except JsonataSyntaxError as error:
        raise JsonataEvaluationError("D3120", error.message) from None
    bindings = context.bindings_for_nested_eval(bound)
    context.begin_evaluation(bindings, None, 0, evaluate_text)
    try:
        return entry(data)
    except (LibraryError, JsonataError) as error:
        raise JsonataEvaluationError("D3121", str(error)) from None
    finally:
        context.end_evaluation()
