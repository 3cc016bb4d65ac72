from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stategate.lang import jsonpath


@pytest.mark.parametrize(
    ("text", "definite", "segments"),
    [
        ("$", True, ()),
        ("$.a.b", True, ("a", "b")),
        ("$['a b'][0].c", True, ("a b", 0, "c")),
        ("$.a[-1]", True, None),
        ("$[(@.length-1)]", True, None),
        ("$['a','b']", True, None),
        ("$[*]", False, None),
        ("$..a", False, None),
        ("$.a[1:]", False, None),
        ("$[?(@.a)]", False, None),
        ("$[0,1]", False, None),
    ],
)
def test_kinds(text: str, definite: bool, segments: tuple[Any, ...] | None) -> None:
    path = jsonpath.compile(text)
    assert (path.definite, path.reference, path.segments) == (definite, segments is not None, segments or ())


@pytest.mark.parametrize(
    ("text", "document", "message"),
    [
        ("$.X", {}, "No results for path: $['X']"),
        ("$.no.such", {}, "Missing property in path $['no']"),
        ("$.a.b", {"a": [1]}, "Property ['b'] not found in path $['a']"),
        ("$.a[3].b", {"a": [1]}, "Index out of bounds when evaluating path $['a'][3]"),
        ("$.a[0]", {"a": None}, "The path $['a'] is null"),
        ("$.a[0].x", {"a": "xyz"}, "Filter: [0]['x'] can only be applied to arrays. Current context is: xyz"),
    ],
)
def test_misses(text: str, document: Any, message: str) -> None:
    with pytest.raises(jsonpath.PathNotFound) as caught:
        jsonpath.compile(text).find(document)
    assert caught.value.message == message


def test_a_null_document() -> None:
    assert jsonpath.compile("$").find(None) is None
    assert jsonpath.compile("$[*]").find(None) == []
    with pytest.raises(jsonpath.PathNotFound):
        jsonpath.compile("$.a").find(None)


@pytest.mark.parametrize(
    "text", ["$[?(@.a[?(@.b)])]" * 50, "$" + "[" * 50_000, "$" + "." * 200_000, "$[?(" * 5000, "$[" + "9" * 5000 + "]"]
)
def test_monsters_are_refused(text: str) -> None:
    with pytest.raises(jsonpath.PathSyntaxError):
        jsonpath.compile(text)


def test_scanning_what_is_very_deep() -> None:
    document: Any = {"x": 1}
    for _ in range(5000):
        document = {"a": [document]}
    assert jsonpath.compile("$..x").find(document) == [1]


def test_a_pattern_that_explodes_is_cut_off() -> None:
    path = jsonpath.compile("$[?(@.a =~ /(a|a|b?)*c(x+x+)+y/)]")
    try:
        assert path.find([{"a": "a" * 40 + "c" + "x" * 40}]) == []
    except jsonpath.PathNotApplicable as error:
        assert "takes too long" in error.message


@given(
    st.text("$@.[]()?*'\":,-&|=<>!~/ ab01\\", max_size=20),
    st.recursive(
        st.integers() | st.text(max_size=2), lambda x: st.lists(x) | st.dictionaries(st.sampled_from("ab"), x)
    ),
)
@example(".", [])
def test_any_text_is_a_path_or_refused(text: str, document: Any) -> None:
    try:
        path = jsonpath.compile(text)
    except jsonpath.PathSyntaxError:
        return
    try:
        value = path.find(document)
    except jsonpath.PathNotFound:
        return
    assert path.definite or isinstance(value, list)


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("$" + "[0,0]" * 60, None),
        ("$" + "..*" * 8, None),
        ("$" + "[*]" * 3000, None),
        ("$" + "..[*][?(@.no)]" * 6, None),
    ],
)
def test_paths_that_multiply_are_cut_off(text: str, document: Any) -> None:
    document = [1]
    for _ in range(2900):
        document = [document]
    with pytest.raises(jsonpath.PathNotApplicable):
        jsonpath.compile(text).find(document)


def test_a_long_path_compiles_in_linear_time() -> None:
    path = jsonpath.compile("$" + "[0:1].a" * 14_000)
    with pytest.raises(jsonpath.PathNotApplicable, match="can only be applied to arrays"):
        path.find({})


def test_sets_of_a_pattern_are_javas() -> None:
    items = [{"a": "a"}, {"a": "b"}, {"a": "\u0661"}, {"a": "K"}]
    assert jsonpath.compile("$[?(@.a =~ /[[a]c]/)].a").find(items) == ["a"]
    assert jsonpath.compile("$[?(@.a =~ /\\d|k/i)].a").find(items) == ["K"]


@pytest.mark.parametrize("text", ["$..*", "$..*..*", "$..a", "$..[*]"])
def test_what_is_selected_has_a_limit(text: str) -> None:
    document: Any = {"a": "x" * 200_000}
    for _ in range(400):
        document = {"a": document}
    with pytest.raises(jsonpath.PathNotApplicable, match="selects more than"):
        jsonpath.compile(text).find(document)


def test_an_index_many_times_has_a_limit() -> None:
    with pytest.raises(jsonpath.PathNotApplicable, match="selects more than"):
        jsonpath.compile("$[" + ",".join("0" * 1000) + "]").find(["x" * 200_000])
    assert jsonpath.compile("$[0,0,0]").find(["x"]) == ["x", "x", "x"]
