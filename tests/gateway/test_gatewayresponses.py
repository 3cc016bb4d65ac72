"""Gateway responses: AWS's defaults, and every type customised."""

from __future__ import annotations

import json

import pytest

from gateway.requests import received, routed
from stategate.gateway.context import build_context
from stategate.gateway.failures import DEFAULT_TEMPLATE, NOT_CUSTOMISABLE, RESPONSE_TYPES, GatewayFailure
from stategate.gateway.gatewayresponses import compile_gateway_responses
from stategate.gateway.model import GatewayResponse
from stategate.gateway.stages import Reply

FAILURES = sorted(name for name in RESPONSE_TYPES if not name.startswith("DEFAULT_"))
SECRET = (("Accept", "application/xml"), ("X-Client", "c"))


def answer(failure: GatewayFailure, *responses: GatewayResponse, early: bool = False) -> Reply:
    """`early`: nothing was routed yet."""
    request = received(headers=SECRET)
    view = None if early else routed(request)
    context = build_context(request, None) if view is None else view.context
    return compile_gateway_responses(responses)(failure, request, view, context)


@pytest.mark.parametrize("kind", FAILURES)
def test_defaults(kind: str) -> None:
    reply = answer(GatewayFailure(kind))
    known = RESPONSE_TYPES[kind]
    assert reply.status == known.status
    assert dict(reply.headers) == {"Content-Type": "application/json", "x-amzn-ErrorType": known.error_type}
    assert json.loads(reply.body) == {"Message" if kind == "ACCESS_DENIED" else "message": known.message}


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("kind", FAILURES)
def test_customised(kind: str, early: bool) -> None:
    response = GatewayResponse(
        kind,
        "418",
        {
            "gatewayresponse.header.X-Static": "'s'",
            "gatewayresponse.header.X-Client": "method.request.header.X-Client",
            "gatewayresponse.header.X-Stage": "context.stage",
            "gatewayresponse.header.X-None": "method.request.querystring.none",
        },
        {
            "application/json": '{"no": 1}',
            "application/xml": "<e>$context.error.responseType ${stageVariables.colour}$context.none"
            " $method.request.header.X-Client ${method.request.querystring.none}${method.request.body.deep}</e>",
        },
    )
    reply = answer(GatewayFailure(kind), response, early=early)
    if kind in NOT_CUSTOMISABLE:
        assert reply.status == RESPONSE_TYPES[kind].status
        return
    headers = dict(reply.headers)
    assert (reply.status, reply.body) == (418, f"<e>{kind} blue c </e>".encode())
    assert (headers["X-Static"], headers["X-Client"], headers["X-Stage"]) == ("s", "c", "prod")
    assert headers["Content-Type"] == "application/xml"
    assert "X-None" not in headers


@pytest.mark.parametrize("kind", FAILURES)
def test_the_class_of_a_type(kind: str) -> None:
    four = GatewayResponse("DEFAULT_4XX", "499", {}, {"application/json": "4"})
    five = GatewayResponse("DEFAULT_5XX", "599", {}, {"application/json": "5"})
    reply = answer(GatewayFailure(kind), four, five)
    status = RESPONSE_TYPES[kind].status or 0
    if kind in NOT_CUSTOMISABLE:
        assert reply.status == status
    else:
        assert (reply.status, reply.body) == ((499, b"4") if status < 500 else (599, b"5"))


def test_a_type_wins_over_its_class_and_keeps_its_own_status() -> None:
    own = GatewayResponse("UNAUTHORIZED", None, {}, {"application/json": "own"})
    default = GatewayResponse("DEFAULT_4XX", "499", {}, {"application/json": DEFAULT_TEMPLATE})
    reply = answer(GatewayFailure("UNAUTHORIZED"), default, own)
    assert (reply.status, reply.body) == (401, b"own")


def test_messages_are_quoted_where_a_template_asks_for_it() -> None:
    template = (
        '{"m":$context.error.messageString,"t":"$context.error.message","v":"$context.error.validationErrorString"}'
    )
    response = GatewayResponse("BAD_REQUEST_BODY", None, {}, {"application/json": template})
    reply = answer(GatewayFailure("BAD_REQUEST_BODY", 'a "b"', validation_error="[x]"), response)
    assert reply.body == b'{"m":"a \\"b\\"","t":"a "b"","v":"[x]"}'
