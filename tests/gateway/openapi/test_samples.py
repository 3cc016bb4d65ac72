"""Templates made from models: they are templates, and what they render is JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stategate.gateway.openapi.samples import sample_template
from stategate.gateway.templates import check_template

MODELS = {
    "Pet": {"type": "object", "properties": {"id": {"type": "integer"}, "tags": {"type": "array", "items": {}}}},
    "Node": {"type": "object", "properties": {"next": {"$ref": "x/Node"}}},
}


def resolve(target: str) -> Any:
    return MODELS.get(target.rpartition("/")[2])


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "object"}, {}),
        ({"type": "string"}, "foo"),
        ({"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "boolean"}}}, {"a": 3.14, "b": True}),
        ({"$ref": "x/Node"}, {"next": {}}),
        ({"$ref": "x/None"}, {}),
        (None, {}),
    ],
)
def test_samples(schema: Any, value: Any) -> None:
    head, _, sample = sample_template(schema, resolve).partition("\n")
    assert head == "#set($inputRoot = $input.path('$'))"
    assert json.loads(sample) == value


def test_arrays_are_loops() -> None:
    template = sample_template({"type": "array", "items": {"$ref": "x/Pet"}}, resolve)
    check_template(template)
    assert "#foreach($elem in $inputRoot)" in template and "#foreach($elem in $elem.tags)" in template


def test_models_that_multiply_are_cut() -> None:
    wide = {
        f"p{n}": {"type": "object", "properties": {f"q{m}": {"$ref": f"x/W{m}"} for m in range(10)}} for n in range(9)
    }
    schema = {"type": "object", "properties": wide}

    def everything(target: str) -> Any:
        return schema

    assert len(sample_template(schema, everything)) < 1_000_000
