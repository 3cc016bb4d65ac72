"""The AWS CLI, unmodified, with AWS_ENDPOINT_URL."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def cli(server: Any, account: str) -> Any:
    if not AWS.exists():
        pytest.skip("the AWS CLI is not installed beside this Python")
    environment = os.environ | {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_PAGER": "",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }

    def run(*arguments: str, fails: bool = False) -> Any:
        done = subprocess.run([AWS, *arguments, "--output", "json"], env=environment, capture_output=True, timeout=200)
        assert (done.returncode != 0) == fails, (arguments, done.stderr)
        text = (done.stderr if fails else done.stdout).decode()
        return text if fails else json.loads(text or "null")

    return run


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"},
    }
)


def test_operations_that_clients_send_to_a_host_of_their_own(cli: Any) -> None:
    role = cli("iam", "create-role", "--role-name", "t", "--assume-role-policy-document", TRUST)["Role"]["Arn"]
    tested = cli(
        *("stepfunctions", "test-state", "--role-arn", role),
        *("--definition", '{"Type": "Pass", "Result": 1, "End": true}'),
    )
    assert (tested["status"], tested["output"]) == ("SUCCEEDED", "1")


def test_from_role_to_history(cli: Any, account: str) -> None:
    assert cli("sts", "get-caller-identity")["Arn"] == f"arn:aws:iam::{account}:root"
    role = cli("iam", "create-role", "--role-name", "machine", "--assume-role-policy-document", TRUST)["Role"]
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST)
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"a": 1}, "End": True}}})
    machine = cli(
        *("stepfunctions", "create-state-machine", "--name", "cli"),
        *("--definition", definition, "--role-arn", role["Arn"]),
    )["stateMachineArn"]
    assert machine == f"arn:aws:states:eu-central-1:{account}:stateMachine:cli"
    execution = cli("stepfunctions", "start-execution", "--state-machine-arn", machine, "--name", "one")["executionArn"]
    described = cli("stepfunctions", "describe-execution", "--execution-arn", execution)
    assert (described["status"], described["output"]) == ("SUCCEEDED", '{"a":1}')
    events = cli("stepfunctions", "get-execution-history", "--execution-arn", execution)["events"]
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert cli("stepfunctions", "list-state-machines")["stateMachines"][0]["name"] == "cli"


def test_express_refuses_what_is_not_json(cli: Any) -> None:
    role = cli("iam", "create-role", "--role-name", "machine", "--assume-role-policy-document", TRUST)["Role"]
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    machine = cli(
        *("stepfunctions", "create-state-machine", "--name", "quick", "--type", "EXPRESS"),
        *("--definition", definition, "--role-arn", role["Arn"]),
    )["stateMachineArn"]
    text = cli("stepfunctions", "start-execution", "--state-machine-arn", machine, "--input", "nope", fails=True)
    assert "InvalidExecutionInput" in text


def test_an_error_names_the_problem(cli: Any, account: str) -> None:
    missing = f"arn:aws:states:eu-central-1:{account}:stateMachine:none"
    text = cli("stepfunctions", "describe-state-machine", "--state-machine-arn", missing, fails=True)
    assert "(StateMachineDoesNotExist) when calling the DescribeStateMachine operation" in text
    assert f"State Machine Does Not Exist: '{missing}'" in text


def test_an_operation_that_is_not_built_says_so(cli: Any) -> None:
    text = cli("iam", "list-groups", fails=True)
    assert "ListGroups" in text
    assert "does not support" in text


def test_worlds_are_apart(cli: Any) -> None:
    cli("logs", "create-log-group", "--log-group-name", "here")
    assert cli("logs", "describe-log-groups", "--region", "eu-west-1")["logGroups"] == []
    assert cli("logs", "describe-log-groups")["logGroups"][0]["logGroupName"] == "here"
