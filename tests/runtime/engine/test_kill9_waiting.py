"""Real processes, really killed, with tokens, workers and nested executions: each acknowledged answer is the result,
once, and reaches the parent."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.engine import killed_waiting
from runtime.engine.waiting import PREFIX, Rig, new, one

COUNT = 250
TESTS = Path(__file__).resolve().parents[2]


@pytest.mark.crash
def test_kill_9(tmp_path: Path) -> None:
    notes = tmp_path / "acknowledged"
    command = [sys.executable, killed_waiting.__file__, str(tmp_path / "data"), str(COUNT), str(notes)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    chance = random.Random(5)
    for _ in range(5):
        with subprocess.Popen(command, env=environment) as process:
            try:
                assert process.wait(0.6 + chance.random() / 2) == 0
            except subprocess.TimeoutExpired:
                process.kill()
    assert subprocess.run(command, env=environment, timeout=250, check=False).returncode == 0
    asyncio.run(_check(tmp_path / "data", notes.read_text().split()))


async def _check(data_dir: Path, acknowledged: list[str]) -> None:
    rig = Rig(data_dir)
    try:
        assert len(acknowledged) == len(set(acknowledged)), "an answer acknowledged twice"
        for number in range(COUNT):
            child = f"{PREFIX}:execution:m:c{number}"
            ended = rig.engine.get(child)
            assert ended is not None
            assert (ended.status, ended.output) == ("SUCCEEDED", json.dumps(child))
            parent = await rig.ended(new(f"p{number}", one(""), 0))
            assert parent.status == "SUCCEEDED"
            assert json.loads(parent.output or "")["Output"] == child
            for arn in (child, parent.new.arn):
                events = rig.engine.history(arn)
                assert [event.id for event in events] == list(range(1, len(events) + 1))
                results = [event.type for event in events if event.type in ("TaskSucceeded", "ActivitySucceeded")]
                assert len(results) == 1
        assert rig.rows("token", "watch", "task", "inbox", "frame", "timer") == [0, 0, 0, 0, 0, 0]
    finally:
        await rig.close()
