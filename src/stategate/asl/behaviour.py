"""What each type of state does once it is entered."""

from __future__ import annotations

from typing import Any

from stategate.asl import tasks
from stategate.asl.distributed import open_map_run
from stategate.asl.effects import StartTimer
from stategate.asl.failures import StateFailure, runtime_failure
from stategate.asl.frames import Sequence
from stategate.asl.nesting import (
    Failure,
    assignments,
    fail,
    filter_output,
    in_state,
    leave,
    made,
    open_map,
    open_parallel,
    placed,
    queried,
)
from stategate.asl.program import Choice, Fail, Map, Parallel, Pass, Rule, State, Succeed, Task, Wait, Working
from stategate.asl.scope import Scope
from stategate.asl.turn import UNTRUNCATED, Turn
from stategate.asl.value import Value


def advance(turn: Turn, frame_id: int) -> None:
    """Enters the state that the sequence is at, or starts its work again."""
    sequence = turn.run.sequence_or_none(frame_id)
    if sequence is None or sequence.phase not in ("enter", "work"):
        return
    state = turn.state(sequence)
    if sequence.phase == "enter":
        turn.came_from = sequence.last
        input = sequence.input.text
        turn.entered += len(input)
        details = {"name": state.name, "input": input, "inputDetails": UNTRUNCATED}
        sequence.last = turn.emit(sequence.last, f"{type(state).__name__}StateEntered", details)
        sequence.entered = sequence.last
        sequence.entered_at = turn.now
        sequence.phase = "work"
    turn.run.touch(frame_id)
    try:
        _perform(turn, frame_id, sequence, state)
    except StateFailure as failure:
        fail(turn, frame_id, sequence, in_state(sequence, failure))


def _perform(turn: Turn, frame_id: int, sequence: Sequence, state: State) -> None:
    match state:
        case Pass():
            _pass(turn, frame_id, sequence, state)
        case Task():
            _task(turn, frame_id, sequence, state)
        case Choice():
            _choice(turn, frame_id, sequence, state)
        case Wait():
            _wait(turn, frame_id, sequence, state)
        case Succeed():
            _pass_on(turn, frame_id, sequence, state)
        case Fail():
            _fail(turn, frame_id, sequence, state)
        case Parallel():
            open_parallel(turn, frame_id, sequence, state, _arguments(turn, sequence, state))
        case Map():
            _map(turn, frame_id, sequence, state)
        case _:
            raise AssertionError(state)


def _arguments(turn: Turn, sequence: Sequence, state: Pass | Working) -> Value:
    """The effective input after Parameters."""
    effective = turn.effective_input(sequence, state)
    if state.parameters is None:
        return effective
    return made(state.parameters(turn.scope(sequence, effective.json)))


def _pass(turn: Turn, frame_id: int, sequence: Sequence, state: Pass) -> None:
    if state.jsonata:
        _pass_on(turn, frame_id, sequence, state, state.next)
        return
    result = state.result or _arguments(turn, sequence, state)
    output = filter_output(turn, sequence, state, placed(state.result_path, sequence.input, result))
    leave(turn, frame_id, sequence, state.next, output, assignments(turn, sequence, state.assign, result))


def _pass_on(turn: Turn, frame_id: int, sequence: Sequence, state: State, next: str | None = None) -> None:
    """The output is the effective input."""
    if state.jsonata:
        leave(turn, frame_id, sequence, next, *queried(turn, sequence, state, sequence.input))
        return
    effective = turn.effective_input(sequence, state)
    output = filter_output(turn, sequence, state, effective)
    leave(turn, frame_id, sequence, next, output, assignments(turn, sequence, state.assign, effective))


