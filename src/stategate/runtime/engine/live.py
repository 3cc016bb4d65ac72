"""An execution in memory, and what a few steps of it came to."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, assert_never

from stategate.asl.effects import CancelTask, CancelTimer, Continue, Effect, Finish, ScheduleTask, StartTimer
from stategate.asl.events import Event, TaskFailed, TaskRestarted, TaskSucceeded, TimerFired
from stategate.asl.history import HistoryEvent
from stategate.runtime.store.executions import Change
from stategate.services.ports import Execution, NewExecution


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a run. `row` is its id in the inbox on disk, if it is there; `settled` is told when the
    commit with what it did is on disk."""

    event: Event
    row: str | None = None
    settled: asyncio.Future[None] | None = None


@dataclass(slots=True, eq=False)
class Live:
    """`version`: how many commits are on disk. `kept`: is on disk (Standard). `owed`: the tasks that the world owes."""

    new: NewExecution
    run: Any
    version: int = 0
    kept: bool = True
    recorded: bool = False
    committing: bool = False
    inbox: deque[Delivery] = field(default_factory=deque)
    owed: dict[int, ScheduleTask] = field(default_factory=dict)
    timers: set[str] = field(default_factory=set)
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
    continues: bool = False
    finish: Finish | None = None
    stopped: float | None = None

    def event(self, live: Live, delivery: Delivery) -> None:
        """Notes what the event itself settles, before the step."""
        self.deliveries.append(delivery)
        match delivery.event:
            case TaskSucceeded(command=command) | TaskFailed(command=command):
                if live.owed.pop(command, None) is not None:
                    self.ended_tasks.add(command)
            case TaskRestarted(command=command):
                if command in live.owed:
                    self.restarted[command] = live.owed[command]
            case TimerFired(timer=timer):
                if timer in live.timers:
                    live.timers.discard(timer)
                    self.ended_timers.add(timer)
                self.timers.pop(timer, None)

    def effect(self, live: Live, effect: Effect) -> None:
        match effect:
            case ScheduleTask(command=command):
                self.tasks[command] = live.owed[command] = effect
                self.restarted.pop(command, None)
            case CancelTask(command=command):
                live.owed.pop(command, None)
                self.restarted.pop(command, None)
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

    def change(self, live: Live) -> Change:
        """The commit: what the steps touched, no more."""
        change = Change(live.new, live.version, history=self.history, finish=self.finish, stopped=self.stopped)
        if self.finish is None:
            run = live.run
            change.header = run.header()
            change.frames = {frame: run.frame(frame) for frame in run.changed}
            change.removed_frames = tuple(run.removed)
            change.tasks = tuple(self.tasks.values())
            change.ended_tasks = self.ended_tasks
            change.timers = self.timers
            change.ended_timers = self.ended_timers
            change.inbox = [delivery.row for delivery in self.deliveries if delivery.row is not None]
            change.continues = self.continues
        return change
