"""The engine around a scripted machine: durability, restarts, timers, stopping, Express."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.engine.scripts import scripts
from stategate.asl.effects import ScheduleTask
from stategate.asl.events import StopRequested, TaskSucceeded
from stategate.asl.history import HistoryEvent
from stategate.runtime.engine import Engine, EngineClosed, runs
from stategate.runtime.engine.futures import written
from stategate.runtime.engine.timers import HORIZON
from stategate.runtime.store.executions import ExecutionTables
from stategate.runtime.store.sqlite import SqliteStore
from stategate.runtime.store.writer import Batch, StoreFailed
from stategate.services.ports import (
    Execution,
    ExecutionExists,
    NewExecution,
    TaskFailure,
    TaskOutcome,
    TaskSuccess,
    World,
)
from stategate.testing.clock import FakeClock

WORLD = World("000000000000", "us-east-1")
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"


class Chance:
    def __init__(self) -> None:
        self._random = random.Random(1)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def random(self) -> float:
        return self._random.random()

    def letters(self, count: int, alphabet: str) -> str:
        return "".join(self._random.choices(alphabet, k=count))


class Runner:
    """Answers tasks when told to (`gate`), or at once."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.cancelled: list[tuple[str, int]] = []
        self.gate: asyncio.Event | None = None
        self.outcome: TaskOutcome | Exception = TaskSuccess('"done"')

    async def __call__(self, execution: NewExecution, task: ScheduleTask) -> TaskOutcome:
        self.calls.append((execution.name, task.command))
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append((execution.name, task.command))
            raise
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Watcher:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def events(self, execution: NewExecution, events: Sequence[HistoryEvent]) -> None:
        self.seen += [event.type for event in events]

    def status(self, execution: Execution) -> None:
        self.seen.append(execution.status)


