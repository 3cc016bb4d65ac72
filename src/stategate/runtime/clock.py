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


class SystemClock:
    """The computer's clock, in epoch seconds."""

    def now(self) -> float:
        return time.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        return asyncio.get_running_loop().call_later(max(0.0, when - time.time()), callback)
