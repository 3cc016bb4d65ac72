"""The machine: what an event does to a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

from stategate.asl import behaviour, tasks
from stategate.asl.distributed import map_run_ended
from stategate.asl.effects import Continue, Effect, StartTimer
from stategate.asl.events import (
    ActivityStarted,
    Continued,
    Event,
    ExecutionEnded,
    Redriven,
    Started,
    StopRequested,
    TaskFailed,
    TaskHeartbeat,
    TaskRestarted,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from stategate.asl.failures import RUNTIME, reason
from stategate.asl.frames import Sequence
from stategate.asl.history import HistoryEvent
from stategate.asl.maprun import MapRunEnded
from stategate.asl.nesting import HEARTBEAT_TIMEOUT, TIMEOUT, Failure, fail
from stategate.asl.program import Program, Task
from stategate.asl.redrive import redrive
from stategate.asl.run import ROOT, Run
from stategate.asl.turn import EXECUTION_TIMER, HISTORY_LIMIT, UNTRUNCATED, HistoryFull, Refusal, Turn
from stategate.asl.value import Value

EXPRESS_SECONDS = 300
EVENTS_PER_STEP = 1000
INPUTS_PER_STEP = 2 * 1024 * 1024
"""Characters."""


class IllegalEvent(Exception):
    """An event that can't be: a command that was never issued, or an event before the start."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step asks for, and what it adds to the history."""

    effects: list[Effect] = field(default_factory=list)
    events: list[HistoryEvent] = field(default_factory=list)


def step(
    program: Program,
    run: Run,
    event: Event,
    now: float,
    seed: int,
    refusal: Refusal | None = None,
    enough: Callable[[], bool] | None = None,
) -> Step:
    """Bring `event` to `run`, which is updated in place. `now` in epoch seconds; `seed` feeds jitter and States.UUID.
    `enough` is asked before each state: whether the step should end here, to go on with `Continued`.

    A workflow's failure is a value (an effect `Finish`); only an event that can't be raises (`IllegalEvent`), and then
    the run is as it was. An event that comes again, too late, or for a run that has ended changes nothing.
    """
    if not run.started and not isinstance(event, Started):
        raise IllegalEvent(f"{type(event).__name__} before the start")
    turn = Turn(program, run, now, seed, refusal)
    if run.status == "RUNNING":
        try:
            _apply(turn, event)
            _go_on(turn, enough)
        except HistoryFull:
            _end_of_history(turn)
    elif isinstance(event, Redriven):
        try:
            redrive(turn)
            _go_on(turn, enough)
        except HistoryFull:
            _end_of_history(turn)
    return Step(turn.effects, turn.events)


def _apply(turn: Turn, event: Event) -> None:
    match event:
        case Started():
            _start(turn)
        case TaskSucceeded():
            _task_succeeded(turn, event)
        case TaskFailed():
            _task_failed(turn, event)
        case TaskRestarted():
            _task_restarted(turn, event)
        case TaskSubmitted() | ActivityStarted() | TaskHeartbeat() | ExecutionEnded():
            _task_goes_on(turn, event)
        case TimerFired():
            _timer_fired(turn, event.timer)
        case StopRequested():
            turn.emit(0, "ExecutionAborted", reason(event.error, event.cause))
            turn.finish("ABORTED", error=event.error, cause=event.cause)
        case MapRunEnded():
            map_run_ended(turn, event)
        case Continued() | Redriven():
            pass
        case _:
            assert_never(event)


def apply(turn: Turn, event: Event) -> None:
    """What the event does at once, without what follows from it. For `asl.inspection`."""
    _apply(turn, event)


def _go_on(turn: Turn, enough: Callable[[], bool] | None) -> None:
    """Moves every sequence that can move, one state each in turn, for as long as one step may take. Whenever something
    is left, the step says so: an engine need only remember what the last step said."""
    run = turn.run
    while turn.queue:
        much = len(turn.events) >= EVENTS_PER_STEP or turn.entered >= INPUTS_PER_STEP
        if much or (enough is not None and enough()):
            turn.effects.append(Continue())
            break
        behaviour.advance(turn, turn.queue.popleft())
    run.ready = list(turn.queue)


def _start(turn: Turn) -> None:
    run, program = turn.run, turn.program
    if run.started:
        return
    identity = run.identity
    details = {"input": identity.input, "inputDetails": UNTRUNCATED, "roleArn": identity.role_arn}
    qualified = {"stateMachineAliasArn": identity.alias_arn, "stateMachineVersionArn": identity.version_arn}
    details |= {member: arn for member, arn in qualified.items() if arn is not None}
    turn.emit(0, "ExecutionStarted", details)
    frame_id = run.reserve()
    run.put(frame_id, Sequence(0, program.flows[0].start, run.input, 0))
    turn.queue.append(frame_id)
    timeout = program.timeout
    if identity.express:
        timeout = EXPRESS_SECONDS if timeout is None else min(timeout, EXPRESS_SECONDS)
    if timeout is not None:
        turn.effects.append(StartTimer(EXECUTION_TIMER, identity.started + timeout))


