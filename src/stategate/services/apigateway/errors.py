"""API Gateway's errors: code, status, and the refusal of what Stategate does not support."""

from __future__ import annotations

from stategate.services.errors import AwsError


def bad_request(message: str) -> AwsError:
    return AwsError("BadRequestException", message, status=400)


def not_found(message: str) -> AwsError:
    return AwsError("NotFoundException", message, status=404)


def conflict(message: str) -> AwsError:
    return AwsError("ConflictException", message, status=409)


def unsupported(what: str) -> AwsError:
    """Refused by name rather than ignored."""
    return bad_request(f"Stategate does not support {what} yet.")


def invalid_mapping(expression: str) -> AwsError:
    return bad_request(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : "
        f"[Invalid mapping expression specified: {expression}]"
    )
