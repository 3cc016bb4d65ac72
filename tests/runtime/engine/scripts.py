"""A language for tests of the engine: a definition is a JSON list of instructions.

"pass", "task" (calls, waits for the result), ["wait", seconds], ["task", timeout], "continue", "raise", "fail",
"unwritable" (what the step made can't be written).
It keeps the contract of `asl.machine`: everything that a run knows goes through `header` and `frame`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stategate.asl.effects import CancelTask, CancelTimer, Continue, Effect, Finish, ScheduleTask, StartTimer
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
from stategate.asl.machine import IllegalEvent, Step
from stategate.asl.run import RunIdentity
from stategate.runtime.engine.language import Language


class ScriptRun:
    def __init__(self, identity: RunIdentity, state: dict[str, Any], results: list[str]) -> None:
        self.identity = identity
        self.state = state
        self.results = results
        self.changed: set[int] = set()
        self.removed: set[int] = set()

    @classmethod
    def new(cls, identity: RunIdentity) -> ScriptRun:
        return cls(identity, {"at": 0, "event": 0, "task": None, "timer": None, "ended": False}, [])

    @classmethod
    def load(cls, identity: RunIdentity, header: bytes, frames: Mapping[int, bytes]) -> ScriptRun:
        return cls(identity, json.loads(header), json.loads(frames.get(0, b"[]")))

    def header(self) -> bytes:
        return json.dumps(self.state).encode()

    def frame(self, frame: int) -> bytes:
        assert frame == 0
        return json.dumps(self.results).encode()

    @property
    def size(self) -> int:
        return 1

    def frame_ids(self) -> list[int]:
        return [0]

    def committed(self) -> None:
        self.changed.clear()


class _Stepper:
    def __init__(self, program: list[Any], run: ScriptRun, now: float) -> None:
        self.program, self.run, self.state, self.now = program, run, run.state, now
        self.effects: list[Effect] = []
        self.events: list[HistoryEvent] = []

    def note(self, type_: str, **details: Any) -> int:
        self.state["event"] += 1
        number = self.state["event"]
        self.events.append(HistoryEvent(number, number - 1, self.now, type_, details or None))
        return int(number)

    def take(self, event: Event) -> None:
        state = self.state
        match event:
            case Started():
                self.note("ExecutionStarted", input=self.run.identity.input)
                self.go_on()
            case Continued():
                self.go_on()
            case TaskSucceeded(command=command) if command > state["event"]:
                raise IllegalEvent(f"no command {command}")
            case TaskSucceeded(command=command, output=output) if state["task"] == command:
                self.note("TaskSucceeded", output=output)
                state["task"] = None
                if state["timer"]:
                    self.effects.append(CancelTimer(state["timer"]))
                    state["timer"] = None
                self.run.results.append(output)
                self.run.changed.add(0)
                self.go_on()
            case TaskFailed(command=command, error=error, cause=cause) if state["task"] == command:
                self.end("FAILED", error=error, cause=cause)
            case TaskRestarted(command=command) if state["task"] == command:
                self.note("TaskStarted")
            case TimerFired(timer=timer) if state["timer"] == timer:
                state["timer"] = None
                if state["task"] is not None:
                    self.effects.append(CancelTask(state["task"]))
                    state["task"] = None
                    self.end("TIMED_OUT")
                else:
                    self.note("WaitExited")
                    self.go_on()
            case StopRequested(error=error, cause=cause):
                self.end("ABORTED", error=error, cause=cause)

    def go_on(self) -> None:
        state = self.state
        arguments: list[Any]
        while state["at"] < len(self.program):
            instruction = self.program[state["at"]]
            state["at"] += 1
            name, *arguments = [instruction] if isinstance(instruction, str) else instruction
            number = self.note("Entered", name=name)
            if name == "raise":
                raise RuntimeError("a bug")
            if name == "unwritable":
                self.note("TooLarge", number=10**30)
                continue
            if name == "fail":
                return self.end("FAILED", error="Failed", cause="on purpose")
            if name == "continue":
                self.effects.append(Continue())
                return None
            if name == "wait":
                return self.timer(number, arguments[0])
            if name == "task":
                state["task"] = number
                self.effects.append(ScheduleTask(number, "script", f"s{number}", self.run.identity.input))
                if arguments:
                    self.timer(number, arguments[0])
                return None
        return self.end("SUCCEEDED", output=json.dumps(self.run.results))

    def timer(self, number: int, seconds: float) -> None:
        self.state["timer"] = f"t{number}"
        self.effects.append(StartTimer(f"t{number}", self.now + seconds))

    def end(self, status: str, output: str | None = None, error: str | None = None, cause: str | None = None) -> None:
        self.state["ended"] = True
        self.note("Execution" + status.title())
        self.effects.append(Finish(status, output, error, cause))


def step(program: list[Any], run: ScriptRun, event: Event, now: float, seed: int) -> Step:
    stepper = _Stepper(program, run, now)
    if not run.state["ended"]:
        stepper.take(event)
    return Step(stepper.effects, stepper.events)


def scripts() -> Language:
    return Language(lambda text, type_: json.loads(text), ScriptRun.new, ScriptRun.load, step)
