"""COGNITO_USER_POOLS: tokens checked against an issuer's keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from services.apigateway.gatewayworld import GatewayWorld
from stategate.services.ports import OutboundError, OutboundResponse
from stategate.wire.http import HttpResponse

POOL = "arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_abc"
ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER = RSAKey.generate_key(2048, {"kid": "two"})


@pytest.fixture
def world() -> GatewayWorld:
    world = GatewayWorld()
    publish(world, KEY)
    return world


def publish(world: GatewayWorld, *keys: RSAKey) -> None:
    document = {"keys": [key.as_dict(private=False) for key in keys]}
    world.outbound.answer = OutboundResponse(200, (), json.dumps(document).encode())


def deployed(world: GatewayWorld, scopes: tuple[str, ...] = (), **members: Any) -> str:
    api, ids = world.api("/a")
    world.mock(api, ids["/a"], "GET", "$context.authorizer.claims.sub $context.authorizer.claims.n")
    source = "method.request.header.Authorization"
    made = world(
        "CreateAuthorizer",
        restApiId=api,
        name="pool",
        type="COGNITO_USER_POOLS",
        providerARNs=[POOL],
        identitySource=source,
        **members,
    )
    patches = [
        {"op": "replace", "path": "/authorizationType", "value": "COGNITO_USER_POOLS"},
        {"op": "replace", "path": "/authorizerId", "value": made["id"]},
        *({"op": "add", "path": "/authorizationScopes", "value": scope} for scope in scopes),
    ]
    world("UpdateMethod", restApiId=api, resourceId=ids["/a"], httpMethod="GET", patchOperations=patches)
    world.deploy(api)
    return api


def token(world: GatewayWorld, key: RSAKey = KEY, **claims: Any) -> str:
    now = int(world.clock.now())
    given = {"iss": ISSUER, "sub": "ann", "aud": "client", "token_use": "id", "exp": now + 60, "n": 1, **claims}
    return jwt.encode({"alg": "RS256", "kid": key.kid}, {k: v for k, v in given.items() if v is not None}, key)


def call(world: GatewayWorld, api: str, text: str | None) -> HttpResponse:
    return world.request(api, path="/a", headers={} if text is None else {"Authorization": text})


def test_a_valid_token(world: GatewayWorld) -> None:
    api = deployed(world)
    for text in (token(world), f"Bearer {token(world)}"):
        answer = call(world, api, text)
        assert (answer.status, answer.body) == (200, b"ann 1")
    assert [request.url for request in world.outbound.requests] == [ISSUER + "/.well-known/jwks.json"]


def test_what_is_not_accepted(world: GatewayWorld) -> None:
    api = deployed(world)
    valid = token(world)
    head, body, signature = valid.split(".")
    foreign = jwt.encode({"alg": "HS256", "kid": "one"}, {"iss": ISSUER, "exp": 2**40}, OctKey.import_key("x" * 32))
    wrong = [
        None,
        "x",
        "a.b.c",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{token(world, sub='eve').split('.')[1]}.{signature}",
        token(world, OTHER),
        token(world, iss="https://evil.example.com"),
        token(world, exp=None),
        token(world, nbf=int(world.clock.now()) + 60),
        token(world, token_use="access"),
        foreign,
        "eyJhbGciOiJub25lIn0." + body + ".",
    ]
    for text in wrong:
        answer = call(world, api, text)
        assert (answer.status, json.loads(answer.body)) == (401, {"message": "Unauthorized"}), text


def test_an_expired_token_is_told_so(world: GatewayWorld) -> None:
    api = deployed(world)
    text = token(world)
    world.clock.advance(61)
    answer = call(world, api, text)
    assert (answer.status, json.loads(answer.body)) == (401, {"message": "The incoming token has expired"})


def test_scopes_ask_for_an_access_token(world: GatewayWorld) -> None:
    api = deployed(world, ("api/read", "api/write"))
    assert call(world, api, token(world, token_use="access", scope="other api/write")).status == 200
    assert call(world, api, token(world, token_use="access", scope="other")).status == 401
    assert call(world, api, token(world, scope="api/read")).status == 401


def test_the_audience_must_match_the_expression(world: GatewayWorld) -> None:
    api = deployed(world, identityValidationExpression="cli.*")
    assert call(world, api, token(world)).status == 200
    assert call(world, api, token(world, aud="other")).status == 401


def test_new_keys_are_fetched_when_one_is_unknown(world: GatewayWorld) -> None:
    api = deployed(world)
    assert call(world, api, token(world)).status == 200
    publish(world, KEY, OTHER)
    assert call(world, api, token(world, OTHER)).status == 401  # just fetched
    world.clock.advance(11)
    assert call(world, api, token(world, OTHER)).status == 200
    assert len(world.outbound.requests) == 2


def test_an_issuer_that_is_not_there(world: GatewayWorld) -> None:
    api = deployed(world)
    world.outbound.answer = OutboundError("connect", "refused")
    answer = call(world, api, token(world))
    assert (answer.status, json.loads(answer.body)) == (500, {"message": None})
