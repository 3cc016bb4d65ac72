"""COGNITO_USER_POOLS authorizers: JSON Web Tokens, checked against the issuer's keys.

A pool's issuer is `https://cognito-idp.<region>.amazonaws.com/<pool>`, or what the setting `user_pools` names for it:
any server that publishes its keys at `<issuer>/.well-known/jwks.json`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stategate.gateway.authorizers import CompiledAuthorizer, matches, misconfigured
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.stages import Routed
from stategate.lang import jsontext
from stategate.services.ports import OutboundError, OutboundRequest, Ports

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

ALGORITHMS = ["RS256", "ES256"]
EXPIRED = "The incoming token has expired"
KEPT_SECONDS = 3600.0
RETRY_SECONDS = 10.0
"""An unknown key id makes the keys be fetched again, but not more often than this."""

_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Keys:
    keys: KeySet
    ids: frozenset[str]
    at: float


class TokenAuthorizers:
    """Keys are kept by issuer."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._keys: dict[str, _Keys] = {}

    async def claims(self, compiled: CompiledAuthorizer, routed: Routed) -> dict[str, str]:
        """The token's claims, as text. Fails with UNAUTHORIZED, or AUTHORIZER_CONFIGURATION_ERROR if the issuer's keys
        can't be had."""
        # Imported when it is first needed: a server without user pools starts without it.
        from joserfc import jwt
        from joserfc.errors import JoseError

        token = compiled.sources[0](routed)
        if isinstance(token, list):
            token = token[-1] if token else None
        token = (token or "").strip()
        if token[:7].lower() == "bearer ":
            token = token[7:].strip()
        if not token or len(token) > _LONGEST:
            raise GatewayFailure("UNAUTHORIZED")
        header, claims = _unverified(token)
        issuer = self._issuer(compiled, claims)
        keys = await self._keys_of(issuer, str(header.get("kid", "")))
        try:
            claims = jwt.decode(token, keys.keys, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            raise GatewayFailure("UNAUTHORIZED") from error
        self._check(compiled, routed, claims)
        return {name: _text(value) for name, value in claims.items()}

    def _issuer(self, compiled: CompiledAuthorizer, claims: Mapping[str, Any]) -> str:
        configured: Mapping[str, str] = getattr(self._ports.settings, "user_pools", None) or {}
        for arn in compiled.authorizer.provider_arns:
            issuer = issuer_of(arn, configured)
            if claims.get("iss") == issuer:
                return issuer
        raise GatewayFailure("UNAUTHORIZED")

    def _check(self, compiled: CompiledAuthorizer, routed: Routed, claims: Mapping[str, Any]) -> None:
        now = self._ports.clock.now()
        expires, begins = claims.get("exp"), claims.get("nbf")
        if not isinstance(expires, int | float) or isinstance(expires, bool):
            raise GatewayFailure("UNAUTHORIZED")
        if expires <= now:
            raise GatewayFailure("UNAUTHORIZED", EXPIRED)
        if begins is not None and (not isinstance(begins, int | float) or begins > now):
            raise GatewayFailure("UNAUTHORIZED")
        scopes = routed.method.authorization_scopes
        kind = claims.get("token_use")
        if scopes:
            given = claims.get("scope")
            if kind not in (None, "access") or not isinstance(given, str) or not set(given.split()) & set(scopes):
                raise GatewayFailure("UNAUTHORIZED")
        elif kind not in (None, "id"):
            # Without scopes AWS takes the token for an identity token.
            raise GatewayFailure("UNAUTHORIZED")
        if compiled.pattern is not None:
            audience = claims.get("aud")
            texts = audience if isinstance(audience, list) else [audience]
            if not any(isinstance(text, str) and matches(compiled.pattern, text) for text in texts):
                raise GatewayFailure("UNAUTHORIZED")

    async def _keys_of(self, issuer: str, key_id: str) -> _Keys:
        now = self._ports.clock.now()
        known = self._keys.get(issuer)
        if known is not None:
            age = now - known.at
            if age < RETRY_SECONDS or (age < KEPT_SECONDS and (not key_id or key_id in known.ids)):
                return known
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        try:
            answer = await self._ports.outbound.send(
                OutboundRequest(
                    "GET",
                    f"{issuer}/.well-known/jwks.json",
                    (("Accept", "application/json"),),
                    timeout=5,
                    limit=1 << 20,
                )
            )
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            document = jsontext.loads(answer.body)
            keys = KeySet.import_key_set(document)
        except (OutboundError, jsontext.JSONSyntaxError, JoseError, ValueError, TypeError, KeyError) as error:
            if known is not None:
                return known
            raise misconfigured(f"The keys of {issuer} can't be read: {error}") from error
        ids = frozenset(str(key.kid) for key in keys.keys if key.kid)
        found = self._keys[issuer] = _Keys(keys, ids, now)
        return found


def issuer_of(pool_arn: str, configured: Mapping[str, str]) -> str:
    """`arn:aws:cognito-idp:<region>:<account>:userpool/<pool>` -> its issuer."""
    parts = pool_arn.split(":")
    pool = pool_arn.rpartition("/")[2]
    return configured.get(pool, f"https://cognito-idp.{parts[3]}.amazonaws.com/{pool}").rstrip("/")


def _unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the token says of itself: used to find the key that it is then verified with."""
    parts = token.split(".")
    if len(parts) != 3:
        raise GatewayFailure("UNAUTHORIZED")
    documents = []
    for part in parts[:2]:
        try:
            value = jsontext.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        except (ValueError, jsontext.JSONSyntaxError):
            raise GatewayFailure("UNAUTHORIZED") from None
        if not isinstance(value, dict):
            raise GatewayFailure("UNAUTHORIZED")
        documents.append(value)
    return documents[0], documents[1]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return jsontext.dumps(value)
