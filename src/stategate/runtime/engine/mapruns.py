"""Map runs: the children of Map states in DISTRIBUTED mode, each an execution of its own.

A map run first reads its items and writes a row for each child; then it starts children, as many at a time as it may,
in the order of the items; when all of them have ended, or too many failed, an event for the parent is posted in the
commit that ends it. In memory is only which children run. After a crash everything goes on from the rows: a child's ARN
follows from the map run and its index, so that none is started twice. Express children that were under way start again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from stategate.asl.distributed import (
    EXCEEDED,
    EXCEEDED_CAUSE,
    ITEM_READER_FAILED,
    RESULT_WRITER_FAILED,
    item_selector,
    made_uuid,
)
from stategate.asl.failures import StateFailure
from stategate.asl.maprun import Item, ItemSource, MapRunEnded, ResultTarget, items_of
from stategate.asl.nesting import too_large
from stategate.asl.turn import PAYLOAD_LIMIT
from stategate.lang import jsontext
from stategate.runtime.engine.batches import Batches, Input
from stategate.runtime.engine.beside import Beside, made
from stategate.runtime.engine.futures import Done, written
from stategate.runtime.engine.posts import encode_event
from stategate.runtime.engine.runningmaps import STOPPED, Host, Running
from stategate.runtime.store.executions import POST
from stategate.runtime.store.mapruns import Child, Ended, MapRunTables, StoredMapRun
from stategate.runtime.store.writer import Conflict, StoreFailed
from stategate.services.ports import (
    ChildResult,
    Clock,
    Execution,
    ExecutionExists,
    ItemsFailed,
    MapRunData,
    NewExecution,
    NotRedrivable,
)

MOST_CHILDREN = 10_000
"""So many run at a time where the state sets no limit."""

TOGETHER = 200
"""So many children are started, or rows written, at a time."""

SELECTED = 20
"""So many items are selected without a pause."""

RETRY = 1.0
"""Seconds until what could not be written is tried again."""

log = structlog.get_logger(__name__)


class NoData:
    """A `MapRunData` for engines without a world around them: what is inline works."""

    def authorize(self, execution: NewExecution) -> None:
        return None

    def redrivable(self, child: Execution) -> bool:
        return True

    async def read(self, execution: NewExecution, source: ItemSource) -> AsyncIterator[Sequence[Item]]:
        raise ItemsFailed(ITEM_READER_FAILED, "There is nothing that items could be read from.")
        yield ()

    async def write(
        self, execution: NewExecution, map_run_arn: str, target: ResultTarget, results: AsyncIterator[ChildResult]
    ) -> str:
        raise ItemsFailed(RESULT_WRITER_FAILED, "There is nothing that results could be written to.")


class MapRuns:
    """`seed` feeds the ItemSelectors' randomness."""

    def __init__(
        self, tables: MapRunTables, host: Host, data: MapRunData, clock: Clock, seed: int, beside: Beside
    ) -> None:
        self._tables = tables
        self._host = host
        self._data = data
        self._clock = clock
        self._seed = seed
        self._beside = beside
        self._runs: dict[str, Running] = {}
        self._of: dict[str, set[str]] = {}  # the ARNs of the map runs that run, by their execution
        self._stopping: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    # --- life

    def recover(self) -> None:
        """Goes on with what ran when the process ended."""
        for arn in self._tables.running():
            self._open(arn)
        for child in self._tables.orphans():
            self._spawn(self._stop(child))

    async def close(self) -> None:
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- what the engine tells

    def begin(self, map_run: str, *, again: bool = False) -> None:
        """A map run has been started, or `again`, by a redrive; its row is on disk."""
        self._open(map_run, again=again)

    def any_of(self, execution: str) -> bool:
        """Whether the execution has map runs that run."""
        return execution in self._of

    def abort(self, execution: str, commands: Iterable[int] | None = None) -> None:
        """Nobody waits any more for these map runs of an execution (None: all); their rows say so."""
        wanted = None if commands is None else set(commands)
        for run in [self._runs[arn] for arn in self._of.get(execution, ())]:
            if wanted is None or run.stored.command in wanted:
                self._finish(run)
                self._stop_all(run)

    def child_ended(self, new: NewExecution, status: str) -> None:
        """A Standard child has ended; that is on disk."""
        run = self._runs.get(new.map_run_arn or "")
        if run is not None:
            self._ended(run, new.map_index, new.map_items or 1, status)

    async def update(self, arn: str, concurrency: int | None, count: int | None, percentage: float | None) -> bool:
        """Changes the limits that are given, on disk and for what runs. False: there is no such map run."""
        stored = self._tables.get(arn)
        if stored is None:
            return False
        concurrency = stored.concurrency if concurrency is None else concurrency
        count = stored.tolerated_count if count is None else count
        percentage = stored.tolerated_percentage if percentage is None else percentage
        await written(lambda done: self._tables.update(arn, concurrency, count, percentage, done))
        run = self._runs.get(arn)
        if run is not None:
            run.concurrency, run.tolerated_count, run.tolerated_percentage = concurrency, count, percentage
            run.wake.set()
        return True

    # --- a map run

    def _open(self, arn: str, *, again: bool = False) -> None:
        stored = self._tables.get(arn)
        if self._closed or stored is None or stored.status != "RUNNING" or arn in self._runs:
            return
        parent = self._host.get(stored.execution)
        if parent is None:
            return
        run = Running(stored, parent.new, stored.concurrency, stored.tolerated_count, stored.tolerated_percentage)
        self._runs[arn] = run
        self._of.setdefault(stored.execution, set()).add(arn)
        run.conductor = self._spawn(self._conduct(run, again))

    async def _conduct(self, run: Running, again: bool) -> None:
        try:
            if again:
                await self._settle(run)
            self._data.authorize(run.parent)
            if not run.stored.complete:
                await self._read(run)
            if run.spec.type == "EXPRESS":
                await self._mark(run, [])
            self._count(run)
            await self._start_children(run)
        except ItemsFailed as failure:
            await self._end(run, None, failure.error, failure.cause)
        except StateFailure as failure:
            await self._end(run, None, failure.error, failure.cause)
        except Exception as error:
            log.exception("map_run.broken", map_run=run.arn)
            cause = f"The map run cannot go on because of an internal error: {type(error).__name__}: {error}"
            await self._end(run, None, "States.Runtime", cause)

    async def _settle(self, run: Running) -> None:
        """Before a redrive: what the failure stops must have stopped, and is to run again as well."""
        stopping = self._stopping.get(run.arn)
        if stopping is not None:
            await asyncio.wait([stopping])
            await self._written(lambda done: self._tables.reset(run.arn, done))

    def _count(self, run: Running) -> None:
        """Nothing may be awaited here: what the children tell from now on is counted on top."""
        by_status = self._tables.by_status(run.arn)
        run.total = sum(items for _, items in by_status.values())
        run.failed = sum(by_status.get(status, (0, 0))[1] for status in ("FAILED", "TIMED_OUT", "ABORTED"))
        run.active = set(self._tables.active(run.arn))
        run.counted = True

    async def _start_children(self, run: Running) -> None:
        while not run.over:
            run.wake.clear()
            if run.exceeded:
                await self._fail(run)
                return
            room = min((run.concurrency or MOST_CHILDREN) - len(run.active), TOGETHER)
            if room > 0 and not run.exhausted:
                children = self._tables.pending(run.arn, run.cursor, room)
                run.exhausted = len(children) < room
                if children:
                    run.cursor = children[-1].index
                    run.active.update(child.index for child in children)
                    if run.spec.type == "EXPRESS":
                        await self._mark(run, [child.index for child in children])
                    await asyncio.gather(*(self._start(run, child) for child in children))
                    continue
            if not run.active and run.exhausted:
                await self._succeed(run)
                return
            await run.wake.wait()

    def _ended(self, run: Running, index: int, items: int, status: str) -> None:
        if not run.counted or index not in run.active:
            return
        run.active.discard(index)
        if status != "SUCCEEDED":
            run.failed += items
        run.wake.set()

    # --- its children

    async def _mark(self, run: Running, indexes: Sequence[int]) -> None:
        await self._written(lambda done: self._tables.mark(run.arn, indexes, self._clock.now(), done))

    async def _start(self, run: Running, child: Child) -> None:
        new = child_of(run.parent, run.stored, child, self._clock.now())
        if new.type == "EXPRESS":
            task = self._spawn(self._run_express(run, child, new))
            run.express.add(task)
            task.add_done_callback(run.express.discard)
            return
        try:
            await self._host.start(new)
        except ExecutionExists as exists:
            if exists.existing.status != "RUNNING":
                await self._again(run, child, exists.existing)
        except StoreFailed:
            self._later(run, child)

    async def _again(self, run: Running, child: Child, existing: Execution) -> None:
        """The map run was redriven, and so is this child."""
        try:
            if existing.status == "SUCCEEDED" or not self._data.redrivable(existing):
                raise NotRedrivable
            await self._host.redrive(child.arn)
        except NotRedrivable:
            await self._note(run, child, existing)

    async def _run_express(self, run: Running, child: Child, new: NewExecution) -> None:
        execution = await self._host.run(new)
        if not run.over:
            await self._note(run, child, execution)

    async def _note(self, run: Running, child: Child, execution: Execution) -> None:
        """Writes how a child ended that doesn't write it itself."""
        ended = Ended(
            child.index, child.arn, execution.status, child.input, execution.output, execution.error, execution.cause,
            execution.new.started, execution.stopped,
        )  # fmt: skip
        try:
            await written(lambda done: self._tables.end_child(run.arn, ended, done))
        except StoreFailed:
            self._later(run, child)
            return
        self._ended(run, child.index, child.items, execution.status)

    def _later(self, run: Running, child: Child) -> None:
        """It could not be written: look for it again in a while."""

        def again() -> None:
            run.active.discard(child.index)
            run.cursor, run.exhausted = min(run.cursor, child.index - 1), False
            run.wake.set()

        asyncio.get_running_loop().call_later(RETRY, again)

    def _child_arn(self, run: Running, index: int) -> str:
        spec = run.spec
        prefix = run.parent.machine_arn.rpartition(":stateMachine:")[0]
        name, machine = made_uuid(f"{run.arn}\0{index}"), f"{_machine(run.parent)}/{spec.label}"
        if spec.type == "EXPRESS":
            return f"{prefix}:express:{machine}:{name}:{made_uuid(f'{run.arn}#{index}')}"
        return f"{prefix}:execution:{machine}:{name}"

    # --- its items

    async def _read(self, run: Running) -> None:
        """Writes a row for each child."""
        spec = run.spec
        select = None
        if spec.selects:
            program = await made(self._beside, lambda: self._host.program(run.parent))
            select = item_selector(program, spec, self._seed)
        batches = Batches(spec.batching, select)
        first = True
        async for items in self._items(run):
            children = self._children(run, await self._selected(batches, items))
            for start in range(0, len(children), TOGETHER):
                await self._add(run, children[start : start + TOGETHER], complete=False, first=first)
                first = False
        await self._add(run, self._children(run, batches.rest()), complete=True, first=first)

    async def _selected(self, batches: Batches, items: Sequence[Item]) -> list[Input]:
        inputs: list[Input] = []
        for start in range(0, len(items), SELECTED):
            part = items[start : start + SELECTED]
            inputs += await made(self._beside, partial(batches.add, part), light=not batches.selects)
        return inputs

    async def _items(self, run: Running) -> AsyncIterator[Sequence[Item]]:
        spec = run.spec
        if spec.source is not None:
            async for items in self._data.read(run.parent, spec.source):
                yield items
            return
        everything = items_of(jsontext.loads(spec.items or "[]")) or []
        for start in range(0, len(everything), TOGETHER):
            yield everything[start : start + TOGETHER]

    def _children(self, run: Running, inputs: Sequence[tuple[int, str, int]]) -> list[Child]:
        return [Child(index, self._child_arn(run, index), input, items) for index, input, items in inputs]

    async def _add(self, run: Running, children: Sequence[Child], *, complete: bool, first: bool) -> None:
        await self._written(lambda done: self._tables.add(run.arn, children, done, complete=complete, first=first))

    async def _written(self, submit: Callable[[Done], None]) -> None:
        """Tried until it is on disk."""
        while True:
            try:
                await written(submit)
            except StoreFailed:
                await asyncio.sleep(RETRY)
                continue
            return

    # --- its end

    async def _succeed(self, run: Running) -> None:
        if run.spec.target is not None:
            output = await self._data.write(run.parent, run.arn, run.spec.target, self._results(run))
        elif self._tables.output_size(run.arn) + 1 > PAYLOAD_LIMIT:
            failure = too_large(run.spec.state_name)
            await self._end(run, None, failure.error, failure.cause)
            return
        else:
            outputs = [result.output or "null" async for result in self._results(run) if result.status == "SUCCEEDED"]
            output = f"[{','.join(outputs)}]"
        await self._end(run, output)

    async def _fail(self, run: Running) -> None:
        """Too many failed. A ResultWriter is given what there is, once nothing runs any more."""
        target = run.spec.target
        if target is None or target.arguments is None:
            self._stop_all(run)
        else:
            await self._stop_children(run)
            try:
                await self._data.write(run.parent, run.arn, target, self._results(run))
            except ItemsFailed as failure:
                log.warning("map_run.results_not_written", map_run=run.arn, error=failure.error, cause=failure.cause)
        await self._end(run, None, EXCEEDED, EXCEEDED_CAUSE)

    async def _results(self, run: Running) -> AsyncIterator[ChildResult]:
        after = -1
        while rows := self._tables.ended(run.arn, after, TOGETHER):
            after = rows[-1].index
            for row in rows:
                yield ChildResult(
                    row.arn, row.status, row.input, row.output, row.error, row.cause, row.started, row.stopped,
                    row.redrives,
                )  # fmt: skip
            await asyncio.sleep(0)

    async def _end(self, run: Running, output: str | None, error: str | None = None, cause: str | None = None) -> None:
        command, execution = run.stored.command, run.stored.execution
        event = MapRunEnded(command, output, error, cause)
        row = f"map-run:{command}"
        post = (POST, (row, encode_event(event), execution))
        status = "FAILED" if output is None else "SUCCEEDED"
        now = self._clock.now()
        while not run.over:
            try:
                await written(lambda done: self._tables.end(run.arn, command, status, now, post, done))
            except Conflict:
                self._finish(run)
            except StoreFailed:
                await asyncio.sleep(RETRY)
            else:
                self._finish(run)
                self._host.arrived(execution, event, row)

    def _finish(self, run: Running) -> None:
        run.over = True
        run.wake.set()
        if self._runs.get(run.arn) is run:
            del self._runs[run.arn]
            others = self._of[run.stored.execution]
            others.discard(run.arn)
            if not others:
                del self._of[run.stored.execution]
        if not run.counted and run.conductor is not None and run.conductor is not asyncio.current_task():
            run.conductor.cancel()

    def _stop_all(self, run: Running) -> None:
        """Stops its children in the background."""
        task = self._stopping[run.arn] = self._spawn(self._stop_children(run))

        def forget(done: asyncio.Task[None]) -> None:
            if self._stopping.get(run.arn) is done:
                del self._stopping[run.arn]

        task.add_done_callback(forget)

    async def _stop_children(self, run: Running) -> None:
        """Also those that are just being started."""
        conductor = run.conductor
        if conductor is not None and conductor is not asyncio.current_task():
            await asyncio.wait([conductor])
        for task in tuple(run.express):
            task.cancel()
        if run.spec.type == "EXPRESS" and run.counted:
            await self._written(lambda done: self._tables.abort_express(run.arn, self._clock.now(), done))
        while children := self._tables.running_children(run.arn):
            for start in range(0, len(children), STOPPED):
                await asyncio.gather(*(self._stop(child) for child in children[start : start + STOPPED]))

    async def _stop(self, arn: str) -> None:
        try:
            await self._host.stop(arn, None, None)
        except StoreFailed:
            await asyncio.sleep(RETRY)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def child_of(parent: NewExecution, run: StoredMapRun, child: Child, started: float) -> NewExecution:
    """The execution that a child of the map run is."""
    spec, prefix = run.spec, parent.machine_arn.rpartition(":stateMachine:")[0]
    return replace(
        parent,
        arn=child.arn,
        name=child.arn.split(":")[7],
        machine_arn=f"{prefix}:stateMachine:{_machine(parent)}/{spec.label}",
        definition=spec.definition,
        type=spec.type,
        input=child.input,
        started=started,
        map_run_arn=run.arn,
        map_index=child.index,
        map_items=child.items if spec.batching is not None else None,
        redrives=0,
        redriven=None,
    )


def _machine(new: NewExecution) -> str:
    return new.machine_arn.rpartition(":stateMachine:")[2].partition("/")[0].partition(":")[0]
