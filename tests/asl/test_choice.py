from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stategate.asl.choice import compile_rule, compile_wildcards
from stategate.asl.failures import StateFailure
from stategate.asl.scope import Scope


def compile_cleanly(rule: dict[str, Any]) -> Any:
    problems: list[tuple[str, str]] = []
    test = compile_rule(rule, lambda *problem: problems.append(problem), "/r")
    assert problems == []
    return test


def holds(rule: dict[str, Any], input: Any) -> bool:
    return bool(compile_cleanly({**rule, "Next": "N"})(Scope(input, {"c": 1}, {"v": "x"})))


COMPARISONS = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", "a", "A", False),
    ("StringEquals", "1", 1, False),
    ("StringLessThan", "b", "a", True),
    ("StringLessThan", "b", "b", False),
    ("StringLessThanEquals", "b", "b", True),
    ("StringGreaterThan", "", "a", True),
    ("StringGreaterThan", "\U0001f600", "\uffff", True),  # Java compares UTF-16 code units
    ("StringGreaterThanEquals", "b", "a", False),
    ("NumericEquals", 1, 1.0, True),
    ("NumericEquals", 1, True, False),
    ("NumericEquals", 0, None, False),
    ("NumericEquals", 12345678901234567890, 12345678901234567890, True),
    ("NumericLessThan", 1, 0.5, True),
    ("NumericLessThan", 1, "0", False),
    ("NumericLessThanEquals", 1, 1, True),
    ("NumericGreaterThan", 1, 2, True),
    ("NumericGreaterThanEquals", 1, 1.0, True),
    ("BooleanEquals", True, True, True),
    ("BooleanEquals", False, 0, False),
    ("BooleanEquals", True, "true", False),
    ("TimestampEquals", "2012-10-09T19:00:55Z", "2012-10-09T21:00:55+02:00", True),
    ("TimestampEquals", "2012-10-09T19:00:55Z", "2012-10-09T19:00:55.000000001Z", False),
    ("TimestampEquals", "2012-10-09T19:00:55Z", "2012-10-09 19:00:55Z", False),
    ("TimestampLessThan", "2012-10-09T19:00:55Z", "2012-10-09T19:00:54.999999999Z", True),
    ("TimestampLessThanEquals", "2012-10-09T19:00:55Z", "2012-10-09T19:00:55Z", True),
    ("TimestampGreaterThan", "2012-10-09T19:00:55Z", "2012-10-09T19:00:55.1Z", True),
    ("TimestampGreaterThanEquals", "2012-10-09T19:00:55Z", 5, False),
]


@pytest.mark.parametrize(("operator", "operand", "value", "expected"), COMPARISONS)
def test_comparisons(operator: str, operand: Any, value: Any, expected: bool) -> None:
    assert holds({"Variable": "$.x", operator: operand}, {"x": value}) is expected
    assert holds({"Variable": "$.x", operator + "Path": "$.y"}, {"x": value, "y": operand}) is expected


@pytest.mark.parametrize(
    ("operator", "true", "false"),
    [
        ("IsNull", [None], [0, "", False, [], {}]),
        ("IsNumeric", [0, 1.5, -3], [True, "1", None, [], {}]),
        ("IsString", ["", "2012-10-09T19:00:55Z"], [None, 0, True, [], {}]),
        ("IsBoolean", [True, False], [0, "true", None]),
        (
            "IsTimestamp",
            ["2012-10-09T19:00:55Z", "2012-10-09T19:00:55.123456789-23:59"[:-6] + "-17:59"],
            [
                "2012-10-09T19:00:55",
                "2012-10-09 19:00:55Z",
                "2012-13-09T19:00:55Z",
                "2012-10-09t19:00:55z",
                "",
                5,
                None,
            ],
        ),
        ("IsPresent", [None, 0, "", [], {}], []),
    ],
)
def test_types(operator: str, true: list[Any], false: list[Any]) -> None:
    for values, expected in ((true, True), (false, False)):
        for value in values:
            assert holds({"Variable": "$.x", operator: True}, {"x": value}) is expected, value
            assert holds({"Variable": "$.x", operator: False}, {"x": value}) is not expected, value


def test_presence() -> None:
    assert holds({"Variable": "$.x.y", "IsPresent": False}, {})
    assert not holds({"Variable": "$.x", "IsPresent": True}, [])
    assert holds({"Variable": "$v", "StringEquals": "x"}, {})
    assert holds({"Variable": "$$.c", "NumericEquals": 1}, {})


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("log-*.txt", ["log-.txt", "log-a.txt.txt"], ["log-a.txt2", "xlog-.txt", "log.txt"]),
        ("*", ["", "anything\n"], []),
        ("a*b*c", ["abc", "aXbYc", "abbcc"], ["ac", "acb"]),
        ("a*a", ["aa", "aba"], ["a"]),
        (r"foo\*bar", ["foo*bar"], ["fooXbar", r"foo\*bar"]),
        (r"a\\*", [r"a\\"[:2], r"a\b"], ["ab"]),
        (r"a\b", [r"a\b"], ["ab"]),
        ("", [""], ["a"]),
        ("[a-z]?.", ["[a-z]?."], ["b"]),
    ],
)
def test_wildcards(pattern: str, matching: list[str], others: list[str]) -> None:
    for text in matching:
        assert holds({"Variable": "$", "StringMatches": pattern}, text), text
    for value in [*others, 5, None]:
        assert not holds({"Variable": "$", "StringMatches": pattern}, value), value


def test_wildcards_are_linear() -> None:
    assert not compile_wildcards("*a" * 2000 + "b")("a" * 100_000)


