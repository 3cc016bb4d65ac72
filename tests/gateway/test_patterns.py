from __future__ import annotations

import pytest

from stategate.gateway.patterns import InvalidPattern, PatternTimeout, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("200", "200", True),
        ("200", "2000", False),
        (r"2\d{2}", "204", True),
        (r"2\d{2}", "404", False),
        (".+", "any error", True),
        (".+", "", False),
        (".*four hundred.*", "it is four hundred!", True),
        (".*x", "a\nx", False),
        (r"(\n|.)+", "a\nx", True),
        ("4[0-9]++", "400", True),
    ],
)
def test_full_match(pattern: str, text: str, expected: bool) -> None:
    assert compile_pattern(pattern)(text, 1.0) is expected


@pytest.mark.parametrize("pattern", ["(", "[a", "*"])
def test_invalid(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        compile_pattern(pattern)


def test_a_catastrophic_pattern_ends() -> None:
    matches = compile_pattern(r"(a|aa)+b?")
    with pytest.raises(PatternTimeout):
        matches("a" * 80 + "!", 0.1)
