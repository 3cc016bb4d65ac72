"""How states end, and what that means for what they are nested in: results and failures on their way outwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType
from typing import Any

from stategate.asl.effects import StartTimer
from stategate.asl.failures import (
    DATA_LIMIT_EXCEEDED,
    RUNTIME,
    EvaluationFailure,
    ResultTooLarge,
    StateFailure,
    reason,
)
from stategate.asl.frames import Group, Items, Output, Sequence
from stategate.asl.paths import Insertion, Selection, discard
from stategate.asl.program import Catcher, Map, Parallel, Retrier, Rule, State, Working
from stategate.asl.run import ROOT
from stategate.asl.turn import PAYLOAD_LIMIT, UNTRUNCATED, Turn, map_item
from stategate.asl.value import Value, array

TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
_NOT_TASK_FAILED = frozenset({TIMEOUT, HEARTBEAT_TIMEOUT, RUNTIME})
INLINE_MAP_CONCURRENCY = 40
NONE: Mapping[str, Value] = MappingProxyType({})
VARIABLES_LIMIT = 10_485_760
"""Bytes of all variables of a scope; those of one Assign have the limit of a payload."""
MAX_CAUSE = 32_768
"""Characters, as the API has it; an evaluation shows values of any size."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a state failed. `reported`: a task said so, the machine did not find it out itself. `alias` is another name
    under which retriers and catchers know the error. `location`: the field of an evaluation that the history does not
    show yet."""

    error: str | None
    cause: str | None
    reported: bool = False
    alias: str | None = None
    location: str | None = None

    def matches(self, names: tuple[str, ...]) -> bool:
        """States.Runtime of the machine's own matches no name: it "will always cause the execution to fail" [AWS's
        guide]."""
        if self.error == RUNTIME and not self.reported:
            return False
        for name in names:
            if name in (self.error, self.alias):
                return True
            if name == "States.ALL" and self.error != RUNTIME and (self.error != DATA_LIMIT_EXCEEDED or self.reported):
                return True
            if name == "States.TaskFailed" and self.error not in _NOT_TASK_FAILED:
                return True
        return False

    @property
    def output(self) -> Value:
        """What a catcher gets. A timeout has an empty Cause; a task may fail without any error or cause."""
        cause = "" if self.cause is None and self.error is not None else self.cause
        return Value.of({"Error": self.error, "Cause": cause})


def too_large(name: str, *, reported: bool = False) -> Failure:
    cause = (
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    return Failure(DATA_LIMIT_EXCEEDED, cause, reported)


def made(value: Any) -> Value:
    """What Parameters, Arguments or an ItemSelector give. Raises StateFailure States.DataLimitExceeded."""
    result = Value.of(value)
    if result.over(PAYLOAD_LIMIT):
        raise ResultTooLarge
    return result


def in_state(sequence: Sequence, failure: StateFailure) -> Failure:
    """A failure of the machine's own, with the place."""
    if isinstance(failure, ResultTooLarge):
        return too_large(sequence.state)
    place = f"'{sequence.state}' (entered at the event id #{sequence.entered})"
    location = failure.location if isinstance(failure, EvaluationFailure) else None
    cause = f"An error occurred while executing the state {place}. {failure.cause}"
    return Failure(failure.error, cause[:MAX_CAUSE], location=location)


# --- success ---------------------------------------------------------------------------------------------------------


def conclude(turn: Turn, frame_id: int, sequence: Sequence, state: Working, result: Value) -> None:
    """The work of a Task, Parallel or Map is done: result -> output -> next state."""
    try:
        if state.jsonata:
            output, assigned = queried(turn, sequence, state, result, {"result": result})
        else:
            output = _output_of(turn, sequence, state, result)
            assigned = assignments(turn, sequence, state.assign, result)
    except StateFailure as failure:
        fail(turn, frame_id, sequence, in_state(sequence, failure), worked=True)
        return
    leave(turn, frame_id, sequence, state.next, output, assigned)


def _output_of(turn: Turn, sequence: Sequence, state: Working, result: Value) -> Value:
    if state.result_selector is not None:
        result = Value.of(state.result_selector(turn.scope(sequence, result.json)))
    return filter_output(turn, sequence, state, placed(state.result_path, sequence.input, result))


def placed(result_path: Insertion | None, input: Value, result: Value) -> Value:
    """What ResultPath makes of the raw input and the result, which may be large and is parsed only where it must be."""
    if result_path is None:
        return result
    return Value.of(input.json if result_path is discard else result_path(input.json, result.json))


