"""Map states in DISTRIBUTED mode: the map run that they start, and what its end means for them.

Each item (or batch) becomes an execution of its own, which others run (`runtime.engine.mapruns`): here are only the
effect that starts them all and the event that ends them. Order of events and texts as recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stategate.asl.distributed_fields import Batcher, Distributed, Writer
from stategate.asl.failures import RUNTIME, StateFailure, reason, runtime_failure
from stategate.asl.frames import Sequence
from stategate.asl.item_readers import MAX_ITEMS, Reader
from stategate.asl.maprun import Batching, Item, ItemSource, MapRunEnded, RedriveMapRun, ResultTarget, StartMapRun
from stategate.asl.nesting import Failure, conclude, fail
from stategate.asl.program import Map, Program
from stategate.asl.scope import Scope
from stategate.asl.turn import PAYLOAD_LIMIT, Turn
from stategate.asl.value import Value
from stategate.lang import jsontext
from stategate.lang.jsontext import JSON

ITEM_READER_FAILED = "States.ItemReaderFailed"
RESULT_WRITER_FAILED = "States.ResultWriterFailed"
EXCEEDED = "States.ExceedToleratedFailureThreshold"
EXCEEDED_CAUSE = "The specified tolerated failure threshold was exceeded"


def open_map_run(
    turn: Turn, frame_id: int, sequence: Sequence, state: Map, input: Value, items: JSON, concurrency: int
) -> None:
    """`items` is an array or object, or None: the ItemReader reads them. Raises StateFailure."""
    distributed = state.distributed
    assert distributed is not None
    scope = turn.scope(sequence, input.json)
    source = None if distributed.reader is None else _source(distributed.reader, scope)
    opened = sequence.last = turn.emit(sequence.last, "MapStateStarted", {"length": 0 if items is None else len(items)})
    count, percentage = tolerances(state, scope)
    batching = None if distributed.batcher is None else _batching(distributed.batcher, scope)
    target = None if distributed.writer is None else _target(distributed.writer, scope)
    arn = _map_run_arn(turn, distributed)
    command = sequence.last = turn.emit(opened, "MapRunStarted", {"mapRunArn": arn})
    effect = StartMapRun(
        command,
        arn,
        distributed.label,
        state.name,
        distributed.definition,
        distributed.type,
        concurrency,
        count,
        percentage,
        None if items is None else jsontext.dumps(items),
        source,
        batching,
        target,
        entered=sequence.entered,
    )
    if state.parameters is not None:
        effect = replace(
            effect,
            selects=True,
            input=input.text,
            context=jsontext.dumps(turn.context(sequence)),
            variables=jsontext.dumps(dict(turn.variables(sequence)) if turn.program.variables else {}),
        )
    _wait(turn, frame_id, sequence, arn, command)
    turn.effects.append(effect)


def _wait(turn: Turn, frame_id: int, sequence: Sequence, arn: str, command: int) -> None:
    sequence.map_run = arn
    sequence.phase = "maprun"
    turn.run.wait(frame_id, sequence, command)
    turn.run.touch(frame_id)


def tolerances(state: Map, scope: Scope) -> tuple[int | None, float | None]:
    """ToleratedFailureCount and ToleratedFailurePercentage. Raises StateFailure."""
    count = None if state.tolerated_count is None else int(state.tolerated_count(scope))
    if count is not None and count < 0:
        raise runtime_failure("ToleratedFailureCount cannot be negative.")
    percentage = None if state.tolerated_percentage is None else state.tolerated_percentage(scope)
    if percentage is not None and not 0 <= percentage <= 100:
        raise runtime_failure("ToleratedFailurePercentage must be between 0 and 100.")
    return count, None if percentage is None else float(percentage)


def exceeded(failed: int, total: int, count: int | None, percentage: float | None) -> bool:
    """Whether more items failed than may. Without limits, none may; with both, neither may be exceeded."""
    if count is None and percentage is None:
        return failed > 0
    return (count is not None and failed > count) or (percentage is not None and failed * 100 > percentage * total)


def _source(reader: Reader, scope: Scope) -> ItemSource:
    limit = None if reader.max_items is None else min(int(reader.max_items(scope)), MAX_ITEMS)
    return ItemSource(
        reader.action,
        Value.of(reader.arguments(scope)).text,
        reader.input_type,
        reader.first_row,
        reader.headers,
        reader.delimiter,
        reader.pointer,
        limit,
        reader.manifest,
        reader.flatten,
    )


def _batching(batcher: Batcher, scope: Scope) -> Batching:
    items = None if batcher.max_items is None else int(batcher.max_items(scope))
    size = None if batcher.max_bytes is None else int(batcher.max_bytes(scope))
    for name, number in (("MaxItemsPerBatch", items), ("MaxInputBytesPerBatch", size)):
        if number is not None and number < 1:
            raise runtime_failure(f"{name} must be positive.")
    given = None if batcher.input is None else Value.of(batcher.input(scope)).text
    return Batching(items, None if size is None else min(size, PAYLOAD_LIMIT), given)


def _target(writer: Writer, scope: Scope) -> ResultTarget:
    arguments = None if writer.arguments is None else Value.of(writer.arguments(scope)).text
    return ResultTarget(arguments, writer.output_type, writer.transformation)


def _map_run_arn(turn: Turn, distributed: Distributed) -> str:
    identity = turn.run.identity
    prefix, _, name = identity.machine_arn.rpartition(":stateMachine:")
    machine = name.partition("/")[0].partition(":")[0]
    seed = f"{turn.seed}\0{identity.execution_arn}\0{turn.run.last_event}"
    return f"{prefix}:mapRun:{machine}/{distributed.label}:{made_uuid(seed)}"


def made_uuid(seed: str) -> str:
    """A UUID (version 4 by its looks) that is the same for the same seed."""
    digits = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


# --- the end ----------------------------------------------------------------------------------------------------


def map_run_ended(turn: Turn, event: MapRunEnded) -> None:
    """An end that comes too late, or again, changes nothing."""
    frame_id = turn.run.waiting.get(event.command)
    if frame_id is None:
        return
    sequence = turn.run.sequence(frame_id)
    if sequence.phase != "maprun":
        return
    state = turn.state(sequence)
    assert isinstance(state, Map)
    turn.run.touch(frame_id)
    turn.run.resume(sequence)
    if event.output is None:
        failure = Failure(event.error or RUNTIME, event.cause)
        sequence.last = turn.emit(sequence.last, "MapRunFailed", reason(failure.error, failure.cause))
        fail(turn, frame_id, sequence, failure, children=True)
        return
    began = sequence.last
    turn.emit(turn.emit(began, "MapRunSucceeded"), "MapStateSucceeded")
    conclude(turn, frame_id, sequence, state, Value(event.output))


def redrive_map_run(turn: Turn, frame_id: int, sequence: Sequence) -> None:
    """The map run goes on; `sequence.last` is the event that says that the execution does."""
    arn = sequence.map_run
    assert arn is not None
    count = turn.run.redrives
    details = {"mapRunArn": arn, "redriveCount": count}
    command = sequence.last = turn.emit(sequence.last, "MapRunRedriven", details)
    _wait(turn, frame_id, sequence, arn, command)
    turn.effects.append(RedriveMapRun(command, arn))


# --- the items, for whoever runs them ---------------------------------------------------------------------------


def item_selector(program: Program, start: StartMapRun, seed: int) -> Callable[[int, Item], Value] | None:
    """Makes the input of a child out of an item and its index, with the state's ItemSelector; None without one.
    The function raises StateFailure with the whole cause."""
    state = next((flow.states[start.state_name] for flow in program.flows if start.state_name in flow.states), None)
    assert isinstance(state, Map)
    selector = state.parameters
    if selector is None:
        return None
    input, context = jsontext.loads(start.input), jsontext.loads(start.context)
    variables: dict[str, Any] = jsontext.loads(start.variables)
    place = f"'{start.state_name}' (entered at the event id #{start.entered})"

    def select(index: int, item: Item) -> Value:
        scope = Scope(input, {**context, "Map": {"Item": item.context(index)}}, variables, seed + index)
        try:
            return Value.of(selector(scope))
        except StateFailure as failure:
            cause = f"An error occurred while executing the state {place}. {failure.cause}"
            raise StateFailure(failure.error, cause) from None

    return select
