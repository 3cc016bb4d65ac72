"""Map runs over the real store: children, limits, failures, restarts, redrives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from runtime.engine.waiting import Rig, new
from stategate.asl.effects import ScheduleTask
from stategate.asl.maprun import Item, ItemSource, ResultTarget
from stategate.runtime.engine import Engine
from stategate.runtime.engine.mapruns import NoData
from stategate.services.ports import (
    ChildResult,
    Execution,
    ItemsFailed,
    MapRun,
    NewExecution,
    NotRedrivable,
    TaskFailure,
    TaskOutcome,
    TaskSuccess,
)

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
PASS = {"P": {"Type": "Pass", "End": True}}
TASK = {"P": {"Type": "Task", "Resource": FUNCTION, "End": True}}
WAIT = {"P": {"Type": "Wait", "Seconds": 60, "End": True}}
EXCEEDED = "States.ExceedToleratedFailureThreshold"


class Data(NoData):
    """A `MapRunData` whose files are lists."""

    def __init__(self, items: Sequence[Any] = (), failure: ItemsFailed | None = None) -> None:
        self.items = items
        self.failure = failure
        self.written: list[ChildResult] = []
        self.gate: asyncio.Event | None = None

    async def read(self, execution: NewExecution, source: ItemSource) -> AsyncIterator[Sequence[Item]]:
        for at in range(0, len(self.items), 3):
            yield [Item(item) for item in self.items[at : at + 3]]
            if self.gate is not None:
                await self.gate.wait()
        if self.failure is not None:
            raise self.failure

    async def write(
        self, execution: NewExecution, map_run_arn: str, target: ResultTarget, results: AsyncIterator[ChildResult]
    ) -> str:
        self.written = [result async for result in results]
        return json.dumps({"MapRunArn": map_run_arn})


class MapRig(Rig):
    def __init__(self, data_dir: Path, data: Data) -> None:
        self.data = data
        self.bad: set[str] = set()
        self.held: asyncio.Event | None = None
        self.most = self.now = 0
        super().__init__(data_dir)

    def start(self) -> None:
        super().start()

    async def perform(self, execution: NewExecution, task: ScheduleTask) -> TaskOutcome:
        self.now += 1
        self.calls += 1
        self.most = max(self.most, self.now)
        try:
            await (self.held.wait() if self.held is not None else asyncio.sleep(0.005))
        finally:
            self.now -= 1
        return TaskFailure("E", "bad") if task.input in self.bad else TaskSuccess(task.input)

    def map_run(self, execution: NewExecution) -> MapRun:
        return self.engine.map_runs(execution.arn)[0]


def simulate(data_dir: Path, body: Callable[[MapRig], Awaitable[None]], data: Data | None = None) -> None:
    async def main() -> None:
        given = data or Data()
        made = Engine.__init__

        def with_data(self: Engine, *args: Any, **more: Any) -> None:
            made(self, *args, **{**more, "map_run_data": given})

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Engine, "__init__", with_data)
            rig = MapRig(data_dir, given)
            try:
                await body(rig)
            finally:
                await rig.close()

    asyncio.run(main())


def definition(states: dict[str, Any], type: str = "STANDARD", **fields: Any) -> dict[str, Any]:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": type}
    processor = {"ProcessorConfig": config, "StartAt": "P", "States": states}
    return {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}}}


def output(execution: Execution) -> Any:
    assert execution.status == "SUCCEEDED", execution
    return json.loads(execution.output or "")


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
def test_each_item_is_an_execution(tmp_path: Path, type: str) -> None:
    async def body(rig: MapRig) -> None:
        parent = await rig.begin("e", definition(TASK, type, Label="L"), [3, 1, 2])
        assert output(await rig.ended(parent)) == [3, 1, 2]
        run = rig.map_run(parent)
        assert (run.status, run.type) == ("SUCCEEDED", type)
        assert (run.items.succeeded, run.executions.succeeded) == (3, 3)
        children = rig.engine.children(run.arn)
        assert len(children) == 3
        for child in children:
            assert child.new.machine_arn == f"{parent.machine_arn}/L"
            kind = "execution" if type == "STANDARD" else "express"
            assert child.new.arn.startswith(f"arn:aws:states:us-east-1:000000000000:{kind}:m/L:{child.new.name}")
            assert child.new.input == child.output
        assert not rig.engine.list(parent.machine_arn)[1:], "children are not the state machine's own"
        assert rig.rows("frame", "task", "inbox", "timer") == [0, 0, 0, 0]

    simulate(tmp_path, body)


def test_no_items(tmp_path: Path) -> None:
    async def body(rig: MapRig) -> None:
        assert output(await rig.ended(await rig.begin("e", definition(PASS), []))) == []

    simulate(tmp_path, body)


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
def test_concurrency(tmp_path: Path, type: str) -> None:
    async def body(rig: MapRig) -> None:
        rig.held = asyncio.Event()
        parent = await rig.begin("e", definition(TASK, type, MaxConcurrency=3), list(range(30)))
        await rig.until(lambda: rig.now == 3)
        rig.held.set()
        assert output(await rig.ended(parent)) == list(range(30))
        assert rig.most == 3

    simulate(tmp_path, body)


@pytest.mark.parametrize(
    ("limits", "bad", "status"),
    [
        ({}, 1, "FAILED"),
        ({"ToleratedFailureCount": 2}, 2, "SUCCEEDED"),
        ({"ToleratedFailureCount": 2}, 3, "FAILED"),
        ({"ToleratedFailurePercentage": 20}, 2, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 20}, 3, "FAILED"),
        ({"ToleratedFailureCount": 5, "ToleratedFailurePercentage": 10}, 2, "FAILED"),
    ],
)
def test_tolerated_failures(tmp_path: Path, limits: dict[str, Any], bad: int, status: str) -> None:
    async def body(rig: MapRig) -> None:
        rig.bad = {str(item) for item in range(bad)}
        parent = await rig.begin("e", definition(TASK, **limits), list(range(10)))
        ended = await rig.ended(parent)
        assert ended.status == status
        assert rig.map_run(parent).status == status
        if status == "SUCCEEDED":
            assert output(ended) == list(range(bad, 10))
        else:
            assert (ended.error, ended.cause) == (EXCEEDED, "The specified tolerated failure threshold was exceeded")

    simulate(tmp_path, body)


def test_too_many_failures_stop_the_others(tmp_path: Path) -> None:
    states = {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "F"}], "Default": "P"},
        "F": {"Type": "Fail"},
        **WAIT,
    }
    processor = definition(states)
    processor["States"]["M"]["ItemProcessor"]["StartAt"] = "C"

    async def body(rig: MapRig) -> None:
        parent = await rig.begin("e", processor, [1, 2, 0, 3])
        assert (await rig.ended(parent)).error == EXCEEDED
        await rig.until(lambda: not rig.engine.children(rig.map_run(parent).arn, status="RUNNING"))
        counts = rig.map_run(parent).executions
        assert (counts.failed, counts.aborted) == (1, 3)

    simulate(tmp_path, body)


def test_stopping_the_parent_stops_the_children(tmp_path: Path) -> None:
    async def body(rig: MapRig) -> None:
        parent = await rig.begin("e", definition(WAIT), [1, 2, 3])
        await rig.until(lambda: rig.map_run(parent).executions.running == 3)
        await rig.engine.stop(parent.arn, None, None)
        await rig.until(lambda: rig.map_run(parent).executions.aborted == 3)
        assert rig.map_run(parent).status == "ABORTED"

    simulate(tmp_path, body)


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    async def body(rig: MapRig) -> None:
        parent = await rig.begin("e", definition(WAIT, MaxConcurrency=2), [1, 2, 3, 4, 5])
        await rig.until(lambda: rig.map_run(parent).executions.running == 2)
        await rig.restart()
        for done, running in ((2, 2), (4, 1)):
            rig.fake.advance(61)
            await rig.until(lambda done=done: rig.map_run(parent).executions.succeeded == done)  # type: ignore[misc]
            await rig.until(lambda running=running: rig.map_run(parent).executions.running == running)  # type: ignore[misc]
            await rig.restart()
        rig.fake.advance(61)
        assert output(await rig.ended(parent)) == [1, 2, 3, 4, 5]
        assert len(rig.engine.children(rig.map_run(parent).arn)) == 5
        assert rig.types(parent).count("MapRunStarted") == 1

    simulate(tmp_path, body)


def test_a_restart_while_items_are_read_reads_them_again(tmp_path: Path) -> None:
    data = Data(list(range(10)))
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "b", "Key": "k"},
    }

    async def body(rig: MapRig) -> None:
        data.gate = asyncio.Event()
        parent = await rig.begin("e", definition(PASS, ItemReader=reader), {})
        await rig.until(lambda: rig.map_run(parent).items.pending == 3)
        data.gate = None
        await rig.restart()
        assert output(await rig.ended(parent)) == list(range(10))

    simulate(tmp_path, body, data)


def test_express_children_start_again_after_a_restart(tmp_path: Path) -> None:
    async def body(rig: MapRig) -> None:
        rig.held = asyncio.Event()
        parent = await rig.begin("e", definition(TASK, "EXPRESS"), [1, 2])
        await rig.until(lambda: rig.now == 2)
        await rig.restart()
        await rig.until(lambda: rig.now == 2)
        rig.held.set()
        assert output(await rig.ended(parent)) == [1, 2]

    simulate(tmp_path, body)


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
def test_a_redrive_runs_the_unsuccessful_children_again(tmp_path: Path, type: str) -> None:
    async def body(rig: MapRig) -> None:
        rig.bad = {"3", "5"}
        parent = await rig.begin("e", definition(TASK, type, ToleratedFailureCount=1), [1, 2, 3, 4, 5])
        assert (await rig.ended(parent)).error == EXCEEDED
        await rig.until(lambda: rig.map_run(parent).executions.running == 0)
        await rig.restart()
        rig.bad, rig.calls = {"5"}, 0
        redriven = await rig.engine.redrive(parent.arn)
        assert redriven is not None
        assert redriven.redrive_count == 1
        assert output(await rig.ended(parent)) == [1, 2, 3, 4]
        run = rig.map_run(parent)
        assert (run.status, run.redrives, run.executions.succeeded, run.executions.failed) == ("SUCCEEDED", 1, 4, 1)
        assert rig.calls <= 4
        types = rig.types(parent)
        assert types[types.index("ExecutionRedriven") + 1] == "MapRunRedriven"
        ended = rig.engine.get(parent.arn)
        assert ended is not None
        assert (ended.redrive_count, ended.error) == (1, None)

    simulate(tmp_path, body)


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
def test_a_redrive_at_once_finds_what_is_being_stopped(tmp_path: Path, type: str) -> None:
    async def body(rig: MapRig) -> None:
        rig.bad = {"0"}
        parent = await rig.begin("e", definition(TASK, type), list(range(100)))
        assert (await rig.ended(parent)).error == EXCEEDED
        rig.bad = set()
        await rig.engine.redrive(parent.arn)
        assert output(await rig.ended(parent)) == list(range(100))
        assert rig.map_run(parent).executions.succeeded == 100

    simulate(tmp_path, body)


def test_limits_can_be_changed(tmp_path: Path) -> None:
    async def body(rig: MapRig) -> None:
        rig.held = asyncio.Event()
        rig.bad = {"0"}
        parent = await rig.begin("e", definition(TASK, MaxConcurrency=1), [0, 1, 2])
        await rig.until(lambda: rig.now == 1)
        run = await rig.engine.update_map_run(rig.map_run(parent).arn, 3, 1, None)
        assert run is not None
        assert (run.concurrency, run.tolerated_count) == (3, 1)
        await rig.until(lambda: rig.now == 3)
        rig.held.set()
        assert output(await rig.ended(parent)) == [1, 2]

    simulate(tmp_path, body)


def test_what_can_not_be_read_fails_the_map_run(tmp_path: Path) -> None:
    data = Data([1, 2, 3, 4], ItemsFailed("States.ItemReaderFailed", "why"))
    reader = {
        "Resource": "arn:aws:states:::s3:listObjectsV2",
        "Parameters": {"Bucket": "b"},
    }

    async def body(rig: MapRig) -> None:
        parent = await rig.begin("e", definition(PASS, ItemReader=reader), {})
        ended = await rig.ended(parent)
        assert (ended.error, ended.cause) == ("States.ItemReaderFailed", "why")
        assert rig.types(parent)[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]
        data.failure = None
        await rig.engine.redrive(parent.arn)
        assert output(await rig.ended(parent)) == [1, 2, 3, 4]

    simulate(tmp_path, body, data)


def test_results_are_written_in_the_order_of_the_items(tmp_path: Path) -> None:
    data = Data()
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}

    async def body(rig: MapRig) -> None:
        rig.bad = {"2"}
        parent = await rig.begin("e", definition(TASK, ToleratedFailureCount=1, ResultWriter=writer), [1, 2, 3])
        assert output(await rig.ended(parent)) == {"MapRunArn": rig.map_run(parent).arn}
        assert [(r.status, r.input, r.output, r.error) for r in data.written] == [
            ("SUCCEEDED", "1", "1", None),
            ("FAILED", "2", None, "E"),
            ("SUCCEEDED", "3", "3", None),
        ]

    simulate(tmp_path, body, data)


def test_too_much_output_is_a_failure(tmp_path: Path) -> None:
    big = {"P": {"Type": "Pass", "Result": "x" * 100_000, "End": True}}

    async def body(rig: MapRig) -> None:
        ended = await rig.ended(await rig.begin("e", definition(big), [1, 2, 3]))
        assert (ended.status, ended.error) == ("FAILED", "States.DataLimitExceeded")

    simulate(tmp_path, body)


def test_map_runs_in_map_runs(tmp_path: Path) -> None:
    inner = definition(PASS, Label="In")["States"]["M"]

    async def body(rig: MapRig) -> None:
        parent = await rig.begin("e", definition({"P": {**inner}}, Label="Out") | {}, [[1, 2], [3]])
        assert output(await rig.ended(parent)) == [[1, 2], [3]]
        (outer,) = rig.engine.map_runs(parent.arn)
        for child in rig.engine.children(outer.arn):
            (run,) = rig.engine.map_runs(child.new.arn)
            assert ":mapRun:m/In:" in run.arn

    inner["ItemProcessor"]["StartAt"] = "Q"
    inner["ItemProcessor"]["States"] = {"Q": {"Type": "Pass", "End": True}}
    simulate(tmp_path, body)


def test_a_thousand_items_cost_in_proportion(tmp_path: Path) -> None:
    """Rows and commits, not seconds: what one item costs does not depend on how many there are."""

    async def body(rig: MapRig) -> None:
        commits = []
        for count in (200, 1000):
            before = rig.store.writer.commits
            parent = await rig.begin(f"e{count}", definition(PASS), list(range(count)))
            assert len(output(await rig.ended(parent))) == count
            commits.append(rig.store.writer.commits - before)
        assert commits[1] <= 10 * commits[0]
        assert len(rig.engine._live) <= 600

    simulate(tmp_path, body)


def test_redrives_of_the_engine(tmp_path: Path) -> None:
    states = {
        "A": {"Type": "Task", "Resource": FUNCTION, "Next": "W"},
        "W": {"Type": "Wait", "Seconds": 5, "End": True},
    }

    async def body(rig: MapRig) -> None:
        assert await rig.engine.redrive(new("none", {}, 0).arn) is None
        rig.bad = {"1"}
        made = await rig.begin("e", {"StartAt": "A", "States": states, "TimeoutSeconds": 100}, 1)
        assert (await rig.ended(made)).status == "FAILED"
        assert rig.rows("frame") == [1]
        await rig.restart()
        rig.bad = set()
        await rig.engine.redrive(made.arn)
        with pytest.raises(NotRedrivable, match="Execution is RUNNING and cannot be redriven"):
            await rig.engine.redrive(made.arn)
        await rig.until(lambda: rig.types(made)[-1] == "WaitStateEntered")
        await rig.restart()
        rig.fake.advance(6)
        assert output(await rig.ended(made)) == 1
        assert rig.rows("frame", "timer", "task") == [0, 0, 0]
        with pytest.raises(NotRedrivable, match="Execution is SUCCEEDED and cannot be redriven"):
            await rig.engine.redrive(made.arn)
        events = rig.engine.history(made.arn)
        assert [event.id for event in events] == list(range(1, len(events) + 1))

    simulate(tmp_path, body)


def test_a_redrive_that_fails_at_once(tmp_path: Path) -> None:
    async def body(rig: MapRig) -> None:
        made = await rig.begin("e", {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}})
        for count in (1, 2, 3):
            redriven = await rig.engine.redrive(made.arn)
            assert redriven is not None
            assert (redriven.status, redriven.redrive_count, redriven.error) == ("FAILED", count, "E")

    simulate(tmp_path, body)
