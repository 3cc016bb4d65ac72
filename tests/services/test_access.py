"""Callers, their credentials, and what they may do."""

import json

import pytest

from iam.fakes import ACCOUNT, WORLD, FakeClock, make_call, make_ports
from stategate.iam import Principal
from stategate.iam.principal import root, service
from stategate.services import access
from stategate.services.errors import AwsError
from stategate.services.iam import OPERATIONS
from stategate.services.ports import Ports, World

MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:Move"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/api/R"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/R/BackplaneAssumeRoleSession"
OTHER = World("222222222222", "us-east-1")


def document(action: str = "*", resource: str = "*", effect: str = "Allow") -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": effect, "Action": action, "Resource": resource}}
    )


def trust(principal: object) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def do(ports: Ports, operation: str, **input: object) -> None:
    OPERATIONS[operation](make_call(ports), input)


@pytest.fixture
def ports() -> Ports:
    ports = make_ports()
    do(
        ports,
        "CreateRole",
        RoleName="R",
        Path="/api/",
        AssumeRolePolicyDocument=trust({"Service": ["apigateway.amazonaws.com", "lambda.us-east-1.amazonaws.com"]}),
    )
    return ports


def session(ports: Ports) -> Principal:
    return access.assume_role(ports, WORLD, ROLE, "apigateway.amazonaws.com", "BackplaneAssumeRoleSession")


def denied(ports: Ports, principal: Principal, action: str, resource: str, **more: str | None) -> AwsError:
    with pytest.raises(AwsError) as caught:
        access.authorize(ports, WORLD, principal, action, resource, **more)  # type: ignore[arg-type]
    return caught.value


# --- roles ------------------------------------------------------------------------------------------------------


def test_assumed_role_is_the_session(ports: Ports) -> None:
    principal = session(ports)
    assert (principal.kind, principal.arn, principal.role_arn) == ("role", SESSION, ROLE)
    assert principal.user_id.startswith("AROA") and principal.user_id.endswith(":BackplaneAssumeRoleSession")


def test_roles_that_cannot_be_assumed(ports: Ports) -> None:
    for arn, name in [
        (ROLE, "states.amazonaws.com"),
        (ROLE.replace("/api/", "/"), "apigateway.amazonaws.com"),
        (f"{ROLE}2", "apigateway.amazonaws.com"),
        ("nonsense", "apigateway.amazonaws.com"),
        (ROLE.replace(ACCOUNT, OTHER.account), "apigateway.amazonaws.com"),
    ]:
        with pytest.raises(access.RoleNotAssumable):
            access.assume_role(ports, WORLD, arn, name, "s")
        assert not access.role_exists_and_trusts(ports, WORLD, arn, name)
    with pytest.raises(access.RoleNotAssumable):
        access.assume_role(ports, OTHER, ROLE, "apigateway.amazonaws.com", "s")
    assert access.role_exists_and_trusts(ports, WORLD, ROLE, "lambda.amazonaws.com")
    assert not access.role_exists_and_trusts(ports, World(ACCOUNT, "eu-west-1"), ROLE, "lambda.amazonaws.com")


def test_denied_in_aws_words(ports: Ports) -> None:
    error = denied(ports, session(ports), "states:StartExecution", MACHINE)
    assert (error.code, error.status) == ("AccessDeniedException", 400)
    assert error.message == (
        f"User: {SESSION} is not authorized to perform: states:StartExecution on resource: {MACHINE} "
        "because no identity-based policy allows the states:StartExecution action"
    )


@pytest.mark.parametrize(
    ("action", "code", "status"),
    [
        ("lambda:InvokeFunction", "AccessDeniedException", 403),
        ("apigateway:GET", "AccessDeniedException", 403),
        ("logs:PutLogEvents", "AccessDeniedException", 400),
        ("iam:GetRole", "AccessDenied", 403),
    ],
)
def test_denied_as_each_service_does(ports: Ports, action: str, code: str, status: int) -> None:
    error = denied(ports, session(ports), action, "*")
    assert (error.code, error.status) == (code, status)
    assert f"perform: {action} on resource: * because" in error.message


