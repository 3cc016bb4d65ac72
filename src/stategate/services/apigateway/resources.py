"""CreateResource, GetResource, GetResources, UpdateResource, DeleteResource."""

from __future__ import annotations

import re

from msgspec.structs import replace

from stategate.gateway.model import Resource
from stategate.gateway.openapi.operations import LONGEST_PATH
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.errors import bad_request, conflict
from stategate.services.apigateway.paging import page
from stategate.services.apigateway.patching import Patch, apply_style_a
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError

_PART = re.compile(r"(?:\{[a-zA-Z0-9._\-:]+\+?\}|[a-zA-Z0-9._\-:]+)\Z")


def create_resource(call: Call, given: Input) -> Output:
    api_id, part = given["restApiId"], given["pathPart"]
    parent = records.get_resource(call, api_id, given["parentId"])
    siblings = [item for item in records.resources_of(call, api_id) if item.parent_id == parent.id]
    check_part(parent, part, siblings)
    resource = Resource(records.new_id(call, 6), _path(parent, part), parent.id, part)
    records.resources(call.ports, call.world).put(f"{api_id}/{resource.id}", resource)
    return shapes.resource(resource, [])


def get_resource(call: Call, given: Input) -> Output:
    api_id = given["restApiId"]
    resource = records.get_resource(call, api_id, given["resourceId"])
    embed = "methods" in (given.get("embed") or ())
    return shapes.resource(resource, records.methods_of(call, api_id, resource.id), embed=embed)


def get_resources(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    embed = "methods" in (given.get("embed") or ())
    return page(
        given,
        records.resources_of(call, api.id),
        lambda item: item.id,
        lambda item: shapes.resource(item, records.methods_of(call, api.id, item.id), embed=embed),
    )


def delete_resource(call: Call, given: Input) -> Output:
    api_id = given["restApiId"]
    resource = records.get_resource(call, api_id, given["resourceId"])
    if resource.parent_id is None:
        raise bad_request("Root resource cannot be deleted.")
    for item in [resource, *_below(records.resources_of(call, api_id), resource)]:
        methods = records.methods(call.ports, call.world)
        for key, _ in list(methods.items(f"{api_id}/{item.id}/")):
            methods.delete(key)
        records.resources(call.ports, call.world).delete(f"{api_id}/{item.id}")
    return {}


def update_resource(call: Call, given: Input) -> Output:
    api_id = given["restApiId"]
    resource = records.get_resource(call, api_id, given["resourceId"])
    known = {item.id: item for item in records.resources_of(call, api_id)}
    below = _below(list(known.values()), resource)

    def apply(patch: Patch, value: str) -> None:
        nonlocal resource
        name = patch.path[1:]
        if resource.parent_id is None:
            raise bad_request(f"Root resource cannot update its {name}.")
        parent_id = value if name == "parentId" else resource.parent_id
        part = value if name == "pathPart" else resource.path_part or ""
        if parent_id == resource.id or any(item.id == parent_id for item in below):
            raise bad_request("Resources cannot be cyclical.")
        parent = records.get_resource(call, api_id, parent_id)
        siblings = [item for item in known.values() if item.parent_id == parent_id and item.id != resource.id]
        check_part(parent, part, siblings)
        if part.endswith("+}") and below:
            raise _below_greedy(part)
        resource = replace(resource, parent_id=parent_id, path_part=part, path=_path(parent, part))

    read = {"/parentId": _value, "/pathPart": _value}
    apply_style_a(given, read, apply)
    table = records.resources(call.ports, call.world)
    table.put(f"{api_id}/{resource.id}", resource)
    moved = {resource.id: resource}
    for item in below:
        item = replace(item, path=_path(moved[item.parent_id or ""], item.path_part or ""))
        moved[item.id] = item
        table.put(f"{api_id}/{item.id}", item)
    return shapes.resource(resource, records.methods_of(call, api_id, resource.id))


def _value(patch: Patch) -> str:
    return patch.value or ""


def _below(resources: list[Resource], top: Resource) -> list[Resource]:
    """All resources under `top`, parents before their children."""
    children: dict[str, list[Resource]] = {}
    for item in resources:
        if item.parent_id is not None:
            children.setdefault(item.parent_id, []).append(item)
    found: list[Resource] = []
    queue = [top]
    while queue:
        for item in children.get(queue.pop().id, ()):
            found.append(item)
            queue.append(item)
    return found


def _path(parent: Resource, part: str) -> str:
    return f"{parent.path.rstrip('/')}/{part}"


def check_part(parent: Resource, part: str, siblings: list[Resource]) -> None:
    """Whether a resource of that name may stand beside its siblings: raises AWS's errors."""
    if parent.path_part is not None and parent.path_part.endswith("+}"):
        raise _below_greedy(parent.path_part)
    if len(_path(parent, part)) > LONGEST_PATH:
        raise bad_request(f"A path has at most {LONGEST_PATH} characters")
    if _PART.match(part) is None:
        raise bad_request(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the "
            "beginning and the end."
        )
    for sibling in siblings:
        if sibling.path_part == part:
            raise conflict(f"Another resource with the same parent already has this name: {part}")
    if part.startswith("{"):
        for sibling in siblings:
            if (sibling.path_part or "").startswith("{"):
                raise bad_request(
                    f"A sibling ({sibling.path_part}) of this resource already has a variable path part -- only one is "
                    "allowed"
                )


def _below_greedy(part: str) -> AwsError:
    return bad_request(f"Cannot create a child of a resource with a greedy path variable: {part}")


OPERATIONS = {
    "CreateResource": create_resource,
    "GetResource": get_resource,
    "GetResources": get_resources,
    "UpdateResource": update_resource,
    "DeleteResource": delete_resource,
}
