"""AWS's managed policies that are shipped."""

import pytest

from stategate.iam import Kind, aws_managed_policies, parse_policy

NAMED = [
    "service-role/AmazonAPIGatewayPushToCloudWatchLogs",
    "service-role/AWSLambdaBasicExecutionRole",
    "service-role/AWSLambdaRole",
    "service-role/AWSLambdaVPCAccessExecutionRole",
    "AWSStepFunctionsFullAccess",
    "AWSStepFunctionsReadOnlyAccess",
    "AWSLambda_FullAccess",
    "CloudWatchLogsFullAccess",
    "AdministratorAccess",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "AmazonS3FullAccess",
]


@pytest.mark.parametrize("name", NAMED)
def test_there(name: str) -> None:
    assert f"arn:aws:iam::aws:policy/{name}" in aws_managed_policies()


def test_all_are_valid_and_their_ids_differ() -> None:
    policies = aws_managed_policies()
    for policy in policies.values():
        assert parse_policy(policy.document, Kind.IDENTITY).statements
    assert len({policy.id for policy in policies.values()}) == len(policies)


def test_the_one_for_api_gateways_logs() -> None:
    document = aws_managed_policies()[
        "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    ].document
    (statement,) = parse_policy(document, Kind.IDENTITY).statements
    for action in ("createloggroup", "createlogstream", "describeloggroups", "putlogevents", "filterlogevents"):
        assert statement.applies(f"logs:{action}", "arn:aws:logs:us-east-1:1:log-group:x:log-stream:", {})
    assert not statement.applies("logs:deleteloggroup", "arn:aws:logs:us-east-1:1:log-group:x:log-stream:", {})
