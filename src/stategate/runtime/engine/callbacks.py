"""Answers from outside to tasks that wait for one: a worker's or anybody's who has the task's token.

Each is an event of the run, and is acknowledged when the commit of the step that took it up is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from stategate.asl.events import ActivityStarted, Event, TaskFailed, TaskHeartbeat, TaskSucceeded
from stategate.asl.tasks import token_execution
from stategate.runtime.engine.live import Delivery, Live
from stategate.runtime.store.executions import ExecutionTables, Offer
from stategate.services.ports import TaskOwner


class Callbacks:
    """`find(arn)` gives a running execution, `deliver` brings it an event."""

    def __init__(
        self,
        tables: ExecutionTables,
        find: Callable[[str], Live | None],
        deliver: Callable[[Live, Delivery], None],
    ) -> None:
        self._tables = tables
        self._find = find
        self._deliver = deliver

    def owner(self, token: str) -> TaskOwner | None:
        arn = token_execution(token)
        execution = None if arn is None else self._tables.get(arn)
        if execution is None:
            return None
        stored = self._tables.token(token)
        return TaskOwner(execution.new, None if stored is None else stored.activity)

    async def succeed(self, token: str, output: str) -> bool:
        return await self._end(token, lambda command: TaskSucceeded(command, output))

    async def fail(self, token: str, error: str | None, cause: str | None) -> bool:
        return await self._end(token, lambda command: TaskFailed(command, error, cause))

    async def beat(self, token: str) -> bool:
        found = self._waiting(token)
        if found is None:
            return False
        live, command = found
        await self._settled(live, TaskHeartbeat(command))
        return live.tokens.get(command) == token

    async def started(self, offer: Offer, worker: str | None) -> bool:
        """A worker has taken the task."""
        found = self._waiting(offer.token)
        if found is None:
            return False
        live, command = found
        await self._settled(live, ActivityStarted(command, worker))
        return live.tokens.get(command) == offer.token

    async def _end(self, token: str, event: Callable[[int], Event]) -> bool:
        """The first answer counts; a timeout that came before it makes it too late."""
        found = self._waiting(token)
        if found is None:
            return False
        live, command = found
        if command in live.answered:
            return False
        live.answered.add(command)
        try:
            await self._settled(live, event(command))
            return command in live.answered
        finally:
            live.answered.discard(command)

    def _waiting(self, token: str) -> tuple[Live, int] | None:
        stored = self._tables.token(token)
        live = None if stored is None else self._find(stored.arn)
        if stored is None or live is None or live.tokens.get(stored.command) != token:
            return None
        return live, stored.command

    async def _settled(self, live: Live, event: Event) -> None:
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._deliver(live, Delivery(event, settled=settled))
        await asyncio.shield(settled)
