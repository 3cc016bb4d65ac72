"""Choice rules in JSONPath mode: a table of operators, compiled to closures."""

from collections.abc import Callable
from operator import eq, ge, gt, le, lt
from typing import Any

from stategate.asl.failures import runtime_failure
from stategate.asl.fields import ONLY_IN, ByLanguage
from stategate.asl.paths import PathNotFound, PathSyntaxError, Query, compile_path
from stategate.asl.scope import Report, Scope
from stategate.asl.timestamps import parse_timestamp
from stategate.lang.jsontext import JSON

Test = Callable[[Scope], bool]

_MISSING = object()
_MAX_NESTING = 100


def _is_number(value: JSON) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: JSON) -> JSON:
    return value if _is_number(value) else _MISSING


def _string(value: JSON) -> JSON:
    # Java orders strings by their UTF-16 code units.
    return value.encode("utf-16-be", "surrogatepass") if isinstance(value, str) else _MISSING


def _boolean(value: JSON) -> JSON:
    return value if isinstance(value, bool) else _MISSING


def _timestamp(value: JSON) -> JSON:
    parsed = parse_timestamp(value) if isinstance(value, str) else None
    return _MISSING if parsed is None else parsed


_COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": eq,
    "LessThan": lt,
    "GreaterThan": gt,
    "LessThanEquals": le,
    "GreaterThanEquals": ge,
}

_KINDS: dict[str, tuple[Callable[[JSON], JSON], str]] = {
    "String": (_string, "Expected value of type String"),
    "Numeric": (_number, "Expected value of type Number"),
    "Boolean": (_boolean, "Expected value of type Boolean"),
    "Timestamp": (_timestamp, "String does not match RFC3339 timestamp"),
}
"""Kind -> (what of a value is compared, or _MISSING if it is of another kind; what to say of a wrong operand)."""

_COMPARISONS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    kind + comparison: (kind, comparator)
    for kind in _KINDS
    for comparison, comparator in _COMPARATORS.items()
    if kind != "Boolean" or comparison == "Equals"
}

_TYPE_TESTS: dict[str, Callable[[JSON], bool]] = {
    "IsNull": lambda value: value is None,
    "IsPresent": lambda value: value is not _MISSING,
    "IsNumeric": _is_number,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: _timestamp(value) is not _MISSING,
}

_COMBINATIONS = ("And", "Or", "Not")
_OPERATORS = frozenset(
    [*_COMPARISONS, *(name + "Path" for name in _COMPARISONS), *_TYPE_TESTS, *_COMBINATIONS, "StringMatches"]
)
_TOP_FIELDS = frozenset(["Next", "Assign", "Comment"])

RULE_FIELDS: ByLanguage = {
    "JSONPath": _OPERATORS | _TOP_FIELDS | {"Variable"},
    "JSONata": _TOP_FIELDS | {"Condition", "Output"},
}


def compile_rule(rule: dict[str, Any], report: Report, pointer: str) -> Test:
    """One element of Choices: its condition as a function of a scope (its Next and Assign are the caller's).
    Problems go to `report`. The function raises StateFailure States.Runtime."""
    return _Compiler(report).rule(rule, pointer, _TOP_FIELDS, 0)


def _never(scope: Scope) -> bool:
    return False


