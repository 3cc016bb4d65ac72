"""The permission that each operation needs."""

import json
from pathlib import Path
from typing import Any

import pytest

from iam.fakes import ACCOUNT, WORLD, make_call, make_ports
from stategate.services import permissions
from stategate.services.iam import OPERATIONS
from stategate.wire.model import load_model

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "iam" / "permissions.jsonl"
ROWS = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['service']} {row['operation']} {row['input']}")
def test_required(row: dict[str, Any]) -> None:
    required = permissions.required(row["service"], row["operation"], row["input"], WORLD)
    assert required == (row["action"], row["resource"])


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("sts", "GetCallerIdentity"),
        ("sts", "AssumeRole"),
        ("lambda", "Invoke"),
        ("stepfunctions", "SendTaskSuccess"),
    ],
)
def test_nothing_to_check_before(service: str, operation: str) -> None:
    assert permissions.required(service, operation, {}, WORLD) is None


def test_where_no_user_is_named_the_caller_is_meant() -> None:
    own = f"arn:aws:iam::{ACCOUNT}:user/u"
    assert permissions.required("iam", "GetUser", {}, WORLD, caller=own) == ("iam:GetUser", own)
    named = permissions.required("iam", "CreateAccessKey", {"UserName": "v"}, WORLD, caller=own)
    assert named == ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/v")


def test_existing_roles_have_their_path() -> None:
    ports = make_ports()
    trust = (
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},'
        '"Action":"sts:AssumeRole"}}'
    )
    OPERATIONS["CreateRole"](make_call(ports), {"RoleName": "R", "Path": "/p/", "AssumeRolePolicyDocument": trust})
    required = permissions.required("iam", "DeleteRole", {"RoleName": "R"}, WORLD, ports)
    assert required == ("iam:DeleteRole", f"arn:aws:iam::{ACCOUNT}:role/p/R")


@pytest.mark.parametrize("service", ["iam", "sts", "lambda", "stepfunctions", "apigateway", "logs"])
def test_every_operation_has_one(service: str) -> None:
    for operation in load_model(service).operations:
        required = permissions.required(service, operation, {}, WORLD)
        if required is None:
            assert (service, operation) in permissions.OWN_CHECK
        else:
            action, resource = required
            assert action.partition(":")[0] == permissions.PREFIXES[service]
            assert resource == "*" or resource.startswith(("arn:aws:", "policy path "))


@pytest.mark.parametrize(
    ("service", "operation", "input", "expected"),
    [
        (
            "stepfunctions",
            "CreateStateMachine",
            {"tags": [{"key": "a", "value": "b"}]},
            {"aws:TagKeys": ["a"], "aws:RequestTag/a": "b"},
        ),
        ("lambda", "TagResource", {"Tags": {"a": "b"}}, {"aws:TagKeys": ["a"], "aws:RequestTag/a": "b"}),
        ("iam", "UntagRole", {"RoleName": "R", "TagKeys": ["a"]}, {"aws:TagKeys": ["a"]}),
        ("logs", "UntagLogGroup", {"logGroupName": "g", "tags": ["a"]}, {"aws:TagKeys": ["a"]}),
        ("logs", "TagLogGroup", {"tags": {"a": "b"}}, {"aws:TagKeys": ["a"], "aws:RequestTag/a": "b"}),
        ("iam", "AttachRolePolicy", {"PolicyArn": "arn:p"}, {"iam:PolicyARN": "arn:p"}),
        ("iam", "CreateRole", {"PermissionsBoundary": "arn:p"}, {"iam:PermissionsBoundary": "arn:p"}),
        (
            "stepfunctions",
            "StartExecution",
            {"stateMachineArn": "arn:aws:states:us-east-1:1:stateMachine:m:PROD"},
            {"states:StateMachineQualifier": "PROD"},
        ),
        ("stepfunctions", "StartExecution", {"stateMachineArn": "arn:aws:states:us-east-1:1:stateMachine:m"}, {}),
        ("lambda", "AddPermission", {"Principal": "s3.amazonaws.com"}, {"lambda:Principal": "s3.amazonaws.com"}),
    ],
)
def test_conditions(service: str, operation: str, input: dict[str, Any], expected: dict[str, Any]) -> None:
    assert permissions.conditions(service, operation, input) == expected
