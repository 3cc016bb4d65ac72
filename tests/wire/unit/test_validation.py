"""The texts of broken constraints; where a case is marked as recorded, AWS itself answered so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stategate import wire
from stategate.wire import WireError
from stategate.wire.validation import compile_pattern, java_set_order

ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:m"


def refused(service: str, operation: str, value: dict[str, Any]) -> WireError:
    with pytest.raises(WireError) as caught:
        wire.load(service).operations[operation].check(value)
    return caught.value


# (service, operation, input, code, message); recorded but for the last ones.
RECORDED = [
    (
        "stepfunctions",
        "ListExecutions",
        {"stateMachineArn": ARN, "statusFilter": "succeeded"},
        "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member must "
        "satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]",
    ),
    (
        "stepfunctions",
        "ListExecutions",
        {"stateMachineArn": ARN, "maxResults": 1001},
        "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have "
        "value less than or equal to 1000",
    ),
    (
        "stepfunctions",
        "CreateStateMachineAlias",
        {
            "name": "a",
            "routingConfiguration": [
                {"stateMachineVersionArn": "x:1", "weight": 50},
                {"stateMachineVersionArn": "x:2", "weight": 30},
                {"stateMachineVersionArn": "x:3", "weight": 20},
            ],
        },
        "1 validation error detected: Value '[RoutingConfigurationListItem(stateMachineVersionArn=x:1, weight=50), "
        "RoutingConfigurationListItem(stateMachineVersionArn=x:2, weight=30), "
        "RoutingConfigurationListItem(stateMachineVersionArn=x:3, weight=20)]' at 'routingConfiguration' failed to "
        "satisfy constraint: Member must have length less than or equal to 2",
    ),
    (
        "stepfunctions",
        "CreateStateMachineAlias",
        {"name": "a", "routingConfiguration": [{"stateMachineVersionArn": "x:1", "weight": 101}]},
        "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy "
        "constraint: Member must have value less than or equal to 100",
    ),
    (
        "apigateway",
        "CreateRestApi",
        {"name": "n", "endpointConfiguration": {"types": ["wrong"], "ipAddressType": "wrong"}},
        "2 validation errors detected: Value '[wrong]' at 'createRestApiInput.endpointConfiguration.types' failed to "
        "satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [PRIVATE, EDGE, "
        "REGIONAL]]; Value 'wrong' at 'createRestApiInput.endpointConfiguration.ipAddressType' failed to satisfy "
        "constraint: Member must satisfy enum value set: [ipv4, dualstack]",
    ),
    (
        "apigateway",
        "UpdateMethodResponse",
        {
            "restApiId": "r",
            "resourceId": "s",
            "httpMethod": "GET",
            "statusCode": "wrong",
            "patchOperations": [{"op": "wrong_op", "path": "/a"}],
        },
        "2 validation errors detected: Value 'wrong_op' at 'updateMethodResponseInput.patchOperations.1.member.op' "
        "failed to satisfy constraint: Member must satisfy enum value set: [add, remove, move, test, replace, copy]; "
        "Value 'wrong' at 'statusCode' failed to satisfy constraint: Member must satisfy regular expression pattern: "
        "[1-5]\\d\\d",
    ),
    (
        "apigateway",
        "PutIntegration",
        {"restApiId": "r", "resourceId": "s", "httpMethod": "GET", "type": "HTTPS_PROXY"},
        "1 validation error detected: Value 'HTTPS_PROXY' at 'putIntegrationInput.type' failed to satisfy constraint: "
        "Member must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]",
    ),
    (
        "stepfunctions",
        "StartExecution",
        {"stateMachineArn": ARN, "name": "n" * 81},
        f"1 validation error detected: Value '{'n' * 81}' at 'name' failed to satisfy constraint: Member must have "
        "length less than or equal to 80",
    ),
    (
        "stepfunctions",
        "StartExecution",
        {},
        "1 validation error detected: Value null at 'stateMachineArn' failed to satisfy constraint: Member must not be "
        "null",
    ),
    (
        "stepfunctions",
        "StartExecution",
        {"stateMachineArn": ARN, "input": "x" * 262145},
        "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than "
        "or equal to 262144",
    ),
]


@pytest.mark.parametrize(("service", "operation", "value", "message"), RECORDED)
def test_messages(service: str, operation: str, value: dict[str, Any], message: str) -> None:
    error = refused(service, operation, value)
    assert (error.code, error.message, error.status) == ("ValidationException", message, 400)


def test_codes_differ_by_service() -> None:
    session = refused(
        "sts", "AssumeRole", {"RoleArn": "arn:aws:iam::000000000000:role/r", "RoleSessionName": "Session1:2"}
    )
    assert session.code == "ValidationError"
    assert session.message == (
        "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\w+=,.@-]*"
    )
    assert refused("logs", "CreateLogGroup", {"logGroupName": "a b"}).code == "InvalidParameterException"
    assert refused("iam", "CreateRole", {"RoleName": "a b", "AssumeRolePolicyDocument": "{}"}).message == (
        "The specified value for roleName is invalid. "
        "It must contain only alphanumeric characters and/or the following: +=,.@_-"
    )
    key = refused("iam", "UpdateAccessKey", {"AccessKeyId": "A" * 20, "Status": "Off"})
    assert key.message.startswith("1 validation error detected: Value at 'status' failed")


def test_lengths_are_counted_as_java_counts() -> None:
    check = wire.load("stepfunctions").operations["StartExecution"].check
    check({"stateMachineArn": ARN, "name": "😀" * 40})
    with pytest.raises(WireError, match="length less than or equal to 80"):
        check({"stateMachineArn": ARN, "name": "😀" * 41})


def test_lambda_tells_of_unknown_runtimes_itself() -> None:
    wire.load("lambda").operations["CreateFunction"].check(
        {"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": {}, "Runtime": "cobol85"}
    )


def test_every_enum_of_every_service_is_listed_completely() -> None:
    for service in ("iam", "sts", "lambda", "apigateway", "stepfunctions", "logs"):
        model = wire.load(service).model
        for operation in model.operations.values():
            for member in operation.input.members.values():
                assert sorted(java_set_order(member.shape.enum)) == sorted(member.shape.enum)


def test_patterns_are_javas() -> None:
    assert compile_pattern(r"[\p{L}]+").fullmatch("é")
    assert not compile_pattern(r"\w+").fullmatch("é")
    assert compile_pattern(r"[ -퟿-�\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*").fullmatch("😀")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(service=st.sampled_from(["stepfunctions", "logs", "apigateway", "lambda"]), data=st.data())
def test_values_of_any_type_are_refused_with_an_aws_error(service: str, data: st.DataObject) -> None:
    operations = wire.load(service).operations
    operation = operations[data.draw(st.sampled_from(sorted(operations)))]
    names = st.sampled_from(sorted(operation.model.input.members) or ["x"])
    value = data.draw(st.dictionaries(names, JSON, max_size=5))
    try:
        operation.check(value)
    except WireError as error:
        assert error.code in ("SerializationException", "ValidationException", "InvalidParameterException")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"stateMachineArn":true}', "class java.lang.Boolean can not be converted to an String"),
        (
            b'{"stateMachineArn":1}',
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String",
        ),
        (b'{"stateMachineArn":{}}', "Start of structure or map found where not expected."),
        (b'{"stateMachineArn":[]}', "Start of list found where not expected."),
        (b"[]", "Expected structure or null"),
        (b"null", "Expected structure or null"),
    ],
)
def test_wrong_json_types(body: bytes, message: str) -> None:
    operation = wire.load("stepfunctions").operations["StartExecution"]
    with pytest.raises(WireError) as caught:
        operation.read(wire.HttpRequest("POST", "/", "", [], body), {})
    assert (caught.value.code, caught.value.message) == ("SerializationException", message)


@given(service=st.sampled_from(["stepfunctions", "logs"]), data=st.data())
def test_any_json_is_read_or_refused(service: str, data: st.DataObject) -> None:
    operations = wire.load(service).operations
    operation = operations[data.draw(st.sampled_from(sorted(operations)))]
    names = st.sampled_from([member.wire for member in operation.model.input.members.values()] or ["x"])
    finite = st.dictionaries(names, JSON, max_size=5) | JSON
    body = json.dumps(data.draw(finite)).encode()
    try:
        operation.check(operation.read(wire.HttpRequest("POST", "/", "", [], body), {}))
    except WireError as error:
        assert error.code in ("SerializationException", "ValidationException", "InvalidParameterException")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", json.dumps("x" * 10).encode()[:-1], b"[" * 100_000])
def test_malformed_json(body: bytes) -> None:
    operation = wire.load("stepfunctions").operations["StartExecution"]
    with pytest.raises(WireError) as caught:
        operation.read(wire.HttpRequest("POST", "/", "", [], body), {})
    assert caught.value.code == "SerializationException"
