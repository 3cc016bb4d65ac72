from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stategate.asl.failures import StateFailure
from stategate.asl.nesting import placed
from stategate.asl.paths import (
    PathNotFound,
    PathSyntaxError,
    compile_field,
    compile_filter,
    compile_path,
    compile_result_path,
)
from stategate.asl.scope import Scope
from stategate.asl.value import Value

SCOPE = Scope({"a": {"b": [1, 2]}}, lambda: {"Execution": {"Id": "x"}}, {"v": {"w": 5}, "é1": 7})


@pytest.mark.parametrize(
    ("text", "value", "variable"),
    [
        ("$", {"a": {"b": [1, 2]}}, None),
        ("$.a.b[1]", 2, None),
        ("$['a']", {"b": [1, 2]}, None),
        ("$.a.b[5:]", [], None),
        ("$$", {"Execution": {"Id": "x"}}, None),
        ("$$.Execution.Id", "x", None),
        ("$$['Execution']['Id']", "x", None),
        ("$v", {"w": 5}, "v"),
        ("$v.w", 5, "v"),
        ("$v['w']", 5, "v"),
        ("$é1", 7, "é1"),
    ],
)
def test_selects(text: str, value: Any, variable: str | None) -> None:
    query = compile_path(text)
    assert query(SCOPE) == value
    assert query.variable == variable


@pytest.mark.parametrize("text", ["", "a", "a.b", "@.a", "$$$", "$1", "$.a.", "$v w", "$[", " $.a", "States.UUID()"])
def test_no_path(text: str) -> None:
    with pytest.raises(PathSyntaxError):
        compile_path(text)


def test_an_undefined_variable() -> None:
    with pytest.raises(PathNotFound):
        compile_path("$nobody.x")(SCOPE)


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("$.X", "Invalid path '$.X' : No results for path: $['X']"),
        ("$.no.such", "Invalid path '$.no.such' : Missing property in path $['no']"),
        ("$$.X", "Invalid path '$$.X' : No results for path: $['X']"),
    ],
)
def test_an_input_path_that_leads_nowhere(path: str, cause: str) -> None:
    with pytest.raises(StateFailure) as caught:
        compile_filter(path)(SCOPE)
    assert (caught.value.error, caught.value.cause) == ("States.Runtime", cause)


@pytest.mark.parametrize("path", ["$.X", "$.no.such", "$[0]"])
def test_an_input_path_into_null(path: str) -> None:
    with pytest.raises(StateFailure) as caught:
        compile_filter(path)(Scope(None, dict, {}))
    assert caught.value.cause == "Unable to apply Path transformation to null or empty input."


def test_filters() -> None:
    assert compile_filter(None)(SCOPE) == {}
    assert compile_filter("$")(SCOPE) is SCOPE.input
    assert compile_filter("$.a.b")(SCOPE) == [1, 2]


def test_a_field_that_leads_nowhere() -> None:
    with pytest.raises(StateFailure) as caught:
        compile_field("$.ErrorX", "ErrorPath")(SCOPE)
    assert caught.value.cause == (
        "The JSONPath '$.ErrorX' specified for the field 'ErrorPath' could not be found in the input "
        '\'{"a":{"b":[1,2]}}\''
    )


@pytest.mark.parametrize(
    ("path", "raw", "output"),
    [
        (None, {"a": 1}, {"a": 1}),
        ("$", {"a": 1}, "R"),
        ("$.r", {"a": 1}, {"a": 1, "r": "R"}),
        ("$.a", {"a": 1, "b": 2}, {"a": "R", "b": 2}),
        ("$.x.y.z", {"a": 1}, {"a": 1, "x": {"y": {"z": "R"}}}),
        ("$.x.y", {"x": {"k": 1}}, {"x": {"k": 1, "y": "R"}}),
        ("$['x y']", {}, {"x y": "R"}),
        ("$.l[1]", {"l": [1, 2]}, {"l": [1, "R"]}),
        ("$.l[0].k", {"l": [{}, 2]}, {"l": [{"k": "R"}, 2]}),
        ("$[0]", [1, 2], ["R", 2]),
    ],
)
def test_result_path(path: str | None, raw: Any, output: Any) -> None:
    before = repr(raw)
    assert compile_result_path(path)(raw, "R") == output
    assert repr(raw) == before


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("$.a", "text"),
        ("$.a", None),
        ("$.a", [1]),
        ("$.a.b", {"a": 1}),
        ("$.a.b", {"a": None}),
        ("$.l[2]", {"l": [1, 2]}),
        ("$.l[0]", {}),
        ("$[0]", {"0": 1}),
    ],
)
def test_a_result_path_that_does_not_match(path: str, raw: Any) -> None:
    with pytest.raises(StateFailure) as caught:
        compile_result_path(path)(raw, "R")
    assert caught.value.error == "States.Runtime"


def test_where_a_result_path_does_not_match() -> None:
    with pytest.raises(StateFailure) as caught:
        compile_result_path("$.a.b")({"a": [1, 2]}, "R")
    assert caught.value.cause == 'Unable to apply step "b" to input [1,2]'


@pytest.mark.parametrize(
    "path", ["$.a[*]", "$..a", "$.a[1:2]", "$.a[?(@.b)]", "$.a[-1]", "$['a','b']", "$$.a", "$v.a", "a", ""]
)
def test_no_reference_path(path: str) -> None:
    with pytest.raises(PathSyntaxError):
        compile_result_path(path)


NAMES = st.text(st.sampled_from("abc"), min_size=1, max_size=2)


@given(st.lists(NAMES, min_size=1, max_size=4), st.recursive(st.integers(), lambda x: st.dictionaries(NAMES, x)))
def test_what_is_inserted_is_found_there(names: list[str], raw: Any) -> None:
    path = "$." + ".".join(names)
    try:
        output = compile_result_path(path)(raw, "R")
    except StateFailure:
        return
    assert compile_path(path)(Scope(output)) == "R"
    assert {key: value for key, value in output.items() if key != names[0]} == {
        key: value for key, value in raw.items() if key != names[0]
    }


@pytest.mark.parametrize("text", ["", "x", "$.a[", "$.a.", "$[?(@.x)", "States.Array(1)", "$$.a["])
def test_what_is_no_path_is_refused_in_the_words_of_aws(text: str) -> None:
    with pytest.raises(PathSyntaxError) as caught:
        compile_path(text)
    assert str(caught.value) == "Value is not a valid JSONPath"


@pytest.mark.parametrize(
    "text", ["", "x", "$.a[", "$.a[*]", "$..a", "$.a[-1]", "$$.a", "$a", "$a.b", "$['a','b']", "$[0:1]"]
)
def test_what_is_no_reference_path_is_refused_in_the_words_of_aws(text: str) -> None:
    with pytest.raises(PathSyntaxError) as caught:
        compile_result_path(text)
    assert str(caught.value) == "Value is not a Reference Path"


def test_a_result_that_is_discarded_is_not_parsed() -> None:
    unreadable = Value("[")
    assert placed(compile_result_path(None), Value('{"a":1}'), unreadable).text == '{"a":1}'
