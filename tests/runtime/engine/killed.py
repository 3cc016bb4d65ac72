"""The process that `test_kill9` kills: `killed.py <data directory> <executions> <acknowledgements>`.

Starts executions, notes each in the file once it is acknowledged, and ends when all of them have ended."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path

from stategate.asl.effects import ScheduleTask
from stategate.runtime.clock import SystemClock
from stategate.runtime.engine import Engine
from stategate.runtime.entropy import SystemEntropy
from stategate.runtime.store.sqlite import SqliteStore
from stategate.services.ports import ExecutionExists, NewExecution, TaskOutcome, TaskSuccess, World

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
DEFINITION = json.dumps(
    {
        "StartAt": "First",
        "States": {
            "First": {"Type": "Task", "Resource": FUNCTION, "Next": "Rest"},
            "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Both"},
            "Both": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": FUNCTION, "End": True}}},
                    {"StartAt": "B", "States": {"B": {"Type": "Task", "Resource": FUNCTION, "End": True}}},
                ],
                "End": True,
            },
        },
    }
)
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"


def new(name: str) -> NewExecution:
    return NewExecution(
        arn=f"arn:aws:states:us-east-1:000000000000:execution:m:{name}",
        name=name,
        world=World("000000000000", "us-east-1"),
        machine_arn=MACHINE,
        machine_name="m",
        definition=DEFINITION,
        role_arn="arn:aws:iam::000000000000:role/r",
        type="STANDARD",
        input=json.dumps({"name": name}),
        started=time.time(),
    )


async def call(execution: NewExecution, task: ScheduleTask) -> TaskOutcome:
    await asyncio.sleep(random.random() / 10)
    return TaskSuccess(task.input)


async def main(data_dir: Path, count: int, acknowledged: Path) -> None:
    store = SqliteStore(data_dir)
    engine = Engine(store.executions, call, SystemClock(), SystemEntropy())
    engine.open()
    with acknowledged.open("a") as notes:
        for number in range(count):
            try:
                await engine.start(new(f"n{number}"))
            except ExecutionExists:
                continue
            notes.write(f"n{number}\n")
            notes.flush()
            await asyncio.sleep(0.005)
    while engine.running(MACHINE):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await engine.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
