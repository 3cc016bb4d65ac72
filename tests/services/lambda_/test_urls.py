"""Function URLs: the configuration, and requests with their events and answers."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.apigateway.gatewayworld import ACCOUNT, WORLD, GatewayWorld
from services.apigateway.test_functions import function, result
from stategate.services.errors import AwsError
from stategate.services.lambda_ import records
from stategate.services.lambda_.urlinvoke import FunctionUrls
from stategate.wire import sigv4
from stategate.wire.http import HttpRequest, HttpResponse


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def url(world: GatewayWorld, auth: str = "NONE", *, public: bool = True) -> str:
    """The id of a new function's URL."""
    function(world)
    made = world("CreateFunctionUrlConfig", "lambda", FunctionName="move", AuthType=auth)
    if public:
        world(
            "AddPermission",
            "lambda",
            FunctionName="move",
            StatementId="s",
            Action="lambda:InvokeFunctionUrl",
            Principal="*",
            FunctionUrlAuthType=auth,
        )
    address: str = made["FunctionUrl"]
    return address.removeprefix("http://").partition(".")[0]


def call(world: GatewayWorld, url_id: str, request: HttpRequest | None = None) -> HttpResponse:
    request = request or HttpRequest("GET", "/", "", [("host", f"{url_id}.lambda-url.us-east-1.localhost:4566")])
    return asyncio.run(FunctionUrls(world.ports)(request, url_id, "10.0.0.9"))


def test_the_configuration(world: GatewayWorld) -> None:
    url_id = url(world)
    got = world("GetFunctionUrlConfig", "lambda", FunctionName="move")
    assert got["FunctionArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:move"
    assert (got["AuthType"], got["InvokeMode"]) == ("NONE", "BUFFERED")
    assert world("ListFunctionUrlConfigs", "lambda", FunctionName="move")["FunctionUrlConfigs"] == [got]
    updated = world("UpdateFunctionUrlConfig", "lambda", FunctionName="move", AuthType="AWS_IAM")
    assert (updated["AuthType"], updated["FunctionUrl"]) == ("AWS_IAM", got["FunctionUrl"])
    with pytest.raises(AwsError) as caught:
        world("CreateFunctionUrlConfig", "lambda", FunctionName="move", AuthType="NONE")
    assert caught.value.code == "ResourceConflictException"
    world("DeleteFunctionUrlConfig", "lambda", FunctionName="move")
    with pytest.raises(AwsError) as caught:
        world("GetFunctionUrlConfig", "lambda", FunctionName="move")
    assert caught.value.code == "ResourceNotFoundException"
    assert call(world, url_id).status == 403


def test_what_is_not_supported_is_refused(world: GatewayWorld) -> None:
    function(world)
    for members in ({"InvokeMode": "RESPONSE_STREAM"}, {"Cors": {"AllowOrigins": ["*"]}}):
        with pytest.raises(AwsError) as caught:
            world("CreateFunctionUrlConfig", "lambda", FunctionName="move", AuthType="NONE", **members)
        assert "does not support" in caught.value.message


def test_a_deleted_alias_has_no_url(world: GatewayWorld) -> None:
    url(world)
    world("PublishVersion", "lambda", FunctionName="move")
    world("CreateAlias", "lambda", FunctionName="move", Name="live", FunctionVersion="1")
    world("CreateFunctionUrlConfig", "lambda", FunctionName="move", Qualifier="live", AuthType="NONE")
    first = world("ListFunctionUrlConfigs", "lambda", FunctionName="move", MaxItems=1)
    rest = world("ListFunctionUrlConfigs", "lambda", FunctionName="move", MaxItems=1, Marker=first["NextMarker"])
    arns = [
        shown["FunctionArn"].rpartition(":")[2] for shown in first["FunctionUrlConfigs"] + rest["FunctionUrlConfigs"]
    ]
    assert (arns, rest["NextMarker"]) == (["move", "live"], None)
    world("DeleteAlias", "lambda", FunctionName="move", Name="live")
    assert len(world("ListFunctionUrlConfigs", "lambda", FunctionName="move")["FunctionUrlConfigs"]) == 1
    with pytest.raises(AwsError) as caught:
        world("GetFunctionUrlConfig", "lambda", FunctionName="move", Qualifier="live")
    assert caught.value.code == "ResourceNotFoundException"


def test_a_deleted_function_has_no_url(world: GatewayWorld) -> None:
    url_id = url(world)
    world("PublishVersion", "lambda", FunctionName="move")
    world("CreateAlias", "lambda", FunctionName="move", Name="live", FunctionVersion="1")
    world("CreateFunctionUrlConfig", "lambda", FunctionName="move", Qualifier="live", AuthType="NONE")
    # As before an alias took its URL with it.
    records.aliases(world.ports, WORLD).delete("move:live")
    world("DeleteFunction", "lambda", FunctionName="move")
    assert call(world, url_id).status == 403
    assert not list(records.function_urls(world.ports, WORLD).items())
    assert not list(records.url_owners(world.ports, WORLD).items())


def test_the_event(world: GatewayWorld) -> None:
    url_id = url(world)
    host = f"{url_id}.lambda-url.us-east-1.localhost:4566"
    headers = [("host", host), ("x-a", "1"), ("x-a", "2"), ("cookie", "c=1; d=2"), ("content-type", "application/json")]
    request = HttpRequest("POST", "/a%20b", "q=1&q=2&z=", headers, b'{"x": 1}')
    assert call(world, url_id, request).status == 200
    event = json.loads(world.functions.payloads[-1])
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/a%20b", "q=1&q=2&z=")
    assert event["queryStringParameters"] == {"q": "1,2", "z": ""}
    assert event["cookies"] == ["c=1", "d=2"]
    assert event["headers"]["x-a"] == "1,2"
    assert event["headers"]["x-forwarded-for"] == "10.0.0.9"
    assert event["headers"]["x-amzn-tls-version"] == "TLSv1.3"
    assert event["headers"]["x-amzn-tls-cipher-suite"] == "TLS_AES_128_GCM_SHA256"
    assert (event["body"], event["isBase64Encoded"]) == ('{"x": 1}', False)
    context = event["requestContext"]
    assert (context["accountId"], context["apiId"], context["domainName"]) == ("anonymous", url_id, host)
    assert context["http"]["method"] == "POST"


def test_a_binary_body(world: GatewayWorld) -> None:
    url_id = url(world)
    call(world, url_id, HttpRequest("POST", "/", "", [("content-type", "image/png")], b"\xff\x00"))
    event = json.loads(world.functions.payloads[-1])
    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(b"\xff\x00").decode(), True)