class Rig:
    """An engine over a data directory; `crash` leaves it as kill -9 would."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.clock = FakeClock()
        self.runner = Runner()
        self.watcher = Watcher()
        self.start()

    def start(self) -> None:
        self.store = SqliteStore(self.data_dir)
        self.engine = Engine(
            self.store.executions, self.runner, self.clock, Chance(), [self.watcher], language=scripts(), max_tasks=10
        )
        self.engine.open()

    async def restart(self) -> None:
        await self.engine.close()
        await self.store.close()
        self.start()

    def new(self, name: str, *script: Any, type_: str = "STANDARD") -> NewExecution:
        return NewExecution(
            arn=f"arn:aws:states:us-east-1:000000000000:execution:m:{name}",
            name=name,
            world=WORLD,
            machine_arn=MACHINE,
            machine_name="m",
            definition=json.dumps(script),
            role_arn="arn:aws:iam::000000000000:role/r",
            type=type_,
            input='{"n": 1}',
            started=self.clock.now(),
        )

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    def status(self, new: NewExecution) -> str | None:
        execution = self.engine.get(new.arn)
        return execution.status if execution else None

    async def ended(self, new: NewExecution) -> Execution:
        await self.until(lambda: self.status(new) not in (None, "RUNNING"))
        execution = self.engine.get(new.arn)
        assert execution is not None
        return execution

    def types(self, new: NewExecution) -> list[str]:
        return [event.type for event in self.engine.history(new.arn)]


def simulate(data_dir: Path, body: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        rig = Rig(data_dir)
        try:
            await body(rig)
        finally:
            await rig.engine.close()
            await rig.store.close()

    asyncio.run(main())


def test_a_short_execution_is_one_commit(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        before = rig.store.writer.commits
        new = rig.new("a", "pass", "pass")
        await rig.engine.start(new)
        assert rig.engine.get(new.arn) == Execution(new, "SUCCEEDED", rig.clock.now(), "[]")
        assert rig.store.writer.commits == before + 1
        assert rig.types(new) == ["ExecutionStarted", "Entered", "Entered", "ExecutionSucceeded"]
        assert rig.watcher.seen == ["RUNNING", *rig.types(new), "SUCCEEDED"]

    simulate(tmp_path, body)


def test_tasks_and_waits(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        new = rig.new("a", "task", ["wait", 3600], "continue", "task")
        await rig.engine.start(new)
        await rig.until(lambda: len(rig.types(new)) == 4)
        rig.clock.advance(3599)
        await asyncio.sleep(0.01)
        assert rig.status(new) == "RUNNING"
        rig.clock.advance(1)
        execution = await rig.ended(new)
        assert (execution.status, execution.output) == ("SUCCEEDED", '["\\"done\\"", "\\"done\\""]')
        tables = rig.store.executions
        for table in ("frame", "timer", "task", "inbox"):
            assert tables._read(f"SELECT count(*) FROM {table}", ()) == [(0,)]

    simulate(tmp_path, body)


def test_a_running_task_is_called_again_after_a_restart(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        rig.runner.gate = asyncio.Event()
        new = rig.new("a", "task", "pass")
        await rig.engine.start(new)
        await rig.until(lambda: rig.runner.calls)
        await rig.restart()
        await rig.until(lambda: len(rig.runner.calls) == 2)
        assert rig.types(new) == ["ExecutionStarted", "Entered", "TaskStarted"]
        rig.runner.gate.set()
        assert (await rig.ended(new)).status == "SUCCEEDED"
        assert rig.runner.calls == [("a", 2), ("a", 2)]
        assert [e.id for e in rig.engine.history(new.arn)] == [1, 2, 3, 4, 5, 6]

    simulate(tmp_path, body)


def test_timers_that_fell_due_fire_after_a_restart(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        news = [rig.new(f"n{n}", ["wait", 10 + n * 100]) for n in range(20)]
        for new in news:
            await rig.engine.start(new)
        await rig.engine.close()
        await rig.store.close()
        rig.clock.advance(1000)
        rig.start()
        await rig.until(lambda: sum(rig.status(new) == "SUCCEEDED" for new in news) == 10)
        rig.clock.advance(1000)
        await rig.until(lambda: all(rig.status(new) == "SUCCEEDED" for new in news))

    simulate(tmp_path, body)


def test_waiting_executions_leave_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "HOT", 10)

    async def body(rig: Rig) -> None:
        news = [rig.new(f"n{n}", ["wait", 100_000], "task") for n in range(200)]
        await asyncio.gather(*(rig.engine.start(new) for new in news))
        assert len(rig.engine._live) == 10
        assert not rig.engine._timers._near
        rig.clock.advance(100_001)
        await rig.until(lambda: all(rig.status(new) == "SUCCEEDED" for new in news))
        assert len(rig.runner.calls) == 200
        await rig.until(lambda: not rig.engine._live)

    simulate(tmp_path, body)


def test_a_timeout_cancels_the_call(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        rig.runner.gate = asyncio.Event()
        new = rig.new("a", ["task", 5])
        await rig.engine.start(new)
        await rig.until(lambda: rig.runner.calls)
        rig.clock.advance(5)
        assert (await rig.ended(new)).status == "TIMED_OUT"
        await rig.until(lambda: rig.runner.cancelled)

    simulate(tmp_path, body)


def test_the_same_name_exists(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        new = rig.new("a", ["wait", 10])
        results = await asyncio.gather(*(rig.engine.start(new) for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [Execution, ExecutionExists, ExecutionExists]
        with pytest.raises(ExecutionExists) as caught:
            await rig.engine.start(replace(new, input="other"))
        assert caught.value.existing == Execution(new, "RUNNING")

    simulate(tmp_path, body)


def test_stop(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        new = rig.new("a", ["wait", 10])
        await rig.engine.start(new)
        rig.clock.advance(1)
        stopped = await rig.engine.stop(new.arn, "E", "because")
        assert stopped == Execution(new, "ABORTED", rig.clock.now(), None, "E", "because")
        rig.clock.advance(100)
        assert await rig.engine.stop(new.arn, None, None) == stopped
        assert await rig.engine.stop("arn:unknown", None, None) is None

    simulate(tmp_path, body)


def test_stop_all_and_running(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        for n in range(30):
            await rig.engine.start(rig.new(f"n{n}", ["wait", 10]))
        assert rig.engine.running(MACHINE) == 30
        assert await rig.engine.stop_all(MACHINE) == 30
        assert rig.engine.running(MACHINE) == 0

    simulate(tmp_path, body)


def test_a_bug_ends_one_execution_only(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        other, broken, late = rig.new("o", ["wait", 5]), rig.new("b", "raise"), rig.new("l", "task", "raise")
        for new in (other, broken, late):
            await rig.engine.start(new)
        for new in (broken, late):
            execution = await rig.ended(new)
            assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
            assert execution.cause is not None and "RuntimeError: a bug" in execution.cause
        assert rig.types(late) == ["ExecutionStarted", "Entered", "ExecutionFailed"]
        rig.clock.advance(5)
        assert (await rig.ended(other)).status == "SUCCEEDED"

    simulate(tmp_path, body)


def test_a_step_that_can_not_be_written_ends_one_execution_only(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        other, broken = rig.new("o", ["wait", 5]), rig.new("b", "unwritable")
        for new in (other, broken):
            await rig.engine.start(new)
        execution = await rig.ended(broken)
        assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
        await asyncio.wait_for(rig.restart(), 5)  # nothing waits for the commit that never was
        rig.clock.advance(5)
        assert (await rig.ended(other)).status == "SUCCEEDED"

    simulate(tmp_path, body)


def test_an_undecodable_run_ends_alone(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        new, other = rig.new("a", ["wait", 5]), rig.new("b", ["wait", 5])
        await rig.engine.start(new)
        await rig.engine.start(other)
        broken = [("UPDATE execution SET header = x'00' WHERE arn = ?", (new.arn,))]
        await written(lambda done: rig.store.writer.submit(Batch(broken, done)))
        await rig.restart()
        rig.clock.advance(5)
        execution = await rig.ended(new)
        assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
        assert (await rig.ended(other)).status == "SUCCEEDED"

    simulate(tmp_path, body)


def test_an_execution_that_cannot_be_read_for_a_while_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(rig: Rig) -> None:
        new = rig.new("a", "task")
        rig.runner.gate = asyncio.Event()
        await rig.engine.start(new)
        load, failed = ExecutionTables.load, asyncio.Event()

        def broken(tables: ExecutionTables, arn: str, *, ended: bool = False) -> Any:
            failed.set()
            raise OSError("the disk cannot be read")

        monkeypatch.setattr(ExecutionTables, "load", broken)
        await rig.restart()
        await failed.wait()
        monkeypatch.setattr(ExecutionTables, "load", load)
        rig.runner.gate.set()
        rig.clock.advance(HORIZON)
        assert (await rig.ended(new)).status == "SUCCEEDED"

    simulate(tmp_path, body)


def test_a_runner_that_raises_fails_the_task(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        rig.runner.outcome = RuntimeError("oops")
        new = rig.new("a", "task")
        await rig.engine.start(new)
        execution = await rig.ended(new)
        assert (execution.status, execution.error) == ("FAILED", "States.TaskFailed")
        rig.runner.outcome = TaskFailure("Custom", "cause")
        other = rig.new("b", "task")
        await rig.engine.start(other)
        execution = await rig.ended(other)
        assert (execution.error, execution.cause) == ("Custom", "cause")

    simulate(tmp_path, body)


def test_a_full_disk_acknowledges_nothing_and_heals(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        rig.runner.gate = asyncio.Event()
        running = rig.new("a", "task")
        await rig.engine.start(running)
        await rig.until(lambda: rig.runner.calls)
        connection = rig.store._connection
        pages = connection.execute("PRAGMA page_count").fetchall()[0][0]
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        big = replace(rig.new("big", ["wait", 1]), input='"' + "x" * 1_000_000 + '"')
        with pytest.raises(Exception, match="full"):
            await rig.engine.start(big)
        assert rig.engine.get(big.arn) is None
        rig.runner.outcome = TaskSuccess('"' + "y" * 1_000_000 + '"')
        rig.runner.gate.set()
        await rig.until(lambda: running.arn not in rig.engine._live)
        assert rig.status(running) == "RUNNING"
        connection.execute("PRAGMA max_page_count = 1000000").fetchall()
        rig.clock.advance(1)
        assert (await rig.ended(running)).status == "SUCCEEDED"
        assert len(rig.runner.calls) == 2

    simulate(tmp_path, body)


def test_a_wait_goes_on_when_something_else_reads_it_from_disk_after_a_failed_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(rig: Rig) -> None:
        new = rig.new("a", ["wait", 30])
        await rig.engine.start(new)
        with monkeypatch.context() as patched:
            failed = StoreFailed("the disk is full")
            patched.setattr(rig.store.executions, "commit", lambda change, done: done(failed))
            assert await rig.engine.post(new.arn, "first", TaskSucceeded(1, "1"))
            assert new.arn not in rig.engine._live
        assert await rig.engine.post(new.arn, "second", TaskSucceeded(1, "1"))
        assert new.arn in rig.engine._live
        rig.clock.advance(30)
        assert (await rig.ended(new)).status == "SUCCEEDED"

    simulate(tmp_path, body)


@pytest.mark.parametrize("seed", range(5))
def test_commits_that_fail_at_random(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)

    def flaky(store: SqliteStore) -> None:
        transaction = store.writer._transaction

        def attempt(group: list[Batch]) -> list[Exception | None]:
            if chance.random() < 0.2:
                raise OSError("the disk is having a bad day")
            return transaction(group)

        store.writer._transaction = attempt  # type: ignore[method-assign]

    async def body(rig: Rig) -> None:
        flaky(rig.store)
        kinds: list[list[Any]] = [["task", ["wait", 3], "task"], [["task", 50], "continue", ["wait", 70]], ["pass"]]
        news = [rig.new(f"n{n}", *kinds[n % 3]) for n in range(30)]
        acknowledged: set[str] = set()
        async with asyncio.timeout(200):
            while not all(rig.status(new) == "SUCCEEDED" for new in news):
                for new in news:
                    if new.arn not in acknowledged and new.arn not in rig.engine._live:
                        try:
                            await rig.engine.start(new)
                        except StoreFailed:
                            assert rig.engine.get(new.arn) is None
                            continue
                        acknowledged.add(new.arn)
                if chance.random() < 0.1:
                    await rig.restart()
                    flaky(rig.store)
                rig.clock.advance(chance.random() * 3)
                await asyncio.sleep(0.002)
        for new in news:
            ids = [event.id for event in rig.engine.history(new.arn)]
            assert ids == list(range(1, len(ids) + 1))
            assert rig.types(new).count("ExecutionSucceeded") == 1
        assert all(not rig.store.executions._read(f"SELECT 1 FROM {t}", ()) for t in ("frame", "timer", "task"))

    simulate(tmp_path, body)


def test_posted_events_are_kept(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        new = rig.new("a", ["wait", 1000])
        await rig.engine.start(new)
        assert not await rig.engine.post("arn:unknown", "e", StopRequested())
        assert await rig.engine.post(new.arn, "e", StopRequested("E", "posted"))
        assert (await rig.ended(new)).cause == "posted"
        other = rig.new("b", ["wait", 1000])
        await rig.engine.start(other)
        rig.engine._proceed = lambda live: None  # type: ignore[method-assign]
        assert await rig.engine.post(other.arn, "e", StopRequested("E", "later"))
        assert not await rig.engine.post(other.arn, "e", StopRequested("E", "twice"))
        await rig.restart()
        assert (await rig.ended(other)).cause == "later"

    simulate(tmp_path, body)


def test_a_posted_event_leaves_the_inbox_once_it_is_taken_up(tmp_path: Path) -> None:
    """The execution runs on: the row isn't one of those that go with its end."""

    async def body(rig: Rig) -> None:
        new = rig.new("a", ["wait", 1000])
        await rig.engine.start(new)
        for _ in range(3):  # an id is free again once its event has been taken up
            assert await rig.engine.post(new.arn, "e", TaskSucceeded(1, "1"))
            await rig.until(lambda: not rig.store.executions._read("SELECT * FROM inbox", ()))
        assert rig.status(new) == "RUNNING"

    simulate(tmp_path, body)