class _Compiler:
    def __init__(self, report: Report) -> None:
        self.report = report

    def problem(self, message: str, pointer: str) -> Test:
        self.report(message, pointer)
        return _never

    def rule(self, rule: JSON, pointer: str, others: frozenset[str], depth: int) -> Test:
        if not isinstance(rule, dict):
            return self.problem("Expected value of type Object", pointer)
        if depth > _MAX_NESTING:
            return self.problem(f"A choice rule can not be nested deeper than {_MAX_NESTING} levels", pointer)
        operators = [field for field in rule if field in _OPERATORS]
        for field in rule:
            if field not in _OPERATORS and field not in others and field != "Variable":
                elsewhere = field in RULE_FIELDS["JSONata"] - RULE_FIELDS["JSONPath"]
                self.report(ONLY_IN.format("JSONata") if elsewhere else "Field is not supported", f"{pointer}/{field}")
        if len(operators) != 1:
            return self.problem("A choice rule must have exactly one comparison operator", pointer)
        operator = operators[0]
        if operator in _COMBINATIONS:
            if "Variable" in rule:
                self.report("Field is not supported", f"{pointer}/Variable")
            return self.combination(operator, rule[operator], f"{pointer}/{operator}", depth)
        if "Variable" not in rule:
            return self.problem("These fields are required: [Variable]", pointer)
        variable = self.path(rule["Variable"], f"{pointer}/Variable")
        test = self.data_test(variable, operator, rule[operator], f"{pointer}/{operator}")
        return test if variable is not None else _never

    def combination(self, operator: str, operand: JSON, pointer: str, depth: int) -> Test:
        inner = frozenset(["Comment"])
        if operator == "Not":
            test = self.rule(operand, pointer, inner, depth + 1)
            return lambda scope: not test(scope)
        if not isinstance(operand, list):
            return self.problem("Expected value of type Array", pointer)
        if not operand:
            return self.problem("Value cannot be empty", pointer)
        tests = [self.rule(rule, f"{pointer}[{index}]", inner, depth + 1) for index, rule in enumerate(operand)]
        if operator == "And":
            return lambda scope: all(test(scope) for test in tests)
        return lambda scope: any(test(scope) for test in tests)

    def path(self, text: JSON, pointer: str) -> Query | None:
        if not isinstance(text, str):
            self.report("Expected value of type String", pointer)
            return None
        try:
            return compile_path(text)
        except PathSyntaxError:
            self.report("Value is not a valid JSONPath", pointer)
            return None

    def data_test(self, variable: Query | None, operator: str, operand: JSON, pointer: str) -> Test:
        if operator in _TYPE_TESTS:
            if not isinstance(operand, bool):
                return self.problem("Expected value of type Boolean", pointer)
            return _type_test(variable, operator, operand) if variable else _never
        if operator == "StringMatches":
            if not isinstance(operand, str):
                return self.problem("Expected value of type String", pointer)
            return _matcher(variable, operand) if variable else _never
        if operator.endswith("Path"):
            other = self.path(operand, pointer)
            return _comparison(variable, operator[:-4], other) if variable and other else _never
        kind, message = _KINDS[_COMPARISONS[operator][0]]
        expected = kind(operand)
        if expected is _MISSING:
            return self.problem(message if isinstance(operand, str) else message.replace(*_NO_STRING), pointer)
        return _comparison(variable, operator, lambda scope: operand) if variable else _never


_NO_STRING = ("String does not match RFC3339 timestamp", "Expected value of type String")


def _value(query: Query, scope: Scope) -> JSON:
    try:
        return query(scope)
    except PathNotFound:
        raise runtime_failure(
            f"Invalid path '{query.text}': The choice state's condition path references an invalid value."
        ) from None


def _type_test(variable: Query, operator: str, expected: bool) -> Test:
    holds = _TYPE_TESTS[operator]
    if operator != "IsPresent":
        return lambda scope: holds(_value(variable, scope)) is expected

    def is_present(scope: Scope) -> bool:
        try:
            variable(scope)
        except PathNotFound:
            return not expected
        return expected

    return is_present


def _comparison(variable: Query, operator: str, other: Query | Callable[[Scope], JSON]) -> Test:
    """Values of another kind than the operator's are not an error: the comparison is false."""
    kind_name, comparator = _COMPARISONS[operator]
    kind = _KINDS[kind_name][0]

    def test(scope: Scope) -> bool:
        left = kind(_value(variable, scope))
        right = kind(_value(other, scope) if isinstance(other, Query) else other(scope))
        return left is not _MISSING and right is not _MISSING and comparator(left, right)

    return test


def _matcher(variable: Query, pattern: str) -> Test:
    matches = compile_wildcards(pattern)

    def test(scope: Scope) -> bool:
        value = _value(variable, scope)
        return isinstance(value, str) and matches(value)

    return test


def compile_wildcards(pattern: str) -> Callable[[str], bool]:
    """StringMatches: `*` is any text, `\\*` a star, `\\\\` a backslash. Linear in the length of the value."""
    parts = [""]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\" and pattern[at + 1 : at + 2] in ("*", "\\"):
            parts[-1] += pattern[at + 1]
            at += 2
            continue
        if char == "*":
            parts.append("")
        else:
            parts[-1] += char
        at += 1
    if len(parts) == 1:
        return lambda value: value == parts[0]
    first, *middle, last = parts

    def matches(value: str) -> bool:
        if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
            return False
        place, end = len(first), len(value) - len(last)
        for part in middle:
            found = value.find(part, place, end)
            if found < 0:
                return False
            place = found + len(part)
        return True

    return matches
