"""A server in simulated time: the engine over its real tables, with a writer whose thread is simulated too, so that the
process can die between any two things that it does."""

from __future__ import annotations

import asyncio
import itertools
import selectors
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import apsw

from asl.driver import ACCOUNT, START
from stategate.asl.effects import ScheduleTask
from stategate.runtime.clock import Alarm
from stategate.runtime.engine import Engine
from stategate.runtime.engine.beside import Made
from stategate.runtime.store.executions import ExecutionTables
from stategate.runtime.store.schema import migrate
from stategate.runtime.store.writer import StoreFailed, Writer
from stategate.services.ports import (
    NewExecution,
    TaskOutcome,
)

if TYPE_CHECKING:
    from sim.outside import Outside

T = TypeVar("T")
PREFIX = f"arn:aws:states:us-east-1:{ACCOUNT}"
FOREVER = 500_000
"""So many turns of the loop mean that it doesn't end."""


class Jumping(selectors.DefaultSelector):
    """Time passes when nobody has anything to do, and at once; in whole microseconds, so that sums are exact."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0
        self.turns = 0

    def select(self, timeout: float | None = None) -> Any:
        self.turns += 1
        assert self.turns < FOREVER, "it does not end"
        assert timeout is not None, "nobody has anything to do, ever"
        self.time = round(self.time + max(0.0, timeout), 6)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jumping = Jumping()
        super().__init__(self.jumping)
        self._clock_resolution = 5e-7

    def time(self) -> float:
        return self.jumping.time


@dataclass(frozen=True)
class Job:
    """Where the writer's thread would be: it commits a little later, unless the process dies before or after that."""

    server: Server

    def put(self, job: Any) -> None:
        asyncio.get_running_loop().call_soon(self._run, job)

    def _run(self, job: Any) -> None:
        server = self.server
        if server.dead or server.outside.dies("before a commit"):
            return
        results = self._written(job)
        if not server.outside.dies("after a commit"):
            asyncio.get_running_loop().call_soon(server.tables_writer._ended, job.group, results)

    def _written(self, job: Any) -> list[Exception | None]:
        if self.server.outside.disk_fails():
            self.server.tables_writer._roll_back()
            self.server.outside.allow(self.server)
            return [StoreFailed("the disk is full")] * len(job.group)
        return self.server.tables_writer._finish(job)


class SimulatedWriter(Writer):
    def __init__(self, server: Server, connection: apsw.Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._queued = []
        self._scheduled = self._under_way = False
        self._drained = None
        self._jobs: Any = Job(server)
        self.commits = 0

    def _begin(self) -> None:
        if not self._jobs.server.dead:
            super()._begin()

    def _ended(self, group: Any, results: Any) -> None:
        if not self._jobs.server.dead:
            super()._ended(group, results)


@dataclass(frozen=True)
class Beside:
    """Where the threads would be: of every other step the engine is told later, unless the process dies before."""

    server: Server
    counter: Iterator[int] = field(default_factory=itertools.count)

    def do(self, work: Made[T], later: Callable[[Made[T]], None], *, light: bool) -> Made[T] | None:
        if next(self.counter) % 2 == 0:
            return work
        asyncio.get_running_loop().call_soon(self._tell, work, later)
        return None

    def _tell(self, work: Made[T], later: Callable[[Made[T]], None]) -> None:
        if not self.server.dead and not self.server.outside.dies("in a step"):
            later(work)


class ObservedEngine(Engine):
    """Tells `fired(arn)` whose timers fire."""

    fired: Callable[[str], None]

    def _fire(self, arn: str, timer: str) -> None:
        self.fired(arn)
        super()._fire(arn, timer)


class Server:
    """One process, until it dies."""

    def __init__(self, outside: Outside, file: Path) -> None:
        self.outside = outside
        self.dead = False
        self.connection, self.reader = apsw.Connection(str(file)), apsw.Connection(str(file))
        self.connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").fetchall()
        migrate(self.connection)
        self.tables_writer = SimulatedWriter(self, self.connection)
        self.tables = ExecutionTables(self.reader, self.tables_writer)
        self.engine = ObservedEngine(self.tables, self.perform, self, self, beside=Beside(self))
        self.engine.fired = lambda arn: outside.happens("timers", arn)
        self.engine.open()

    def uuid(self) -> str:
        return "00000000-0000-4000-8000-00000000000a"

    def random(self) -> float:
        return 0.5

    def letters(self, count: int, alphabet: str) -> str:
        return alphabet[0] * count

    def now(self) -> float:
        return round(START + asyncio.get_running_loop().time() - self.outside.behind, 6)

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        now = self.now()
        delay = max(0.0 if when <= now else 1e-6, round(when - now, 6))
        return asyncio.get_running_loop().call_later(delay, lambda: None if self.dead else callback())

    def rows(self, sql: str) -> list[Any]:
        return self.reader.execute(sql).fetchall()

    async def perform(self, execution: NewExecution, task: ScheduleTask) -> TaskOutcome:
        if self.dead or self.outside.dies("before a call"):
            await asyncio.Event().wait()
        try:
            outcome = await self.outside.called(self, execution, task)
        except StoreFailed:
            raise
        except Exception as error:
            self.outside.broken.append(error)  # the engine takes it for a failure of the task
            raise
        if self.dead:
            await asyncio.Event().wait()
        return outcome