PARTS = st.lists(st.text("ab", max_size=3), min_size=1, max_size=4)


@given(PARTS, st.data())
def test_what_a_pattern_was_made_of_matches(parts: list[str], data: st.DataObject) -> None:
    text = parts[0] + "".join(data.draw(st.text("ab*\\", max_size=3)) + part for part in parts[1:])
    assert compile_wildcards("*".join(parts))(text)


def test_combinations() -> None:
    yes, no = {"Variable": "$", "IsNull": True}, {"Variable": "$", "IsNull": False}
    fails = {"Variable": "$.no", "IsNull": True}
    assert holds({"And": [yes, yes]}, None) and not holds({"And": [yes, no, fails]}, None)
    assert holds({"Or": [no, yes, fails]}, None) and not holds({"Or": [no, no]}, None)
    assert holds({"Not": no}, None) and not holds({"Not": yes}, None)
    assert holds({"Or": [{"And": [no, yes]}, {"Not": {"Or": [no]}}]}, None)


@pytest.mark.parametrize(
    "rule",
    [
        {"Variable": "$.x", "StringEquals": ""},
        {"Variable": "$", "StringEqualsPath": "$.x"},
        {"Variable": "$.x", "IsNull": True},
    ],
)
def test_a_path_that_leads_nowhere(rule: dict[str, Any]) -> None:
    with pytest.raises(StateFailure) as caught:
        holds(rule, {})
    assert (caught.value.error, caught.value.cause) == (
        "States.Runtime",
        "Invalid path '$.x': The choice state's condition path references an invalid value.",
    )


DEEP: dict[str, Any] = {"Variable": "$", "IsNull": True}
for _ in range(400):
    DEEP = {"Not": DEEP}


@pytest.mark.parametrize(
    ("rule", "problems"),
    [
        ({}, [("A choice rule must have exactly one comparison operator", "/r")]),
        ({"Variable": "$"}, [("A choice rule must have exactly one comparison operator", "/r")]),
        (
            {"Variable": "$", "IsNull": True, "IsString": True},
            [("A choice rule must have exactly one comparison operator", "/r")],
        ),
        ({"IsNull": True}, [("These fields are required: [Variable]", "/r")]),
        (
            {"Variable": "x", "IsNull": 1},
            [("Value is not a valid JSONPath", "/r/Variable"), ("Expected value of type Boolean", "/r/IsNull")],
        ),
        ({"Variable": 1, "IsNull": True}, [("Expected value of type String", "/r/Variable")]),
        (
            {"Variable": "$", "StringEqual": "x"},
            [
                ("Field is not supported", "/r/StringEqual"),
                ("A choice rule must have exactly one comparison operator", "/r"),
            ],
        ),
        ({"Variable": "$", "StringEquals": 1}, [("Expected value of type String", "/r/StringEquals")]),
        ({"Variable": "$", "NumericEquals": "1"}, [("Expected value of type Number", "/r/NumericEquals")]),
        ({"Variable": "$", "NumericEquals": True}, [("Expected value of type Number", "/r/NumericEquals")]),
        ({"Variable": "$", "BooleanEquals": 1}, [("Expected value of type Boolean", "/r/BooleanEquals")]),
        (
            {"Variable": "$", "TimestampEquals": "now"},
            [("String does not match RFC3339 timestamp", "/r/TimestampEquals")],
        ),
        ({"Variable": "$", "TimestampEquals": 1}, [("Expected value of type String", "/r/TimestampEquals")]),
        (
            {"Variable": "$", "StringMatchesPath": "$"},
            [
                ("Field is not supported", "/r/StringMatchesPath"),
                ("A choice rule must have exactly one comparison operator", "/r"),
            ],
        ),
        ({"Variable": "$", "StringMatches": None}, [("Expected value of type String", "/r/StringMatches")]),
        (
            {"Variable": "$", "BooleanLessThan": True},
            [
                ("Field is not supported", "/r/BooleanLessThan"),
                ("A choice rule must have exactly one comparison operator", "/r"),
            ],
        ),
        ({"Variable": "$", "NumericEqualsPath": "x"}, [("Value is not a valid JSONPath", "/r/NumericEqualsPath")]),
        ({"And": []}, [("Value cannot be empty", "/r/And")]),
        ({"And": {}}, [("Expected value of type Array", "/r/And")]),
        ({"Not": []}, [("Expected value of type Object", "/r/Not")]),
        (
            {"And": [{"Variable": "$", "IsNull": True, "Next": "X"}, 5], "Variable": "$"},
            [
                ("Field is not supported", "/r/Variable"),
                ("Field is not supported", "/r/And[0]/Next"),
                ("Expected value of type Object", "/r/And[1]"),
            ],
        ),
        (
            {"Or": [{"Not": {"Variable": "$", "IsNull": 0}}]},
            [("Expected value of type Boolean", "/r/Or[0]/Not/IsNull")],
        ),
        (DEEP, [("A choice rule can not be nested deeper than 100 levels", "/r" + "/Not" * 101)]),
        (
            {"Condition": "{% true %}"},
            [
                ("Field is only supported when 'QueryLanguage' is 'JSONata'", "/r/Condition"),
                ("A choice rule must have exactly one comparison operator", "/r"),
            ],
        ),
    ],
)
def test_problems_are_collected(rule: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    found: list[tuple[str, str]] = []
    compile_rule({**rule, "Comment": "c"} if "Not" not in rule else rule, lambda *problem: found.append(problem), "/r")
    assert found == problems
