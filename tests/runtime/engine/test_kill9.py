"""Real processes, really killed: what was acknowledged is finished, once."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.engine import killed
from stategate.runtime.clock import SystemClock
from stategate.runtime.engine import Engine
from stategate.runtime.entropy import SystemEntropy
from stategate.runtime.store.sqlite import SqliteStore

COUNT = 120


@pytest.mark.crash
def test_kill_9(tmp_path: Path) -> None:
    notes = tmp_path / "acknowledged"
    command = [sys.executable, killed.__file__, str(tmp_path / "data"), str(COUNT), str(notes)]
    chance = random.Random(9)
    for _ in range(5):
        with subprocess.Popen(command) as process:
            try:
                assert process.wait(0.6 + chance.random()) == 0
            except subprocess.TimeoutExpired:
                process.kill()
    assert subprocess.run(command, timeout=250, check=False).returncode == 0
    acknowledged = notes.read_text().split()
    assert len(acknowledged) == len(set(acknowledged))
    asyncio.run(_check(tmp_path / "data", acknowledged))


async def _check(data_dir: Path, acknowledged: list[str]) -> None:
    store = SqliteStore(data_dir)
    engine = Engine(store.executions, killed.call, SystemClock(), SystemEntropy())
    try:
        assert {execution.new.name for execution in engine.list(killed.MACHINE)} == {f"n{n}" for n in range(COUNT)}
        for name in acknowledged:
            new = killed.new(name)
            execution = engine.get(new.arn)
            assert execution is not None
            assert execution.status == "SUCCEEDED"
            assert json.loads(execution.output or "") == [{"name": name}] * 2
            events = engine.history(new.arn)
            assert [event.id for event in events] == list(range(1, len(events) + 1))
            ends = [event.type for event in events if event.type in ("ExecutionStarted", "ExecutionSucceeded")]
            assert ends == ["ExecutionStarted", "ExecutionSucceeded"]
            results = [event.type for event in events if event.type == "LambdaFunctionSucceeded"]
            assert len(results) == 3
        for table in ("frame", "timer", "task", "inbox"):
            assert store.executions._read(f"SELECT count(*) FROM {table}", ()) == [(0,)]
    finally:
        await engine.close()
        await store.close()