@pytest.mark.parametrize("wait", [["wait", 10], ["wait", 10, "{% 'tried first' %}"]])
def test_an_illegal_event_changes_nothing(tmp_path: Path, wait: list[Any]) -> None:
    async def body(rig: Rig) -> None:
        new = rig.new("a", wait)
        await rig.engine.start(new)
        assert await rig.engine.post(new.arn, "e", TaskSucceeded(999, "1"))
        rig.clock.advance(10)
        assert (await rig.ended(new)).status == "SUCCEEDED"

    simulate(tmp_path, body)


def test_express_runs_in_memory(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        before = rig.store.writer.commits
        new = rig.new("x", "task", ["wait", 2], "continue", type_="EXPRESS")
        running = asyncio.create_task(rig.engine.run(new))
        await rig.until(lambda: rig.clock.next_alarm() == rig.clock.now() + 2)
        rig.clock.advance(2)
        execution = await running
        assert (execution.status, execution.output) == ("SUCCEEDED", '["\\"done\\""]')
        assert rig.store.writer.commits == before
        assert rig.engine.get(new.arn) is None
        assert rig.watcher.seen[0] == "RUNNING" and rig.watcher.seen[-1] == "SUCCEEDED"

    simulate(tmp_path, body)


def test_express_is_stopped_when_the_caller_goes_away(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        rig.runner.gate = asyncio.Event()
        running = asyncio.create_task(rig.engine.run(rig.new("x", "task", type_="EXPRESS")))
        await rig.until(lambda: rig.runner.calls)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await rig.until(lambda: rig.runner.cancelled)
        await rig.until(lambda: not rig.engine._live)
        assert rig.watcher.seen[-1] == "ABORTED"

    simulate(tmp_path, body)


def test_asynchronous_express_starts_again_after_a_restart(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        rig.runner.gate = asyncio.Event()
        new = rig.new("x", "task", type_="EXPRESS")
        await rig.engine.start(new)
        await rig.until(lambda: rig.runner.calls)
        await rig.restart()
        await rig.until(lambda: len(rig.runner.calls) == 2)
        rig.runner.gate.set()
        await rig.until(lambda: rig.watcher.seen[-1] == "SUCCEEDED")
        await rig.until(lambda: not rig.store.executions.express())

    simulate(tmp_path, body)


def test_tasks_wait_for_their_turn(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        rig.runner.gate = asyncio.Event()
        news = [rig.new(f"n{n}", "task") for n in range(25)]
        for new in news:
            await rig.engine.start(new)
        await rig.until(lambda: len(rig.runner.calls) == 10)
        await asyncio.sleep(0.01)
        assert len(rig.runner.calls) == 10
        await rig.engine.stop(news[12].arn, None, None)
        rig.runner.gate.set()
        await rig.until(lambda: all(rig.status(new) in ("SUCCEEDED", "ABORTED") for new in news))
        assert len(rig.runner.calls) == 24

    simulate(tmp_path, body)


def test_history_pages(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        new = rig.new("a", *(["pass"] * 3 + ["task"]) * 10)
        await rig.engine.start(new)
        await rig.ended(new)
        everything = [event.id for event in rig.engine.history(new.arn)]
        assert everything == list(range(1, len(everything) + 1))
        for after in range(len(everything) + 1):
            forwards = rig.engine.history(new.arn, after=after, limit=7)
            assert [e.id for e in forwards] == everything[after : after + 7]
            backwards = rig.engine.history(new.arn, after=after, limit=7, reverse=True)
            assert [e.id for e in backwards] == [e for e in reversed(everything) if e < after][:7]

    simulate(tmp_path, body)


def test_list_is_newest_first(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        for n in range(10):
            rig.clock.advance(1 if n % 2 else 0)
            await rig.engine.start(rig.new(f"n{n}", *(["fail"] if n % 3 else ["pass"])))
        seen: list[str] = []
        after = None
        while page := rig.engine.list(MACHINE, after=after, limit=3):
            seen += [execution.new.name for execution in page]
            after = (page[-1].new.started, page[-1].new.arn)
        assert seen == [f"n{n}" for n in (9, 8, 7, 6, 5, 4, 3, 2, 1, 0)]
        assert [e.new.name for e in rig.engine.list(MACHINE, status="SUCCEEDED")] == ["n9", "n6", "n3", "n0"]

    simulate(tmp_path, body)


def test_a_closed_engine_takes_nothing(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        rig.runner.gate = asyncio.Event()
        running = asyncio.create_task(rig.engine.run(rig.new("x", "task", type_="EXPRESS")))
        await rig.until(lambda: rig.runner.calls)
        await rig.engine.close()
        with pytest.raises(EngineClosed):
            await running
        with pytest.raises(EngineClosed):
            await rig.engine.start(rig.new("a", "pass"))

    simulate(tmp_path, body)
