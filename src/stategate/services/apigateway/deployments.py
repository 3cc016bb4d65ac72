"""Deployments: Create, Get, list, Update, Delete. A deployment freezes the API; its snapshot never changes."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from stategate.gateway.deployment import NotDeployable, check_deployable
from stategate.gateway.model import DeployedResource, Deployment, RestApi, Snapshot, Stage
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.errors import bad_request, unsupported
from stategate.services.apigateway.paging import page
from stategate.services.apigateway.patching import invalid_path, only_replace, patches
from stategate.services.apigateway.stages import cache_size, checked_variables, new_canary, new_stage
from stategate.services.call import Call, Input, Output


def create_deployment(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    name = given.get("stageName")
    _check_canary(call, api.id, name, given)
    snapshot = snapshot_of(call, api)
    try:
        check_deployable(snapshot)
    except NotDeployable as error:
        raise bad_request(str(error)) from None
    if api.endpoint_types == ("PRIVATE",) and api.policy is None:
        raise bad_request("Private REST API doesn't have a resource policy attached to it")
    _check_served(snapshot)
    deployment = Deployment(records.new_id(call, 6), call.now, given.get("description") or None)
    stage = _pointed(call, api.id, name, deployment.id, given) if name else None
    records.deployments(call.ports, call.world).put(f"{api.id}/{deployment.id}", deployment)
    records.snapshots(call.ports, call.world).put(f"{api.id}/{deployment.id}", snapshot)
    if stage is not None:
        records.stages(call.ports, call.world).put(f"{api.id}/{stage.name}", stage)
    return shapes.deployment(deployment)


def get_deployment(call: Call, given: Input) -> Output:
    api_id = given["restApiId"]
    deployment = records.get_deployment(call, api_id, given["deploymentId"])
    return _shape(call, api_id, deployment, given)


def get_deployments(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    found = [item for _, item in records.deployments(call.ports, call.world).items(f"{api.id}/")]
    found.sort(key=lambda item: (item.created, item.id))
    return page(given, found, lambda item: item.id, shapes.deployment)


def update_deployment(call: Call, given: Input) -> Output:
    api_id = given["restApiId"]
    deployment = records.get_deployment(call, api_id, given["deploymentId"])
    for patch in patches(given):
        if patch.keys != ["description"]:
            raise invalid_path(patch.path)
        only_replace(patch)
        deployment = replace(deployment, description=patch.value or None)
    records.deployments(call.ports, call.world).put(f"{api_id}/{deployment.id}", deployment)
    return shapes.deployment(deployment)


def delete_deployment(call: Call, given: Input) -> Output:
    api_id = given["restApiId"]
    deployment = records.get_deployment(call, api_id, given["deploymentId"])
    for _, stage in records.stages(call.ports, call.world).items(f"{api_id}/"):
        if deployment.id in (stage.deployment_id, stage.canary.deployment_id if stage.canary else None):
            raise bad_request("Active stages pointing to this deployment must be moved or deleted")
    records.deployments(call.ports, call.world).delete(f"{api_id}/{deployment.id}")
    records.snapshots(call.ports, call.world).delete(f"{api_id}/{deployment.id}")
    return {}


def snapshot_of(call: Call, api: RestApi) -> Snapshot:
    """The API as it is now."""
    ports, world, prefix = call.ports, call.world, f"{api.id}/"
    return Snapshot(
        resources=tuple(
            DeployedResource(resource, tuple(records.methods_of(call, api.id, resource.id)))
            for resource in records.resources_of(call, api.id)
        ),
        models=tuple(item for _, item in records.models(ports, world).items(prefix)),
        validators=tuple(item for _, item in records.validators(ports, world).items(prefix)),
        gateway_responses=tuple(item for _, item in records.gateway_responses(ports, world).items(prefix)),
        binary_media_types=api.binary_media_types,
        policy=api.policy,
        authorizers=tuple(item for _, item in records.authorizers(ports, world).items(prefix)),
        api_key_source=api.api_key_source,
        minimum_compression_size=api.minimum_compression_size,
    )


def _check_served(snapshot: Snapshot) -> None:
    """What can be defined, but not be answered, is refused by name before a request gets a wrong answer."""
    for deployed in snapshot.resources:
        for method in deployed.methods:
            integration = method.integration
            if integration is None:
                continue
            if integration.connection_type == "VPC_LINK":
                raise unsupported(f"requests over VPC links ({method.http_method} {deployed.resource.path})")


def _check_canary(call: Call, api_id: str, name: str | None, given: Input) -> None:
    if not given.get("canarySettings"):
        return
    invalid = "Invalid deployment content specified."
    if not name:
        shown = "null" if name is None else ""
        raise bad_request(
            f"{invalid}Non null and non empty stageName must be provided for canary deployment. "
            f"Provided value is {shown}"
        )
    if records.stages(call.ports, call.world).get(f"{api_id}/{name}") is None:
        raise bad_request(f"{invalid}Stage {name} must already be created before making a canary release deployment")


def _pointed(call: Call, api_id: str, name: str, deployment_id: str, given: Input) -> Stage:
    """The stage as it is to be, for the new deployment: in its canary if the input has `canarySettings`."""
    stage = records.stages(call.ports, call.world).get(f"{api_id}/{name}")
    if stage is None:
        members = {"stageName": name, "deploymentId": deployment_id, "description": given.get("stageDescription")}
        return new_stage(call, {**given, **members})
    if given.get("canarySettings"):
        return replace(stage, canary=new_canary(given["canarySettings"], deployment_id), updated=call.now)
    cached, tracing = given.get("cacheClusterEnabled"), given.get("tracingEnabled")
    return replace(
        stage,
        deployment_id=deployment_id,
        updated=call.now,
        description=given.get("stageDescription") or stage.description,
        variables={**stage.variables, **checked_variables(given.get("variables") or {})},
        tracing_enabled=stage.tracing_enabled if tracing is None else tracing,
        cache_cluster_enabled=stage.cache_cluster_enabled if cached is None else cached,
        cache_cluster_size=cache_size(given.get("cacheClusterSize")) or stage.cache_cluster_size,
    )


def _shape(call: Call, api_id: str, deployment: Deployment, given: Input) -> Output:
    shape = shapes.deployment(deployment)
    if "apisummary" in (given.get("embed") or ()):
        snapshot = records.snapshots(call.ports, call.world).get(f"{api_id}/{deployment.id}")
        shape["apiSummary"] = _summary(snapshot) if snapshot is not None else {}
    return shape


def _summary(snapshot: Snapshot) -> dict[str, Any]:
    return {
        deployed.resource.path: {
            method.http_method: {
                "authorizationType": method.authorization_type,
                "apiKeyRequired": method.api_key_required,
            }
            for method in deployed.methods
        }
        for deployed in snapshot.resources
        if deployed.methods
    }


OPERATIONS = {
    "CreateDeployment": create_deployment,
    "GetDeployment": get_deployment,
    "GetDeployments": get_deployments,
    "UpdateDeployment": update_deployment,
    "DeleteDeployment": delete_deployment,
}