@pytest.mark.parametrize(
    ("value", "status", "body", "content_type"),
    [
        ({"statusCode": 201, "headers": {"Content-Type": "text/plain"}, "body": "x"}, 201, b"x", "text/plain"),
        ({"statusCode": 200, "body": {"a": 1}}, 200, b'{"a":1}', "application/json"),
        ({"statusCode": 200, "body": "eA==", "isBase64Encoded": True}, 200, b"x", "application/json"),
        ({"a": 1}, 200, b'{"a": 1}', "application/json"),
        ("text", 200, b"text", "application/json"),
        ({"statusCode": "x"}, 502, b"Internal Server Error", "application/json"),
    ],
)
def test_answers(world: GatewayWorld, value: Any, status: int, body: bytes, content_type: str) -> None:
    url_id = url(world)
    world.functions.result = result(value)
    answer = call(world, url_id)
    assert (answer.status, answer.body, answer.header("content-type")) == (status, body, content_type)


def test_an_error_of_the_function(world: GatewayWorld) -> None:
    url_id = url(world)
    world.functions.result = result({"errorMessage": "secret"}, "Unhandled")
    answer = call(world, url_id)
    assert answer.status == 502
    assert b"secret" not in answer.body


@pytest.mark.parametrize(("auth", "public"), [("NONE", False), ("AWS_IAM", True)])
def test_nobody_in_particular_may_not(world: GatewayWorld, auth: str, public: bool) -> None:
    answer = call(world, url(world, auth, public=public))
    assert (answer.status, json.loads(answer.body)) == (403, {"Message": "Forbidden"})
    assert not world.functions.payloads


def test_conditions_on_the_request_count_for_who_signs(world: GatewayWorld) -> None:
    url_id, now = url(world, "AWS_IAM", public=False), world.clock.now()
    world("CreateUser", "iam", UserName="ann")
    key = world("CreateAccessKey", "iam", UserName="ann")["AccessKey"]
    date = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    request = HttpRequest("GET", "/", "", [("host", "f.test"), ("x-amz-date", date), ("user-agent", "test")])
    signature = sigv4.sign(request, key["AccessKeyId"], key["SecretAccessKey"], "us-east-1", "lambda", now)
    request.headers.append(("authorization", signature))
    for address, status in (("10.0.0.0/24", 200), ("10.0.1.0/24", 403)):
        conditions = {"IpAddress": {"aws:SourceIp": address}, "StringEquals": {"aws:UserAgent": "test"}}
        allow = {"Effect": "Allow", "Action": "lambda:*", "Resource": "*", "Condition": conditions}
        document = json.dumps({"Version": "2012-10-17", "Statement": allow})
        world("PutUserPolicy", "iam", UserName="ann", PolicyName="p", PolicyDocument=document)
        assert call(world, url_id, request).status == status
