"""A map run while it runs, and what it asks of the engine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Protocol

from stategate.asl.distributed import exceeded
from stategate.asl.maprun import MapRunEnded, StartMapRun
from stategate.runtime.store.mapruns import StoredMapRun
from stategate.services.ports import Execution, NewExecution

STOPPED = 50
"""So many executions are stopped at a time: each is read from disk."""


class Host(Protocol):
    """The engine, as map runs see it."""

    async def start(self, new: NewExecution) -> Execution: ...

    async def run(self, new: NewExecution) -> Execution: ...

    async def stop(self, arn: str, error: str | None, cause: str | None) -> Execution | None: ...

    async def redrive(self, arn: str) -> Execution | None: ...

    def get(self, arn: str) -> Execution | None: ...

    def program(self, new: NewExecution) -> Any: ...

    def arrived(self, arn: str, event: MapRunEnded, row: str) -> None:
        """The event is in the inbox on disk."""
        ...


@dataclass(slots=True, eq=False)
class Running:
    """A map run that has not ended. `active`: the indexes of the children that run; `cursor`: where the next are looked
    for; `exhausted`: there are no more; `counted`: the numbers are right, children are being started."""

    stored: StoredMapRun
    parent: NewExecution
    concurrency: int
    tolerated_count: int | None
    tolerated_percentage: float | None
    active: set[int] = field(default_factory=set)
    cursor: int = -1
    exhausted: bool = False
    failed: int = 0
    total: int = 0
    counted: bool = False
    over: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    conductor: asyncio.Task[None] | None = None
    express: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def arn(self) -> str:
        return self.stored.arn

    @property
    def spec(self) -> StartMapRun:
        return self.stored.spec

    @property
    def exceeded(self) -> bool:
        return exceeded(self.failed, self.total, self.tolerated_count, self.tolerated_percentage)
