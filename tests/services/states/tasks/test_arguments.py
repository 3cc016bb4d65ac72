"""The arguments of service integrations, in definitions and when a task is to begin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.states.taskworld import PREFIX, TaskWorld, simulate, task
from stategate.services.states.tasks.arguments import problems

SDK = "arn:aws:states:::aws-sdk"
MISSING = "The field '{}' is required but was missing"
UNKNOWN = "The field '{}' is not supported by Step Functions"
STRING = "The value for the field '{}' must be a STRING"


@pytest.mark.parametrize(
    ("service", "action", "given", "expected"),
    [
        ("lambda", "invoke", {"FunctionName": "f", "Payload": None}, []),
        ("lambda", "invoke", {}, [MISSING.format("FunctionName")]),
        ("lambda", "invoke", {"FunctionName": None}, [MISSING.format("FunctionName")]),
        ("lambda", "invoke", [], ["The value must be an OBJECT"]),
        (
            "lambda",
            "invoke",
            {"functionName": "f", "Qualifier": 1},
            [UNKNOWN.format("functionName"), MISSING.format("FunctionName"), STRING.format("Qualifier")],
        ),
        (
            "lambda",
            "invoke",
            {"FunctionName": "f", "LogType": "All"},
            ["The field 'LogType' should have one of these values: [None, Tail]"],
        ),
        ("states", "startExecution", {"StateMachineArn": 1}, [STRING.format("StateMachineArn")]),
        ("states", "startExecution", {"StateMachineArn": "a", "Input": [1]}, []),
        (
            "apigateway",
            "invoke",
            {"Method": "PAINT"},
            [
                MISSING.format("ApiEndpoint"),
                "The field 'Method' should have one of these values: [GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS]",
            ],
        ),
        (
            "apigateway",
            "invoke",
            {"ApiEndpoint": "a", "Method": "GET", "AuthType": "X"},
            ["The field 'AuthType' should have one of these values: [NO_AUTH, IAM_ROLE, RESOURCE_POLICY]"],
        ),
        (
            "apigateway",
            "invoke",
            {"ApiEndpoint": "a", "Method": "GET", "AllowNullValues": "true"},
            ["The value for the field 'AllowNullValues' must be a BOOLEAN"],
        ),
        ("aws-sdk:sfn", "describeExecution", {"ExecutionArn": "x"}, []),
        (
            "aws-sdk:sfn",
            "describeExecution",
            {"executionArn": "x"},
            [UNKNOWN.format("executionArn"), MISSING.format("ExecutionArn")],
        ),
        (
            "aws-sdk:sfn",
            "listStateMachines",
            {"MaxResults": "1"},
            ["The value for the field 'MaxResults' must be a NUMBER"],
        ),
        ("aws-sdk:sfn", "tagResource", {"ResourceArn": "x", "Tags": [{"key": "k"}]}, [UNKNOWN.format("Tags[0].key")]),
        (
            "aws-sdk:sfn",
            "tagResource",
            {"ResourceArn": "x", "Tags": {}},
            ["The value for the field 'Tags' must be an ARRAY"],
        ),
        (
            "aws-sdk:apigateway",
            "getRestApi",
            {"restApiId": "x"},
            [UNKNOWN.format("restApiId"), MISSING.format("RestApiId")],
        ),
        ("aws-sdk:sts", "getCallerIdentity", {}, []),
        ("aws-sdk:lambda", "updateFunctionConfiguration", {"FunctionName": "f", "KmsKeyArn": "k"}, []),
        (
            "aws-sdk:lambda",
            "updateFunctionConfiguration",
            {"FunctionName": "f", "KMSKeyArn": "k"},
            [UNKNOWN.format("KMSKeyArn")],
        ),
    ],
)
def test_what_is_wrong(service: str, action: str, given: Any, expected: list[str]) -> None:
    assert problems(service, action, given) == expected


@pytest.mark.parametrize(
    ("resource", "given", "messages"),
    [
        ("arn:aws:states:::lambda:invoke", {"FunctionName.$": "$.f", "Payload.$": "$"}, []),
        (
            "arn:aws:states:::lambda:invoke.waitForTaskToken",
            {"Function": "f"},
            [UNKNOWN.format("Function"), MISSING.format("FunctionName")],
        ),
        ("arn:aws:states:::states:startExecution.sync:2", {"Input": {}}, [MISSING.format("StateMachineArn")]),
        (f"{SDK}:iam:getRole", {"RoleName.$": "$.r", "Colour": 1}, [UNKNOWN.format("Colour")]),
        (f"{SDK}:iam:getRole", {}, [MISSING.format("RoleName")]),
    ],
)
@pytest.mark.parametrize("jsonata", [False, True])
def test_definitions_name_what_there_is(
    tmp_path: Path, resource: str, given: dict[str, Any], messages: list[str], jsonata: bool
) -> None:
    field = "Parameters"
    if jsonata:
        field = "Arguments"
        given = {name.removesuffix(".$"): "{% $states.input %}" for name in given}
    state = {"Type": "Task", "Resource": resource, field: given, "End": True}
    inner = {"StartAt": "T", "States": {"T": state}}
    outer: dict[str, Any] = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}}
    if jsonata:
        outer["QueryLanguage"] = "JSONata"

    async def body(world: TaskWorld) -> None:
        found = await world("ValidateStateMachineDefinition", definition=json.dumps(outer))
        place = f"/States/M/ItemProcessor/States/T/{field}"
        assert [(each["message"], each["location"]) for each in found["diagnostics"]] == [
            (message, place) for message in messages
        ]

    simulate(tmp_path, body)


@pytest.mark.parametrize("field", ["Parameters", "Arguments"])
def test_definitions_show_values_that_can_not_be(tmp_path: Path, field: str) -> None:
    """Only what is given as it is: what an expression gives is seen when the task begins."""
    open_name, value = ("LogType.$", "$.l") if field == "Parameters" else ("LogType", "{% $states.input.l %}")
    given = {"FunctionName": 7, "InvocationType": "Now", "Qualifier": None, open_name: value}
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", field: given, "End": True}
    language = "JSONPath" if field == "Parameters" else "JSONata"

    async def body(world: TaskWorld) -> None:
        definition = {"QueryLanguage": language, "StartAt": "T", "States": {"T": state}}
        found = await world("ValidateStateMachineDefinition", definition=json.dumps(definition))
        assert [(each["message"], each["location"]) for each in found["diagnostics"]] == [
            (STRING.format("FunctionName"), f"/States/T/{field}"),
            (
                "The field 'InvocationType' should have one of these values: [RequestResponse, Event, DryRun]",
                f"/States/T/{field}",
            ),
        ]

    simulate(tmp_path, body)


def test_a_task_that_cannot_begin(tmp_path: Path) -> None:
    """Nothing is scheduled, and it can't be caught."""
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "T"}]

    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "*")
        given = {"StateMachineArn.$": "$.arn", "Name.$": "$.name"}
        definition = task("arn:aws:states:::states:startExecution", given, Catch=catch)
        machine = await world.machine(definition, role)
        arn = await world.start(machine, {"arn": f"{PREFIX}:stateMachine:none", "name": 7})
        ended = await world.ended(arn)
        shown = f'{{"StateMachineArn":"{PREFIX}:stateMachine:none","Name":7}}'
        assert (ended.error, ended.cause) == (
            "States.Runtime",
            "An error occurred while executing the state 'T' (entered at the event id #2). The Parameters"
            f" '{shown}' could not be used to start the Task: [The value for the field 'Name' must be a STRING]",
        )
        assert [event.type for event in world.engine.history(arn)] == [
            "ExecutionStarted",
            "TaskStateEntered",
            "ExecutionFailed",
        ]

    simulate(tmp_path, body)


