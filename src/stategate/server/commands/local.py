"""An execution in this process: the pure machine, and a loop that plays the world around it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from stategate.asl.distributed import EXCEEDED, EXCEEDED_CAUSE, item_selector
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
    TaskSucceeded,
    TimerFired,
)
from stategate.asl.failures import StateFailure
from stategate.asl.history import HistoryEvent
from stategate.asl.machine import step
from stategate.asl.maprun import MapRunEnded, StartMapRun, items_of
from stategate.asl.program import Program
from stategate.asl.program import compile as compile_program
from stategate.asl.run import Run, RunIdentity
from stategate.lang.jsontext import dumps, loads
from stategate.runtime.engine.batches import Batches
from stategate.server.commands.mocks import Mocks, NotMocked, Returned

PREFIX = "arn:aws:states:us-east-1:000000000000"

Told = Callable[[HistoryEvent], None]


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
    """Tasks are answered by `mocks`, at once. `told` gets each event of the history as it happens."""

    def __init__(
        self, program: Program, identity: RunIdentity, mocks: Mocks, clock: Clock, seed: int, told: Told
    ) -> None:
        self._program = program
        self._run = Run.new(identity)
        self._mocks = mocks
        self._clock = clock
        self._seed = seed
        self._told = told
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
            self._told(happened)
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
            self._inbox.append(TaskSucceeded(command, dumps(answer.value)))
        else:
            self._inbox.append(TaskFailed(command, answer.error, answer.cause))

    # A Map in DISTRIBUTED mode: its child executions, one after the other.

    def _map_run(self, effect: StartMapRun) -> MapRunEnded:
        for given, field in ((effect.source, "ItemReader"), (effect.target, "ResultWriter")):
            if given is not None:
                raise NotCarriedOut(f"The Map state '{effect.state_name}' has an {field}: that takes a server.")
        program = compile_program(effect.definition, type=effect.type, any_resource=True)
        batches = Batches(effect.batching, item_selector(self._program, effect, self._seed) if effect.selects else None)
        outputs: list[str] = []
        failed = total = 0
        try:
            inputs = batches.add(items_of(loads(effect.items or "[]")) or []) + batches.rest()
        except StateFailure as failure:
            return MapRunEnded(effect.command, None, failure.error, failure.cause)
        for index, input, items in inputs:
            finish = self._child(effect, program, index, input)
            total += items
            if finish.status == "SUCCEEDED" and finish.output is not None:
                outputs.append(finish.output)
            else:
                failed += items
        if failed and not _tolerated(effect, failed, total):
            return MapRunEnded(effect.command, None, EXCEEDED, EXCEEDED_CAUSE)
        return MapRunEnded(effect.command, f"[{','.join(outputs)}]")

    def _child(self, effect: StartMapRun, program: Program, index: int, input: str) -> Finish:
        express = effect.type == "EXPRESS"
        identity = new_identity(effect.label, str(index), input, self._clock.now(), express=express)
        child = LocalExecution(program, identity, self._mocks, self._clock, self._seed + index, lambda event: None)
        return child.run()


def _tolerated(effect: StartMapRun, failed: int, total: int) -> bool:
    count, percentage = effect.tolerated_count, effect.tolerated_percentage
    if count is None and percentage is None:
        return False
    return (count is None or failed <= count) and (percentage is None or failed * 100 <= percentage * total)


__all__ = ["Clock", "LocalExecution", "NotCarriedOut", "NotMocked", "new_identity"]
