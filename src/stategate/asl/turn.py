"""One step at work: what it has asked for and recorded so far, and the moves that every kind of state makes."""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stategate.asl.effects import CancelTask, CancelTimer, Effect, Finish, StopExecution
from stategate.asl.frames import Sequence
from stategate.asl.history import HistoryEvent
from stategate.asl.maprun import StopMapRun
from stategate.asl.program import Program, Resource, State, Task
from stategate.asl.run import Run
from stategate.asl.scope import NO_VARIABLES, Scope, Variables
from stategate.asl.value import Value
from stategate.lang.jsontext import JSON

if TYPE_CHECKING:
    from stategate.asl.nesting import Failure

PAYLOAD_LIMIT = 262_144
HISTORY_LIMIT = 25_000
EXECUTION_TIMER = "execution"

UNTRUNCATED = {"truncated": False}


Refusal = Callable[[Resource, Value], str | None]
"""Why a task can't be begun with these arguments (its activity is not there, say), None if it can: what a step may know
of the world besides its event."""


def no_refusal(resource: Resource, arguments: Value) -> str | None:
    return None


def map_item(index: int, value: JSON) -> JSON:
    """`$$.Map.Item` in a Map that is not distributed."""
    return {"Index": index, "Value": value}


class HistoryFull(Exception):
    """A Standard execution may have no further event but its last."""


