"""JSONata in a definition: `{% expression %}` where it is a whole string, and what its evaluation may come to.

Everything is parsed when the state machine is created. An evaluation that fails is an `EvaluationFailure`: the state
fails with States.QueryEvaluationError, after an event EvaluationFailed that says in which field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from stategate.asl.choice import Test
from stategate.asl.failures import EvaluationFailure
from stategate.asl.fields import ONLY_IN
from stategate.asl.paths import Selection
from stategate.asl.program import Number
from stategate.asl.scope import Report, Scope
from stategate.asl.templates import bounded
from stategate.lang import jsonata
from stategate.lang.jsontext import JSON, dumps

MAX_NESTING = 150

_ALWAYS = ("input", "context")
_REMEMBERED_LENGTH = 2000
_MEMBER = re.compile(r"\$states\s*\.\s*(?:`([^`]*)`|(\w+))")
_SKIPPED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|/\*.*?\*/""", re.DOTALL)


def expression_in(value: JSON) -> str | None:
    """The expression of a string that is one as a whole; blanks around the marks make it a literal."""
    if isinstance(value, str) and len(value) >= 4 and value.startswith("{%") and value.endswith("%}"):
        return value[2:-2].strip()
    return None


def parsed(source: str) -> jsonata.Expression:
    """Raises JsonataSyntaxError. The same text is parsed once for many: creating a state machine, running and
    describing it."""
    return _remembered(source) if len(source) <= _REMEMBERED_LENGTH else jsonata.compile(source)


@lru_cache(maxsize=2048)
def _remembered(source: str) -> jsonata.Expression:
    return jsonata.compile(source)


class Fields:
    """Compiles the fields of one state; problems go to `report`. `members` of `$states` that there are besides `input`
    and `context`: `result`, `errorOutput`."""

    def __init__(self, report: Report, pointer: str, members: tuple[str, ...] = (), prefix: str = "") -> None:
        self.report = report
        self.pointer = pointer
        self.members = members
        self.prefix = prefix

    def place(self, location: str) -> str:
        return f"{self.pointer}/{location.removeprefix(self.prefix)}"

    def inside(self, location: str, members: tuple[str, ...]) -> Fields:
        """The fields of an object in a list: `Choices[0]`, `Catch[1]`."""
        prefix = f"{self.prefix}{location}/"
        return Fields(self.report, self.place(f"{self.prefix}{location}"), members, prefix)

    def knowing(self, members: tuple[str, ...]) -> Fields:
        return Fields(self.report, self.pointer, members, self.prefix)

    # Values of any type.

    def value(self, value: JSON, field: str) -> Selection:
        """Any JSON value with expressions anywhere in it. What has none is the same value every time: nobody may
        change it in place."""
        compiled = self._value(value, self.prefix + field, 0)
        if compiled is None:
            return lambda scope: value
        return bounded(compiled, _expressions_in(value))

    def _value(self, value: JSON, location: str, depth: int) -> Selection | None:
        if depth > MAX_NESTING:
            self.report(f"A value can not be nested deeper than {MAX_NESTING} levels", self.place(location))
            return None
        match value:
            case str():
                return self._text(value, location)
            case dict():
                for key in value:
                    if key.endswith(".$"):
                        self.report(ONLY_IN.format("JSONPath"), self.place(f"{location}/{key}"))
                members = [
                    (key, self._value(item, f"{location}/{key}", depth + 1), item) for key, item in value.items()
                ]
                return None if all(select is None for _, select, _ in members) else _object(members)
            case list():
                items = [
                    (self._value(item, f"{location}[{index}]", depth + 1), item) for index, item in enumerate(value)
                ]
                return None if all(select is None for select, _ in items) else _array(items)
            case _:
                return None

    def _text(self, text: str, location: str) -> Selection | None:
        source = expression_in(text)
        if source is not None:
            return self.expression(source, location)
        if text.startswith("{%") or text.endswith("%}"):
            # A blank outside the marks makes the text a literal on purpose; a missing mark is a mistake.
            self.report("A JSONata expression must start with '{%' and end with '%}'", self.place(location))
        return None

    def expression(self, source: str, location: str) -> Selection | None:
        try:
            compiled = parsed(source)
        except jsonata.JsonataSyntaxError as error:
            self.report(f"The JSONata expression '{source}' is not valid. {error}", self.place(location))
            return None
        if compiled.uses_eval:
            self.report("The JSONata function '$eval' is not supported", self.place(location))
        for member in _members(source):
            if member not in _ALWAYS and member not in self.members:
                self.report(f"'$states.{member}' is not available in this field", self.place(location))
        return _evaluation(compiled, source, location)

    # Values of one type.

    def typed(self, value: JSON, field: str, kind: str, also: str = "") -> Selection | None:
        """A literal or an expression that must give a value of this kind, or of the kind `also`: array, boolean,
        number, object, string. The members of an array or object may be expressions, too."""
        location = self.prefix + field
        source = expression_in(value)
        if source is None:
            if kind_of(value) not in (kind, also):
                self.report(f"Expected value of type {kind.capitalize()}", self.place(location))
                return None
            return self.value(value, field)
        select = self.expression(source, location)
        return None if select is None else expecting(select, kind, source, location, also)

    def test(self, value: JSON, field: str) -> Test:
        """A Condition."""
        return self.typed(value, field, "boolean") or _never

    def number(self, value: JSON, field: str, minimum: float, maximum: float, *, whole: bool = True) -> Number | None:
        """A number within bounds. Literals are checked at once; the results of expressions when there are some."""
        location = self.prefix + field
        check = _Bounds(field, minimum, maximum, whole)
        source = expression_in(value)
        if source is None:
            if kind_of(value) != "number" or (whole and not _whole(value)):
                self.report(f"Expected value of type {'Integer' if whole else 'Number'}", self.place(location))
                return None
            if not minimum <= value <= maximum:
                self.report(f"Value should be between {minimum:g} and {maximum:.0f}", self.place(location))
                return None
            literal = int(value) if whole else value
            return lambda scope: literal
        select = self.expression(source, location)
        if select is None:
            return None
        evaluate = expecting(select, "number", source, location)
        return lambda scope: check(evaluate(scope), location)


