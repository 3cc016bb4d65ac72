"""Requests through deployed APIs: the whole pipeline, with stand-ins for what is behind it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from stategate.services.errors import AwsError
from stategate.wire.http import HttpResponse

START = "arn:aws:apigateway:us-east-1:states:action/StartExecution"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:MoveRecipe"
TEMPLATE = (
    "#set($input_text = $util.escapeJavaScript($input.json('$')))\n"
    '{"input": "{\\"recipe_id\\": \\"$input.params(\'id\')\\", \\"user_id\\": \\"$input.path(\'$\').user_id\\"}",'
    f' "stateMachineArn": "{MACHINE}"}}'
)


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def recipes(world: GatewayWorld, **responses: dict[str, Any]) -> tuple[str, str]:
    """The example's method; returns the API's id and the role's ARN."""
    role = world.role("Gateway", allow="states:StartExecution")
    api, ids = world.api("/recipes/{id}/move")
    world.method(
        api,
        ids["/recipes/{id}/move"],
        "POST",
        {
            "type": "AWS",
            "integrationHttpMethod": "POST",
            "uri": START,
            "credentials": role,
            "requestTemplates": {"application/json": TEMPLATE},
        },
        responses or {"200": {}, "400": {"selectionPattern": "4\\d{2}"}},
    )
    world.deploy(api)
    return api, role


