"""Definitions in JSONata that are refused, and what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asl.driver import flow, task
from stategate.asl.problems import InvalidDefinition
from stategate.asl.program import compile

PASS = {"Type": "Pass", "End": True}
RULE = {"Condition": True, "Next": "T"}
CATCHER = {"ErrorEquals": ["States.ALL"], "Next": "T"}
NESTED = {"StartAt": "I", "States": {"I": PASS}}
MAP = {"Type": "Map", "ItemProcessor": NESTED}
CHILDREN = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **NESTED}
DISTRIBUTED = {"Type": "Map", "ItemProcessor": CHILDREN}
S3 = {"Resource": "arn:aws:states:::s3:putObject"}


def problems(definition: Any) -> list[str]:
    """Message and place of each."""
    with pytest.raises(InvalidDefinition) as refused:
        compile(json.dumps(definition))
    assert all(problem.code == "SCHEMA_VALIDATION_FAILED" for problem in refused.value.problems)
    return [f"{problem.message} at {problem.location}" for problem in refused.value.problems]


def jsonata(**states: dict[str, Any]) -> dict[str, Any]:
    return {**flow(**states), "QueryLanguage": "JSONata"}


ONLY = "Field is only supported when 'QueryLanguage' is"

STATES: dict[str, tuple[dict[str, Any], str]] = {
    # fields of the other language
    "InputPath": ({"Type": "Pass", "InputPath": "$"}, f"{ONLY} 'JSONPath' at /States/S/InputPath"),
    "Parameters": (task(Parameters={}), f"{ONLY} 'JSONPath' at /States/S/Parameters"),
    "Result": ({"Type": "Pass", "Result": 1}, f"{ONLY} 'JSONPath' at /States/S/Result"),
    "ItemsPath": ({**MAP, "ItemsPath": "$"}, f"{ONLY} 'JSONPath' at /States/S/ItemsPath"),
    "a path of Map": (
        {**MAP, "ToleratedFailureCountPath": "$.n"},
        f"{ONLY} 'JSONPath' at /States/S/ToleratedFailureCountPath",
    ),
    "a path of ItemBatcher": (
        {**DISTRIBUTED, "ItemBatcher": {"MaxItemsPerBatch": 1, "MaxInputBytesPerBatchPath": "$.n"}},
        f"{ONLY} 'JSONPath' at /States/S/ItemBatcher/MaxInputBytesPerBatchPath",
    ),
    "Parameters of ResultWriter": (
        {**DISTRIBUTED, "ResultWriter": {"WriterConfig": {}, **S3, "Arguments": {"Bucket": "b"}, "Parameters": {}}},
        f"{ONLY} 'JSONPath' at /States/S/ResultWriter/Parameters",
    ),
    "ErrorPath": ({"Type": "Fail", "ErrorPath": "$.e"}, f"{ONLY} 'JSONPath' at /States/S/ErrorPath"),
    "Variable": (
        {"Type": "Choice", "Choices": [{**RULE, "Variable": "$"}]},
        f"{ONLY} 'JSONPath' at /States/S/Choices[0]/Variable",
    ),
    "ResultPath of a Catch": (
        task(Catch=[{**CATCHER, "ResultPath": "$"}]),
        f"{ONLY} 'JSONPath' at /States/S/Catch[0]/ResultPath",
    ),
    "RoleArn.$": (
        task(Credentials={"RoleArn": "r", "RoleArn.$": "$.r"}),
        f"{ONLY} 'JSONPath' at /States/S/Credentials/RoleArn.$",
    ),
    "unknown": ({"Type": "Pass", "Foo": 1}, "Field is not supported at /States/S/Foo"),
    "name in .$": (
        {"Type": "Pass", "Output": {"a": [{"b.$": "$.c"}]}},
        f"{ONLY} 'JSONPath' at /States/S/Output/a[0]/b.$",
    ),
    # expressions
    "syntax": (
        {"Type": "Pass", "Output": {"a": ["{% $x + %}"]}},
        "The JSONata expression '$x +' is not valid. S0207: Unexpected end of expression at /States/S/Output/a[0]",
    ),
    "empty": (
        {"Type": "Pass", "Output": "{% %}"},
        "The JSONata expression '' is not valid. S0207: Unexpected end of expression at /States/S/Output",
    ),
    "not closed": (
        {"Type": "Pass", "Output": "{% $x "},
        "A JSONata expression must start with '{%' and end with '%}' at /States/S/Output",
    ),
    "not opened": (
        task(Arguments={"a": " $x %}"}),
        "A JSONata expression must start with '{%' and end with '%}' at /States/S/Arguments/a",
    ),
    "eval": (
        {"Type": "Pass", "Output": "{% $eval('1') %}"},
        "The JSONata function '$eval' is not supported at /States/S/Output",
    ),
    # parts of $states that are not there
    "result in Arguments": (
        task(Arguments="{% $states.result %}"),
        "'$states.result' is not available in this field at /States/S/Arguments",
    ),
    "result of a Pass": (
        {"Type": "Pass", "Output": "{% $states . result.x %}"},
        "'$states.result' is not available in this field at /States/S/Output",
    ),
    "errorOutput outside of Catch": (
        task(Output="{% $states.errorOutput %}"),
        "'$states.errorOutput' is not available in this field at /States/S/Output",
    ),
    "result in a Catch": (
        task(Catch=[{**CATCHER, "Output": {"r": "{% $states.result %}"}}]),
        "'$states.result' is not available in this field at /States/S/Catch[0]/Output/r",
    ),
    "unknown part": (
        {"Type": "Pass", "Assign": {"x": "{% $states.inputs %}"}},
        "'$states.inputs' is not available in this field at /States/S/Assign/x",
    ),
    # literals
    "Condition": (
        {"Type": "Choice", "Choices": [{**RULE, "Condition": "true"}]},
        "Expected value of type Boolean at /States/S/Choices[0]/Condition",
    ),
    "no Condition": (
        {"Type": "Choice", "Choices": [{"Next": "T"}]},
        "These fields are required: [Condition] at /States/S/Choices[0]",
    ),
    "Items": ({**MAP, "Items": {"a": 1}}, "Expected value of type Array at /States/S/Items"),
    "Seconds": ({"Type": "Wait", "Seconds": "1"}, "Expected value of type Integer at /States/S/Seconds"),
    "Seconds below zero": (
        {"Type": "Wait", "Seconds": -1},
        "Value should be between 0 and 99999999 at /States/S/Seconds",
    ),
    "Seconds and Timestamp": (
        {"Type": "Wait", "Seconds": 1, "Timestamp": "2024-01-01T00:00:00Z"},
        "Only one of these fields may be specified: [Seconds, Timestamp] at /States/S",
    ),
    "no time": ({"Type": "Wait"}, "One of these fields is required: [Seconds, Timestamp] at /States/S"),
    "Timestamp": (
        {"Type": "Wait", "Timestamp": "tomorrow"},
        "String does not match RFC3339 timestamp at /States/S/Timestamp",
    ),
    "MaxConcurrency": ({**MAP, "MaxConcurrency": 1.5}, "Expected value of type Integer at /States/S/MaxConcurrency"),
    "Cause": ({"Type": "Fail", "Cause": 1}, "Expected value of type String at /States/S/Cause"),
    "RoleArn": (
        task(Credentials={}),
        "The field 'RoleArn' is required but was missing at /States/S/Credentials",
    ),
    "variable name": (
        {"Type": "Pass", "Assign": {"states": 1}},
        "'states' is not a valid variable name at /States/S/Assign/states",
    ),
    "variable of an outer scope": (
        {
            **MAP,
            "ItemProcessor": {"StartAt": "I", "States": {"I": {**PASS, "Assign": {"x": 1}}}},
            "Assign": {"x": 2},
        },
        "The variable 'x' is already assigned in an outer scope at /States/S/ItemProcessor/States/I/Assign/x",
    ),
}


@pytest.mark.parametrize("case", STATES)
def test_what_is_wrong_is_said(case: str) -> None:
    state, expected = STATES[case]
    targets = {"T": dict(PASS)} if state["Type"] == "Choice" or "Catch" in state else {}
    assert problems(jsonata(S=dict(state), **targets)) == [expected]


def test_every_problem_is_found() -> None:
    found = problems(jsonata(S={"Type": "Pass", "Output": {"a": "{% ( %}", "b": "{% $eval %}"}, "Parameters": {}}))
    assert len(found) == 3


def test_problems_come_in_the_order_of_the_text() -> None:
    names = ["h", "c", "f", "a", "g", "b", "e", "d"]
    found = problems(jsonata(S={"Type": "Pass", "Output": f"{{% [{', '.join(f'$states.{n}' for n in names)}] %}}"}))
    assert found == [f"'$states.{name}' is not available in this field at /States/S/Output" for name in names]
    arguments = dict.fromkeys(names, 1) | {"Bucket": "b"}
    found = problems(jsonata(S={**DISTRIBUTED, "ResultWriter": {**S3, "Arguments": arguments}}))
    place = "/States/S/ResultWriter/Arguments"
    assert found == [f"The field '{name}' is not supported by Step Functions at {place}/{name}" for name in names]


def test_a_machine_in_jsonata_can_have_no_state_in_jsonpath() -> None:
    what = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
    assert problems(jsonata(S={**PASS, "QueryLanguage": "JSONPath"})) == [f"{what} at /States/S/QueryLanguage"]
    inner = {"StartAt": "I", "States": {"I": {**PASS, "QueryLanguage": "JSONPath"}}}
    found = problems(jsonata(S={**MAP, "ItemProcessor": inner}))
    assert found == [f"{what} at /States/S/ItemProcessor/States/I/QueryLanguage"]


@pytest.mark.parametrize("place", ["", "/States/S"])
def test_unknown_languages_are_refused(place: str) -> None:
    definition = flow(S=dict(PASS))
    (definition["States"]["S"] if place else definition)["QueryLanguage"] = "Jsonata"
    what = "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]"
    assert problems(definition) == [f"{what} at {place}/QueryLanguage"]


@pytest.mark.parametrize("field", ["Output", "Arguments", "Items"])
def test_fields_of_jsonata_are_refused_in_jsonpath(field: str) -> None:
    state = {"Output": PASS, "Arguments": task(), "Items": MAP}[field]
    assert problems(flow(S={**state, field: []})) == [f"{ONLY} 'JSONata' at /States/S/{field}"]


def test_states_in_jsonata_in_a_machine_in_jsonpath() -> None:
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% 1 %}", "Next": "T"}
    compile(json.dumps(flow(S=state, T={**PASS, "InputPath": "$"})))


@pytest.mark.parametrize("text", ["'$states.result'", '"$states.result"', "/* $states.result */ 1", "$x.states.result"])
def test_parts_of_states_in_strings_and_comments_are_none(text: str) -> None:
    compile(json.dumps(jsonata(S={**PASS, "Output": f"{{% {text} %}}"})))
