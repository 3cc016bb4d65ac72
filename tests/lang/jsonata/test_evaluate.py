"""What Step Functions' expressions give, and what they may not know."""

from __future__ import annotations

import itertools
import time
import uuid
from random import Random
from typing import Any

import pytest

from stategate.lang.jsonata import (
    UNDEFINED,
    JsonataError,
    JsonataSyntaxError,
    LimitExceeded,
    Limits,
    UnsupportedResult,
    compile,
)

STATES = {"states": {"input": {"a": {"b": 2.0}, "list": [3, 1, 2], "none": None, "text": "héllo"}}, "count": 7}


def evaluate(source: str, seed: int = 1, now: float = 1_700_000_000.0, **extra: Any) -> Any:
    return compile(source).evaluate(STATES | extra, now=now, random=Random(seed))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("$states.input.a.b", 2),
        ("$states.input.a.b / 4", 0.5),
        ("$states.input.none", None),
        ("$states.input.nothing", UNDEFINED),
        ("$count + 1", 8),
        ("$states.input.list^($)", [1, 2, 3]),
        ("1e21", 1e21),
        ("1e20", 100000000000000000000),
        ("-0", 0),
        ("$partition([1..5], 2)", [[1, 2], [3, 4], [5]]),
        ("$range(0, 10, 3)", [0, 3, 6, 9]),
        ("$range(3, 1, -1)", [3, 2, 1]),
        ("$range(3, 1, 1)", []),
        ("$hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("$hash('', 'MD5')", "d41d8cd98f00b204e9800998ecf8427e"),
        ("""$parse('{"a": [1, null, 2.5]}').a""", [1, None, 2.5]),
        ("$map(['[1]', '[2]'], $parse)", [[1], [2]]),
        ("$random(7) = $random(7)", True),
        ("($random := 4; $random + 1)", 5),
        ("$now()", "2023-11-14T22:13:20.000Z"),
        ("$millis()", 1700000000000),
        ("[1, 2].$string()", ["1", "2"]),
        ("'x' & 3.0 & true", "x3true"),
        ("$", UNDEFINED),
        ("$$.a", UNDEFINED),
    ],
)
def test_values(source: str, expected: Any) -> None:
    value = evaluate(source)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("$unknown(1)", "T1006: Attempted to invoke a non-function"),
        ("$eval('1')", "T1006: Attempted to invoke a non-function"),
        ("[1].$eval", ""),
        ("'a' + 1", 'T2001: The left side of the "+" operator must evaluate to a number'),
        ("1 - 'a'", 'T2002: The right side of the "-" operator must evaluate to a number'),
        ("1 > 'a'", 'T2009: The values 1 and "a" either side of operator ">" must be of the same data type'),
        (
            "$map([1], function($v) { 'a' <= $v })",
            'T2009: The values "a" and 1 either side of operator "<=" must be of the same data type',
        ),
        ("[1] < 2", 'T2010: The expressions either side of operator "<" must evaluate to numeric or string values'),
        ("-$states.input.text", 'D1002: Cannot negate a non-numeric value: "héllo"'),
        ("{1: 2}", "T1003: Key in object structure must evaluate to a string; got: 1"),
        ("{1: $none, $none: 2, 3: 4}", "T1003: Key in object structure must evaluate to a string; got: 3"),
        ("[{'a': 1}]{a: 2}", "T1003: Key in object structure must evaluate to a string; got: undefined"),
        ("$sqrt('a')", 'T0410: Argument 1 of function "sqrt" does not match function signature'),
        ("$sqrt(-1)", "D3060: The sqrt function cannot be applied to a negative number: -1"),
        ("$sum(['a'])", 'T0412: Argument 1 of function "sum" must be an array of "numbers"'),
        ("$number('x')", 'D3030: Unable to cast value to a number: "x"'),
        ("$hash('a', 'CRC')", 'T0410: Argument 2 of function "hash" does not match function signature'),
        ("$partition([1], 0)", 'T0410: Argument 2 of function "partition" does not match function signature'),
        ("$uuid(1)", 'T0410: Argument 1 of function "uuid" does not match function signature'),
        ("$count([1])", "T1006: Attempted to invoke a non-function"),
        ("$join([1])", 'T0412: Argument 1 of function "join" must be an array of "strings"'),
        ("$error('mine')", "D3137: mine"),
        ("1/0", "D1001: Number out of range: null"),
        ("1e200 * 1e200", "D1001: Number out of range: null"),
        ("1 ~> 2", "T2006: The right side of the function application operator ~> must be a function"),
    ],
)
def test_errors(source: str, text: str) -> None:
    if not text:
        assert evaluate(source) is UNDEFINED
        return
    with pytest.raises(JsonataError) as raised:
        evaluate(source)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1,\n ]", "Expecting value at line 2, column 2"),
        ("NaN", "NaN is no value of JSON"),
        ("9" * 5000, "A number is too long"),
        ("[" * 200_000, "It is nested too deeply"),
    ],
)
def test_what_parse_refuses(text: str, why: str) -> None:
    with pytest.raises(JsonataError) as raised:
        evaluate("$parse($text)", text=text)
    assert str(raised.value) == f"D3120: The argument of the parse function is not valid JSON: {why}"


