from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stategate.gateway import media

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "corpus" / "gateway" / "passthrough.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("behaviour", ["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['templates']} {case['type']}")
def test_passthrough(case: dict[str, Any], behaviour: str) -> None:
    templates = {key: f"template of {key}" for key in case["templates"]}
    try:
        chosen, template = media.request_template(templates, media.media_type(case["type"]), behaviour)
        got = "template" if chosen else "pass"
        assert (template is not None) == chosen
    except media.NoTemplate:
        got = "415"
    assert got == case[behaviour]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/html,application/xml;q=0.9", "text/html"),
        ("a/b; q=1", "a/b"),
    ],
)
def test_accepted_type(accept: str | None, expected: str) -> None:
    assert media.accepted_type(accept) == expected


def test_a_response_without_a_matching_template_takes_the_first() -> None:
    assert media.response_template({"application/xml": 1, "text/plain": 2}, "application/json") == (
        "application/xml",
        1,
    )
    assert media.response_template({"application/xml": 1, "text/plain": 2}, "text/plain") == ("text/plain", 2)
    assert media.response_template({}, "text/plain") is None


@pytest.mark.parametrize(
    ("content_type", "types", "binary"),
    [
        ("image/png", ("image/png",), True),
        ("image/png", ("image/*",), True),
        ("text/plain", ("*/*",), True),
        ("text/plain", ("image/*",), False),
        ("x", (), False),
    ],
)
def test_binary(content_type: str, types: tuple[str, ...], binary: bool) -> None:
    assert media.is_binary(content_type, types) is binary
