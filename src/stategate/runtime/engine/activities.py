"""Activities: workers ask for tasks and wait; who waits longest gets the next, and the oldest task goes first.

The tasks that are offered are rows of `token`; nothing of them is in memory, only the workers that wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from stategate.runtime.clock import AlarmClock
from stategate.runtime.store.executions import Offer
from stategate.services.ports import ActivityTask


class OfferTable(Protocol):
    def offers(self, activity: str, limit: int) -> list[Offer]: ...


class Activities:
    """`start(offer, worker)` records that a worker has a task and returns once that is on disk; False: the task is not
    to be had any more."""

    def __init__(
        self, clock: AlarmClock, table: OfferTable, start: Callable[[Offer, str | None], Awaitable[bool]]
    ) -> None:
        self._clock = clock
        self._table = table
        self._start = start
        self._waiting: dict[str, deque[asyncio.Future[bool]]] = {}
        self._claimed: set[str] = set()
        self._closed = False

    async def take(self, activity: str, worker: str | None, seconds: float) -> ActivityTask | None:
        """The next task of this activity; None if there is none within so many seconds."""
        deadline, gone = self._clock.now() + seconds, set[str]()
        while True:
            offer = self._next(activity, gone)
            if offer is None:
                if not await self._wait(activity, deadline):
                    return None
                continue
            self._claimed.add(offer.token)
            try:
                if await self._start(offer, worker):
                    return ActivityTask(offer.token, offer.input)
                gone.add(offer.token)
            finally:
                self._claimed.discard(offer.token)

    def offered(self, activity: str) -> None:
        """There is a task more: call it after the commit."""
        waiting = self._waiting.get(activity)
        while waiting:
            future = waiting.popleft()
            if not future.done():
                future.set_result(True)
                return

    def close(self) -> None:
        """Whoever waits gets nothing, nor who comes later."""
        self._closed = True
        for waiting in self._waiting.values():
            for future in waiting:
                _give(future, False)

    def _next(self, activity: str, gone: set[str]) -> Offer | None:
        offers = self._table.offers(activity, len(self._claimed) + len(gone) + 1)
        return next((offer for offer in offers if offer.token not in self._claimed and offer.token not in gone), None)

    async def _wait(self, activity: str, deadline: float) -> bool:
        """Whether there may be a task now; False: the time is over."""
        if self._closed or self._clock.now() >= deadline:
            return False
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(activity, deque())
        waiting.append(future)
        alarm = self._clock.call_at(deadline, lambda: _give(future, False))
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.result():
                self.offered(activity)
            raise
        finally:
            alarm.cancel()
            if future in waiting:
                waiting.remove(future)
            if not waiting and self._waiting.get(activity) is waiting:
                del self._waiting[activity]


def _give(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)
