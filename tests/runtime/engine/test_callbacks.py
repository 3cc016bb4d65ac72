"""Tokens, activities and nested executions over the real store and machine, through restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from runtime.engine.waiting import ACTIVITY, CALLBACK, SYNC, Rig, new, one

WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"x": 1}, "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "why"}}}


def simulate(data_dir: Path, body: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        rig = Rig(data_dir)
        try:
            await body(rig)
        finally:
            await rig.close()

    asyncio.run(main())


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True])
def test_a_token_brings_the_result(tmp_path: Path, restart: bool) -> None:
    async def body(rig: Rig) -> None:
        execution = await rig.begin("a", one(CALLBACK))
        token = await rig.token(execution)
        if restart:
            await rig.restart()
        owner = rig.engine.task_owner(token)
        assert owner is not None
        assert (owner.execution.arn, owner.activity) == (execution.arn, None)
        assert await rig.engine.task_succeeded(token, '{"n": 1}')
        ended = rig.engine.get(execution.arn)
        assert ended is not None
        assert (ended.status, ended.output) == ("SUCCEEDED", '{"n": 1}')
        assert rig.types(execution)[2:] == [
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded",
        ]
        assert rig.calls == 1
        assert rig.rows("token", "task", "frame") == [0, 0, 0]
        assert not await rig.engine.task_succeeded(token, "{}")
        assert rig.engine.task_owner(token) is not None

    simulate(tmp_path, body)


def test_one_answer_counts(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        execution = await rig.begin("a", one(CALLBACK))
        token = await rig.token(execution)
        answers = await asyncio.gather(
            rig.engine.task_succeeded(token, "1"),
            rig.engine.task_failed(token, "E", "c"),
            rig.engine.task_succeeded(token, "2"),
        )
        assert list(answers) == [True, False, False]
        assert (await rig.ended(execution)).output == "1"

    simulate(tmp_path, body)


def test_a_failure_needs_no_error(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        execution = await rig.begin("a", one(CALLBACK))
        assert await rig.engine.task_failed(await rig.token(execution), None, None)
        ended = await rig.ended(execution)
        assert (ended.status, ended.error, ended.cause) == ("FAILED", None, None)
        failed = rig.engine.history(execution.arn)[-2]
        assert failed.details == {"resourceType": "lambda", "resource": "invoke.waitForTaskToken"}

    simulate(tmp_path, body)


def test_heartbeats(tmp_path: Path) -> None:
    """The time counts from the submission, and anew from each heartbeat; a restart changes nothing."""

    async def body(rig: Rig) -> None:
        execution = await rig.begin("a", one(CALLBACK, HeartbeatSeconds=10, TimeoutSeconds=100))
        token = await rig.token(execution)
        for _ in range(3):
            rig.fake.advance(9)
            assert await rig.engine.task_heartbeat(token)
        await rig.restart()
        rig.fake.advance(9)
        await asyncio.sleep(0.01)
        assert rig.status(execution) == "RUNNING"
        rig.fake.advance(1)
        ended = await rig.ended(execution)
        assert (ended.status, ended.error) == ("FAILED", "States.Timeout")
        assert rig.types(execution)[-2] == "TaskTimedOut"
        assert not await rig.engine.task_heartbeat(token)
        assert not await rig.engine.task_succeeded(token, "1")

    simulate(tmp_path, body)


def test_an_answer_after_the_timeout_is_told_so(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        execution = await rig.begin("a", one(CALLBACK, TimeoutSeconds=5))
        token = await rig.token(execution)
        rig.fake.advance(5)
        answered = await rig.engine.task_succeeded(token, "1")
        ended = await rig.ended(execution)
        assert (answered, ended.status) == (False, "FAILED")

    simulate(tmp_path, body)


def test_each_attempt_has_a_token_of_its_own(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        retry = [{"ErrorEquals": ["Again"], "IntervalSeconds": 1}]
        execution = await rig.begin("a", one(CALLBACK, Retry=retry))
        first = await rig.token(execution)
        assert await rig.engine.task_failed(first, "Again", "")
        rig.fake.advance(1)
        second = await rig.token(execution, 2)
        assert first != second
        assert not await rig.engine.task_succeeded(first, "1")
        assert await rig.engine.task_succeeded(second, "2")
        assert (await rig.ended(execution)).output == "2"

    simulate(tmp_path, body)


def test_an_answer_before_the_call_has_ended(tmp_path: Path) -> None:
    """It counts at once; the call goes on to its end."""

    async def body(rig: Rig) -> None:
        rig.gate = asyncio.Event()
        execution = await rig.begin("a", one(CALLBACK))
        await rig.until(lambda: rig.tokens)
        assert await rig.engine.task_succeeded(rig.tokens["a"][0], "1")
        assert (await rig.ended(execution)).output == "1"
        assert rig.types(execution)[2:5] == ["TaskScheduled", "TaskStarted", "TaskSucceeded"]
        assert rig.finished == []
        rig.gate.set()
        await rig.until(lambda: rig.finished == ["a"])

    simulate(tmp_path, body)


@pytest.mark.parametrize("token", ["", "garbage", "AAAAKgAAAAI=", "é"])
def test_what_is_no_token(tmp_path: Path, token: str) -> None:
    async def body(rig: Rig) -> None:
        assert rig.engine.task_owner(token) is None
        assert not await rig.engine.task_succeeded(token, "1")

    simulate(tmp_path, body)


def test_waiting_for_an_answer_costs_no_memory(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        executions = [await rig.begin(f"n{n}", one(CALLBACK)) for n in range(600)]
        tokens = [await rig.token(execution) for execution in executions]
        await rig.until(lambda: len(rig.engine._live) <= 512)
        assert all(await asyncio.gather(*(rig.engine.task_succeeded(token, "1") for token in tokens)))
        assert rig.rows("token", "frame", "inbox") == [0, 0, 0]

    simulate(tmp_path, body)


# --- activities -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True])
def test_workers_take_tasks_in_order(tmp_path: Path, restart: bool) -> None:
    async def body(rig: Rig) -> None:
        executions = [await rig.begin(f"n{n}", one(ACTIVITY), n) for n in range(5)]
        if restart:
            await rig.restart()
        taken = [await rig.engine.take_task(ACTIVITY, "w", 60) for _ in range(3)]
        taken += await asyncio.gather(*(rig.engine.take_task(ACTIVITY, None, 60) for _ in range(2)))
        assert [task and task.input for task in taken] == ["0", "1", "2", "3", "4"]
        if restart:
            await rig.restart()
        for task in taken:
            assert task is not None
            owner = rig.engine.task_owner(task.token)
            assert owner is not None
            assert owner.activity == ACTIVITY
            assert await rig.engine.task_succeeded(task.token, f"[{task.input}]")
        assert [(await rig.ended(execution)).output for execution in executions] == ["[0]", "[1]", "[2]", "[3]", "[4]"]
        assert [event.type for event in rig.engine.history(executions[0].arn)][2:5] == [
            "ActivityScheduled",
            "ActivityStarted",
            "ActivitySucceeded",
        ]
        assert rig.engine.history(executions[0].arn)[3].details == {"workerName": "w"}
        assert rig.engine.history(executions[4].arn)[3].details == {}
        assert rig.rows("token") == [0]

    simulate(tmp_path, body)


def test_workers_wait_for_tasks(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        first = asyncio.ensure_future(rig.engine.take_task(ACTIVITY, "1", 60))
        second = asyncio.ensure_future(rig.engine.take_task(ACTIVITY, "2", 60))
        await asyncio.sleep(0.01)
        await rig.begin("a", one(ACTIVITY), 1)
        task = await first
        assert task is not None
        assert not second.done()
        rig.fake.advance(60)
        assert await second is None
        gone = asyncio.ensure_future(rig.engine.take_task(ACTIVITY, "3", 60))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await rig.begin("b", one(ACTIVITY), 2)
        last = await rig.engine.take_task(ACTIVITY, "4", 60)
        assert last is not None
        assert last.input == "2"

    simulate(tmp_path, body)


def test_tasks_that_timed_out_are_not_handed_out(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        late = await rig.begin("late", one(ACTIVITY, TimeoutSeconds=5), 1)
        await rig.begin("next", one(ACTIVITY), 2)
        rig.fake.advance(5)
        await rig.ended(late)
        assert rig.types(late)[-2:] == ["ActivityTimedOut", "ExecutionFailed"]
        task = await rig.engine.take_task(ACTIVITY, "w", 60)
        assert task is not None
        assert task.input == "2"

    simulate(tmp_path, body)


def test_the_heartbeat_of_an_activity_counts_from_the_start(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        execution = await rig.begin("a", one(ACTIVITY, HeartbeatSeconds=5, TimeoutSeconds=1000))
        rig.fake.advance(50)
        task = await rig.engine.take_task(ACTIVITY, "w", 60)
        assert task is not None
        rig.fake.advance(4)
        assert await rig.engine.task_heartbeat(task.token)
        rig.fake.advance(5)
        assert (await rig.ended(execution)).error == "States.Timeout"

    simulate(tmp_path, body)


def test_an_activity_that_is_not_there(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        rig.activities.clear()
        execution = await rig.begin("a", one(ACTIVITY))
        ended = await rig.ended(execution)
        assert (ended.error, ended.cause) == (
            "States.Runtime",
            "An error occurred while executing the state 'T' (entered at the event id #2). The activity"
            f" {ACTIVITY} does not exist.",
        )
        assert rig.types(execution) == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]

    simulate(tmp_path, body)


# --- nested executions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True])
def test_a_parent_waits_for_its_child(tmp_path: Path, restart: bool) -> None:
    async def body(rig: Rig) -> None:
        parent = await rig.begin("p", one(SYNC), {"name": "c", "definition": WAIT, "input": {"i": 1}})
        await rig.until(lambda: "TaskSubmitted" in rig.types(parent))
        if restart:
            await rig.restart()
        rig.fake.advance(3600)
        ended = await rig.ended(parent)
        assert ended.status == "SUCCEEDED"
        output = json.loads(ended.output or "")
        assert output["Output"] == output["Input"] == {"i": 1}
        assert (output["Status"], output["Name"]) == ("SUCCEEDED", "c")
        assert rig.calls == 1
        assert rig.rows("watch", "task", "inbox", "frame") == [0, 0, 0, 0]

    simulate(tmp_path, body)


@pytest.mark.parametrize("definition", [PASS, FAIL], ids=["succeeds", "fails"])
def test_a_child_that_ends_at_once(tmp_path: Path, definition: dict[str, object]) -> None:
    async def body(rig: Rig) -> None:
        parent = await rig.begin("p", one(SYNC), {"name": "c", "definition": definition})
        ended = await rig.ended(parent)
        if definition is PASS:
            assert json.loads(ended.output or "")["Output"] == {"x": 1}
        else:
            assert ended.error == "States.TaskFailed"
            described = json.loads(ended.cause or "")
            assert (described["Error"], described["Cause"], described["Status"]) == ("E", "why", "FAILED")
        assert rig.types(parent)[4] == "TaskSubmitted"

    simulate(tmp_path, body)


def test_a_child_that_ended_while_the_parent_was_not_told(tmp_path: Path) -> None:
    """As after a crash between the child's last commit and the parent's next one."""

    async def body(rig: Rig) -> None:
        parent = await rig.begin("p", one(SYNC), {"name": "c", "definition": WAIT})
        await rig.until(lambda: "TaskSubmitted" in rig.types(parent))
        rig.engine._tables.watchers = lambda child: []  # type: ignore[method-assign]
        rig.fake.advance(3600)
        await rig.until(lambda: rig.status(new("c", WAIT, 0)) == "SUCCEEDED")
        assert rig.status(parent) == "RUNNING"
        await rig.restart()
        assert (await rig.ended(parent)).status == "SUCCEEDED"

    simulate(tmp_path, body)


@pytest.mark.parametrize("why", ["stop", "timeout"])
def test_a_child_is_stopped_with_its_parent(tmp_path: Path, why: str) -> None:
    async def body(rig: Rig) -> None:
        parent = await rig.begin("p", one(SYNC, TimeoutSeconds=10), {"name": "c", "definition": WAIT})
        await rig.until(lambda: "TaskSubmitted" in rig.types(parent))
        if why == "stop":
            await rig.engine.stop(parent.arn, None, None)
        else:
            rig.fake.advance(10)
        child = await rig.ended(new("c", WAIT, 0))
        assert child.status == "ABORTED"
        assert (await rig.ended(parent)).status == ("ABORTED" if why == "stop" else "FAILED")
        assert rig.rows("watch", "inbox") == [0, 0]

    simulate(tmp_path, body)


def test_the_stop_of_a_child_survives_a_crash(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        parent = await rig.begin("p", one(SYNC), {"name": "c", "definition": WAIT})
        await rig.until(lambda: "TaskSubmitted" in rig.types(parent))
        rig.engine._take_up = lambda arn, delivery: None  # type: ignore[method-assign]
        await rig.engine.stop(parent.arn, None, None)
        assert rig.status(new("c", WAIT, 0)) == "RUNNING"
        await rig.restart()
        assert (await rig.ended(new("c", WAIT, 0))).status == "ABORTED"

    simulate(tmp_path, body)
