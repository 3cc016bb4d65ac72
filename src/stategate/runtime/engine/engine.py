"""The engine: what is asked of executions, on top of `runs`, which moves them.

* A start is one commit: the execution's row, its first step and its history. So is every later batch of events.
* A task's result is kept by the commit of the step that it causes. If the process dies before, the task is called
  again (at least once, as AWS says of tasks in flight). Events that were posted are on disk before `post` returns.
* Express executions run in memory. One that was started asynchronously has its input on disk until it has ended, and
  starts from the beginning after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from stategate.asl.events import Event, Redriven, Started, StopRequested
from stategate.runtime.clock import AlarmClock
from stategate.runtime.engine import loading
from stategate.runtime.engine.activities import Activities
from stategate.runtime.engine.beside import Beside
from stategate.runtime.engine.callbacks import Callbacks
from stategate.runtime.engine.futures import settler
from stategate.runtime.engine.language import Language, identity
from stategate.runtime.engine.live import Delivery, Live
from stategate.runtime.engine.mapruns import MapRuns, NoData
from stategate.runtime.engine.posts import encode_event
from stategate.runtime.engine.runningmaps import STOPPED
from stategate.runtime.engine.runs import Runs
from stategate.runtime.store.executions import ExecutionTables
from stategate.runtime.store.writer import Conflict
from stategate.services.ports import (
    ActivityTask,
    Entropy,
    Execution,
    ExecutionExists,
    ExecutionObserver,
    MapRun,
    MapRunData,
    NewExecution,
    NotRedrivable,
    TaskOwner,
    TaskRunner,
)


class EngineClosed(Exception):
    """The server is being shut down."""


class Engine(Runs):
    """Implements `services.ports.Executions`. Call `open` once everything is in place, `close` before the store's."""

    def __init__(
        self,
        tables: ExecutionTables,
        runner: TaskRunner,
        clock: AlarmClock,
        entropy: Entropy,
        observers: Sequence[ExecutionObserver] = (),
        *,
        language: Language | None = None,
        beside: Beside | None = None,
        max_tasks: int = 1000,
        map_run_data: MapRunData | None = None,
    ) -> None:
        super().__init__(tables, runner, clock, entropy, observers, language, beside, max_tasks)
        self._callbacks = Callbacks(tables, self._find, self._deliver)
        self._activities = Activities(clock, tables, self._callbacks.started)
        self._map_runs = MapRuns(tables.map_runs, self, map_run_data or NoData(), clock, self._seed, self._beside)
        self._background: set[asyncio.Task[None]] = set()

    # --- life

    def open(self) -> None:
        """Goes on with what was running when the process ended, in the background."""
        self._map_runs.recover()
        self._spawn(self._recover_all())
        self._timers.open()

    def release_workers(self) -> None:
        """Answers the workers that wait for an activity's task, and those that come: there is none. They needn't hold
        up the end."""
        self._activities.close()

    async def close(self) -> None:
        """Takes no more events, cancels running tasks (they are called again after the next start), and waits for the
        commits under way. Whoever waits for an Express execution gets `EngineClosed`."""
        self._closed = True
        self._timers.close()
        self._activities.close()
        for background in tuple(self._background):
            background.cancel()
        await self._map_runs.close()
        await self._tasks.close()
        await self._leave(EngineClosed())

    async def _recover_all(self) -> None:
        for number, arn in enumerate(self._tables.owed()):
            self._recover(arn)
            if number % 20 == 19:
                await asyncio.sleep(0.05 if self._busy() else 0)
        for new in self._tables.express():
            if new.arn not in self._live:
                self._run_recorded(new)
                await asyncio.sleep(0)

    def _run_recorded(self, new: NewExecution) -> None:
        if not self._closed:
            live = self._begin(new, kept=False)
            live.recorded = True
            self._deliver(live, Delivery(Started()))

    # --- services.ports.Executions

    async def start(self, new: NewExecution) -> Execution:
        self._check_open()
        if new.type == "EXPRESS":
            await self._start_express(new)
        else:
            await self._start_standard(new)
        return Execution(new, "RUNNING")

    async def run(self, new: NewExecution) -> Execution:
        self._check_open()
        live = self._begin(new, kept=False)
        live.ended = asyncio.get_running_loop().create_future()
        self._deliver(live, Delivery(Started()))
        try:
            return await asyncio.shield(live.ended)
        except asyncio.CancelledError:
            if not live.ended.done():
                live.ended.cancel()
                self._deliver(live, Delivery(StopRequested()))
            raise

    async def stop(self, arn: str, error: str | None, cause: str | None) -> Execution | None:
        self._check_open()
        execution = self._tables.get(arn)
        if execution is None or execution.status != "RUNNING":
            return execution
        live = self._find(arn)
        if live is not None:
            settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._deliver(live, Delivery(StopRequested(error, cause), settled=settled))
            await asyncio.shield(settled)
        return self._tables.get(arn)

    async def stop_all(self, machine_arn: str) -> int:
        """Stops the Standard executions of a state machine that run, or are about to; returns how many there were."""
        starts = [live.starting for live in self._live.values() if live.new.machine_arn == machine_arn]
        if starting := [start for start in starts if start is not None]:
            await asyncio.wait(starting)
        arns = self._tables.running(machine_arn)
        for first in range(0, len(arns), STOPPED):
            await asyncio.gather(*(self.stop(arn, None, None) for arn in arns[first : first + STOPPED]))
        return len(arns)

    async def post(self, arn: str, event_id: str, event: Event) -> bool:
        """Brings an event from outside to a run; returns once it is on disk. False: the execution does not run, or had
        an event with this id already and has not taken it up yet."""
        self._check_open()
        posted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tables.post(arn, event_id, encode_event(event), settler(posted))
        try:
            await asyncio.shield(posted)
        except Conflict:
            return False
        self._take_up(arn, Delivery(event, row=event_id))
        return True

    async def take_task(self, activity_arn: str, worker: str | None, seconds: float) -> ActivityTask | None:
        self._check_open()
        return await self._activities.take(activity_arn, worker, seconds)

    def task_owner(self, token: str) -> TaskOwner | None:
        return self._callbacks.owner(token)

    async def task_succeeded(self, token: str, output: str) -> bool:
        self._check_open()
        return await self._callbacks.succeed(token, output)

    async def task_failed(self, token: str, error: str | None, cause: str | None) -> bool:
        self._check_open()
        return await self._callbacks.fail(token, error, cause)

    async def task_heartbeat(self, token: str) -> bool:
        self._check_open()
        return await self._callbacks.beat(token)

    # --- redrives and map runs

    async def redrive(self, arn: str) -> Execution | None:
        self._check_open()
        while (execution := self._tables.get(arn)) is not None and arn in self._live:
            if execution.status == "RUNNING":
                break
            await asyncio.sleep(0.01)  # its last commit is on disk, but not yet taken note of
        if execution is None:
            return None
        if execution.status in ("RUNNING", "SUCCEEDED"):
            raise NotRedrivable(f"Execution is {execution.status} and cannot be redriven")
        live = self._live[arn] = loading.ended(self._tables, self._language, arn)
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._deliver(live, Delivery(Redriven(), settled=settled))
        await asyncio.shield(settled)
        return self._tables.get(arn)

    async def update_map_run(
        self, arn: str, concurrency: int | None, tolerated_count: int | None, tolerated_percentage: float | None
    ) -> MapRun | None:
        self._check_open()
        found = await self._map_runs.update(arn, concurrency, tolerated_count, tolerated_percentage)
        return self.map_run(arn) if found else None

    def program(self, new: NewExecution) -> Any:
        return self._programs.get(new)

    def arrived(self, arn: str, event: Event, row: str) -> None:
        self._take_up(arn, Delivery(event, row=row))

    # --- starting

    async def _start_standard(self, new: NewExecution) -> None:
        while (other := self._live.get(new.arn)) is not None and other.starting is not None:
            await asyncio.wait([other.starting])
        existing = self._tables.get(new.arn)
        if existing is not None:
            raise ExecutionExists(existing)
        live = self._begin(new, kept=True)
        settled = live.starting = asyncio.get_running_loop().create_future()
        self._deliver(live, Delivery(Started(), settled=settled))
        try:
            await asyncio.shield(settled)
        except Conflict:
            found = self._tables.get(new.arn)
            if found is None:
                raise
            raise ExecutionExists(found) from None

    async def _start_express(self, new: NewExecution) -> None:
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tables.start_express(new, settler(recorded))
        await asyncio.shield(recorded)
        self._run_recorded(new)

    def _begin(self, new: NewExecution, *, kept: bool) -> Live:
        live = self._live[new.arn] = Live(new, self._language.new(identity(new)), kept=kept)
        return live

    def _check_open(self) -> None:
        if self._closed:
            raise EngineClosed

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        background = asyncio.get_running_loop().create_task(work)
        self._background.add(background)
        background.add_done_callback(self._background.discard)