class Turn:
    """`queue` holds the frames of the sequences that can go on; `came_from` is the event before that of the state
    entered last; `entered`: the characters of the inputs of all states entered."""

    __slots__ = ("came_from", "effects", "entered", "events", "now", "program", "queue", "refusal", "run", "seed")

    def __init__(self, program: Program, run: Run, now: float, seed: int, refusal: Refusal | None = None) -> None:
        self.refusal = refusal or no_refusal
        self.program = program
        self.run = run
        self.now = now
        self.seed = seed
        self.came_from = self.entered = 0
        self.effects: list[Effect] = []
        self.events: list[HistoryEvent] = []
        self.queue: deque[int] = deque(run.ready)
        run.forget_kept()

    def emit(self, previous: int, type: str, details: dict[str, Any] | None = None) -> int:
        run = self.run
        if run.last_event >= HISTORY_LIMIT - 1 and not run.identity.express:
            raise HistoryFull
        event_id = run.next_event()
        self.events.append(HistoryEvent(event_id, previous, self.now, type, details))
        return event_id

    def state(self, sequence: Sequence) -> State:
        return self.program.flows[sequence.flow].states[sequence.state]

    def failing(self, sequence: Sequence, failure: Failure) -> None:
        """A state is about to fail; nobody has tried it again or caught it yet. For `asl.inspection`."""

    # What a state's fields are evaluated against.

    def scope(self, sequence: Sequence, input: JSON, item: JSON | None = None) -> Scope:
        """`item` is `$$.Map.Item` when the Map state itself evaluates; inside an iteration it is found."""
        variables = self.variables(sequence) if self.program.variables else NO_VARIABLES
        seed = self.seed ^ (self.run.last_event << 20)
        return Scope(input, lambda: self.context(sequence, item), variables, seed, self.now)

    def variables(self, sequence: Sequence) -> Mapping[str, JSON]:
        chain = [sequence]
        while chain[-1].parent >= 0:
            chain.append(self.run.sequence(self.run.group(chain[-1].parent).parent))
        values = {name: value for owner in reversed(chain) for name, value in self.run.variables(owner).items()}
        return Variables(values)

    def context(self, sequence: Sequence, item: JSON | None = None) -> JSON:
        identity = self.run.identity
        state: dict[str, JSON] = {"Name": sequence.state, "EnteredTime": timestamp(sequence.entered_at)}
        if isinstance(self.state(sequence), Task):
            state["RetryCount"] = sequence.retries
        context: dict[str, JSON] = {
            "Execution": {
                "Id": identity.execution_arn,
                "Input": self.run.input.json,
                "StartTime": timestamp(identity.started),
                "Name": identity.execution_name,
                "RoleArn": identity.role_arn,
                "RedriveCount": self.run.redrives,
            },
            "StateMachine": {"Id": identity.machine_arn, "Name": identity.machine_name},
            "State": state,
        }
        if self.run.redrives:
            context["Execution"]["RedriveTime"] = timestamp(self.run.redriven)
        if sequence.token is not None:
            context["Task"] = {"Token": sequence.token}
        item = item or self.item(sequence)
        if item is not None:
            context["Map"] = {"Item": item}
        return context

    def item(self, sequence: Sequence) -> JSON | None:
        """`$$.Map.Item` of the innermost Map iteration that the sequence is in."""
        while sequence.parent >= 0:
            group = self.run.group(sequence.parent)
            if group.items >= 0:
                return map_item(sequence.index, self.run.items(group.items).items[sequence.index].json)
            sequence = self.run.sequence(group.parent)
        return None

    def effective_input(self, sequence: Sequence, state: State) -> Value:
        if state.input_path is None:
            return sequence.input
        return Value.of(state.input_path(self.scope(sequence, sequence.input.json)))

    # Putting an end to things.

    def stop_waiting(self, sequence: Sequence) -> None:
        """Nothing is pending any more for this sequence itself."""
        if not sequence.waits_for:
            return
        match sequence.phase:
            case "task":
                self.cancel_timers(sequence)
                self.effects.append(CancelTask(sequence.waits_for))
                if sequence.child is not None:
                    self.effects.append(StopExecution(sequence.child))
                sequence.submitted, sequence.child = False, None
            case "wait" | "retry" as phase:
                self.effects.append(CancelTimer(f"{phase}:{sequence.waits_for}"))
            case "maprun":
                self.effects.append(StopMapRun(sequence.waits_for))
            case "enter" | "work" | "children":
                raise AssertionError(sequence.phase)
        self.run.resume(sequence)

    def cancel_timers(self, sequence: Sequence, fired: str = "") -> None:
        """Of a task; without the one that fired."""
        if sequence.timed and fired != "timeout":
            self.effects.append(CancelTimer(f"timeout:{sequence.waits_for}"))
        if sequence.beating and fired != "heartbeat":
            self.effects.append(CancelTimer(f"heartbeat:{sequence.waits_for}"))
        sequence.timed = sequence.beating = False

    def drop_children(self, frame_id: int, because: int | None) -> None:
        """Ends a group with everything in it. `because`: the event that the Aborted events follow; None: no events."""
        group = self.run.group(frame_id)
        for index in list(group.active):
            self._drop(group.first + index, because)
        for index in range(group.started):
            self.run.remove(group.first + index)
        if group.items >= 0:
            self.run.remove(group.items)
        self.run.remove(frame_id)

    def _drop(self, frame_id: int, because: int | None) -> None:
        sequence = self.run.sequence(frame_id)
        self.stop_waiting(sequence)
        if sequence.children >= 0:
            self.drop_children(sequence.children, because)
        if because is not None:
            if sequence.phase != "enter":
                kind = type(self.state(sequence)).__name__
                if kind in ("Task", "Wait", "Parallel", "Map"):
                    self.emit(because, f"{kind}StateAborted")
            group = self.run.group(sequence.parent)
            if group.items >= 0:
                name = self.run.sequence(group.parent).state
                self.emit(because, "MapIterationAborted", {"name": name, "index": sequence.index})
        self.run.remove(frame_id)

    def finish(
        self, status: str, output: Value | None = None, error: str | None = None, cause: str | None = None
    ) -> None:
        """Ends the execution; its last event has been emitted. What is pending is cancelled without a trace."""
        if status != "SUCCEEDED":
            self.run.keep()
        for frame_id in list(self.run.waiting.values()):
            self.stop_waiting(self.run.sequence(frame_id))
        timed = self.program.timeout is not None or self.run.identity.express
        if timed and status != "TIMED_OUT":
            self.effects.append(CancelTimer(EXECUTION_TIMER))
        self.queue.clear()
        self.run.end(status)
        self.effects.append(Finish(status, None if output is None else output.text, error, cause))


def timestamp(seconds: float) -> str:
    """ISO 8601 with milliseconds, as in the context object."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
