"""Timers: all of them are on disk, in memory are only those that are due soon.

A hundred thousand executions may wait for a year: the index by due time tells, every half minute, which of them are due
within the next minute.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from stategate.runtime.clock import Alarm, AlarmClock

HORIZON = 60.0
"""Timers due within so many seconds are in memory."""

LOADED = 10_000
"""So many are loaded at a time."""

RUNG = 50
"""So many fire in one turn of the event loop."""

PAUSE = 0.01
"""Seconds until the next try when the engine is busy."""

log = structlog.get_logger(__name__)


class TimerTable(Protocol):
    def timers(self, after: float, until: float, limit: int) -> tuple[float, Sequence[tuple[str, str, float]]]: ...


class Timers:
    """Calls `fire(arn, timer)` when a timer is due, and again a while later if that raises. `busy` says that it should
    wait a little."""

    def __init__(
        self, clock: AlarmClock, table: TimerTable, fire: Callable[[str, str], None], busy: Callable[[], bool]
    ) -> None:
        self._clock = clock
        self._table = table
        self._fire = fire
        self._busy = busy
        self._heap: list[tuple[float, str, tuple[int, str]]] = []
        self._near: dict[str, dict[str, float]] = {}
        self._count = 0
        self._until = float("-inf")
        self._alarm: Alarm | None = None
        self._alarm_at = float("inf")
        self._closed = False

    def open(self) -> None:
        self._turn()

    def close(self) -> None:
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()

    def set(self, arn: str, timer: str, due: float, *, on_disk: bool = True) -> None:
        """Call it after the commit. A timer that is on disk and not due soon is left there."""
        if on_disk and due > self._until:
            self.cancel(arn, timer)
            return
        self._add(arn, timer, due)
        if due < self._alarm_at:
            self._arm()

    def cancel(self, arn: str, timer: str) -> None:
        timers = self._near.get(arn)
        if timers is not None and timers.pop(timer, None) is not None:
            self._count -= 1
            if not timers:
                del self._near[arn]

    def drop(self, arn: str) -> None:
        """Cancels all timers of an execution."""
        self._count -= len(self._near.pop(arn, ()))

    def _add(self, arn: str, timer: str, due: float) -> None:
        timers = self._near.setdefault(arn, {})
        if timers.get(timer) == due:
            return
        self._count += timer not in timers
        timers[timer] = due
        heapq.heappush(self._heap, (due, arn, order(timer)))
        if len(self._heap) > 2 * self._count + 1000:
            self._heap = [(d, a, order(t)) for a, ts in self._near.items() for t, d in ts.items()]
            heapq.heapify(self._heap)

    def _turn(self) -> None:
        """Rings what is due, loads what is due soon, and sets the alarm."""
        self._alarm, self._alarm_at = None, float("inf")
        if self._closed:
            return
        now, rung = self._clock.now(), 0
        while not self._busy() and rung < RUNG:
            if not self._heap or self._heap[0][0] > now:
                if self._until <= now or (self._until <= now + HORIZON / 2 and self._count < LOADED):
                    self._refill(now)
                    continue
                break
            rung += 1
            due, arn, (_, timer) = heapq.heappop(self._heap)
            if self._near.get(arn, {}).get(timer) == due:
                self.cancel(arn, timer)
                self._ring(arn, timer)
        self._arm()

    def _refill(self, now: float) -> None:
        self._until, rows = self._table.timers(self._until, now + HORIZON, LOADED)
        for arn, timer, due in rows:
            self._add(arn, timer, due)

    def _ring(self, arn: str, timer: str) -> None:
        try:
            self._fire(arn, timer)
        except Exception:  # the execution could not be read, say
            log.exception("timer.failed", execution=arn, timer=timer)
            self._add(arn, timer, self._clock.now() + HORIZON)

    def _arm(self) -> None:
        if self._closed:
            return
        now = self._clock.now()
        when = self._until - HORIZON / 2 if self._count < LOADED else self._until
        if self._heap:
            when = min(when, self._heap[0][0])
        when = max(when, now + (PAUSE if self._busy() else 0.0))
        if self._alarm is not None:
            if self._alarm_at <= when:
                return
            self._alarm.cancel()
        self._alarm_at = when
        self._alarm = self._clock.call_at(when, self._turn)


def order(timer: str) -> tuple[int, str]:
    """Of timers of one execution that are due at the same instant the one that was started first goes first: the number
    in its name says after which history event. The execution's own, which has none, goes before all others."""
    number = timer.rpartition(":")[2]
    return (int(number) if number.isdecimal() else 0), timer
