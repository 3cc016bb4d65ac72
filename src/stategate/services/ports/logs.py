"""The events of log streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stategate.services.ports.foundation import World


@dataclass(frozen=True, slots=True)
class LogEvent:
    timestamp: int  # epoch milliseconds
    message: str


@dataclass(frozen=True, slots=True)
class StoredLogEvent:
    id: str
    stream: str
    timestamp: int
    message: str
    ingested: int


class LogEvents(Protocol):
    """The events of log streams (groups and streams themselves are records). Appending is quick and in order; events
    are on disk soon after, not at once: they are not what must never be lost."""

    def append(self, world: World, group: str, stream: str, events: Sequence[LogEvent]) -> None: ...

    def read(
        self,
        world: World,
        group: str,
        *,
        streams: Sequence[str] | None = None,
        start: int | None = None,
        end: int | None = None,
        after: tuple[int, str] | None = None,
        limit: int = 10000,
        reverse: bool = False,
    ) -> Sequence[StoredLogEvent]:
        """Events with `start` <= timestamp < `end`, ordered by (timestamp, id), strictly beyond `after`."""
        ...

    def delete(self, world: World, group: str, stream: str | None = None) -> None: ...

    def stored_bytes(self, world: World, group: str) -> int: ...

    def expire(self, world: World, group: str, before: int) -> None:
        """Deletes events older than `before` (epoch milliseconds)."""
        ...


class LogWriter(Protocol):
    """For the server's own logs (functions, executions, APIs): creates group and stream when they are missing."""

    def write(self, world: World, group: str, stream: str, events: Sequence[LogEvent]) -> None: ...
