"""Sequences as tools that build stacks make them: everything made, changed, made again, and deleted in any order."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from services.apigateway.gatewayworld import ACCOUNT, GatewayWorld
from stategate.services.errors import AwsError

FUNCTION = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:111122223333:function:f"
    "/invocations"
)
CERTIFICATE = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/c"
BALANCER = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:loadbalancer/net/a/b"

Delete = Callable[[], object]


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def stack(world: GatewayWorld) -> dict[str, Delete]:
    """One of everything, in use by the others; how each is deleted, in the order of their making."""
    made = world("CreateRestApi", name="stack")
    api = {"restApiId": made["id"]}
    pet = world("CreateResource", **api, parentId=made["rootResourceId"], pathPart="{id}")["id"]
    where = {**api, "resourceId": pet, "httpMethod": "GET"}
    model = {**api, "modelName": "Pet"}
    world("CreateModel", **api, name="Pet", contentType="application/json", schema='{"type": "object"}')
    validator = {**api, "requestValidatorId": world("CreateRequestValidator", **api, name="v")["id"]}
    token = world("CreateAuthorizer", **api, name="a", type="TOKEN", authorizerUri=FUNCTION)["id"]
    link = world("CreateVpcLink", name="l", targetArns=[BALANCER])["id"]
    certificate = world("GenerateClientCertificate")["clientCertificateId"]
    world(
        "PutMethod",
        **where,
        authorizationType="CUSTOM",
        authorizerId=token,
        requestModels={"application/json": "Pet"},
        requestValidatorId=validator["requestValidatorId"],
    )
    world("PutMethodResponse", **where, statusCode="200", responseModels={"application/json": "Pet"})
    linked = {"connectionType": "VPC_LINK", "connectionId": link}
    world("PutIntegration", **where, type="HTTP", integrationHttpMethod="GET", uri="http://x", **linked)
    world("PutIntegrationResponse", **where, statusCode="200")
    other = {**api, "resourceId": made["rootResourceId"], "httpMethod": "POST"}
    world("PutMethod", **other, authorizationType="NONE")
    world("PutIntegration", **other, type="MOCK")
    patch = [{"op": "replace", "path": "/connectionType", "value": "INTERNET"}]
    patch.append({"op": "replace", "path": "/connectionId", "value": ""})
    world("UpdateIntegration", **where, patchOperations=patch)
    deployment = world("CreateDeployment", **api)["id"]
    world(
        "UpdateIntegration",
        **where,
        patchOperations=[
            {"op": "replace", "path": "/connectionType", "value": "VPC_LINK"},
            {"op": "replace", "path": "/connectionId", "value": link},
        ],
    )
    version = {**api, "documentationVersion": "1"}
    world("CreateDocumentationVersion", **version)
    stage = {**api, "stageName": "prod"}
    world("CreateStage", **stage, deploymentId=deployment, documentationVersion="1")
    named = [{"op": "replace", "path": "/clientCertificateId", "value": certificate}]
    world("UpdateStage", **stage, patchOperations=named)
    key = world("CreateApiKey", enabled=True)["id"]
    plan = world("CreateUsagePlan", name="p", apiStages=[{"apiId": made["id"], "stage": "prod"}])["id"]
    world("CreateUsagePlanKey", usagePlanId=plan, keyId=key, keyType="API_KEY")
    world("CreateDomainName", domainName="a.example.com", certificateArn=CERTIFICATE)
    mapping = {"domainName": "a.example.com", "basePath": "v1"}
    world("CreateBasePathMapping", **mapping, restApiId=made["id"], stage="prod")

    def no_stages() -> None:
        patch = [{"op": "remove", "path": "/apiStages", "value": f"{made['id']}:prod"}]
        world("UpdateUsagePlan", usagePlanId=plan, patchOperations=patch)

    return {
        "api": lambda: world("DeleteRestApi", **api),
        "resource": lambda: world("DeleteResource", **api, resourceId=pet),
        "model": lambda: world("DeleteModel", **model),
        "validator": lambda: world("DeleteRequestValidator", **validator),
        "authorizer": lambda: world("DeleteAuthorizer", **api, authorizerId=token),
        "link": lambda: world("DeleteVpcLink", vpcLinkId=link),
        "certificate": lambda: world("DeleteClientCertificate", clientCertificateId=certificate),
        "method": lambda: world("DeleteMethod", **where),
        "method response": lambda: world("DeleteMethodResponse", **where, statusCode="200"),
        "integration": lambda: world("DeleteIntegration", **where),
        "integration response": lambda: world("DeleteIntegrationResponse", **where, statusCode="200"),
        "deployment": lambda: world("DeleteDeployment", **api, deploymentId=deployment),
        "version": lambda: world("DeleteDocumentationVersion", **version),
        "stage": lambda: world("DeleteStage", **stage),
        "key": lambda: world("DeleteApiKey", apiKey=key),
        "plan's stages": no_stages,
        "plan": lambda: world("DeleteUsagePlan", usagePlanId=plan),
        "plan's key": lambda: world("DeleteUsagePlanKey", usagePlanId=plan, keyId=key),
        "domain name": lambda: world("DeleteDomainName", domainName="a.example.com"),
        "mapping": lambda: world("DeleteBasePathMapping", **mapping),
    }


IN_USE = {
    "api": "Please remove all base path mappings related to the API in your account, then try again.",
    "model": "Cannot delete model 'Pet', is referenced in method request: /{id}/GET",
    "authorizer": "Cannot delete authorizer 'a', is referenced in method: /{id}/GET",
    "validator": "is referenced in method request: /{id}/GET",
    "link": "Cannot delete vpc link. Vpc link",
    "certificate": "is used by stage prod",
    "deployment": "Active stages pointing to this deployment must be moved or deleted",
    "version": "Cannot delete documentation version '1', is associated with stage 'prod'",
    "stage": "Please remove all base path mappings related to stage 'prod' in your account, then try again.",
    "plan": "because it is associated with API stages",
}


def test_what_is_in_use_stays(world: GatewayWorld) -> None:
    delete = stack(world)
    for name, message in IN_USE.items():
        with pytest.raises(AwsError) as caught:
            delete[name]()
        assert caught.value.code in ("BadRequestException", "ConflictException"), name
        assert message in caught.value.message, name


@pytest.mark.parametrize("seed", range(8))
def test_a_stack_is_deleted_in_any_order_by_trying_again(world: GatewayWorld, seed: int) -> None:
    left = list(stack(world).items())
    random.Random(seed).shuffle(left)
    for _ in range(len(left)):
        again: list[tuple[str, Any]] = []
        for name, delete in left:
            try:
                delete()
            except AwsError as error:
                # What is gone with something else is not found.
                if error.code != "NotFoundException":
                    again.append((name, delete))
        left = again
    assert not left
    empty(world)


def empty(world: GatewayWorld) -> None:
    for operation in (
        "GetRestApis",
        "GetApiKeys",
        "GetUsagePlans",
        "GetDomainNames",
        "GetVpcLinks",
        "GetClientCertificates",
    ):
        assert world(operation)["items"] == [], operation


def test_a_stack_is_made_again_under_the_same_names(world: GatewayWorld) -> None:
    for _ in range(2):
        delete = stack(world)
        for name in ("mapping", "domain name", "plan's stages", "stage", "api", "plan", "key", "link", "certificate"):
            delete[name]()
    empty(world)
