"""AWS integrations with every service: those that are hosted, others at configured endpoints, as role or as caller."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from services.apigateway.test_guard import signed, user
from stategate.services import apigateway, iam, lambda_, logs, sts
from stategate.services.apigateway.execute import ExecuteApi
from stategate.services.dispatch import Dispatcher
from stategate.services.errors import AwsError
from stategate.services.ports import OutboundResponse

URI = "arn:aws:apigateway:us-east-1:"


@dataclass
class Settings:
    auth: str = "open"
    aws_endpoints: dict[str, str] = field(default_factory=lambda: {"sqs": "http://127.0.0.1:9324/base"})
    user_pools: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def world() -> GatewayWorld:
    world = GatewayWorld()
    object.__setattr__(world.ports, "settings", Settings())
    services = {
        "apigateway": apigateway.OPERATIONS,
        "iam": iam.OPERATIONS,
        "lambda": lambda_.OPERATIONS,
        "logs": logs.OPERATIONS,
        "sts": sts.OPERATIONS,
    }
    world.execute = ExecuteApi(world.ports, Dispatcher(world.ports, services), world.lines)
    return world


def deployed(world: GatewayWorld, uri: str, verb: str = "POST", credentials: str | None = None, **members: Any) -> str:
    credentials = credentials or world.role("Caller", allow="*")
    api, ids = world.api("/a")
    integration: dict[str, Any] = {
        "type": "AWS",
        "integrationHttpMethod": verb,
        "uri": URI + uri,
        "credentials": credentials,
    }
    if ":action/" in uri:
        integration["requestTemplates"] = {"application/json": "{}" if uri.startswith("logs") else " "}
    read = [source for source in members.get("requestParameters", {}).values() if source.startswith("method.")]
    declared = dict.fromkeys(read, False)
    world.method(api, ids["/a"], "GET", {**integration, **members}, {"200": {}}, requestParameters=declared)
    world.deploy(api)
    return api


@pytest.mark.parametrize(
    ("uri", "verb", "expected"),
    [
        ("sts:action/GetCallerIdentity", "POST", 'assumed-role/Caller/BackplaneAssumeRoleSession"}'),
        ("iam:action/ListRoles", "POST", '"ListRolesResult":{"Roles":[{'),
        ("iam:path//?Action=GetRole&RoleName=Caller&Version=2010-05-08", "GET", '"RoleName":"Caller"'),
        ("lambda:path/2015-03-31/functions", "GET", '{"Functions":[]}'),
        ("apigateway:path/restapis", "GET", '"name":"test"'),
        ("logs:action/DescribeLogGroups", "POST", '{"logGroups":[]}'),
    ],
)
def test_every_hosted_service(world: GatewayWorld, uri: str, verb: str, expected: str) -> None:
    answer = world.request(deployed(world, uri, verb), path="/a")
    assert (answer.status, expected in answer.body.decode()) == (200, True), answer.body


def test_a_service_elsewhere_gets_a_signed_request(world: GatewayWorld) -> None:
    mapped = {"integration.request.querystring.QueueUrl": "'q'"}
    api = deployed(world, "sqs:action/SendMessage", requestParameters=mapped)
    world.outbound.answer = OutboundResponse(200, (("Content-Type", "application/json"),), b'{"ok":1}')
    assert world.request(api, path="/a").body == b'{"ok":1}'
    request = world.outbound.requests[-1]
    assert (request.method, request.url) == (
        "POST",
        "http://127.0.0.1:9324/base/?Action=SendMessage&QueueUrl=q",
    )
    authorization = dict(request.headers)["authorization"]
    assert "/us-east-1/sqs/aws4_request" in authorization
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in authorization


def test_the_bucket_of_a_sub_domain_begins_the_path(world: GatewayWorld) -> None:
    world.ports.settings.aws_endpoints["s3"] = "http://127.0.0.1:9000"
    mapped = {
        "integration.request.header.x-amz-acl": "'private'",
        "integration.request.header.X-Amz-Content-SHA256": "'UNSIGNED-PAYLOAD'",
    }
    api = deployed(world, "bucket.s3:path/key", "PUT", requestParameters=mapped)
    world.outbound.answer = OutboundResponse(200, (), b"")
    assert world.request(api, path="/a").status == 200
    request = world.outbound.requests[-1]
    assert (request.method, request.url) == ("PUT", "http://127.0.0.1:9000/bucket/key")
    # S3 refuses requests with an x-amz-* header that is not signed.
    signed = "host;x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-security-token"
    assert f"SignedHeaders={signed}" in dict(request.headers)["authorization"]
    digests = [value for name, value in request.headers if name == "x-amz-content-sha256"]
    assert digests == [hashlib.sha256(request.body).hexdigest()]


@pytest.mark.parametrize(
    "uri", ["lambda:action/ListFunctions", "apigateway:action/GetRestApis", "a.sts:action/GetCallerIdentity"]
)
def test_others_are_refused_by_name(world: GatewayWorld, uri: str) -> None:
    with pytest.raises(AwsError) as caught:
        deployed(world, uri)
    assert uri.partition("/")[0] in caught.value.message


def test_a_service_that_is_not_hosted_is_refused_with_the_setting_that_helps(world: GatewayWorld) -> None:
    with pytest.raises(AwsError) as caught:
        deployed(world, "sns:action/Publish")
    assert "does not host the service sns; the setting aws_endpoints (sns=http://...)" in caught.value.message


def test_proxy_integrations_are_with_functions(world: GatewayWorld) -> None:
    world.ports.settings.aws_endpoints["firehose"] = "http://127.0.0.1:9324"
    with pytest.raises(AwsError) as caught:
        deployed(world, "firehose:action/PutRecord", type="AWS_PROXY")
    assert "does not support AWS_PROXY integrations with firehose:action" in caught.value.message
    integration = {"type": "aws_proxy", "uri": f"{URI}sqs:action/SendMessage", "httpMethod": "POST"}
    paths = {"/a": {"get": {"x-amazon-apigateway-integration": {**integration, "credentials": world.role("R")}}}}
    document = {"openapi": "3.0.1", "info": {"title": "t"}, "paths": paths}
    with pytest.raises(AwsError) as caught:
        world("ImportRestApi", body=json.dumps(document).encode())
    assert "'AWS_PROXY' currently only supports Lambda function" in caught.value.message


def test_the_callers_own_credentials(world: GatewayWorld) -> None:
    api = deployed(world, "sts:action/GetCallerIdentity", credentials="arn:aws:iam::*:user/*")
    assert world.request(api, path="/a").status == 500
    resource = next(item["id"] for item in world("GetResources", restApiId=api)["items"] if item["path"] == "/a")
    patches = [{"op": "replace", "path": "/authorizationType", "value": "AWS_IAM"}]
    world("UpdateMethod", restApiId=api, resourceId=resource, httpMethod="GET", patchOperations=patches)
    world.deploy(api)
    key, secret = user(world, "ann", "*")
    assert f'arn:aws:iam::{ACCOUNT}:user/ann"' in signed(world, api, key, secret).body.decode()


def test_a_role_that_may_not(world: GatewayWorld) -> None:
    api = deployed(world, "logs:action/DescribeLogGroups", credentials=world.role("Weak"))
    answer = world.request(api, path="/a")
    assert json.loads(answer.body)["__type"].endswith("AccessDeniedException")


def test_query_services_answer_in_the_form_that_is_asked_for(world: GatewayWorld) -> None:
    uri = "iam:path//?Action=GetRole&RoleName={role}&Version=2010-05-08"
    mapped = {
        "integration.request.path.role": "method.request.querystring.role",
        "integration.request.header.Accept": "method.request.querystring.form",
    }
    api = deployed(world, uri, "GET", requestParameters=mapped)
    found = json.loads(world.request(api, path="/a?role=Caller").body)["GetRoleResponse"]
    assert found["GetRoleResult"]["Role"]["RoleName"] == "Caller"
    assert list(found["ResponseMetadata"]) == ["RequestId"]
    error = json.loads(world.request(api, path="/a?role=Nobody").body)
    assert error["Error"]["Code"] == "NoSuchEntity"
    assert (error["Error"]["Type"], list(error)) == ("Sender", ["Error", "RequestId"])
    assert world.request(api, path="/a?role=Caller&form=text/xml").body.startswith(b"<GetRoleResponse")


def test_any_is_the_verb_of_the_request(world: GatewayWorld) -> None:
    api = deployed(world, "sqs:path/queue", "ANY")
    world.outbound.answer = OutboundResponse(200, (), b"{}")
    assert world.request(api, path="/a").status == 200
    assert world.outbound.requests[-1].method == "GET"
