"""What can be wrong with a request before an operation sees it."""

from __future__ import annotations


class WireError(Exception):
    """A request that AWS's front door refuses: `code` and `message` as the client sees them, `status` of HTTP."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def serialization(message: str) -> WireError:
    """The body is not of the form that the operation's model asks for."""
    return WireError("SerializationException", message)


def unknown_operation(message: str = "") -> WireError:
    return WireError("UnknownOperationException", message, 404)