def _waiting_task(turn: Turn, command: int) -> tuple[int, Sequence, Task] | None:
    """The task that waits for the answer to this command, if it still does."""
    if not 0 < command <= turn.run.last_event:
        raise IllegalEvent(f"command {command} was never issued")
    frame_id = turn.run.waiting.get(command)
    if frame_id is None:
        return None
    sequence = turn.run.sequence(frame_id)
    if sequence.phase != "task":
        return None
    state = turn.state(sequence)
    assert isinstance(state, Task)
    return frame_id, sequence, state


def _task_succeeded(turn: Turn, event: TaskSucceeded) -> None:
    waiting = _waiting_task(turn, event.command)
    if waiting is None:
        return
    frame_id, sequence, state = waiting
    turn.run.touch(frame_id)
    tasks.succeeded(turn, frame_id, sequence, state, Value(event.output))


def _task_failed(turn: Turn, event: TaskFailed) -> None:
    waiting = _waiting_task(turn, event.command)
    if waiting is None:
        return
    frame_id, sequence, state = waiting
    turn.run.touch(frame_id)
    tasks.failed(turn, frame_id, sequence, state, event)


def _task_goes_on(turn: Turn, event: TaskSubmitted | ActivityStarted | TaskHeartbeat | ExecutionEnded) -> None:
    waiting = _waiting_task(turn, event.command)
    if waiting is None:
        return
    frame_id, sequence, state = waiting
    if not tasks.expects(sequence, state, event):
        return
    turn.run.touch(frame_id)
    match event:
        case TaskSubmitted():
            tasks.submitted(turn, frame_id, sequence, state, event)
        case ActivityStarted():
            tasks.taken(turn, sequence, event)
        case TaskHeartbeat():
            tasks.await_heartbeat(turn, sequence)
        case ExecutionEnded():
            tasks.child_ended(turn, frame_id, sequence, state, event)


def _task_restarted(turn: Turn, event: TaskRestarted) -> None:
    waiting = _waiting_task(turn, event.command)
    if waiting is not None:
        frame_id, sequence, state = waiting
        turn.run.touch(frame_id)
        tasks.record_started(turn, sequence, state)


def _timer_fired(turn: Turn, timer: str) -> None:
    if timer == EXECUTION_TIMER:
        turn.emit(0, "ExecutionTimedOut", {})
        turn.finish("TIMED_OUT")
        return
    kind, _, number = timer.partition(":")
    if kind not in ("timeout", "heartbeat", "wait", "retry") or not number.isdecimal():
        raise IllegalEvent(f"timer {timer} was never started")
    frame_id = turn.run.waiting.get(int(number))
    if frame_id is None:
        return
    sequence = turn.run.sequence(frame_id)
    phase = "task" if kind in ("timeout", "heartbeat") else kind
    if sequence.phase != phase:
        return
    turn.run.touch(frame_id)
    match kind:
        case "timeout" | "heartbeat":
            _task_timed_out(turn, frame_id, sequence, kind)
        case "wait":
            turn.run.resume(sequence)
            behaviour.waited(turn, frame_id, sequence)
        case _:
            turn.run.resume(sequence)
            sequence.phase = "work"
            turn.queue.append(frame_id)


def _task_timed_out(turn: Turn, frame_id: int, sequence: Sequence, kind: str) -> None:
    state = turn.state(sequence)
    assert isinstance(state, Task)
    turn.cancel_timers(sequence, fired=kind)
    turn.stop_waiting(sequence)
    tasks.record_ended(turn, sequence, state, "TimedOut", {"error": TIMEOUT})
    alias = HEARTBEAT_TIMEOUT if kind == "heartbeat" else None
    fail(turn, frame_id, sequence, Failure(TIMEOUT, None, reported=True, alias=alias))


def _end_of_history(turn: Turn) -> None:
    """The last event that an execution may have says that it was the last."""
    run = turn.run
    cause = f"The execution reached the maximum number of history events ({HISTORY_LIMIT})."
    root = run.sequence_or_none(ROOT)
    previous = root.last if root is not None else run.last_event
    turn.events.append(HistoryEvent(run.next_event(), previous, turn.now, "ExecutionFailed", reason(RUNTIME, cause)))
    turn.finish("FAILED", error=RUNTIME, cause=cause)
