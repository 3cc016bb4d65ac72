"""The computer's clock, and its alarms."""

import asyncio
import time

import pytest

from stategate.runtime import clock
from stategate.runtime.clock import SystemClock


def test_an_alarm_notices_that_the_clock_was_set_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        rung, last = list[str](), asyncio.Event()
        when = time.time() + 3600
        SystemClock().call_at(when, lambda: rung.append("first"))
        cancelled = SystemClock().call_at(when, lambda: rung.append("cancelled"))
        await asyncio.sleep(0.05)  # they have looked again
        cancelled.cancel()
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 3600)
        SystemClock().call_at(when + 0.1, last.set)
        async with asyncio.timeout(60):
            await last.wait()
        assert rung == ["first"]

    monkeypatch.setattr(clock, "LOOK", 0.01)
    asyncio.run(main())
