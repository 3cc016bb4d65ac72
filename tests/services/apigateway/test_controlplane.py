"""What the control plane refuses and stores; the wording is recorded from AWS where the reference says so."""

from __future__ import annotations

from typing import Any

import pytest

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from stategate.services.errors import AwsError

START = "arn:aws:apigateway:us-east-1:states:action/StartExecution"
MAPPING_ERROR = (
    "Invalid mapping expression specified: Validation Result: warnings : [], errors : "
    "[Invalid mapping expression specified: {}]"
)


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def refused(world: GatewayWorld, operation: str, **given: Any) -> tuple[str, str, int]:
    with pytest.raises(AwsError) as caught:
        world(operation, **given)
    return caught.value.code, caught.value.message, caught.value.status


def method(world: GatewayWorld) -> dict[str, str]:
    api, ids = world.api()
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "POST"}
    world("PutMethod", **where, authorizationType="NONE")
    world("PutMethodResponse", **where, statusCode="200")
    return where


def test_unknown_things(world: GatewayWorld) -> None:
    assert refused(world, "GetRestApi", restApiId="none") == (
        "NotFoundException",
        f"Invalid API identifier specified {ACCOUNT}:none",
        404,
    )
    where = method(world)
    lost = ("NotFoundException", "Invalid Resource identifier specified", 404)
    assert refused(world, "GetMethod", **(where | {"restApiId": "none"})) == lost
    assert refused(world, "GetMethod", **(where | {"httpMethod": "GET"}))[1] == "Invalid Method identifier specified"
    assert refused(world, "GetIntegration", **where)[1] == "Invalid Integration identifier specified"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"type": "AWS", "uri": START}, "Enumeration value for HttpMethod must be non-empty"),
        (
            {"type": "AWS", "uri": START, "integrationHttpMethod": "POST"},
            "Role ARN must be specified for AWS integrations",
        ),
        (
            {"type": "HTTP", "uri": "ftp://x.test", "integrationHttpMethod": "GET"},
            "Invalid HTTP endpoint specified for URI",
        ),
        ({"type": "MOCK", "timeoutInMillis": 40}, "Timeout should be between 50 ms and 29000 ms"),
        ({"type": "MOCK", "requestParameters": {"integration.request.header.x": "true"}}, MAPPING_ERROR.format("true")),
        (
            {"type": "MOCK", "cacheKeyParameters": ["a"]},
            "Invalid cache key parameter specified: a",
        ),
    ],
)
def test_integrations_that_are_refused(world: GatewayWorld, members: dict[str, Any], message: str) -> None:
    assert refused(world, "PutIntegration", **method(world), **members) == ("BadRequestException", message, 400)


def test_a_template_that_does_not_parse_is_refused(world: GatewayWorld) -> None:
    where = method(world)
    code, message, _ = refused(
        world, "PutIntegration", **where, type="MOCK", requestTemplates={"application/json": "#if($x"}
    )
    assert code == "BadRequestException"
    assert message.startswith("Invalid mapping template specified for application/json")
    world("PutIntegration", **where, type="MOCK")
    given = {**where, "statusCode": "200"}
    code, _, _ = refused(world, "PutIntegrationResponse", **given, responseTemplates={"a/b": "#foreach($x"})
    assert code == "BadRequestException"
    assert refused(world, "PutIntegrationResponse", **given, selectionPattern="(")[0] == "BadRequestException"
    undeclared = refused(
        world, "PutIntegrationResponse", **given, responseParameters={"method.response.header.X": "'x'"}
    )
    assert undeclared[1].endswith("[Invalid mapping expression parameter specified: method.response.header.X]")


@pytest.mark.parametrize(
    "members",
    [
        {"authorizationType": "OPEN"},
        {"authorizationType": "CUSTOM"},
        {"authorizationType": "CUSTOM", "authorizerId": "abc"},
        {"authorizationType": "COGNITO_USER_POOLS", "authorizerId": "abc"},
    ],
)
def test_no_method_is_open_by_accident(world: GatewayWorld, members: dict[str, Any]) -> None:
    api, ids = world.api()
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    assert refused(world, "PutMethod", **where, **members)[0] == "BadRequestException"
    world("PutMethod", **where, authorizationType="none")
    patch = {"op": "replace", "path": "/authorizationType", "value": "CUSTOM"}
    assert refused(world, "UpdateMethod", **where, patchOperations=[patch])[0] == "BadRequestException"
    assert world("GetMethod", **where)["authorizationType"] == "NONE"


@pytest.mark.parametrize(("path", "value"), [("/authorizationType", "AWS_IAM"), ("/apiKeyRequired", "true")])
def test_a_closed_method_does_not_answer_anybody(world: GatewayWorld, path: str, value: str) -> None:
    api, ids = world.api()
    world.mock(api, ids["/"], "GET", "open")
    world.deploy(api)
    assert world.request(api).status == 200
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    world("UpdateMethod", **where, patchOperations=[{"op": "replace", "path": path, "value": value}])
    world.deploy(api)
    assert world.request(api).status in (401, 403)


