"""An execution in memory, and what a few steps of it came to."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from stategate.asl.effects import (
    CancelTask,
    CancelTimer,
    Continue,
    Effect,
    Finish,
    OfferActivity,
    ScheduleTask,
    StartTimer,
    StopExecution,
    WatchExecution,
)
from stategate.asl.events import (
    ActivityStarted,
    Event,
    ExecutionEnded,
    Redriven,
    StopRequested,
    TaskFailed,
    TaskRestarted,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from stategate.asl.history import HistoryEvent
from stategate.asl.machine import Step
from stategate.asl.maprun import RedriveMapRun, StartMapRun, StopMapRun
from stategate.runtime.engine.futures import settler
from stategate.runtime.engine.posts import encode_event
from stategate.runtime.store.executions import Change, TokenRow
from stategate.services.ports import Execution, NewExecution

STOP = "stop"
"""The id of the event that stops a child, in the child's inbox."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a run. `row` is its id in the inbox on disk, if it is there; `settled` is told when the
    commit with what it did is on disk."""

    event: Event
    row: str | None = None
    settled: asyncio.Future[None] | None = None

    def settle(self, error: Exception | None) -> None:
        if self.settled is not None:
            settler(self.settled)(error)


@dataclass(slots=True, eq=False)
class Live:
    """`version`: how many commits are on disk. `kept`: is on disk (Standard). `owed`: the tasks that the world owes.
    `busy`: steps, or the commit of what they did, are under way.

    `tokens` and `watches`, by command: what tasks wait for an answer, or for another execution; `waits`: there may be
    rows of them on disk. `answered`: the commands whose answer is on its way to the run. `latest`: the time of the last
    history event, epoch seconds."""

    new: NewExecution
    run: Any
    version: int = 0
    latest: float = 0.0
    kept: bool = True
    has_map_runs: bool = False
    recorded: bool = False
    busy: bool = False
    inbox: deque[Delivery] = field(default_factory=deque)
    owed: dict[int, ScheduleTask] = field(default_factory=dict)
    timers: set[str] = field(default_factory=set)
    tokens: dict[int, str] = field(default_factory=dict)
    watches: dict[int, str] = field(default_factory=dict)
    waits: bool = False
    answered: set[int] = field(default_factory=set)
    starting: asyncio.Future[None] | None = None
    ended: asyncio.Future[Execution] | None = None


@dataclass(slots=True)
class Outcome:
    """What a batch of deliveries came to: one commit, then the effects."""

    deliveries: list[Delivery] = field(default_factory=list)
    history: list[HistoryEvent] = field(default_factory=list)
    tasks: dict[int, ScheduleTask] = field(default_factory=dict)
    restarted: dict[int, ScheduleTask] = field(default_factory=dict)
    ended_tasks: set[int] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)
    timers: dict[str, float] = field(default_factory=dict)
    ended_timers: set[str] = field(default_factory=set)
    tokens: dict[int, TokenRow] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    watches: dict[int, str] = field(default_factory=dict)
    ended_waits: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)
    stops: list[str] = field(default_factory=list)
    map_runs: list[StartMapRun | RedriveMapRun] = field(default_factory=list)
    stopped_map_runs: set[int] = field(default_factory=set)
    redriven: bool = False
    at: float = 0.0
    continues: bool = False
    finish: Finish | None = None
    stopped: float | None = None

    def event(self, live: Live, delivery: Delivery) -> None:
        """Notes what the event itself settles, before the step."""
        self.deliveries.append(delivery)
        match delivery.event:
            case TaskSucceeded(command=command) | TaskFailed(command=command) | ExecutionEnded(command=command):
                if live.owed.pop(command, None) is not None:
                    self.ended_tasks.add(command)
                self.restarted.pop(command, None)
                if command in live.tokens:
                    self.answered.add(command)
                self._wait_no_more(live, command)
            case TaskSubmitted(command=command):
                if live.owed.pop(command, None) is not None:
                    self.ended_tasks.add(command)
            case ActivityStarted(command=command):
                self.taken.add(command)
            case Redriven():
                live.new = replace(live.new, redrives=live.new.redrives + 1, redriven=self.at)
                self.redriven = True
            case TaskRestarted(command=command):
                if command in live.owed:
                    self.restarted[command] = live.owed[command]
            case TimerFired(timer=timer):
                if timer in live.timers:
                    live.timers.discard(timer)
                    self.ended_timers.add(timer)
                self.timers.pop(timer, None)

    def take(self, live: Live, step: Step) -> None:
        """The times of a history never decrease, though the clock may have been set back since the last event."""
        events = step.events
        if events and self.at < live.latest:
            events = [replace(event, timestamp=live.latest) for event in events]
        elif events:
            live.latest = self.at
        self.history += events
        for effect in step.effects:
            self.effect(live, effect)
        if self.finish is not None:
            self.stopped = max(self.at, live.latest)

    def settle(self, error: Exception | None) -> None:
        """Tells those who wait for the commit."""
        for delivery in self.deliveries:
            delivery.settle(error)

    def effect(self, live: Live, effect: Effect) -> None:
        match effect:
            case ScheduleTask(command=command):
                self.tasks[command] = live.owed[command] = effect
                self.restarted.pop(command, None)
                if effect.token is not None:
                    self._await_answer(live, TokenRow(effect.token, live.new.arn, command))
            case OfferActivity(command=command):
                self._await_answer(
                    live, TokenRow(effect.token, live.new.arn, command, effect.activity, effect.input, offered=True)
                )
            case WatchExecution(command=command, execution_arn=child):
                live.waits = True
                self.watches[command] = live.watches[command] = child
            case StopExecution(execution_arn=child):
                self.stops.append(child)
            case StartMapRun() | RedriveMapRun():
                live.has_map_runs = True
                self.map_runs.append(effect)
            case StopMapRun(command=command):
                self.stopped_map_runs.add(command)
            case CancelTask(command=command):
                live.owed.pop(command, None)
                self.restarted.pop(command, None)
                live.answered.discard(command)
                self._wait_no_more(live, command)
                if self.tasks.pop(command, None) is None:
                    self.ended_tasks.add(command)
                    self.cancelled.add(command)
            case StartTimer(timer=timer, due=due):
                self.timers[timer] = due
                self.ended_timers.discard(timer)
            case CancelTimer(timer=timer):
                self.timers.pop(timer, None)
                if timer in live.timers:
                    live.timers.discard(timer)
                    self.ended_timers.add(timer)
            case Finish():
                self.finish = effect
            case Continue():
                self.continues = True
            case _:
                assert_never(effect)

    def _await_answer(self, live: Live, row: TokenRow) -> None:
        live.waits = True
        live.tokens[row.command] = row.token
        self.tokens[row.command] = row

    def _wait_no_more(self, live: Live, command: int) -> None:
        token, watch = live.tokens.pop(command, None), live.watches.pop(command, None)
        if token is None and watch is None:
            return
        self.tokens.pop(command, None)
        self.watches.pop(command, None)
        self.ended_waits.add(command)

    def change(self, live: Live) -> Change:
        """The commit: what the steps touched, no more."""
        change = Change(live.new, live.version, history=self.history, finish=self.finish, stopped=self.stopped)
        change.posts = [(child, STOP, encode_event(StopRequested())) for child in self.stops]
        change.waits = live.waits
        change.map_runs, change.stopped_map_runs = self.map_runs, self.stopped_map_runs
        change.has_map_runs, change.redriven, change.at = (
            live.has_map_runs,
            live.new.redriven if self.redriven else None,
            self.at,
        )
        if self.finish is not None and live.kept and getattr(live.run, "redrivable", False):
            change.header = live.run.header()
            change.frames = {frame: live.run.frame(frame) for frame in live.run.changed}
            change.removed_frames = tuple(live.run.removed)
        if self.finish is None:
            run = live.run
            change.header = run.header()
            change.frames = {frame: run.frame(frame) for frame in run.changed}
            change.removed_frames = tuple(run.removed)
            change.tasks = tuple(self.tasks.values())
            change.ended_tasks = self.ended_tasks
            change.timers = self.timers
            change.ended_timers = self.ended_timers
            change.tokens = tuple(self.tokens.values())
            change.taken = self.taken
            change.watches = self.watches
            change.ended_waits = self.ended_waits
            change.inbox = [delivery.row for delivery in self.deliveries if delivery.row is not None]
            change.continues = self.continues
        return change


def broken(error: Exception, last_event: int, now: float) -> Outcome:
    """The end of an execution that Stategate can't go on with."""
    cause = f"The execution cannot go on because of an internal error: {type(error).__name__}: {error}"
    details = {"error": "States.Runtime", "cause": cause}
    history = [HistoryEvent(last_event + 1, last_event, now, "ExecutionFailed", details)]
    return Outcome(history=history, finish=Finish("FAILED", None, "States.Runtime", cause), stopped=now)
