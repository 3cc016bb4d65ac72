"""The process that `test_kill9_mapruns` kills: `killed_mapruns.py <data directory> <executions>`.

It starts executions with map runs, Standard and Express, redrives those that failed until they succeed, and ends when
all have."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from runtime.engine.waiting import MACHINE, Rig
from stategate.asl.effects import ScheduleTask
from stategate.runtime.clock import SystemClock
from stategate.services.ports import ExecutionExists, NewExecution, TaskFailure, TaskOutcome, TaskSuccess

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
ITEMS = 20


def definition(type: str) -> dict[str, Any]:
    task = {"Type": "Task", "Resource": FUNCTION, "End": True}
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": type},
        "StartAt": "T",
        "States": {"T": task},
    }
    state = {"Type": "Map", "ItemProcessor": processor, "MaxConcurrency": 5, "End": True, "Label": "L"}
    return {"StartAt": "M", "States": {"M": state}}


class Failing(Rig):
    """The item 7 fails in the first attempt of every process."""

    async def perform(self, execution: NewExecution, task: ScheduleTask) -> TaskOutcome:
        self.calls += 1
        await asyncio.sleep(0.002)
        if task.input == "7" and execution.redrives == 0 and execution.type == "STANDARD":
            return TaskFailure("E", "seven")
        return TaskSuccess(task.input)


async def main(data_dir: Path, count: int) -> None:
    rig = Failing(data_dir, SystemClock())
    for number in range(count):
        try:
            await rig.begin(f"e{number}", definition("EXPRESS" if number % 3 == 0 else "STANDARD"), list(range(ITEMS)))
        except ExecutionExists:
            continue
    while True:
        for failed in rig.engine.list(MACHINE, status="FAILED"):
            await rig.engine.redrive(failed.new.arn)
        if len(rig.engine.list(MACHINE, status="SUCCEEDED")) == count:
            break
        await asyncio.sleep(0.02)
    await rig.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