def test_patches_are_all_or_nothing(world: GatewayWorld) -> None:
    api, _ = world.api()
    patches = [
        {"op": "replace", "path": "/name", "value": "new"},
        {"op": "replace", "path": "/nothing", "value": "x"},
    ]
    assert refused(world, "UpdateRestApi", restApiId=api, patchOperations=patches)[1] == "Invalid patch path /nothing"
    assert world("GetRestApi", restApiId=api)["name"] == "test"


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("UpdateMethod", "/requestParameters/method.request.header.a/b"),
        ("UpdateMethod", "/requestModels/application/json"),
        ("UpdateMethodResponse", "/responseModels/application/json"),
        ("UpdateIntegration", "/requestTemplates/application/json"),
        ("UpdateIntegrationResponse", "/responseTemplates/application/json"),
        ("UpdateGatewayResponse", "/responseTemplates/application/json"),
    ],
)
def test_slashes_in_keys_are_escaped(world: GatewayWorld, operation: str, path: str) -> None:
    where = method(world)
    world("PutIntegration", **where, type="MOCK")
    world("PutIntegrationResponse", **where, statusCode="200")
    members = {
        "UpdateGatewayResponse": {"restApiId": where["restApiId"], "responseType": "DEFAULT_4XX"},
        "UpdateMethodResponse": where | {"statusCode": "200"},
        "UpdateIntegrationResponse": where | {"statusCode": "200"},
    }.get(operation, where)
    patch = {"op": "add", "path": path, "value": "Empty"}
    assert refused(world, operation, **members, patchOperations=[patch])[1] == f"Invalid patch path {path}"


def test_resources_move_with_their_children(world: GatewayWorld) -> None:
    api, ids = world.api("/a/b/c", "/x")
    patch = {"op": "replace", "path": "/parentId", "value": ids["/x"]}
    world("UpdateResource", restApiId=api, resourceId=ids["/a/b"], patchOperations=[patch])
    paths = [item["path"] for item in world("GetResources", restApiId=api)["items"]]
    assert paths == ["/", "/a", "/x", "/x/b", "/x/b/c"]
    patch = {"op": "replace", "path": "/parentId", "value": ids["/a/b/c"]}
    cyclic = refused(world, "UpdateResource", restApiId=api, resourceId=ids["/a/b"], patchOperations=[patch])
    assert cyclic[1] == "Resources cannot be cyclical."
    world("DeleteResource", restApiId=api, resourceId=ids["/x"])
    assert [item["path"] for item in world("GetResources", restApiId=api)["items"]] == ["/", "/a"]


def test_pages(world: GatewayWorld) -> None:
    api, _ = world.api(*[f"/r{n:02}" for n in range(30)])
    first = world("GetResources", restApiId=api)
    assert len(first["items"]) == 25
    second = world("GetResources", restApiId=api, position=first["position"])
    assert len(second["items"]) == 6
    assert "position" not in second
    assert len(world("GetResources", restApiId=api, limit=500)["items"]) == 31


def test_deployments(world: GatewayWorld) -> None:
    where = method(world)
    api = where["restApiId"]
    assert refused(world, "CreateDeployment", restApiId=api)[1] == "No integration defined for method"
    empty, _ = world.api()
    assert refused(world, "CreateDeployment", restApiId=empty)[1] == "The REST API doesn't contain any methods"
    world("PutIntegration", **where, type="MOCK")
    deployment = world.deploy(api)
    in_use = refused(world, "DeleteDeployment", restApiId=api, deploymentId=deployment)
    assert in_use[1] == "Active stages pointing to this deployment must be moved or deleted"
    again = refused(world, "CreateStage", restApiId=api, stageName="prod", deploymentId=deployment)
    assert again == ("ConflictException", "Stage already exists", 409)
    summary = world("GetDeployment", restApiId=api, deploymentId=deployment, embed=["apisummary"])["apiSummary"]
    assert summary == {"/": {"POST": {"authorizationType": "NONE", "apiKeyRequired": False}}}


def test_deleting_an_api_deletes_everything(world: GatewayWorld) -> None:
    where = method(world)
    api = where["restApiId"]
    world("PutIntegration", **where, type="MOCK")
    world.deploy(api)
    world("DeleteRestApi", restApiId=api)
    assert world.request(api).status == 404
    assert refused(world, "GetStages", restApiId=api)[0] == "NotFoundException"
    assert refused(world, "GetMethod", **where)[0] == "NotFoundException"


