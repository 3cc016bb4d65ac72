"""The clock of the running server: the time, and being called at a time. `testing.clock` has one to advance by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """What `call_at` returns."""

    def cancel(self) -> None: ...


class AlarmClock(Protocol):
    """A `services.ports.Clock` that also calls back."""

    def now(self) -> float:
        """Epoch seconds."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Calls `callback` in the event loop, once, when `now()` has reached `when` (epoch seconds)."""
        ...


LOOK = 1.0
"""So many seconds pass at most until an alarm notices that the clock was set forward, or the computer slept."""


class SystemClock:
    """The computer's clock, in epoch seconds."""

    def now(self) -> float:
        return time.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        return _SystemAlarm(when, callback)


class _SystemAlarm:
    """An event loop counts the seconds that the computer is awake, whatever its clock says."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._when = when
        self._callback = callback
        self._wait()

    def cancel(self) -> None:
        self._handle.cancel()

    def _wait(self) -> None:
        left = self._when - time.time()
        if left > LOOK:
            self._handle = self._loop.call_later(LOOK, self._wait)
        else:
            self._handle = self._loop.call_later(max(0.0, left), self._callback)