@pytest.mark.parametrize("source", ["function($x) { $x }", "$sum", "{'a': [$string]}", "/a/"])
def test_functions_are_no_results(source: str) -> None:
    with pytest.raises(UnsupportedResult):
        evaluate(source)


@pytest.mark.parametrize(
    ("source", "code", "position"),
    [
        ("$a +", "S0207", 4),
        ("'open", "S0101", None),
        ("", "S0207", 0),
        ("(a := 1)", "S0212", None),
        ("1 2", "S0201", 2),
    ],
)
def test_syntax_errors(source: str, code: str, position: int | None) -> None:
    with pytest.raises(JsonataSyntaxError) as raised:
        compile(source)
    assert raised.value.code == code
    if position is not None:
        assert raised.value.position == position


CHANCE = "[$random(), $uuid(), $shuffle([1..20]), $now(), $millis(), $map([1..3], function($i) { $random() })]"


def test_equal_arguments_give_equal_results() -> None:
    assert evaluate(CHANCE) == evaluate(CHANCE)
    assert evaluate(CHANCE) != evaluate(CHANCE, seed=2)
    assert evaluate("$now()", now=1.0) == "1970-01-01T00:00:01.000Z"
    assert uuid.UUID(evaluate("$uuid()")).version == 4


@pytest.mark.parametrize("name", ["shuffle", "random", "millis", "now", "uuid"])
def test_chance_as_a_value_comes_from_outside_too(name: str) -> None:
    source = f"($f := ${name}; [1..3].$string($f([1..9])))" if name == "shuffle" else f"[1..3].$string(${name}())"
    assert evaluate(source) == evaluate(source)


def test_variables_are_left_alone() -> None:
    document = {"l": [{"k": 1.0}]}
    result = compile("$v ~> |l|{'k': 2}|").evaluate({"v": document}, now=0.0, random=Random(1))
    assert (result, document) == ({"l": [{"k": 2}]}, {"l": [{"k": 1.0}]})
    same = compile("$v").evaluate({"v": document}, now=0.0, random=Random(1))
    assert isinstance(same, dict)
    same["l"].append(1)
    assert document == {"l": [{"k": 1.0}]}


def test_limits_are_the_callers() -> None:
    expression = compile("$count([1..1000])")
    assert expression.evaluate({}, now=0.0, random=Random(1)) == 1000
    with pytest.raises(LimitExceeded):
        expression.evaluate({}, now=0.0, random=Random(1), limits=Limits(items=999))
    with pytest.raises(LimitExceeded):
        compile("$map([1..1000], function($i) { $i + 1 })").evaluate(
            {}, now=0.0, random=Random(1), limits=Limits(work=1000)
        )


@pytest.mark.parametrize(
    ("source", "variables"),
    [
        ("$states.input.a", {"states"}),
        ("$map($items, function($x, $i) { $x + $i + $y })", {"items", "y"}),
        ("($a := $b; $a + $c)", {"b", "c"}),
        ("($a + 1; $a := 2)", {"a"}),
        ("($f := function($n) { $n = 0 ? $z : $f($n - 1) }; $f(3))", {"z"}),
        ("($f := function() { $g() }; $g := function() { 1 }; $f())", set()),
        ("$states.input.x@$v.y#$i[$v.k = $i].($v & $w)", {"states", "w"}),
        ("$map($items, $string) ~> $join(',')", {"items"}),
        ("$uppercase ~> $pad(?, $width)", {"width"}),
        ("{'a': $x}{$k: $v}", {"x", "k", "v"}),
        ("$x ~> |$p|{'q': $r}, ['s']|", {"x", "p", "r"}),
        ("$x^(>$y).$z[$w]", {"x", "y", "z", "w"}),
        ("'$quoted' & `$field`", set()),
        ("(($a := 1); $a)", {"a"}),
    ],
)
def test_references(source: str, variables: set[str]) -> None:
    assert compile(source).variables == variables


@pytest.mark.parametrize(
    ("source", "evals"),
    [("$string($)", False), ("$eval('1')", True), ("$map($a, $eval)", True), ("($eval := 1; $eval)", False)],
)
def test_what_step_functions_lacks_is_seen(source: str, evals: bool) -> None:
    assert compile(source).uses_eval == evals


def test_deep_results_are_refused_by_name() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(LimitExceeded):
        compile("$deep").evaluate({"deep": deep}, now=0.0, random=Random(1))


@pytest.mark.parametrize("steps", [100, 120])
def test_long_paths_and_many_short_ones_compile(steps: int) -> None:
    compile("$x" + ".a" * steps)
    compile("[" + ", ".join(["$x.a.b"] * 5 * steps) + "]")
    compile("$x.a & " * steps + "'a.b.c'")


def test_text_in_a_result_counts_each_time() -> None:
    large = {"states": {"input": {"s": "x" * 200_000}}}
    with pytest.raises(LimitExceeded):
        compile("[1..200].[$states.input.s, $states.input.s]").evaluate(large, now=0.0, random=Random(1))


def test_waiting_for_other_threads_is_no_time_of_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: 3600.0 * next(hours))
    source = "[$contains($text, /b.*b.*c/), $contains($text, /b.*b.*d/)]"
    assert evaluate(source, text="b" * 300) == [False, False]
