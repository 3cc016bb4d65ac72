from __future__ import annotations

import json
import time
from typing import Any

import pytest

from gateway.requests import received, routed
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.model import Method, Model, RequestValidator, Snapshot
from stategate.gateway.schemas import InvalidSchema, compile_schema
from stategate.gateway.validation import compile_validator

URL = "https://apigateway.amazonaws.com/restapis/abc/models/"


def models(**schemas: Any) -> tuple[Model, ...]:
    return tuple(Model(name, name, "application/json", json.dumps(schema)) for name, schema in schemas.items())


def validate(body: bytes, content_type: str | None = "application/json", /, **schemas: Any) -> GatewayFailure | None:
    """The failure of a body against the model `M`, if there is one."""
    method = Method("POST", request_validator_id="v", request_models={"application/json": "M"})
    snapshot = Snapshot((), models(**schemas), (RequestValidator("v", "v", True, False),))
    headers = (("Content-Type", content_type),) if content_type else ()
    check = compile_validator(method, snapshot)
    assert check is not None
    try:
        check(routed(received(body=body, headers=headers)))
    except GatewayFailure as failure:
        return failure
    return None


POINT = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}


def test_a_model_refers_to_another_by_url() -> None:
    schemas = {"M": {"type": "array", "items": {"$ref": URL + "P"}}, "P": POINT}
    assert validate(b'[{"a": 1, "b": 2}]', **schemas) is None
    failure = validate(b'[{"a": 1}]', **schemas)
    assert failure is not None
    assert (failure.response_type, failure.message) == ("BAD_REQUEST_BODY", "Invalid request body")
    assert failure.validation_error == '[object has missing required properties (["b"])]'


def test_models_may_refer_to_each_other_in_circles() -> None:
    schemas = {
        "M": {"type": "object", "properties": {"home": {"$ref": URL + "H"}}, "required": ["home"]},
        "H": {"type": "object", "properties": {"people": {"type": "array", "items": {"$ref": URL + "M"}}}},
    }
    assert validate(b'{"home": {"people": [{"home": {}}]}}', **schemas) is None
    assert validate(b'{"home": {"people": [{}]}}', **schemas) is not None


@pytest.mark.parametrize("body", [b"", b"  ", b"{}"])
def test_an_empty_body_is_an_empty_object(body: bytes) -> None:
    assert validate(body, M={"type": "object"}) is None
    assert validate(body, M=POINT) is not None
    assert validate(body, M={"type": "array"}) is not None


def test_the_model_is_chosen_by_the_media_type() -> None:
    assert validate(b"[]", "application/json; charset=utf-8", M={"type": "object"}) is not None
    assert validate(b"[]", None, M={"type": "object"}) is not None
    assert validate(b"[]", "text/plain", M={"type": "object"}) is None


def test_text_that_is_no_json_is_invalid() -> None:
    assert validate(b'{"a": ', M={}) is not None


def test_a_model_that_cannot_be_compiled_lets_nothing_pass() -> None:
    failure = validate(b"{}", M={"$ref": URL + "Missing"})
    assert failure is not None
    assert failure.response_type == "API_CONFIGURATION_ERROR"


def test_nothing_else_is_fetched() -> None:
    with pytest.raises(InvalidSchema):
        compile_schema('{"$ref": "http://127.0.0.1:1/schema.json"}', {})
    with pytest.raises(InvalidSchema):
        compile_schema('{"$ref": "file:///etc/passwd"}', {})


def test_draft_4_whatever_the_schema_says() -> None:
    check = compile_schema('{"$schema": "http://json-schema.org/draft-07/schema#", "const": 1}', {})
    assert check(2) is None  # `const` came with draft 6
    exclusive = compile_schema('{"minimum": 3, "exclusiveMinimum": true}', {})
    assert exclusive(3) is not None


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (
            {"type": "object"},
            [],
            'instance type (array) does not match any allowed primitive type (allowed: ["object"])',
        ),
        (
            {"type": "number"},
            "x",
            'instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])',
        ),
        ({"enum": ["a", "b"]}, "c", 'instance value ("c") not found in enum (possible values: ["a","b"])'),
        ({"minLength": 3}, "ab", 'string "ab" is too short (length: 2, required minimum: 3)'),
        ({"maximum": 3}, 4, "numeric instance is greater than the required maximum (maximum: 3, found: 4)"),
        ({"required": ["b", "a"]}, {}, 'object has missing required properties (["a","b"])'),
        ({"pattern": "^x$"}, "y", 'ECMA 262 regex "^x$" does not match input string "y"'),
        (
            {"minimum": 3, "exclusiveMinimum": True},
            3,
            "numeric instance is not strictly greater than the required minimum 3",
        ),
        (
            {"maximum": 3, "exclusiveMaximum": True},
            3,
            "numeric instance is not strictly lower than the required maximum 3",
        ),
        ({"multipleOf": 3}, 4, "remainder of division is not zero (4 / 3)"),
        ({"oneOf": [{}, {}]}, 1, "instance failed to match exactly one schema (matched 2 out of 2)"),
        ({"not": {}}, 1, "instance matched a schema which it should not have"),
        ({"minProperties": 1}, {}, "object has too few properties (found 0 but schema requires at least 1)"),
        ({"maxProperties": 0}, {"a": 1}, "object has too many properties (found 1 but schema requires at most 0)"),
        ({"format": "email"}, "x", 'string "x" is not a valid email address'),
        (
            {"pattern": "^(a|aa)+\\1$"},
            "a" * 5000 + "b",
            "Error executing regex: Max limit for backtracking count exceeded",
        ),
    ],
)
def test_failures_are_told_as_aws_does(schema: dict[str, Any], value: object, message: str) -> None:
    assert compile_schema(json.dumps(schema), {})(value) == f"[{message}]"


def test_patterns_and_depth_are_bounded() -> None:
    start = time.process_time()
    assert compile_schema(json.dumps({"pattern": "^(a+)+\\1$"}), {})("a" * 5000 + "b") is not None
    deep: Any = []
    for _ in range(20_000):
        deep = [deep]
    compile_schema('{"type": "array", "items": {"$ref": "#"}}', {})(deep)
    assert validate(b"[" * 200_000, M={}) is not None
    assert time.process_time() - start < 20
