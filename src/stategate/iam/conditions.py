"""The condition operators of IAM policies, compiled to one function per Condition block.

Operators are combined by AND, the keys of an operator by AND, the values of a key by OR (negated operators: none may
match). A missing key makes a positive operator false and a negated one true; `...IfExists` makes it true.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from stategate.iam.matching import Context, TextTest, Variable, compile_any, substitute, tokens

ConditionTest = Callable[[Context], bool]

T = TypeVar("T")


class InvalidCondition(ValueError):
    """The Condition block names an unknown operator, or a value is none of its operator's type."""


def _string_equals(values: Sequence[str], variables: bool) -> TextTest:
    parts = [tokens(value, variables=variables, wildcards=False) for value in values]
    if not any(isinstance(part, Variable) for value in parts for part in value):
        exact = frozenset("".join(getattr(part, "text", "") for part in value) for value in parts)
        return lambda text, context: text in exact

    def test(text: str, context: Context) -> bool:
        return any(text == "".join(getattr(p, "text", "") for p in substitute(value, context)) for value in parts)

    return test


def _string_equals_ignore_case(values: Sequence[str], variables: bool) -> TextTest:
    parts = [tokens(value, variables=variables, wildcards=False) for value in values]

    def test(text: str, context: Context) -> bool:
        lower = text.lower()
        return any(
            lower == "".join(getattr(p, "text", "") for p in substitute(value, context)).lower() for value in parts
        )

    return test


def _string_like(values: Sequence[str], variables: bool) -> TextTest:
    return compile_any(values, variables=variables)


def _arn_like(values: Sequence[str], variables: bool) -> TextTest:
    return compile_any(values, variables=variables, segmented=True)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise InvalidCondition(f"Invalid number: {text}") from error
    if not number.is_finite():
        raise InvalidCondition(f"Invalid number: {text}")
    return number


_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?)?)?")


def _date(text: str) -> Decimal:
    """Epoch seconds, from a date in ISO 8601 (as the W3C's profile has it) or from epoch seconds."""
    if re.fullmatch(r"\d{5,}(\.\d+)?", text):
        return Decimal(text)
    if not _DATE.fullmatch(text):
        raise InvalidCondition(f"Invalid date: {text}")
    full = {4: f"{text}-01-01", 7: f"{text}-01"}.get(len(text), text)
    try:
        moment = datetime.fromisoformat(full)
    except ValueError as error:
        raise InvalidCondition(f"Invalid date: {text}") from error
    return Decimal(str((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise InvalidCondition(f"Invalid boolean: {text}")
    return text.lower() == "true"


def _binary(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise InvalidCondition(f"Invalid base64: {text}") from error


def _compared(parse: Callable[[str], T], compare: Callable[[T, T], bool]) -> Maker:
    def make(values: Sequence[str], variables: bool) -> TextTest:
        wanted = [parse(value) for value in values]

        def test(text: str, context: Context) -> bool:
            try:
                given = parse(text)
            except InvalidCondition:
                return False
            return any(compare(given, value) for value in wanted)

        return test

    return make


def _ip_address(values: Sequence[str], variables: bool) -> TextTest:
    try:
        networks = [ipaddress.ip_network(value, strict=False) for value in values]
    except ValueError as error:
        raise InvalidCondition(str(error)) from error

    def test(text: str, context: Context) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address.version == network.version and address in network for network in networks)

    return test


Maker = Callable[[Sequence[str], bool], TextTest]
"""From a key's values (and whether policy variables count): does a request's value match one of them?"""

_COMPARISONS = {
    "equals": operator.eq,
    "lessthan": operator.lt,
    "lessthanequals": operator.le,
    "greaterthan": operator.gt,
    "greaterthanequals": operator.ge,
}

# By name in lower case: how to match, and whether the operator is negated.
OPERATORS: dict[str, tuple[Maker, bool]] = {
    "stringequals": (_string_equals, False),
    "stringnotequals": (_string_equals, True),
    "stringequalsignorecase": (_string_equals_ignore_case, False),
    "stringnotequalsignorecase": (_string_equals_ignore_case, True),
    "stringlike": (_string_like, False),
    "stringnotlike": (_string_like, True),
    "arnequals": (_arn_like, False),
    "arnlike": (_arn_like, False),
    "arnnotequals": (_arn_like, True),
    "arnnotlike": (_arn_like, True),
    "ipaddress": (_ip_address, False),
    "notipaddress": (_ip_address, True),
    "bool": (_compared(_boolean, operator.eq), False),
    "binaryequals": (_compared(_binary, operator.eq), False),
    **{f"numeric{name}": (_compared(_number, compare), False) for name, compare in _COMPARISONS.items()},
    "numericnotequals": (_compared(_number, operator.eq), True),
    **{f"date{name}": (_compared(_date, compare), False) for name, compare in _COMPARISONS.items()},
    "datenotequals": (_compared(_date, operator.eq), True),
}

_NAME = re.compile(r"(?:(?P<set>forallvalues|foranyvalue):)?(?P<base>[a-z]+?)(?P<if_exists>ifexists)?")


def compile_condition(block: Mapping[str, Mapping[str, Sequence[str]]], *, variables: bool) -> ConditionTest | None:
    """The block's test, None for an empty block. Raises `InvalidCondition`. Values are lists of strings already."""
    tests = [
        _compile_key(name, key.lower(), values, variables)
        for name, keys in block.items()
        for key, values in keys.items()
    ]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda context: all(test(context) for test in tests)


def _compile_key(name: str, key: str, values: Sequence[str], variables: bool) -> ConditionTest:
    match = _NAME.fullmatch(name.lower())
    if match is None:
        raise InvalidCondition(f"Invalid Condition type : {name}.")
    if match["base"] == "null":
        return _null(name, key, values, match)
    if match["base"] not in OPERATORS:
        raise InvalidCondition(f"Invalid Condition type : {name}.")
    make, negated = OPERATORS[match["base"]]
    test = make(values, variables)
    if_exists = match["if_exists"] is not None
    match match["set"]:
        case "forallvalues":
            return _for_all(key, test, negated)
        case "foranyvalue":
            return _for_any(key, test, negated, if_exists)
        case _:
            return _plain(key, test, negated, if_exists)


def _null(name: str, key: str, values: Sequence[str], match: re.Match[str]) -> ConditionTest:
    if match["set"] or match["if_exists"]:
        raise InvalidCondition(f"Invalid Condition type : {name}.")
    wanted = {_boolean(value) for value in values}
    return lambda context: (key not in context) in wanted


def _given(context: Context, key: str) -> Sequence[str]:
    value = context.get(key)
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def _plain(key: str, test: TextTest, negated: bool, if_exists: bool) -> ConditionTest:
    missing = negated or if_exists

    def holds(context: Context) -> bool:
        given = _given(context, key)
        if not given:
            return missing
        return any(test(value, context) for value in given) is not negated

    return holds


def _for_all(key: str, test: TextTest, negated: bool) -> ConditionTest:
    return lambda context: all(test(value, context) is not negated for value in _given(context, key))


def _for_any(key: str, test: TextTest, negated: bool, if_exists: bool) -> ConditionTest:
    def holds(context: Context) -> bool:
        given = _given(context, key)
        if not given:
            return if_exists
        return any(test(value, context) is not negated for value in given)

    return holds