def filter_output(turn: Turn, sequence: Sequence, state: State, output: Value) -> Value:
    if state.output_path is None:
        return output
    return Value.of(state.output_path(turn.scope(sequence, output.json)))


def assignments(turn: Turn, sequence: Sequence, assign: Selection | None, source: Value) -> dict[str, Value]:
    """The new variables; `source` is `$` in Assign: the result of the state's work, or its effective input."""
    if assign is None:
        return {}
    values = assign(turn.scope(sequence, source.json))
    return {name: Value.of(value) for name, value in values.items()}


def queried(
    turn: Turn, sequence: Sequence, by: State | Rule | Catcher, default: Value, members: Mapping[str, Value] = NONE
) -> tuple[Value, dict[str, Value]]:
    """In JSONata: what the Output gives, or `default` without one, and the new variables. Both see the values that the
    state was entered with. `members`: what `$states` has besides `input` and `context`."""
    if by.assign is None and by.output is None:
        return default, {}
    scope = turn.scope(sequence, sequence.input.json)
    scope = scope.telling({name: value.json for name, value in members.items()})
    assigned = {} if by.assign is None else by.assign(scope)
    output = default if by.output is None else Value.of(by.output(scope))
    return output, {name: Value.of(value) for name, value in assigned.items()}


def leave(
    turn: Turn,
    frame_id: int,
    sequence: Sequence,
    next: str | None,
    output: Value,
    assigned: dict[str, Value],
    *,
    caught: bool = False,
) -> None:
    """The state is left with this output, for `next` or, without one, with the sequence. `caught`: by a Catch."""
    variables = {**turn.run.variables(sequence), **assigned} if assigned else {}
    if output.over(PAYLOAD_LIMIT) or _too_many(assigned, PAYLOAD_LIMIT) or _too_many(variables, VARIABLES_LIMIT):
        fail(turn, frame_id, sequence, too_large(sequence.state), final=caught)
        return
    kind = type(turn.state(sequence)).__name__
    details: dict[str, Any] = {"name": sequence.state, "output": output.text, "outputDetails": UNTRUNCATED}
    if assigned:
        details["assignedVariables"] = {name: value.text for name, value in assigned.items()}
        details["assignedVariablesDetails"] = UNTRUNCATED
        turn.run.assign(sequence, variables)
    sequence.last = turn.emit(sequence.last, f"{kind}StateExited", details)
    if next is None:
        _end(turn, frame_id, sequence, output)
        return
    sequence.state = next
    sequence.input = output
    sequence.phase = "enter"
    sequence.attempts = {}
    sequence.retries = 0
    sequence.token = None
    turn.run.touch(frame_id)
    turn.queue.append(frame_id)


def _too_many(variables: dict[str, Value], limit: int) -> bool:
    return sum(len(value.text.encode("utf-8", "surrogatepass")) for value in variables.values()) > limit


def _end(turn: Turn, frame_id: int, sequence: Sequence, output: Value) -> None:
    if frame_id == ROOT:
        turn.emit(sequence.last, "ExecutionSucceeded", {"output": output.text, "outputDetails": UNTRUNCATED})
        turn.finish("SUCCEEDED", output)
        return
    group = turn.run.group(sequence.parent)
    turn.run.replace(frame_id, Output(output))
    group.active.remove(sequence.index)
    group.done += 1
    turn.run.touch(sequence.parent)
    last = sequence.last
    if group.items >= 0:
        name = turn.run.sequence(group.parent).state
        last = turn.emit(last, "MapIterationSucceeded", {"name": name, "index": sequence.index})
    if group.done == group.length:
        _close(turn, sequence.parent, group, last)
    elif group.started < group.length:
        _start_iterations(turn, sequence.parent, group, sequence.last)


# --- failure ---------------------------------------------------------------------------------------------------------


