"""The one error that an operation answers with: AWS's code, message and HTTP status.

Every operation raises `AwsError`; `services.dispatch` converts it, once, into the protocol's error shape.
"""

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """An error that AWS's client sees.

    `code` is AWS's error code as the clients see it (`ResourceNotFoundException`, `NoSuchEntity`, ...), `status` the
    HTTP status, `members` further members of the modeled error shape (`{"Type": "User"}`), by their model name.
    `sender` says whose fault it is: the caller's, else the server's.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        members: Mapping[str, Any] | None = None,
        sender: bool = True,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = dict(members or {})
        self.sender = sender


def validation_error(message: str) -> AwsError:
    """`ValidationException`, HTTP 400."""
    return AwsError("ValidationException", message)


def access_denied(message: str, *, status: int = 400) -> AwsError:
    """`AccessDeniedException`; REST services answer with 403, JSON services with 400."""
    return AwsError("AccessDeniedException", message, status=status)


def not_built(service: str, operation: str) -> AwsError:
    """An operation of a hosted service that Stategate does not have (yet): HTTP 501, naming it."""
    return AwsError(
        "NotImplementedException",
        f"Stategate does not support the operation {operation} of {service} yet.",
        status=501,
        sender=False,
    )
