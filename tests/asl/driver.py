"""A tiny engine for tests: it runs a definition to its end, at once, with functions of the test's own."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stategate.asl.distributed import EXCEEDED, EXCEEDED_CAUSE, item_selector
from stategate.asl.effects import CancelTimer, Continue, Finish, ScheduleTask, StartTimer
from stategate.asl.events import Continued, Event, Started, TaskFailed, TaskSucceeded, TimerFired
from stategate.asl.history import HistoryEvent
from stategate.asl.machine import step
from stategate.asl.maprun import MapRunEnded, StartMapRun, items_of
from stategate.asl.program import Program, compile
from stategate.asl.run import Run, RunIdentity

ACCOUNT = "000000000000"
START = 1_700_000_000.0

Answer = Callable[[ScheduleTask], TaskSucceeded | TaskFailed | None]
"""What a task answers; None: it never does."""


def identity(
    input: str = "{}", *, name: str = "run", express: bool = False, role: str = "arn:aws:iam::1:role/r"
) -> RunIdentity:
    prefix = f"arn:aws:states:us-east-1:{ACCOUNT}"
    return RunIdentity(
        f"{prefix}:execution:machine:{name}",
        name,
        f"{prefix}:stateMachine:machine",
        "machine",
        role,
        input,
        START,
        express,
    )


def echo(task: ScheduleTask) -> TaskSucceeded:
    return TaskSucceeded(task.command, task.input)


@dataclass
class Execution:
    """One run with its surroundings. Time passes only when there is nothing else to do."""

    program: Program
    run: Run
    answer: Answer = echo
    now: float = START
    history: list[HistoryEvent] = field(default_factory=list)
    inbox: deque[Event] = field(default_factory=deque)
    timers: dict[str, float] = field(default_factory=dict)
    tasks: list[ScheduleTask] = field(default_factory=list)
    finish: Finish | None = None
    steps: int = 0

    def send(self, event: Event) -> None:
        self.steps += 1
        outcome = step(self.program, self.run, event, self.now, 7)
        self.run.committed()
        self.history += outcome.events
        for effect in outcome.effects:
            match effect:
                case ScheduleTask():
                    self.tasks.append(effect)
                    answer = self.answer(effect)
                    if answer is not None:
                        self.inbox.append(answer)
                case StartTimer(timer, due):
                    self.timers[timer] = due
                case CancelTimer(timer):
                    self.timers.pop(timer, None)
                case Continue():
                    self.inbox.append(Continued())
                case Finish():
                    self.finish = effect
                case StartMapRun():
                    self.inbox.append(self.map_run(effect))
                case _:
                    pass

    def map_run(self, start: StartMapRun) -> MapRunEnded:
        """One child after the other, at once; a failed one is one too many."""
        assert start.items is not None and start.batching is None
        select = item_selector(self.program, start, 7)
        outputs = []
        for index, item in enumerate(items_of(json.loads(start.items)) or []):
            input = select(index, item).text if select is not None else json.dumps(item.input, separators=(",", ":"))
            program = compile(start.definition, type=start.type)
            child = Execution(program, Run.new(identity(input, name=f"child{index}")), self.answer, self.now).go()
            assert child.finish is not None
            if child.finish.output is None:
                return MapRunEnded(start.command, None, EXCEEDED, EXCEEDED_CAUSE)
            outputs.append(child.finish.output)
        return MapRunEnded(start.command, f"[{','.join(outputs)}]")

    def go(self) -> Execution:
        self.send(Started())
        return self.resume()

    def resume(self) -> Execution:
        while self.finish is None:
            if self.inbox:
                self.send(self.inbox.popleft())
            else:
                self.pass_time()
        return self

    def pass_time(self) -> None:
        """Until the next timer fires."""
        timer, due = min(self.timers.items(), key=lambda item: item[1])
        del self.timers[timer]
        self.now = max(self.now, due)
        self.send(TimerFired(timer))

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.history]

    @property
    def outline(self) -> list[tuple[int, str]]:
        """(previousEventId, type) of each event, from id 1."""
        assert [event.id for event in self.history] == list(range(1, len(self.history) + 1))
        return [(event.previous, event.type) for event in self.history]

    @property
    def output(self) -> Any:
        assert self.finish is not None and self.finish.status == "SUCCEEDED", self.finish
        assert self.finish.output is not None
        return json.loads(self.finish.output)


def execute(
    definition: dict[str, Any],
    input: Any = None,
    answer: Answer = echo,
    *,
    type: str = "STANDARD",
    text: str | None = None,
) -> Execution:
    """Runs a definition; `input` as a value, or `text` verbatim."""
    program = compile(json.dumps(definition), type=type)
    document = text if text is not None else json.dumps({} if input is None else input)
    return Execution(program, Run.new(identity(document, express=type == "EXPRESS")), answer).go()


def flow(**states: dict[str, Any]) -> dict[str, Any]:
    """A definition that starts at the first of these states; the last one without Next or End ends it."""
    first = next(iter(states))
    for state in states.values():
        if state["Type"] not in ("Choice", "Succeed", "Fail") and "Next" not in state:
            state.setdefault("End", True)
    return {"StartAt": first, "States": states}


FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": FUNCTION, **fields}


__all__ = ["FUNCTION", "START", "Execution", "echo", "execute", "flow", "identity", "task"]
