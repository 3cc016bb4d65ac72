"""`variableReferences`: what each state reads."""

import json
from typing import Any

import pytest

from stategate.asl.problems import InvalidDefinition
from stategate.asl.program import compile
from stategate.asl.references import variable_references

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:f"


def references(**states: dict[str, Any]) -> dict[str, list[str]]:
    return variable_references(json.dumps({"StartAt": next(iter(states)), "States": states}))


@pytest.mark.parametrize(
    ("state", "names"),
    [
        (
            {"Type": "Choice", "Choices": [{"Variable": "$guess", "NumericEqualsPath": "$answer.x"}]},
            ["guess", "answer"],
        ),
        ({"Type": "Choice", "Choices": [{"And": [{"Variable": "$a"}, {"Not": {"Variable": "$b"}}]}]}, ["a", "b"]),
        ({"Type": "Wait", "SecondsPath": "$seconds"}, ["seconds"]),
        ({"Type": "Pass", "Parameters": {"x.$": "States.Format('$no {}', $yes.a, $$.State.Name)"}}, ["yes"]),
        ({"Type": "Pass", "Parameters": {"text": "$no", "OutputPath": "$no", "list": [{"x.$": "$in"}]}}, ["in"]),
        ({"Type": "Pass", "Result": {"x.$": "$no"}, "OutputPath": "$yes"}, ["yes"]),
        ({"Type": "Pass", "Assign": {"x.$": "$y", "y.$": "$y"}}, ["y"]),
        ({"Type": "Fail", "Error": "$no", "CausePath": "$why"}, ["why"]),
        ({"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"a": "{% $b + $a + $states.input.c %}"}}, ["b", "a"]),
        ({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% ($x := 1; $sum([$x, $y])) %}"}, ["y"]),
        ({"Type": "Pass", "QueryLanguage": "JSONata", "Comment": "{% $no %}", "Output": "$no"}, None),
        ({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input %}"}, None),
        (
            {"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"Result": "{% $a %}", "Comment": ["{% $b %}"]}},
            ["a", "b"],
        ),
    ],
)
def test_what_a_state_reads(state: dict[str, Any], names: list[str] | None) -> None:
    assert references(S=state) == ({} if names is None else {"S": names})


def test_nested_states_have_their_own_entries() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "InputPath": "$inner"}}}
    branch = {"StartAt": "B", "States": {"B": {"Type": "Pass", "InputPath": "$branch"}}}
    found = references(
        M={"Type": "Map", "ItemsPath": "$items", "ItemProcessor": inner},
        P={"Type": "Parallel", "Branches": [branch]},
    )
    assert found == {"M": ["items"], "I": ["inner"], "B": ["branch"]}


def test_variables_may_be_called_like_functions() -> None:
    read = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $count + $sum([1]) %}"}
    assert references(S={"Type": "Pass", "Assign": {"count.$": "$.c"}}, T=read) == {"T": ["count"]}


def problems(processor: dict[str, Any], **fields: Any) -> list[str]:
    """Of a Map in which nothing but what it reads may be wrong; outside of it `v` is assigned."""
    assign = {"Type": "Pass", "Assign": {"v": 1}, "Next": "M"}
    states = {"A": assign, "M": {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}}
    try:
        compile(json.dumps({"StartAt": "A", "States": states}))
    except InvalidDefinition as error:
        return [str(problem) for problem in error.problems]
    return []


def processor(states: dict[str, Any], mode: str = "DISTRIBUTED") -> dict[str, Any]:
    config = {"Mode": mode, "ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {"Mode": mode}
    return {"ProcessorConfig": config, "StartAt": next(iter(states)), "States": states}


READS = {"P": {"Type": "Pass", "Parameters": {"x.$": "$v"}, "End": True}}
ASSIGNS = {"Type": "Pass", "Assign": {"v": 1}, "Next": "P"}
PARALLEL = {"O": {"Type": "Parallel", "Branches": [{"StartAt": "P", "States": READS}], "End": True}}
NOT_SHARED = "The variable 'v' is assigned outside of the distributed Map, whose child executions can not read it"


@pytest.mark.parametrize(
    ("states", "place"),
    [
        (READS, "P"),
        ({"P": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $v + $w %}", "End": True}}, "P"),
        (PARALLEL, "O/Branches[0]/States/P"),
        ({"O": {"Type": "Map", "ItemProcessor": processor(READS, "INLINE"), "End": True}}, "O/ItemProcessor/States/P"),
        ({"O": {"Type": "Map", "ItemProcessor": processor(READS), "End": True}}, "O/ItemProcessor/States/P"),
    ],
)
def test_child_executions_read_no_variables_from_outside(states: dict[str, Any], place: str) -> None:
    assert problems(processor(states)) == [
        f"SCHEMA_VALIDATION_FAILED: {NOT_SHARED} at /States/M/ItemProcessor/States/{place}"
    ]


def test_what_may_be_read_around_child_executions() -> None:
    assert problems(processor(READS, "INLINE")) == []
    assert problems(processor({"Q": ASSIGNS, **READS})) == []
    silent = processor({"P": {"Type": "Pass", "End": True}})
    assert problems(silent, ItemSelector={"x.$": "$v"}, MaxConcurrencyPath="$v") == []
