"""Requests to other servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """A request to another server. `url` is absolute and percent-encoded; it is sent as it is. Only these headers are
    sent, and Host and Content-Length. `timeout` in seconds, for everything from connecting to the last byte.
    `limit`: the largest answer in bytes. `verify`: the server's certificate is checked."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    timeout: float = 29.0
    limit: int = 10 * 1024 * 1024
    verify: bool = True


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """The body as it came: encodings are not undone. Header names keep their casing."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class OutboundError(Exception):
    """No answer. `kind`: "address" (the URL can't be used), "connect", "tls", "timeout", "too_large" or "protocol"."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Outbound(Protocol):
    """An HTTP client. Redirects are answers like any other."""

    async def send(self, request: OutboundRequest) -> OutboundResponse:
        """Raises `OutboundError`."""
        ...


class Offline:
    """An `Outbound` that reaches nobody."""

    async def send(self, request: OutboundRequest) -> OutboundResponse:
        raise OutboundError("connect", "This server makes no requests to other servers.")
