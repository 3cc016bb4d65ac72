"""The example's OpenAPI document and its deployment script define the same API, and the document survives an export."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from stategate.services.errors import AwsError

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "recipes"


class Client:
    """boto3's names for the operations of a world, as far as the script needs them."""

    def __init__(self, world: GatewayWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        operation = re.sub(r"(?:^|_)([a-z])", lambda found: found[1].upper(), name)

        def call(**given: Any) -> Any:
            try:
                return self._world(operation, **given)
            except AwsError as error:
                raise ClientError({"Error": {"Code": error.code, "Message": error.message}}, operation) from error

        return call

    def get_paginator(self, name: str) -> Any:
        call = getattr(self, name)

        class Pages:
            def paginate(self, **given: Any) -> Any:
                yield call(**given)

        return Pages()


def deployer(world: GatewayWorld, monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("recipes_deploy", EXAMPLE / "deploy.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "recipes_deploy", module)
    spec.loader.exec_module(module)
    made = object.__new__(module.Deployer)
    made.apis, made.region = Client(world), "us-east-1"
    return made


def definition(world: GatewayWorld, api: str) -> dict[str, Any]:
    """Every resource with its methods, by path; ids left out, and "" as a pattern is none."""
    items = world("GetResources", restApiId=api, embed=["methods"])["items"]
    shown: dict[str, Any] = {}
    for item in items:
        methods = json.loads(json.dumps(item.get("resourceMethods") or {}))
        for method in methods.values():
            integration = method["methodIntegration"]
            assert integration.pop("cacheNamespace") == item["id"]
            for response in integration["integrationResponses"].values():
                if not response.get("selectionPattern"):
                    response.pop("selectionPattern", None)
        shown[item["path"]] = methods
    return shown


def settings(world: GatewayWorld, api: str) -> dict[str, Any]:
    described = world("GetRestApi", restApiId=api)
    return {name: value for name, value in described.items() if name not in ("id", "rootResourceId", "version")}


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def document() -> bytes:
    return (EXAMPLE / "openapi.yaml").read_bytes().replace(b"000000000000", ACCOUNT.encode())


def test_the_document_and_the_calls_define_the_same_api(world: GatewayWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    role = world.role("recipes-api")
    called = deployer(world, monkeypatch).api("recipes", role)
    imported = world("ImportRestApi", body=document(), failOnWarnings=True)["id"]
    assert definition(world, imported) == definition(world, called)
    assert settings(world, imported) == settings(world, called)
    templates = definition(world, imported)["/recipes/{id}/move"]["POST"]["methodIntegration"]["requestTemplates"]
    assert templates["application/json"] == (EXAMPLE / "request.vtl").read_text()


@pytest.mark.parametrize("kind", ["oas30", "swagger"])
@pytest.mark.parametrize("accepts", ["application/json", "application/yaml"])
def test_the_document_survives_an_export(world: GatewayWorld, kind: str, accepts: str) -> None:
    world.role("recipes-api")
    first = world("ImportRestApi", body=document())["id"]
    world.deploy(first, "v1", variables={"stateMachineArn": "arn"})
    export = world(
        "GetExport",
        restApiId=first,
        stageName="v1",
        exportType=kind,
        accepts=accepts,
        parameters={"extensions": "apigateway"},
    )
    assert export["contentDisposition"] == f'attachment; filename="{kind}_1.0.{accepts.split("/")[1]}"'
    second = world("ImportRestApi", body=export["body"], failOnWarnings=True)["id"]
    assert definition(world, second) == definition(world, first)
    assert world("GetRestApi", restApiId=second)["version"] == "1.0"


def test_both_render_the_same_request(world: GatewayWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    role = world.role("recipes-api", allow="states:StartExecution")
    called = deployer(world, monkeypatch).api("recipes", role)
    imported = world("ImportRestApi", body=document())["id"]
    sent = []
    for api in (called, imported):
        world.deploy(api, "v1", variables={"stateMachineArn": "arn:aws:states:us-east-1:1:stateMachine:M"})
        answer = world.request(
            api,
            "POST",
            "/recipes/42/move",
            stage="v1",
            headers={"Content-Type": "application/json"},
            body=b'{"user_id": "u7"}',
        )
        assert answer.status == 200
        sent.append(world.backend.calls[-1][3].body)
    assert sent[0] == sent[1]
    assert json.loads(json.loads(sent[0])["input"]) == {"recipe_id": "42", "user_id": "u7"}
