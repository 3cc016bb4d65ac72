"""Credentials: whose they are, and the secret that their signatures are made with.

A session's credentials are self-contained: the session token is a signed encoding of the principal and of its expiry,
the secret access key is derived from the access key id. Nothing is stored, so functions may get new ones at will.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import string
from dataclasses import dataclass

import msgspec

from stategate.iam import Principal
from stategate.iam.principal import root
from stategate.services.errors import AwsError
from stategate.services.iam import records
from stategate.services.ports import Ports

DEFAULT_ACCOUNT = "000000000000"
ALPHABET = string.ascii_uppercase + "234567"

_MAC_BYTES = 16
_KEY_LETTERS = 10
_CHECK_LETTERS = 6
_TOKEN_PREFIX = "STG1"


@dataclass(frozen=True, slots=True)
class Credentials:
    """`expiration` in epoch seconds."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: float


class _Session(msgspec.Struct, frozen=True, array_like=True):
    """What a session token says. Fields are only ever added at the end; another form gets another token prefix."""

    access_key_id: str
    expiration: int
    kind: str
    arn: str
    account: str
    user_id: str
    role_arn: str | None
    session_policies: tuple[str, ...]
    tags: dict[str, str]
    transitive: tuple[str, ...]
    source_identity: str | None


_decoder = msgspec.msgpack.Decoder(_Session)
_encoder = msgspec.msgpack.Encoder()


def account_of(access_key_id: str) -> str:
    """An access key id of twelve digits is an account of its own; any other belongs to account 000000000000."""
    return access_key_id if re.fullmatch(r"[0-9]{12}", access_key_id) else DEFAULT_ACCOUNT


def _mac(ports: Ports, purpose: bytes, data: bytes) -> bytes:
    return hmac.digest(ports.secret, purpose + b"\0" + data, hashlib.sha256)


def _session_secret(ports: Ports, access_key_id: str) -> str:
    return base64.b64encode(_mac(ports, b"secret-access-key", access_key_id.encode()))[:40].decode()


def _check_letters(ports: Ports, letters: str) -> str:
    """The end of a session's access key id. It tells the keys that are issued here from those from elsewhere."""
    return base64.b32encode(_mac(ports, b"access-key-id", letters.encode())[:5])[:_CHECK_LETTERS].decode()


def _issued_here(ports: Ports, access_key_id: str) -> bool:
    if len(access_key_id) != 20 or not access_key_id.startswith("ASIA") or not access_key_id.isascii():
        return False
    letters, check = access_key_id[4 : 4 + _KEY_LETTERS], access_key_id[4 + _KEY_LETTERS :]
    return hmac.compare_digest(check, _check_letters(ports, letters))


def session_credentials(ports: Ports, principal: Principal, duration: float) -> Credentials:
    """Credentials that act as `principal` for `duration` seconds."""
    letters = ports.entropy.letters(_KEY_LETTERS, ALPHABET)
    access_key_id = f"ASIA{letters}{_check_letters(ports, letters)}"
    session = _Session(
        access_key_id,
        int(ports.clock.now() + duration),
        principal.kind,
        principal.arn,
        principal.account,
        principal.user_id,
        principal.role_arn,
        principal.session_policies,
        dict(principal.tags),
        principal.transitive,
        principal.source_identity,
    )
    payload = _encoder.encode(session)
    signed = _mac(ports, b"session-token", payload)[:_MAC_BYTES] + payload
    return Credentials(
        access_key_id,
        _session_secret(ports, access_key_id),
        _TOKEN_PREFIX + base64.b64encode(signed).decode(),
        float(session.expiration),
    )


def _open(ports: Ports, token: str) -> _Session | None:
    """None for a token that is not ours."""
    if not token.startswith(_TOKEN_PREFIX):
        return None
    try:
        signed = base64.b64decode(token[len(_TOKEN_PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        return None
    mac, payload = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(ports, b"session-token", payload)[:_MAC_BYTES]):
        return None
    return _decoder.decode(payload)


# --- errors -----------------------------------------------------------------------------------------------------


def invalid_token(protocol: str) -> AwsError:
    """`protocol` as in the service model: query, json, rest-json."""
    message = "The security token included in the request is invalid."
    if protocol == "query":
        return AwsError("InvalidClientTokenId", message, status=403)
    return AwsError("UnrecognizedClientException", message, status=403 if protocol == "rest-json" else 400)


def expired_token(protocol: str) -> AwsError:
    message = "The security token included in the request is expired"
    if protocol == "query":
        return AwsError("ExpiredToken", message, status=403)
    return AwsError("ExpiredTokenException", message, status=403 if protocol == "rest-json" else 400)


# --- whose credentials ------------------------------------------------------------------------------------------


def principal_of(
    ports: Ports, account: str, access_key_id: str, session_token: str | None = None, protocol: str = "json"
) -> Principal:
    """Who signed with this access key id and session token. `account` is what an unknown key stands for (`account_of`).

    Open mode: keys that nobody knows are the account's root. Strict mode: they are refused, in AWS's words. A forged or
    foreign session token and an expired one are refused in both.
    """
    if session_token:
        return _principal_of_session(ports, account, access_key_id, session_token, protocol)
    key = records.access_keys(ports).get(access_key_id)
    if key is not None:
        user = records.users(ports, key.account).get(records.key_of(key.user))
        if user is None or key.status != "Active":
            raise invalid_token(protocol)
        return Principal("user", user.arn, key.account, user.id, tags=user.tags)
    if ports.settings.auth == "strict":
        if not _is_root_key(ports, access_key_id):
            raise invalid_token(protocol)
        return root(DEFAULT_ACCOUNT)
    if _issued_here(ports, access_key_id):
        # Without its token, a session's key must not become root's.
        raise invalid_token(protocol)
    return root(account)


def _principal_of_session(
    ports: Ports, account: str, access_key_id: str, session_token: str, protocol: str
) -> Principal:
    session = _open(ports, session_token)
    if session is None:
        if (
            ports.settings.auth == "strict"
            or session_token.startswith(_TOKEN_PREFIX)
            or _issued_here(ports, access_key_id)
        ):
            raise invalid_token(protocol)
        # What people have in their environment from elsewhere: as good as any other unknown key.
        return root(account)
    if session.access_key_id != access_key_id:
        raise invalid_token(protocol)
    if session.expiration <= ports.clock.now():
        raise expired_token(protocol)
    return Principal(
        session.kind,
        session.arn,
        session.account,
        session.user_id,
        session.role_arn,
        session.session_policies,
        session.tags,
        session.transitive,
        session.source_identity,
    )


def _is_root_key(ports: Ports, access_key_id: str) -> bool:
    return bool(ports.settings.root_access_key) and hmac.compare_digest(
        access_key_id.encode(), str(ports.settings.root_access_key).encode()
    )


def secret_of(ports: Ports, access_key_id: str, session_token: str | None = None) -> str | None:
    """The secret access key to verify a signature with (strict mode); None if the key is not known."""
    if session_token:
        session = _open(ports, session_token)
        if session is None or session.access_key_id != access_key_id:
            return None
        return _session_secret(ports, access_key_id)
    key = records.access_keys(ports).get(access_key_id)
    if key is not None:
        return key.secret
    if _is_root_key(ports, access_key_id):
        return str(ports.settings.root_secret_key)
    return None
