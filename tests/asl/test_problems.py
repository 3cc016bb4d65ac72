"""Definitions that are refused, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asl.driver import FUNCTION, execute, flow, task
from stategate.asl.problems import InvalidDefinition, Problem
from stategate.asl.program import compile

PASS = {"Type": "Pass", "End": True}
SCHEMA = "SCHEMA_VALIDATION_FAILED"
TARGET = "MISSING_TRANSITION_TARGET"


def problems(definition: Any, type: str = "STANDARD") -> tuple[Problem, ...]:
    text = definition if isinstance(definition, str) else json.dumps(definition)
    with pytest.raises(InvalidDefinition) as refused:
        compile(text, type=type)
    return refused.value.problems


def message(definition: Any, type: str = "STANDARD") -> str:
    return ", ".join(str(problem) for problem in problems(definition, type))


EXPRESSION = "The value for the field '{}' must be a valid JSONPath or a valid intrinsic function call at /States/S"
TYPES = "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]"

CASES: dict[str, tuple[Any, str]] = {
    # as recorded from AWS
    "no fields": ({}, f"{SCHEMA}: These fields are required: [States, StartAt] at /"),
    "no states": ({"StartAt": "S"}, f"{SCHEMA}: These fields are required: [States] at /"),
    "empty text": (" ", f"{SCHEMA}: Definition must be a valid JSON object"),
    "no object": ("[]", f"{SCHEMA}: Definition must be a valid JSON object"),
    "type": (
        flow(S={"Type": "No", "End": True}),
        f"{SCHEMA}: The field 'Type' should have one of these values: {TYPES} at /States/S/Type",
    ),
    "branches": (
        flow(S={"Type": "Parallel", "Branches": []}),
        f"{SCHEMA}: Value cannot be empty at /States/S/Branches",
    ),
    "credentials": (
        flow(S=task(Credentials={})),
        f"{SCHEMA}: The field 'RoleArn' is required but was missing at /States/S/Credentials",
    ),
    "timestamp": (
        flow(S={"Type": "Wait", "Timestamp": "2016-12-05 21:29:29Z"}),
        f"{SCHEMA}: String does not match RFC3339 timestamp at /States/S/Timestamp",
    ),
    # transitions
    "dangling Next": (
        flow(S={"Type": "Pass", "Next": "T"}),
        f"{TARGET}: Missing 'Next' target: T at /States/S/Next",
    ),
    "dangling StartAt": ({"StartAt": "T", "States": {"S": PASS}}, f"{TARGET}: Missing 'StartAt' target: T at /StartAt"),
    "dangling Default": (
        flow(
            S={"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "T"}], "Default": "D"}, T=PASS
        ),
        f"{TARGET}: Missing 'Default' target: D at /States/S/Default",
    ),
    "dangling Catch": (
        flow(S=task(Catch=[{"ErrorEquals": ["E"], "Next": "T"}])),
        f"{TARGET}: Missing 'Next' target: T at /States/S/Catch[0]/Next",
    ),
    "out of a branch": (
        flow(S={"Type": "Parallel", "Branches": [flow(B={"Type": "Pass", "Next": "T"})], "Next": "T"}, T=PASS),
        f"{TARGET}: Missing 'Next' target: T at /States/S/Branches[0]/States/B/Next",
    ),
    "unreachable": (
        {"StartAt": "S", "States": {"S": PASS, "T": PASS}},
        f'{TARGET}: State "T" is not reachable. at /States/T',
    ),
    "duplicate": (
        flow(S={"Type": "Parallel", "Branches": [flow(S=PASS)]}),
        "DUPLICATE_STATE_NAME: Duplicate state name: S at /States/S/Branches[0]/States/S",
    ),
    "Next and End": (
        flow(S={"Type": "Pass", "Next": "T", "End": True}, T=PASS),
        f"{SCHEMA}: Only one of these fields may be specified: [Next, End] at /States/S",
    ),
    "neither": (
        {"StartAt": "S", "States": {"S": {"Type": "Pass"}}},
        f"{SCHEMA}: One of these fields is required: [Next, End] at /States/S",
    ),
    "long name": (
        flow(**{"S" * 81: PASS}),
        f"{SCHEMA}: State name must have between 1 and 80 characters at /States/{'S' * 81}",
    ),
    # fields
    "unknown in a state": (flow(S={**PASS, "Resault": 1}), f"{SCHEMA}: Field is not supported at /States/S/Resault"),
    "JSONata in a catcher": (
        flow(S=task(Catch=[{"ErrorEquals": ["E"], "Next": "T", "Output": 1}]), T=PASS),
        f"{SCHEMA}: Field is only supported when 'QueryLanguage' is 'JSONata' at /States/S/Catch[0]/Output",
    ),
    "no path": (flow(S={"Type": "Fail", "CausePath": "$["}), f"{SCHEMA}: {EXPRESSION.format('CausePath')}/CausePath"),
    "no call": (flow(S={"Type": "Fail", "ErrorPath": "x"}), f"{SCHEMA}: {EXPRESSION.format('ErrorPath')}/ErrorPath"),
    "no role": (
        flow(S=task(Credentials={"RoleArn.$": "States.No()"})),
        f"{SCHEMA}: {EXPRESSION.format('RoleArn.$')}/Credentials",
    ),
    "unknown at the top": ({**flow(S=PASS), "Timeout": 1}, f"{SCHEMA}: Field is not supported at /Timeout"),
    "of another type": (flow(S={**PASS, "Seconds": 1}), f"{SCHEMA}: Field is not supported at /States/S/Seconds"),
    "unknown in a retrier": (
        flow(S=task(Retry=[{"ErrorEquals": ["E"], "Attempts": 1}])),
        f"{SCHEMA}: Field is not supported at /States/S/Retry[0]/Attempts",
    ),
    "two waits": (
        flow(S={"Type": "Wait", "Seconds": 1, "Timestamp": "2024-01-01T00:00:00Z"}),
        f"{SCHEMA}: Only one of these fields may be specified: [Seconds, Timestamp] at /States/S",
    ),
    "no wait": (
        flow(S={"Type": "Wait"}),
        f"{SCHEMA}: One of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath] at /States/S",
    ),
    "both timeouts": (
        flow(S=task(TimeoutSeconds=1, TimeoutSecondsPath="$.t")),
        f"{SCHEMA}: Only one of these fields may be specified: [TimeoutSeconds, TimeoutSecondsPath] at /States/S",
    ),
    "timeout": (
        flow(S=task(TimeoutSeconds="1")),
        f"{SCHEMA}: Expected value of type Integer at /States/S/TimeoutSeconds",
    ),
    "heartbeat": (
        flow(S=task(TimeoutSeconds=5, HeartbeatSeconds=5)),
        f"{SCHEMA}: HeartbeatSeconds must be smaller than TimeoutSeconds at /States/S/HeartbeatSeconds",
    ),
    "backoff": (
        flow(S=task(Retry=[{"ErrorEquals": ["E"], "BackoffRate": 0.5}])),
        f"{SCHEMA}: Value should be between 1 and 99999999 at /States/S/Retry[0]/BackoffRate",
    ),
    "no errors": (
        flow(S=task(Retry=[{"MaxAttempts": 1}])),
        f"{SCHEMA}: These fields are required: [ErrorEquals] at /States/S/Retry[0]",
    ),
    "States.ALL not last": (
        flow(S=task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}])),
        f"{SCHEMA}: States.ALL must appear alone, and in the last element at /States/S/Retry[0]/ErrorEquals",
    ),
    "no resource": (
        flow(S={"Type": "Task"}),
        f"{SCHEMA}: The field 'Resource' is required but was missing at /States/S",
    ),
    "no ARN": (
        flow(S={"Type": "Task", "Resource": "f"}),
        f"{SCHEMA}: Value is not a valid resource ARN at /States/S/Resource",
    ),
    "no processor": (flow(S={"Type": "Map"}), f"{SCHEMA}: These fields are required: [ItemProcessor] at /States/S"),
    "variable of an outer scope": (
        flow(
            S={"Type": "Parallel", "Branches": [flow(B={**PASS, "Assign": {"x": 1}})], "Next": "T"},
            T={**PASS, "Assign": {"x.$": "$.a"}},
        ),
        f"{SCHEMA}: The variable 'x' is already assigned in an outer scope at /States/S/Branches[0]/States/B/Assign/x",
    ),
    "variable name": (
        flow(S={**PASS, "Assign": {"1x": 1}}),
        f"{SCHEMA}: '1x' is not a valid variable name at /States/S/Assign/1x",
    ),
    # what this version does not do, by name
    "label": (
        flow(S={"Type": "Map", "Label": "L", "ItemProcessor": flow(T=PASS)}),
        f"{SCHEMA}: Field is only supported for a Map state in the mode DISTRIBUTED at /States/S/Label",
    ),
    "distributed": (
        flow(S={"Type": "Map", "ItemProcessor": {**flow(T=PASS), "ProcessorConfig": {"Mode": "DISTRIBUTED"}}}),
        f"{SCHEMA}: The field 'ExecutionType' is required but was missing at /States/S/ItemProcessor/ProcessorConfig",
    ),
    "another service": (
        flow(S={"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage"}),
        f"{SCHEMA}: Stategate does not support the resource arn:aws:states:::sqs:sendMessage yet at /States/S/Resource",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said(name: str) -> None:
    definition, expected = CASES[name]
    assert message(definition) == expected


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        (
            "arn:aws:states:::states:startExecution.sync",
            "Express state machine does not support '.sync' service integration",
        ),
        (
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Express state machine does not support '.waitForTaskToken' service integration ",
        ),
        ("arn:aws:states:us-east-1:000000000000:activity:a", "Express state machine does not support Activity ARN"),
    ],
)
def test_express_machines_do_not_wait(resource: str, words: str) -> None:
    definition = flow(S={"Type": "Task", "Resource": resource})
    assert message(definition, "EXPRESS") == f"{SCHEMA}: {words} at /States/S/Resource"


def test_every_problem_is_collected() -> None:
    found = problems(flow(A={"Type": "Pass", "Next": "X", "Foo": 1}, B={"Type": "Wait"}, C=task(Retry=[{}])))
    assert {problem.location for problem in found} >= {
        "/States/A/Foo",
        "/States/A/Next",
        "/States/B",
        "/States/C/Retry[0]",
    }
    assert all(problem.severity == "ERROR" for problem in found)


def test_several_problems_are_one_text() -> None:
    with pytest.raises(InvalidDefinition) as refused:
        compile(json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "X"}, "B": PASS}}))
    assert str(refused.value) == (
        f"'{TARGET}: Missing 'Next' target: X at /States/A/Next, {TARGET}: State \"B\" is not reachable. at /States/B'"
    )


def test_what_is_not_json_is_shown_with_its_place() -> None:
    [problem] = problems("not a definition")
    expected = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
    words = f"Unrecognized token 'not': was expecting {expected}"
    place = '[Source: (String)"not a definition"; line: 1, column: 4]'
    assert problem == Problem("INVALID_JSON_DESCRIPTION", f"{words}\n at {place}", place)
    assert str(problem) == f"INVALID_JSON_DESCRIPTION: {words}\n at {place}"


def test_no_field_is_given_twice() -> None:
    definition = '{"StartAt": "S",\n "States": {"S": {"Type": "Succeed"}, "S": {"Type": "Fail"}}}'
    with pytest.raises(InvalidDefinition) as caught:
        compile(definition)
    place = f'[Source: (String)"{definition}"; line: 2, column: 42]'
    [problem] = caught.value.problems
    assert problem == Problem("INVALID_JSON_DESCRIPTION", f"Duplicate field 'S'\n at {place}", place)
    assert type(compile(definition, stored=True).flows[0].states["S"]).__name__ == "Fail"


def test_depth_has_a_limit() -> None:
    inner: Any = "$.a"
    for _ in range(450):
        inner = {"a": inner}
    [problem] = problems(flow(S={**PASS, "Parameters": inner}))
    assert "nested deeper than" in problem.message


def test_deeply_nested_flows_run() -> None:
    inner = flow(S={"Type": "Pass", "Result": 1})
    for level in range(100):
        inner = flow(**{f"P{level}": {"Type": "Parallel", "Branches": [inner]}})
    output = execute(inner).output
    for _ in range(100):
        [output] = output
    assert output == 1


def test_a_definition_has_a_size() -> None:
    [problem] = problems(json.dumps({**flow(S=PASS), "Comment": "x" * 1_048_576}))
    assert problem.message == "Definition must not be larger than 1048576 bytes"


def test_what_is_allowed_is_accepted() -> None:
    program = compile(
        json.dumps(
            {
                **flow(
                    S=task(
                        Comment="c",
                        Retry=[
                            {"Comment": "c", "ErrorEquals": ["States.ALL"], "MaxAttempts": 0, "JitterStrategy": "NONE"}
                        ],
                        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "T", "Comment": "c"}],
                        Next="T",
                    ),
                    T={"Type": "Map", "Iterator": flow(U=PASS)},
                ),
                "Version": "1.0",
                "TimeoutSeconds": 9,
                "QueryLanguage": "JSONPath",
            }
        )
    )
    assert program.timeout == 9
    assert FUNCTION in repr(program)