def test_method_settings_inherit_and_are_removed(world: GatewayWorld) -> None:
    where = method(world)
    api = where["restApiId"]
    world("PutIntegration", **where, type="MOCK")
    world.deploy(api)
    patches = [
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "123"},
        {"op": "replace", "path": "/~1pets~1{id}/GET/throttling/rateLimit", "value": "7.5"},
    ]
    settings = world("UpdateStage", restApiId=api, stageName="prod", patchOperations=patches)["methodSettings"]
    assert settings["*/*"]["throttlingBurstLimit"] == 123
    assert (settings["pets~1{id}/GET"]["throttlingBurstLimit"], settings["pets~1{id}/GET"]["throttlingRateLimit"]) == (
        123,
        7.5,
    )
    stage = world("UpdateStage", restApiId=api, stageName="prod", patchOperations=[{"op": "remove", "path": "/*/*"}])
    assert list(stage["methodSettings"]) == ["pets~1{id}/GET"]
    for path in ("/*/*", "/*/*/throttling/burstLimit", "/~1a/GET", "/variables"):
        patch = {"op": "remove", "path": path}
        assert refused(world, "UpdateStage", restApiId=api, stageName="prod", patchOperations=[patch])[1] == (
            f"Cannot remove method setting {path[1:]} because there is no method setting for this method "
        )


def test_tags(world: GatewayWorld) -> None:
    api, _ = world.api()
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{api}"
    world("TagResource", resourceArn=arn, tags={"a": "1", "b": "2"})
    world("UntagResource", resourceArn=arn, tagKeys=["a"])
    assert world("GetTags", resourceArn=arn)["tags"] == {"b": "2"}
    assert world("GetRestApi", restApiId=api)["tags"] == {"b": "2"}


def test_required_parameters_are_validated(world: GatewayWorld) -> None:
    api, ids = world.api()
    validator = world("CreateRequestValidator", restApiId=api, name="v", validateRequestParameters=True)["id"]
    world.method(
        api,
        ids["/"],
        "GET",
        {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}},
        {"200": {}},
        requestValidatorId=validator,
        requestParameters={
            "method.request.querystring.qs1": True,
            "method.request.header.x-head": True,
            "method.request.path.issuer": True,
            "method.request.querystring.free": False,
        },
    )
    world.deploy(api)
    answer = world.request(api)
    assert answer.status == 400
    assert answer.body == b'{"message":"Missing required request parameters: [x-head, issuer, qs1]"}'


def test_invoke_method(world: GatewayWorld) -> None:
    api, ids = world.api("/pets/{petId}")
    world.mock(api, ids["/pets/{petId}"], "GET", "pet $input.params('petId')")
    where = {"restApiId": api, "resourceId": ids["/pets/{petId}"], "httpMethod": "GET"}
    tested = world("TestInvokeMethod", **where, pathWithQueryString="/pets/123?foo=bar")
    assert (tested["status"], tested["body"], tested["headers"]) == (
        200,
        "pet 123",
        {"Content-Type": "application/json"},
    )
    lines = tested["log"].split("\n")
    assert lines[0].startswith("Execution log for request ")
    assert [line.partition(" UTC 2023 : ")[2] for line in lines[2:-1]] == [
        "HTTP Method: GET, Resource Path: /pets/123",
        "Method request path: {petId=123}",
        "Method request query string: {foo=bar}",
        "Method request headers: {}",
        "Method request body before transformations: ",
        "Method response body after transformations: pet 123",
        "Method response headers: {Content-Type=application/json}",
        "Successfully completed execution",
        "Method completed with status: 200",
    ]
    assert world("TestInvokeMethod", **where)["body"] == "pet {petId}"
    world("DeleteMethodResponse", **where, statusCode="200")
    failed = world("TestInvokeMethod", **where)
    assert (failed["status"], failed["body"]) == (500, '{"message": "Internal server error"}')
    assert failed["headers"] == {"x-amzn-ErrorType": "InternalServerErrorException"}


def test_a_documentation_version_of_a_stage(world: GatewayWorld) -> None:
    where = method(world)
    api = where["restApiId"]
    world("PutIntegration", **where, type="MOCK")
    deployment = world.deploy(api)
    stage = {"restApiId": api, "stageName": "dev", "deploymentId": deployment, "documentationVersion": "v1"}
    assert refused(world, "CreateStage", **stage)[0] == "NotFoundException"
    part = {"restApiId": api, "location": {"type": "API"}, "properties": "{}"}
    world("CreateDocumentationPart", **part)
    assert refused(world, "CreateDocumentationPart", **part)[0] == "ConflictException"
    world("CreateDocumentationVersion", restApiId=api, documentationVersion="v1")
    assert world("CreateStage", **stage)["documentationVersion"] == "v1"
    assert len(world("GetDocumentationParts", restApiId=api, type="API")["items"]) == 1
    assert world("GetDocumentationParts", restApiId=api, type="METHOD")["items"] == []
