"""Wildcards against a naive oracle, and that no pattern is slow."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stategate.iam.matching import UndefinedVariable, compile_actions, compile_any

texts = st.text(alphabet="ab:", max_size=12)
patterns = st.text(alphabet="ab:*?", max_size=10)


def naive(pattern: str, text: str, colons: int = 0, segmented_to: int = 0) -> bool:
    """By recursion; wildcards do not match a colon before `segmented_to` colons of the pattern have passed."""
    if not pattern:
        return not text
    head, rest = pattern[0], pattern[1:]
    free = colons >= segmented_to
    if head == "*":
        if naive(rest, text, colons, segmented_to):
            return True
        return bool(text) and (free or text[0] != ":") and naive(pattern, text[1:], colons, segmented_to)
    if not text:
        return False
    if head == "?":
        return (free or text[0] != ":") and naive(rest, text[1:], colons, segmented_to)
    return head == text[0] and naive(rest, text[1:], colons + (head == ":"), segmented_to)


@given(patterns, texts)
def test_plain(pattern: str, text: str) -> None:
    assert compile_any([pattern])(text, {}) is naive(pattern, text)


@given(patterns, texts)
def test_segmented(pattern: str, text: str) -> None:
    expected = (
        True
        if set(pattern) == {"*"} and len(pattern) == 1
        else naive(pattern, text, segmented_to=min(5, pattern.count(":")))
    )
    assert compile_any([pattern], segmented=True)(text, {}) is expected


@given(st.lists(patterns, max_size=4), texts)
def test_any_of_several(several: list[str], text: str) -> None:
    assert compile_any(several)(text, {}) is any(naive(pattern, text) for pattern in several)


@given(st.text(alphabet="ab*?", max_size=6), texts)
def test_variable_is_literal(value: str, text: str) -> None:
    test = compile_any(["a${aws:k}*"], variables=True)
    assert test(text, {"aws:k": value}) is text.startswith("a" + value)


def test_variable_undefined() -> None:
    with pytest.raises(UndefinedVariable):
        compile_any(["${aws:k}"], variables=True)("x", {})


def test_variable_of_several_values_is_undefined() -> None:
    with pytest.raises(UndefinedVariable):
        compile_any(["${aws:k}"], variables=True)("x", {"aws:k": ["x", "y"]})


def test_characters_of_regular_expressions_are_plain() -> None:
    assert compile_any(["a.c"])("a.c", {})
    assert not compile_any(["a.c"])("abc", {})
    assert compile_any(["(a)+*"])("(a)+x\ny", {})


def test_actions_ignore_case() -> None:
    assert compile_actions(["S3:Get*"])("s3:getobject")


def test_many_wildcards_are_quick() -> None:
    test = compile_any(["*a" * 40 + "b"])
    started = time.process_time()
    assert not test("a" * 20_000, {})
    assert time.process_time() - started < 2