def test_changes_count_at_once(ports: Ports) -> None:
    principal = session(ports)
    do(ports, "PutRolePolicy", RoleName="R", PolicyName="p", PolicyDocument=document("states:StartExecution", MACHINE))
    access.authorize(ports, WORLD, principal, "states:StartExecution", MACHINE)
    do(ports, "PutRolePolicy", RoleName="R", PolicyName="q", PolicyDocument=document("states:*", effect="Deny"))
    error = denied(ports, principal, "states:StartExecution", MACHINE)
    assert error.message.endswith("with an explicit deny in an identity-based policy")
    do(ports, "DeleteRolePolicy", RoleName="R", PolicyName="q")
    access.authorize(ports, WORLD, principal, "states:StartExecution", MACHINE)


def test_attached_policies_and_their_default_version(ports: Ports) -> None:
    principal = session(ports)
    arn = "arn:aws:iam::aws:policy/AWSStepFunctionsFullAccess"
    do(ports, "AttachRolePolicy", RoleName="R", PolicyArn=arn)
    access.authorize(ports, WORLD, principal, "states:StartExecution", MACHINE)
    do(ports, "DetachRolePolicy", RoleName="R", PolicyArn=arn)
    own = f"arn:aws:iam::{ACCOUNT}:policy/P"
    do(ports, "CreatePolicy", PolicyName="P", PolicyDocument=document("logs:*"))
    do(ports, "AttachRolePolicy", RoleName="R", PolicyArn=own)
    denied(ports, principal, "states:StartExecution", MACHINE)
    do(ports, "CreatePolicyVersion", PolicyArn=own, PolicyDocument=document("states:*"), SetAsDefault=True)
    access.authorize(ports, WORLD, principal, "states:StartExecution", MACHINE)


def test_boundary(ports: Ports) -> None:
    do(ports, "PutRolePolicy", RoleName="R", PolicyName="p", PolicyDocument=document())
    do(
        ports,
        "PutRolePermissionsBoundary",
        RoleName="R",
        PermissionsBoundary="arn:aws:iam::aws:policy/AWSStepFunctionsFullAccess",
    )
    access.authorize(ports, WORLD, session(ports), "states:StartExecution", MACHINE)
    error = denied(ports, session(ports), "lambda:InvokeFunction", FUNCTION)
    assert error.message.endswith("because no permissions boundary allows the lambda:InvokeFunction action")


def test_a_new_role_of_the_same_name_is_another_one(ports: Ports) -> None:
    principal = session(ports)
    do(ports, "DeleteRole", RoleName="R")
    do(
        ports,
        "CreateRole",
        RoleName="R",
        Path="/api/",
        AssumeRolePolicyDocument=trust({"Service": "apigateway.amazonaws.com"}),
    )
    do(ports, "PutRolePolicy", RoleName="R", PolicyName="p", PolicyDocument=document())
    denied(ports, principal, "states:StartExecution", MACHINE)
    access.authorize(ports, WORLD, session(ports), "states:StartExecution", MACHINE)


def test_root_may_in_its_own_account_only(ports: Ports) -> None:
    access.authorize(ports, WORLD, root(ACCOUNT), "states:StartExecution", MACHINE)
    denied(ports, root(OTHER.account), "states:StartExecution", MACHINE)


