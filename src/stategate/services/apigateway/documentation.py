"""Documentation parts and versions: data that is kept; a version freezes the parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from stategate.gateway.model import DocumentationPart, DocumentationVersion
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.errors import bad_request, conflict, not_found
from stategate.services.apigateway.paging import page
from stategate.services.apigateway.patching import Patch, apply_style_a, text
from stategate.services.apigateway.undocumented import locations_of, undocumented
from stategate.services.call import Call, Input, Output

_METHOD = ("path", "method")
_RESPONSE = (*_METHOD, "statusCode")
_LOCATIONS: Mapping[str, tuple[str, ...]] = {
    "API": (),
    "AUTHORIZER": ("name",),
    "MODEL": ("name",),
    "RESOURCE": ("path",),
    "METHOD": _METHOD,
    "PATH_PARAMETER": (*_METHOD, "name"),
    "QUERY_PARAMETER": (*_METHOD, "name"),
    "REQUEST_HEADER": (*_METHOD, "name"),
    "REQUEST_BODY": (*_METHOD, "name"),
    "RESPONSE": _RESPONSE,
    "RESPONSE_HEADER": (*_RESPONSE, "name"),
    "RESPONSE_BODY": _RESPONSE,
}
"""The fields of a location by its type [AWS's service model]."""

_SORTED_BY = ("type", "path", "method", "statusCode", "name")


def create_documentation_part(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    location = {name: str(value) for name, value in given["location"].items()}
    _check_location(location)
    properties = _properties(given["properties"])
    table = records.documentation_parts(call.ports, call.world)
    if any(part.location == location for _, part in table.items(f"{api.id}/")):
        raise conflict("Documentation part already exists for the specified location")
    part = DocumentationPart(records.new_id(call, 6), location, properties)
    table.put(f"{api.id}/{part.id}", part)
    return _part_shape(part)


def get_documentation_part(call: Call, given: Input) -> Output:
    return _part_shape(_part(call, given))


def get_documentation_parts(call: Call, given: Input) -> Output:
    """By type, then path, method, status code and name. What is UNDOCUMENTED has neither an id nor properties."""
    api = records.get_api(call, given["restApiId"])
    shown = [_part_shape(part) for _, part in records.documentation_parts(call.ports, call.world).items(f"{api.id}/")]
    if given.get("locationStatus") == "UNDOCUMENTED":
        documented = [item["location"] for item in shown]
        shown = [{"location": location} for location in undocumented(_locations(call, api.id), documented)]
    wanted = {"type": given.get("type"), "name": given.get("nameQuery"), "path": given.get("path")}
    chosen = [item for item in shown if all(not v or item["location"].get(k) == v for k, v in wanted.items())]
    chosen.sort(key=_place)
    return page(given, chosen, lambda item: item.get("id") or "/".join(_place(item)), lambda item: item)


def _place(item: Mapping[str, Any]) -> list[str]:
    return [item["location"].get(field, "") for field in _SORTED_BY]


def _locations(call: Call, api_id: str) -> Iterator[Mapping[str, str]]:
    ports, world, prefix = call.ports, call.world, f"{api_id}/"
    return locations_of(
        [(resource, records.methods_of(call, api_id, resource.id)) for resource in records.resources_of(call, api_id)],
        [model for _, model in records.models(ports, world).items(prefix)],
        [authorizer for _, authorizer in records.authorizers(ports, world).items(prefix)],
    )


def update_documentation_part(call: Call, given: Input) -> Output:
    part = _part(call, given)

    def apply(patch: Patch, value: str | None) -> None:
        nonlocal part
        part = replace(part, properties=_properties(value))

    apply_style_a(given, {"/properties": text}, apply)
    records.documentation_parts(call.ports, call.world).put(f"{given['restApiId']}/{part.id}", part)
    return _part_shape(part)


def delete_documentation_part(call: Call, given: Input) -> Output:
    records.get_api(call, given["restApiId"])
    part = _part(call, given)
    records.documentation_parts(call.ports, call.world).delete(f"{given['restApiId']}/{part.id}")
    return {}


def create_documentation_version(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    key = f"{api.id}/{given['documentationVersion']}"
    table = records.documentation_versions(call.ports, call.world)
    if table.get(key) is not None:
        raise conflict("Documentation version already exists")
    parts = [part for _, part in records.documentation_parts(call.ports, call.world).items(f"{api.id}/")]
    version = DocumentationVersion(
        given["documentationVersion"], call.now, given.get("description") or None, tuple(parts)
    )
    stage_name = given.get("stageName")
    stage = records.get_stage(call, api.id, stage_name) if stage_name else None
    table.put(key, version)
    if stage is not None:
        stage = replace(stage, documentation_version=version.version, updated=call.now)
        records.stages(call.ports, call.world).put(f"{api.id}/{stage.name}", stage)
    return _version_shape(version)


def get_documentation_version(call: Call, given: Input) -> Output:
    return _version_shape(records.get_documentation_version(call, given["restApiId"], given["documentationVersion"]))


def get_documentation_versions(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    found = [item for _, item in records.documentation_versions(call.ports, call.world).items(f"{api.id}/")]
    return page(given, found, lambda item: item.version, _version_shape)


def update_documentation_version(call: Call, given: Input) -> Output:
    version = records.get_documentation_version(call, given["restApiId"], given["documentationVersion"])

    def apply(patch: Patch, value: str | None) -> None:
        nonlocal version
        version = replace(version, description=value)

    apply_style_a(given, {"/description": text}, apply)
    records.documentation_versions(call.ports, call.world).put(f"{given['restApiId']}/{version.version}", version)
    return _version_shape(version)


def delete_documentation_version(call: Call, given: Input) -> Output:
    api_id = given["restApiId"]
    version = records.get_documentation_version(call, api_id, given["documentationVersion"])
    for _, stage in records.stages(call.ports, call.world).items(f"{api_id}/"):
        if stage.documentation_version == version.version:
            raise conflict(
                f"Cannot delete documentation version '{version.version}', is associated with stage '{stage.name}'"
            )
    records.documentation_versions(call.ports, call.world).delete(f"{api_id}/{version.version}")
    return {}


def _part(call: Call, given: Input) -> DocumentationPart:
    key = f"{given['restApiId']}/{given['documentationPartId']}"
    part = records.documentation_parts(call.ports, call.world).get(key)
    if part is None:
        raise not_found("Invalid Documentation part identifier specified")
    return part


def located(location: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """A location as the key of a map."""
    return frozenset(location.items())


def _check_location(location: Mapping[str, str]) -> None:
    kind = location["type"]
    fields = _LOCATIONS[kind]
    wrong = next((name for name in location if name != "type" and name not in fields), None)
    if wrong is not None:
        raise bad_request(f"Invalid documentation location: {wrong} is not a field of the type {kind}")
    if "name" in fields and not location.get("name") and kind != "REQUEST_BODY":
        raise bad_request(f"Invalid documentation location: name is required for the type {kind}")


def _properties(given: str | None) -> str:
    if not given:
        raise bad_request("Documentation part properties must be non-empty")
    return given


def _part_shape(part: DocumentationPart) -> dict[str, Any]:
    return {"id": part.id, "location": dict(part.location), "properties": part.properties}


def _version_shape(version: DocumentationVersion) -> dict[str, Any]:
    return shapes.present(
        version=version.version, createdDate=shapes.seconds(version.created), description=version.description
    )


OPERATIONS = {
    "CreateDocumentationPart": create_documentation_part,
    "GetDocumentationPart": get_documentation_part,
    "GetDocumentationParts": get_documentation_parts,
    "UpdateDocumentationPart": update_documentation_part,
    "DeleteDocumentationPart": delete_documentation_part,
    "CreateDocumentationVersion": create_documentation_version,
    "GetDocumentationVersion": get_documentation_version,
    "GetDocumentationVersions": get_documentation_versions,
    "UpdateDocumentationVersion": update_documentation_version,
    "DeleteDocumentationVersion": delete_documentation_version,
}
