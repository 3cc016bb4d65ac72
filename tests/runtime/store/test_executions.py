"""What a commit of an execution writes, and when it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.store.storeworld import run
from stategate.asl.effects import Finish
from stategate.asl.history import HistoryEvent
from stategate.runtime.engine.futures import written
from stategate.runtime.store.executions import Change
from stategate.runtime.store.sqlite import SqliteStore
from stategate.runtime.store.writer import Conflict
from stategate.services.ports import NewExecution, World

NEW = NewExecution(
    arn="arn:aws:states:us-east-1:000000000000:execution:m:a",
    name="a",
    world=World("000000000000", "us-east-1"),
    machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:m",
    machine_name="m",
    definition="{}",
    role_arn="arn:aws:iam::000000000000:role/r",
    type="STANDARD",
    input="{}",
    started=1_700_000_000.0,
)
TABLES = ("frame", "timer", "task", "inbox", "token", "watch", "history")


async def commit(store: SqliteStore, change: Change) -> None:
    await written(lambda done: store.executions.commit(change, done))


async def post(store: SqliteStore, event_id: str) -> None:
    await written(lambda done: store.executions.post(NEW.arn, event_id, b"event", done))


def step(version: int, number: int, **fields: Any) -> Change:
    history = [HistoryEvent(number, number - 1, NEW.started, "Entered")]
    frames, timers = {number: b"frame"}, {f"wait:{number}": NEW.started + 5}
    return Change(NEW, version, b"header", frames=frames, timers=timers, history=history, **fields)


FINISHED = Finish("SUCCEEDED", "{}", None, None)


@pytest.mark.parametrize("finish", [None, FINISHED])
@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_commit_with_another_version_is_refused_and_writes_nothing(
    tmp_path: Path, version: int, finish: Finish | None
) -> None:
    async def body(store: SqliteStore) -> None:
        await commit(store, step(0, 1))
        await commit(store, step(1, 2))
        await post(store, "e")

        def everything() -> list[Any]:
            return [store.executions._read(f"SELECT * FROM {table}", ()) for table in ("execution", *TABLES)]

        before = everything()
        with pytest.raises(Conflict):
            await commit(store, replace(step(version, 9, inbox=["e"]), finish=finish))
        assert everything() == before
        await commit(store, step(2, 3))
        assert everything() != before

    run(tmp_path, body)


def test_an_event_leaves_the_inbox_in_the_commit_that_took_it(tmp_path: Path) -> None:
    async def body(store: SqliteStore) -> None:
        def inbox() -> list[str]:
            return [event_id for (event_id,) in store.executions._read("SELECT event_id FROM inbox", ())]

        await commit(store, step(0, 1))
        await post(store, "taken")
        await post(store, "left")
        assert inbox() == ["left", "taken"]
        await commit(store, step(1, 2, inbox=["taken"]))
        assert inbox() == ["left"]
        await post(store, "taken")
        assert inbox() == ["left", "taken"]
        await commit(store, replace(step(2, 3), finish=FINISHED))
        assert inbox() == []

    run(tmp_path, body)
