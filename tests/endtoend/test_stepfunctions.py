"""Step Functions through boto3: what is refused, in AWS's words, and what comes in pages."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "eu-central-1"
PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
WAIT = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 600, "End": True}}})
TRUST = {"Statement": {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}}


def long(member: str, most: int) -> tuple[str, str]:
    message = f"Value at '{member}' failed to satisfy constraint: Member must have length less than or equal to {most}"
    return "ValidationException", f"1 validation error detected: {message}"


def resource_type(kind: str) -> tuple[str, str]:
    return "InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {kind}'"


def missing(kind: str, code: str, resource: str) -> tuple[str, str]:
    return code, f"{kind} Does Not Exist: '{{arn}}:{resource}'"


TOKEN = ("InvalidToken", "Invalid Token: 'Invalid token'")
NO_ALIAS = ("ResourceNotFound", "Request references a resource that does not exist.")
EXPRESS_ONLY = ("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
RUNNING = ("ExecutionNotRedrivable", "Execution is RUNNING and cannot be redriven")
EXISTS = ("ExecutionAlreadyExists", "Execution Already Exists: '{arn}:execution:std:e'")

REFUSED: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    (
        "create_state_machine",
        {"name": "a b", "definition": PASS, "roleArn": "{role}"},
        ("InvalidName", "Invalid Name: 'a b'"),
    ),
    (
        "create_state_machine",
        {"name": "n", "definition": "x" * 1_048_577, "roleArn": "{role}"},
        long("definition", 1_048_576),
    ),
    (
        "create_state_machine",
        {"name": "n", "definition": PASS, "roleArn": "r"},
        ("InvalidArn", "Invalid Role Arn: 'r'"),
    ),
    (
        "create_state_machine",
        {"name": "std", "definition": PASS, "roleArn": "{role}"},
        ("StateMachineAlreadyExists", "State Machine Already Exists: '{arn}:stateMachine:std'"),
    ),
    (
        "create_state_machine",
        {"name": "n", "definition": PASS, "roleArn": "{role}", "versionDescription": "d"},
        ("ValidationException", "Version description can only be set when publish is true"),
    ),
    (
        "create_state_machine",
        {
            "name": "n",
            "definition": PASS,
            "roleArn": "{role}",
            "tags": [{"key": f"k{n}", "value": ""} for n in range(51)],
        },
        ("TooManyTags", "A resource can have 50 tags at most."),
    ),
    ("describe_state_machine", {"stateMachineArn": "x"}, ("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'")),
    ("describe_state_machine", {"stateMachineArn": "{arn}:activity:a"}, resource_type("activity")),
    (
        "describe_state_machine",
        {"stateMachineArn": "{arn}:stateMachine:no"},
        missing("State Machine", "StateMachineDoesNotExist", "stateMachine:no"),
    ),
    (
        "update_state_machine",
        {"stateMachineArn": "{arn}:stateMachine:std:1", "definition": PASS},
        missing("State Machine", "StateMachineDoesNotExist", "stateMachine:std:1"),
    ),
    (
        "publish_state_machine_version",
        {"stateMachineArn": "{arn}:stateMachine:std", "revisionId": "x"},
        (
            "ConflictException",
            "Failed to publish the State Machine version for revision x."
            " The current State Machine revision is INITIAL.",
        ),
    ),
    ("describe_state_machine_alias", {"stateMachineAliasArn": "{arn}:stateMachine:std:no"}, NO_ALIAS),
    (
        "create_state_machine_alias",
        {"name": "x", "routingConfiguration": [{"stateMachineVersionArn": "{arn}:stateMachine:std:9", "weight": 100}]},
        NO_ALIAS,
    ),
    (
        "delete_state_machine_version",
        {"stateMachineVersionArn": "{arn}:stateMachine:std:1"},
        (
            "ConflictException",
            "Version to be deleted must not be referenced by an alias."
            " Current list of aliases referencing this version: [live]",
        ),
    ),
    ("start_execution", {"stateMachineArn": "{arn}:stateMachine:std", "name": "e", "input": "1"}, EXISTS),
    (
        "start_execution",
        {"stateMachineArn": "{arn}:stateMachine:std", "input": '"' + "é" * 131_072 + '"'},
        long("input", 262_144),
    ),
    ("start_sync_execution", {"stateMachineArn": "{arn}:stateMachine:std"}, EXPRESS_ONLY),
    ("list_executions", {"stateMachineArn": "{arn}:stateMachine:express"}, EXPRESS_ONLY),
    ("list_executions", {"stateMachineArn": "{arn}:stateMachine:std", "nextToken": "x"}, TOKEN),
    ("list_executions", {}, ("ValidationException", "Must specify either stateMachineArn or mapRunArn, and not both.")),
    ("list_state_machines", {"nextToken": "x"}, TOKEN),
    ("get_execution_history", {"executionArn": "{arn}:execution:std:e", "nextToken": "x"}, TOKEN),
    ("describe_execution", {"executionArn": "{arn}:express:express:e:1"}, resource_type("express")),
    ("stop_execution", {"executionArn": "{arn}:express:express:e:1"}, resource_type("express")),
    ("list_map_runs", {"executionArn": "{arn}:express:express:e:1"}, resource_type("express")),
    ("redrive_execution", {"executionArn": "{arn}:express:express:e:1"}, resource_type("express")),
    ("redrive_execution", {"executionArn": "{arn}:execution:std:e"}, RUNNING),
    (
        "describe_execution",
        {"executionArn": "{arn}:execution:std:no"},
        missing("Execution", "ExecutionDoesNotExist", "execution:std:no"),
    ),
    (
        "get_activity_task",
        {"activityArn": "{arn}:activity:no"},
        missing("Activity", "ActivityDoesNotExist", "activity:no"),
    ),
    ("send_task_success", {"taskToken": "x", "output": "{}"}, TOKEN),
    ("send_task_heartbeat", {"taskToken": "x"}, TOKEN),
    (
        "tag_resource",
        {"resourceArn": "{arn}:stateMachine:std:1", "tags": []},
        ("ResourceNotFound", "Resource not found: '{arn}:stateMachine:std:1'"),
    ),
    (
        "test_state",
        {"definition": '{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}'},
        ("ValidationException", "RoleArn must be specified when testing a Task state"),
    ),
]


@pytest.fixture(scope="module")
def states(server: Any) -> Iterator[tuple[Any, str, str]]:
    """A client, the ARN's beginning and a role, in an account with two state machines and a running execution."""
    account = "246813579024"
    config = Config(parameter_validation=False, inject_host_prefix=False, retries={"total_max_attempts": 1})
    session = boto3.Session(account, "test", region_name=REGION)
    with contextlib.ExitStack() as stack:

        def client(service: str) -> Any:
            made = session.client(service, endpoint_url=server.url, config=config)
            return stack.enter_context(contextlib.closing(made))

        role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        sfn, arn = client("stepfunctions"), f"arn:aws:states:{REGION}:{account}"
        sfn.create_state_machine(name="std", definition=WAIT, roleArn=role, publish=True)
        sfn.create_state_machine(name="express", definition=PASS, roleArn=role, type="EXPRESS")
        route = {"stateMachineVersionArn": f"{arn}:stateMachine:std:1", "weight": 100}
        sfn.create_state_machine_alias(name="live", routingConfiguration=[route])
        sfn.start_execution(stateMachineArn=f"{arn}:stateMachine:std", name="e", input="{}")
        yield sfn, arn, role
        sfn.delete_state_machine(stateMachineArn=f"{arn}:stateMachine:std")


