"""`variableReferences`: what each state reads."""

import json
from typing import Any

import pytest

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
