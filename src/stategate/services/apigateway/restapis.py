"""CreateRestApi, GetRestApi, GetRestApis, UpdateRestApi, DeleteRestApi."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stategate.gateway.model import Model, Resource, RestApi
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.cloning import clone_contents
from stategate.services.apigateway.domainnames import SECURITY_POLICIES, check_unmapped
from stategate.services.apigateway.errors import bad_request, unsupported
from stategate.services.apigateway.paging import page
from stategate.services.apigateway.patching import CHANGES, Patch, invalid_path, listed, only, only_replace, patches
from stategate.services.apigateway.resourcepolicy import readable
from stategate.services.apigateway.tags import new_tags
from stategate.services.apigateway.usageplans import forget_stage
from stategate.services.call import Call, Input, Output

_ENDPOINT_TYPES = ("REGIONAL", "EDGE", "PRIVATE")
_NOT_PRIVATE = "VPCEndpoints can only be specified with PRIVATE apis."
_NO_NAME = "API name cannot be empty"

_EMPTY_MODEL = """{
  "$schema" : "http://json-schema.org/draft-04/schema#",
  "title" : "Empty Schema",
  "type" : "object"
}"""
_ERROR_MODEL = """{
  "$schema" : "http://json-schema.org/draft-04/schema#",
  "title" : "Error Schema",
  "type" : "object",
  "properties" : {
    "message" : { "type" : "string" }
  }
}"""


def create_rest_api(call: Call, given: Input) -> Output:
    if given.get("description") == "":
        raise bad_request("Description cannot be an empty string")
    if not given["name"]:
        raise bad_request(_NO_NAME)
    _check_access_mode(given.get("endpointAccessMode"))
    size = given.get("minimumCompressionSize")
    _check_compression(size)
    source = records.get_api(call, given["cloneFrom"]) if given.get("cloneFrom") else None
    types, address_type, endpoints = _endpoint(given.get("endpointConfiguration") or {})
    api = RestApi(
        id=records.new_id(call, 10),
        name=given["name"],
        root_resource_id=records.new_id(call, 10),
        created=call.now,
        description=given.get("description"),
        version=given.get("version"),
        api_key_source=given.get("apiKeySource") or "HEADER",
        endpoint_types=types,
        ip_address_type=address_type,
        vpc_endpoint_ids=endpoints,
        disable_execute_api_endpoint=bool(given.get("disableExecuteApiEndpoint")),
        binary_media_types=tuple(given.get("binaryMediaTypes") or ()),
        minimum_compression_size=size,
        policy=check_policy(given.get("policy")),
        security_policy=given.get("securityPolicy"),
        tags=new_tags(given),
    )
    records.apis(call.ports, call.world).put(api.id, api)
    root = Resource(api.root_resource_id, "/")
    records.resources(call.ports, call.world).put(f"{api.id}/{root.id}", root)
    if source is not None:
        api = _cloned(call, given, source, api)
    else:
        _add_default_models(call, api)
    return shapes.rest_api(api)


def _cloned(call: Call, given: Input, source: RestApi, api: RestApi) -> RestApi:
    """The new API with what `source` has and it was not given."""
    size = api.minimum_compression_size
    api = replace(
        api,
        binary_media_types=api.binary_media_types or source.binary_media_types,
        api_key_source=given.get("apiKeySource") or source.api_key_source,
        minimum_compression_size=source.minimum_compression_size if size is None else size,
        policy=api.policy or source.policy,
    )
    records.apis(call.ports, call.world).put(api.id, api)
    clone_contents(call, source, api)
    return api


def _add_default_models(call: Call, api: RestApi) -> None:
    models = records.models(call.ports, call.world)
    for name, schema, description in (
        ("Empty", _EMPTY_MODEL, "This is a default empty schema model"),
        ("Error", _ERROR_MODEL, "This is a default error schema model"),
    ):
        models.put(f"{api.id}/{name}", Model(records.new_id(call, 6), name, "application/json", schema, description))


def get_rest_api(call: Call, given: Input) -> Output:
    return shapes.rest_api(records.get_api(call, given["restApiId"]), always_tags=True)


def get_rest_apis(call: Call, given: Input) -> Output:
    found = [api for _, api in records.apis(call.ports, call.world).items()]
    found.sort(key=lambda api: (api.created, api.id))
    return page(given, found, lambda api: api.id, shapes.rest_api)


def delete_rest_api(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    check_unmapped(call, api.id)
    ports, world = call.ports, call.world
    for kind in (
        records.resources,
        records.methods,
        records.models,
        records.validators,
        records.authorizers,
        records.gateway_responses,
        records.deployments,
        records.snapshots,
        records.stages,
        records.documentation_parts,
        records.documentation_versions,
    ):
        table = kind(ports, world)
        for key, _ in list(table.items(f"{api.id}/")):
            table.delete(key)
    forget_stage(call, api.id)
    records.apis(ports, world).delete(api.id)
    return {}


def update_rest_api(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    for patch in patches(given):
        api = _patched(api, patch)
    records.apis(call.ports, call.world).put(api.id, api)
    return shapes.rest_api(api, always_tags=True)


def _endpoint(given: Mapping[str, Any]) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    types = given.get("types")
    if types is None:
        types = ["EDGE"]
    if not types:
        raise bad_request("REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.")
    if len(types) > 1:
        raise bad_request("Cannot create an api with multiple Endpoint Types.")
    address_type = given.get("ipAddressType")
    private = types[0] == "PRIVATE"
    if private and address_type == "ipv4":
        raise bad_request("Only dualstack ipAddressType is supported for Private APIs.")
    endpoints = tuple(given.get("vpcEndpointIds") or ())
    if endpoints and not private:
        raise bad_request(_NOT_PRIVATE)
    return tuple(types), address_type or ("dualstack" if private else "ipv4"), endpoints


def _check_access_mode(mode: str | None) -> None:
    if mode not in (None, "BASIC"):
        raise unsupported(f"endpointAccessMode {mode}")


def _check_compression(size: int | None) -> None:
    if size is not None and not 0 <= size <= 10485760:
        raise bad_request("Invalid minimum compression size, must be between 0 and 10485760")


def _patched(api: RestApi, patch: Patch) -> RestApi:
    match patch.keys:
        case ["name"]:
            only_replace(patch)
            if not patch.value:
                raise bad_request(_NO_NAME)
            return replace(api, name=patch.value)
        case ["description"]:
            only(patch, *CHANGES)
            return replace(api, description=None if patch.op == "remove" else patch.value or None)
        case ["version"]:
            only_replace(patch)
            return replace(api, version=patch.value)
        case ["apiKeySource"]:
            only_replace(patch)
            if patch.value not in ("HEADER", "AUTHORIZER"):
                raise bad_request("Invalid API Key Source specified. Valid options are HEADER,AUTHORIZER")
            return replace(api, api_key_source=patch.value)
        case ["securityPolicy"]:
            only_replace(patch)
            if patch.value not in SECURITY_POLICIES:
                raise bad_request(f"Invalid security policy specified. Valid options are {','.join(SECURITY_POLICIES)}")
            return replace(api, security_policy=patch.value)
        case ["endpointAccessMode"]:
            only_replace(patch)
            _check_access_mode(patch.value)
            return api
        case ["disableExecuteApiEndpoint"]:
            only_replace(patch)
            return replace(api, disable_execute_api_endpoint=patch.flag)
        case ["minimumCompressionSize"]:
            only_replace(patch)
            if patch.value:
                size = _integer(patch.value)
                _check_compression(size)
                return replace(api, minimum_compression_size=size)
            return replace(api, minimum_compression_size=None)
        case ["policy"]:
            only(patch, *CHANGES)
            return replace(api, policy=None if patch.op == "remove" else check_policy(patch.value))
        case ["binaryMediaTypes", media_type]:
            only(patch, *CHANGES)
            others = listed(api.binary_media_types, patch, media_type)
            new = (patch.value or media_type,) if patch.op == "replace" else ()
            return replace(api, binary_media_types=(*others, *new))
        case ["endpointConfiguration", *names]:
            return _endpoint_patched(api, patch, names)
        case _:
            raise invalid_path(patch.path)


def _endpoint_patched(api: RestApi, patch: Patch, names: list[str]) -> RestApi:
    match names:
        case ["types", _]:
            return _typed(api, patch)
        case ["vpcEndpointIds", *rest]:
            only(patch, "add", "remove")
            endpoint = patch.value or "/".join(rest)
            if patch.op == "add" and api.endpoint_types != ("PRIVATE",):
                raise bad_request(_NOT_PRIVATE)
            return replace(api, vpc_endpoint_ids=listed(api.vpc_endpoint_ids, patch, endpoint))
        case ["ipAddressType"]:
            only_replace(patch)
            if patch.value not in ("ipv4", "dualstack"):
                raise bad_request("ipAddressType must be either ipv4 or dualstack.")
            if api.endpoint_types == ("PRIVATE",) and patch.value == "ipv4":
                raise bad_request("Only dualstack ipAddressType is supported for Private APIs.")
            return replace(api, ip_address_type=patch.value)
        case _:
            raise invalid_path(patch.path)


def _typed(api: RestApi, patch: Patch) -> RestApi:
    if patch.op != "replace":
        raise bad_request("Invalid patch operation specified. Must be 'add'|'remove'|'replace'")
    if patch.value not in _ENDPOINT_TYPES:
        raise bad_request("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
    address_type = "dualstack" if patch.value == "PRIVATE" else api.ip_address_type
    endpoints = api.vpc_endpoint_ids if patch.value == "PRIVATE" else ()
    return replace(api, endpoint_types=(patch.value,), ip_address_type=address_type, vpc_endpoint_ids=endpoints)


def check_policy(text: str | None) -> str | None:
    if not text:
        return None
    if not readable(text):
        raise bad_request(
            "Invalid policy document. Please check the policy syntax and ensure that Principals are valid."
        )
    return text


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise bad_request("Invalid minimum compression size, must be between 0 and 10485760") from None


OPERATIONS = {
    "CreateRestApi": create_rest_api,
    "GetRestApi": get_rest_api,
    "GetRestApis": get_rest_apis,
    "UpdateRestApi": update_rest_api,
    "DeleteRestApi": delete_rest_api,
}
