"""What is outside a server in simulated time: functions, workers, people who stop and redrive. It outlives the server,
and asks again when it got no answer.

Nothing here is random but the seed: how long a call takes and what it answers follow from its input, and from where in
the story it is made. So an execution must go the same way with crashes as without, and at the same times. No two of
these times are equal, in microseconds, but by an accident that `ties` tells of."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from asl.driver import ACCOUNT, START
from sim.definitions import ACTIVITY, CALLBACK, ERRORS, START_EXECUTION, SYNC
from sim.server import PREFIX, Server
from stategate.asl.effects import ScheduleTask
from stategate.runtime.engine import Engine
from stategate.runtime.store.writer import StoreFailed
from stategate.services.ports import (
    Execution,
    ExecutionExists,
    NewExecution,
    NotRedrivable,
    TaskAccepted,
    TaskFailure,
    TaskOutcome,
    TaskSuccess,
    World,
)

T = TypeVar("T")

OUTPUTS = ("[1, 2]", "[[1],[2]]", "[[[1]], [[2],[3]]]", "[]", '{"a": "b"}')
INPUT = "[[[1],[2]], [[3], []]]"


@dataclass
class Outside:
    """`definitions`: of what is started, and of the executions that its tasks start. `deaths`: at which points, counted
    from 0, the process dies; `failures`: which commits fail. `stop_after`: seconds; `redrives`: how often. `set_back`:
    by so many seconds the server's clock is, each time that the process has died; `behind`: by so many it is in all.

    By command, and outliving the server: how often a task was called and may have been (`allowed`), when its child
    `begins` and its answer is `due`, what it `likes` (of `alike` ones, the how manieth). `answering` by token; `places`
    by execution. `sources`: what happened by itself, by its time; `broken`: what must not have happened."""

    definitions: list[dict[str, Any]]
    file: Path
    deaths: Collection[int] = ()
    failures: Collection[int] = ()
    stop_after: float | None = None
    redrives: int = 0
    set_back: float = 0.0
    behind: float = 0.0
    seed: int = 0
    points: int = 0
    jobs: int = 0
    died: list[str] = field(default_factory=list)
    server: Server | None = None
    death: asyncio.Event = field(default_factory=asyncio.Event)
    up: asyncio.Event = field(default_factory=asyncio.Event)
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    allowed: Counter[tuple[str, int]] = field(default_factory=Counter)
    begins: dict[tuple[str, int], float] = field(default_factory=dict)
    due: dict[tuple[str, int], float] = field(default_factory=dict)
    likes: dict[tuple[str, int], str] = field(default_factory=dict)
    alike: Counter[str] = field(default_factory=Counter)
    places: dict[str, str] = field(default_factory=dict)
    sources: dict[float, set[tuple[str, str]]] = field(default_factory=dict)
    broken: list[Exception] = field(default_factory=list)
    answering: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    own: set[asyncio.Task[Any]] = field(default_factory=set)

    # --- dying

    def dies(self, where: str) -> bool:
        point, self.points = self.points, self.points + 1
        if point not in self.deaths or self.server is None or self.server.dead:
            return False
        self.died.append(where)
        self.server.dead = True
        self.behind += self.set_back
        self.up.clear()
        self.death.set()
        return True

    def disk_fails(self) -> bool:
        job, self.jobs = self.jobs, self.jobs + 1
        return job in self.failures

    async def keep_up(self) -> None:
        """Starts the server whenever it has died."""
        while True:
            self.death.clear()
            self.server = Server(self, self.file)
            self._find_taken(self.server)
            self.up.set()
            await self.death.wait()
            self._bury(self.server)

    def _bury(self, server: Server) -> None:
        for task in asyncio.all_tasks() - self.own - {asyncio.current_task()}:
            task.cancel()
        server.tables_writer._roll_back()
        self._compare(server)
        self.allow(server)
        server.reader.close()
        server.connection.close()

    def allow(self, server: Server) -> None:
        """What has been called and is owed, by what is on disk, may be called once more."""
        self.allowed = self.calls + Counter(
            (arn, command) for arn, command in server.rows("SELECT arn, command FROM task")
        )

    def _compare(self, server: Server) -> None:
        """What was in memory is on disk, unless a commit was under way."""
        for arn, live in server.engine._live.items():
            if live.kept and not live.busy and live.version:
                stored = dict(server.rows(f"SELECT frame, state FROM frame WHERE arn = '{arn}'"))
                assert stored == {frame: live.run.frame(frame) for frame in live.run.frame_ids()}

    def spawn(self, work: Awaitable[T]) -> asyncio.Task[T]:
        task = asyncio.ensure_future(work)
        self.own.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.own.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.broken.append(error)

    def happens(self, what: str, where: str) -> None:
        """Something happens by itself, as time passes. Timers of one execution go one after the other."""
        now = round(asyncio.get_running_loop().time(), 6)
        self.sources.setdefault(now, set()).add((what, where))

    @property
    def tie(self) -> float:
        """When two things happened at the same instant first: from then on their order is nobody's."""
        return min((START + at for at, sources in self.sources.items() if len(sources) > 1), default=float("inf"))

    async def insist(self, request: Callable[[Engine], Awaitable[T]]) -> T:
        """Asks until there is an answer."""
        while True:
            await self.up.wait()
            assert self.server is not None
            asked = asyncio.ensure_future(request(self.server.engine))
            await asyncio.wait([asked])
            if asked.cancelled():
                continue
            if isinstance(asked.exception(), StoreFailed):
                await asyncio.sleep(0.5)
                continue
            return asked.result()

    # --- what is called

    def chance(self, *of: Any) -> int:
        return int(hashlib.sha256(repr((self.seed, *of)).encode()).hexdigest()[:12], 16)

    async def called(self, server: Server, execution: NewExecution, task: ScheduleTask) -> TaskOutcome:
        key = (execution.arn, task.command)
        if execution.type == "STANDARD":
            on_disk = server.rows(f"SELECT 1 FROM task WHERE arn = '{execution.arn}' AND command = {task.command}")
            assert on_disk, "a call that is not on disk"
            assert not self.calls[key] or self.calls[key] < self.allowed[key], "called twice"
        self.calls[key] += 1
        what = self._what(execution, task.command, task.input)
        if task.token is not None:
            self._will_answer(task.token, what)
        if task.resource in (SYNC, START_EXECUTION):
            await self._until(self.begins.setdefault(key, server.now() + self._seconds("child", what, 0.1)))
            await self._start_child(server, execution, task)
        if self.dies("after a call"):
            await asyncio.Event().wait()
        at = self.due.setdefault(key, server.now() + self._seconds("call", what))
        await self._until(at)
        self.happens("call", what)
        if task.resource == SYNC:
            return TaskAccepted("{}", self.child(execution, task, 0.0).arn)
        if task.resource == CALLBACK:
            return TaskAccepted("{}")
        return TaskSuccess("{}") if task.resource == START_EXECUTION else self._answer("call", what)

    async def _until(self, when: float) -> None:
        await asyncio.sleep(max(0.0, round(when - START - asyncio.get_running_loop().time(), 6)))

    def _what(self, execution: NewExecution, command: int, input: str) -> str:
        """What an answer follows from: the execution, the input, and of equal ones the how manieth it is."""
        key = (execution.arn, command)
        if key not in self.likes:
            like = f"{self._place(execution)} {input}"
            self.likes[key] = f"{like} {self.alike[like]}"
            self.alike[like] += 1
        return self.likes[key]

    def _place(self, execution: NewExecution) -> str:
        """Where in the story an execution is; its name follows from numbers of events, which a crash changes."""
        place = self.places.get(execution.arn)
        if place is None:
            assert self.server is not None
            assert execution.map_run_arn is not None
            ((parent, started),) = self.server.rows(
                f"SELECT execution, started FROM map_run WHERE arn = '{execution.map_run_arn}'"
            )
            found = self.server.engine.get(parent)
            assert found is not None
            label = execution.map_run_arn.split(":")[6]
            place = f"{self._place(found.new)}/{label}/{started}/{execution.map_index}"
            self.places[execution.arn] = place
        return place

    async def _start_child(self, server: Server, execution: NewExecution, task: ScheduleTask) -> None:
        self.places[self.child(execution, task, 0.0).arn] = self._what(execution, task.command, task.input)
        try:
            await server.engine.start(self.child(execution, task, server.now()))
        except ExecutionExists:
            assert self.allowed[execution.arn, task.command], "a child that was there before its task"

    def child(self, execution: NewExecution, task: ScheduleTask, started: float) -> NewExecution:
        name = f"{execution.name}-{task.command}"
        number = 1 + self.chance("child", task.state_name) % (len(self.definitions) - 1)
        return new(name, self.definitions[number], started)

    def _seconds(self, what: str, input: str, most: float = 12.0) -> float:
        return (1 + self.chance(what, input) % int(most * 1e6)) / 1e6

    def _answer(self, what: str, input: str) -> TaskSuccess | TaskFailure:
        chance = self.chance(what, "answer", input)
        if chance % 10 < 3:
            return TaskFailure(ERRORS[chance % 2], "as drawn")
        return TaskSuccess(OUTPUTS[chance % len(OUTPUTS)])

    # --- who answers by token

    async def work(self) -> None:
        """A worker that takes every task there is, at once."""
        while True:
            if await self.insist(lambda engine: engine.take_task(ACTIVITY, "w", 1000.0)) is not None:
                await self.up.wait()
                assert self.server is not None
                self._find_taken(self.server)

    def _find_taken(self, server: Server) -> None:
        """Also those of which no worker knows, because the answer to its request was lost."""
        for token, arn, command in server.rows(
            "SELECT token, arn, command FROM token WHERE activity IS NOT NULL AND NOT offered ORDER BY rowid"
        ):
            if token not in self.answering:
                (scheduled,) = server.engine.history(arn, after=command - 1, limit=1)
                execution = server.engine.get(arn)
                assert scheduled.details is not None and execution is not None
                self._will_answer(token, self._what(execution.new, command, scheduled.details["input"]))

    def _will_answer(self, token: str, input: str) -> None:
        if token not in self.answering:
            self.answering[token] = self.spawn(self._answers(token, input))

    async def _answers(self, token: str, input: str) -> None:
        left = self._seconds("token", input)
        pause = 1.2 + self._seconds("beat", input, 0.3)
        while left > pause and self.chance("beats", input) % 2:
            await asyncio.sleep(pause)
            left -= pause
            self.happens("beat", token)
            if not await self.insist(lambda engine: engine.task_heartbeat(token)):
                return
        await asyncio.sleep(left)
        self.happens("answer", token)
        answer = self._answer("token", input)
        if isinstance(answer, TaskFailure):
            await self.insist(lambda engine: engine.task_failed(token, answer.error, answer.cause))
        else:
            await self.insist(lambda engine: engine.task_succeeded(token, answer.output))
        assert not await self.insist(lambda engine: engine.task_succeeded(token, "{}")), "answered twice"

    # --- who starts, stops and redrives

    async def story(self) -> None:
        """Starts one execution and brings it to its end, several times if it is to be redriven."""
        self.spawn(self.keep_up())
        self.spawn(self.work())
        first = new("e", self.definitions[0], START)
        self.places[first.arn] = "e"
        try:
            await self.insist(lambda engine: started(engine, first))
            if self.stop_after is not None:
                self.spawn(self._stop(first.arn, self.stop_after))
            await self._end(first.arn)
            for count in range(1, self.redrives + 1):
                stopped = (await self._get(first.arn)).stopped or START
                await self._until(stopped + 1.0 + self._seconds("redrive", str(count)))
                self.happens("redrive", first.arn)
                if not await self._redrive(first.arn, count):
                    break
                await self._end(first.arn)
            await self._quiet()
        finally:
            for task in self.own - {asyncio.current_task()}:
                task.cancel()

    async def _stop(self, arn: str, after: float) -> None:
        await asyncio.sleep(after)
        self.happens("stop", arn)
        stopped = await self.insist(lambda engine: engine.stop(arn, "Stopped", "by hand"))
        assert stopped is not None and stopped.status != "RUNNING"

    async def _redrive(self, arn: str, count: int) -> bool:
        async def redrive(engine: Engine) -> bool:
            found = engine.get(arn)
            assert found is not None
            if found.redrive_count == count:
                return True
            try:
                await engine.redrive(arn)
            except NotRedrivable:
                assert found.status == "SUCCEEDED"
                return False
            return True

        return await self.insist(redrive)

    async def _end(self, arn: str) -> None:
        while (await self._get(arn)).status == "RUNNING":  # noqa: ASYNC110
            await asyncio.sleep(0.5)

    async def _get(self, arn: str) -> Execution:
        async def get(engine: Engine) -> Execution:
            found = engine.get(arn)
            assert found is not None, "what was acknowledged is gone"
            return found

        return await self.insist(get)

    async def _quiet(self) -> None:
        """Until the children have ended as well, and whoever answers has been told that it is too late."""
        while self._busy():  # noqa: ASYNC110
            await asyncio.sleep(0.5)

    def _busy(self) -> bool:
        assert self.server is not None
        running = not self.server.dead and self.server.rows("SELECT 1 FROM execution WHERE status = 'RUNNING'")
        return self.server.dead or bool(running) or any(not task.done() for task in self.answering.values())


async def started(engine: Engine, execution: NewExecution) -> None:
    try:
        await engine.start(execution)
    except ExecutionExists as exists:
        assert exists.existing.new == execution


def new(name: str, definition: dict[str, Any], at: float) -> NewExecution:
    return NewExecution(
        arn=f"{PREFIX}:execution:m:{name}",
        name=name,
        world=World(ACCOUNT, "us-east-1"),
        machine_arn=f"{PREFIX}:stateMachine:m",
        machine_name="m",
        definition=json.dumps(definition),
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/r",
        type="STANDARD",
        input=INPUT,
        started=at,
    )
