"""Methods and method responses: Put, Get, Update, Delete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from stategate.gateway.mappings import is_method_parameter, is_method_response_parameter
from stategate.gateway.model import HTTP_METHODS, Method, MethodResponse
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.authorizers import check_method_authorizer
from stategate.services.apigateway.errors import bad_request, conflict, invalid_mapping, not_found
from stategate.services.apigateway.patching import CHANGES, Patch, invalid_path, listed, only, only_replace, patches
from stategate.services.call import Call, Input, Output

T = TypeVar("T")

NO_PARAMETER = "Invalid parameter name specified"
NO_CONTENT_TYPE = "Content-Type specified was not found"
_NEEDS_AUTHORIZER = ("CUSTOM", "COGNITO_USER_POOLS")


def put_method(call: Call, given: Input) -> Output:
    api_id, resource_id, verb = given["restApiId"], given["resourceId"], given["httpMethod"]
    records.get_resource(call, api_id, resource_id)
    if verb not in HTTP_METHODS:
        raise bad_request(f"Invalid HttpMethod specified. Valid options are {','.join(HTTP_METHODS)}")
    method = Method(
        http_method=verb,
        authorization_type=given["authorizationType"].upper(),
        api_key_required=bool(given.get("apiKeyRequired")),
        authorizer_id=given.get("authorizerId") or None,
        operation_name=given.get("operationName"),
        request_validator_id=given.get("requestValidatorId"),
        request_parameters=dict(given.get("requestParameters") or {}) or None,
        request_models=dict(given.get("requestModels") or {}) or None,
        authorization_scopes=tuple(given.get("authorizationScopes") or ()),
    )
    method = _settled(method)
    check_method(call, api_id, method)
    if records.methods(call.ports, call.world).get(records.method_key(api_id, resource_id, verb)) is not None:
        raise conflict("Method already exists for this resource")
    records.put_method(call, api_id, resource_id, method)
    return shapes.method_shape(method)


def get_method(call: Call, given: Input) -> Output:
    return shapes.method_shape(_method(call, given))


def update_method(call: Call, given: Input) -> Output:
    method = _method(call, given)
    for patch in patches(given):
        method = _patched(method, patch)
    method = _settled(method)
    check_method(call, given["restApiId"], method)
    records.put_method(call, given["restApiId"], given["resourceId"], method)
    return shapes.method_shape(method)


def delete_method(call: Call, given: Input) -> Output:
    method = _method(call, given)
    key = records.method_key(given["restApiId"], given["resourceId"], method.http_method)
    records.methods(call.ports, call.world).delete(key)
    return {}


def put_method_response(call: Call, given: Input) -> Output:
    method = _method(call, given)
    code = given["statusCode"]
    if code in method.responses:
        raise conflict("Response already exists for this resource")
    parameters, models = given.get("responseParameters"), given.get("responseModels")
    response = MethodResponse(
        code,
        None if parameters is None else dict(parameters),
        None if models is None else dict(models),
    )
    for key in response.response_parameters or ():
        if not is_method_response_parameter(key):
            raise invalid_mapping(key)
    _check_models(call, given["restApiId"], (response.response_models or {}).values())
    _store(call, given, replace(method, responses={**method.responses, code: response}))
    return shapes.method_response(response)


def get_method_response(call: Call, given: Input) -> Output:
    return shapes.method_response(_response(_method(call, given), given["statusCode"]))


def update_method_response(call: Call, given: Input) -> Output:
    method = _method(call, given)
    response = _response(method, given["statusCode"])
    for patch in patches(given):
        response = _patched_response(response, patch)
    _check_models(call, given["restApiId"], (response.response_models or {}).values())
    _store(call, given, replace(method, responses={**method.responses, response.status_code: response}))
    return shapes.method_response(response)


def delete_method_response(call: Call, given: Input) -> Output:
    method = _method(call, given)
    code = _response(method, given["statusCode"]).status_code
    _store(call, given, replace(method, responses={k: v for k, v in method.responses.items() if k != code}))
    return {}


def _method(call: Call, given: Input) -> Method:
    return records.get_method(call, given["restApiId"], given["resourceId"], given["httpMethod"])


def _store(call: Call, given: Input, method: Method) -> None:
    records.put_method(call, given["restApiId"], given["resourceId"], method)


def _response(method: Method, code: str) -> MethodResponse:
    response = method.responses.get(code)
    if response is None:
        raise not_found("Invalid Response status code specified")
    return response


def _settled(method: Method) -> Method:
    """Without what its authorization type has no use for, as AWS keeps it."""
    if method.authorization_type in _NEEDS_AUTHORIZER:
        return method
    return replace(method, authorizer_id=None, authorization_scopes=())


def check_method(call: Call, api_id: str, method: Method) -> None:
    """BadRequestException with AWS's message, in AWS's order."""
    if method.authorization_type not in ("NONE", "AWS_IAM", *_NEEDS_AUTHORIZER):
        raise bad_request(
            "Invalid authorization type specified. Valid options are NONE,AWS_IAM,CUSTOM,COGNITO_USER_POOLS"
        )
    check_method_authorizer(call, api_id, method)
    if method.request_validator_id is not None:
        key = f"{api_id}/{method.request_validator_id}"
        if records.validators(call.ports, call.world).get(key) is None:
            raise bad_request("Invalid Request Validator identifier specified")
    _check_models(call, api_id, (method.request_models or {}).values())
    check_parameters(method.request_parameters or {})


def _check_models(call: Call, api_id: str, names: Iterable[str]) -> None:
    table = records.models(call.ports, call.world)
    for name in names:
        if table.get(f"{api_id}/{name}") is None:
            raise bad_request(f"Invalid model identifier specified: {name}")


def check_parameters(parameters: Mapping[str, bool]) -> None:
    for key in parameters:
        if not is_method_parameter(key):
            raise invalid_mapping(key)
    names = [key.split(".", 3)[3] for key in parameters]
    if len(set(names)) != len(names):
        raise bad_request("Parameter names must be unique across querystring, header and path")


def _patched(method: Method, patch: Patch) -> Method:
    match patch.keys:
        case ["authorizationType"]:
            only_replace(patch)
            return replace(method, authorization_type=(patch.value or "NONE").upper())
        case ["authorizerId"]:
            only_replace(patch)
            if method.authorization_type == "NONE":
                return method
            return replace(method, authorizer_id=patch.value)
        case ["apiKeyRequired"]:
            only_replace(patch)
            return replace(method, api_key_required=patch.flag)
        case ["operationName"]:
            only_replace(patch)
            return replace(method, operation_name=patch.value)
        case ["requestValidatorId"]:
            only_replace(patch)
            return replace(method, request_validator_id=patch.value or None)
        case ["requestParameters", name]:
            flags = entry(method.request_parameters, patch, name, patch.flag, NO_PARAMETER)
            return replace(method, request_parameters=flags or None)
        case ["requestModels", name]:
            models = entry(method.request_models, patch, name, patch.value or "", NO_CONTENT_TYPE)
            return replace(method, request_models=models or None)
        case ["authorizationScopes", *names]:
            only(patch, "add", "remove")
            scopes = listed(method.authorization_scopes, patch, patch.value or "/".join(names))
            return replace(method, authorization_scopes=scopes)
        case _:
            raise invalid_path(patch.path)


def _patched_response(response: MethodResponse, patch: Patch) -> MethodResponse:
    match patch.keys:
        case ["responseParameters", name]:
            flags = entry(response.response_parameters, patch, name, patch.flag, NO_PARAMETER)
            for key in flags:
                if not is_method_response_parameter(key):
                    raise invalid_mapping(key)
            return replace(response, response_parameters=flags or None)
        case ["responseModels", name]:
            models = entry(response.response_models, patch, name, patch.value or "", NO_CONTENT_TYPE)
            return replace(response, response_models=models or None)
        case _:
            raise invalid_path(patch.path)


def entry(known: Mapping[str, T] | None, patch: Patch, name: str, value: T, missing: str) -> dict[str, T]:
    """A map after add, replace or remove of one entry; `missing` is said when there is none to change."""
    only(patch, *CHANGES)
    entries = dict(known or {})
    if patch.op != "add" and name not in entries:
        raise not_found(missing)
    if patch.op == "remove":
        del entries[name]
    else:
        entries[name] = value
    return entries


OPERATIONS = {
    "PutMethod": put_method,
    "GetMethod": get_method,
    "UpdateMethod": update_method,
    "DeleteMethod": delete_method,
    "PutMethodResponse": put_method_response,
    "GetMethodResponse": get_method_response,
    "UpdateMethodResponse": update_method_response,
    "DeleteMethodResponse": delete_method_response,
}
