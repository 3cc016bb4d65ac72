"""HTTP and HTTP_PROXY integrations: what the endpoint gets, and what becomes of its answer, as recorded."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from services.apigateway.gatewayworld import GatewayWorld
from stategate.gateway.mappings import declared_parameter
from stategate.services.ports import OutboundError, OutboundResponse

URL = "https://example.com/pets"


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def deployed(world: GatewayWorld, kind: str, verb: str = "POST", uri: str = URL, **integration: Any) -> str:
    api, ids = world.api("/pets/{id}")
    where = {"restApiId": api, "resourceId": ids["/pets/{id}"], "httpMethod": verb}
    read = [declared_parameter(source) for source in integration.get("requestParameters", {}).values()]
    declared = {name: False for name in read if name is not None} | {"method.request.path.id": True}
    world("PutMethod", **where, authorizationType="NONE", requestParameters=declared)
    world("PutMethodResponse", **where, statusCode="200", responseParameters={"method.response.header.X-Out": True})
    given = {"integrationHttpMethod": "POST", **integration}
    world("PutIntegration", **where, type=kind, uri=uri, **given)
    out = {"method.response.header.X-Out": "integration.response.header.X-Back"}
    world("PutIntegrationResponse", **where, statusCode="200", responseParameters=out)
    world.deploy(api)
    return api


def sent(world: GatewayWorld) -> dict[str, str]:
    return dict(world.outbound.requests[-1].headers)


def test_http_sends_what_is_mapped_and_its_own_headers(world: GatewayWorld) -> None:
    api = deployed(world, "HTTP", requestParameters={"integration.request.header.X-Id": "method.request.path.id"})
    answer = world.request(
        api, "POST", "/pets/7?q=1", headers={"X-Other": "o", "Content-Type": "application/json"}, body=b'{"a": 1}'
    )
    request = world.outbound.requests[-1]
    assert (answer.status, request.method, request.url, request.body) == (200, "POST", URL, b'{"a": 1}')
    headers = sent(world)
    trace = headers.pop("X-Amzn-Trace-Id")
    assert headers == {
        "Accept": "application/json",
        "User-Agent": f"AmazonAPIGateway_{api}",
        "Content-Type": "application/json",
        "X-Id": "7",
        "X-Amzn-Apigateway-Api-Id": api,
    }
    assert (answer.header("x-amzn-trace-id") or "").startswith(f"{trace};Parent=")


def test_http_of_a_get_has_no_content_type(world: GatewayWorld) -> None:
    api = deployed(world, "HTTP", "GET")
    world.request(api, "GET", "/pets/7", headers={"Content-Type": "application/json"})
    assert "Content-Type" not in sent(world)


def test_the_proxy_forwards_headers_and_appends_query_values(world: GatewayWorld) -> None:
    api = deployed(
        world,
        "HTTP_PROXY",
        uri=URL + "?testVar={pathVar}&testQs={qsVar}",
        requestParameters={
            "integration.request.header.headerVar": "method.request.header.foobar",
            "integration.request.path.qsVar": "method.request.querystring.testVar",
            "integration.request.path.pathVar": "method.request.path.id",
            "integration.request.querystring.queryString": "method.request.querystring.testQueryString",
            "integration.request.querystring.testQs": "method.request.querystring.testQueryString",
            "integration.request.querystring.testEmptyQs": "method.request.header.emptyheader",
        },
    )
    world.request(
        api,
        "POST",
        "/pets/foobar?testQueryString=foo&testVar=bar",
        headers={"foobar": "mapped-value", "headerVar": "request-value", "Content-Encoding": "x", "Via": "y"},
        body=b"raw",
    )
    request = world.outbound.requests[-1]
    assert request.url == (
        URL + "?testVar=foobar&testVar=bar&testQs=bar&testQs=foo&testQueryString=foo&queryString=foo"
    )
    headers = {name.lower(): value for name, value in request.headers}
    assert headers["headervar"] == headers["foobar"] == "mapped-value"
    assert not headers.keys() & {"host", "content-encoding"}
    assert headers["via"].startswith("y, 1.1 ")
    assert headers["x-forwarded-for"] == "10.0.0.9, 127.0.0.1"
    assert request.body == b"raw"


def test_the_answer_of_a_proxy_is_the_clients(world: GatewayWorld) -> None:
    api = deployed(world, "HTTP_PROXY")
    headers = (("Content-Type", "text/plain"), ("Date", "d"), ("Server", "s"), ("Connection", "c"), ("X-A", "1"))
    world.outbound.answer = OutboundResponse(418, headers, b"tea")
    answer = world.request(api, "POST", "/pets/7")
    assert (answer.status, answer.body, answer.header("content-type")) == (418, b"tea", "text/plain")
    assert (answer.header("x-amzn-Remapped-Date"), answer.header("x-amzn-Remapped-Server")) == ("d", "s")
    assert answer.header("x-a") == "1"
    assert answer.header("x-amzn-trace-id") is None


def test_redirects_are_passed_on(world: GatewayWorld) -> None:
    api = deployed(world, "HTTP_PROXY")
    world.outbound.answer = OutboundResponse(302, (("Location", "https://else.where/"),), b"")
    answer = world.request(api, "POST", "/pets/7")
    assert (answer.status, answer.header("location")) == (302, "https://else.where/")
    assert len(world.outbound.requests) == 1


def test_the_status_selects_the_response_of_http(world: GatewayWorld) -> None:
    api = deployed(world, "HTTP")
    world.outbound.answer = OutboundResponse(503, (("X-Back", "back"), ("X-Lost", "l")), b'{"x":1}')
    answer = world.request(api, "POST", "/pets/7")
    assert (answer.status, answer.body, answer.header("x-out"), answer.header("x-lost")) == (
        200,
        b'{"x":1}',
        "back",
        None,
    )


def test_a_compressed_answer_is_decompressed(world: GatewayWorld) -> None:
    api = deployed(world, "HTTP_PROXY")
    world.outbound.answer = OutboundResponse(200, (("Content-Encoding", "gzip"),), gzip.compress(b"plain"))
    answer = world.request(api, "POST", "/pets/7")
    assert (answer.body, answer.header("content-encoding")) == (b"plain", None)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (OutboundError("timeout", ""), 504, "Endpoint request timed out"),
        (OutboundError("connect", ""), 504, "Network error communicating with endpoint"),
        (OutboundError("protocol", ""), 504, "Network error communicating with endpoint"),
        (OutboundError("address", ""), 500, "Internal server error"),
        (OutboundError("tls", ""), 500, "Internal server error"),
        (OutboundError("too_large", ""), 500, "Internal server error"),
    ],
)
def test_no_answer(world: GatewayWorld, error: OutboundError, status: int, message: str) -> None:
    api = deployed(world, "HTTP_PROXY")
    world.outbound.answer = error
    answer = world.request(api, "POST", "/pets/7")
    assert (answer.status, json.loads(answer.body)) == (status, {"message": message})


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "X-Amzn-Trace-Id"])
def test_headers_that_must_not_be_mapped(world: GatewayWorld, name: str) -> None:
    api = deployed(world, "HTTP", requestParameters={f"integration.request.header.{name}": "'0'"})
    assert world.request(api, "POST", "/pets/7").status == 500
    assert not world.outbound.requests


@pytest.mark.parametrize("kind", ["HTTP", "AWS"])
@pytest.mark.parametrize(
    "template",
    [
        "#set($context.requestOverride.header['Content-Length'] = '1')",
        "#set($context.requestOverride.header.transfer-encoding = 'chunked')",
        "#set($context.requestOverride.header['a: b'] = 'v')",
        "#set($context.requestOverride.header['\u20ac'] = 'v')",
        "#set($context.requestOverride.header.a = $input.path('$.a'))",
    ],
)
def test_no_template_begins_another_header_or_request(world: GatewayWorld, kind: str, template: str) -> None:
    given: dict[str, Any] = {"requestTemplates": {"application/json": template + "{}"}}
    if kind == "AWS":
        role = world.role("Lists", allow="states:*")
        given |= {"uri": "arn:aws:apigateway:us-east-1:states:action/ListStateMachines", "credentials": role}
    api = deployed(world, kind, **given)
    answer = world.request(api, "POST", "/pets/1", body=b'{"a": "v\\r\\nb: c"}')
    assert (answer.status, world.outbound.requests) == (500, [])


def test_no_mapping_begins_another_header(world: GatewayWorld) -> None:
    api = deployed(world, "HTTP_PROXY", requestParameters={"integration.request.header.a": "method.request.body.a"})
    assert world.request(api, "POST", "/pets/1", body=b'{"a": "v\\r\\nb: c"}').status == 500
    assert world.outbound.requests == []


def test_a_variable_of_the_uri_without_a_value_is_a_wrong_address(world: GatewayWorld) -> None:
    api = deployed(world, "HTTP", uri="https://example.com/{nothing}")
    assert world.request(api, "POST", "/pets/7").status == 500
    assert not world.outbound.requests


@pytest.mark.parametrize("value", ["a b", "ä", "%20", "a?b=c", "a#b", "..%2f.."])
def test_path_values_cannot_leave_the_path(world: GatewayWorld, value: str) -> None:
    api = deployed(
        world,
        "HTTP_PROXY",
        uri="https://example.com/x/{id}/y",
        requestParameters={"integration.request.path.id": "method.request.querystring.v"},
    )
    from urllib.parse import quote

    world.request(api, "POST", f"/pets/7?v={quote(value)}")
    url = world.outbound.requests[-1].url
    assert url.startswith("https://example.com/x/")
    assert url.partition("?")[0].endswith("/y")
    assert url.isascii() and " " not in url and "#" not in url


@pytest.mark.parametrize(
    ("types", "accept", "body", "sent", "answered"),
    [
        ([], "image/png", b"\xff\x00", "\ufffd\x00".encode(), "\ufffd\x00".encode()),
        (["image/png"], "image/png", b"\xff\x00", b"\xff\x00", b"\xff\x00"),
        (["image/png"], "*/*", b"\xff\x00", b"\xff\x00", b"/wA="),
        (["*/*"], "*/*", b"\xff\x00", b"\xff\x00", b"\xff\x00"),
    ],
)
def test_bodies_of_proxies_are_text_unless_their_type_is_binary(
    world: GatewayWorld, types: list[str], accept: str, body: bytes, sent: bytes, answered: bytes
) -> None:
    """The table of content type conversions holds for HTTP proxies as well [developer guide]."""
    api, ids = world.api("/a", binaryMediaTypes=types)
    integration = {"type": "HTTP_PROXY", "integrationHttpMethod": "POST", "uri": URL}
    world.method(api, ids["/a"], "POST", integration, {})
    world.deploy(api)
    world.outbound.answer = OutboundResponse(200, (("Content-Type", "image/png"),), body)
    answer = world.request(api, "POST", "/a", headers={"Content-Type": "image/png", "Accept": accept}, body=body)
    assert (world.outbound.requests[-1].body, answer.body) == (sent, answered)