def test_conditions_on_the_principal_and_the_time(ports: Ports) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": {
            "ArnEquals": {"aws:PrincipalArn": ROLE},
            "StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:RequestedRegion": "us-east-1"},
            "StringLike": {"aws:userid": "AROA*:BackplaneAssumeRoleSession"},
            "DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"},
            "NumericGreaterThan": {"aws:EpochTime": "1799999999"},
            "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
            "Null": {"aws:username": "true"},
        },
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    do(ports, "PutRolePolicy", RoleName="R", PolicyName="p", PolicyDocument=text)
    access.authorize(ports, WORLD, session(ports), "logs:GetLogEvents", "*", {"aws:SourceIp": "10.1.2.3"})
    with pytest.raises(AwsError):
        access.authorize(ports, WORLD, session(ports), "logs:GetLogEvents", "*", {"aws:SourceIp": "11.1.2.3"})
    with pytest.raises(AwsError):
        access.authorize(
            ports, World(ACCOUNT, "eu-west-1"), session(ports), "logs:GetLogEvents", "*", {"aws:SourceIp": "10.1.2.3"}
        )


def test_trust_conditions_on_the_source(ports: Ports) -> None:
    text = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Service": "states.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": ACCOUNT},
                    "ArnLike": {"aws:SourceArn": f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:*"},
                },
            },
        }
    )
    do(ports, "UpdateAssumeRolePolicy", RoleName="R", PolicyDocument=text)
    access.assume_role(ports, WORLD, ROLE, "states.amazonaws.com", "s", {"aws:SourceArn": MACHINE})
    with pytest.raises(access.RoleNotAssumable):
        access.assume_role(ports, WORLD, ROLE, "states.amazonaws.com", "s", {"aws:SourceArn": FUNCTION})
    with pytest.raises(access.RoleNotAssumable):
        access.assume_role(ports, WORLD, ROLE, "states.amazonaws.com", "s")


def test_policy_of_a_function(ports: Ports) -> None:
    statement = {
        "Sid": "any-characters_here",
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": FUNCTION,
        "Condition": {"ArnLike": {"AWS:SourceArn": f"arn:aws:execute-api:us-east-1:{ACCOUNT}:abc/*"}},
    }
    text = json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": [statement]})
    gateway = service("apigateway.amazonaws.com")
    source = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:abc/prod/GET/x"

    def ask(policy: str | None, source: str) -> None:
        access.authorize_resource_policy(
            ports, WORLD, gateway, "lambda:InvokeFunction", FUNCTION, policy, {"aws:SourceArn": source}
        )

    ask(text, source)
    for policy, other in ((text, source.replace("abc", "abd")), (None, source)):
        with pytest.raises(AwsError) as caught:
            ask(policy, other)
        assert caught.value.status == 403


def test_pass_role(ports: Ports) -> None:
    access.pass_role(make_call(ports), ROLE, "states.amazonaws.com")
    with pytest.raises(AwsError) as caught:
        access.pass_role(make_call(ports, session(ports)), ROLE, "states.amazonaws.com")
    assert (caught.value.code, caught.value.status) == ("AccessDeniedException", 400)
    assert caught.value.message == (
        f"User: {SESSION} is not authorized to perform: iam:PassRole on resource: {ROLE} "
        "because no identity-based policy allows the iam:PassRole action"
    )
    policy = json.loads(document("iam:PassRole", ROLE))
    policy["Statement"]["Condition"] = {"StringEquals": {"iam:PassedToService": "states.amazonaws.com"}}
    do(ports, "PutRolePolicy", RoleName="R", PolicyName="p", PolicyDocument=json.dumps(policy))
    access.pass_role(make_call(ports, session(ports)), ROLE, "states.amazonaws.com")
    with pytest.raises(AwsError):
        access.pass_role(make_call(ports, session(ports)), ROLE, "lambda.amazonaws.com")
    with pytest.raises(AwsError, match="Cross-account pass role is not allowed"):
        access.pass_role(make_call(ports), ROLE.replace(ACCOUNT, OTHER.account), "states.amazonaws.com")


# --- credentials ------------------------------------------------------------------------------------------------


def test_session_credentials_come_back_as_the_principal(ports: Ports) -> None:
    principal = session(ports)
    credentials = access.session_credentials(ports, principal, 900)
    assert credentials.access_key_id.startswith("ASIA") and len(credentials.access_key_id) == 20
    assert len(credentials.secret_access_key) == 40
    assert credentials.expiration == int(ports.clock.now() + 900)
    key, token = credentials.access_key_id, credentials.session_token
    assert access.principal_of(ports, "000000000000", key, token) == principal
    assert access.secret_of(ports, key, token) == credentials.secret_access_key


