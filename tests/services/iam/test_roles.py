"""Roles and their policies, as the clients see them."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

from iam.fakes import ACCOUNT, make_call, make_ports
from stategate.services.call import Input
from stategate.services.errors import AwsError
from stategate.services.iam import OPERATIONS
from stategate.services.ports import World

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"
        },
    }
)  # fmt: skip
ALLOW = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
PUSH = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"

Do = Callable[..., dict[str, Any]]


@pytest.fixture
def do() -> Do:
    ports = make_ports()

    def run(operation: str, **input: Any) -> dict[str, Any]:
        output = OPERATIONS[operation](make_call(ports), input)
        assert isinstance(output, dict)
        return output

    return run


def fails(do: Do, operation: str, **input: Any) -> tuple[str, int, str]:
    with pytest.raises(AwsError) as caught:
        do(operation, **input)
    return caught.value.code, caught.value.status, caught.value.message


def test_create_and_get(do: Do) -> None:
    created = do(
        "CreateRole",
        RoleName="R",
        Path="/a/b/",
        AssumeRolePolicyDocument=TRUST,
        Description="d",
        Tags=[{"Key": "k", "Value": "v"}],
    )["Role"]
    assert created["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/a/b/R"
    assert created["RoleId"].startswith("AROA") and len(created["RoleId"]) == 21
    assert unquote(created["AssumeRolePolicyDocument"]) == TRUST
    assert created["CreateDate"] == 1_800_000_000
    assert created["Tags"] == [{"Key": "k", "Value": "v"}]
    role = do("GetRole", RoleName="R")["Role"]
    assert role["MaxSessionDuration"] == 3600
    assert role["Description"] == "d"
    assert role["RoleLastUsed"] == {}
    assert {key: role[key] for key in created if key != "PermissionsBoundary"} == {
        key: created[key] for key in created if key != "PermissionsBoundary"
    }


def test_default_path(do: Do) -> None:
    assert do("CreateRole", RoleName="R", AssumeRolePolicyDocument=TRUST)["Role"]["Path"] == "/"


def test_missing_and_existing(do: Do) -> None:
    assert fails(do, "GetRole", RoleName="R") == ("NoSuchEntity", 404, "The role with name R cannot be found.")
    do("CreateRole", RoleName="R", AssumeRolePolicyDocument=TRUST)
    conflict = fails(do, "CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST)
    assert conflict == ("EntityAlreadyExists", 409, "Role with name r already exists.")


def test_malformed_trust(do: Do) -> None:
    failure = fails(do, "CreateRole", RoleName="R", AssumeRolePolicyDocument="x")
    assert failure == ("MalformedPolicyDocument", 400, "This policy contains invalid Json")
    assert fails(do, "GetRole", RoleName="R")[0] == "NoSuchEntity"
    do("CreateRole", RoleName="R", AssumeRolePolicyDocument=TRUST)
    assert fails(do, "UpdateAssumeRolePolicy", RoleName="R", PolicyDocument=ALLOW)[2] == (
        "AssumeRole policy may only specify STS AssumeRole actions."
    )
    assert unquote(do("GetRole", RoleName="R")["Role"]["AssumeRolePolicyDocument"]) == TRUST


def trusting(arn: str) -> str:
    return TRUST.replace('"Service": "states.amazonaws.com"', f'"AWS": "{arn}"')


def test_trusted_principals_must_exist_in_the_own_account(do: Do) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/other"
    failure = fails(do, "CreateRole", RoleName="R", AssumeRolePolicyDocument=trusting(arn))
    assert failure == ("MalformedPolicyDocument", 400, f'Invalid principal in policy: "AWS":"{arn}"')
    do("CreateRole", RoleName="other", AssumeRolePolicyDocument=TRUST)
    do("CreateRole", RoleName="R", AssumeRolePolicyDocument=trusting(arn))
    do("CreateRole", RoleName="S", AssumeRolePolicyDocument=trusting("arn:aws:iam::222222222222:role/x"))
    do("CreateRole", RoleName="T", AssumeRolePolicyDocument=trusting(f"arn:aws:iam::{ACCOUNT}:root"))


@pytest.mark.parametrize("noun", ["Role", "User"])
def test_a_deleted_principal_leaves_its_id_in_trust_policies(do: Do, noun: str) -> None:
    more = {"AssumeRolePolicyDocument": TRUST} if noun == "Role" else {}
    made = do(f"Create{noun}", **{f"{noun}Name": "other"}, **more)[noun]
    unique_id = made[f"{noun}Id"]
    do("CreateRole", RoleName="One", AssumeRolePolicyDocument=trusting(made["Arn"]))
    several = json.loads(trusting(made["Arn"]))
    several["Statement"]["Principal"] = {"AWS": [made["Arn"], ACCOUNT], "Service": "states.amazonaws.com"}
    several["Statement"]["Condition"] = {"StringNotEquals": {"aws:PrincipalArn": made["Arn"]}}
    do("CreateRole", RoleName="Several", AssumeRolePolicyDocument=json.dumps(several))
    do(f"Delete{noun}", **{f"{noun}Name": "other"})
    do(f"Create{noun}", **{f"{noun}Name": "other"}, **more)
    one = unquote(do("GetRole", RoleName="One")["Role"]["AssumeRolePolicyDocument"])
    assert json.loads(one)["Statement"]["Principal"] == {"AWS": unique_id}
    several["Statement"]["Principal"]["AWS"] = [unique_id, ACCOUNT]
    assert json.loads(unquote(do("GetRole", RoleName="Several")["Role"]["AssumeRolePolicyDocument"])) == several
    assert fails(do, "UpdateAssumeRolePolicy", RoleName="One", PolicyDocument=one) == (
        "MalformedPolicyDocument", 400, f'Invalid principal in policy: "AWS":"{unique_id}"'
    )  # fmt: skip


def test_update(do: Do) -> None:
    do("CreateRole", RoleName="R", AssumeRolePolicyDocument=TRUST, Description="d")
    do("UpdateRole", RoleName="R", MaxSessionDuration=7200)
    role = do("GetRole", RoleName="R")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("d", 7200)
    do("UpdateRole", RoleName="R", Description="e")
    assert do("GetRole", RoleName="R")["Role"]["Description"] == "e"


@pytest.mark.parametrize("noun", ["Role", "User"])
def test_inline_policies(do: Do, noun: str) -> None:
    name = {f"{noun}Name": "X"}
    extra = {"AssumeRolePolicyDocument": TRUST} if noun == "Role" else {}
    do(f"Create{noun}", **name, **extra)
    missing = ("NoSuchEntity", 404, f"The {noun.lower()} policy with name p cannot be found.")
    assert fails(do, f"Get{noun}Policy", **name, PolicyName="p") == missing
    do(f"Put{noun}Policy", **name, PolicyName="p", PolicyDocument=ALLOW)
    do(f"Put{noun}Policy", **name, PolicyName="a", PolicyDocument=ALLOW)
    assert do(f"List{noun}Policies", **name) == {"PolicyNames": ["a", "p"], "IsTruncated": False}
    got = do(f"Get{noun}Policy", **name, PolicyName="p")
    assert (got[f"{noun}Name"], got["PolicyName"], unquote(got["PolicyDocument"])) == ("X", "p", ALLOW)
    conflict = fails(do, f"Delete{noun}", **name)
    assert conflict == ("DeleteConflict", 409, "Cannot delete entity, must delete policies first.")
    for policy in ("a", "p"):
        do(f"Delete{noun}Policy", **name, PolicyName=policy)
    assert fails(do, f"Delete{noun}Policy", **name, PolicyName="p") == missing
    do(f"Delete{noun}", **name)
    assert fails(do, f"Get{noun}", **name)[0] == "NoSuchEntity"


@pytest.mark.parametrize("noun", ["Role", "User"])
def test_attached_policies(do: Do, noun: str) -> None:
    name = {f"{noun}Name": "X"}
    do(f"Create{noun}", **name, **({"AssumeRolePolicyDocument": TRUST} if noun == "Role" else {}))
    own = do("CreatePolicy", PolicyName="P", PolicyDocument=ALLOW)["Policy"]["Arn"]
    for arn in (PUSH, own, own):
        do(f"Attach{noun}Policy", **name, PolicyArn=arn)
    listed = do(f"ListAttached{noun}Policies", **name)
    assert listed["AttachedPolicies"] == [
        {"PolicyName": "AmazonAPIGatewayPushToCloudWatchLogs", "PolicyArn": PUSH},
        {"PolicyName": "P", "PolicyArn": own},
    ]
    assert do("GetPolicy", PolicyArn=own)["Policy"]["AttachmentCount"] == 1
    entities = do("ListEntitiesForPolicy", PolicyArn=own)
    assert [entity[f"{noun}Name"] for entity in entities[f"Policy{noun}s"]] == ["X"]
    assert fails(do, "DeletePolicy", PolicyArn=own)[2] == "Cannot delete a policy attached to entities."
    assert fails(do, f"Delete{noun}", **name)[2] == "Cannot delete entity, must detach all policies first."
    do(f"Detach{noun}Policy", **name, PolicyArn=own)
    assert fails(do, f"Detach{noun}Policy", **name, PolicyArn=own) == (
        "NoSuchEntity", 404, f"Policy {own} was not found."
    )  # fmt: skip
    do(f"Detach{noun}Policy", **name, PolicyArn=PUSH)
    do("DeletePolicy", PolicyArn=own)
    do(f"Delete{noun}", **name)


def test_attaching_what_is_not_there(do: Do) -> None:
    do("CreateRole", RoleName="R", AssumeRolePolicyDocument=TRUST)
    arn = f"arn:aws:iam::{ACCOUNT}:policy/none"
    assert fails(do, "AttachRolePolicy", RoleName="R", PolicyArn=arn) == (
        "NoSuchEntity", 404, f"Policy {arn} does not exist or is not attachable."
    )  # fmt: skip
    failure = fails(do, "AttachRolePolicy", RoleName="R", PolicyArn="longpolicynamebutnoarn")
    assert failure == ("ValidationError", 400, "ARN longpolicynamebutnoarn is not valid.")
    assert fails(do, "AttachRolePolicy", RoleName="R", PolicyArn="arn:aws:iam::aws:nothing/x")[0] == "InvalidInput"


def test_quotas(do: Do) -> None:
    do("CreateRole", RoleName="R", AssumeRolePolicyDocument=TRUST)
    for number in range(11):
        arn = do("CreatePolicy", PolicyName=f"P{number}", PolicyDocument=ALLOW)["Policy"]["Arn"]
        if number < 10:
            do("AttachRolePolicy", RoleName="R", PolicyArn=arn)
    assert fails(do, "AttachRolePolicy", RoleName="R", PolicyArn=arn) == (
        "LimitExceeded", 409, "Cannot exceed quota for PoliciesPerRole: 10"
    )  # fmt: skip
    long = ALLOW.replace('"Resource": "*"', '"Resource": "arn:aws:s3:::' + "x" * 6144 + '"')
    assert fails(do, "CreatePolicy", PolicyName="long", PolicyDocument=long)[2] == (
        "Cannot exceed quota for PolicySize: 6144"
    )
    do("PutRolePolicy", RoleName="R", PolicyName="one", PolicyDocument=long)
    assert fails(do, "PutRolePolicy", RoleName="R", PolicyName="two", PolicyDocument=long)[2] == (
        "Maximum policy size of 10240 bytes exceeded for role R"
    )


def test_pages(do: Do) -> None:
    for number in range(5):
        do("CreateRole", RoleName=f"R{number}", Path="/p/" if number % 2 else "/", AssumeRolePolicyDocument=TRUST)
    names: list[str] = []
    marker: Input = {}
    pages = 0
    while True:
        page = do("ListRoles", MaxItems=2, **marker)
        names += [role["RoleName"] for role in page["Roles"]]
        pages += 1
        if not page["IsTruncated"]:
            assert "Marker" not in page
            break
        marker = {"Marker": page["Marker"]}
    assert (names, pages) == ([f"R{number}" for number in range(5)], 3)
    assert [role["RoleName"] for role in do("ListRoles", PathPrefix="/p/")["Roles"]] == ["R1", "R3"]
    assert fails(do, "ListRoles", Marker="%%%") == ("ValidationError", 400, "Invalid Marker.")


def test_tags(do: Do) -> None:
    do("CreateRole", RoleName="R", AssumeRolePolicyDocument=TRUST)
    do("TagRole", RoleName="R", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    do("TagRole", RoleName="R", Tags=[{"Key": "A", "Value": "3"}])
    assert do("ListRoleTags", RoleName="R")["Tags"] == [{"Key": "A", "Value": "3"}, {"Key": "b", "Value": "2"}]
    do("UntagRole", RoleName="R", TagKeys=["B"])
    assert do("ListRoleTags", RoleName="R") == {"Tags": [{"Key": "A", "Value": "3"}], "IsTruncated": False}
    twice = fails(do, "TagRole", RoleName="R", Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
    assert twice[2] == "Duplicate tag keys found. Please note that Tag keys are case insensitive."


def test_boundary(do: Do) -> None:
    do("CreateRole", RoleName="R", AssumeRolePolicyDocument=TRUST)
    do("PutRolePermissionsBoundary", RoleName="R", PermissionsBoundary=PUSH)
    assert do("GetRole", RoleName="R")["Role"]["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": PUSH,
    }
    do("DeleteRolePermissionsBoundary", RoleName="R")
    assert do("GetRole", RoleName="R")["Role"]["PermissionsBoundary"] is None


def test_no_instance_profiles(do: Do) -> None:
    do("CreateRole", RoleName="R", AssumeRolePolicyDocument=TRUST)
    assert do("ListInstanceProfilesForRole", RoleName="R") == {"InstanceProfiles": [], "IsTruncated": False}


def test_no_groups(do: Do) -> None:
    do("CreateUser", UserName="u")
    assert do("ListGroupsForUser", UserName="u") == {"Groups": [], "IsTruncated": False}
    assert fails(do, "ListGroupsForUser", UserName="none")[0] == "NoSuchEntity"


def test_policy_versions(do: Do) -> None:
    arn = do("CreatePolicy", PolicyName="P", PolicyDocument=ALLOW, Description="d")["Policy"]["Arn"]
    assert fails(do, "CreatePolicy", PolicyName="p", PolicyDocument=ALLOW) == (
        "EntityAlreadyExists", 409, "A policy called p already exists. Duplicate names are not allowed."
    )  # fmt: skip
    for number in range(2, 6):
        version = do("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=ALLOW, SetAsDefault=number == 2)
        assert version["PolicyVersion"]["VersionId"] == f"v{number}"
    assert fails(do, "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=ALLOW)[0] == "LimitExceeded"
    assert [
        (version["VersionId"], version["IsDefaultVersion"])
        for version in do("ListPolicyVersions", PolicyArn=arn)["Versions"]
    ] == [("v5", False), ("v4", False), ("v3", False), ("v2", True), ("v1", False)]
    assert fails(do, "DeletePolicyVersion", PolicyArn=arn, VersionId="v2")[0] == "DeleteConflict"
    do("DeletePolicyVersion", PolicyArn=arn, VersionId="v5")
    version = do("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=ALLOW)["PolicyVersion"]
    assert version["VersionId"] == "v6"
    do("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v6")
    assert do("GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v6"
    assert unquote(do("GetPolicyVersion", PolicyArn=arn, VersionId="v6")["PolicyVersion"]["Document"]) == ALLOW
    assert fails(do, "DeletePolicy", PolicyArn=arn)[2].startswith("This policy has more than one version.")
    assert fails(do, "GetPolicyVersion", PolicyArn=arn, VersionId="v9")[0] == "NoSuchEntity"


def test_pages_of_policy_versions_that_are_deleted_as_they_are_shown(do: Do) -> None:
    arn = do("CreatePolicy", PolicyName="P", PolicyDocument=ALLOW)["Policy"]["Arn"]
    for _ in range(4):
        do("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=ALLOW)
    first = do("ListPolicyVersions", PolicyArn=arn, MaxItems=2)
    for version in first["Versions"]:
        do("DeletePolicyVersion", PolicyArn=arn, VersionId=version["VersionId"])
    rest = do("ListPolicyVersions", PolicyArn=arn, Marker=first["Marker"])
    shown = [version["VersionId"] for version in first["Versions"] + rest["Versions"]]
    assert shown == ["v5", "v4", "v3", "v2", "v1"]


def test_policies_of_aws(do: Do) -> None:
    policy = do("GetPolicy", PolicyArn=PUSH)["Policy"]
    assert (policy["PolicyName"], policy["Path"]) == ("AmazonAPIGatewayPushToCloudWatchLogs", "/service-role/")
    version = do("GetPolicyVersion", PolicyArn=PUSH, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    assert json.loads(unquote(version["Document"]))["Version"] == "2012-10-17"
    assert fails(do, "DeletePolicy", PolicyArn=PUSH)[:2] == ("AccessDenied", 403)
    do("CreatePolicy", PolicyName="P", PolicyDocument=ALLOW)
    local = do("ListPolicies", Scope="Local")["Policies"]
    assert [one["PolicyName"] for one in local] == ["P"]
    assert do("ListPolicies", Scope="AWS", OnlyAttached=True)["Policies"] == []


def test_users_and_keys(do: Do) -> None:
    do("CreateUser", UserName="u")
    assert fails(do, "CreateUser", UserName="U")[2] == "User with name U already exists."
    key = do("CreateAccessKey", UserName="u")["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA") and len(key["AccessKeyId"]) == 20
    assert len(key["SecretAccessKey"]) == 40
    do("CreateAccessKey", UserName="u")
    assert fails(do, "CreateAccessKey", UserName="u")[2] == "Cannot exceed quota for AccessKeysPerUser: 2"
    do("UpdateAccessKey", UserName="u", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    listed = do("ListAccessKeys", UserName="u")["AccessKeyMetadata"]
    assert {one["AccessKeyId"]: one["Status"] for one in listed}[key["AccessKeyId"]] == "Inactive"
    assert all("SecretAccessKey" not in one for one in listed)
    assert fails(do, "DeleteUser", UserName="u")[2] == "Cannot delete entity, must delete access keys first."
    for one in listed:
        do("DeleteAccessKey", UserName="u", AccessKeyId=one["AccessKeyId"])
    do("DeleteUser", UserName="u")
    assert fails(do, "CreateAccessKey")[2] == "Must specify userName when calling with non-User credentials"
    assert do("GetUser")["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"


def test_keys_of_two_accounts_keep_apart() -> None:
    ports = make_ports()
    here, there = make_call(ports), make_call(ports, world=World("222222222222", "us-east-1"))
    keys = []
    for call in (here, there):
        OPERATIONS["CreateUser"](call, {"UserName": "u"})
        created = OPERATIONS["CreateAccessKey"](call, {"UserName": "u"})
        assert isinstance(created, dict)
        keys.append(created["AccessKey"]["AccessKeyId"])
    listed = OPERATIONS["ListAccessKeys"](here, {"UserName": "u"})
    assert isinstance(listed, dict)
    assert [key["AccessKeyId"] for key in listed["AccessKeyMetadata"]] == keys[:1]
    with pytest.raises(AwsError, match="cannot be found"):
        OPERATIONS["DeleteAccessKey"](here, {"UserName": "u", "AccessKeyId": keys[1]})
