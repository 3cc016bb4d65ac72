"""An execution in this process: the pure machine, and a loop that plays the world around it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stategate.asl.effects import (
    CancelTimer,
    Continue,
    Effect,
    Finish,
    OfferActivity,
    ScheduleTask,
    StartTimer,
)
from stategate.asl.events import (
    ActivityStarted,
    Continued,
    Event,
    Started,
    StopRequested,
    TaskFailed,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from stategate.asl.history import HistoryEvent
from stategate.asl.machine import step
from stategate.asl.maprun import MapRunEnded, StartMapRun
from stategate.asl.program import Program
from stategate.asl.program import compile as compile_program
from stategate.asl.run import Run, RunIdentity
from stategate.lang.jsontext import dumps
from stategate.server.commands.mocks import Mocks, NotMocked, Returned

PREFIX = "arn:aws:states:us-east-1:000000000000"


class Watcher(Protocol):
    """Whom an execution tells what happens."""

    def show(self, event: HistoryEvent) -> None: ...

    def child_failed(self, state: str, index: int, finish: Finish) -> None:
        """A child execution of a distributed Map did not succeed."""
        ...


@dataclass(frozen=True, slots=True)
class OnlyChildren:
    """A child's own history is not shown, what failed in it is."""

    watcher: Watcher

    def show(self, event: HistoryEvent) -> None:
        return None

    def child_failed(self, state: str, index: int, finish: Finish) -> None:
        self.watcher.child_failed(state, index, finish)


class NotCarriedOut(Exception):
    """The definition asks for something that takes a server."""


@dataclass(slots=True)
class Clock:
    """Epoch seconds. Waiting takes its time, or (`skips`) only moves the clock."""

    skips: bool
    ahead: float = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    def until(self, due: float) -> None:
        missing = due - self.now()
        if missing <= 0:
            return
        if self.skips:
            self.ahead += missing
        else:
            time.sleep(missing)


def new_identity(machine: str, name: str, input: str, started: float, *, express: bool = False) -> RunIdentity:
    kind = "express" if express else "execution"
    return RunIdentity(
        f"{PREFIX}:{kind}:{machine}:{name}",
        name,
        f"{PREFIX}:stateMachine:{machine}",
        machine,
        "arn:aws:iam::000000000000:role/local",
        input,
        started,
        express,
    )


class LocalExecution:
    """Tasks are answered by `mocks`, at once. `history` gets each event as it happens. `buckets` is a directory with
    one for each bucket of S3 that distributed Maps read and write."""

    def __init__(
        self,
        program: Program,
        identity: RunIdentity,
        mocks: Mocks,
        clock: Clock,
        seed: int,
        history: Watcher,
        buckets: Path | None = None,
    ) -> None:
        self._program = program
        self._run = Run.new(identity)
        self._mocks = mocks
        self._clock = clock
        self._seed = seed
        self._history = history
        self._buckets = buckets
        self._inbox: deque[Event] = deque()
        self._timers: dict[str, float] = {}
        self._finish: Finish | None = None

    def run(self) -> Finish:
        """To the end. Raises `NotMocked` and `NotCarriedOut`."""
        self._send(Started())
        while self._finish is None:
            if self._inbox:
                self._send(self._inbox.popleft())
                continue
            if not self._timers:
                raise NotCarriedOut("The execution waits for something that only a server can bring about.")
            timer = min(self._timers, key=lambda name: (self._timers[name], name))
            self._clock.until(self._timers[timer])
            due = self._timers.pop(timer)
            self._send(TimerFired(timer), at_least=due)
        return self._finish

    def stop(self) -> Finish:
        """As StopExecution would end it."""
        self._send(StopRequested("States.Interrupted", "The run was interrupted."))
        assert self._finish is not None
        return self._finish

    def _send(self, event: Event, at_least: float = 0.0) -> None:
        now = max(self._clock.now(), at_least)
        step_seed = self._seed ^ (self._run.last_event * 0x9E3779B97F4A7C15 % 2**62)
        outcome = step(self._program, self._run, event, now, step_seed)
        self._run.committed()
        for happened in outcome.events:
            self._history.show(happened)
        for effect in outcome.effects:
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case StartTimer(timer, due):
                self._timers[timer] = due
            case CancelTimer(timer):
                self._timers.pop(timer, None)
            case ScheduleTask():
                self._answer(effect.command, effect.state_name, effect.resource)
            case OfferActivity():
                sequence = self._run.sequence(self._run.waiting[effect.command])
                self._inbox.append(ActivityStarted(effect.command, "mock"))
                self._answer(effect.command, sequence.state, effect.activity)
            case StartMapRun():
                self._inbox.append(self._map_run(effect))
            case Continue():
                self._inbox.append(Continued())
            case Finish():
                self._finish = effect
            case _:
                pass  # Nothing runs elsewhere that could be stopped or watched.

    def _answer(self, command: int, state: str, resource: str) -> None:
        answer = self._mocks.answer(state, resource)
        if isinstance(answer, Returned):
            output = dumps(answer.value)
            # Means something to tasks that go on elsewhere only; a mock file has no other answer to their call.
            self._inbox += TaskSubmitted(command, output), TaskSucceeded(command, output)
        else:
            self._inbox.append(TaskFailed(command, answer.error, answer.cause))

    # A Map in DISTRIBUTED mode: its child executions, one after the other.

    def _map_run(self, effect: StartMapRun) -> MapRunEnded:
        # Imported here, as all services cost the runs without such a Map half a second.
        from stategate.server.commands.local_maps import LocalMapRun, NoBuckets

        program = compile_program(effect.definition, type=effect.type, any_resource=True)
        map_run = LocalMapRun(self._program, self._run.identity, effect, self._seed, self._buckets)
        try:
            return map_run.run(lambda index, input: self._child(effect, program, index, input))
        except NoBuckets as error:
            raise NotCarriedOut(str(error)) from None

    def _child(self, effect: StartMapRun, program: Program, index: int, input: str) -> tuple[Finish, float, float]:
        started = self._clock.now()
        identity = new_identity(effect.label, str(index), input, started, express=effect.type == "EXPRESS")
        child = LocalExecution(
            program, identity, self._mocks, self._clock, self._seed + index, OnlyChildren(self._history), self._buckets
        )
        finish = child.run()
        if finish.status != "SUCCEEDED":
            self._history.child_failed(effect.state_name, index, finish)
        return finish, started, self._clock.now()


__all__ = ["Clock", "LocalExecution", "NotCarriedOut", "NotMocked", "new_identity"]
