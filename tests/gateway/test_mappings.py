from __future__ import annotations

import json

import pytest

from gateway.requests import received, routed
from stategate.gateway.mappings import (
    InvalidMapping,
    compile_request_mapping,
    compile_response_mapping,
    request_source,
    response_source,
)
from stategate.gateway.stages import IntegrationResult


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("method.request.path.id", "4%202"),
        ("method.request.path.other", None),
        ("method.request.querystring.a", "2"),
        ("method.request.querystring.c", None),
        ("method.request.multivaluequerystring.a", ["1", "2"]),
        ("method.request.multivaluequerystring.c", None),
        ("method.request.header.X-Many", "two"),
        ("method.request.header.x-many", "two"),
        ("method.request.multivalueheader.X-Many", "one,two"),
        ("method.request.header.None", None),
        ("method.request.body.user_id", "u7"),
        ("method.request.body.deep.n[1]", "2.5"),
        ("method.request.body.deep", '{"n":[1,2.5]}'),
        ("method.request.body.nothing", None),
        ("stageVariables.colour", "blue"),
        ("stageVariables.none", None),
        ("context.apiId", "abcdefghij"),
        ("context.identity.sourceIp", "10.0.0.9"),
        ("context.identity.user", None),
        ("context.requestTimeEpoch", "1700000000123"),
        ("'it is static'", "it is static"),
        ("''", ""),
    ],
)
def test_sources_of_a_request(expression: str, expected: object) -> None:
    assert request_source(expression)(routed()) == expected


def test_an_empty_body_maps_as_an_empty_object() -> None:
    assert request_source("method.request.body")(routed(received(body=b""))) == "{}"
    assert request_source("method.request.body.a")(routed(received(body=b"not json"))) is None


@pytest.mark.parametrize(
    "expression",
    [
        "true",
        "static",
        "method.request.cookie.a",
        "method.request.path.",
        "'open",
        "context.",
        "integration.response.body",
        "",
    ],
)
def test_invalid_sources(expression: str) -> None:
    with pytest.raises(InvalidMapping) as caught:
        request_source(expression)
    assert caught.value.text == expression


@pytest.mark.parametrize(
    "target", ["integration.request.body.x", "method.request.header.x", "integration.request.header.", "x"]
)
def test_invalid_targets(target: str) -> None:
    with pytest.raises(InvalidMapping):
        compile_request_mapping(target, "'x'")
    with pytest.raises(InvalidMapping):
        compile_response_mapping(target, "'x'")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("integration.response.header.ETag", "b"),
        ("integration.response.multivalueheader.etag", ["a", "b"]),
        ("integration.response.header.none", None),
        ("integration.response.body", '{"error": {"code": 7}}'),
        ("integration.response.body.error.code", "7"),
        ("context.stage", "prod"),
        ("stageVariables.colour", "blue"),
        ("'*'", "*"),
    ],
)
def test_sources_of_a_response(expression: str, expected: object) -> None:
    result = IntegrationResult(200, (("ETag", "a"), ("etag", "b")), b'{"error": {"code": 7}}', "200")
    assert response_source(expression)(routed(), result) == expected


@pytest.mark.parametrize(
    ("message", "expression", "expected"),
    [
        ('{"type": "Bad", "trace": {"line": 7}}', "errorMessage.trace.line", "7"),
        ('{"type": "Bad", "trace": {"line": 7}}', "errorMessage.type", "Bad"),
        ('{"type": "Bad"}', "errorMessage", '{"type": "Bad"}'),
        ('{"type": "Bad"}', "errorType", "E"),
        ('{"type"', "errorMessage.type", None),
        ("text", "errorMessage.type", None),
    ],
)
def test_headers_are_mapped_from_the_json_in_an_error_message(
    message: str, expression: str, expected: str | None
) -> None:
    body = json.dumps({"errorMessage": message, "errorType": "E"}).encode()
    read = response_source(f"integration.response.body.{expression}")
    assert read(routed(), IntegrationResult(200, (), body, message)) == expected


@pytest.mark.parametrize(
    ("expression", "slow"),
    [
        ("method.request.body.a.b", False),
        ("method.request.body.$..a", True),
        ("method.request.body.a[?(@.b =~ /x/)]", True),
        ("'../a =~ b...'", False),
    ],
)
def test_what_may_take_long(expression: str, slow: bool) -> None:
    assert compile_request_mapping("integration.request.header.x", expression).slow is slow