def fail(
    turn: Turn,
    frame_id: int,
    sequence: Sequence,
    failure: Failure,
    *,
    children: bool = False,
    worked: bool = False,
    final: bool = False,
) -> None:
    """The state fails; `sequence.last` is the event that says why. It is tried again, or caught, or what it is nested
    in fails. `children`: because of a branch or iteration. `worked`: its work was done. `final`: there is no way to go
    on."""
    turn.failing(sequence, failure)
    state = turn.state(sequence)
    if failure.location is not None:
        failure = _record_evaluation(turn, sequence, state, failure)
        children = children or (isinstance(state, Map | Parallel) and not worked and not final)
    working = state if isinstance(state, Working) and not final else None
    if frame_id != ROOT and _is_final(turn, frame_id, sequence, failure, final=final):
        turn.run.keep()
    if working is not None and _retry(turn, frame_id, sequence, working, failure):
        return
    if children:
        kind = "Map" if isinstance(state, Map) else "Parallel"
        sequence.last = turn.emit(sequence.last, f"{kind}StateFailed")
    if working is not None:
        for catcher in working.catch:
            if failure.matches(catcher.errors):
                _catch(turn, frame_id, sequence, catcher, failure)
                return
    if frame_id != ROOT:
        _fail_group(turn, sequence, failure)
        return
    turn.emit(sequence.last, "ExecutionFailed", reason(failure.error, failure.cause))
    turn.finish("FAILED", error=failure.error, cause=failure.cause)


def _is_final(turn: Turn, frame_id: int, sequence: Sequence, failure: Failure, *, final: bool) -> bool:
    """Whether nothing around the state will handle this failure, so that it ends the execution."""
    while True:
        state = turn.state(sequence)
        if isinstance(state, Working) and not final and _handles(sequence, state, failure):
            return False
        if frame_id == ROOT:
            return True
        final = False
        frame_id = turn.run.group(sequence.parent).parent
        sequence = turn.run.sequence(frame_id)


def _handles(sequence: Sequence, state: Working, failure: Failure) -> bool:
    for number, retrier in enumerate(state.retry):
        if failure.matches(retrier.errors):
            if sequence.attempts.get(number, 0) < retrier.attempts:
                return True
            break
    return any(failure.matches(catcher.errors) for catcher in state.catch)


def _record_evaluation(turn: Turn, sequence: Sequence, state: State, failure: Failure) -> Failure:
    details = {"error": failure.error, "cause": failure.cause, "location": failure.location, "state": sequence.state}
    previous = sequence.last
    if isinstance(state, Map) and previous == sequence.entered:
        # So recorded: AWS evaluates what a Map iterates over before it counts the state as entered.
        previous = turn.came_from
    sequence.last = turn.emit(previous, "EvaluationFailed", details)
    return replace(failure, location=None)


def _retry(turn: Turn, frame_id: int, sequence: Sequence, state: Working, failure: Failure) -> bool:
    for number, retrier in enumerate(state.retry):
        if not failure.matches(retrier.errors):
            continue
        attempt = sequence.attempts.get(number, 0)
        if attempt >= retrier.attempts:
            return False
        sequence.attempts = {**sequence.attempts, number: attempt + 1}
        sequence.retries += 1
        sequence.phase = "retry"
        turn.run.wait(frame_id, sequence, sequence.last)
        turn.run.touch(frame_id)
        delay = retry_delay(retrier, attempt, turn.seed ^ sequence.last)
        turn.effects.append(StartTimer(f"retry:{sequence.last}", turn.now + delay))
        return True
    return False


def retry_delay(retrier: Retrier, attempt: int, seed: int) -> float:
    """Seconds before the attempt after `attempt` (from 0) retries."""
    try:
        delay = retrier.interval * retrier.backoff**attempt
    except OverflowError:
        delay = 99_999_999.0
    delay = min(delay, 99_999_999.0 if retrier.max_delay is None else retrier.max_delay)
    return Random(seed).uniform(0, delay) if retrier.jitter else delay


def _catch(turn: Turn, frame_id: int, sequence: Sequence, catcher: Catcher, failure: Failure) -> None:
    output = failure.output
    try:
        if turn.state(sequence).jsonata:
            output, assigned = queried(turn, sequence, catcher, output, {"errorOutput": output})
            leave(turn, frame_id, sequence, catcher.next, output, assigned, caught=True)
            return
        assigned = assignments(turn, sequence, catcher.assign, output)
        output = placed(catcher.result_path, sequence.input, output)
    except StateFailure as why:
        fail(turn, frame_id, sequence, in_state(sequence, why), final=True)
        return
    leave(turn, frame_id, sequence, catcher.next, output, assigned, caught=True)