def test_the_input_may_be_the_arguments(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "iam:*")
        machine = await world.machine(task(f"{SDK}:iam:getRole"), role)
        assert (await world.ended(await world.start(machine, {"RoleName": "r"}))).status == "SUCCEEDED"
        ended = await world.ended(await world.start(machine, {"Name": "r"}))
        assert ended.error == "States.Runtime"
        assert (ended.cause or "").endswith(f"[{UNKNOWN.format('Name')}, {MISSING.format('RoleName')}]")

    simulate(tmp_path, body)


def test_a_state_that_is_tested_cannot_begin(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        role = await world.role("r", "iam:*")
        state = task(f"{SDK}:iam:getRole")["States"]["T"]
        tested = await world("TestState", definition=json.dumps(state), roleArn=role, input='{"Name":"r"}')
        assert (tested["status"], tested["error"]) == ("FAILED", "States.Runtime")
        assert "could not be used to start the Task" in tested["cause"]

    simulate(tmp_path, body)


@pytest.mark.parametrize("more", [{}, {"mock": {"result": "{}"}}])
def test_a_state_that_is_tested_names_what_there_is(tmp_path: Path, more: dict[str, Any]) -> None:
    async def body(world: TaskWorld) -> None:
        state = task(f"{SDK}:iam:getRole", {"Name": "r"})["States"]["T"]
        code, message = await world.error("TestState", definition=json.dumps(state), **more)
        assert code == "InvalidDefinition"
        assert f"SCHEMA_VALIDATION_FAILED: {UNKNOWN.format('Name')} at /States/StateName/Parameters" in message

    simulate(tmp_path, body)
