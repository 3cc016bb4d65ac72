"""Every operation of every hosted service, against botocore: what it serialises we read, what we write it parses."""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from stategate import wire
from stategate.wire import HttpRequest, HttpResponse

SERVICES = ("iam", "sts", "lambda", "apigateway", "stepfunctions", "logs")
MOMENT = 1_706_745_599
TEXTS = ("a", "with space", "ü€😀", "a/b:c?d&e=f%20+;", "<&>'\"", " x ", "tab\tnewline\n", "0", "*")


@cache
def oracle(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def operations() -> list[Any]:
    return [
        pytest.param(service, name, id=f"{service}.{name}")
        for service in SERVICES
        for name in oracle(service).operation_names
    ]


class Samples:
    """Values of shapes, as botocore takes and gives them. `full`: every member, else a random half."""

    def __init__(self, seed: str, full: bool) -> None:
        self._random = random.Random(seed)
        self._full = full

    def members(self, shape: Shape | None, depth: int = 0) -> dict[str, Any]:
        if shape is None:
            return {}
        names = list(shape.members)
        if getattr(shape, "is_tagged_union", False):
            names = [self._random.choice(names)]
        out = {}
        for name in names:
            member = shape.members[name]
            # Recursive shapes must end somewhere.
            if depth > 4 and member.type_name in ("structure", "list", "map"):
                continue
            if self._full or name in shape.required_members or self._random.random() < 0.5:
                out[name] = self.value(member, depth + 1)
        return out

    def value(self, shape: Shape, depth: int) -> Any:
        pick = self._random
        match shape.type_name:
            case "structure":
                return self.members(shape, depth)
            case "list":
                count = pick.randint(0 if depth > 2 else 1, 2)
                return [self.value(shape.member, depth + 1) for _ in range(count)]
            case "map":
                return {f"k{n}": self.value(shape.value, depth + 1) for n in range(pick.randint(1, 2))}
            case "string" | "character":
                return pick.choice(shape.enum) if getattr(shape, "enum", None) else pick.choice(TEXTS)
            case "integer" | "long":
                return pick.choice((0, 1, -5, 2**31 - 1))
            case "float" | "double":
                return pick.choice((0.5, 12.25, -1.0))
            case "boolean":
                return pick.random() < 0.5
            case "timestamp":
                return datetime.fromtimestamp(MOMENT + pick.randint(0, 10**6), UTC)
            case "blob":
                return pick.choice((b"abc", bytes(range(256)), b"{}"))
        raise AssertionError(shape.type_name)


def plain(value: Any) -> Any:
    """Their dates as our epoch seconds."""
    match value:
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case datetime():
            return value.timestamp()
        case _:
            return value.read() if hasattr(value, "read") else value


def tidy_headers(model: OperationModel, params: dict[str, Any]) -> None:
    """A header is one line of plain text; that is HTTP, not the models."""
    if model.input_shape is None:
        return
    for name, member in model.input_shape.members.items():
        where = member.serialization.get("location")
        if where == "header" and isinstance(params.get(name), str):
            params[name] = "plain header" if not getattr(member, "enum", None) else params[name]


def sent(model: OperationModel, params: dict[str, Any]) -> HttpRequest:
    """The request as botocore sends it."""
    serializer = create_serializer(model.service_model.metadata["protocol"], include_validation=False)
    request = serializer.serialize_to_request(params, model)
    body, headers = request["body"], dict(request["headers"])
    if isinstance(body, dict):
        body = urlencode(body, doseq=True)
    path, _, query = request["url_path"].partition("?")
    extra = request["query_string"]
    if isinstance(extra, dict):
        extra = urlencode(extra, doseq=True)
    query = "&".join(part for part in (query, extra) if part)
    return HttpRequest(
        request["method"],
        path,
        query,
        [(name.lower(), value) for name, value in headers.items()],
        body.encode() if isinstance(body, str) else bytes(body or b""),
    )


def parsed(model: OperationModel, response: HttpResponse) -> dict[str, Any]:
    parser = create_parser(model.service_model.metadata["protocol"])
    headers = HeadersDict(response.headers)
    body: Any = response.body
    if response.status < 300 and model.has_streaming_output:
        body = io.BytesIO(body)
    given = {"status_code": response.status, "headers": headers, "body": body}
    answer: dict[str, Any] = parser.parse(given, model.output_shape)
    return answer


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(("service", "name"), operations())
def test_requests_are_read_as_botocore_sends_them(service: str, name: str, full: bool) -> None:
    model = oracle(service).operation_model(name)
    params = Samples(f"{service}.{name}.{full}", full).members(model.input_shape)
    tidy_headers(model, params)
    request = sent(model, params)
    operation, labels = wire.load(service).operation(request)
    assert operation.name == name
    assert without_empty(operation.read(request, labels)) == without_empty(plain(params))


def without_empty(value: Any) -> Any:
    """The query protocol cannot tell an empty structure from one that is missing."""
    if isinstance(value, dict):
        tidy = {key: without_empty(item) for key, item in value.items()}
        return {key: item for key, item in tidy.items() if item not in ({}, [])}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(("service", "name"), operations())
def test_answers_are_parsed_by_botocore(service: str, name: str, full: bool) -> None:
    model = oracle(service).operation_model(name)
    operation = wire.load(service).operations[name]
    if operation.streams:
        pytest.skip("an event stream, which no operation of Stategate answers with")
    output = Samples(f"{service}.{name}.{full}", full).members(model.output_shape)
    for member, shape in model.output_shape.members.items() if model.output_shape else ():
        where = shape.serialization.get("location")
        if where == "statusCode":
            output[member] = 200
        elif where == "header" and member in output and shape.type_name == "string":
            output[member] = "plain header"
    response = operation.write(plain(output), "the-request-id")
    answer = parsed(model, response)
    metadata = answer.pop("ResponseMetadata")
    assert metadata["HTTPStatusCode"] == response.status
    assert metadata["RequestId"] == "the-request-id"
    if response.status != 204:
        assert without_empty(plain(answer)) == without_empty(plain(output))


@pytest.mark.parametrize("service", SERVICES)
def test_modeled_errors_are_parsed_by_botocore(service: str) -> None:
    compiled = wire.load(service)
    for shape in oracle(service).error_shapes:
        response = compiled.write_error(shape.error_code, "What happened: <ü>", status=409, request_id="rid")
        model = oracle(service).operation_model(oracle(service).operation_names[0])
        answer = parsed(model, response)
        assert answer["Error"]["Code"] == shape.error_code
        assert answer["Error"]["Message"] == "What happened: <ü>"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 409
        assert answer["ResponseMetadata"]["RequestId"] == "rid"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "code", ["ValidationException", "AccessDeniedException", "SerializationException", "NotImplementedException"]
)
def test_common_errors_are_parsed_by_botocore(service: str, code: str) -> None:
    response = wire.load(service).write_error(code, "no", status=400, request_id="rid")
    answer = parsed(oracle(service).operation_model(oracle(service).operation_names[0]), response)
    assert (answer["Error"]["Code"], answer["Error"]["Message"]) == (code, "no")
    assert answer["ResponseMetadata"]["RequestId"] == "rid"


