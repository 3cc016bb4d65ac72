"""The computer's clock, and its alarms."""

import asyncio
import time

import pytest

from stategate.runtime import clock
from stategate.runtime.clock import SystemClock


def test_an_alarm_notices_that_the_clock_was_set_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        rung = asyncio.Event()
        SystemClock().call_at(time.time() + 3600, rung.set)
        cancelled = SystemClock().call_at(time.time() + 3600, lambda: pytest.fail("it was cancelled"))
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 3600)
        cancelled.cancel()
        async with asyncio.timeout(60):
            await rung.wait()

    monkeypatch.setattr(clock, "LOOK", 0.01)
    asyncio.run(main())
