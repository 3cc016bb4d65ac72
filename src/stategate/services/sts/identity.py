"""The caller's identity, and session credentials of a user."""

from __future__ import annotations

from typing import Any

from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError
from stategate.services.iam.credentials import Credentials, session_credentials

DEFAULT_SECONDS = 43200


def get_caller_identity(call: Call, input: Input) -> Output:
    """Needs no permission."""
    principal = call.principal
    return {"UserId": principal.user_id, "Account": principal.account, "Arn": principal.arn}


def credentials_shown(credentials: Credentials) -> dict[str, Any]:
    return {
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "SessionToken": credentials.session_token,
        "Expiration": credentials.expiration,
    }


def refuse_multi_factor(input: Input) -> None:
    """There are no devices here, so no code is right."""
    if input.get("SerialNumber") is not None or input.get("TokenCode") is not None:
        raise AwsError(
            "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", status=403
        )


def refuse(input: Input, *members: str) -> None:
    """What Stategate does not have is refused by name."""
    for member in members:
        if input.get(member) is not None:
            raise AwsError("ValidationError", f"Stategate does not support the parameter {member}.")


def get_session_token(call: Call, input: Input) -> Output:
    refuse_multi_factor(input)
    refuse(input, "MinimumSessionTokenSize")
    if call.principal.kind == "role":
        raise AwsError("AccessDenied", "Cannot call GetSessionToken with session credentials", status=403)
    duration = input.get("DurationSeconds") or DEFAULT_SECONDS
    if call.principal.kind == "root":
        duration = min(duration, 3600)
    return {"Credentials": credentials_shown(session_credentials(call.ports, call.principal, duration))}