def test_the_example_starts_an_execution(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    world.backend.response = HttpResponse(
        200,
        [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-RequestId", "backend")],
        b'{"executionArn":"arn:x","startDate":1486772644.911}',
    )
    answer = world.request(
        api, "POST", "/recipes/42/move", headers={"Content-Type": "application/json"}, body=b'{"user_id": "u7"}'
    )
    assert answer.status == 200
    assert answer.body == b'{"executionArn":"arn:x","startDate":1.486772644911E9}'
    [(where, principal, service, request)] = world.backend.calls
    assert (where.account, where.region, service) == (ACCOUNT, "us-east-1", "states")
    assert principal.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/Gateway/BackplaneAssumeRoleSession"
    assert (request.method, request.path) == ("POST", "/")
    assert request.header("x-amz-target") == "AWSStepFunctions.StartExecution"
    assert request.header("content-type") == "application/x-amz-json-1.0"
    body = json.loads(request.body)
    assert body["stateMachineArn"] == MACHINE
    assert json.loads(body["input"]) == {"recipe_id": "42", "user_id": "u7"}


def test_headers_of_an_answer(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    answer = world.request(
        api,
        "POST",
        "/recipes/1/move",
        headers={"Content-Type": "application/json", "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793"},
        body=b"{}",
    )
    assert answer.header("content-type") == "application/json"
    assert answer.header("connection") == "keep-alive"
    assert answer.header("content-length") == str(len(answer.body))
    assert len(answer.header("x-amzn-requestid") or "") == 36
    assert (answer.header("x-amz-apigw-id") or "").endswith("=")
    trace = answer.header("x-amzn-trace-id") or ""
    assert trace.startswith("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=")
    assert len([name for name, _ in answer.headers if name.lower() == "x-amzn-requestid"]) == 1


def test_the_backends_refusal_is_mapped_by_its_status(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    world.backend.response = HttpResponse(400, [], b'{"__type":"AccessDeniedException","Message":"no"}')
    answer = world.request(api, "POST", "/recipes/1/move", body=b"{}")
    assert (answer.status, answer.body) == (400, b'{"__type":"AccessDeniedException","Message":"no"}')


def test_a_lone_default_response_hides_the_backends_refusal(world: GatewayWorld) -> None:
    api, _ = recipes(world, **{"200": {}})
    world.backend.response = HttpResponse(400, [], b"refused")
    answer = world.request(api, "POST", "/recipes/1/move", body=b"{}")
    assert (answer.status, answer.body) == (200, b"refused")


def test_no_response_matches(world: GatewayWorld) -> None:
    api, _ = recipes(world, **{"400": {"selectionPattern": "4.."}})
    answer = world.request(api, "POST", "/recipes/1/move", body=b"{}")
    assert (answer.status, answer.body) == (500, b'{"message": "Internal server error"}')
    assert answer.header("x-amzn-errortype") == "InternalServerErrorException"
    assert answer.header("x-amzn-trace-id") is None


def test_a_role_that_does_not_trust_the_gateway(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    world("DeleteRolePolicy", "iam", RoleName="Gateway", PolicyName="p")
    world("DeleteRole", "iam", RoleName="Gateway")
    world.role("Gateway", trusted="lambda.amazonaws.com")
    answer = world.request(api, "POST", "/recipes/1/move", body=b"{}")
    assert (answer.status, answer.body) == (500, b'{"message": "Internal server error"}')
    assert world.backend.calls == []


def test_another_content_type_passes_through(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    world.request(api, "POST", "/recipes/1/move", headers={"Content-Type": "text/plain"}, body=b"raw")
    assert world.backend.calls[0][3].body == b"raw"


def test_broken_json_is_refused(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    answer = world.request(api, "POST", "/recipes/1/move", body=b'{"user_id": ')
    assert answer.status == 400
    assert world.backend.calls == []


def test_time_out(world: GatewayWorld) -> None:
    role = world.role("Gateway")
    api, ids = world.api()
    integration = {"type": "AWS", "integrationHttpMethod": "POST", "uri": START, "credentials": role}
    world.method(api, ids["/"], "POST", {**integration, "timeoutInMillis": 50}, {"200": {}})
    world.deploy(api)
    world.backend.delay = 5
    answer = world.request(api, "POST", "/")
    assert (answer.status, answer.body) == (504, b'{"message": "Endpoint request timed out"}')


@pytest.mark.parametrize(("method", "path"), [("GET", "/recipes/1/move"), ("POST", "/none"), ("POST", "/")])
def test_no_route(world: GatewayWorld, method: str, path: str) -> None:
    api, _ = recipes(world)
    answer = world.request(api, method, path)
    assert (answer.status, answer.body) == (403, b'{"message":"Missing Authentication Token"}')
    assert answer.header("x-amzn-errortype") == "MissingAuthenticationTokenException"


def test_no_stage_and_no_api(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    for stage in ("dev", None):
        answer = world.request(api, "POST", "/recipes/1/move", stage=stage)
        assert (answer.status, answer.body) == (403, b'{"message":"Forbidden"}')
    assert world.request("nothing000").status == 404


def test_a_body_that_is_too_large(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    answer = world.request(api, "POST", "/recipes/1/move", body=b"x" * (10 * 1024 * 1024 + 1))
    assert (answer.status, answer.body) == (413, b'{"message":"Request Too Long"}')


def test_changes_show_after_a_deployment_only(world: GatewayWorld) -> None:
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", "one")
    world.deploy(api)
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    patch = {"op": "replace", "path": "/responseTemplates/application~1json", "value": "two"}
    world("UpdateIntegrationResponse", **where, statusCode="200", patchOperations=[patch])
    assert world.request(api).body == b"one"
    world.deploy(api)
    assert world.request(api).body == b"two"


def test_stage_variables_show_at_once(world: GatewayWorld) -> None:
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", "$stageVariables.colour")
    world.deploy(api, variables={"colour": "blue"})
    assert world.request(api).body == b"blue"
    patch = {"op": "replace", "path": "/variables/colour", "value": "red"}
    world("UpdateStage", restApiId=api, stageName="prod", patchOperations=[patch])
    assert world.request(api).body == b"red"


def test_the_template_context(world: GatewayWorld) -> None:
    api, ids = world.api("/things/{id}")
    template = (
        "$context.apiId|$context.stage|$context.resourcePath|$context.httpMethod|$context.path"
        "|$context.identity.sourceIp|$context.requestTimeEpoch|$context.requestTime|$context.accountId|$context.identity.user|$context.nothing"
        "|$input.params('id')|$input.params('q')|$input.params('X-Y')|$input.params('none')|$input.params().path.id"
    )
    world.mock(api, ids["/things/{id}"], "GET", template)
    world.deploy(api)
    answer = world.request(api, "GET", "/things/a%20b?q=1&q=2", headers={"X-Y": "z"})
    assert answer.body.decode() == (
        f"{api}|prod|/things/{{id}}|GET|/prod/things/a%20b|10.0.0.9|1700000000000|14/Nov/2023:22:13:20 +0000"
        f"|{ACCOUNT}|||a b|2|z||a b"
    )


def test_overrides(world: GatewayWorld) -> None:
    api, ids = world.api()
    request = (
        "#set($context.responseOverride.status = 444)"
        '#set($context.responseOverride.header.foo = "bar"){"statusCode": 200}'
    )
    integration = {"type": "MOCK", "requestTemplates": {"application/json": request}}
    world.method(api, ids["/"], "GET", integration, {"200": {"selectionPattern": "2\\d{2}", "responseTemplates": {}}})
    world.deploy(api)
    answer = world.request(api)
    assert (answer.status, answer.header("foo"), answer.body) == (444, "bar", b"")


def test_response_parameters(world: GatewayWorld) -> None:
    api, ids = world.api()
    names = ("Access-Control-Allow-Origin", "Date", "Transfer-Encoding", "Absent")
    declared = {"200": {"responseParameters": {f"method.response.header.{name}": False for name in names}}}
    parameters = {
        "method.response.header.Access-Control-Allow-Origin": "'*'",
        "method.response.header.Date": "'then'",
        "method.response.header.Transfer-Encoding": "'chunked'",
        "method.response.header.Absent": "integration.response.header.none",
    }
    mock = {"type": "MOCK", "requestTemplates": {"application/json": "{statusCode: 200}"}}
    world.method(api, ids["/"], "OPTIONS", mock, {"200": {"responseParameters": parameters}}, declared)
    world.deploy(api)
    answer = world.request(api, "OPTIONS")
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("x-amzn-remapped-date") == "then"
    assert answer.header("transfer-encoding") is None
    assert answer.header("absent") is None
    assert answer.header("x-amzn-trace-id") is None


def test_a_status_without_a_method_response(world: GatewayWorld) -> None:
    api, ids = world.api()
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    world.mock(api, ids["/"], "GET", "x")
    world("DeleteMethodResponse", **where, statusCode="200")
    world.deploy(api)
    assert world.request(api).status == 500


def test_customised_gateway_responses(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    world(
        "PutGatewayResponse",
        restApiId=api,
        responseType="MISSING_AUTHENTICATION_TOKEN",
        statusCode="404",
        responseParameters={
            "gatewayresponse.header.Access-Control-Allow-Origin": "'a.b.c'",
            "gatewayresponse.header.x-request-query": "method.request.querystring.q",
        },
        responseTemplates={
            "application/json": '{"m": $context.error.messageString, "t": "$context.error.responseType",'
            ' "s": "$context.stage"}'
        },
    )
    world("PutGatewayResponse", restApiId=api, responseType="DEFAULT_5XX", statusCode="599")
    world.deploy(api)
    answer = world.request(api, "GET", "/none?q=7")
    assert answer.status == 404
    assert json.loads(answer.body) == {
        "m": "Missing Authentication Token",
        "t": "MISSING_AUTHENTICATION_TOKEN",
        "s": "prod",
    }
    assert (answer.header("access-control-allow-origin"), answer.header("x-request-query")) == ("a.b.c", "7")
    world.backend.response = HttpResponse(500, [], b"")
    patches = [{"op": "replace", "path": "/credentials", "value": f"arn:aws:iam::{ACCOUNT}:role/None"}]
    resource = world("GetResources", restApiId=api)["items"][-1]["id"]
    world("UpdateIntegration", restApiId=api, resourceId=resource, httpMethod="POST", patchOperations=patches)
    world.deploy(api)
    assert world.request(api, "POST", "/recipes/1/move", body=b"{}").status == 599


def test_throttling(world: GatewayWorld) -> None:
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", "ok")
    world.deploy(api)
    patches = [
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "2"},
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "1"},
    ]
    world("UpdateStage", restApiId=api, stageName="prod", patchOperations=patches)
    assert [world.request(api).status for _ in range(3)] == [200, 200, 429]
    world.clock.advance(1)
    assert [world.request(api).status for _ in range(2)] == [200, 429]


def test_logging_needs_the_accounts_role(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    patches = [{"op": "replace", "path": "/*/*/logging/loglevel", "value": "INFO"}]
    with pytest.raises(AwsError, match="CloudWatch Logs role ARN must be set in account settings to enable logging"):
        world("UpdateStage", restApiId=api, stageName="prod", patchOperations=patches)
    untrusted = world.role("Other", trusted="lambda.amazonaws.com", allow="logs:*")
    with pytest.raises(AwsError, match="The role ARN does not have required permissions configured"):
        world("UpdateAccount", patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": untrusted}])


def test_execution_log(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    world.logging_role()
    world.log(api, "INFO")
    answer = world.request(api, "POST", "/recipes/42/move", body=b'{"user_id": "u7"}')
    [(group, stream, lines)] = world.lines.written
    request_id = answer.header("x-amzn-requestid")
    assert group == f"API-Gateway-Execution-Logs_{api}/prod"
    assert len(stream) == 32
    assert all(line.startswith(f"({request_id}) ") for line in lines)
    texts = [line.removeprefix(f"({request_id}) ") for line in lines]
    assert [text.partition(":")[0] for text in texts] == [
        "Extended Request Id",
        "Verifying Usage Plan for request",
        "API Key  authorized because method 'POST /recipes/{id}/move' does not require API Key. "
        "Request will not contribute to throttle or quota limits",
        f"Usage Plan check succeeded for API Key  and API Stage {api}/prod",
        "Starting execution for request",
        "HTTP Method",
        "Method request path",
        "Method request query string",
        "Method request headers",
        "Method request body before transformations",
        "Endpoint request URI",
        "Endpoint request headers",
        "Endpoint request body after transformations",
        "Sending request to https",
        "Received response. Status",
        "Endpoint response headers",
        "Endpoint response body before transformations",
        "Method response body after transformations",
        "Method response headers",
        "Successfully completed execution",
        "Method completed with status",
    ]
    assert "Method request path: {id=42}" in texts
    assert texts[-1] == "Method completed with status: 200"


def test_execution_log_of_errors_only(world: GatewayWorld) -> None:
    api, _ = recipes(world, **{"400": {"selectionPattern": "4.."}})
    world.logging_role()
    world.log(api, "ERROR", data=False)
    world.request(api, "POST", "/recipes/42/move", body=b"{}")
    [(_, _, lines)] = world.lines.written
    assert [line.partition(") ")[2] for line in lines] == [
        "Execution failed due to configuration error: No match for output mapping and no default output mapping "
        "configured. Endpoint Response Status Code: 200",
        "Method completed with status: 500",
    ]


def test_access_log(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    world.logging_role()
    group_arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:access"
    format_ = (
        "$context.requestId $context.httpMethod $context.resourcePath $context.status $context.responseLength "
        "[$context.identity.user] $context.integration.status"
    )
    patches = [
        {
            "op": "replace",
            "path": "/accessLogSettings/destinationArn",
            "value": group_arn,
        },
        {"op": "replace", "path": "/accessLogSettings/format", "value": format_},
    ]
    world("UpdateStage", restApiId=api, stageName="prod", patchOperations=patches)
    answer = world.request(api, "POST", "/recipes/42/move", body=b"{}")
    [(group, _, [line])] = world.lines.written
    assert group == "access"
    assert line == f"{answer.header('x-amzn-requestid')} POST /recipes/{{id}}/move 200 2 [-] 200"


def test_no_logs_without_permission(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    world.logging_role()
    world.log(api, "INFO", data=False)
    world("DeleteRolePolicy", "iam", RoleName="Logs", PolicyName="p")
    assert world.request(api, "POST", "/recipes/42/move", body=b"{}").status == 200
    assert world.lines.written == []


def test_cloudfront_is_in_front_of_edge_optimised_apis_only(world: GatewayWorld) -> None:
    template = "$input.params('CloudFront-Is-Mobile-Viewer') $input.params('X-Forwarded-For')"
    for kind, body, cache in (
        ("EDGE", b"true 192.0.2.1, 10.0.0.9, 127.0.0.1", "Miss from cloudfront"),
        ("REGIONAL", b" 192.0.2.1, 10.0.0.9", None),
    ):
        api, ids = world.api(endpointConfiguration={"types": [kind]})
        world.mock(api, ids["/"], "GET", template)
        world.deploy(api)
        headers = {"User-Agent": "Mozilla/5.0 (iPhone) Mobile/15E148", "X-Forwarded-For": "192.0.2.1"}
        answer = world.request(api, "GET", "/", headers=headers)
        assert (answer.status, answer.body, answer.header("x-cache")) == (200, body, cache)


@pytest.mark.parametrize("verb", ["TRACE", "PROPFIND", "ANY"])
def test_any_stands_for_aws_verbs_only(world: GatewayWorld, verb: str) -> None:
    api, ids = world.api()
    world.mock(api, ids["/"], "ANY", "$context.httpMethod")
    world.deploy(api)
    assert world.request(api, "PATCH").body == b"PATCH"
    assert world.request(api, verb).status == 403
    assert world.request(api, "GET", headers={"X-HTTP-Method-Override": verb}).status == 403


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/a?q=" + "x" * 10_000, {}, 200),
        ("/a?q=" + "x" * 10_240, {}, 414),
        ("/a", {"X-A": "x" * 10_100}, 200),
        ("/a", {"X" * 10_000: "x"}, 200),
        ("/a", {"X-A": "x" * 5_120, "X-B": "x" * 5_120}, 413),
    ],
)
def test_the_request_line_and_header_values_are_bounded(
    world: GatewayWorld, path: str, headers: dict[str, str], status: int
) -> None:
    api, ids = world.api("/a")
    world.mock(api, ids["/a"], "GET", "ok")
    world.deploy(api)
    assert world.request(api, "GET", path, headers=headers).status == status


def test_a_semicolon_separates_parameters_unless_it_is_encoded(world: GatewayWorld) -> None:
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", "$input.params('a') $input.params('b') $input.params('c')")
    world.deploy(api)
    assert world.request(api, "GET", "/?a=1;b=2&c=3%3B4").body == b"1 2 3;4"


def test_what_nobody_should_read_is_hidden_in_logs(world: GatewayWorld) -> None:
    api, _ = recipes(world)
    world.logging_role()
    world.log(api, "INFO")
    headers = {"Authorization": "Bearer verysecret", "x-api-key": "abc", "X-Other": "seen"}
    world.request(api, "POST", "/recipes/42/move", headers=headers, body=b'{"user_id": "u7"}')
    line = next(line for line in world.lines.written[-1][2] if "Method request headers" in line)
    assert "Authorization=***********secret" in line
    assert "x-api-key=***" in line
    assert "X-Other=seen" in line.replace("x-other", "X-Other")


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        (None, "MissingAuthenticationTokenException"),
        ("Bearer abc", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=x", "IncompleteSignatureException"),
    ],
)
def test_what_no_method_answers_is_taken_for_signed(world: GatewayWorld, authorization: str | None, error: str) -> None:
    api, _ = recipes(world)
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = world.request(api, "GET", "/nowhere", headers=headers)
    assert (answer.status, answer.header("x-amzn-errortype")) == (403, error)
