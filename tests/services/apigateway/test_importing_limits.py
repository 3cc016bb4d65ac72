"""Documents that define or refer to more than any API has: refused soon, and time that grows with size."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from services.apigateway.gatewayworld import GatewayWorld
from services.apigateway.test_importing import document, imported, operation, refused


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def grown(count: int, **members: Any) -> dict[str, Any]:
    return document(paths={f"/a{n}": {"get": operation(**members)} for n in range(count)})


MANY: dict[str, Any] = {f"h{n}": {} for n in range(3000)}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            document(paths={f"/a{n}": {"$ref": "#/components/big"} for n in range(3000)}, components={"big": MANY}),
            "Invalid OpenAPI input.",
        ),
        (
            grown(3000, responses={"200": {"$ref": "#/components/responses/big"}})
            | {"components": {"responses": {"big": {"headers": MANY}}}},
            "Invalid OpenAPI input.",
        ),
        (grown(3000) | {"security": [{name: []} for name in MANY]}, "Invalid OpenAPI input."),
        (grown(5001), "Unable to create REST API: The document has 5001 paths, at most 5000 are allowed"),
        (
            document(components={"schemas": {f"M{n}": {} for n in range(5001)}}),
            "The document has 5001 models, at most 5000 are allowed",
        ),
        (document(paths={"/a" * 100_000: {"get": operation()}}), "A path has at most 1600 characters"),
        (document(paths={"/a": {"get": operation()}, "/a/": {"post": operation()}}), "The path /a is there twice"),
    ],
    ids=["paths", "responses", "security", "many paths", "many models", "long path", "same path"],
)
def test_more_than_any_api_is_refused_quickly(world: GatewayWorld, content: dict[str, Any], reason: str) -> None:
    started = time.process_time()
    assert reason in refused(world, content)
    assert time.process_time() - started < 10


def test_the_time_of_an_import_grows_with_its_size(world: GatewayWorld) -> None:
    schemas: dict[str, dict[str, Any]]
    schemas = {f"M{n}": {"items": {"$ref": f"#/components/schemas/M{(n + 1) % 1000}"}} for n in range(1000)}
    schemas["M7"] |= {"type": "none"}
    parts = [{"location": {"type": "RESOURCE", "path": f"/a{n}"}, "properties": {"a": n}} for n in range(4000)]
    documented = {"x-amazon-apigateway-documentation": {"documentationParts": parts}}
    content = grown(1500) | {"components": {"schemas": schemas}} | documented
    started = time.process_time()
    made = imported(world, content)
    world("ImportDocumentationParts", restApiId=made["id"], body=json.dumps(content).encode(), mode="overwrite")
    assert time.process_time() - started < 15
    assert [warning.split(" can't")[0] for warning in made["warnings"]] == ["One of the models"]
    assert len(world("GetDocumentationParts", restApiId=made["id"], limit=500)["items"]) == 500
