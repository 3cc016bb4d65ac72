"""Which service and which operation a request is for; ARNs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stategate import wire
from stategate.wire import Arn, HttpRequest, InvalidArn, WireError, identify

SERVICES = ("iam", "sts", "lambda", "apigateway", "stepfunctions", "logs")
SCOPE = "AWS4-HMAC-SHA256 Credential=k/20240101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=x"
FORM = ("content-type", "application/x-www-form-urlencoded; charset=utf-8")


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        ("stepfunctions", HttpRequest("POST", "/", "", [("x-amz-target", "AWSStepFunctions.ListActivities")])),
        ("logs", HttpRequest("POST", "/", "", [("x-amz-target", "Logs_20140328.PutLogEvents")])),
        ("stepfunctions", HttpRequest("POST", "/", "", [("host", "sync-states.us-east-1.amazonaws.com")])),
        ("apigateway", HttpRequest("GET", "/", "", [("host", "apigateway.eu-west-1.amazonaws.com:443")])),
        ("iam", HttpRequest("POST", "/", "", [FORM], b"Action=ListRoles&Version=2010-05-08")),
        ("sts", HttpRequest("GET", "/", "Action=GetCallerIdentity&Version=2011-06-15")),
        ("lambda", HttpRequest("GET", "/2015-03-31/functions/")),
        ("apigateway", HttpRequest("GET", "/restapis")),
        ("apigateway", HttpRequest("GET", "/account")),
        ("apigateway", HttpRequest("GET", "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fa")),
        ("lambda", HttpRequest("GET", "/x", "", [("authorization", SCOPE.format("lambda"))])),
        ("stepfunctions", HttpRequest("POST", "/", "", [("authorization", SCOPE.format("states"))])),
        ("apigatewayv2", HttpRequest("GET", "/v2/apis", "", [("authorization", SCOPE.format("apigateway"))])),
        ("apigateway", HttpRequest("GET", "/v2", "", [("authorization", SCOPE.format("apigateway"))])),
        ("dynamodb", HttpRequest("POST", "/", "", [("authorization", SCOPE.format("dynamodb"))])),
        ("DynamoDB_20120810", HttpRequest("POST", "/", "", [("x-amz-target", "DynamoDB_20120810.ListTables")])),
        (None, HttpRequest("GET", "/")),
        (None, HttpRequest("GET", "/favicon.ico", "", [("host", "localhost:4566")])),
        (None, HttpRequest("GET", "", "", [("authorization", "AWS4-HMAC-SHA256 nonsense")])),
    ],
)
def test_services(expected: str | None, request_: HttpRequest) -> None:
    assert identify(request_) == expected


def find(service: str, method: str, target: str) -> tuple[str, dict[str, str]]:
    path, _, query = target.partition("?")
    operation, labels = wire.load(service).operation(HttpRequest(method, path, query))
    return operation.name, labels


@pytest.mark.parametrize(
    ("service", "method", "target", "name", "labels"),
    [
        ("apigateway", "POST", "/restapis", "CreateRestApi", {}),
        ("apigateway", "POST", "/restapis?mode=import", "ImportRestApi", {}),
        ("apigateway", "GET", "/restapis/a/", "GetRestApi", {"restapi_id": "a"}),
        ("apigateway", "POST", "/restapis/a/resources/b", "CreateResource", {"restapi_id": "a", "parent_id": "b"}),
        ("lambda", "GET", "/2015-03-31/functions", "ListFunctions", {}),
        ("lambda", "GET", "/2015-03-31/functions/", "ListFunctions", {}),
        ("lambda", "GET", "/2015-03-31/functions/a%3Ab", "GetFunction", {"FunctionName": "a:b"}),
        ("lambda", "GET", "/2018-10-31/layers?find=LayerVersion&Arn=x", "GetLayerVersionByArn", {}),
        ("lambda", "GET", "/2018-10-31/layers", "ListLayers", {}),
        ("apigateway", "GET", "/tags/arn:aws:apigateway:r::/restapis/a", "GetTags",
         {"resource_arn": "arn:aws:apigateway:r::/restapis/a"}),
    ],
)  # fmt: skip
def test_rest_operations(service: str, method: str, target: str, name: str, labels: dict[str, str]) -> None:
    assert find(service, method, target) == (name, labels)


@pytest.mark.parametrize(
    ("service", "request_", "code"),
    [
        (
            "stepfunctions",
            HttpRequest("POST", "/", "", [("x-amz-target", "AWSStepFunctions.Fly")]),
            "UnknownOperationException",
        ),
        ("stepfunctions", HttpRequest("POST", "/"), "UnknownOperationException"),
        ("lambda", HttpRequest("GET", "/2015-03-31/functionz"), "UnknownOperationException"),
        ("apigateway", HttpRequest("PUT", "/account"), "UnknownOperationException"),
        ("iam", HttpRequest("POST", "/", "", [FORM], b"Action=Fly&Version=2010-05-08"), "InvalidAction"),
        ("iam", HttpRequest("POST", "/", "", [FORM], b"Action=ListRoles&Version=2009-05-08"), "InvalidAction"),
        ("iam", HttpRequest("POST", "/", "", [FORM], b""), "MissingAction"),
    ],
)
def test_unknown_operations(service: str, request_: HttpRequest, code: str) -> None:
    with pytest.raises(WireError) as caught:
        wire.load(service).operation(request_)
    assert caught.value.code == code


def test_unknown_services() -> None:
    for name in ("nosuchservice", "..", "iam/..", ""):
        with pytest.raises(wire.UnknownService):
            wire.load(name)


REQUESTS = st.builds(
    HttpRequest,
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "WEIRD"]),
    st.text(st.characters(max_codepoint=255), max_size=20).map(lambda text: "/" + text)
    | st.sampled_from(["/restapis/a/resources/b", "/2015-03-31/functions/f/invocations", "/%zz/%ff", "//"]),
    st.text(st.characters(max_codepoint=255), max_size=20),
    st.lists(
        st.tuples(
            st.sampled_from(["x-amz-target", "authorization", "host", "content-type", "x-amz-date"]),
            st.text(st.characters(max_codepoint=255), max_size=20)
            | st.sampled_from(["AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=h, Signature=s"]),
        ),
        max_size=4,
    ),
    st.binary(max_size=60)
    | st.sampled_from([b'{"a":{}}', b"Action=CreateRole&Tags.member.x=1&RoleName=a", b"Action=CreateRole&Tags=1"]),
)


@given(REQUESTS, st.sampled_from(SERVICES), st.data())
def test_any_bytes_are_read_or_refused(request_: HttpRequest, service: str, data: st.DataObject) -> None:
    identify(request_)
    compiled = wire.load(service)
    try:
        operation, labels = compiled.operation(request_)
    except WireError:
        operation, labels = compiled.operations[data.draw(st.sampled_from(sorted(compiled.operations)))], {}
    try:
        operation.check(operation.read(request_, labels))
    except WireError as error:
        written = compiled.write_error(error.code, error.message, status=error.status, request_id="r")
        assert 400 <= written.status < 500


def test_arns() -> None:
    arn = Arn.parse("arn:aws:states:us-east-1:000000000000:stateMachine:name:1")
    assert (arn.partition, arn.service, arn.region, arn.account) == ("aws", "states", "us-east-1", "000000000000")
    assert arn.resource_type == "stateMachine"
    role = Arn.parse("arn:aws:iam::000000000000:role/path/name")
    assert (role.resource_type, role.region) == ("role", "")
    assert Arn.parse("arn:aws:sns:r:a:topic").resource_type == ""
    assert str(role) == "arn:aws:iam::000000000000:role/path/name"


@pytest.mark.parametrize("text", ["", "x", "arn:aws:states", "arn:aws::::", "arn:::::x", "nra:aws:a:b:c:d"])
def test_what_is_not_an_arn(text: str) -> None:
    with pytest.raises(InvalidArn):
        Arn.parse(text)


def test_a_protocol_that_is_not_spoken_is_refused_by_name() -> None:
    path = "/service/AWSStepFunctions/operation/StartExecution"
    request = HttpRequest("POST", path, "", [("smithy-protocol", "rpc-v2-cbor")])
    with pytest.raises(WireError, match="does not support the protocol rpc-v2-cbor with stepfunctions yet") as error:
        wire.load("stepfunctions").operation(request)
    assert error.value.status == 501
