"""Mocked results against the services' models."""

from __future__ import annotations

from typing import Any

import pytest

from stategate.asl.resources import named
from stategate.services.errors import AwsError
from stategate.services.states.teststate_schema import check_result


def problem(api: str, result: Any, mode: str = "STRICT") -> str | None:
    resource = named(f"arn:aws:states:::{api}")
    assert resource is not None
    try:
        check_result(resource, result, mode)
    except AwsError as error:
        assert error.code == "ValidationException"
        return error.message.removeprefix("Mock result schema validation error: ")
    return None


@pytest.mark.parametrize(
    ("api", "result", "expected"),
    [
        ("lambda:invoke", {"Payload": {"any": [1]}, "StatusCode": 200}, None),
        ("lambda:invoke", {"StatusCode": True}, "Field 'StatusCode' must be a number"),
        ("states:startExecution", {"ExecutionArn": "a", "StartDate": "d"}, None),
        ("states:startExecution", {"executionArn": "a", "startDate": "d"}, "Required field 'ExecutionArn' is missing"),
        ("aws-sdk:sfn:startExecution", {"ExecutionArn": "a"}, "Required field 'StartDate' is missing"),
        ("aws-sdk:rds:describeDBInstances", {"DbInstances": 1}, "Field 'DbInstances' must be an array"),
        ("sqs:sendMessage", {"MD5OfMessageBody": 1}, "Field 'MD5OfMessageBody' must be a string"),
        ("states:startExecution.sync:2", {"Output": {"x": 1}}, "Required field 'ExecutionArn' is missing"),
        ("aws-sdk:dynamodb:getItem", {"Item": {"id": {"S": "x"}}}, None),
        ("aws-sdk:dynamodb:getItem", {"Item": {"id": {"N": 1}}}, "Field 'N' must be a string"),
        ("aws-sdk:dynamodb:getItem", {"Item": {"id": {"Bool": "x"}}}, "Field 'Bool' must be a boolean"),
        ("aws-sdk:dynamodb:getItem", {"Item": []}, "Field 'Item' must be an object"),
        ("aws-sdk:cloudwatchlogs:describeLogGroups", {"LogGroups": [{"StoredBytes": 1}]}, None),
        (
            "aws-sdk:cognitoidentityprovider:listUsers",
            {"Users": [{"Username": 1}]},
            "Field 'Username' must be a string",
        ),
        (
            "ecs:runTask",
            {"Tasks": [{"Attributes": [{"Name": "n", "TargetType": "x"}]}]},
            "Field 'TargetType' is not an expected value",
        ),
        ("sqs:sendMessage.waitForTaskToken", {"any": 1}, None),
        ("sqs:sendMessage.waitForTaskToken", [1], None),
        ("apigateway:invoke", {"StatusCode": "any"}, None),
        ("nosuch:thing", "x", None),
        ("glue:startJobRun.sync", {"JobRun": {"Attempt": "1"}}, "Field 'Attempt' must be a number"),
    ],
)
def test_strict(api: str, result: Any, expected: str | None) -> None:
    assert problem(api, result) == expected


def test_present_asks_for_nothing_and_none_for_no_form() -> None:
    assert problem("states:startExecution", {}, "PRESENT") is None
    assert problem("states:startExecution", {"StartDate": 1}, "PRESENT") == "Field 'StartDate' must be a string"
    assert problem("states:startExecution", {"StartDate": 1}, "NONE") is None
    assert problem("states:startExecution", 5, "NONE") is None


def test_numbers_have_limits() -> None:
    result = {"Reservations": [], "NextToken": "x"}
    assert problem("aws-sdk:ec2:describeInstances", result) is None
    backoff = {"InspectionData": {"ErrorDetails": {"RetryIndex": -1}}}
    assert problem("aws-sdk:sfn:testState", backoff) == "Field 'RetryIndex' is less than the minimum value"
    percentage = {"InspectionData": {"ToleratedFailurePercentage": 101}}
    assert problem("aws-sdk:sfn:testState", percentage) == (
        "Field 'ToleratedFailurePercentage' exceeds the maximum value"
    )
