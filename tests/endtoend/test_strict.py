"""`--auth strict` with the real client: signatures and identity policies count."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from stategate.testing.process import ServerProcess

ROOT = ("AKIAROOTROOTROOTROOT", "root-secret")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    options = ("--auth", "strict", "--root-access-key", ROOT[0], "--root-secret-key", ROOT[1], "--log-level", "warning")
    with ServerProcess(tmp_path_factory.mktemp("strict"), *options) as server:
        yield server


@contextlib.contextmanager
def client(server: ServerProcess, service: str, key: str, secret: str, token: str | None = None) -> Iterator[Any]:
    session = boto3.Session(key, secret, token, region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1})
    with contextlib.closing(session.client(service, endpoint_url=server.url, config=config)) as made:
        yield made


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_the_root_user_may_do_everything(strict: ServerProcess) -> None:
    with client(strict, "stepfunctions", *ROOT) as states:
        assert states.list_state_machines()["stateMachines"] == []


@pytest.mark.parametrize(
    ("service", "operation", "key", "secret", "expected"),
    [
        ("stepfunctions", "list_state_machines", ROOT[0], "wrong", "InvalidSignatureException"),
        ("stepfunctions", "list_state_machines", "AKIANOBODYNOBODYNOBO", "x", "UnrecognizedClientException"),
        ("iam", "list_roles", ROOT[0], "wrong", "SignatureDoesNotMatch"),
        ("iam", "list_roles", "123456789012", "x", "InvalidClientTokenId"),
        ("apigateway", "get_rest_apis", ROOT[0], "wrong", "InvalidSignatureException"),
    ],
)
def test_wrong_keys(strict: ServerProcess, service: str, operation: str, key: str, secret: str, expected: str) -> None:
    with client(strict, service, key, secret) as made, pytest.raises(ClientError) as error:
        getattr(made, operation)()
    assert code(error) == expected


def test_a_user_may_what_their_policies_allow(strict: ServerProcess) -> None:
    with client(strict, "iam", *ROOT) as iam:
        iam.create_user(UserName="ada")
        statement = {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=document)
        made = iam.create_access_key(UserName="ada")["AccessKey"]
    keys = (made["AccessKeyId"], made["SecretAccessKey"])
    with client(strict, "logs", *keys) as logs:
        assert logs.describe_log_groups()["logGroups"] == []
        with pytest.raises(ClientError) as error:
            logs.create_log_group(logGroupName="/ada")
    assert code(error) == "AccessDeniedException"
    assert "is not authorized to perform: logs:CreateLogGroup on resource: " in str(error.value)
    with client(strict, "sts", *keys) as sts:
        assert sts.get_caller_identity()["Arn"].endswith(":user/ada")


def test_a_session_of_a_role(strict: ServerProcess) -> None:
    with client(strict, "iam", *ROOT) as iam, client(strict, "sts", *ROOT) as sts:
        account = sts.get_caller_identity()["Account"]
        iam.create_user(UserName="eve")
        key = iam.create_access_key(UserName="eve")["AccessKey"]
        trust = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:user/eve"},
            "Action": "sts:AssumeRole",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": trust})
        role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        iam.attach_role_policy(RoleName="reader", PolicyArn="arn:aws:iam::aws:policy/AWSStepFunctionsReadOnlyAccess")
    with client(strict, "sts", key["AccessKeyId"], key["SecretAccessKey"]) as sts:
        session = sts.assume_role(RoleArn=role, RoleSessionName="look")["Credentials"]
    keys = (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    with client(strict, "stepfunctions", *keys) as states:
        assert states.list_state_machines()["stateMachines"] == []
        with pytest.raises(ClientError) as error:
            states.delete_state_machine(stateMachineArn=f"arn:aws:states:us-east-1:{account}:stateMachine:x")
    assert code(error) == "AccessDeniedException"
    assert f"User: arn:aws:sts::{account}:assumed-role/reader/look is not authorized" in str(error.value)


def test_an_unsigned_request_is_refused(strict: ServerProcess) -> None:
    config = Config(signature_version=botocore.UNSIGNED)
    session = boto3.Session(region_name="us-east-1")
    logs = session.client("logs", endpoint_url=strict.url, config=config)
    with contextlib.closing(logs), pytest.raises(ClientError) as error:
        logs.describe_log_groups()
    assert code(error) == "MissingAuthenticationTokenException"
