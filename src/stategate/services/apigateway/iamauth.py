"""AWS_IAM authorization: whose Signature Version 4 a request carries. Errors are worded as API Gateway words them."""

from __future__ import annotations

import base64
import hashlib
from typing import NoReturn

from stategate.gateway.failures import GatewayFailure
from stategate.iam import Principal
from stategate.services.access import account_of, principal_of, secret_of
from stategate.services.errors import AwsError
from stategate.services.ports import Ports
from stategate.wire import sigv4
from stategate.wire.http import HttpRequest

SERVICE = "execute-api"


def caller_of(ports: Ports, request: HttpRequest, region: str) -> tuple[Principal, str]:
    """The principal and its access key id. Fails with MISSING_AUTHENTICATION_TOKEN, INVALID_SIGNATURE, EXPIRED_TOKEN.

    In open mode a key that nobody knows is the account's root, as everywhere; what is signed with a known key must be
    signed rightly in both modes.
    """
    signature = _signature(request)
    key, token = signature.access_key, signature.security_token
    try:
        principal = principal_of(ports, account_of(key), key, token, "rest-json")
    except AwsError as error:
        if error.code == "ExpiredTokenException":
            raise GatewayFailure("EXPIRED_TOKEN") from error
        _refuse(error.code, error.message)
    secret = secret_of(ports, key, token)
    if secret is None:
        if ports.settings.auth == "strict":
            _refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
    else:
        _verify(request, signature, secret, region, ports.clock.now())
    return principal, key


def _signature(request: HttpRequest) -> sigv4.Signature:
    try:
        signature = sigv4.parse(request)
    except sigv4.MalformedSignature as error:
        _refuse("IncompleteSignatureException", str(error))
    if signature is not None:
        return signature
    given = request.header("authorization")
    if given:
        _refuse(
            "IncompleteSignatureException",
            f"Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and "
            f"encoded with Base64): '{_digest(given)}'.",
        )
    raise GatewayFailure("MISSING_AUTHENTICATION_TOKEN")


def _verify(request: HttpRequest, signature: sigv4.Signature, secret: str, region: str, now: float) -> None:
    if signature.service != SERVICE:
        _refuse("InvalidSignatureException", f"Credential should be scoped to correct service: '{SERVICE}'. ")
    if signature.region != region:
        _refuse(
            "InvalidSignatureException", f"Credential should be scoped to a valid region, not '{signature.region}'. "
        )
    try:
        sigv4.verify(request, signature, secret, now)
    except sigv4.MalformedSignature as error:
        _refuse("IncompleteSignatureException", str(error))
    except sigv4.SignatureMismatch as error:
        raise GatewayFailure("INVALID_SIGNATURE", _mismatch(error)) from error
    except sigv4.SignatureError as error:
        raise GatewayFailure("INVALID_SIGNATURE", str(error)) from error


def _mismatch(error: sigv4.SignatureMismatch) -> str:
    """API Gateway shows what should have been signed."""
    if error.canonical is None:
        return str(error)
    return (
        f"{error}\n\nThe Canonical String for this request should have been\n'{error.canonical}'\n\n"
        f"The String-to-Sign should have been\n'{error.string_to_sign}'\n"
    )


def _refuse(error_type: str, message: str) -> NoReturn:
    raise GatewayFailure("INVALID_SIGNATURE", message, error_type=error_type)


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8", "replace")).digest()).decode()
