"""What `cloneFrom` of CreateRestApi copies: everything below the API but its deployments and stages, under new ids."""

from __future__ import annotations

from msgspec.structs import replace

from stategate.gateway.model import Method, RestApi
from stategate.services.apigateway import records
from stategate.services.call import Call


def clone_contents(call: Call, source: RestApi, target: RestApi) -> None:
    """`target` is stored already, with its root resource."""
    ports, world = call.ports, call.world
    resources = {source.root_resource_id: target.root_resource_id}
    for item in records.resources_of(call, source.id):
        resources.setdefault(item.id, records.new_id(call, 6))
    authorizers = _copied(call, source, target)
    for item in records.resources_of(call, source.id):
        new = replace(item, id=resources[item.id], parent_id=resources.get(item.parent_id or ""))
        records.resources(ports, world).put(f"{target.id}/{new.id}", new)
        for method in records.methods_of(call, source.id, item.id):
            records.put_method(call, target.id, new.id, _method(method, item.id, new.id, authorizers))
    for name, model in list(records.models(ports, world).items(f"{source.id}/")):
        schema = model.schema.replace(f"/restapis/{source.id}/models/", f"/restapis/{target.id}/models/")
        new_model = replace(model, id=records.new_id(call, 6), schema=schema)
        records.models(ports, world).put(f"{target.id}/{name.partition('/')[2]}", new_model)


def _copied(call: Call, source: RestApi, target: RestApi) -> dict[str, str]:
    """Copies what has no place in the tree; returns the new ids of authorizers and validators by the old ones."""
    ports, world, prefix = call.ports, call.world, f"{source.id}/"
    ids: dict[str, str] = {}
    for _, authorizer in list(records.authorizers(ports, world).items(prefix)):
        ids[authorizer.id] = new = records.new_id(call, 6)
        records.authorizers(ports, world).put(f"{target.id}/{new}", replace(authorizer, id=new))
    for _, validator in list(records.validators(ports, world).items(prefix)):
        ids[validator.id] = new = records.new_id(call, 6)
        records.validators(ports, world).put(f"{target.id}/{new}", replace(validator, id=new))
    for _, response in list(records.gateway_responses(ports, world).items(prefix)):
        records.gateway_responses(ports, world).put(f"{target.id}/{response.response_type}", response)
    for _, part in list(records.documentation_parts(ports, world).items(prefix)):
        new = records.new_id(call, 6)
        records.documentation_parts(ports, world).put(f"{target.id}/{new}", replace(part, id=new))
    return ids


def _method(method: Method, old_resource: str, new_resource: str, ids: dict[str, str]) -> Method:
    integration = method.integration
    if integration is not None and integration.cache_namespace == old_resource:
        integration = replace(integration, cache_namespace=new_resource)
    return replace(
        method,
        authorizer_id=ids.get(method.authorizer_id or ""),
        request_validator_id=ids.get(method.request_validator_id or ""),
        integration=integration,
    )
