"""Schemas and models: a document's schemas become models, and models a document's schemas.

Models refer to each other by URL (`https://apigateway.<region>.amazonaws.com/restapis/<api>/models/<name>`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from stategate.gateway.model import Model
from stategate.gateway.openapi.definition import Definition, Problem
from stategate.gateway.openapi.reading import children, mapping, reference, text

PLACES = ("#/definitions/", "#/components/schemas/")
_URL = re.compile(r"https?://[^/]+/restapis/[^/]+/models/([^/]+)\Z")
_NAME = re.compile(r"[A-Za-z0-9]+\Z")


class Models:
    """Collects the models of a document; inline schemas get names of their own, as AWS names them (`MODEL1a2b3c`)."""

    def __init__(self, definition: Definition, url: str) -> None:
        self._definition = definition
        self._url = url

    def declared(self, schemas: Any) -> None:
        for name, schema in children(schemas):
            if _NAME.match(name) is None:
                what = f"Unable to create model for '{name}'"
                self._definition.errors.append(Problem(what, f"Model name must be alphanumeric: {name}"))
                continue
            self._add(name, schema)

    def named(self, schema: Any) -> str | None:
        """The model that a schema stands for; None for no schema. An inline one becomes a model."""
        if not isinstance(schema, dict):
            return None
        name = reference(schema, *PLACES)
        if name is not None:
            return name
        generated = f"MODEL{hashlib.sha256(_canonical(schema).encode()).hexdigest()[:6]}"
        if generated not in self._definition.models:
            self._add(generated, schema)
        return generated

    def _add(self, name: str, schema: dict[str, Any]) -> None:
        written = json.dumps(
            refs_rewritten(schema, self._to_url), indent=2, separators=(",", " : "), ensure_ascii=False
        )
        self._definition.models[name] = Model("", name, "application/json", written, text(schema.get("description")))

    def _to_url(self, target: str) -> str:
        name = reference({"$ref": target}, *PLACES)
        return target if name is None else f"{self._url}{name}"


def exported(models: Mapping[str, Model], place: str) -> dict[str, Any]:
    """The models as a document's schemas; `place` is where they stand, as in `#/definitions/`."""

    def to_place(target: str) -> str:
        found = _URL.match(target)
        return f"{place}{found[1]}" if found else target

    schemas: dict[str, Any] = {}
    for name, model in models.items():
        schema = _object(model.schema)
        schemas[name] = {"type": "string"} if schema is None else refs_rewritten(schema, to_place)
    return schemas


def flattened(schema: str, models: Mapping[str, str]) -> str:
    """A schema whose references to models are to `#/definitions/<name>`, with these models in `definitions`.

    What is no JSON object comes back as it is.
    """
    needed: dict[str, Any] = {}
    waiting: list[str] = []

    def to_place(target: str) -> str:
        found = _URL.match(target)
        if found is None or found[1] not in models:
            return target
        if found[1] not in needed:
            needed[found[1]] = {}
            waiting.append(found[1])
        return f"#/definitions/{found[1]}"

    top = _object(schema)
    if top is None:
        return schema
    top = refs_rewritten(top, to_place)
    while waiting:
        name = waiting.pop()
        needed[name] = refs_rewritten(_object(models[name]) or {}, to_place)
    if needed:
        top["definitions"] = {**mapping(top.get("definitions")), **needed}
    return json.dumps(top, indent=2, separators=(",", " : "), ensure_ascii=False)


def _object(schema: str) -> dict[str, Any] | None:
    try:
        value = json.loads(schema)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def refs_rewritten(value: Any, change: Callable[[str], str]) -> Any:
    """A copy of a schema in which every `$ref` went through `change`."""
    if isinstance(value, list):
        return [refs_rewritten(item, change) for item in value]
    if isinstance(value, dict):
        return {
            name: change(item) if name == "$ref" and isinstance(item, str) else refs_rewritten(item, change)
            for name, item in value.items()
        }
    return value


def _canonical(schema: dict[str, Any]) -> str:
    return json.dumps(schema, sort_keys=True, separators=(",", ":"))
