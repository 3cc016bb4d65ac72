"""A state tested on its own does what it does in an execution."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl.driver import execute, flow, identity
from stategate.asl.effects import ScheduleTask
from stategate.asl.events import TaskFailed, TaskSucceeded
from stategate.asl.inspection import StateTest
from stategate.asl.program import compile

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


def of(state: dict[str, Any], input: Any, **more: Any) -> StateTest:
    definition = json.dumps({"StartAt": "S", "States": {"S": state}})
    return StateTest(compile(definition), "S", identity(json.dumps(input)), now=1000.0, seed=7, **more)


keys = st.sampled_from(["a", "b", "c"])
values = st.recursive(
    st.integers(0, 3) | st.text("xy", max_size=2), lambda inner: st.dictionaries(keys, inner), max_leaves=6
)
paths = st.lists(keys, max_size=2).map(lambda names: "$" + "".join(f".{name}" for name in names))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "InputPath": st.none() | paths,
            "OutputPath": st.none() | paths,
            "ResultPath": st.none() | paths,
            "Parameters": st.dictionaries(keys.map(lambda key: f"{key}.$"), paths, max_size=2),
            "Result": values,
        },
    ),
    values,
)
def test_a_pass_state_gives_what_it_gives_in_an_execution(fields: dict[str, Any], input: Any) -> None:
    state = {"Type": "Pass", **fields, "End": True}
    execution = execute(flow(S=state), input)
    test = of(state, input)
    assert test.start() is None
    outcome = test.outcome()
    finish = execution.finish
    assert finish is not None
    assert (outcome.status, outcome.output, outcome.error, outcome.cause) == (
        finish.status,
        finish.output,
        finish.error,
        finish.cause,
    )
    assert json.loads(outcome.data["input"]) == input
    if outcome.status == "SUCCEEDED" and "OutputPath" not in fields:
        assert outcome.data["afterResultPath"] == outcome.output


@pytest.mark.parametrize("input", [{"n": 1}, {"n": "no number"}])
def test_the_program_that_is_tested_stays_as_it_is(input: Any) -> None:
    program = compile(json.dumps(flow(S={"Type": "Wait", "SecondsPath": "$.n"})))
    before = program.flows[0].states["S"]
    test = StateTest(program, "S", identity(json.dumps(input)), now=0.0, seed=1, variables={"v": 1})
    test.start()
    assert program.flows[0].states["S"] is before
    assert not program.variables
    assert test.outcome().data["variables"] == '{"v":1}'


def test_a_task_is_asked_for_and_answered() -> None:
    state = {
        "Type": "Task",
        "Resource": FUNCTION,
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 4}],
        "ResultPath": "$.r",
        "End": True,
    }
    test = of(state, {"a": 1})
    asked = test.start()
    assert isinstance(asked, ScheduleTask)
    assert (asked.resource, asked.input) == (FUNCTION, '{"a": 1}')
    test.task_ended(TaskSucceeded(asked.command, "2"))
    outcome = test.outcome()
    assert (outcome.status, json.loads(outcome.output or "")) == ("SUCCEEDED", {"a": 1, "r": 2})
    assert outcome.data["result"] == "2"
    again = of(state, {"a": 1})
    asked = again.start()
    assert isinstance(asked, ScheduleTask)
    again.task_ended(TaskFailed(asked.command, "Busy", "x"))
    outcome = again.outcome()
    assert (outcome.status, outcome.error, outcome.next_state) == ("RETRIABLE", "Busy", None)
    assert outcome.data["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 4}
    assert "result" not in outcome.data


def test_a_catch_that_fails_is_a_failure() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.a.b", "Next": "T"}]
    task = {"Type": "Task", "Resource": FUNCTION, "Catch": catch, "Next": "T"}
    definition = flow(S=task, T={"Type": "Succeed"})
    test = StateTest(compile(json.dumps(definition)), "S", identity('{"a": 1}'), now=0.0, seed=1, mocked=True)
    test.start()
    assert test.at_work
    test.give_failure("E", "c")
    outcome = test.outcome()
    assert (outcome.status, outcome.error) == ("FAILED", "States.Runtime")


MAP = {
    "Type": "Map",
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "I",
        "States": {"I": {"Type": "Pass", "End": True}},
    },
    "End": True,
}


def reader(**config: Any) -> dict[str, Any]:
    return {
        "Resource": "arn:aws:states:::s3:getObject",
        "Parameters": {"Bucket": "b", "Key": "k"},
        "ReaderConfig": config,
    }


@pytest.mark.parametrize(
    ("config", "text", "items"),
    [
        ({"InputType": "JSON"}, "[1, 2]", [1, 2]),
        ({"InputType": "JSON", "MaxItems": 1}, "[1, 2]", [1]),
        ({"InputType": "JSON", "ItemsPointer": "/a/0"}, '{"a": [[5]]}', [5]),
        ({"InputType": "JSONL"}, "1\n\n2\n", [1, 2]),
        ({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, "a,b\n1,2\n", [{"a": "1", "b": "2"}]),
    ],
)
def test_what_an_item_reader_would_read(config: dict[str, Any], text: str, items: list[Any]) -> None:
    selector = {"v.$": "$$.Map.Item.Value"}
    test = of({**MAP, "ItemReader": reader(**config), "ItemSelector": selector}, {}, mocked=True)
    test.start(text)
    assert test.at_work
    test.give_result("[]")
    data = test.outcome().data
    assert json.loads(data["afterItemSelector"]) == [{"v": item} for item in items]
    assert ("afterItemsPointer" in data) == ("ItemsPointer" in config)


def test_what_no_item_reader_could_read() -> None:
    test = of({**MAP, "ItemReader": reader(InputType="JSON")}, {}, mocked=True)
    test.start("{}")
    assert not test.at_work
    assert (test.outcome().status, test.outcome().error) == ("FAILED", "States.ItemReaderFailed")


@pytest.mark.parametrize(
    ("batcher", "batches"),
    [
        ({"MaxItemsPerBatch": 2}, [[1, 2], [3]]),
        ({"MaxInputBytesPerBatch": 16}, [[1, 2], [3]]),
        ({"MaxItemsPerBatch": 9}, [[1, 2, 3]]),
    ],
)
def test_batches(batcher: dict[str, Any], batches: list[list[int]]) -> None:
    test = of({**MAP, "ItemBatcher": batcher}, [1, 2, 3], mocked=True)
    test.start()
    test.give_result("[]")
    assert json.loads(test.outcome().data["afterItemBatcher"]) == [{"Items": batch} for batch in batches]
