"""Generated machines under generated schedules: any order of answers, failures, timers and a stop, with and without
crashes. What holds is the same each time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asl.driver import START, identity
from sim.definitions import ERRORS, definitions
from stategate.asl.effects import CancelTask, CancelTimer, Continue, Finish, ScheduleTask, StartTimer
from stategate.asl.events import (
    Continued,
    Event,
    Started,
    StopRequested,
    TaskFailed,
    TaskRestarted,
    TaskSucceeded,
    TimerFired,
)
from stategate.asl.history import HistoryEvent
from stategate.asl.machine import Step, step
from stategate.asl.program import Program, compile
from stategate.asl.run import Run

INPUT = "[[[1],[2]], [[3], []]]"
OUTPUTS = ("[1, 2]", "[[1],[2]]", "[[[1]], [[2],[3]]]", "[]", '{"a": "b"}')
LONGEST = 5000


@dataclass
class Surroundings:
    """A store, timers and tasks, as an engine keeps them; each step checks what must always hold."""

    program: Program
    crashes: bool
    run: Run = field(default_factory=lambda: Run.new(identity(INPUT)))
    header: bytes = b""
    frames: dict[int, bytes] = field(default_factory=dict)
    history: list[HistoryEvent] = field(default_factory=list)
    tasks: dict[int, ScheduleTask] = field(default_factory=dict)
    timers: dict[str, float] = field(default_factory=dict)
    continues: int = 0
    commands: set[int] = field(default_factory=set)
    spent: set[str] = field(default_factory=set)
    finish: Finish | None = None
    now: float = START
    seed: int = 0

    def send(self, event: Event) -> None:
        if self.crashes and self.header:
            self.run = Run.load(identity(INPUT), self.header, self.frames)
        self.seed += 1
        outcome = step(self.program, self.run, event, self.now, self.seed)
        self._store()
        self._record(outcome)
        for effect in outcome.effects:
            self._perform(effect)
        if self.crashes and not isinstance(event, TaskRestarted | Continued):
            self._expect_nothing(event)
        if self.crashes:
            for late in self._late():
                self._expect_nothing(late)

    def _store(self) -> None:
        assert not self.run.changed & self.run.removed
        self.header = self.run.header()
        for frame_id in self.run.changed:
            self.frames[frame_id] = self.run.frame(frame_id)
        for frame_id in self.run.removed:
            self.frames.pop(frame_id, None)
        self.run.committed()
        for frame_id, stored in self.frames.items():
            assert stored == self.run.frame(frame_id), "a frame changed without being named"

    def _record(self, outcome: Step) -> None:
        for event in outcome.events:
            assert event.id == len(self.history) + 1
            assert 0 <= event.previous < event.id
            self.history.append(event)

    def _perform(self, effect: Any) -> None:
        assert self.finish is None, "an effect after the end"
        match effect:
            case ScheduleTask(command):
                assert command not in self.commands, "a command twice"
                assert self.history[command - 1].type == "LambdaFunctionScheduled"
                self.commands.add(command)
                self.tasks[command] = effect
            case CancelTask(command):
                del self.tasks[command]
            case StartTimer(timer, due):
                assert timer not in self.timers
                self.timers[timer] = due
                self.spent.add(timer)
            case CancelTimer(timer):
                del self.timers[timer]
            case Continue():
                self.continues += 1
            case Finish():
                self.finish = effect

    def _late(self) -> list[Event]:
        """Answers and timers that were pending once and are no more."""
        commands = sorted(self.commands - self.tasks.keys())[-3:]
        timers = sorted(self.spent - self.timers.keys() - {"execution"})[-3:]
        return [*(TaskSucceeded(command, "1") for command in commands), *map(TimerFired, timers)]

    def _expect_nothing(self, event: Event) -> None:
        """An event that comes again, or too late, finds nothing to do but what was to be done anyway."""
        again = Run.load(identity(INPUT), self.header, self.frames)
        if self.continues:
            return
        outcome = step(self.program, again, event, self.now, self.seed)
        assert not outcome.events
        assert not outcome.effects
        assert not again.changed
        assert again.header() == self.header

    def check_end(self) -> None:
        assert self.finish is not None
        assert self.run.status == self.finish.status
        assert not self.tasks, "tasks pending after the end"
        assert not self.timers, "timers pending after the end"
        assert bool(self.frames) == (self.finish.status != "SUCCEEDED"), "frames are kept for a redrive only"
        assert (
            self.history[-1].type
            == {
                "SUCCEEDED": "ExecutionSucceeded",
                "FAILED": "ExecutionFailed",
                "TIMED_OUT": "ExecutionTimedOut",
                "ABORTED": "ExecutionAborted",
            }[self.finish.status]
        )


def live(program: Program, schedule: int, *, crashes: bool, stop: bool) -> Surroundings:
    """One execution; `schedule` seeds what happens next each time."""
    random = Random(schedule)
    surroundings = Surroundings(program, crashes)
    surroundings.send(Started())
    for _ in range(LONGEST):
        if surroundings.finish is not None:
            surroundings.check_end()
            return surroundings
        surroundings.send(_next(surroundings, random, stop))
    raise AssertionError("it does not end")


def _next(surroundings: Surroundings, random: Random, stop: bool) -> Event:
    if stop and random.random() < 0.05:
        return StopRequested("Stopped", "by hand")
    if surroundings.continues:
        surroundings.continues -= 1
        return Continued()
    choices: list[int | str] = [*surroundings.tasks, *(timer for timer in surroundings.timers if timer != "execution")]
    if not choices or ("execution" in surroundings.timers and random.random() < 0.08):
        choices = ["execution"]
    choice = random.choice(choices)
    if isinstance(choice, str):
        surroundings.now = max(surroundings.now, surroundings.timers.pop(choice))
        return TimerFired(choice)
    if random.random() < 0.1:
        return TaskRestarted(choice)
    del surroundings.tasks[choice]
    if random.random() < 0.3:
        return TaskFailed(choice, random.choice(ERRORS), "as drawn")
    return TaskSucceeded(choice, random.choice(OUTPUTS))


SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(definitions(), st.integers(0, 2**32), st.booleans())
def test_crashes_and_redelivery_change_nothing(definition: dict[str, Any], schedule: int, stop: bool) -> None:
    program = compile(json.dumps(definition))
    plain = live(program, schedule, crashes=False, stop=stop)
    crashed = live(program, schedule, crashes=True, stop=stop)
    assert crashed.history == plain.history
    assert crashed.finish == plain.finish


@SETTINGS
@given(definitions(), st.integers(0, 2**32))
def test_states_are_entered_and_left_in_pairs(definition: dict[str, Any], schedule: int) -> None:
    """Every Exited follows an Entered of that state; on success every one that was entered was left."""
    run = live(compile(json.dumps(definition)), schedule, crashes=False, stop=False)
    open_: dict[str, int] = {}
    for event in run.history:
        if event.type.endswith("StateEntered"):
            assert event.details is not None
            open_[event.details["name"]] = open_.get(event.details["name"], 0) + 1
        elif event.type.endswith("StateExited"):
            assert event.details is not None
            assert open_[event.details["name"]] > 0
            open_[event.details["name"]] -= 1
    if not any(event.type.endswith(("Failed", "TimedOut")) for event in run.history):
        assert not any(open_.values())


@SETTINGS
@given(definitions(), st.integers(0, 2**32))
def test_previous_events_make_a_tree(definition: dict[str, Any], schedule: int) -> None:
    """What an event follows belongs to the same place or to one around it."""
    run = live(compile(json.dumps(definition)), schedule, crashes=False, stop=False)
    for event in run.history[2:]:
        if event.previous == 0:
            assert event.type in ("ExecutionTimedOut", "ExecutionAborted")
            continue
        before = run.history[event.previous - 1].type
        if event.type in ("LambdaFunctionSucceeded", "LambdaFunctionFailed", "LambdaFunctionTimedOut"):
            assert before == "LambdaFunctionStarted"
        if event.type == "MapIterationSucceeded":
            assert before.endswith("StateExited")
