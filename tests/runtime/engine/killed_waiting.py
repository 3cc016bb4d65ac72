"""The process that `test_kill9_waiting` kills: `killed_waiting.py <data directory> <executions> <acknowledgements>`.

Parents wait for children, children for answers from outside or for workers. Each answer that was acknowledged is noted;
it ends when all executions have ended."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TextIO

from runtime.engine.waiting import ACTIVITY, CALLBACK, MACHINE, SYNC, Rig, one
from stategate.runtime.clock import SystemClock
from stategate.services.ports import ExecutionExists


async def start(rig: Rig, count: int) -> None:
    for number in range(count):
        definition = one(ACTIVITY if number % 2 else CALLBACK)
        try:
            await rig.begin(f"p{number}", one(SYNC), {"name": f"c{number}", "definition": definition})
        except ExecutionExists:
            continue
        await asyncio.sleep(0.005)


async def answer(rig: Rig, notes: TextIO) -> None:
    """Answers every token with the ARN of its execution."""
    tables = rig.store.executions
    while True:
        await rig.engine.take_task(ACTIVITY, "w", 0)
        for token, arn in tables._read("SELECT token, arn FROM token WHERE NOT offered", ()):
            if await rig.engine.task_succeeded(token, json.dumps(arn)):
                notes.write(f"{arn}\n")
                notes.flush()
        await asyncio.sleep(0.02)


async def main(data_dir: Path, count: int, acknowledged: Path) -> None:
    rig = Rig(data_dir, SystemClock())
    with acknowledged.open("a") as notes:
        answering = asyncio.ensure_future(answer(rig, notes))
        await start(rig, count)
        while rig.engine.running(MACHINE):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        answering.cancel()
    await rig.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