def test_none_is_left_out_and_an_unknown_member_is_a_bug() -> None:
    operation = wire.load("stepfunctions").operations["StartExecution"]
    assert operation.write({"executionArn": "a", "startDate": None}, "r").body == b'{"executionArn":"a"}'
    with pytest.raises(TypeError, match="no member executionarn"):
        operation.write({"executionarn": "a"}, "r")


def test_timestamps() -> None:
    states = wire.load("stepfunctions").operations["StartExecution"]
    assert states.write({"startDate": 1.2345}, "r").body == b'{"startDate":1.234}'
    assert states.write({"startDate": 1700000000.0}, "r").body == b'{"startDate":1700000000}'
    iam = wire.load("iam").operations["CreateUser"]
    written = iam.write({"User": {"CreateDate": MOMENT + 0.5}}, "r").body
    assert b"<CreateDate>2024-01-31T23:59:59Z</CreateDate>" in written


def test_nulls_stay_among_mapping_templates_only() -> None:
    def read(service: str, method: str, path: str, body: bytes) -> dict[str, Any]:
        request = HttpRequest(method, path, "", [], body)
        operation, labels = wire.load(service).operation(request)
        return operation.read(request, labels)

    path = "/restapis/a/resources/b/methods/GET/integration/responses/200"
    body = b'{"responseTemplates":{"application/json":null},"contentHandling":null}'
    read_response = read("apigateway", "PUT", path, body)
    assert read_response["responseTemplates"] == {"application/json": None}
    assert "contentHandling" not in read_response
    api = read("apigateway", "POST", "/restapis", b'{"name":"a","tags":{"A":null,"B":"b"}}')
    assert api == {"name": "a", "tags": {"B": "b"}}
    function = read("lambda", "POST", "/2015-03-31/functions", b'{"Environment":{"Variables":{"A":null,"B":"b"}}}')
    assert function == {"Environment": {"Variables": {"B": "b"}}}


def test_error_bodies_have_the_casing_of_their_shapes() -> None:
    functions = wire.load("lambda")
    missing = functions.write_error("ResourceNotFoundException", "m", status=404)
    assert (missing.status, missing.body) == (404, b'{"Type":"User","Message":"m"}')
    assert missing.header("x-amzn-errortype") == "ResourceNotFoundException"
    invalid = functions.write_error("InvalidParameterValueException", "m")
    assert invalid.body == b'{"Type":"User","message":"m"}'
    states = wire.load("stepfunctions")
    assert states.write_error("ExecutionDoesNotExist", "m").body == b'{"__type":"ExecutionDoesNotExist","message":"m"}'
    assert states.write_error("AccessDeniedException", "m").body == (
        b'{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"m"}'
    )
    assert wire.load("iam").write_error("NoSuchEntity", "m").status == 404


def test_large_integers_and_lone_surrogates_go_out() -> None:
    operation = wire.load("stepfunctions").operations["DescribeExecution"]
    assert operation.write({"output": "\ud800"}, "r").body == b'{"output":"\\ud800"}'
