"""Texts of documents: what is read, and what is refused in bounded time."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stategate.gateway.openapi.documents import MAX_BYTES, InvalidDocument, dump_json, dump_yaml, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        ("a: {b: 1}\n200: x\n", {"a": {"b": 1}, "200": "x"}),
        ("on: 1\nnull: 2\n1.5: 3\n", {"true": 1, "null": 2, "1.5": 3}),
        ("version: 2024-01-01\n", {"version": "2024-01-01"}),
        ("{a: 1, b: [x]}", {"a": 1, "b": ["x"]}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("\ufeff{}", {}),
    ],
)
def test_json_and_yaml(text: str, value: dict[str, Any]) -> None:
    assert parse(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "a: [",
        "a: b: c",
        "{",
        '{"a": 1' + "0" * 5000 + "}",
        "a: .inf",
        "!!python/object/apply:os.system ['true']",
        "a: !!binary aGVsbG8=",
        "? [a]\n: 1",
        "a: &a [*a]",
        "[" * 100_000,
        '{"a":' * 100_000,
        "- " * 100_000 + "a",
        "a: \x00",
    ],
    ids=range(16),
)
def test_what_is_no_document(text: str) -> None:
    with pytest.raises(InvalidDocument):
        parse(text.encode())


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(InvalidDocument):
        parse(b"\xff\xfe\x00")
    with pytest.raises(InvalidDocument):
        parse(b" " * (MAX_BYTES + 1))


def test_aliases_that_multiply_are_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    started = time.process_time()
    with pytest.raises(InvalidDocument):
        parse("\n".join(lines).encode())
    assert time.process_time() - started < 10


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=4))
@settings(max_examples=100, deadline=None)
def test_what_is_written_as_json_is_read_again(document: dict[str, Any]) -> None:
    assert parse(dump_json(document)) == document


def test_what_is_written_as_yaml_is_read_again() -> None:
    document = {"a": {"200": "x", "on": "on", "1": "1"}, "b": ["#set($x = 1)\n  {\n", "'", ""], "ü": True}
    assert parse(dump_yaml(document)) == document


@given(st.binary(max_size=60) | st.text(alphabet="{}[]:,-?!&*#|>%@`'\"\n \tab0", max_size=60).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_nothing_else_is_raised(body: bytes) -> None:
    with contextlib.suppress(InvalidDocument):
        assert isinstance(parse(body), dict)


MERGES = "a0: &a0 {x: 1, y: 2}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))


@pytest.mark.parametrize(
    "text",
    [
        "a: 1" + ":1" * 500_000,
        "a: 1" + ":1" * 500_000 + ".5",
        MERGES,
        "a: &a {x: 1}\nb: {<<: [" + "*a," * 100_000 + "*a]}",
        "a: [" + "1," * 2_900_000 + "1]",
        "- &a [x]\n" * 600_000,
        "a: &a [*a]",
        "a: &a {<<: *a, b: *a}",
        "a: " + "[" * 100_000,
        '{"a": ' + "[" * 1_000_000,
        "- " * 100_000,
        '{"a": ' + "1" * 3_000_000 + "}",
    ],
    ids=range(12),
)
def test_texts_that_are_made_to_take_long_are_refused_quickly(text: str) -> None:
    started = time.process_time()
    with pytest.raises(InvalidDocument):
        parse(text.encode())
    assert time.process_time() - started < 5


def test_merge_keys_of_ordinary_size() -> None:
    text = "base: &base {a: 1, b: 2}\nother: &other {c: 3}\nboth: {<<: [*base, *other], b: 5}\n"
    assert parse(text.encode())["both"] == {"a": 1, "b": 5, "c": 3}
    assert parse(b"a: 1:30\nb: 0x10\nc: 1.5\n") == {"a": 90, "b": 16, "c": 1.5}