@pytest.mark.parametrize(
    ("protocol", "invalid", "expired"),
    [
        ("json", ("UnrecognizedClientException", 400), ("ExpiredTokenException", 400)),
        ("rest-json", ("UnrecognizedClientException", 403), ("ExpiredTokenException", 403)),
        ("query", ("InvalidClientTokenId", 403), ("ExpiredToken", 403)),
    ],
)
@pytest.mark.parametrize("auth", ["open", "strict"])
def test_bad_tokens(auth: str, protocol: str, invalid: tuple[str, int], expired: tuple[str, int]) -> None:
    ports = make_ports(auth)
    credentials = access.session_credentials(ports, root(ACCOUNT), 900)
    key, token = credentials.access_key_id, credentials.session_token
    forged = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
    for bad_key, bad_token in (
        (key, forged),
        ("ASIAOTHER", token),
        (key, token[:-4]),
        (key, None),
        (key, "STG1?"),
        (key, "x"),
    ):
        with pytest.raises(AwsError) as caught:
            access.principal_of(ports, ACCOUNT, bad_key, bad_token, protocol)
        assert (caught.value.code, caught.value.status) == invalid
        assert access.secret_of(ports, bad_key, bad_token) is None
    assert isinstance(ports.clock, FakeClock)
    ports.clock.time += 901
    with pytest.raises(AwsError) as caught:
        access.principal_of(ports, ACCOUNT, key, token, protocol)
    assert (caught.value.code, caught.value.status) == expired


def test_open_mode_takes_any_key_for_the_accounts_root() -> None:
    ports = make_ports()
    for key in ("test", "AKIAIOSFODNN7EXAMPLE", ACCOUNT):
        account = access.account_of(key)
        assert access.principal_of(ports, account, key) == root(ACCOUNT if key == ACCOUNT else "000000000000")
    for key, token in (("test", "a token from elsewhere"), ("ASIAIOSFODNN7EXAMPLE", None)):
        assert access.principal_of(ports, "000000000000", key, token) == root("000000000000")


@pytest.mark.parametrize("auth", ["open", "strict"])
def test_stored_keys_are_their_users(auth: str) -> None:
    ports = make_ports(auth)
    do(ports, "CreateUser", UserName="u", Path="/p/")
    output = OPERATIONS["CreateAccessKey"](make_call(ports), {"UserName": "u"})
    assert isinstance(output, dict)
    key = output["AccessKey"]
    user = access.principal_of(ports, "000000000000", key["AccessKeyId"])
    assert (user.kind, user.arn, user.account) == ("user", f"arn:aws:iam::{ACCOUNT}:user/p/u", ACCOUNT)
    assert access.secret_of(ports, key["AccessKeyId"]) == key["SecretAccessKey"]
    denied(ports, user, "states:StartExecution", MACHINE)
    do(ports, "PutUserPolicy", UserName="u", PolicyName="p", PolicyDocument=document("states:*"))
    access.authorize(ports, WORLD, user, "states:StartExecution", MACHINE)
    do(ports, "UpdateAccessKey", UserName="u", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with pytest.raises(AwsError):
        access.principal_of(ports, "000000000000", key["AccessKeyId"])


def test_strict_mode_refuses_unknown_keys() -> None:
    ports = make_ports("strict")
    for key in ("test", ACCOUNT):
        with pytest.raises(AwsError, match="The security token included in the request is invalid"):
            access.principal_of(ports, access.account_of(key), key)
        assert access.secret_of(ports, key) is None
    assert access.principal_of(ports, "000000000000", "AKIAROOT") == root("000000000000")
    assert access.secret_of(ports, "AKIAROOT") == "rootsecret"
