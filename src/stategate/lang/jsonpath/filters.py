"""Filters: `[?(@.price > 10 && @.name == 'x')]` -> a predicate.

Jayway 2.0.0 cuts a filter at `&&` and `||` first, quotes or not; a criterion is at most one comparison, of which the
first operator in the order of `_OPERATORS` counts. What is neither a path, a quoted string nor a pattern is text.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import regex

from stategate.lang.jsonpath.errors import PathNotApplicable, PathNotFound, PathSyntaxError
from stategate.lang.jsonpath.tokens import Predicate

_OPERATORS = ("==", ">=", "<=", "!=", "<", ">", "=~")
_CUTS = re.compile(r"(?<=&&)|(?<=\|\|)|(?=&&)|(?=\|\|)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?")
_PATTERN_SECONDS = 1.0
_MAX_SHOWN_DEPTH = 50

Operand = Callable[[Any, Any], Any]
CompileOperand = Callable[[str, bool], Operand]
"""(text of a definite path, whether several names must all be there) -> (item, root) -> value; raises PathNotFound."""


class _Incomparable(Exception):
    """Values of kinds that have no order: every comparison of them is false."""


def parse_filter(text: str, compile_operand: CompileOperand) -> Predicate:
    """The predicate of `[?(...)]`."""
    inside = text.strip()[1:-1].strip()
    if not inside.startswith("?"):
        raise PathSyntaxError(f"Filter must start with '[?' and end with ']'. {inside}")
    inside = inside[1:].strip()
    if len(inside) < 2 or not inside.startswith("(") or not inside.endswith(")"):
        raise PathSyntaxError(f"Filter must start with '[?(' and end with ')]'. {inside}")
    parts = [part.strip() for part in _CUTS.split(inside[1:-1].strip()) if part]
    alternatives: list[list[Predicate]] = [[]]
    expects_criterion = True
    for part in parts:
        if part in ("&&", "||"):
            if expects_criterion:
                raise PathSyntaxError(f"Invalid operators {text}")
            if part == "||":
                alternatives.append([])
            expects_criterion = True
        else:
            alternatives[-1].append(_criterion(_trimmed(part), compile_operand))
            expects_criterion = False
    if expects_criterion:
        raise PathSyntaxError(f"Invalid operators {text}")
    return _any([_all(criteria) for criteria in alternatives])


def _all(criteria: list[Predicate]) -> Predicate:
    if len(criteria) == 1:
        return criteria[0]
    backwards = criteria[::-1]
    return lambda item, root: all(criterion(item, root) for criterion in backwards)


def _any(alternatives: list[Predicate]) -> Predicate:
    if len(alternatives) == 1:
        return alternatives[0]
    backwards = alternatives[::-1]
    return lambda item, root: any(alternative(item, root) for alternative in backwards)


def _trimmed(text: str) -> str:
    text = text.lstrip("[?( ").rstrip(") ")
    if not text:
        raise PathSyntaxError("Empty criterion in a filter")
    return text


def _criterion(text: str, compile_operand: CompileOperand) -> Predicate:
    for operator in _OPERATORS:
        at = text.find(operator)
        if at >= 0:
            left, right = text[:at].strip(), text[at + len(operator) :].strip()
            return _comparison(_operand(left, compile_operand), operator, _right_operand(right, compile_operand))
    if not _is_path(text):
        raise PathSyntaxError(f"{text} is neither a path nor a comparison")
    return _existence(_operand(text, compile_operand, strict=True), expected=not text.startswith("!"))


def _is_path(text: str) -> bool:
    return text.startswith(("$", "@", "!@"))


def _right_operand(text: str, compile_operand: CompileOperand) -> Operand:
    if text.startswith("!@"):
        raise PathSyntaxError("Invalid negation! Can only be used for existence check e.g [?(!@.foo)]")
    return _operand(text, compile_operand)


def _operand(text: str, compile_operand: CompileOperand, *, strict: bool = False) -> Operand:
    if _is_path(text):
        return compile_operand(text.removeprefix("!"), strict)
    value: Any = text
    if text.startswith("'") and text.endswith("'"):
        if len(text) == 1:
            raise PathSyntaxError(f"Unclosed string {text}")
        value = text[1:-1]
    elif text.startswith("/") and text.endswith(("/", "/i")):
        value = _pattern(text)
    return lambda item, root: value


def _pattern(text: str) -> "regex.Pattern[str]":
    end = text.rindex("/")
    if end == 0:
        raise PathSyntaxError(f"Unclosed pattern {text}")
    try:
        # Java's sets nest, and its classes and its ignoring of case are ASCII only.
        flags = regex.VERSION1 | regex.ASCII | (regex.IGNORECASE if text.endswith("i") else 0)
        return regex.compile(text[1:end], flags)
    except (regex.error, RecursionError, OverflowError) as error:
        raise PathSyntaxError(f"Invalid pattern {text}: {error}") from None


def _existence(operand: Operand, *, expected: bool) -> Predicate:
    """A value of null counts as absent. Here even a path that begins with `$` looks at the item (so does Jayway)."""

    def exists(item: Any, root: Any) -> bool:
        try:
            return (operand(item, item) is not None) is expected
        except PathNotApplicable:
            raise
        except PathNotFound:
            return not expected

    return exists


def _comparison(left: Operand, operator: str, right: Operand) -> Predicate:
    test = _matches if operator == "=~" else _TESTS[operator]

    def compare(item: Any, root: Any) -> bool:
        try:
            return test(left(item, root), right(item, root))
        except PathNotApplicable:
            raise
        except (PathNotFound, _Incomparable):
            return False

    return compare


def _ordered(accepts: Callable[[int], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, expected: Any) -> bool:
        if (value is None) != (expected is None):
            return False
        return accepts(_order(value, expected))

    return test


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda value, expected: _order(value, expected) == 0,
    "!=": lambda value, expected: _order(value, expected) != 0,
    "<": _ordered(lambda order: order < 0),
    "<=": _ordered(lambda order: order <= 0),
    ">": _ordered(lambda order: order > 0),
    ">=": _ordered(lambda order: order >= 0),
}


def _matches(value: Any, expected: Any) -> bool:
    pattern, target = (value, expected) if isinstance(value, regex.Pattern) else (expected, value)
    if not isinstance(pattern, regex.Pattern):
        raise PathNotApplicable("=~ needs a pattern between slashes")
    if target is None:
        return False
    try:
        return pattern.fullmatch(text_of(target), timeout=_PATTERN_SECONDS, concurrent=True) is not None
    except TimeoutError:
        raise PathNotApplicable(f"The pattern {pattern.pattern} takes too long") from None


def _order(value: Any, expected: Any) -> int:
    """Negative, 0 or positive as `value` is below, at or above `expected`; "null" is null."""
    if value is expected:
        return 0
    left: Any
    right: Any
    absent, expects_absent = value is None or value == "null", expected is None or expected == "null"
    if absent or expects_absent:
        return expects_absent - absent if absent != expects_absent else 0
    match expected, value:
        case str(), str():
            left, right = (
                value.encode("utf-16-be", "replace"),
                expected.replace("\\'", "'").encode("utf-16-be", "replace"),
            )
        case str(), bool():
            left, right = value, expected.lower() == "true"
        case bool(), bool():
            left, right = value, expected
        case (bool(), _) | (_, bool()):
            raise _Incomparable
        case (str() | int() | float(), int() | float()):
            left, right = _decimal(value), _decimal(expected)
        case _:
            raise _Incomparable
    return int(left > right) - int(left < right)


def _decimal(value: str | int | float) -> Decimal | int:
    return value if isinstance(value, int) else _decimal_of(value if isinstance(value, str) else repr(value))


@lru_cache(maxsize=1024)
def _decimal_of(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise PathNotApplicable(f"{text} is not a number")
    return Decimal(text)


def text_of(value: Any, depth: int = 0) -> str:
    """A value as Java's toString shows it in messages; what lies deep is left out."""
    if depth > _MAX_SHOWN_DEPTH:
        return "..."
    depth += 1
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{key}={text_of(member, depth)}" for key, member in value.items()) + "}"
        case list():
            return (
                "[" + ",".join(f'"{item}"' if isinstance(item, str) else text_of(item, depth) for item in value) + "]"
            )
        case _:
            return str(value)