class _Bounds:
    __slots__ = ("field", "maximum", "minimum", "whole")

    def __init__(self, field: str, minimum: float, maximum: float, whole: bool) -> None:
        self.field = field
        self.minimum = minimum
        self.maximum = maximum
        self.whole = whole

    def __call__(self, value: float, location: str) -> float:
        if self.whole and not _whole(value):
            text = f"The {self.field} field cannot be parsed as a long value: {dumps(value)}"
            raise EvaluationFailure(text, location)
        if value < self.minimum:
            raise EvaluationFailure(self._too_small(value), location)
        if value > self.maximum:
            text = f"The {self.field} field has a value over {self.maximum:.0f}: {dumps(value)}"
            raise EvaluationFailure(text, location)
        return value

    def _too_small(self, value: float) -> str:
        if self.field.startswith("Tolerated"):
            return f"{self.field} cannot be negative."
        complaint = "negative" if self.minimum == 0 or value < 0 else "non-positive"
        return f"The {self.field} field has a {complaint} value: {dumps(value)}"


def _whole(value: float) -> bool:
    return isinstance(value, int) or value.is_integer()


def kind_of(value: JSON) -> str:
    """As the causes of States.QueryEvaluationError name types."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def expecting(select: Selection, kind: str, source: str, location: str, also: str = "") -> Selection:
    """`also`: a second kind that will do."""

    def evaluate(scope: Scope) -> JSON:
        value = select(scope)
        actual = kind_of(value)
        if actual != kind and actual != also:
            raise EvaluationFailure(
                f"The JSONata expression '{source}' specified for the field '{location}' returned an unexpected "
                f"result type. Expected '{kind}', but was '{actual}' for value: {dumps(value)}",
                location,
            )
        return value

    return evaluate


def _evaluation(expression: jsonata.Expression, source: str, location: str) -> Selection:
    names = (expression.variables | expression.references.builtins) - {"states"}
    uses_states = "states" in expression.variables
    uses_context = _uses_context(source)
    what = f"The JSONata expression '{source}' specified for the field '{location}'"

    def evaluate(scope: Scope) -> JSON:
        given = scope.variables
        variables: dict[str, Any] = {name: given[name] for name in names if name in given}
        if uses_states:
            variables["states"] = scope.states(context=uses_context)
        try:
            value = expression.evaluate(variables, now=scope.now, random=scope.random)
        except jsonata.JsonataError as error:
            raise EvaluationFailure(f"{what} threw an error during evaluation. {error}", location) from None
        except jsonata.UnsupportedResult:
            raise EvaluationFailure(f"{what} returned an unsupported result type.", location) from None
        if value is jsonata.UNDEFINED:
            raise EvaluationFailure(f"{what} returned nothing (undefined).", location)
        return value

    return evaluate


def _members(source: str) -> Iterable[str]:
    """The members of `$states` that the expression names, outside of its strings and comments, in their order."""
    bare = _SKIPPED.sub("''", source)
    return dict.fromkeys(quoted or plain for quoted, plain in _MEMBER.findall(bare))


def _uses_context(source: str) -> bool:
    """Whether the expression may read `$states.context`: it names it, or takes `$states` as a whole."""
    return "context" in source or source.count("states") > len(_MEMBER.findall(source))


def _expressions_in(value: JSON) -> int:
    """Not less than the number of expressions in it."""
    match value:
        case str():
            return 1
        case dict():
            return sum(map(_expressions_in, value.values()))
        case list():
            return sum(map(_expressions_in, value))
        case _:
            return 0


def _object(members: list[tuple[str, Selection | None, JSON]]) -> Selection:
    def make(scope: Scope) -> JSON:
        return {name: value if select is None else select(scope) for name, select, value in members}

    return make


def _array(items: list[tuple[Callable[[Scope], JSON] | None, JSON]]) -> Selection:
    def make(scope: Scope) -> JSON:
        return [value if select is None else select(scope) for select, value in items]

    return make


def _never(scope: Scope) -> bool:
    return False
