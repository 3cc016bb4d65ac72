"""What policies see as aws:ResourceTag, of each service's resources."""

from __future__ import annotations

import json

import pytest

from iam.fakes import ACCOUNT, WORLD, make_call, make_ports
from stategate.gateway.model import RestApi, Stage
from stategate.iam.principal import Principal
from stategate.services import access
from stategate.services.apigateway import records as gateway
from stategate.services.iam import OPERATIONS
from stategate.services.lambda_ import records as functions
from stategate.services.logs import records as logs
from stategate.services.ports import Ports
from stategate.services.resourcetags import tags_of
from stategate.services.states import activities
from stategate.services.states import records as states

HERE = f"us-east-1:{ACCOUNT}"
TAGS = {"Env": "prod"}
API = "arn:aws:apigateway:us-east-1::/restapis/a1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
}
DENY = {
    "Effect": "Deny",
    "Action": "*",
    "Resource": "*",
    "Condition": {"StringEquals": {"aws:ResourceTag/env": "prod"}},
}


@pytest.fixture
def ports() -> Ports:
    ports = make_ports()
    call = make_call(ports)
    tags = [{"Key": "Env", "Value": "prod"}]
    OPERATIONS["CreateRole"](
        call, {"RoleName": "R", "Path": "/p/", "AssumeRolePolicyDocument": json.dumps(TRUST), "Tags": tags}
    )
    OPERATIONS["CreateUser"](call, {"UserName": "u"})
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow, DENY]})
    OPERATIONS["PutUserPolicy"](call, {"UserName": "u", "PolicyName": "p", "PolicyDocument": document})
    OPERATIONS["CreatePolicy"](call, {"PolicyName": "P", "PolicyDocument": document, "Tags": tags})
    settings = states.Settings("{}", "")
    states.machines(ports, WORLD).put("m", states.Machine("m", "STANDARD", settings, 0, 0, tags=TAGS))
    activities.activities(ports, WORLD).put("a", activities.Activity(name="a", created=0, tags=TAGS))
    code = functions.Configuration(
        name="f", role="", runtime="", handler="", code_sha256="", code_size=0, revision="", modified=0
    )
    functions.functions(ports, WORLD).put("f", functions.Function(latest=code, tags=TAGS))
    logs.groups(ports.store, WORLD).put("/g", logs.Group(name="/g", created=0, tags=TAGS))
    return ports


@pytest.mark.parametrize(
    "resource",
    [
        f"arn:aws:states:{HERE}:stateMachine:m",
        f"arn:aws:states:{HERE}:stateMachine:m:1",
        f"arn:aws:states:{HERE}:execution:m:e",
        f"arn:aws:states:{HERE}:express:m:e:1",
        f"arn:aws:states:{HERE}:execution:m/label:e",
        f"arn:aws:states:{HERE}:stateMachine:m/label",
        f"arn:aws:states:{HERE}:mapRun:m/label:1",
        f"arn:aws:states:{HERE}:activity:a",
        f"arn:aws:lambda:{HERE}:function:f",
        f"arn:aws:lambda:{HERE}:function:f:live",
        f"arn:aws:logs:{HERE}:log-group:/g:log-stream:",
        f"arn:aws:iam::{ACCOUNT}:role/p/R",
        f"arn:aws:iam::{ACCOUNT}:policy/P",
    ],
)
def test_a_deny_by_tag_counts(ports: Ports, resource: str) -> None:
    user = Principal("user", f"arn:aws:iam::{ACCOUNT}:user/u", ACCOUNT)
    decision = access.decide(ports, WORLD, user, "any:Thing", resource)
    assert (decision.allowed, decision.explicit) == (False, True)
    assert access.decide(ports, WORLD, user, "any:Thing", f"arn:aws:states:{HERE}:stateMachine:other").allowed


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        f"arn:aws:states:{HERE}:stateMachine:other",
        f"arn:aws:states:{HERE}:stateMachine:*",
        f"arn:aws:iam::{ACCOUNT}:user/u",
        f"arn:aws:lambda:{HERE}:layer:f",
        "arn:aws:apigateway:us-east-1::/restapis",
        "arn:aws:apigateway:us-east-1::/account",
        "arn:aws:apigateway:us-east-1::/tags/" * 600,
    ],
)
def test_what_has_no_tags(ports: Ports, resource: str) -> None:
    assert tags_of(ports, WORLD, resource) == {}


def test_a_stage_has_the_tags_of_its_api_and_its_own(ports: Ports) -> None:
    gateway.apis(ports, WORLD).put("a1", RestApi(id="a1", name="n", created=0, root_resource_id="r", tags=TAGS))
    stage = Stage(name="dev", deployment_id="d", created=0, updated=0, tags={"Own": "1"})
    gateway.stages(ports, WORLD).put("a1/dev", stage)
    assert tags_of(ports, WORLD, f"{API}/resources/r") == TAGS
    assert tags_of(ports, WORLD, f"{API}/stages/dev") == {**TAGS, "Own": "1"}
    assert tags_of(ports, WORLD, f"{API}/stages/none") == TAGS
    assert tags_of(ports, WORLD, "arn:aws:apigateway:us-east-1::/tags/" + API.replace("/", "%2F")) == TAGS
