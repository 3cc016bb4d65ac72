"""Pages whose lists change between them."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stategate.services.pages import InvalidMarker, cut


@given(st.sets(st.tuples(st.text(max_size=3), st.integers())), st.integers(1, 5), st.booleans(), st.booleans())
def test_every_item_comes_once_also_if_what_was_shown_is_deleted(
    places: set[tuple[str, int]], limit: int, descending: bool, delete: bool
) -> None:
    left, marker, seen = sorted(places, reverse=descending), None, []
    while True:
        shown, marker = cut(((place, place) for place in left), limit, marker, descending=descending)
        seen += shown
        if delete:
            left = [place for place in left if place not in shown]
        if marker is None:
            break
    assert seen == sorted(places, reverse=descending)


@pytest.mark.parametrize("value", ["x", {"a": 1}, [1.5], [None], [[]], [1], 7])
def test_what_is_no_marker(value: object) -> None:
    marker = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
    with pytest.raises(InvalidMarker):
        cut([(("a",), 1), (("b",), 2)], 1, marker)


@pytest.mark.parametrize("marker", ["", "zz", "!", "é"])
def test_what_is_no_base64(marker: str) -> None:
    with pytest.raises(InvalidMarker):
        cut([], 1, marker)
