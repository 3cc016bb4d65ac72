"""Real processes, really killed, in the middle of map runs: every item becomes one child, and its result is there."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.engine import killed_mapruns
from runtime.engine.killed_mapruns import ITEMS
from runtime.engine.waiting import MACHINE, Rig

COUNT = 80
TESTS = Path(__file__).resolve().parents[2]


@pytest.mark.crash
def test_kill_9(tmp_path: Path) -> None:
    command = [sys.executable, killed_mapruns.__file__, str(tmp_path), str(COUNT)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    chance = random.Random(11)
    kills = 0
    for _ in range(6):
        with subprocess.Popen(command, env=environment) as process:
            try:
                assert process.wait(0.5 + chance.random() / 2) == 0
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
    assert kills, "nothing was killed"
    assert subprocess.run(command, env=environment, timeout=250, check=False).returncode == 0
    asyncio.run(_check(tmp_path))


async def _check(data_dir: Path) -> None:
    rig = Rig(data_dir)
    try:
        executions = rig.engine.list(MACHINE)
        assert len(executions) == COUNT
        for execution in executions:
            assert json.loads(execution.output or "") == list(range(ITEMS))
            (run,) = rig.engine.map_runs(execution.new.arn)
            assert (run.status, run.executions.succeeded) == ("SUCCEEDED", ITEMS)
            children = rig.engine.children(run.arn)
            assert len(children) == ITEMS
            assert all(child.new.input == child.output for child in children)
            for arn in (execution.new.arn, *(child.new.arn for child in children[:3])):
                events = rig.engine.history(arn)
                assert [event.id for event in events] == list(range(1, len(events) + 1))
        assert rig.rows("task", "inbox", "frame", "timer") == [0, 0, 0, 0]
    finally:
        await rig.close()
