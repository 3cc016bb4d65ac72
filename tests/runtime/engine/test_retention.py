"""What ended long ago is thrown away with everything that belongs to it; nothing else is."""

from __future__ import annotations

import asyncio
from pathlib import Path

from runtime.engine.waiting import Rig
from stategate.runtime.engine.retention import DAY, purge

TABLES = ("execution", "history", "frame", "definition", "map_run", "map_child")
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail"}}}


def mapping(states: dict[str, object]) -> dict[str, object]:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": config, "StartAt": next(iter(states)), "States": states}
    return {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": processor, "End": True}}}


def test_old_executions_go_and_others_stay(tmp_path: Path) -> None:
    async def main() -> None:
        rig = Rig(tmp_path)
        try:
            old = await rig.begin("old", mapping({"P": {"Type": "Pass", "End": True}}), [1, 2])
            await rig.ended(old)
            await rig.ended(await rig.begin("failed", FAIL))
            waiting = await rig.begin("waiting", WAIT)
            rig.fake.advance(10 * DAY)
            await rig.until(lambda: rig.status(waiting) == "SUCCEEDED")
            assert rig.rows(*TABLES) == [5, rig.rows("history")[0], 1, 4, 1, 2]
            assert await purge(rig.store.retention, rig.clock.now() - 20 * DAY) == 0
            assert await purge(rig.store.retention, rig.clock.now() - 5 * DAY) == 4
            assert rig.rows(*TABLES) == [1, 2, 0, 1, 0, 0] or rig.rows("execution", "frame", "map_child") == [1, 0, 0]
            assert rig.engine.get(old.arn) is None
            assert rig.types(waiting)[-1] == "ExecutionSucceeded"
            again = await rig.begin("old", FAIL)
            assert (await rig.ended(again)).status == "FAILED", "the name can be used again"
        finally:
            await rig.close()

    asyncio.run(main())


def test_children_stay_for_as_long_as_their_map_run_runs(tmp_path: Path) -> None:
    states = {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "P"}], "Default": "W"},
        "P": {"Type": "Pass", "End": True},
        "W": {"Type": "Wait", "Seconds": 8_000_000, "End": True},
    }

    async def main() -> None:
        rig = Rig(tmp_path)
        try:
            parent = await rig.begin("e", mapping(states), [0, 1])
            await rig.until(lambda: rig.engine.map_runs(parent.arn)[0].executions.succeeded == 1)
            rig.fake.advance(80 * DAY)
            assert await purge(rig.store.retention, rig.clock.now() - 70 * DAY) == 0
            rig.fake.advance(20 * DAY)
            assert (await rig.ended(parent)).output == "[0,1]"
        finally:
            await rig.close()

    asyncio.run(main())
