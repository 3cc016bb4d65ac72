"""The computer's clock is set back while executions run: their histories don't go back in time, and timers fire."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.engine.test_engine import Rig, simulate

HOUR = 3600.0


@pytest.mark.parametrize("restarted", [False, True], ids=["in memory", "read from disk"])
@pytest.mark.parametrize("status", ["SUCCEEDED", "ABORTED"])
def test_the_times_of_a_history_never_decrease(tmp_path: Path, restarted: bool, status: str) -> None:
    async def body(rig: Rig) -> None:
        new = rig.new("a", ["wait", 10], ["wait", 10], "pass")
        await rig.engine.start(new)
        rig.clock.advance(10)
        await rig.until(lambda: len(rig.types(new)) == 4)
        latest = rig.clock.now()
        rig.clock.advance(-HOUR)
        if restarted:
            await rig.restart()
        if status == "ABORTED":
            await rig.engine.stop(new.arn, None, None)
        else:
            rig.clock.advance(HOUR + 10)
        execution = await rig.ended(new)
        assert execution.status == status
        times = [event.timestamp for event in rig.engine.history(new.arn)]
        assert times == sorted(times)
        assert times[3] == latest
        assert execution.stopped == times[-1] >= latest

    simulate(tmp_path, body)


@pytest.mark.parametrize("restarted", [False, True], ids=["in memory", "read from disk"])
def test_a_wait_that_begins_after_that_lasts_as_long_as_it_says(tmp_path: Path, restarted: bool) -> None:
    async def body(rig: Rig) -> None:
        new = rig.new("a", "task", ["wait", 10], "task")
        rig.clock.advance(HOUR)
        await rig.engine.start(new)
        rig.clock.advance(-HOUR)
        await rig.until(lambda: rig.types(new)[-1] == "Entered" and len(rig.types(new)) == 4)
        if restarted:
            await rig.restart()
        rig.clock.advance(10)
        assert (await rig.ended(new)).status == "SUCCEEDED"
        times = [event.timestamp for event in rig.engine.history(new.arn)]
        assert times == sorted(times)

    simulate(tmp_path, body)
