"""Generated machines under generated schedules: any order of answers, failures, timers and a stop, with and without
crashes. What holds is the same each time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asl.driver import FUNCTION, START, identity
from sim.definitions import ACTIVITY, CALLBACK, CALLS, ERRORS, START_EXECUTION, SYNC, definitions
from stategate.asl.effects import (
    CancelTask,
    CancelTimer,
    Continue,
    Finish,
    OfferActivity,
    ScheduleTask,
    StartTimer,
    StopExecution,
    WatchExecution,
)
from stategate.asl.events import (
    ActivityStarted,
    Continued,
    Event,
    ExecutionEnded,
    Started,
    StopRequested,
    TaskFailed,
    TaskHeartbeat,
    TaskRestarted,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from stategate.asl.history import HistoryEvent
from stategate.asl.machine import Step, step
from stategate.asl.maprun import MapRunEnded, RedriveMapRun, StartMapRun, StopMapRun
from stategate.asl.program import Program, compile
from stategate.asl.run import Run

INPUT = "[[[1],[2]], [[3], []]]"
OUTPUTS = ("[1, 2]", "[[1],[2]]", "[[[1]], [[2],[3]]]", "[]", '{"a": "b"}')
LONGEST = 5000


@dataclass
class Surroundings:
    """A store, timers and tasks, as an engine keeps them; each step checks what must always hold.

    By command: `tasks` are calls in flight, `offers` what no worker has taken, `tokens` who waits for an answer from
    outside, `watches` who waits for another execution, `map_runs` who waits for one. `stopped` and `ended` are
    executions that were waited for; `failed_map_runs` may be redriven."""

    program: Program
    crashes: bool
    run: Run = field(default_factory=lambda: Run.new(identity(INPUT)))
    header: bytes = b""
    frames: dict[int, bytes] = field(default_factory=dict)
    history: list[HistoryEvent] = field(default_factory=list)
    tasks: dict[int, ScheduleTask] = field(default_factory=dict)
    offers: dict[int, OfferActivity] = field(default_factory=dict)
    tokens: dict[int, str] = field(default_factory=dict)
    watches: dict[int, str] = field(default_factory=dict)
    map_runs: dict[int, str] = field(default_factory=dict)
    failed_map_runs: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    all_tokens: set[str] = field(default_factory=set)
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
        if self.crashes and not isinstance(event, TaskRestarted | TaskHeartbeat | Continued):
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
                direct = "LambdaFunctionScheduled" if effect.resource == FUNCTION else "TaskScheduled"
                assert self.history[command - 1].type == direct
                assert (effect.token is not None) == (effect.resource == CALLBACK)
                self.commands.add(command)
                self.tasks[command] = effect
                self._await(command, effect.token)
            case OfferActivity(command, activity, token):
                assert command not in self.commands, "a command twice"
                assert activity == ACTIVITY
                assert self.history[command - 1].type == "ActivityScheduled"
                self.commands.add(command)
                self.offers[command] = effect
                self._await(command, token)
            case WatchExecution(command, execution):
                assert execution == child_of(command)
                self.watches[command] = execution
            case StopExecution(execution):
                assert execution not in self.ended
                self.stopped.add(execution)
            case StartMapRun(command, map_run):
                self._begin_map_run(command, map_run)
            case RedriveMapRun(command, map_run):
                self.failed_map_runs.remove(map_run)
                self._begin_map_run(command, map_run)
            case StopMapRun(command):
                self.failed_map_runs.add(self.map_runs.pop(command))
            case CancelTask(command):
                assert command in self.pending, "nothing to cancel"
                self.forget(command)
            case StartTimer(timer, due):
                assert timer not in self.timers or timer.startswith("heartbeat:")
                self.timers[timer] = due
                self.spent.add(timer)
            case CancelTimer(timer):
                del self.timers[timer]
            case Continue():
                self.continues += 1
            case Finish():
                self.finish = effect

    @property
    def pending(self) -> set[int]:
        return {*self.tasks, *self.offers, *self.tokens, *self.watches, *self.map_runs}

    def _begin_map_run(self, command: int, map_run: str) -> None:
        assert command not in self.commands, "a command twice"
        assert map_run not in self.map_runs.values()
        self.commands.add(command)
        self.map_runs[command] = map_run

    def _await(self, command: int, token: str | None) -> None:
        if token is not None:
            assert token not in self.all_tokens, "a token twice"
            self.all_tokens.add(token)
            self.tokens[command] = token

    def forget(self, command: int) -> None:
        for table in (self.tasks, self.offers, self.tokens, self.watches, self.map_runs):
            table.pop(command, None)

    def _late(self) -> list[Event]:
        """Answers and timers that were pending once and are no more."""
        late: list[Event] = []
        for command in sorted(self.commands - self.pending)[-3:]:
            late += [TaskSucceeded(command, "1"), TaskSubmitted(command, "1", child_of(command))]
            late += [ActivityStarted(command), TaskHeartbeat(command), ExecutionEnded(command, "FAILED", "{}")]
            late += [MapRunEnded(command, "[]"), TaskFailed(command, "E1", None), TaskRestarted(command)]
        return [*late, *map(TimerFired, sorted(self.spent - self.timers.keys() - {"execution"})[-3:])]

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
        assert not self.pending, "tasks pending after the end"
        assert not self.ended & self.stopped
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
    choices: list[tuple[str, int] | str] = [timer for timer in surroundings.timers if timer != "execution"]
    choices += [("call", command) for command in surroundings.tasks]
    choices += [("offer", command) for command in surroundings.offers]
    choices += [("token", command) for command in surroundings.tokens if command not in surroundings.offers]
    choices += [("watch", command) for command in surroundings.watches]
    choices += [("map run", command) for command in surroundings.map_runs]
    if not choices or ("execution" in surroundings.timers and random.random() < 0.08):
        choices = ["execution"]
    choice = random.choice(choices)
    if isinstance(choice, str):
        surroundings.now = max(surroundings.now, surroundings.timers.pop(choice))
        return TimerFired(choice)
    return HAPPENS[choice[0]](surroundings, random, choice[1])


def _called(surroundings: Surroundings, random: Random, command: int) -> Event:
    """A call is made again, fails, or is answered."""
    if random.random() < 0.1:
        return TaskRestarted(command)
    resource = surroundings.tasks[command].resource
    if random.random() < 0.3:
        surroundings.forget(command)
        return TaskFailed(command, random.choice(ERRORS), "as drawn")
    del surroundings.tasks[command]
    if resource in (*CALLS, START_EXECUTION):
        return TaskSucceeded(command, random.choice(OUTPUTS))
    return TaskSubmitted(command, "[]", child_of(command) if resource == SYNC else None)


def _taken(surroundings: Surroundings, random: Random, command: int) -> Event:
    del surroundings.offers[command]
    return ActivityStarted(command, random.choice(("worker", None)))


def _answered(surroundings: Surroundings, random: Random, command: int) -> Event:
    """Whoever has the token answers, maybe before the call that handed it out does."""
    if random.random() < 0.3:
        return TaskHeartbeat(command)
    surroundings.forget(command)
    if random.random() < 0.3:
        return TaskFailed(command, random.choice((*ERRORS, None)), random.choice(("as drawn", None)))
    return TaskSucceeded(command, random.choice(OUTPUTS))


def _child_ended(surroundings: Surroundings, random: Random, command: int) -> Event:
    surroundings.ended.add(surroundings.watches[command])
    surroundings.forget(command)
    described = json.dumps({"Input": "{}", "Output": random.choice(OUTPUTS)})
    return ExecutionEnded(command, random.choice(("SUCCEEDED", "SUCCEEDED", "FAILED")), described)


def _map_run_ended(surroundings: Surroundings, random: Random, command: int) -> Event:
    map_run = surroundings.map_runs.pop(command)
    if random.random() < 0.4:
        surroundings.failed_map_runs.add(map_run)
        return MapRunEnded(command, None, random.choice(ERRORS), "as drawn")
    return MapRunEnded(command, random.choice(OUTPUTS))


HAPPENS = {
    "call": _called,
    "offer": _taken,
    "token": _answered,
    "watch": _child_ended,
    "map run": _map_run_ended,
}


def child_of(command: int) -> str:
    return f"child-{command}"


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
