import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stategate.lang.jsontext import MAX_DEPTH, JSONSyntaxError, dumps, loads, loads_unique
from stategate.lang.jsontext.precise import parse

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "corpus" / "jsontext" / "jackson-2.14.jsonl")
    .read_text("utf-8")
    .split("\n")
    if line
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize("case", [case for case in CASES if "error" in case], ids=lambda case: repr(case["text"][:40]))
def test_says_what_jackson_says(case: dict[str, object]) -> None:
    with pytest.raises(JSONSyntaxError) as caught:
        loads(str(case["text"]))
    error = caught.value
    assert (error.message, error.line, error.column) == (case["error"], case["line"], case["column"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("-9223372036854775809", -9223372036854775809),
        ('{"a":1,"b":3,"a":2}', {"a": 2, "b": 3}),
        ('"\\ud83d\\ude00 \\ud800"', "😀 ?"),
        ("-0.0", -0.0),
        (b'"\xc3\xa9"', "é"),
        (" [1 , 2.50]\n", [1, 2.5]),
    ],
)
def test_reads(text: str | bytes, value: object) -> None:
    read = loads(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("", "No content to map due to end-of-input", 1),
        (b'["\xff"]', "Invalid UTF-8 start byte 0xff", 3),
        (b'"\xc3\x28"', "Invalid UTF-8 middle byte 0x28", 2),
        ("[1e400]", "Numeric value (1e400) out of range of double", 7),
        ("1" * 5000, "Number length (5000) exceeds the maximum length (4300)", 5001),
    ],
)
def test_refuses(text: str | bytes, message: str, column: int) -> None:
    with pytest.raises(JSONSyntaxError) as caught:
        loads(text)
    assert (caught.value.message, caught.value.column) == (message, column)


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 600 + "1" + "}" * 600])
def test_a_depth_bomb_is_an_error(text: str) -> None:
    with pytest.raises(JSONSyntaxError, match=r"^Document nesting depth \(501\) exceeds the maximum allowed \(500"):
        loads(text)


def test_depth_up_to_the_limit_is_read_and_brackets_in_strings_do_not_count() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert dumps(loads(text)) == text
    text = '["' + "[" * 5000 + '"]'
    assert dumps(loads(text)) == text
    text = "[" + ",".join(["[{}]"] * 5000) + "]"
    assert dumps(loads(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "[" + "[]," * 1000 + '"["]',
        "[" + '{"a\\\\":"}[\\""},' * 1000 + "1]",
        '{"a":[' * (MAX_DEPTH // 2) + "]}" * (MAX_DEPTH // 2),
    ],
)
def test_the_precise_reader_is_not_needed_for_valid_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stategate.lang.jsontext.parse", lambda *_: pytest.fail("the slow reader was asked"))
    assert loads(text) == json.loads(text)
    assert loads(text.encode()) == json.loads(text)


def test_arrays_in_objects_count_twice() -> None:
    with pytest.raises(JSONSyntaxError, match="nesting depth"):
        loads('{"a":[' * 300 + "]}" * 300)


def test_a_value_that_grew_deep_is_written_and_read_back() -> None:
    value: object = [1]
    for _ in range(5000):
        value = {"a": [value, 2], "b": "é"}
    text = dumps(value)
    assert text.startswith('{"a":[{"a":[') and text.endswith('"b":"é"}')
    assert dumps(loads(text, max_depth=None)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [({"a": [1, 3.3, 0.0, None, True]}, '{"a":[1,3.3,0.0,null,true]}'), (10**30, "1" + "0" * 30), ("é/", '"é/"')],
)
def test_writes(value: object, text: str) -> None:
    assert dumps(value) == text


@given(VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    assert loads(dumps(value)) == value
    assert parse(dumps(value)) == value


@given(st.text("{}[]:,\"\\'0123456789.eE+-truefalsn \n/uN", max_size=12) | st.text())
@example('"\\ud8001"')
def test_both_readers_agree_with_pythons(text: str) -> None:
    try:
        expected = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    except (ValueError, pytest.fail.Exception):
        with pytest.raises(JSONSyntaxError):
            loads(text)
        return
    assert loads(text) == parse(text)
    if "\\u" not in text:
        assert loads(text) == expected


@given(st.binary(max_size=8))
def test_bytes_never_raise_anything_else(data: bytes) -> None:
    try:
        loads(data)
    except JSONSyntaxError as error:
        assert error.line >= 1 and error.column >= 1


@pytest.mark.parametrize(
    ("text", "name", "column"), [('{"a": 1, "a": 2}', "a", 13), ('[{"b": {"c": 1, "d": 2, "c": 3}}]', "c", 28)]
)
def test_a_name_that_must_be_there_once(text: str, name: str, column: int) -> None:
    with pytest.raises(JSONSyntaxError) as caught:
        loads_unique(text)
    assert (caught.value.message, caught.value.line, caught.value.column) == (f"Duplicate field '{name}'", 1, column)


@given(VALUES)
def test_reads_what_has_each_name_once(value: object) -> None:
    text = dumps(value)
    assert loads_unique(text) == loads(text)
