"""OpenAPI documents over the wire, with boto3: parameters in the query, the document as the body, an export back."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

DOCUMENT = """
openapi: 3.0.1
info: {title: wired, version: 1}
servers:
  - url: https://x.test/base
paths:
  /hello:
    get:
      security: [{api_key: []}]
      responses:
        200: {description: ok}
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{"statusCode": 200}'}
        responses:
          default: {statusCode: 200, responseTemplates: {application/json: hello}}
components:
  securitySchemes:
    api_key: {type: apiKey, name: x-api-key, in: header}
"""


def test_import_export_and_put(aws: Callable[..., Any]) -> None:
    apis = aws("apigateway")
    parameters = {"basepath": "prepend", "endpointConfigurationTypes": "REGIONAL"}
    made = apis.import_rest_api(body=DOCUMENT.encode(), failOnWarnings=True, parameters=parameters)
    assert (made["name"], made["version"], made["endpointConfiguration"]["types"]) == ("wired", "1", ["REGIONAL"])
    api = made["id"]
    assert [item["path"] for item in apis.get_resources(restApiId=api)["items"]] == ["/", "/base", "/base/hello"]
    apis.create_deployment(restApiId=api, stageName="prod")
    given = {"restApiId": api, "stageName": "prod", "parameters": {"extensions": "apigateway"}}
    export = apis.get_export(**given, exportType="oas30")
    assert export["contentDisposition"] == 'attachment; filename="oas30_1.json"'
    written = json.loads(export["body"].read())
    assert written["paths"]["/base/hello"]["get"]["security"] == [{"api_key": []}]
    swagger = apis.get_export(**given, exportType="swagger", accepts="application/yaml")["body"].read()
    assert swagger.startswith(b"swagger: '2.0'")
    put = apis.put_rest_api(restApiId=api, mode="overwrite", body=swagger, failOnWarnings=True)
    assert put["id"] == api
    assert [item["path"] for item in apis.get_resources(restApiId=api)["items"]] == ["/", "/base", "/base/hello"]
    with pytest.raises(ClientError) as caught:
        apis.put_rest_api(restApiId=api, body=b"openapi: [")
    error = caught.value.response["Error"]
    assert error["Code"] == "BadRequestException"
    assert error["Message"].startswith("Invalid OpenAPI input. ") and "line 2, column 1" in error["Message"]


def test_keys_are_imported_from_a_file(aws: Callable[..., Any]) -> None:
    apis = aws("apigateway")
    body = b"name,key,enabled\nfirst,abcdefghijklmnopqrst,true\n"
    made = apis.import_api_keys(body=body, format="csv", failOnWarnings=True)
    assert [item["name"] for item in apis.get_api_keys()["items"]] == ["first"]
    assert apis.get_api_key(apiKey=made["ids"][0], includeValue=True)["value"] == "abcdefghijklmnopqrst"
