"""Gateway responses: Put, Get, list, Update, Delete."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from stategate.gateway.failures import DEFAULT_TEMPLATE, RESPONSE_TYPES
from stategate.gateway.gatewayresponses import compile_parameters
from stategate.gateway.mappings import InvalidMapping
from stategate.gateway.model import GatewayResponse
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.errors import bad_request, invalid_mapping, not_found
from stategate.services.apigateway.methods import NO_PARAMETER, entry
from stategate.services.apigateway.paging import page
from stategate.services.apigateway.patching import Patch, invalid_path, patches
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError

DEFAULT_TEMPLATES = {"application/json": DEFAULT_TEMPLATE}


def put_gateway_response(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    kind = given["responseType"]
    if None in (given.get("responseTemplates") or {}).values():
        raise _empty("responseTemplates")
    response = GatewayResponse(
        kind,
        given.get("statusCode"),
        dict(given.get("responseParameters") or {}),
        dict(given.get("responseTemplates") or DEFAULT_TEMPLATES),
    )
    check_gateway_response(response)
    records.gateway_responses(call.ports, call.world).put(f"{api.id}/{kind}", response)
    return _shape(call, api.id, kind)


def get_gateway_response(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    return _shape(call, api.id, given["responseType"])


def get_gateway_responses(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    kinds = sorted(RESPONSE_TYPES)
    return page(given, kinds, lambda kind: kind, lambda kind: _shape(call, api.id, kind), default=500)


def update_gateway_response(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    kind = given["responseType"]
    table = records.gateway_responses(call.ports, call.world)
    response = table.get(f"{api.id}/{kind}") or GatewayResponse(kind, None, {}, DEFAULT_TEMPLATES)
    for patch in patches(given):
        response = _patched(response, patch)
    check_gateway_response(response)
    table.put(f"{api.id}/{kind}", response)
    return _shape(call, api.id, kind)


def delete_gateway_response(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    key = f"{api.id}/{given['responseType']}"
    table = records.gateway_responses(call.ports, call.world)
    if table.get(key) is None:
        raise not_found("Gateway response type not defined on api")
    table.delete(key)
    return {}


def _shape(call: Call, api_id: str, kind: str) -> Output:
    table = records.gateway_responses(call.ports, call.world)
    status = RESPONSE_TYPES[kind].status
    default = None
    if status is not None:
        default = table.get(f"{api_id}/{'DEFAULT_4XX' if status < 500 else 'DEFAULT_5XX'}")
    return shapes.gateway_response(kind, table.get(f"{api_id}/{kind}"), default)


def check_gateway_response(response: GatewayResponse) -> None:
    try:
        compile_parameters(response.response_parameters)
    except InvalidMapping as error:
        raise invalid_mapping(error.text) from None


def _patched(response: GatewayResponse, patch: Patch) -> GatewayResponse:
    match patch.keys:
        case ["statusCode"] if patch.op == "replace":
            value = patch.value or ""
            if not (len(value) == 3 and value.isdigit() and "1" <= value[0] <= "5"):
                raise bad_request(f"Invalid status code: {value}")
            return replace(response, status_code=value)
        case ["responseParameters", name]:
            return replace(response, response_parameters=_entries(response.response_parameters, patch, name))
        case ["responseTemplates", name]:
            return replace(response, response_templates=_entries(response.response_templates, patch, name))
        case _:
            raise invalid_path(patch.path)


def _entries(known: Mapping[str, str], patch: Patch, name: str) -> dict[str, str]:
    """As `entry`; what is missing has one name here, be it a parameter or a template."""
    entries = entry(known, patch, name, patch.value or "", NO_PARAMETER)
    if patch.op != "remove" and not patch.value:
        raise _empty(patch.keys[0])
    return entries


def _empty(name: str) -> AwsError:
    return bad_request(f"Invalid null or empty value in {name}")


OPERATIONS = {
    "PutGatewayResponse": put_gateway_response,
    "GetGatewayResponse": get_gateway_response,
    "GetGatewayResponses": get_gateway_responses,
    "UpdateGatewayResponse": update_gateway_response,
    "DeleteGatewayResponse": delete_gateway_response,
}
