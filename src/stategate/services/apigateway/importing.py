"""ImportRestApi, PutRestApi: a document becomes an API, all of it or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from stategate.gateway.failures import RESPONSE_TYPES
from stategate.gateway.mappings import is_method_response_parameter
from stategate.gateway.model import (
    Authorizer,
    DocumentationPart,
    DocumentationVersion,
    GatewayResponse,
    Integration,
    Method,
    Model,
    RequestValidator,
    Resource,
    RestApi,
)
from stategate.gateway.openapi.definition import DefinedMethod, Definition, Problem
from stategate.gateway.openapi.documents import InvalidDocument, NoDefinition, parse
from stategate.gateway.openapi.importer import BASE_PATHS, read_definition
from stategate.gateway.openapi.integrations import with_namespace
from stategate.services.apigateway import integrations, records, shapes
from stategate.services.apigateway.authorizers import check_authorizer
from stategate.services.apigateway.documentation import located
from stategate.services.apigateway.errors import bad_request, invalid_mapping, unsupported
from stategate.services.apigateway.gatewayresponses import DEFAULT_TEMPLATES, check_gateway_response
from stategate.services.apigateway.methods import check_parameters
from stategate.services.apigateway.models import check_schema
from stategate.services.apigateway.resources import check_part
from stategate.services.apigateway.restapis import check_policy
from stategate.services.apigateway.tags import merged
from stategate.services.beside import beside
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError

_PARAMETERS = ("basepath", "endpointConfigurationTypes", "ignore")
_METHODS_AT_ONCE = 10
_ENDPOINT_TYPES = ("EDGE", "REGIONAL", "PRIVATE")


async def import_rest_api(call: Call, given: Input) -> Output:
    api = RestApi(records.new_id(call, 10), "", records.new_id(call, 10), call.now)
    definition = await _definition(given, api.id)
    state = _State(api, {"/": Resource(api.root_resource_id, "/")})
    await _apply(call, state, definition, given, overwrite=True, pauses=True)
    state.store(call)
    return shapes.rest_api(state.api) | _warnings(definition)


async def put_rest_api(call: Call, given: Input) -> Output:
    records.get_api(call, given["restApiId"])
    definition = await _definition(given, given["restApiId"])
    before, state = await _merged(call, definition, given)
    before.remove(call, state)
    state.store(call)
    return shapes.rest_api(state.api, always_tags=True) | _warnings(definition)


async def _merged(call: Call, definition: Definition, given: Input) -> tuple[_State, _State]:
    """The API as it is, and as it will be. It may change in the pauses while that is found out: then again, and in the
    end without pauses."""
    store, overwrite = call.ports.store, given.get("mode") == "overwrite"
    for pauses in (True, True, False):
        api = records.get_api(call, given["restApiId"])
        before, state, written = _State.load(call, api), _State.load(call, api), store.written
        await _apply(call, state, definition, given, overwrite=overwrite, pauses=pauses)
        if store.written == written:
            break
    return before, state


def _warnings(definition: Definition) -> Output:
    return {"warnings": definition.warnings} if definition.warnings else {}


async def _definition(given: Input, api_id: str) -> Definition:
    """A large document is read beside the event loop: other requests go on."""
    parameters = given.get("parameters") or {}
    for name in parameters:
        if name not in _PARAMETERS:
            raise unsupported(f"the parameter {name} of an import")
    if parameters.get("ignore", "documentation") != "documentation":
        raise unsupported(f"the parameter ignore={parameters['ignore']} of an import")
    mode = parameters.get("basepath") or "ignore"
    if mode not in BASE_PATHS:
        raise bad_request(f"Invalid basepath mode specified. Valid options are {', '.join(BASE_PATHS)}")
    body = raw(given["body"])
    url = f"https://apigateway.amazonaws.com/restapis/{api_id}/models/"

    def read() -> Definition:
        return read_definition(parse(body), model_url=url, base_path=mode)

    try:
        return await beside(len(body), read)
    except InvalidDocument as error:
        # AWS says no more of what defines no API.
        reason = "" if isinstance(error, NoDefinition) else f" {error}"
        raise bad_request(f"Invalid OpenAPI input.{reason}") from None


def raw(body: Any) -> bytes:
    """A blob, however it came."""
    if isinstance(body, str):
        return body.encode()
    return body.read() if hasattr(body, "read") else bytes(body)


@dataclass
class _State:
    """An API while it is put together. Resources by path, methods by path and verb, the rest by name."""

    api: RestApi
    resources: dict[str, Resource]
    methods: dict[tuple[str, str], Method] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    authorizers: dict[str, Authorizer] = field(default_factory=dict)
    validators: dict[str, RequestValidator] = field(default_factory=dict)
    gateway_responses: dict[str, GatewayResponse] = field(default_factory=dict)
    parts: list[DocumentationPart] = field(default_factory=list)
    new_version: DocumentationVersion | None = None

    @classmethod
    def load(cls, call: Call, api: RestApi) -> _State:
        ports, world, prefix = call.ports, call.world, f"{api.id}/"
        resources = records.resources_of(call, api.id)
        return cls(
            api,
            {item.path: item for item in resources},
            {
                (item.path, method.http_method): method
                for item in resources
                for method in records.methods_of(call, api.id, item.id)
            },
            {item.name: item for _, item in records.models(ports, world).items(prefix)},
            {item.name: item for _, item in records.authorizers(ports, world).items(prefix)},
            {item.name or item.id: item for _, item in records.validators(ports, world).items(prefix)},
            {item.response_type: item for _, item in records.gateway_responses(ports, world).items(prefix)},
            [item for _, item in records.documentation_parts(ports, world).items(prefix)],
        )

    def _records(self, call: Call) -> Iterable[tuple[Any, str, Any]]:
        """(table, key, record) of everything but the API itself."""
        ports, world, api = call.ports, call.world, self.api.id
        for resource in self.resources.values():
            yield records.resources(ports, world), f"{api}/{resource.id}", resource
        for (path, verb), method in self.methods.items():
            yield records.methods(ports, world), records.method_key(api, self.resources[path].id, verb), method
        for model in self.models.values():
            yield records.models(ports, world), f"{api}/{model.name}", model
        for authorizer in self.authorizers.values():
            yield records.authorizers(ports, world), f"{api}/{authorizer.id}", authorizer
        for validator in self.validators.values():
            yield records.validators(ports, world), f"{api}/{validator.id}", validator
        for response in self.gateway_responses.values():
            yield records.gateway_responses(ports, world), f"{api}/{response.response_type}", response
        for part in self.parts:
            yield records.documentation_parts(ports, world), f"{api}/{part.id}", part
        if self.new_version is not None:
            version = self.new_version
            yield records.documentation_versions(ports, world), f"{api}/{version.version}", version

    def store(self, call: Call) -> None:
        records.apis(call.ports, call.world).put(self.api.id, self.api)
        for table, key, record in self._records(call):
            table.put(key, record)

    def remove(self, call: Call, after: _State) -> None:
        """Deletes what `after` has no more; to be called on the state before."""
        kept = {(id(type(record)), key) for _, key, record in after._records(call)}
        for table, key, record in list(self._records(call)):
            if (id(type(record)), key) not in kept:
                table.delete(key)


async def _apply(
    call: Call, state: _State, definition: Definition, given: Input, *, overwrite: bool, pauses: bool
) -> None:
    """Changes `state`; BadRequestException with all errors, or (`failOnWarnings`) all warnings. In the event loop,
    since it reads records and draws ids; with `pauses` other requests go on every few methods."""
    known = _State(
        state.api,
        dict(state.resources),
        models=dict(state.models),
        authorizers=dict(state.authorizers),
        validators=dict(state.validators),
        parts=list(state.parts),
    )
    if overwrite:
        state.resources = {"/": state.resources["/"]}
        for things in (state.methods, state.models, state.authorizers, state.validators, state.gateway_responses):
            things.clear()
    problems = _Problems(definition.errors)
    _settings(state, definition, given, overwrite)
    _shared(call, state, known, definition, problems)
    variables = {
        item.parent_id or "": item for item in state.resources.values() if (item.path_part or "").startswith("{")
    }
    for path in definition.paths:
        what = f"Unable to create resource at path '{path}'"
        problems.attempt(what, _grow, call, state, known, variables, path)
    for number, defined in enumerate(definition.methods):
        if pauses and number % _METHODS_AT_ONCE == _METHODS_AT_ONCE - 1:
            await asyncio.sleep(0)
        if defined.path in state.resources:
            _method(call, state, defined, problems)
    if "ignore" not in (given.get("parameters") or {}):
        if overwrite and definition.parts:
            state.parts = []
        _documentation(call, state, definition, known.parts)
    problems.attempt("Unable to tag the API", merged, {}, state.api.tags)
    problems.attempt("Unable to update the resource policy", check_policy, state.api.policy)
    problems.report(definition.warnings, fail_on_warnings=bool(given.get("failOnWarnings")))


def _shared(call: Call, state: _State, known: _State, definition: Definition, problems: _Problems) -> None:
    """What the methods of an API share: models, validators, authorizers, gateway responses."""
    for name, model in definition.models.items():
        with_id = replace(model, id=_known_id(call, known.models, name))
        problems.attempt(f"Unable to create model for '{name}'", check_schema, model.schema, model.content_type)
        state.models[name] = with_id
    for name, validator in definition.validators.items():
        state.validators[name] = replace(validator, id=_known_id(call, known.validators, name))
    for name, authorizer in definition.authorizers.items():
        with_new_id = replace(authorizer, id=_known_id(call, known.authorizers, name))
        problems.attempt(f"Unable to create authorizer '{name}'", check_authorizer, call, state.api.id, with_new_id)
        state.authorizers[name] = with_new_id
    for kind, response in definition.gateway_responses.items():
        problems.attempt(f"Unable to put gateway response '{kind}'", _gateway_response, state, response)


class _Problems:
    def __init__(self, found: list[Problem]) -> None:
        self._found = found

    def attempt(self, what: str, do: Callable[..., object], *arguments: Any, **named: Any) -> None:
        try:
            do(*arguments, **named)
        except AwsError as error:
            self._found.append(Problem(what, error.message))

    def report(self, warnings: list[str], *, fail_on_warnings: bool) -> None:
        if self._found:
            message = "Errors found during import:\n\t" + "\n\t".join(map(str, self._found))
            if warnings:
                message += "\nAdditionally, these warnings were found:\n\t" + "\n\t".join(warnings)
            raise bad_request(message)
        if warnings and fail_on_warnings:
            raise bad_request("Warnings found during import:\n\t" + "\n\t".join(warnings))


def _known_id(call: Call, known: dict[str, Any], name: str) -> str:
    """What was there under that name keeps its id."""
    found: str = known[name].id if name in known else records.new_id(call, 6)
    return found


def _settings(state: _State, definition: Definition, given: Input, overwrite: bool) -> None:
    """Of the API itself. An overwriting document that is silent on a setting of its own resets it."""
    api = state.api
    kind = (given.get("parameters") or {}).get("endpointConfigurationTypes")
    if kind is not None and kind not in _ENDPOINT_TYPES:
        raise bad_request("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
    kind = kind or definition.endpoint_type
    if kind is not None:
        api = replace(api, endpoint_types=(kind,), ip_address_type="dualstack" if kind == "PRIVATE" else "ipv4")
    if definition.disable_execute_api_endpoint is not None:
        api = replace(api, disable_execute_api_endpoint=definition.disable_execute_api_endpoint)
    if definition.vpc_endpoint_ids is not None:
        api = replace(api, vpc_endpoint_ids=definition.vpc_endpoint_ids)

    def chosen(new: Any, old: Any, default: Any) -> Any:
        return new if new is not None else default if overwrite else old

    binary = definition.binary_media_types
    if binary is not None and not overwrite:
        binary = (*api.binary_media_types, *(item for item in binary if item not in api.binary_media_types))
    state.api = replace(
        api,
        name=definition.name or api.name,
        description=chosen(definition.description, api.description, None),
        version=chosen(definition.version, api.version, None),
        api_key_source=chosen(definition.api_key_source, api.api_key_source, "HEADER"),
        binary_media_types=chosen(binary, api.binary_media_types, ()),
        minimum_compression_size=chosen(definition.minimum_compression_size, api.minimum_compression_size, None),
        policy=chosen(definition.policy, api.policy, None),
        tags={**api.tags, **definition.tags},
    )


def _gateway_response(state: _State, response: GatewayResponse) -> None:
    if response.response_type not in RESPONSE_TYPES:
        raise bad_request(f"Invalid gateway response type specified: {response.response_type}")
    code = response.status_code
    if code is not None and not (len(code) == 3 and code.isdecimal() and "1" <= code[0] <= "5"):
        raise bad_request(f"Invalid status code: {code}")
    templates = dict(response.response_templates) or DEFAULT_TEMPLATES
    response = replace(response, response_templates=templates)
    check_gateway_response(response)
    state.gateway_responses[response.response_type] = response


def _grow(call: Call, state: _State, known: _State, variables: dict[str, Resource], path: str) -> None:
    """Makes the resource and those above it, where they are missing; a path that was known keeps its id.

    `variables` are the resources with a variable path part, by their parent: the only siblings that may be in the way.
    """
    parent = state.resources["/"]
    at = ""
    for part in path.split("/")[1:] if path != "/" else ():
        at = f"{at}/{part}"
        resource = state.resources.get(at)
        if resource is None:
            check_part(parent, part, [variables[parent.id]] if parent.id in variables else [])
            resource = Resource(_known_id(call, known.resources, at), at, parent.id, part)
            state.resources[at] = resource
            if part.startswith("{"):
                variables[parent.id] = resource
        parent = resource


def _method(call: Call, state: _State, defined: DefinedMethod, problems: _Problems) -> None:
    method, path = defined.method, defined.path
    where = f"method '{method.http_method}' on resource at path '{path}'"
    if method.authorizer_id is not None:
        method = replace(method, authorizer_id=state.authorizers[method.authorizer_id].id)
    if method.request_validator_id is not None:
        validator = state.validators.get(method.request_validator_id)
        if validator is None:
            problems.attempt(f"Unable to put {where}", _refuse, "Invalid Request Validator identifier specified")
            return
        method = replace(method, request_validator_id=validator.id)
    problems.attempt(f"Unable to put {where}", _check_method, state, method)
    for response in method.responses.values():
        what = f"Unable to put method response on '{response.status_code}' for {where}"
        problems.attempt(what, _check_models, state, (response.response_models or {}).values())
        for name in response.response_parameters or {}:
            if not is_method_response_parameter(name):
                problems.attempt(what, _refuse, invalid_mapping(name).message)
    if method.integration is not None:
        integration = with_namespace(method.integration, state.resources[path].id)
        method = replace(method, integration=integration)
        _check_integration(call, method, integration, path, problems)
    state.methods[path, method.http_method] = method


def _check_integration(call: Call, method: Method, integration: Integration, path: str, problems: _Problems) -> None:
    what = f"Unable to put integration on '{method.http_method}' for resource at path '{path}'"
    problems.attempt(what, integrations.check_imported, call, method, integration)
    for response in integration.responses.values():
        problems.attempt(
            f"Unable to put integration response on '{response.status_code}' for method '{method.http_method}' on "
            f"resource at path '{path}'",
            integrations.check_response,
            method,
            response,
        )


def _check_method(state: _State, method: Method) -> None:
    _check_models(state, (method.request_models or {}).values())
    check_parameters(method.request_parameters or {})


def _check_models(state: _State, names: Iterable[str]) -> None:
    for name in names:
        if name not in state.models:
            raise bad_request(f"Invalid model identifier specified: {name}")


def _refuse(message: str) -> None:
    raise bad_request(message)


def _documentation(call: Call, state: _State, definition: Definition, before: list[DocumentationPart]) -> None:
    """Parts replace those at their location, with their ids; a version that is named freezes what there is then."""
    ids = {located(part.location): part.id for part in before}
    parts = {located(part.location): part for part in state.parts}
    for defined in definition.parts:
        where = located(defined.location)
        part = DocumentationPart(ids.get(where) or records.new_id(call, 6), defined.location, defined.properties)
        parts.pop(where, None)
        parts[where] = part
    state.parts = list(parts.values())
    version = definition.documentation_version
    if version is not None:
        key = f"{state.api.id}/{version}"
        if records.documentation_versions(call.ports, call.world).get(key) is None:
            state.new_version = DocumentationVersion(version, call.now, None, tuple(state.parts))


OPERATIONS = {"ImportRestApi": import_rest_api, "PutRestApi": put_rest_api}
