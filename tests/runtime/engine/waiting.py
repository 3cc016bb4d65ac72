"""An engine with the real language, whose tasks hand out tokens and start executions, for tests that close it and open
it again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stategate.asl.effects import ScheduleTask
from stategate.asl.program import Resource
from stategate.asl.value import Value
from stategate.runtime.clock import AlarmClock
from stategate.runtime.engine import Engine
from stategate.runtime.engine.language import states_language
from stategate.runtime.entropy import SystemEntropy
from stategate.runtime.store.sqlite import SqliteStore
from stategate.services.ports import (
    Execution,
    ExecutionExists,
    NewExecution,
    TaskAccepted,
    TaskOutcome,
    TaskSuccess,
    World,
)
from stategate.testing.clock import FakeClock

WORLD = World("000000000000", "us-east-1")
PREFIX = "arn:aws:states:us-east-1:000000000000"
MACHINE = f"{PREFIX}:stateMachine:m"
ACTIVITY = f"{PREFIX}:activity:a"
CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
SYNC = "arn:aws:states:::states:startExecution.sync:2"


def one(resource: str, **fields: Any) -> dict[str, Any]:
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True, **fields}}}


def new(name: str, definition: dict[str, Any], started: float, input: str = "{}") -> NewExecution:
    return NewExecution(
        arn=f"{PREFIX}:execution:m:{name}",
        name=name,
        world=WORLD,
        machine_arn=MACHINE,
        machine_name="m",
        definition=json.dumps(definition),
        role_arn="arn:aws:iam::000000000000:role/r",
        type="STANDARD",
        input=input,
        started=started,
    )


class Rig:
    """`tokens` by the name of the execution: what its tasks handed out. A `.sync` task starts the execution that its
    input describes: {"name": ..., "definition": ...}."""

    def __init__(self, data_dir: Path, clock: AlarmClock | None = None) -> None:
        self.data_dir = data_dir
        self.fake = FakeClock()
        self.clock: AlarmClock = clock or self.fake
        self.tokens: dict[str, list[str]] = {}
        self.activities = {ACTIVITY}
        self.calls = 0
        self.gate: asyncio.Event | None = None
        self.finished: list[str] = []
        self.start()

    def start(self) -> None:
        self.store = SqliteStore(self.data_dir)
        language = states_language(self.refusal)
        self.engine = Engine(self.store.executions, self.perform, self.clock, SystemEntropy(), language=language)
        self.engine.open()

    def refusal(self, resource: Resource, arguments: Value) -> str | None:
        gone = resource.kind == "activity" and resource.text not in self.activities
        return f"The activity {resource.text} does not exist." if gone else None

    async def close(self) -> None:
        await self.engine.close()
        await self.store.close()

    async def restart(self) -> None:
        await self.close()
        self.start()

    async def perform(self, execution: NewExecution, task: ScheduleTask) -> TaskOutcome:
        self.calls += 1
        if task.token is not None:
            self.tokens.setdefault(execution.name, []).append(task.token)
            if self.gate is not None:
                await self.gate.wait()
            self.finished.append(execution.name)
            return TaskAccepted("{}")
        if task.resource == SYNC:
            given = json.loads(task.input)
            child = new(given["name"], given["definition"], self.clock.now(), json.dumps(given.get("input", {})))
            with contextlib.suppress(ExecutionExists):
                await self.engine.start(child)
            return TaskAccepted(json.dumps({"ExecutionArn": child.arn}), child.arn)
        return TaskSuccess(task.input)

    async def begin(self, name: str, definition: dict[str, Any], input: Any = None) -> NewExecution:
        made = new(name, definition, self.clock.now(), json.dumps({} if input is None else input))
        await self.engine.start(made)
        return made

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def token(self, execution: NewExecution, count: int = 1) -> str:
        await self.until(lambda: self.types(execution).count("TaskSubmitted") >= count)
        return self.tokens[execution.name][-1]

    async def ended(self, execution: NewExecution) -> Execution:
        await self.until(lambda: self.status(execution) != "RUNNING")
        found = self.engine.get(execution.arn)
        assert found is not None
        return found

    def status(self, execution: NewExecution) -> str:
        found = self.engine.get(execution.arn)
        assert found is not None
        return found.status

    def types(self, execution: NewExecution) -> list[str]:
        return [event.type for event in self.engine.history(execution.arn)]

    def rows(self, *tables: str) -> list[int]:
        """How many rows the tables have."""
        return [self.store.executions._read(f"SELECT count(*) FROM {table}", ())[0][0] for table in tables]