def _choice(turn: Turn, frame_id: int, sequence: Sequence, state: Choice) -> None:
    effective = turn.effective_input(sequence, state)
    scope = turn.scope(sequence, effective.json)
    chosen: Rule | Choice
    for rule in state.rules:
        if rule.test(scope):
            next, chosen = rule.next, rule
            break
    else:
        if state.default is None:
            cause = "Failed to transition out of the state. The state does not point to a next state."
            fail(turn, frame_id, sequence, in_state(sequence, StateFailure("States.NoChoiceMatched", cause)))
            return
        next, chosen = state.default, state
    if state.jsonata:
        leave(turn, frame_id, sequence, next, *queried(turn, sequence, chosen, sequence.input))
        return
    output = filter_output(turn, sequence, state, effective)
    leave(turn, frame_id, sequence, next, output, assignments(turn, sequence, chosen.assign, effective))


def _wait(turn: Turn, frame_id: int, sequence: Sequence, state: Wait) -> None:
    scope = turn.scope(sequence, turn.effective_input(sequence, state).json)
    due = turn.now + state.seconds(scope) if state.seconds is not None else turn.now
    if state.until is not None:
        due = state.until(scope)
    if due <= turn.now:
        waited(turn, frame_id, sequence)
        return
    sequence.phase = "wait"
    turn.run.wait(frame_id, sequence, sequence.entered)
    turn.effects.append(StartTimer(f"wait:{sequence.entered}", due))


def waited(turn: Turn, frame_id: int, sequence: Sequence) -> None:
    """The time of a Wait state has come."""
    state = turn.state(sequence)
    try:
        _pass_on(turn, frame_id, sequence, state, state.next)
    except StateFailure as failure:
        fail(turn, frame_id, sequence, in_state(sequence, failure))


def _fail(turn: Turn, frame_id: int, sequence: Sequence, state: Fail) -> None:
    scope = turn.scope(sequence, sequence.input.json)
    error = None if state.error is None else _text(state.error(scope), "ErrorPath")
    cause = None if state.cause is None else _text(state.cause(scope), "CausePath")
    fail(turn, frame_id, sequence, Failure(error, cause, reported=True))


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise runtime_failure(f"The {field} field must refer to a string, but refers to {Value.of(value).text}.")
    return value


def _map(turn: Turn, frame_id: int, sequence: Sequence, state: Map) -> None:
    effective = turn.effective_input(sequence, state)
    scope = turn.scope(sequence, effective.json)
    items = _items(state, effective, scope)
    concurrency = 0 if state.concurrency is None else int(state.concurrency(scope))
    if concurrency < 0:
        raise runtime_failure(f"Expected non-negative integer for MaxConcurrency, but got {concurrency} instead.")
    if state.distributed is not None:
        open_map_run(turn, frame_id, sequence, state, effective, items, concurrency)
    else:
        open_map(turn, frame_id, sequence, state, effective, [Value.of(item) for item in items], concurrency)


def _items(state: Map, effective: Value, scope: Scope) -> Any:
    """An array; of a distributed Map an object as well, and None where an ItemReader reads them."""
    if state.distributed is not None and state.distributed.reader is not None:
        return None
    items = effective.json if state.items is None else state.items(scope)
    if not isinstance(items, list) and not (state.distributed is not None and isinstance(items, dict)):
        raise runtime_failure(f'Reference path "{state.items_path}" must point to array.')
    return items


# --- Task ------------------------------------------------------------------------------------------------------------


def _task(turn: Turn, frame_id: int, sequence: Sequence, state: Task) -> None:
    tasks.prepare(turn, sequence, state)
    effective = turn.effective_input(sequence, state)
    scope = turn.scope(sequence, effective.json)
    timeout = None if state.timeout is None else state.timeout(scope)
    heartbeat = None if state.heartbeat is None else state.heartbeat(scope)
    arguments = effective if state.parameters is None else made(state.parameters(scope))
    credentials = None if state.credentials is None else _text(state.credentials(scope), "RoleArn")
    tasks.schedule(turn, frame_id, sequence, state, arguments, timeout, heartbeat, credentials)
