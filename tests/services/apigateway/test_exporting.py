"""GetExport: nothing that an API has is lost without a word."""

from __future__ import annotations

import json

import pytest

from services.apigateway.gatewayworld import GatewayWorld
from services.apigateway.test_importing import document, imported, method, operation
from stategate.services.errors import AwsError


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def test_an_export_keeps_responses_that_have_no_pattern_or_the_same(world: GatewayWorld) -> None:
    api, ids = world.api("/a/b", "/c")
    patterns = {"200": "", "201": "", "400": "x.*", "401": "x.*", "402": "default"}
    responses = {code: {"selectionPattern": pattern} for code, pattern in patterns.items()}
    mock = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
    world.method(api, ids["/a/b"], "GET", mock, responses)
    world.deploy(api)
    export = world(
        "GetExport",
        restApiId=api,
        stageName="prod",
        exportType="oas30",
        parameters={"extensions": "integrations"},
    )["body"]
    written = json.loads(export)
    assert "/c" in written["paths"] and "/a" not in written["paths"]
    keys = written["paths"]["/a/b"]["get"]["x-amazon-apigateway-integration"]["responses"]
    assert list(keys) == ["default", "default (201)", "x.*", "(x.*)", "(default)"]
    again = world("ImportRestApi", body=export)["id"]
    shown = method(world, again, "/a/b")["methodIntegration"]["integrationResponses"]
    assert {code: item.get("selectionPattern", "") for code, item in shown.items()} == {
        "200": "",
        "201": "",
        "400": "x.*",
        "401": "(x.*)",
        "402": "(default)",
    }


def test_an_export_with_documentation_names_its_version(world: GatewayWorld) -> None:
    parts = [{"location": {"type": "API"}, "properties": {"description": "d"}}]
    documented = {"x-amazon-apigateway-documentation": {"version": "7", "documentationParts": parts}}
    api = imported(world, document(paths={"/": {"get": operation()}}, **documented))["id"]
    world.deploy(api)
    patch = [{"op": "replace", "path": "/documentationVersion", "value": "7"}]
    world("UpdateStage", restApiId=api, stageName="prod", patchOperations=patch)
    export = world(
        "GetExport",
        restApiId=api,
        stageName="prod",
        exportType="oas30",
        parameters={"extensions": "documentation"},
    )
    written = json.loads(export["body"])
    assert {name: value for name, value in written.items() if name in documented} == documented
    world("UpdateStage", restApiId=api, stageName="prod", patchOperations=[patch[0] | {"op": "remove"}])
    assert "documentationVersion" not in world("GetStage", restApiId=api, stageName="prod")


def test_types_and_tags_of_a_document(world: GatewayWorld) -> None:
    endpoint = {"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-1"], "other": 1}
    tags = [{"name": "owner", "x-amazon-apigateway-tag-value": "a"}, {"name": "pets"}, "x"]
    allow = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"}
    content = document(
        servers=[{"url": "https://x.test", "x-amazon-apigateway-endpoint-configuration": endpoint}],
        tags=tags,
        paths={"/a": {"get": operation()}},
        **{"x-amazon-apigateway-policy": {"Version": "2012-10-17", "Statement": [allow]}},
    )
    made = imported(world, content)
    assert made["endpointConfiguration"] == {
        "types": ["PRIVATE"],
        "ipAddressType": "dualstack",
        "vpcEndpointIds": ["vpce-1"],
    }
    assert made["tags"] == {"owner": "a"} and len(made["warnings"]) == 1
    api = made["id"]
    world.deploy(api)
    export = {"restApiId": api, "stageName": "prod", "exportType": "swagger"}
    written = world("GetExport", **export, parameters={"extensions": "apigateway"})["body"]
    again = imported(world, json.loads(written), parameters={"endpointConfigurationTypes": "REGIONAL"})
    assert (again["tags"], again["endpointConfiguration"]["types"]) == ({"owner": "a"}, ["REGIONAL"])
    tags[0] = {"name": "aws:x", "x-amazon-apigateway-tag-value": "a"}
    endpoint["types"] = ["PUBLIC"]
    with pytest.raises(AwsError) as caught:
        imported(world, content)
    assert "Invalid EndpointTypes" in caught.value.message and "Unable to tag the API" in caught.value.message
