"""STS's operations."""

import json
from typing import Any

import pytest

from iam.fakes import ACCOUNT, make_call, make_ports
from stategate.iam import Principal
from stategate.services import access
from stategate.services.errors import AwsError
from stategate.services.iam import OPERATIONS as IAM
from stategate.services.ports import Ports
from stategate.services.sts import OPERATIONS as STS

ROLE = f"arn:aws:iam::{ACCOUNT}:role/R"
CALLER = f"arn:aws:iam::{ACCOUNT}:root"


def call(ports: Ports, operation: str, principal: Principal | None = None, /, **input: Any) -> dict[str, Any]:
    output = {**IAM, **STS}[operation](make_call(ports, principal), input)
    assert isinstance(output, dict)
    return output


def trust(principal: object, action: object = "sts:AssumeRole", **more: object) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def role(ports: Ports, document: str) -> None:
    call(ports, "CreateRole", RoleName="R", AssumeRolePolicyDocument=document)


def fails(ports: Ports, operation: str, principal: Principal | None = None, /, **input: Any) -> tuple[str, int, str]:
    with pytest.raises(AwsError) as caught:
        call(ports, operation, principal, **input)
    return caught.value.code, caught.value.status, caught.value.message


def session_of(ports: Ports, output: dict[str, Any]) -> Principal:
    credentials = output["Credentials"]
    return access.principal_of(ports, ACCOUNT, credentials["AccessKeyId"], credentials["SessionToken"])


def test_identity_of_root() -> None:
    assert call(make_ports(), "GetCallerIdentity") == {"UserId": ACCOUNT, "Account": ACCOUNT, "Arn": CALLER}


def test_assume_role() -> None:
    ports = make_ports()
    role(ports, trust({"AWS": ACCOUNT}))
    output = call(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s")
    assert output["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s"
    assert output["Credentials"]["Expiration"] == 1_800_003_600
    assert output["PackedPolicySize"] is None
    principal = session_of(ports, output)
    assert call(ports, "GetCallerIdentity", principal) == {
        "UserId": output["AssumedRoleUser"]["AssumedRoleId"],
        "Account": ACCOUNT,
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s",
    }


def test_refusals() -> None:
    ports = make_ports()
    refused = (
        "AccessDenied", 403, f"User: {CALLER} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    )  # fmt: skip
    assert fails(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s") == refused
    role(ports, trust({"Service": "lambda.amazonaws.com"}))
    assert fails(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s") == refused
    assert fails(ports, "AssumeRole", RoleArn="arn:aws:iam::x:role", RoleSessionName="s") == (
        "ValidationError", 400, "arn:aws:iam::x:role is invalid"
    )  # fmt: skip
    assert fails(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s", SerialNumber="x", TokenCode="123456")[0] == (
        "AccessDenied"
    )
    assert fails(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s", ProvidedContexts=[{}])[2] == (
        "Stategate does not support the parameter ProvidedContexts."
    )


def test_external_id() -> None:
    ports = make_ports()
    role(ports, trust({"AWS": ACCOUNT}, Condition={"StringEquals": {"sts:ExternalId": "42"}}))
    assert fails(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s", ExternalId="43")[0] == "AccessDenied"
    call(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s", ExternalId="42")


def test_tags_and_source_identity_need_their_own_actions() -> None:
    ports = make_ports()
    role(ports, trust({"AWS": ACCOUNT}))
    tagged = {"RoleArn": ROLE, "RoleSessionName": "s", "Tags": [{"Key": "team", "Value": "x"}]}
    assert fails(ports, "AssumeRole", **tagged)[2].startswith(
        f"User: {CALLER} is not authorized to perform: sts:TagSession"
    )
    document = trust({"AWS": ACCOUNT}, ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])
    call(ports, "UpdateAssumeRolePolicy", RoleName="R", PolicyDocument=document)
    output = call(ports, "AssumeRole", **tagged, SourceIdentity="me", TransitiveTagKeys=["team"])
    principal = session_of(ports, output)
    assert (principal.tags, principal.source_identity) == ({"team": "x"}, "me")
    call(
        ports,
        "PutRolePolicy",
        RoleName="R",
        PolicyName="p",
        PolicyDocument='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}',
    )
    chained = session_of(ports, call(ports, "AssumeRole", principal, RoleArn=ROLE, RoleSessionName="t"))
    assert (chained.tags, chained.source_identity) == ({"team": "x"}, "me")
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert fails(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s", Tags=twice) == (
        "InvalidParameterValue", 400, "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    )  # fmt: skip
    assert fails(ports, "AssumeRole", principal, RoleArn=ROLE, RoleSessionName="t", DurationSeconds=7200)[2] == (
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    )


def test_session_policies_limit() -> None:
    ports = make_ports()
    role(ports, trust({"AWS": ACCOUNT}))
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    call(ports, "AttachRolePolicy", RoleName="R", PolicyArn=arn)
    limit = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"logs:*","Resource":"*"}}'
    output = call(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s", Policy=limit)
    assert output["PackedPolicySize"] == 5
    principal = session_of(ports, output)
    world = make_call(ports).world
    access.authorize(ports, world, principal, "logs:PutLogEvents", "*")
    with pytest.raises(AwsError, match="because no session policy allows the states:StopExecution action"):
        access.authorize(ports, world, principal, "states:StopExecution", "*")
    failure = fails(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s", Policy="{")
    assert failure[0] == "MalformedPolicyDocument"
    assert fails(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s", DurationSeconds=7200)[2] == (
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    )


def test_session_token() -> None:
    ports = make_ports()
    output = call(ports, "GetSessionToken")
    assert session_of(ports, output).arn == CALLER
    role(ports, trust({"AWS": ACCOUNT}))
    principal = session_of(ports, call(ports, "AssumeRole", RoleArn=ROLE, RoleSessionName="s"))
    assert fails(ports, "GetSessionToken", principal)[2] == "Cannot call GetSessionToken with session credentials"
