"""API Gateway's records, one kind per thing, so that a change costs what it touches.

Keys: an API's id; below it `<api>/<resource>`, `<api>/<resource>/<VERB>`, `<api>/<name or id>`. A method's record holds
its responses and its integration: they are read and written together.
"""

from __future__ import annotations

import msgspec

from stategate.gateway.model import (
    Authorizer,
    Deployment,
    DocumentationPart,
    DocumentationVersion,
    GatewayResponse,
    Method,
    Model,
    RequestValidator,
    Resource,
    RestApi,
    Snapshot,
    Stage,
)
from stategate.services.apigateway.errors import not_found
from stategate.services.call import Call
from stategate.services.ports import Ports, Records, World

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class Account(msgspec.Struct, frozen=True, omit_defaults=True):
    """The account's settings in a region; key `account`."""

    cloudwatch_role_arn: str | None = None


def apis(ports: Ports, world: World) -> Records[RestApi]:
    return ports.store.records(world, "apigateway.restapi", RestApi)


def resources(ports: Ports, world: World) -> Records[Resource]:
    return ports.store.records(world, "apigateway.resource", Resource)


def methods(ports: Ports, world: World) -> Records[Method]:
    return ports.store.records(world, "apigateway.method", Method)


def models(ports: Ports, world: World) -> Records[Model]:
    return ports.store.records(world, "apigateway.model", Model)


def validators(ports: Ports, world: World) -> Records[RequestValidator]:
    return ports.store.records(world, "apigateway.requestvalidator", RequestValidator)


def authorizers(ports: Ports, world: World) -> Records[Authorizer]:
    return ports.store.records(world, "apigateway.authorizer", Authorizer)


def gateway_responses(ports: Ports, world: World) -> Records[GatewayResponse]:
    return ports.store.records(world, "apigateway.gatewayresponse", GatewayResponse)


def deployments(ports: Ports, world: World) -> Records[Deployment]:
    return ports.store.records(world, "apigateway.deployment", Deployment)


def snapshots(ports: Ports, world: World) -> Records[Snapshot]:
    return ports.store.records(world, "apigateway.snapshot", Snapshot)


def stages(ports: Ports, world: World) -> Records[Stage]:
    return ports.store.records(world, "apigateway.stage", Stage)


def documentation_parts(ports: Ports, world: World) -> Records[DocumentationPart]:
    return ports.store.records(world, "apigateway.documentationpart", DocumentationPart)


def documentation_versions(ports: Ports, world: World) -> Records[DocumentationVersion]:
    return ports.store.records(world, "apigateway.documentationversion", DocumentationVersion)


def get_documentation_version(call: Call, api_id: str, name: str) -> DocumentationVersion:
    version = documentation_versions(call.ports, call.world).get(f"{api_id}/{name}")
    if version is None:
        raise not_found("Invalid Documentation version specified")
    return version


def accounts(ports: Ports, world: World) -> Records[Account]:
    return ports.store.records(world, "apigateway.account", Account)


def new_id(call: Call, length: int) -> str:
    return call.ports.entropy.letters(length, _LETTERS)


def get_api(call: Call, api_id: str) -> RestApi:
    """NotFoundException, naming account and id, as AWS does."""
    api = apis(call.ports, call.world).get(api_id)
    if api is None:
        raise not_found(f"Invalid API identifier specified {call.world.account}:{api_id}")
    return api


def get_resource(call: Call, api_id: str, resource_id: str) -> Resource:
    """Also for an unknown API: AWS names the resource then."""
    resource = resources(call.ports, call.world).get(f"{api_id}/{resource_id}")
    if resource is None:
        raise not_found("Invalid Resource identifier specified")
    return resource


def method_key(api_id: str, resource_id: str, verb: str) -> str:
    return f"{api_id}/{resource_id}/{verb}"


def get_method(call: Call, api_id: str, resource_id: str, verb: str) -> Method:
    get_resource(call, api_id, resource_id)
    method = methods(call.ports, call.world).get(method_key(api_id, resource_id, verb))
    if method is None:
        raise not_found("Invalid Method identifier specified")
    return method


def put_method(call: Call, api_id: str, resource_id: str, method: Method) -> None:
    methods(call.ports, call.world).put(method_key(api_id, resource_id, method.http_method), method)


def resources_of(call: Call, api_id: str) -> list[Resource]:
    """Sorted by path."""
    found = [resource for _, resource in resources(call.ports, call.world).items(f"{api_id}/")]
    return sorted(found, key=lambda resource: resource.path)


def methods_of(call: Call, api_id: str, resource_id: str) -> list[Method]:
    return [method for _, method in methods(call.ports, call.world).items(f"{api_id}/{resource_id}/")]


def all_methods(call: Call, api_id: str) -> list[tuple[Resource, Method]]:
    """Every method of the API with its resource, by path."""
    return [(item, method) for item in resources_of(call, api_id) for method in methods_of(call, api_id, item.id)]


def get_stage(call: Call, api_id: str, name: str) -> Stage:
    stage = stages(call.ports, call.world).get(f"{api_id}/{name}")
    if stage is None:
        raise not_found("Invalid stage identifier specified")
    return stage


def get_deployment(call: Call, api_id: str, deployment_id: str) -> Deployment:
    deployment = deployments(call.ports, call.world).get(f"{api_id}/{deployment_id}")
    if deployment is None:
        raise not_found("Invalid Deployment identifier specified")
    return deployment
