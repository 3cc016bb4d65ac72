"""Map states in DISTRIBUTED mode, in the machine: what they ask for, and what the end of the map run does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asl.driver import execute, flow, identity
from stategate.asl.distributed import exceeded, made_uuid
from stategate.asl.events import Started, TimerFired
from stategate.asl.machine import Step, step
from stategate.asl.maprun import Batching, ItemSource, MapRunEnded, ResultTarget, StartMapRun, StopMapRun, items_of
from stategate.asl.problems import InvalidDefinition
from stategate.asl.program import compile
from stategate.asl.run import Run
from stategate.runtime.engine.batches import Batches

PASS: dict[str, Any] = {"Type": "Pass", "End": True}
CHILD = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "P", "States": {"P": PASS}}
EXCEEDED = "States.ExceedToleratedFailureThreshold"


def mapping(**fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": CHILD, **fields}


def begun(definition: dict[str, Any], input: Any) -> tuple[Run, Step, Any]:
    program = compile(json.dumps(definition))
    run = Run.new(identity(json.dumps(input)))
    return run, step(program, run, Started(), 10.0, 7), program


def asked(**fields: Any) -> StartMapRun:
    _, outcome, _ = begun(flow(M=mapping(**fields)), {"Items": [1, {"a": 2}], "n": 3, "Bucket": "b"})
    (effect,) = outcome.effects
    assert isinstance(effect, StartMapRun)
    return effect


def test_what_is_asked_for() -> None:
    effect = asked(
        ItemsPath="$.Items",
        Label="L",
        MaxConcurrencyPath="$.n",
        ToleratedFailureCountPath="$.n",
        ToleratedFailurePercentage=12.5,
        ItemBatcher={"MaxItemsPerBatchPath": "$.n", "MaxInputBytesPerBatch": 1000, "BatchInput": {"x.$": "$.n"}},
        ResultWriter={"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket.$": "$.Bucket"}},
    )
    assert (effect.items, effect.label, effect.concurrency) == ('[1,{"a":2}]', "L", 3)
    assert (effect.tolerated_count, effect.tolerated_percentage) == (3, 12.5)
    assert effect.batching == Batching(3, 1000, '{"x":3}')
    assert effect.target == ResultTarget('{"Bucket":"b"}')
    assert effect.definition == '{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}'
    assert effect.map_run.startswith("arn:aws:states:us-east-1:000000000000:mapRun:machine/L:")


def test_a_reader() -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {
            "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "CSVDelimiter": "PIPE",
            "MaxItemsPath": "$.n",
        },
        "Parameters": {"Bucket.$": "$.Bucket", "Key": "k"},
    }  # fmt: skip
    effect = asked(ItemReader=reader)
    assert effect.items is None
    assert effect.source == ItemSource(
        "getObject", '{"Key":"k","Bucket":"b"}', "CSV", first_row=False, headers=("a",), delimiter="|", max_items=3
    )


def test_jsonata() -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON", "MaxItems": "{% $states.input.n %}"},
        "Arguments": {"Bucket": "{% $states.input.Bucket %}", "Key": "k"},
    }
    effect = asked(QueryLanguage="JSONata", ItemReader=reader, ItemSelector={"v": "{% $states.input.n %}"})
    assert effect.source == ItemSource("getObject", '{"Bucket":"b","Key":"k"}', "JSON", first_row=False, max_items=3)
    assert effect.selects


def test_the_history_of_one_that_succeeds() -> None:
    execution = execute(flow(A=dict(PASS, Next="M", End=False), M=mapping(Label="L")) | {"StartAt": "A"}, [1, 2])
    assert execution.output == [1, 2]
    # MapStateExited follows MapRunStarted, as in all recordings since November 2024.
    assert execution.outline[3:] == [
        (3, "MapStateEntered"),
        (4, "MapStateStarted"),
        (5, "MapRunStarted"),
        (6, "MapRunSucceeded"),
        (7, "MapStateSucceeded"),
        (6, "MapStateExited"),
        (9, "ExecutionSucceeded"),
    ]


def test_a_selector_sees_the_states_input_the_item_and_variables() -> None:
    definition = flow(
        A={"Type": "Pass", "Assign": {"v": "var"}, "Next": "M"},
        M=mapping(
            ItemsPath="$.i",
            ItemSelector={
                "n.$": "$.n", "v.$": "$v", "x.$": "$$.Map.Item.Value", "k.$": "$$.Map.Item.Index",
                "s.$": "$$.State.Name",
            },
        ),
    )  # fmt: skip
    execution = execute(definition, {"i": ["a", "b"], "n": 5})
    assert execution.output == [
        {"n": 5, "v": "var", "x": "a", "k": 0, "s": "M"},
        {"n": 5, "v": "var", "x": "b", "k": 1, "s": "M"},
    ]


def test_failure_is_caught_and_retried() -> None:
    definition = flow(
        M=mapping(
            Retry=[{"ErrorEquals": [EXCEEDED], "MaxAttempts": 1}], Catch=[{"ErrorEquals": ["States.ALL"], "Next": "R"}]
        ),
        R=PASS,
    )
    definition["States"]["M"]["ItemProcessor"] = {**CHILD, "StartAt": "F", "States": {"F": {"Type": "Fail"}}}
    execution = execute(definition, [1])
    assert execution.output["Error"] == EXCEEDED
    assert [kind for _, kind in execution.outline if kind.startswith("Map")] == [
        "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunFailed",
        "MapStateStarted", "MapRunStarted", "MapRunFailed", "MapStateFailed", "MapStateExited",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "names", "caught"),
    [
        ("States.ItemReaderFailed", ["States.ALL"], True),
        ("States.DataLimitExceeded", ["States.ALL"], False),
        ("States.DataLimitExceeded", ["States.DataLimitExceeded"], True),
        ("States.Runtime", ["States.Runtime"], False),
    ],
)
def test_failures_of_a_map_run_are_the_machines_own(error: str, names: list[str], caught: bool) -> None:
    catch = [{"ErrorEquals": names, "Next": "R"}]
    run, outcome, program = begun(flow(M=mapping(Catch=catch), R=PASS), [1])
    start = next(effect for effect in outcome.effects if isinstance(effect, StartMapRun))
    step(program, run, MapRunEnded(start.command, None, error, "c"), 15.0, 8)
    assert run.status == ("SUCCEEDED" if caught else "FAILED")


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (
            "NoNumber",
            'The ToleratedFailureCountPath field refers to value "NoNumber" which is not a valid integer: $.t',
        ),
        (-1, "ToleratedFailureCount cannot be negative."),
        (
            2**31,
            'The ToleratedFailureCountPath field refers to value "2147483648" which is not a valid integer: $.t',
        ),
        (
            "9" * 5000,
            f'The ToleratedFailureCountPath field refers to value "{"9" * 5000}" which is not a valid integer: $.t',
        ),
    ],
)
def test_tolerances_are_checked_once_the_state_has_started(value: Any, cause: str) -> None:
    execution = execute(flow(M=mapping(ItemsPath="$.i", ToleratedFailureCountPath="$.t")), {"i": [0], "t": value})
    assert execution.types[-2:] == ["MapStateStarted", "ExecutionFailed"]
    assert execution.history[-1].details == {
        "error": "States.Runtime",
        "cause": f"An error occurred while executing the state 'M' (entered at the event id #2). {cause}",
    }


def test_a_percentage_of_any_size_is_checked() -> None:
    execution = execute(
        flow(M=mapping(ItemsPath="$.i", ToleratedFailurePercentagePath="$.t")), {"i": [0], "t": 10**400}
    )
    assert execution.finish is not None and execution.finish.cause is not None
    assert execution.finish.cause.endswith(" ToleratedFailurePercentage must be between 0 and 100.")


def test_late_ends_change_nothing_and_a_failing_sibling_stops_the_map_run() -> None:
    branches = [flow(M=mapping()), flow(W={"Type": "Wait", "Seconds": 5}, F={"Type": "Fail", "Error": "E"})]
    branches[1]["States"]["W"] = {"Type": "Wait", "Seconds": 5, "Next": "F"}
    definition = flow(
        Both={"Type": "Parallel", "Branches": branches, "Catch": [{"ErrorEquals": ["E"], "Next": "Q"}]}, Q=PASS
    )
    run, outcome, program = begun(definition, [1])
    start = next(effect for effect in outcome.effects if isinstance(effect, StartMapRun))
    timer = next(effect for effect in outcome.effects if not isinstance(effect, StartMapRun))
    outcome = step(program, run, TimerFired(timer.timer), 15.0, 8)  # type: ignore[union-attr]
    assert StopMapRun(start.command) in outcome.effects
    assert "MapStateAborted" in [event.type for event in outcome.events]
    assert run.status == "SUCCEEDED"
    assert step(program, run, MapRunEnded(start.command, "[]"), 16.0, 9) == Step()


BAD_LABELS = '?*<>{}[]:;,\\|^~$#%&`" \t\n\x00\x1f\x7f\x80\x9f'


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Label": ""}, "Label cannot be empty at /States/M/Label"),
        ({"Label": "x" * 41}, "Label cannot exceed 40 characters at /States/M/Label"),
        *[({"Label": f"a{bad}"}, f"Label contains invalid character: '{bad}'") for bad in BAD_LABELS],
        ({"ItemBatcher": {}}, "One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]"),
        ({"ItemReader": {"Resource": "arn:aws:states:::s3:getObject"}}, "These fields are required: [Parameters]"),
        (
            {
                "ItemReader": {
                    "Resource": "arn:aws:states:::s3:x",
                    "Parameters": {},
                    "ReaderConfig": {"InputType": "JSON"},
                }
            },
            "The field 'Resource' should have one of these values",
        ),
        ({"ResultWriter": {"WriterConfig": {}, "Parameters": {"Bucket": "b"}}}, "fields are required: [Resource] at"),
        ({"ResultWriter": {}}, "These fields are required: [Resource, Parameters]"),
        ({"ToleratedFailurePercentage": 101}, "Value should be between 0 and 100"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        compile(json.dumps(flow(M=mapping(**fields))))
    assert message in str(caught.value)


@pytest.mark.parametrize("label", ["x" * 40, "a-b_c.d", "üñí"])
def test_labels(label: str) -> None:
    assert asked(ItemsPath="$.Items", Label=label).label == label


def test_labels_are_unique() -> None:
    def labelled(name: str, label: str) -> dict[str, Any]:
        processor = {**CHILD, "StartAt": f"P{name}", "States": {f"P{name}": PASS}}
        return mapping(ItemProcessor=processor, Label=label)

    branches = [flow(A=labelled("A", "x")), flow(B=labelled("B", "x")), flow(C=labelled("C", "y"))]
    with pytest.raises(InvalidDefinition) as caught:
        compile(json.dumps(flow(Both={"Type": "Parallel", "Branches": branches})))
    (problem,) = caught.value.problems
    assert problem.message == "Label must be unique within the state machine definition"
    assert problem.location == "/States/Both/Branches[1]/States/B/Label"


def test_express_machines_have_no_map_runs_and_express_children_no_callbacks() -> None:
    with pytest.raises(InvalidDefinition, match="Express state machine does not support a Map state"):
        compile(json.dumps(flow(M=mapping())), type="EXPRESS")
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": True}
    processor = {**CHILD, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}
    with pytest.raises(InvalidDefinition, match=r"does not support '\.waitForTaskToken'"):
        compile(json.dumps(flow(M=mapping(ItemProcessor={**processor, "States": {"P": task}}))))


def test_an_inline_map_has_none_of_this() -> None:
    with pytest.raises(InvalidDefinition, match="only supported for a Map state in the mode DISTRIBUTED"):
        compile(json.dumps(flow(M={"Type": "Map", "Label": "L", "ItemProcessor": flow(P=PASS)})))


def test_batches_by_count_and_size() -> None:
    batches = Batches(Batching(2, None, '{"b":1}'), None)
    assert batches.add(items_of([1, 2, 3]) or []) == [(0, '{"BatchInput":{"b":1},"Items":[1,2]}', 2)]
    assert batches.rest() == [(1, '{"BatchInput":{"b":1},"Items":[3]}', 1)]
    small = Batches(Batching(None, 30), None)
    made = small.add(items_of(["x" * 5] * 5) or []) + small.rest()
    assert [items for _, _, items in made] == [2, 2, 1]
    assert all(len(text.encode()) <= 30 for _, text, _ in made)


def test_made_uuids_look_like_uuids() -> None:
    import uuid

    made = {made_uuid(str(seed)) for seed in range(50)}
    assert len(made) == 50
    assert {uuid.UUID(text).version for text in made} == {4}


@pytest.mark.parametrize(
    ("failed", "count", "percentage", "expected"),
    [
        (0, None, None, False),
        (1, None, None, True),
        (0, 0, 0.0, False),
        (2, 2, None, False),
        (3, 2, None, True),
        (1, None, 12.5, False),
        (2, None, 12.5, True),
        (1, 1, 0.0, True),
        (2, 1, 100.0, True),
    ],
)
def test_so_many_of_eight_may_fail(failed: int, count: int | None, percentage: float | None, expected: bool) -> None:
    assert exceeded(failed, 8, count, percentage) == expected