def _fail_group(turn: Turn, child: Sequence, failure: Failure) -> None:
    """A branch or iteration failed: its siblings are stopped, and the Parallel or Map fails."""
    group = turn.run.group(child.parent)
    owner = turn.run.sequence(group.parent)
    because = child.last
    if group.items >= 0:
        turn.emit(because, "MapIterationFailed", {"name": owner.state, "index": child.index})
    group.active.remove(child.index)
    turn.drop_children(child.parent, because)
    owner.children = -1
    owner.last = because
    turn.run.touch(group.parent)
    fail(turn, group.parent, owner, failure, children=True)


# --- Parallel and Map ------------------------------------------------------------------------------------------------


def open_parallel(turn: Turn, frame_id: int, sequence: Sequence, state: Parallel, input: Value) -> None:
    run = turn.run
    opened = sequence.last = turn.emit(sequence.last, "ParallelStateStarted")
    count = len(state.branches)
    group_id = run.reserve(count + 1)
    group = Group(frame_id, opened, group_id + 1, count, count, started=count, active=list(range(count)))
    run.put(group_id, group)
    for index, flow in enumerate(state.branches):
        start = turn.program.flows[flow].start
        run.put(group.first + index, Sequence(flow, start, input, opened, parent=group_id, index=index))
        turn.queue.append(group.first + index)
    _wait_for(turn, frame_id, sequence, group_id)


def open_map(
    turn: Turn, frame_id: int, sequence: Sequence, state: Map, input: Value, items: list[Value], concurrency: int
) -> None:
    """`concurrency` 0: as much as an inline Map may have."""
    run = turn.run
    opened = sequence.last = turn.emit(sequence.last, "MapStateStarted", {"length": len(items)})
    if not items:
        turn.emit(opened, "MapStateSucceeded")
        conclude(turn, frame_id, sequence, state, Value("[]"))
        return
    group_id = run.reserve(len(items) + 2)
    limit = min(concurrency or INLINE_MAP_CONCURRENCY, INLINE_MAP_CONCURRENCY)
    group = Group(frame_id, opened, group_id + 2, len(items), limit, items=group_id + 1)
    run.put(group_id, group)
    run.put(group_id + 1, Items(input, items))
    _wait_for(turn, frame_id, sequence, group_id)
    _start_iterations(turn, group_id, group, opened)


def _wait_for(turn: Turn, frame_id: int, sequence: Sequence, group_id: int) -> None:
    sequence.children = group_id
    sequence.phase = "children"
    turn.run.touch(frame_id)


def _start_iterations(turn: Turn, group_id: int, group: Group, previous: int) -> None:
    """Starts as many iterations as may run, after the event `previous`."""
    run = turn.run
    owner = run.sequence(group.parent)
    state = turn.state(owner)
    assert isinstance(state, Map)
    start = turn.program.flows[state.flow].start
    items = run.items(group.items)
    run.touch(group_id)
    while len(group.active) < group.limit and group.started < group.length:
        index = group.started
        began = turn.emit(previous, "MapIterationStarted", {"name": owner.state, "index": index})
        input = items.items[index]
        if state.parameters is not None:
            try:
                input = made(state.parameters(turn.scope(owner, items.input.json, map_item(index, input.json))))
            except StateFailure as failure:
                _abandon(turn, group_id, group, owner, began, in_state(owner, failure))
                return
        group.started += 1
        group.active.append(index)
        frame_id = group.first + index
        run.put(frame_id, Sequence(state.flow, start, input, began, parent=group_id, index=index))
        turn.queue.append(frame_id)


def _abandon(turn: Turn, group_id: int, group: Group, owner: Sequence, because: int, failure: Failure) -> None:
    """An item could not be made: the Map state itself fails, with all that runs in it."""
    turn.drop_children(group_id, because)
    owner.children = -1
    owner.last = because
    turn.run.touch(group.parent)
    fail(turn, group.parent, owner, failure)


def _close(turn: Turn, group_id: int, group: Group, last: int) -> None:
    """Every branch or iteration has ended; `last` is the last event of the branch that was last, or of the Map."""
    run = turn.run
    owner = run.sequence(group.parent)
    state = turn.state(owner)
    assert isinstance(state, Parallel | Map)
    result = array([run.output(group.first + index).value for index in range(group.length)])
    turn.drop_children(group_id, None)
    owner.children = -1
    owner.last = last
    turn.emit(last, f"{type(state).__name__}StateSucceeded")
    run.touch(group.parent)
    conclude(turn, group.parent, owner, state, result)
