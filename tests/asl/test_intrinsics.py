import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stategate.asl.failures import StateFailure
from stategate.asl.intrinsic_functions import java_text
from stategate.asl.intrinsics import IntrinsicSyntaxError, compile_intrinsic
from stategate.asl.scope import Scope

SCOPE = Scope(
    {
        "n": 3,
        "s": "a,b",
        "o": {"a": 1, "b": [1, "x", None]},
        "l": [1, 1.0, True, "1", [1], [1], {"a": 1, "b": 2}],
        "f": "{}-{}",
    },
    {"Id": "ctx"},
    {"v": 9},
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("States.Array()", []),
        (" States.Array ( 'a' , 1 , -2.5 , true , null, $.n, $$.Id, $v ) ", ["a", 1, -2.5, True, None, 3, "ctx", 9]),
        (r"States.Array('it\'s \{x\} \\')", [r"it's {x} \\"[:-1]]),
        ("States.Array('a,b)', '{\"k\": 1}')", ["a,b)", '{"k": 1}']),
        ("States.Array($.l[?(@.a == 1)], $['s'])", [[{"a": 1, "b": 2}], "a,b"]),
        ("States.Format('x')", "x"),
        ("States.Format('{}{}', 'a', $.n)", "a3"),
        (r"States.Format('\{\} {} \' \\', $.s)", r"{} a,b ' \\"[:-1]),
        ("States.Format('{}', $.o)", "{a=1, b=[1, x, null]}"),
        ("States.Format('{} {} {}', true, null, 1.50)", "true null 1.5"),
        ("States.Format($.f, 1, 2)", "1-2"),
        ("States.Format('{x}', )"[:-3] + ")", "{x}"),
        ("States.Array(States.StringToJson(''), States.StringToJson(' '))", [None, None]),
        ("States.StringToJson('{\"a\": [1.0, 123456789012345678901]}')", {"a": [1.0, 123456789012345678901]}),
        ("States.JsonToString($.o)", '{"a":1,"b":[1,"x",null]}'),
        ("States.ArrayPartition(States.ArrayRange(1,5,1), 2)", [[1, 2], [3, 4], [5]]),
        ("States.ArrayContains($.l, '1')", True),
        ("States.ArrayContains($.l, 2)", False),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayRange(3, 1, -1)", [3, 2, 1]),
        ("States.ArrayRange(3, 1, 1)", []),
        ("States.ArrayGetItem($.l, 3)", "1"),
        ("States.ArrayLength($.l)", 7),
        ("States.ArrayUnique(States.Array(1, 1, 'a', 'a', null, null))", [1, "a", None]),
        ("States.Base64Encode('Data to encode é')", "RGF0YSB0byBlbmNvZGUgw6k="),
        ("States.Base64Decode('RGF0YSB0byBlbmNvZGUgw6k=')", "Data to encode é"),
        ("States.Hash('input data', 'MD5')", "812f45842bc6d66ee14572ce20db8e86"),
        (
            'States.JsonMerge($.o, States.StringToJson(\'{"a":{},"c":2}\'), false)',
            {"a": {}, "b": [1, "x", None], "c": 2},
        ),
        ("States.MathAdd($.n, -5)", -2),
        ("States.MathAdd(1.49, 1.5)", 3),
        ("States.MathAdd(-1.5, -1.51)", -3),
        ("States.MathAdd(0.49999999999999994, 0)", 0),
        ("States.StringSplit($.s, ',')", ["a", "b"]),
        ("States.StringSplit('1.2+3', '.+')", ["1", "2", "3"]),
        ("States.StringSplit('abc', '')", ["abc"]),
        ("States.ArrayLength(States.StringSplit('a-b-c', '-'))", 3),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert compile_intrinsic(text)(SCOPE) == value


def test_equality_tells_types_apart() -> None:
    unique = compile_intrinsic("States.ArrayUnique($.l)")(SCOPE)
    assert repr(unique) == "[1, 1.0, True, '1', [1], {'a': 1, 'b': 2}]"
    assert compile_intrinsic("States.ArrayContains($, 1.0)")(Scope([1, True])) is False
    assert compile_intrinsic("States.ArrayContains($[0], $[1])")(Scope([[{"a": 1, "b": 2}], {"b": 2, "a": 1}])) is True


def test_random_numbers() -> None:
    draw = compile_intrinsic("States.MathRandom(1, 4)")
    scope = Scope(None, seed=1)
    assert {draw(scope) for _ in range(100)} == {1, 2, 3}
    seeded = compile_intrinsic("States.MathRandom(0, 1000000, 3)")
    assert seeded(Scope(None, seed=1)) == seeded(Scope(None, seed=2))
    uuid = compile_intrinsic("States.UUID()")(scope)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uuid)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "States",
        "States.Nope()",
        "states.UUID()",
        "States.UUID",
        "States.UUID(",
        "States.UUID()x",
        "States.UUID(1)",
        "States.Format()",
        "States.ArrayLength()",
        "States.ArrayLength($, $)",
        "States.MathRandom(1)",
        "States.MathRandom(1, 2, 3, 4)",
        "States.Array('a)",
        "States.Array(1,)",
        "States.Array(,1)",
        "States.Array(1 2)",
        "States.Array(01)",
        "States.Array(1.)",
        "States.Array(1e999)",
        "States.Array(" + "9" * 5000 + ")",
        r"States.Array('\n')",
        r"States.Array('\')",
        'States.Array("a")',
        "States.Array(truex)",
        "States.Array($.a[)",
        "States.Array($..)",
        "States.Array(" * 11 + ")" * 11,
        "States.Array(" * 5000,
    ],
)
def test_what_does_not_compile(text: str) -> None:
    with pytest.raises(IntrinsicSyntaxError) as caught:
        compile_intrinsic(text)
    assert 1 <= caught.value.column <= len(text) + 1


