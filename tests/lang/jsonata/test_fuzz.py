"""Any text compiles or is refused; whatever compiles gives a JSON value or one of the named errors."""

from __future__ import annotations

import json
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from stategate.lang.jsonata import (
    UNDEFINED,
    JsonataError,
    JsonataSyntaxError,
    Limits,
    UnsupportedResult,
    compile,
)
from stategate.lang.jsonata.references import BUILTIN_FUNCTIONS, STATES_FUNCTIONS

SMALL = Limits(work=20_000, space=2**20, text=10_000, items=5_000, result=5_000, pattern_seconds=0.2)
VARIABLES = {"x": {"a": [1, {"b": None, "c": "text"}, []], "n": -1.5, "big": 10**30}, "s": "2024-01-01", "l": [3, "a"]}

TOKENS = [
    *"()[]{}.,;:?*+-/%|^<>=&@#~!", ":=", "~>", "..", "**", "!=", "<=", ">=", "?:", "??", " and ", " or ", " in ",
    "$", "$$", "$x", "$s", "$l", "$y", "a", "b", "c", "n", "0", "1", "-1", "2.5", "1e308", "'t'", '"$1"', "''", "null",
    "true", "false", "/a+/", "/(.)/i", "function($p){$p}", "function($p, $q){", "}", "[1..3]", "{'k': 1}",
]  # fmt: skip
NAMES = sorted(BUILTIN_FUNCTIONS | STATES_FUNCTIONS)
calls = st.builds(
    lambda name, arguments: f"${name}({', '.join(arguments)})",
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(["$x", "$s", "$l", "$x.a", "$x.n", "1", "-3", "1e300", "'a'", "''", "/a/", "[]", "{}",
                              "$sum", "function($p){$p}", "function($p,$q){$q}", "true", "null", "$none", "$x.big"]),
             max_size=4),
)  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(TOKENS), calls), max_size=12).map("".join)


def check(source: str) -> None:
    try:
        expression = compile(source)
        value = expression.evaluate(VARIABLES, now=1e9, random=Random(1), limits=SMALL)
        again = expression.evaluate(VARIABLES, now=1e9, random=Random(1), limits=SMALL)
    except (JsonataSyntaxError, JsonataError, UnsupportedResult):
        return
    assert value is again or json.dumps(value, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert value is UNDEFINED or json.loads(json.dumps(value)) == value


@settings(max_examples=600, deadline=None)
@given(texts)
def test_expressions_of_tokens(source: str) -> None:
    check(source)


@settings(max_examples=600, deadline=None)
@given(calls)
def test_calls_with_odd_arguments(source: str) -> None:
    check(source)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_any_text(source: str) -> None:
    check(source)
