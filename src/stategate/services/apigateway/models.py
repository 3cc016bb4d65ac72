"""Models and request validators: Create, Get, list, Update, Delete."""

from __future__ import annotations

import json
import re
from typing import Any

from msgspec.structs import replace

from stategate.gateway.model import Model, RequestValidator
from stategate.gateway.openapi.schemas import flattened
from stategate.gateway.schemas import InvalidSchema, compile_schema
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.errors import bad_request, conflict, not_found
from stategate.services.apigateway.paging import page
from stategate.services.apigateway.patching import Patch, apply_style_a, text
from stategate.services.call import Call, Input, Output

_MAX_SCHEMA = 400 * 1024
_INVALID = "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified"


def create_model(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    if not given["name"]:
        raise bad_request("Model name must be non-empty")
    if re.fullmatch(r"[A-Za-z0-9]+", given["name"]) is None:
        raise bad_request(f"Model name must be alphanumeric: {given['name']}")
    key = f"{api.id}/{given['name']}"
    table = records.models(call.ports, call.world)
    _check_usable(call, api.id, given["name"], given.get("schema"), given["contentType"])
    if table.get(key) is not None:
        raise conflict("Model name already exists for this REST API")
    model = Model(
        records.new_id(call, 6), given["name"], given["contentType"], given["schema"], given.get("description") or None
    )
    table.put(key, model)
    return shapes.model(model)


def get_model(call: Call, given: Input) -> Output:
    """`flatten`: with the models that the schema refers to in its `definitions`."""
    model = get_model_record(call, given)
    if given.get("flatten"):
        table = records.models(call.ports, call.world)
        known = {other.name: other.schema for _, other in table.items(f"{given['restApiId']}/")}
        model = replace(model, schema=flattened(model.schema, known))
    return shapes.model(model)


def get_models(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    found = [model for _, model in records.models(call.ports, call.world).items(f"{api.id}/")]
    return page(given, found, lambda model: model.name, shapes.model)


def update_model(call: Call, given: Input) -> Output:
    model = get_model_record(call, given)

    def apply(patch: Patch, value: str | None) -> None:
        nonlocal model
        if patch.path == "/schema":
            _check_usable(call, given["restApiId"], model.name, value, model.content_type)
            model = replace(model, schema=value or "")
        else:
            model = replace(model, description=value)

    apply_style_a(given, {"/description": text, "/schema": text}, apply)
    records.models(call.ports, call.world).put(f"{given['restApiId']}/{model.name}", model)
    return shapes.model(model)


def delete_model(call: Call, given: Input) -> Output:
    model = get_model_record(call, given)
    api_id = given["restApiId"]
    # AWS names the last one [recorded].
    for resource in reversed(records.resources_of(call, api_id)):
        for method in records.methods_of(call, api_id, resource.id):
            where = f"{resource.path}/{method.http_method}"
            if model.name in (method.request_models or {}).values():
                raise conflict(f"Cannot delete model '{model.name}', is referenced in method request: {where}")
            for response in method.responses.values():
                if model.name in (response.response_models or {}).values():
                    raise conflict(f"Cannot delete model '{model.name}', is referenced in method response: {where}")
    records.models(call.ports, call.world).delete(f"{api_id}/{model.name}")
    return {}


def get_model_record(call: Call, given: Input) -> Model:
    """The model that the input names; NotFoundException."""
    model = records.models(call.ports, call.world).get(f"{given['restApiId']}/{given['modelName']}")
    if model is None:
        raise not_found(f"Invalid model name specified: {given['modelName']}")
    return model


def _check_usable(call: Call, api_id: str, name: str, schema: str | None, content_type: str) -> None:
    """Also against the API's other models. A model may refer to itself."""
    check_schema(schema, content_type)
    if schema is None or content_type != "application/json":
        return
    others = {model.name: model.schema for _, model in records.models(call.ports, call.world).items(f"{api_id}/")}
    try:
        compile_schema(schema, {**others, name: schema})
    except InvalidSchema as error:
        raise bad_request(f"{_INVALID}. {str(error).partition(chr(10))[0]}]") from None


def check_schema(schema: str | None, content_type: str) -> None:
    if not schema:
        raise bad_request("Model schema must have at least 1 property or array items defined")
    if len(schema.encode()) > _MAX_SCHEMA:
        raise bad_request(f"Model schema exceeds maximum size of {_MAX_SCHEMA} bytes")
    if content_type != "application/json":
        return
    try:
        document: Any = json.loads(schema)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise bad_request(f"{_INVALID}]")


def create_request_validator(call: Call, given: Input) -> Output:
    api_id = given["restApiId"]
    if records.apis(call.ports, call.world).get(api_id) is None:
        raise bad_request("Invalid REST API identifier specified")
    validator = RequestValidator(
        records.new_id(call, 6),
        given.get("name") or "",
        bool(given.get("validateRequestBody")),
        bool(given.get("validateRequestParameters")),
    )
    records.validators(call.ports, call.world).put(f"{api_id}/{validator.id}", validator)
    return shapes.validator(validator)


def get_request_validator(call: Call, given: Input) -> Output:
    return shapes.validator(_validator(call, given))


def get_request_validators(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    found = [item for _, item in records.validators(call.ports, call.world).items(f"{api.id}/")]
    found.sort(key=lambda item: (item.name, item.id))
    return page(given, found, lambda item: item.id, shapes.validator)


def update_request_validator(call: Call, given: Input) -> Output:
    validator = _validator(call, given)

    def apply(patch: Patch, value: Any) -> None:
        nonlocal validator
        match patch.path:
            case "/name":
                if not value:
                    raise bad_request("Request Validator name cannot be blank")
                validator = replace(validator, name=value)
            case "/validateRequestBody":
                validator = replace(validator, validate_request_body=value)
            case _:
                validator = replace(validator, validate_request_parameters=value)

    flags = {"/validateRequestParameters": _flag, "/validateRequestBody": _flag}
    apply_style_a(given, {"/name": text, **flags}, apply)
    records.validators(call.ports, call.world).put(f"{given['restApiId']}/{validator.id}", validator)
    return shapes.validator(validator)


def delete_request_validator(call: Call, given: Input) -> Output:
    validator = _validator(call, given)
    api_id = given["restApiId"]
    for resource, method in records.all_methods(call, api_id):
        if method.request_validator_id == validator.id:
            raise conflict(
                f"Cannot delete request validator '{validator.id}', is referenced in method request: "
                f"{resource.path}/{method.http_method}"
            )
    records.validators(call.ports, call.world).delete(f"{api_id}/{validator.id}")
    return {}


def _flag(patch: Patch) -> bool:
    return patch.flag


def _validator(call: Call, given: Input) -> RequestValidator:
    key = f"{given['restApiId']}/{given['requestValidatorId']}"
    validator = records.validators(call.ports, call.world).get(key)
    if validator is None:
        raise not_found("Invalid Request Validator identifier specified")
    return validator


OPERATIONS = {
    "CreateModel": create_model,
    "GetModel": get_model,
    "GetModels": get_models,
    "UpdateModel": update_model,
    "DeleteModel": delete_model,
    "CreateRequestValidator": create_request_validator,
    "GetRequestValidator": get_request_validator,
    "GetRequestValidators": get_request_validators,
    "UpdateRequestValidator": update_request_validator,
    "DeleteRequestValidator": delete_request_validator,
}