@pytest.mark.parametrize(("operation", "given", "expected"), REFUSED)
def test_refused(
    states: tuple[Any, str, str], operation: str, given: dict[str, Any], expected: tuple[str, str]
) -> None:
    sfn, arn, role = states

    def fill(value: Any) -> Any:
        match value:
            case str():
                return value.replace("{arn}", arn).replace("{role}", role)
            case list():
                return [fill(item) for item in value]
            case dict():
                return {name: fill(item) for name, item in value.items()}
            case _:
                return value

    with pytest.raises(ClientError) as caught:
        getattr(sfn, operation)(**fill(given))
    response = caught.value.response
    assert [response["Error"]["Code"], response["Error"]["Message"]] == fill(list(expected))
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_pages(aws: Callable[..., Any]) -> None:
    """With boto3's own paginators, each list to its end."""
    sfn = aws("stepfunctions")
    role = aws("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    arns = [sfn.create_state_machine(name=f"m{n}", definition=PASS, roleArn=role)["stateMachineArn"] for n in range(5)]
    made = [sfn.create_activity(name=f"a{n}")["activityArn"] for n in range(5)]
    started = [sfn.start_execution(stateMachineArn=arns[0])["executionArn"] for _ in range(5)]

    def every(operation: str, member: str, key: str, **given: Any) -> list[Any]:
        pages = sfn.get_paginator(operation).paginate(**given, PaginationConfig={"PageSize": 2})
        return [item[key] for page in pages for item in page[member]]

    assert every("list_state_machines", "stateMachines", "stateMachineArn") == arns
    assert every("list_activities", "activities", "activityArn") == made
    assert every("list_executions", "executions", "executionArn", stateMachineArn=arns[0]) == started[::-1]
    history = {"executionArn": started[0], "reverseOrder": True}
    assert every("get_execution_history", "events", "id", **history) == [4, 3, 2, 1]
