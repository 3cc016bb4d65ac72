from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.requests import AROUND, received, routed
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.proxy import proxy_event, proxy_reply
from stategate.gateway.stages import Authorized, IntegrationResult, Received, Reply


def reply(answer: object, request: Received | None = None, failed: bool = False) -> Reply:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return proxy_reply(routed(request or received()), IntegrationResult(200, (), body, ""), failed)


def test_the_event() -> None:
    event = json.loads(proxy_event(Authorized(routed())))
    assert list(event) == [
        "resource",
        "path",
        "httpMethod",
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "requestContext",
        "body",
        "isBase64Encoded",
    ]
    assert (event["resource"], event["path"]) == ("/recipes/{id}/move", "/recipes/42/move")
    assert event["queryStringParameters"] == {"a": "2", "b": "x y"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["x y"]}
    assert event["headers"]["X-Many"] == "two"
    assert event["multiValueHeaders"]["X-Many"] == ["one", "two"]
    assert event["pathParameters"] == {"id": "4%202"}
    assert event["stageVariables"] == {"colour": "blue"}
    assert event["requestContext"]["requestTimeEpoch"] == 1_700_000_000_123
    assert event["requestContext"]["identity"]["sourceIp"] == "10.0.0.9"
    assert event["requestContext"]["identity"]["user"] is None
    assert "requestOverride" not in event["requestContext"]
    assert event["body"] == '{"user_id": "u7", "deep": {"n": [1, 2.5]}}'


def test_what_is_empty_is_null() -> None:
    request = received(query=(), body=b"", method="GET", around=replace(AROUND, variables={}))
    event = json.loads(proxy_event(Authorized(routed(request, path_parameters={}))))
    for name in (
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "body",
    ):
        assert event[name] is None


def test_binary_bodies_are_base64() -> None:
    request = received(
        headers=(("Content-Type", "image/png"),),
        body=b"\x89PNG",
        around=replace(AROUND, binary_media_types=("image/*",)),
    )
    event = json.loads(proxy_event(Authorized(routed(request))))
    assert (event["body"], event["isBase64Encoded"]) == ("iVBORw==", True)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        ({"statusCode": 200, "body": "hi"}, 200, b"hi"),
        ({"statusCode": "201"}, 201, b""),
        ({"headers": {"a": "b"}}, 200, b""),
        ({"statusCode": 204, "body": None}, 204, b""),
        ({}, 200, b""),
        ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}, 200, b"aGk="),
    ],
)
def test_answers(answer: object, status: int, body: bytes) -> None:
    got = reply(answer)
    assert (got.status, got.body) == (status, body)
    assert ("Content-Type", "application/json") in got.headers


@pytest.mark.parametrize(
    "answer",
    [
        "justAString",
        None,
        [],
        b"not json",
        {"statusCode": 200, "wrongValue": 1},
        {"statusCode": "abc"},
        {"statusCode": None},
        {"statusCode": True},
        {"statusCode": 99},
        {"statusCode": 101},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": []},
        {"statusCode": 200, "multiValueHeaders": {"a": "b"}},
    ],
)
def test_malformed_answers(answer: object) -> None:
    with pytest.raises(GatewayFailure) as caught:
        reply(answer)
    assert (caught.value.status, caught.value.message) == (502, "Internal server error")
    assert caught.value.log == "Malformed Lambda proxy response"


def test_a_function_error_is_502() -> None:
    with pytest.raises(GatewayFailure) as caught:
        proxy_reply(routed(), IntegrationResult(200, (("x-amzn-RequestId", "r1"),), b"{}", "no"), True)
    assert caught.value.status == 502
    assert caught.value.log is None
    line = "Lambda execution failed with status 200 due to customer function error: no. Lambda request id: r1"
    assert caught.value.line == line


def test_headers_are_merged_and_remapped() -> None:
    got = reply(
        {
            "headers": {"test-multi": "value-solo", "flag": True, "Content-Length": "7", "content-type": "text/plain"},
            "multiValueHeaders": {"Test-Multi": ["value-multi"]},
        }
    )
    assert got.headers == (
        ("Test-Multi", "value-multi"),
        ("Test-Multi", "value-solo"),
        ("flag", "true"),
        ("x-amzn-Remapped-Content-Length", "7"),
        ("content-type", "text/plain"),
    )


def test_base64_is_decoded_for_clients_that_accept_it() -> None:
    around = replace(AROUND, binary_media_types=("image/png",))
    answer = {"body": "iVBORw==", "isBase64Encoded": True}
    assert reply(answer, received(around=around, headers=(("Accept", "image/png"),))).body == b"\x89PNG"
    assert reply(answer, received(around=around, headers=(("Accept", "text/html"),))).body == b"iVBORw=="
