"""A clock that stands still until it is advanced."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(order=True, slots=True)
class FakeAlarm:
    when: float
    order: int
    callback: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """Epoch seconds, moved by `advance`. Alarms ring in the order of their times, in the event loop."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._alarms: list[FakeAlarm] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> FakeAlarm:
        alarm = FakeAlarm(when, next(self._order), callback)
        heapq.heappush(self._alarms, alarm)
        if when <= self._now:
            asyncio.get_running_loop().call_soon(self._ring)
        return alarm

    def advance(self, seconds: float) -> None:
        """Moves the time on and rings what is due by then."""
        self._now += seconds
        self._ring()

    def next_alarm(self) -> float | None:
        """When the next alarm rings, in epoch seconds."""
        while self._alarms and self._alarms[0].cancelled:
            heapq.heappop(self._alarms)
        return self._alarms[0].when if self._alarms else None

    def _ring(self) -> None:
        while self._alarms and self._alarms[0].when <= self._now:
            alarm = heapq.heappop(self._alarms)
            if not alarm.cancelled:
                alarm.callback()
