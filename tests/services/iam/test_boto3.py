"""IAM and STS through boto3 and the wire, in process."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from iam.boto import client, credentials
from iam.fakes import ACCOUNT, make_ports

TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"},
}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:GetRole", "Resource": "*"}]}
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def test_life_of_a_role() -> None:
    iam = client(make_ports(), "iam", ACCOUNT)
    created = iam.create_role(
        RoleName="R", AssumeRolePolicyDocument=json.dumps(TRUST), Tags=[{"Key": "a", "Value": "b"}], Description="d"
    )["Role"]
    assert created["AssumeRolePolicyDocument"] == TRUST
    assert created["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/R"
    iam.put_role_policy(RoleName="R", PolicyName="p", PolicyDocument=json.dumps(ALLOW))
    assert iam.get_role_policy(RoleName="R", PolicyName="p")["PolicyDocument"] == ALLOW
    own = iam.create_policy(PolicyName="P", PolicyDocument=json.dumps(ALLOW))["Policy"]
    assert own["DefaultVersionId"] == "v1" and own["IsAttachable"] is True
    for arn in (own["Arn"], BASIC):
        iam.attach_role_policy(RoleName="R", PolicyArn=arn)
    attached = iam.get_paginator("list_attached_role_policies").paginate(RoleName="R", PaginationConfig={"PageSize": 1})
    names = [policy["PolicyName"] for page in attached for policy in page["AttachedPolicies"]]
    assert names == ["AWSLambdaBasicExecutionRole", "P"]
    got = iam.get_role(RoleName="R")["Role"]
    assert (got["Description"], got["Tags"], got["MaxSessionDuration"]) == ("d", [{"Key": "a", "Value": "b"}], 3600)
    assert got["CreateDate"].timestamp() == 1_800_000_000
    document = iam.get_policy_version(PolicyArn=own["Arn"], VersionId="v1")["PolicyVersion"]["Document"]
    assert document == ALLOW
    assert iam.list_instance_profiles_for_role(RoleName="R")["InstanceProfiles"] == []
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_role(RoleName="R")


@pytest.mark.parametrize(
    ("operation", "input", "code", "status"),
    [
        ("get_role", {"RoleName": "none"}, "NoSuchEntity", 404),
        ("create_role", {"RoleName": "R", "AssumeRolePolicyDocument": "{"}, "MalformedPolicyDocument", 400),
        ("create_role", {"RoleName": "a b", "AssumeRolePolicyDocument": "{}"}, "ValidationError", 400),
        ("get_policy", {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/none"}, "NoSuchEntity", 404),
    ],
)
def test_errors(operation: str, input: dict[str, Any], code: str, status: int) -> None:
    iam = client(make_ports(), "iam", ACCOUNT)
    with pytest.raises(ClientError) as caught:
        getattr(iam, operation)(**input)
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)


def test_a_session_of_a_role_acts_as_the_role() -> None:
    ports = make_ports()
    iam, sts = client(ports, "iam", ACCOUNT), client(ports, "sts", ACCOUNT)
    role = iam.create_role(RoleName="R", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    session = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me")
    keys = credentials(session["Credentials"])
    me = client(ports, "sts", *keys).get_caller_identity()
    assert me["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/R/me" == session["AssumedRoleUser"]["Arn"]
    as_role = client(ports, "iam", *keys)
    with pytest.raises(ClientError) as caught:
        as_role.get_role(RoleName="R")
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == (
        "AccessDenied",
        f"User: {me['Arn']} is not authorized to perform: iam:GetRole on resource: {role['Arn']} "
        "because no identity-based policy allows the iam:GetRole action",
    )
    iam.put_role_policy(RoleName="R", PolicyName="p", PolicyDocument=json.dumps(ALLOW))
    assert as_role.get_role(RoleName="R")["Role"]["RoleId"] == role["RoleId"]


def test_strict() -> None:
    ports = make_ports("strict")
    root = client(ports, "iam", "AKIAROOT", "rootsecret")
    # Botocore signs with the machine's time.
    ports.clock.time = time.time()  # type: ignore[attr-defined]
    root.create_user(UserName="u")
    key = root.create_access_key(UserName="u")["AccessKey"]
    pair = key["AccessKeyId"], key["SecretAccessKey"]
    assert client(ports, "sts", *pair).get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:user/u"
    with pytest.raises(ClientError) as caught:
        client(ports, "iam", *pair).list_roles()
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    for bad, code in (((pair[0], "wrong"), "SignatureDoesNotMatch"), (("AKIANOBODY", "x"), "InvalidClientTokenId")):
        with pytest.raises(ClientError) as caught:
            client(ports, "sts", *bad).get_caller_identity()
        assert caught.value.response["Error"]["Code"] == code
    root.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps(ALLOW).replace("GetRole", "List*"))
    assert client(ports, "iam", *pair).list_roles()["Roles"] == []


def test_every_answer_is_of_the_model() -> None:
    """Each operation that reads, with something to read."""
    ports = make_ports()
    iam = client(ports, "iam", ACCOUNT)
    iam.create_role(RoleName="X", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_user(UserName="X")
    iam.create_access_key(UserName="X")
    arn = iam.create_policy(PolicyName="P", PolicyDocument=json.dumps(ALLOW), Description="d")["Policy"]["Arn"]
    for noun in ("role", "user"):
        name = {f"{noun.title()}Name": "X"}
        getattr(iam, f"attach_{noun}_policy")(**name, PolicyArn=arn)
        getattr(iam, f"put_{noun}_permissions_boundary")(**name, PermissionsBoundary=arn)
        getattr(iam, f"tag_{noun}")(**name, Tags=[{"Key": "k", "Value": "v"}])
        assert getattr(iam, f"get_{noun}")(**name)[noun.title()]["Tags"] == [{"Key": "k", "Value": "v"}]
        assert getattr(iam, f"list_{noun}_tags")(**name)["Tags"] == [{"Key": "k", "Value": "v"}]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(ALLOW), SetAsDefault=True)
    assert len(iam.list_policy_versions(PolicyArn=arn)["Versions"]) == 2
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (2, 2)
    assert policy["Tags"] == [{"Key": "k", "Value": "v"}] == iam.list_policy_tags(PolicyArn=arn)["Tags"]
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["X"]
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["X"]
    assert len(iam.list_access_keys(UserName="X")["AccessKeyMetadata"]) == 1
    assert iam.get_user()["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    entities = iam.list_entities_for_policy(PolicyArn=arn, EntityFilter="User")
    assert (entities["PolicyRoles"], entities["PolicyUsers"][0]["UserName"]) == ([], "X")
    aws = iam.list_policies(Scope="AWS", MaxItems=1000)["Policies"]
    assert BASIC in [policy["Arn"] for policy in aws]
    assert iam.update_role_description(RoleName="X", Description="e")["Role"]["Description"] == "e"
