"""What an operation is given is kept, or refused by name: no setting gets lost, and a refusal changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.apigateway.gatewayworld import GatewayWorld, refused
from stategate.services.errors import AwsError

MOCK = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
UNDECLARED = (
    "Invalid mapping expression specified: Validation Result: warnings : [], errors : "
    "[Invalid mapping expression parameter specified: {}]"
)


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def staged(world: GatewayWorld) -> str:
    api, ids = world.api("/pets/{id}")
    world.method(api, ids["/pets/{id}"], "GET", MOCK, {"200": {}})
    world.deploy(api)
    return api


def replace(path: str, value: str | None = None, op: str = "replace") -> list[dict[str, str]]:
    return [{"op": op, "path": path} | ({} if value is None else {"value": value})]


def test_a_security_policy_is_kept_and_strict_access_refused(world: GatewayWorld) -> None:
    made = world("CreateRestApi", name="a", securityPolicy="TLS_1_2", endpointAccessMode="BASIC")
    assert made["securityPolicy"] == "TLS_1_2"
    api = made["id"]
    changed = world("UpdateRestApi", restApiId=api, patchOperations=replace("/securityPolicy", "TLS_1_0"))
    assert changed["securityPolicy"] == "TLS_1_0"
    assert "security policy" in refused(
        world, "UpdateRestApi", restApiId=api, patchOperations=replace("/securityPolicy", "TLS_9")
    )
    assert "STRICT" in refused(world, "CreateRestApi", name="b", endpointAccessMode="STRICT")
    assert "STRICT" in refused(
        world, "UpdateRestApi", restApiId=api, patchOperations=replace("/endpointAccessMode", "STRICT")
    )
    assert "securityPolicy" not in world("CreateRestApi", name="c")


def test_an_api_has_a_name(world: GatewayWorld) -> None:
    assert refused(world, "CreateRestApi", name="") == "API name cannot be empty"
    api = world("CreateRestApi", name="a")["id"]
    for value in ("", None):
        assert refused(world, "UpdateRestApi", restApiId=api, patchOperations=replace("/name", value))
    assert world("GetRestApi", restApiId=api)["name"] == "a"


@pytest.mark.parametrize(
    "tags",
    [{"aws:x": "1"}, {"AWS:x": "1"}, {"a" * 129: ""}, {"a": "b" * 257}, {f"k{n}": "" for n in range(51)}, {"": "x"}],
)
def test_tags_are_checked_wherever_they_are_given(world: GatewayWorld, tags: dict[str, str]) -> None:
    refused(world, "CreateRestApi", name="a", tags=tags)
    refused(world, "CreateApiKey", name="a", tags=tags)
    refused(world, "CreateUsagePlan", name="a", tags=tags)
    refused(world, "GenerateClientCertificate", tags=tags)
    assert world("GetRestApis")["items"] == world("GetApiKeys")["items"] == world("GetUsagePlans")["items"] == []
    api = world("CreateRestApi", name="a")["id"]
    refused(world, "TagResource", resourceArn=f"arn:aws:apigateway:us-east-1::/restapis/{api}", tags=tags)


def test_a_mapping_reads_what_the_method_declares(world: GatewayWorld) -> None:
    api, ids = world.api("/{id}")
    where = {"restApiId": api, "resourceId": ids["/{id}"], "httpMethod": "GET"}
    declared = {"method.request.path.id": True, "method.request.header.X-Many": False}
    world("PutMethod", **where, authorizationType="NONE", requestParameters=declared)
    http = {"type": "HTTP", "integrationHttpMethod": "GET", "uri": "https://example.com/{id}"}
    known = {
        "integration.request.path.id": "method.request.path.id",
        "integration.request.header.X": "method.request.multivalueheader.X-Many",
        "integration.request.header.Y": "method.request.body.a",
        "integration.request.header.Z": "'method.request.header.z'",
    }
    world("PutIntegration", **where, **http, requestParameters=known, cacheKeyParameters=list(known)[:1])
    for source in ("method.request.querystring.q", "method.request.header.x-many", "method.request.multivalueheader.a"):
        wrong = {"integration.request.header.X": source}
        assert refused(world, "PutIntegration", **where, **http, requestParameters=wrong) == UNDECLARED.format(source)
        patch = replace("/requestParameters/integration.request.header.X", source)
        assert refused(world, "UpdateIntegration", **where, patchOperations=patch) == UNDECLARED.format(source)
    assert world("GetIntegration", **where)["requestParameters"] == known
    for key in ("method.request.querystring.q", "integration.request.header.Q", "context.stage"):
        message = f"Invalid cache key parameter specified: {key}"
        assert refused(world, "PutIntegration", **where, **http, cacheKeyParameters=[key]) == message
    document = {
        "openapi": "3.0.1",
        "info": {"title": "t"},
        "paths": {
            "/{id}": {
                "get": {
                    "x-amazon-apigateway-integration": {
                        "type": "http",
                        "uri": "https://example.com",
                        "httpMethod": "GET",
                        "requestParameters": {"integration.request.header.q": "method.request.querystring.q"},
                    }
                }
            }
        },
    }
    message = refused(world, "ImportRestApi", body=json.dumps(document).encode())
    assert message.endswith(UNDECLARED.format("method.request.querystring.q"))


def test_a_parameter_counts_as_declared_wherever_the_method_declares_its_name(world: GatewayWorld) -> None:
    api, ids = world.api("/pets")
    where = {"restApiId": api, "resourceId": ids["/pets"], "httpMethod": "GET"}
    world("PutMethod", **where, authorizationType="NONE", requestParameters={"method.request.path.a": False})
    http = {"type": "HTTP", "integrationHttpMethod": "GET", "uri": "https://example.com"}
    mapped = {"integration.request.querystring.a": "method.request.querystring.a"}
    assert world("PutIntegration", **where, **http, requestParameters=mapped)["requestParameters"] == mapped


def test_a_passthrough_behaviour_is_one_of_three(world: GatewayWorld) -> None:
    api, ids = world.api()
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    world("PutMethod", **where, authorizationType="NONE")
    assert "passthroughBehavior" in refused(
        world, "PutIntegration", **where, type="MOCK", passthroughBehavior="when_no_match"
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("/*/*/throttling/rateLimit", value) for value in ("nan", "inf", "-inf", "x", "")),
        *(("/*/*/throttling/burstLimit", value) for value in ("1.5", "1_000", "99999999999", "")),
        *(("/*/*/caching/ttlInSeconds", value) for value in ("-1", "3601", "x")),
        ("/canarySettings/percentTraffic", "nan"),
        ("/cacheClusterSize", "7"),
    ],
)
def test_numbers_of_a_stage(world: GatewayWorld, path: str, value: str) -> None:
    api = staged(world)
    before = world("GetStage", restApiId=api, stageName="prod")
    refused(world, "UpdateStage", restApiId=api, stageName="prod", patchOperations=replace(path, value))
    assert world("GetStage", restApiId=api, stageName="prod") == before


def test_the_settings_of_a_nested_method_count_however_its_path_is_written(world: GatewayWorld) -> None:
    api = staged(world)
    for path in ("/pets/{id}/GET/throttling/burstLimit", "/~1pets~1{id}/GET/throttling/burstLimit"):
        stage = world("UpdateStage", restApiId=api, stageName="prod", patchOperations=replace(path, "0"))
        assert list(stage["methodSettings"]) == ["pets~1{id}/GET"]
        assert world.request(api, path="/pets/1").status == 429
        world("UpdateStage", restApiId=api, stageName="prod", patchOperations=replace("/pets/{id}/GET", op="remove"))
        assert world.request(api, path="/pets/1").status == 200


def test_one_setting_cannot_be_removed_alone(world: GatewayWorld) -> None:
    api = staged(world)
    path = "/*/*/throttling/burstLimit"
    world("UpdateStage", restApiId=api, stageName="prod", patchOperations=replace(path, "7"))
    refused(world, "UpdateStage", restApiId=api, stageName="prod", patchOperations=replace(path, op="remove"))


def test_a_deployment_that_is_refused_leaves_nothing(world: GatewayWorld) -> None:
    api = staged(world)
    before = world("GetDeployments", restApiId=api)
    refused(world, "CreateDeployment", restApiId=api, stageName="not a name")
    for stage in ("prod", "new"):
        refused(world, "CreateDeployment", restApiId=api, stageName=stage, variables={"a": "ä"})
        refused(world, "CreateDeployment", restApiId=api, stageName=stage, variables={"a b": "1"})
    assert world("GetDeployments", restApiId=api) == before


def test_a_deployment_to_a_stage_that_is_there_brings_its_settings(world: GatewayWorld) -> None:
    api = staged(world)
    world.deploy(api, cacheClusterEnabled=True, cacheClusterSize="6.1", variables={"a": "1"}, tracingEnabled=True)
    stage = world("GetStage", restApiId=api, stageName="prod")
    assert (stage["cacheClusterEnabled"], stage["cacheClusterSize"]) == (True, "6.1")
    assert (stage["variables"], stage["tracingEnabled"]) == ({"a": "1"}, True)
    world.deploy(api)
    assert world("GetStage", restApiId=api, stageName="prod")["cacheClusterSize"] == "6.1"


def test_usage_is_changed_by_all_patches_or_none(world: GatewayWorld) -> None:
    api = staged(world)
    plan = world(
        "CreateUsagePlan", name="p", apiStages=[{"apiId": api, "stage": "prod"}], quota={"limit": 9, "period": "DAY"}
    )["id"]
    key = world("CreateApiKey", enabled=True)["id"]
    world("CreateUsagePlanKey", usagePlanId=plan, keyId=key, keyType="API_KEY")
    patches = [*replace("/remaining", "3"), *replace("/used", "1")]
    refused(world, "UpdateUsage", usagePlanId=plan, keyId=key, patchOperations=patches)
    day = "2023-11-14"
    usage = world("GetUsage", usagePlanId=plan, startDate=day, endDate=day)
    assert usage["items"] == {key: [[0, 9]]}


def test_a_plans_throttle_names_a_path_with_or_without_its_slash(world: GatewayWorld) -> None:
    api = staged(world)
    stages = [{"apiId": api, "stage": "prod", "throttle": {"pets/GET": {"rateLimit": 1.0, "burstLimit": 2}}}]
    made = world("CreateUsagePlan", name="p", apiStages=stages)
    assert made["apiStages"][0]["throttle"] == {"/pets/GET": {"rateLimit": 1.0, "burstLimit": 2}}


def test_features_of_the_account(world: GatewayWorld) -> None:
    added = world("UpdateAccount", patchOperations=replace("/features", "UsagePlans", "add"))
    assert added["features"] == ["UsagePlans"]
    for op, value in (("remove", "UsagePlans"), ("add", "Other"), ("replace", "UsagePlans")):
        refused(world, "UpdateAccount", patchOperations=replace("/features", value, op))


def test_what_is_not_there_is_refused_by_name(world: GatewayWorld) -> None:
    api = staged(world)
    assert "JWT" in refused(world, "CreateAuthorizer", restApiId=api, name="a", type="JWT")
    export = {"restApiId": api, "stageName": "prod", "exportType": "oas30"}
    assert "postman" in refused(world, "GetExport", **export, parameters={"extensions": "postman"})
    assert "extension" in refused(world, "GetExport", **export, parameters={"extension": "integrations"})
    assert world("GetDomainNames", resourceOwner="OTHER_ACCOUNTS")["items"] == []
    assert "generateDistinctId" in refused(world, "CreateApiKey", name="k", generateDistinctId=False)
    assert world("CreateApiKey", name="k", generateDistinctId=True)["name"] == "k"


def test_pages_go_on_where_they_were_when_the_last_item_is_gone(world: GatewayWorld) -> None:
    names = [f"k{n}" for n in range(6)]
    made = {world("CreateApiKey", name=name)["id"]: name for name in names}
    page = world("GetApiKeys", limit=2)
    seen = {item["id"] for item in page["items"]}
    world("DeleteApiKey", apiKey=page["items"][-1]["id"])
    while "position" in page:
        page = world("GetApiKeys", limit=2, position=page["position"])
        seen |= {item["id"] for item in page["items"]}
    assert seen == set(made)


@pytest.mark.parametrize("position", ["x", "====", "eA==", "ä", "LTE6eA=="])
def test_positions_that_nobody_gave(world: GatewayWorld, position: str) -> None:
    world("CreateApiKey", name="a")
    try:
        assert len(world("GetApiKeys", position=position)["items"]) <= 1
    except AwsError as error:
        assert (error.code, error.status) == ("BadRequestException", 400)


def test_models(world: GatewayWorld) -> None:
    api, _ = world.api()
    base = f"https://apigateway.amazonaws.com/restapis/{api}/models/"
    model = {"restApiId": api, "contentType": "application/json"}
    invalid = "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified"
    for schema in ("x", "[]", '{"type": 5}', '{"$ref": "' + base + 'None"}', '{"$ref": "https://example.com/x"}'):
        assert refused(world, "CreateModel", **model, name="Wrong", schema=schema).startswith(invalid)
    world("CreateModel", **model, name="Leaf", schema='{"type": "string"}')
    tree = {"properties": {"leaf": {"$ref": base + "Leaf"}, "child": {"$ref": base + "Tree"}}}
    world("CreateModel", **model, name="Tree", schema=json.dumps(tree))
    top = {"type": "array", "items": {"$ref": base + "Tree"}, "definitions": {"own": {"type": "null"}}}
    world("CreateModel", **model, name="Top", schema=json.dumps(top))
    assert json.loads(world("GetModel", restApiId=api, modelName="Top")["schema"]) == top
    flat = json.loads(world("GetModel", restApiId=api, modelName="Top", flatten=True)["schema"])
    assert flat["items"] == {"$ref": "#/definitions/Tree"}
    assert flat["definitions"] == {
        "own": {"type": "null"},
        "Leaf": {"type": "string"},
        "Tree": {"properties": {"leaf": {"$ref": "#/definitions/Leaf"}, "child": {"$ref": "#/definitions/Tree"}}},
    }
    patch = replace("/schema", '{"type": 5}')
    assert refused(world, "UpdateModel", restApiId=api, modelName="Leaf", patchOperations=patch).startswith(invalid)


def test_access_logs_go_to_a_log_group_of_the_world_or_are_refused(world: GatewayWorld) -> None:
    api = staged(world)
    path = "/accessLogSettings/destinationArn"
    group = "arn:aws:logs:us-east-1:111122223333:log-group:a/b.c"

    def updated(value: str) -> dict[str, Any]:
        return world("UpdateStage", restApiId=api, stageName="prod", patchOperations=replace(path, value))

    assert updated(f"{group}:*")["accessLogSettings"] == {"destinationArn": group}
    firehose = "arn:aws:firehose:us-east-1:111122223333:deliverystream/amazon-apigateway-x"
    for value, part in (
        (firehose, "Firehose"),
        (group.replace("us-east-1", "eu-west-1"), "another account or region"),
        (group.replace("3333", "4444"), "another account or region"),
        ("group", "Invalid ARN specified in the request"),
        ("arn:aws:logs:us-east-1:111122223333:log-group:", "Invalid ARN specified in the request"),
    ):
        with pytest.raises(AwsError) as caught:
            updated(value)
        assert part in caught.value.message


@pytest.mark.parametrize("op", ["move", "copy", "test"])
def test_operations_that_a_setting_does_not_have(world: GatewayWorld, op: str) -> None:
    api = world("CreateRestApi", name="a", description="d")["id"]
    for path in ("/description", "/policy", "/name"):
        patch = [{"op": op, "path": path, "from": "/name", "value": "x"}]
        message = refused(world, "UpdateRestApi", restApiId=api, patchOperations=patch)
        assert message.startswith("Invalid patch operation specified. Must be one of: [")
    assert world("GetRestApi", restApiId=api)["description"] == "d"


@pytest.mark.parametrize("part", ["$batch", "a~b", "Products('1')", "a,b", "a@b", "{id}.json", "a%20b", "ä"])
def test_path_parts_have_the_letters_that_the_message_names(world: GatewayWorld, part: str) -> None:
    api = world("CreateRestApi", name="a")
    message = refused(world, "CreateResource", restApiId=api["id"], parentId=api["rootResourceId"], pathPart=part)
    assert message == (
        "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the "
        "beginning and the end."
    )


@pytest.mark.parametrize("uri", ["http://", "https:///x", "http://a b/", "http:/x", "ftp://x", "", "https://?x"])
def test_http_endpoints(world: GatewayWorld, uri: str) -> None:
    api, ids = world.api()
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    world("PutMethod", **where, authorizationType="NONE")
    given = {"type": "HTTP", "integrationHttpMethod": "GET"}
    assert refused(world, "PutIntegration", **where, **given, uri=uri) == "Invalid HTTP endpoint specified for URI"
    for good in ("http://x", "https://x:80/{a}?b=c", "http://${stageVariables.host}/x", "${stageVariables.url}"):
        world("PutIntegration", **where, **given, uri=good)


def test_a_model_that_a_response_names_stays(world: GatewayWorld) -> None:
    api, ids = world.api("/a")
    world.method(api, ids["/a"], "GET", MOCK, {"200": {}}, {"200": {"responseModels": {"application/json": "Error"}}})
    with pytest.raises(AwsError) as caught:
        world("DeleteModel", restApiId=api, modelName="Error")
    assert (caught.value.code, caught.value.message) == (
        "ConflictException",
        "Cannot delete model 'Error', is referenced in method response: /a/GET",
    )
    world("DeleteModel", restApiId=api, modelName="Empty")


def test_endpoints_in_a_vpc_are_for_private_apis(world: GatewayWorld) -> None:
    refused(world, "CreateRestApi", name="a", endpointConfiguration={"types": ["EDGE"], "vpcEndpointIds": ["vpce-1"]})
    private = {"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-1"]}
    api = world("CreateRestApi", name="a", endpointConfiguration=private)["id"]
    add = replace("/endpointConfiguration/vpcEndpointIds", "vpce-2", "add")
    assert (
        len(world("UpdateRestApi", restApiId=api, patchOperations=add)["endpointConfiguration"]["vpcEndpointIds"]) == 2
    )
    public = replace("/endpointConfiguration/types/PRIVATE", "REGIONAL")
    assert (
        "vpcEndpointIds" not in world("UpdateRestApi", restApiId=api, patchOperations=public)["endpointConfiguration"]
    )
    refused(world, "UpdateRestApi", restApiId=api, patchOperations=add)


@pytest.mark.parametrize(
    "location",
    [
        {"type": "API", "path": "/"},
        {"type": "MODEL"},
        {"type": "MODEL", "name": "a", "method": "GET"},
        {"type": "RESOURCE", "path": "/", "method": "GET"},
        {"type": "METHOD", "path": "/", "statusCode": "200"},
        {"type": "PATH_PARAMETER", "path": "/"},
    ],
)
def test_locations_of_documentation(world: GatewayWorld, location: dict[str, str]) -> None:
    api, _ = world.api()
    assert "documentation location" in refused(
        world, "CreateDocumentationPart", restApiId=api, location=location, properties="{}"
    )


def test_what_an_integration_or_an_export_cannot_have(world: GatewayWorld) -> None:
    api = staged(world)
    where = {"restApiId": api, "resourceId": world("GetResources", restApiId=api)["items"][-1]["id"]}
    tls = {"tlsConfig": {"insecureSkipVerification": True}}
    assert "TLS" in refused(world, "PutIntegration", **where, httpMethod="GET", type="MOCK", **tls)
    verified = {"tlsConfig": {"insecureSkipVerification": False}}
    assert world("PutIntegration", **where, httpMethod="GET", type="MOCK", **verified)["type"] == "MOCK"
    export = {"restApiId": api, "stageName": "prod", "exportType": "oas30"}
    assert "application/xml" in refused(world, "GetExport", **export, accepts="application/xml")
    assert world("GetExport", **export, accepts="application/json; charset=utf-8")["body"].startswith(b"{")
    large = '{"title": "' + "a" * 400 * 1024 + '"}'
    given = {"restApiId": api, "name": "Large", "contentType": "application/json"}
    assert "maximum size" in refused(world, "CreateModel", **given, schema=large)


def test_patches_of_gateway_responses(world: GatewayWorld) -> None:
    api = world("CreateRestApi", name="a")["id"]
    given = {"restApiId": api, "responseType": "THROTTLED"}

    def error(patch: list[dict[str, str]]) -> tuple[str, str]:
        with pytest.raises(AwsError) as caught:
            world("UpdateGatewayResponse", **given, patchOperations=patch)
        return caught.value.code, caught.value.message

    header = "/responseParameters/gatewayresponse.header.X"
    for op in ("add", "remove"):
        assert error(replace("/statusCode", "429", op)) == ("BadRequestException", "Invalid patch path /statusCode")
    unknown = ("NotFoundException", "Invalid parameter name specified")
    assert error(replace(header, "'x'")) == error(replace("/responseTemplates/a~1b", "x")) == unknown
    assert error(replace("/responseTemplates/a~1b", None)) == unknown
    for path in (header, "/responseTemplates/a~1b"):
        name = path.split("/")[1]
        empty = ("BadRequestException", f"Invalid null or empty value in {name}")
        assert error(replace(path, None, "add")) == error(replace(path, "", "add")) == empty
    world("UpdateGatewayResponse", **given, patchOperations=replace(header, "'x'", "add"))
    assert world("GetGatewayResponse", **given)["responseParameters"] == {"gatewayresponse.header.X": "'x'"}


def test_a_resource_with_children_does_not_become_greedy(world: GatewayWorld) -> None:
    api, ids = world.api("/{a}/b", "/c")
    patch = replace("/pathPart", "{a+}")
    message = refused(world, "UpdateResource", restApiId=api, resourceId=ids["/{a}"], patchOperations=patch)
    assert message == "Cannot create a child of a resource with a greedy path variable: {a+}"
    world("DeleteResource", restApiId=api, resourceId=ids["/{a}/b"])
    changed = world("UpdateResource", restApiId=api, resourceId=ids["/{a}"], patchOperations=patch)
    assert changed["path"] == "/{a+}"


def test_a_path_is_no_longer_than_an_arn_may_be(world: GatewayWorld) -> None:
    api, ids = world.api("/a")
    for parent in ("/", "/a"):
        given = {"restApiId": api, "parentId": ids[parent]}
        assert "1600" in refused(world, "CreateResource", **given, pathPart="x" * 1600)
        world("CreateResource", **given, pathPart="x" * 1500)


def test_a_template_is_for_a_content_type(world: GatewayWorld) -> None:
    """A template under another name would never be chosen."""
    api, ids = world.api()
    where = {"restApiId": api, "resourceId": ids["/"], "httpMethod": "GET"}
    wrong = "Validation Result: warnings : [], errors : [Invalid content type specified: 123]"
    # Before it is looked whether there is a method.
    templates = {"responseTemplates": {"123": ""}}
    assert refused(world, "PutIntegrationResponse", **where, statusCode="200", **templates) == wrong
    world.method(api, ids["/"], "GET", MOCK, {"200": {}})
    assert refused(world, "PutIntegration", **where, type="MOCK", requestTemplates={"123": "{}"}) == wrong
    assert refused(
        world, "UpdateIntegration", **where, patchOperations=replace("/requestTemplates/123", "", "add")
    ) == (wrong)
    patch = replace("/responseTemplates/123", "", "add")
    assert refused(world, "UpdateIntegrationResponse", **where, statusCode="200", patchOperations=patch) == wrong
    known = dict.fromkeys(("application/json; charset=utf-8", "*/*", "application/vnd.a+json", "$default"), "{}")
    assert world("PutIntegration", **where, type="MOCK", requestTemplates=known)["requestTemplates"] == known


def test_a_policy_is_shown_as_the_inside_of_a_json_string(world: GatewayWorld) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*", "Sid": "é"}
    policy = json.dumps({"Statement": [statement]}, indent=2)
    shown = world("CreateRestApi", name="a", policy=policy)["policy"]
    assert json.loads(f'"{shown}"') == policy


def test_tags_belong_to_things_of_the_region(world: GatewayWorld) -> None:
    api, _ = world.api()
    world("TagResource", resourceArn=f"arn:aws:apigateway:us-east-1::/restapis/{api}", tags={"a": "b"})
    elsewhere = f"arn:aws:apigateway:eu-west-1::/restapis/{api}"
    assert refused(world, "GetTags", resourceArn=elsewhere) == "Invalid ARN specified in the request"


def test_a_gateway_response_has_no_template_that_is_null(world: GatewayWorld) -> None:
    api, _ = world.api()
    given = {"restApiId": api, "responseType": "DEFAULT_4XX", "responseTemplates": {"application/json": None}}
    assert refused(world, "PutGatewayResponse", **given) == "Invalid null or empty value in responseTemplates"