def test_ten_levels_compile() -> None:
    assert compile_intrinsic("States.Array(" * 10 + ")" * 10)(SCOPE) == [[[[[[[[[[]]]]]]]]]]


@pytest.mark.parametrize(
    "text",
    [
        "States.Format('{}')",
        "States.Format('{}', 1, 2)",
        "States.Format($.n)",
        "States.StringToJson('{')",
        "States.StringToJson('\u00a0')",
        "States.StringToJson($.n)",
        "States.ArrayPartition($.l, 0)",
        "States.ArrayPartition($.l, -1)",
        "States.ArrayPartition($.n, 1)",
        "States.ArrayPartition($.l, '1')",
        "States.ArrayContains($.o, 1)",
        "States.ArrayRange(1, 1001, 1)",
        "States.ArrayRange(1, 5, 0)",
        "States.ArrayRange(1, 5, true)",
        "States.ArrayGetItem($.l, 7)",
        "States.ArrayGetItem($.l, -1)",
        "States.ArrayLength($.s)",
        "States.ArrayUnique(null)",
        "States.Base64Encode($.n)",
        "States.Base64Decode('%%%')",
        "States.Hash($.s, 'SHA-3')",
        "States.Hash($.n, 'MD5')",
        "States.JsonMerge($.o, $.o, true)",
        "States.JsonMerge($.o, $.l, false)",
        "States.MathRandom(5, 5)",
        "States.MathAdd(2147483647, 1)",
        "States.MathAdd(2147483648, 0)",
        "States.MathAdd('1', 1)",
        "States.StringSplit(1, ',')",
    ],
)
def test_what_fails(text: str) -> None:
    with pytest.raises(StateFailure) as caught:
        compile_intrinsic(text)(SCOPE)
    assert caught.value.error == "States.IntrinsicFailure"
    assert caught.value.cause.startswith(f"The function '{text}' had the following error: ")


@pytest.mark.parametrize("function", ["Base64Encode($)", "Base64Decode($)", "Hash($, 'MD5')"])
def test_long_texts_are_refused(function: str) -> None:
    compile_intrinsic(f"States.{function}")(Scope("a" * 10_000))
    with pytest.raises(StateFailure):
        compile_intrinsic(f"States.{function}")(Scope("a" * 10_001))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (3.3, "3.3"),
        (0.001, "0.001"),
        (0.00012, "1.2E-4"),
        (1e-7, "1.0E-7"),
        (9999999.5, "9999999.5"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (-1e22, "-1.0E22"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
    ],
)
def test_numbers_as_java_prints_them(value: float, text: str) -> None:
    assert java_text(value) == text


@given(st.text("States.FormatArray()$[]{}'\\, .1@?*x\n", max_size=25).map("States.Format(".__add__))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        function = compile_intrinsic(text)
    except IntrinsicSyntaxError:
        return
    try:
        function(SCOPE)
    except StateFailure as failure:
        assert failure.error in ("States.IntrinsicFailure", "States.Runtime")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_as_java_prints_it_is_that_number(value: float) -> None:
    assert float(java_text(value)) == value


def test_values_that_nest_deep_fail_and_nothing_more() -> None:
    deep: Any = [1]
    for _ in range(50_000):
        deep = [deep]
    for text in ("States.Format('{}', $)", "States.ArrayContains($, 1)", "States.ArrayUnique($)"):
        with pytest.raises(StateFailure, match="nested too deeply"):
            compile_intrinsic(text)(Scope(deep))
    assert compile_intrinsic("States.JsonToString($)")(Scope(deep)) == "[" * 50_001 + "1" + "]" * 50_001


def test_a_format_that_multiplies_is_refused() -> None:
    inner = "States.Format('" + "{}" * 500 + "'" + ", $" * 500 + ")"
    with pytest.raises(StateFailure, match="must not be longer"):
        compile_intrinsic(inner)(Scope("x" * 250_000))


MANY = "States.Array(" + ", ".join(["$"] * 60) + ")"
OFTEN = "States.Array(" + ", ".join([MANY] * 60) + ")"


@pytest.mark.parametrize(
    "text",
    [
        f"States.JsonToString({OFTEN})",
        f"States.Format('{{}}', {OFTEN})",
        f"States.ArrayUnique({OFTEN})",
        f"States.ArrayContains({OFTEN}, 1)",
    ],
)
def test_the_same_large_value_many_times_is_refused_before_it_is_written(text: str) -> None:
    with pytest.raises(StateFailure) as caught:
        compile_intrinsic(text)(Scope("x" * 200_000))
    assert caught.value.error == "States.IntrinsicFailure"
    assert "must not be longer than" in caught.value.cause


def test_merged_members_come_in_the_order_recorded() -> None:
    merge = compile_intrinsic("States.JsonMerge($.fst, $.snd, false)")
    assert list(merge(Scope({"fst": {"a": 1, "b": 2, "d": 3}, "snd": {"a": 4, "c": 5, "d": 6}}))) == list("abcd")
    literal, given = "constant_in_literal", "constant_input_field"
    assert list(merge(Scope({"fst": {literal: 1}, "snd": {given: 2}}))) == [given, literal]
