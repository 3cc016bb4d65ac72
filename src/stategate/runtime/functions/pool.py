"""The workers of all functions: warm ones are used again, more are added on demand, idle ones go.

A caller who finds no idle worker waits; callers of one function are served in order. A function gets its first worker
at once and each further one when a caller has waited for `PATIENCE`, so that a burst of quick calls does not start a
process for every call. At the limit of the process, an idle worker of another function makes room, or the caller who
has waited longest gets the next place.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from stategate.runtime.functions import protocol, results
from stategate.runtime.functions.launching import INIT_LIMIT, Launcher, Started
from stategate.runtime.functions.life import Life
from stategate.runtime.functions.output import Output
from stategate.runtime.functions.packages import Packages
from stategate.runtime.functions.worker import Ending, Outcome, Worker
from stategate.services.ports import Clock, FunctionCode, Invocation, InvocationResult, LogWriter, Throttled

PATIENCE = 0.010
QUICK = 0.005
SLOW = 2.0
"""Seconds; a worker that takes longer to get ready is taken to wait for something else than the processors."""

UNFAIR = 0.1
MEMORY_EVERY = 0.05
REAP_EVERY = 30.0


@dataclass(slots=True)
class Job:
    """An invocation and who waits for it."""

    code: FunctionCode
    invocation: Invocation
    future: asyncio.Future[InvocationResult]
    queued: float
    begun: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """A worker that is not ready yet; `began` on the monotonic clock."""

    code: FunctionCode
    began: float


@dataclass(slots=True, eq=False)
class Crew:
    """The workers of one version of a function. Those that were started in an earlier generation are not used again."""

    code: FunctionCode
    generation: int = 0
    idle: list[Worker] = field(default_factory=list)
    busy: set[Worker] = field(default_factory=set)
    starting: int = 0
    waiting: deque[Job] = field(default_factory=deque)

    def oldest(self) -> Job | None:
        """The caller who has waited longest, of those who still wait."""
        while self.waiting and self.waiting[0].future.done():
            self.waiting.popleft()
        return self.waiting[0] if self.waiting else None


def same_worker(one: FunctionCode, other: FunctionCode) -> bool:
    """Whether a worker of one may serve the other: everything is equal but the concurrency."""
    return one is other or (
        one.revision == other.revision
        and one.code_sha256 == other.code_sha256
        and one.role_arn == other.role_arn
        and one.handler == other.handler
        and one.runtime == other.runtime
        and one.timeout == other.timeout
        and one.memory == other.memory
        and one.log_group == other.log_group
        and one.environment == other.environment
    )


class FunctionPool:
    """Implements `services.ports.Functions`.

    `directory` keeps the packages. `endpoint()` is this server's URL. `credentials(code)` are the environment variables
    of a session of the execution role, good for `credentials_seconds`; what it raises, the caller of `invoke` gets.
    `may_log(code)`: may the execution role write to the function's log group? `limit`: most workers at a time.
    `idle_seconds`: how long an idle worker stays.
    """

    def __init__(
        self,
        directory: Path,
        *,
        endpoint: Callable[[], str],
        clock: Clock,
        log_writer: LogWriter,
        credentials: Callable[[FunctionCode], Mapping[str, str]],
        may_log: Callable[[FunctionCode], bool],
        limit: int = 64,
        idle_seconds: float = 600.0,
        credentials_seconds: float = 3600.0,
    ) -> None:
        self._packages = Packages(directory)
        self._life = Life()
        self._launcher = Launcher(self._packages, endpoint, clock, log_writer, credentials, may_log, self._life)
        self._clock = clock
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._credentials_seconds = credentials_seconds
        self._crews: dict[tuple[str, str], Crew] = {}
        self._in_flight: dict[str, int] = {}
        self._workers: set[Worker] = set()
        self._dying: set[Worker] = set()
        self._starting: set[Start] = set()
        self._most_starting = max(2, os.cpu_count() or 2)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unwanted: set[str] = set()
        for leftover in self._packages.leftovers():
            self._packages.remove(leftover)
        self._closed = False

    # --- the port

    async def put_package(self, package: bytes) -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        code_sha256 = await loop.run_in_executor(None, self._packages.name, package)
        self._unwanted.discard(code_sha256)
        await loop.run_in_executor(None, self._packages.put, package, code_sha256)
        return code_sha256, len(package)

    def package(self, code_sha256: str) -> bytes | None:
        return self._packages.get(code_sha256)

    def keep_packages(self, referenced: Collection[str]) -> None:
        self._unwanted = self._packages.names().difference(referenced)
        self._drop_unwanted()

    async def invoke(self, code: FunctionCode, invocation: Invocation) -> InvocationResult:
        """If the caller goes away, an invocation that has begun goes on, as on AWS; one that waits is dropped."""
        if self._closed:
            raise Throttled
        in_flight = self._in_flight.get(code.arn, 0)
        if code.concurrency is not None and in_flight >= code.concurrency:
            raise Throttled
        loop = asyncio.get_running_loop()
        job = Job(code, invocation, loop.create_future(), loop.time())
        self._in_flight[code.arn] = in_flight + 1
        crew = self._crew(code)
        crew.waiting.append(job)
        self._dispatch(crew)
        try:
            return await job.future
        except asyncio.CancelledError:
            if not job.begun:
                with contextlib.suppress(ValueError):
                    crew.waiting.remove(job)
                self._leave(job)
            raise

    def retire(self, arn: str) -> None:
        for key, crew in list(self._crews.items()):
            if key[0] == arn:
                self._retire(crew)
                if not crew.waiting:
                    del self._crews[key]

    async def close(self) -> None:
        """Ends all workers; whoever waits for a result is cancelled."""
        if self._closed:
            return
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        for crew in self._crews.values():
            for job in crew.waiting:
                job.future.cancel()
        for worker in self._workers:
            worker.kill()
        # A thread may be starting a process: it is killed as soon as it is there.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.reaped for worker in (*self._workers, *self._dying)))
        self._life.close()

    # --- packages

    def _drop_unwanted(self) -> None:
        """Renames at once, in the loop, so that nobody can take up what is going; the rest is for a thread."""
        if self._closed or not self._unwanted:
            return
        running = {worker.code.code_sha256 for worker in (*self._workers, *self._dying)}
        awaited = {crew.code.code_sha256 for crew in self._crews.values() if crew.oldest() is not None}
        going = self._unwanted - running - awaited - {start.code.code_sha256 for start in self._starting}
        self._unwanted -= going
        for code_sha256 in going:
            aside = self._packages.set_aside(code_sha256)
            asyncio.get_running_loop().run_in_executor(None, self._packages.remove, aside)

    # --- who serves whom

    def _crew(self, code: FunctionCode) -> Crew:
        key = (code.arn, code.version)
        crew = self._crews.get(key)
        if crew is None:
            crew = self._crews[key] = Crew(code)
        elif crew.code is not code:
            if not same_worker(crew.code, code):
                self._retire(crew)
            crew.code = code
        return crew

    def _retire(self, crew: Crew) -> None:
        crew.generation += 1
        for worker in crew.idle:
            self._discard(worker)
        crew.idle.clear()
        for worker in crew.busy:
            worker.retired = True

    def _dispatch(self, crew: Crew) -> None:
        """Gives waiting callers to idle workers, and sees to it that there will be more workers if callers remain."""
        while crew.idle and (job := crew.oldest()) is not None:
            worker = crew.idle.pop()
            if worker.gone or self._expired(worker, job.code):
                self._discard(worker)
                continue
            self._take(crew)
            self._run(crew, worker, job)
        if crew.oldest() is not None:
            if crew.busy or crew.starting:
                self._after("grow", PATIENCE, self._grow)
            else:
                self._grow()

    def _take(self, crew: Crew) -> Job | None:
        job = crew.oldest()
        if job is not None:
            crew.waiting.popleft()
            job.begun = True
        return job

    def _expired(self, worker: Worker, code: FunctionCode) -> bool:
        return time.monotonic() - worker.born + code.timeout + 60 > self._credentials_seconds

    def _grow(self) -> None:
        """Starts workers for callers who wait, the longest waiting first, as far as the limits allow."""
        if self._closed:
            return
        hungry = [(job.queued, crew) for crew in self._crews.values() if (job := crew.oldest()) is not None]
        for _, crew in sorted(hungry, key=lambda pair: pair[0]):
            wanted = self._wanted(crew)
            while wanted > 0:
                if self._starting_quickly() >= self._most_starting:
                    self._after("slow", SLOW, self._grow)
                    return
                if not self._room():
                    return
                self._start(crew)
                wanted -= 1

    def _starting_quickly(self) -> int:
        """How many workers keep the processors busy with getting ready."""
        since = time.monotonic() - SLOW
        return sum(start.began > since for start in self._starting)

    def _wanted(self, crew: Crew) -> int:
        """How many more workers would serve those who wait."""
        wanted = len(crew.waiting) - crew.starting
        if crew.code.concurrency is not None:
            wanted = min(wanted, crew.code.concurrency - len(crew.busy) - crew.starting)
        enough = len(crew.busy) + crew.starting >= 2 * self._most_starting
        if enough and all(worker.running_for() < QUICK for worker in crew.busy):
            # The processors are what these calls wait for: more processes would only take from them.
            self._after("grow", PATIENCE, self._grow)
            return 0
        return wanted

    def _room(self) -> bool:
        """Whether one more worker may start; makes room among those that are idle."""
        if len(self._workers) + len(self._starting) < self._limit:
            return True
        idle = [(worker.idle_since, crew, worker) for crew in self._crews.values() for worker in crew.idle]
        if not idle:
            return False
        _, crew, worker = min(idle, key=lambda entry: entry[0])
        crew.idle.remove(worker)
        self._discard(worker)
        return True

    def _released(self, crew: Crew, worker: Worker) -> None:
        """A worker is free or has ended. It serves its own callers, unless others have waited much longer and there is
        no room."""
        if worker.gone or worker.retired or self._starved(crew):
            self._discard(worker)
            self._grow()
        else:
            worker.idle_since = time.monotonic()
            crew.idle.append(worker)
            self._after("reap", REAP_EVERY, self._reap)
        self._dispatch(crew)

    def _starved(self, crew: Crew) -> bool:
        if len(self._workers) + len(self._starting) < self._limit:
            return False
        own = crew.oldest()
        theirs = [job.queued for other in self._crews.values() if other is not crew and (job := other.oldest())]
        if not theirs:
            return False
        return own is None or min(theirs) < own.queued - UNFAIR

    # --- starting

    def _start(self, crew: Crew) -> None:
        start = Start(crew.code, time.monotonic())
        self._starting.add(start)
        crew.starting += 1
        task = asyncio.get_running_loop().create_task(self._started(crew, start, crew.generation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _started(self, crew: Crew, start: Start, generation: int) -> None:
        came: Started | Exception
        try:
            came = await self._launch(start.code)
        except Exception as error:  # noqa: BLE001  whoever waits for the worker gets it
            came = error
        self._starting.discard(start)
        crew.starting -= 1
        if isinstance(came, Started):
            self._joined(crew, start.code, generation, came)
        elif (job := self._take(crew)) is not None:
            self._leave(job)
            job.future.set_exception(came)
        self._dispatch(crew)
        self._grow()
        self._drop_unwanted()

    def _joined(self, crew: Crew, code: FunctionCode, generation: int, started: Started) -> None:
        worker, outcome = started.worker, started.outcome
        if worker is not None and outcome.answer is not None and outcome.answer.kind == protocol.READY:
            worker.init_ms = outcome.seconds * 1000
            worker.retired = generation != crew.generation
            self._released(crew, worker)
            return
        if (job := self._take(crew)) is not None:
            started.output.begin(results.start_line(code, job.invocation), failed_init=True)
            self._conclude(started.output, job, outcome, None, started.limit)
        if worker is not None:
            self._discard(worker)

    async def _launch(self, code: FunctionCode) -> Started:
        """One that takes longer than 10 seconds is begun again with the function's timeout, as on AWS."""
        started = await self._launcher.launch(code, INIT_LIMIT, self._spawned)
        if started.outcome.ending is not Ending.TIMED_OUT:
            return started
        assert started.worker is not None
        self._discard(started.worker)
        return await self._launcher.launch(code, code.timeout, self._spawned)

    def _spawned(self, worker: Worker) -> None:
        self._workers.add(worker)
        if self._closed:
            worker.kill()
        self._after("memory", MEMORY_EVERY, self._watch_memory)

    # --- running

    def _run(self, crew: Crew, worker: Worker, job: Job) -> None:
        crew.busy.add(worker)
        worker.output.begin(results.start_line(job.code, job.invocation))
        init_ms, worker.init_ms = worker.init_ms, None
        timeout = job.code.timeout
        deadline = self._clock.now() + timeout
        worker.run(job.invocation, timeout, deadline, partial(self._ran, crew, worker, job, init_ms))
        self._after("memory", MEMORY_EVERY, self._watch_memory)

    def _ran(self, crew: Crew, worker: Worker, job: Job, init_ms: float | None, outcome: Outcome) -> None:
        crew.busy.discard(worker)
        if outcome.answer is None:
            worker.retired = True
        if outcome.ending is Ending.EXITED and not worker.took and not self._closed:
            # A custom runtime that ended after its last answer: the next worker does what this one never saw.
            worker.output.end()
            job.begun = False
            crew.waiting.appendleft(job)
            self._released(crew, worker)
            return
        self._conclude(worker.output, job, outcome, init_ms, job.code.timeout)
        self._released(crew, worker)

    def _conclude(self, output: Output, job: Job, outcome: Outcome, init_ms: float | None, limit: float) -> None:
        ended = results.ended(job.code, job.invocation, outcome, init_ms, limit, self._clock.now())
        tail = output.end(*ended.lines)
        self._leave(job)
        if self._closed:
            # The workers were killed: that is no result of the function.
            job.future.cancel()
        elif not job.future.done():
            job.future.set_result(InvocationResult(ended.payload, ended.error, tail))

    def _leave(self, job: Job) -> None:
        left = self._in_flight[job.code.arn] - 1
        if left:
            self._in_flight[job.code.arn] = left
        else:
            del self._in_flight[job.code.arn]

    def _discard(self, worker: Worker) -> None:
        worker.kill()
        if worker in self._workers:
            self._workers.discard(worker)
            self._dying.add(worker)
            worker.reaped.add_done_callback(lambda _: self._buried(worker))

    def _buried(self, worker: Worker) -> None:
        self._dying.discard(worker)
        self._drop_unwanted()

    # --- now and then

    def _after(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        """Calls `action` once, `seconds` after the first of these calls."""
        if name in self._timers or self._closed:
            return

        def ring() -> None:
            del self._timers[name]
            action()

        self._timers[name] = asyncio.get_running_loop().call_later(seconds, ring)

    def _watch_memory(self) -> None:
        busy = [worker for worker in self._workers if worker.busy]
        for worker in busy:
            worker.watch_memory()
        if busy:
            self._after("memory", MEMORY_EVERY, self._watch_memory)

    def _reap(self) -> None:
        """Ends workers that have been idle for long."""
        before = time.monotonic() - self._idle_seconds
        for key, crew in list(self._crews.items()):
            for worker in [worker for worker in crew.idle if worker.gone or worker.idle_since < before]:
                crew.idle.remove(worker)
                self._discard(worker)
            if not (crew.idle or crew.busy or crew.starting or crew.waiting):
                del self._crews[key]
        if any(crew.idle for crew in self._crews.values()):
            self._after("reap", REAP_EVERY, self._reap)
