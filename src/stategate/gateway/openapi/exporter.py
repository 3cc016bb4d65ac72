"""A deployed API, written as OpenAPI 3.0 or Swagger 2.0, with AWS's extensions where asked for."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stategate.gateway.model import Authorizer, DocumentationPart, Method, MethodResponse, RestApi, Snapshot
from stategate.gateway.openapi.importer import TAG_VALUE
from stategate.gateway.openapi.integrations import KEY, write_integration
from stategate.gateway.openapi.operations import ANY, VALIDATOR
from stategate.gateway.openapi.schemas import exported
from stategate.gateway.openapi.security import API_KEY_HEADER, SIGV4

Kind = Literal["oas30", "swagger"]
EXTENSIONS = frozenset(("integrations", "authorizers", "apigateway", "documentation"))
_PREFIX = "x-amazon-apigateway-"
_PLACES = {"path": "path", "querystring": "query", "header": "header"}
_SCHEMAS = {"oas30": "#/components/schemas/", "swagger": "#/definitions/"}
_ENDPOINT = _PREFIX + "endpoint-configuration"


@dataclass(frozen=True, slots=True)
class Exported:
    """`host` is the API's; `version` what stands in `info` if the API has none of its own."""

    api: RestApi
    snapshot: Snapshot
    stage: str
    host: str
    version: str
    parts: tuple[DocumentationPart, ...] = ()
    documentation_version: str | None = None


def write_document(source: Exported, kind: Kind, extensions: Iterable[str] = ()) -> dict[str, Any]:
    """`extensions`: of `EXTENSIONS`; `apigateway` means integrations, authorizers and all settings."""
    chosen = frozenset(extensions)
    if "apigateway" in chosen:
        chosen |= {"integrations", "authorizers"}
    writer = _Writer(source, kind, chosen)
    document = writer.head()
    document["paths"] = writer.paths()
    writer.shared(document)
    if "apigateway" in chosen:
        settings = _settings(source)
        if kind == "oas30" and _ENDPOINT in settings:
            document["servers"][0][_ENDPOINT] = settings.pop(_ENDPOINT)
        document.update(settings)
        document |= _filled(tags=[{"name": name, TAG_VALUE: value} for name, value in source.api.tags.items()])
    if "documentation" in chosen and source.parts:
        document[_PREFIX + "documentation"] = _documentation(source)
    return document


class _Writer:
    def __init__(self, source: Exported, kind: Kind, extensions: frozenset[str]) -> None:
        self._source, self._kind, self._extensions = source, kind, extensions
        self._place = _SCHEMAS[kind]
        self._authorizers = {item.id: item for item in source.snapshot.authorizers}
        self._validators = _validator_names(source.snapshot)
        taken = {item.name for item in source.snapshot.authorizers}
        self._api_key_scheme, self._sigv4_scheme = _unlike("api_key", taken), _unlike("sigv4", taken)
        self._used: dict[str, dict[str, Any]] = {}

    def head(self) -> dict[str, Any]:
        api = self._source.api
        info = _present(title=api.name, description=api.description, version=api.version or self._source.version)
        if self._kind == "oas30":
            server = {
                "url": f"https://{self._source.host}/{{basePath}}",
                "variables": {"basePath": {"default": self._source.stage}},
            }
            return {"openapi": "3.0.1", "info": info, "servers": [server]}
        return {
            "swagger": "2.0",
            "info": info,
            "host": self._source.host,
            "basePath": f"/{self._source.stage}",
            "schemes": ["https"],
        }

    def paths(self) -> dict[str, Any]:
        written: dict[str, Any] = {}
        parents = {deployed.resource.parent_id for deployed in self._source.snapshot.resources}
        for deployed in self._source.snapshot.resources:
            bare = deployed.resource.parent_id is None or deployed.resource.id in parents
            if bare and not deployed.methods:
                # It follows from the paths below it.
                continue
            written[deployed.resource.path] = {
                ANY if method.http_method == "ANY" else method.http_method.lower(): self._operation(
                    method, deployed.resource.id
                )
                for method in deployed.methods
            }
        return written

    def shared(self, document: dict[str, Any]) -> None:
        """Schemas and security schemes; with the authorizers extension also those that no method uses."""
        schemas = exported({model.name: model for model in self._source.snapshot.models}, self._place)
        if "authorizers" in self._extensions:
            for authorizer in self._authorizers.values():
                self._scheme(authorizer)
        if self._kind == "oas30":
            document["components"] = _filled(schemas=schemas, securitySchemes=self._used)
        else:
            document.update(_filled(securityDefinitions=self._used, definitions=schemas))

    def _operation(self, method: Method, resource_id: str) -> dict[str, Any]:
        operation: dict[str, Any] = {}
        if method.operation_name:
            operation["operationId"] = method.operation_name
        parameters = [self._parameter(name, required) for name, required in (method.request_parameters or {}).items()]
        models = method.request_models or {}
        if self._kind == "swagger":
            consumes, produces = _media_types(method)
            operation |= _filled(consumes=consumes, produces=produces)
            parameters += [self._body(name) for name in dict.fromkeys(models.values())]
        operation |= _filled(parameters=parameters)
        if self._kind == "oas30" and models:
            content = {content_type: self._schema(name) for content_type, name in models.items()}
            operation["requestBody"] = {"content": content, "required": True}
        operation["responses"] = {code: self._response(item) for code, item in method.responses.items()}
        operation |= _filled(security=self._security(method))
        return operation | self._operation_extensions(method, resource_id)

    def _operation_extensions(self, method: Method, resource_id: str) -> dict[str, Any]:
        written: dict[str, Any] = {}
        if "apigateway" in self._extensions and method.request_validator_id in self._validators:
            written[VALIDATOR] = self._validators[method.request_validator_id]
        if "integrations" in self._extensions and method.integration is not None:
            written[KEY] = write_integration(method.integration, resource_id)
        return written

    def _parameter(self, name: str, required: bool) -> dict[str, Any]:
        _, _, place, key = name.split(".", 3)
        written: dict[str, Any] = {"name": key, "in": _PLACES[place]}
        if self._kind == "swagger":
            return written | {"required": required, "type": "string"}
        return written | ({"required": True} if required else {}) | {"schema": {"type": "string"}}

    def _schema(self, name: str) -> dict[str, Any]:
        return {"schema": {"$ref": f"{self._place}{name}"}}

    def _body(self, name: str) -> dict[str, Any]:
        return {"in": "body", "name": name, "required": True, **self._schema(name)}

    def _response(self, item: MethodResponse) -> dict[str, Any]:
        names = [name.split(".", 3)[3] for name in item.response_parameters or {}]
        models = item.response_models or {}
        written: dict[str, Any] = {"description": f"{item.status_code} response"}
        if self._kind == "swagger":
            headers: dict[str, Any] = {name: {"type": "string"} for name in names}
            for name in list(models.values())[:1]:
                written |= self._schema(name)
            return written | _filled(headers=headers)
        headers = {name: {"schema": {"type": "string"}} for name in names}
        content = {content_type: self._schema(name) for content_type, name in models.items()}
        return written | _filled(headers=headers) | {"content": content}

    def _security(self, method: Method) -> list[dict[str, list[str]]]:
        required: list[dict[str, list[str]]] = []
        if method.authorization_type == "AWS_IAM":
            scheme: dict[str, Any] = {"type": "apiKey", "name": "Authorization", "in": "header"}
            if "authorizers" in self._extensions:
                scheme[_PREFIX + "authtype"] = SIGV4
            self._used[self._sigv4_scheme] = scheme
            required.append({self._sigv4_scheme: []})
        authorizer = self._authorizers.get(method.authorizer_id or "")
        if authorizer is not None:
            self._scheme(authorizer)
            required.append({authorizer.name: list(method.authorization_scopes)})
        if method.api_key_required:
            self._used[self._api_key_scheme] = {"type": "apiKey", "name": API_KEY_HEADER, "in": "header"}
            required.append({self._api_key_scheme: []})
        return required

    def _scheme(self, authorizer: Authorizer) -> None:
        place, name = "header", "Unused" if authorizer.type == "REQUEST" else "Authorization"
        source = authorizer.identity_source or ""
        if authorizer.type != "REQUEST" and source.startswith("method.request.header."):
            name = source.split(".", 3)[3]
        scheme: dict[str, Any] = {"type": "apiKey", "name": name, "in": place}
        if "authorizers" in self._extensions:
            scheme[_PREFIX + "authtype"] = authorizer.auth_type
            scheme[_PREFIX + "authorizer"] = _filled(
                type=authorizer.type.lower(),
                authorizerUri=authorizer.authorizer_uri,
                authorizerCredentials=authorizer.authorizer_credentials,
                providerARNs=list(authorizer.provider_arns),
                identitySource=source if authorizer.type == "REQUEST" else None,
                identityValidationExpression=authorizer.identity_validation_expression,
            ) | _present(authorizerResultTtlInSeconds=authorizer.ttl)
        self._used[authorizer.name] = scheme


def _media_types(method: Method) -> tuple[list[str], list[str]]:
    """What a method takes and gives: the types of its models and templates."""
    integration = method.integration
    consumes = dict.fromkeys(method.request_models or {})
    produces: dict[str, None] = {}
    for response in method.responses.values():
        produces |= dict.fromkeys(response.response_models or {})
    if integration is not None:
        consumes |= dict.fromkeys(integration.request_templates or {})
        for item in integration.responses.values():
            produces |= dict.fromkeys(item.response_templates or {})
    return list(consumes), list(produces)


def _unlike(name: str, taken: Collection[str]) -> str:
    """A name that nothing else has: an authorizer's scheme must not be replaced by another one."""
    while name in taken:
        name += "_"
    return name


def _validator_names(snapshot: Snapshot) -> dict[str, str]:
    """By id. In an API several may have one name, or none; in a document they can't."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for item in snapshot.validators:
        names[item.id] = _unlike(item.name or item.id, taken)
        taken.add(names[item.id])
    return names


def _settings(source: Exported) -> dict[str, Any]:
    api, snapshot = source.api, source.snapshot
    responses = {
        item.response_type: _filled(
            statusCode=item.status_code,
            responseParameters=dict(item.response_parameters),
            responseTemplates=dict(item.response_templates),
        )
        for item in snapshot.gateway_responses
    }
    names = _validator_names(snapshot)
    validators = {
        names[item.id]: {
            "validateRequestParameters": item.validate_request_parameters,
            "validateRequestBody": item.validate_request_body,
        }
        for item in snapshot.validators
    }
    endpoint: dict[str, Any] = _filled(vpcEndpointIds=list(api.vpc_endpoint_ids))
    if api.disable_execute_api_endpoint:
        endpoint["disableExecuteApiEndpoint"] = True
    settings: Mapping[str, Any] = {
        "api-key-source": snapshot.api_key_source if snapshot.api_key_source != "HEADER" else None,
        "binary-media-types": list(snapshot.binary_media_types),
        "minimum-compression-size": snapshot.minimum_compression_size,
        "endpoint-configuration": endpoint,
        "gateway-responses": responses,
        "policy": json.loads(snapshot.policy) if snapshot.policy else None,
        "request-validators": validators,
    }
    return {_PREFIX + name: value for name, value in settings.items() if value not in (None, {}, [])}


def _documentation(source: Exported) -> dict[str, Any]:
    parts = [{"location": dict(part.location), "properties": _json(part.properties)} for part in source.parts]
    return _filled(version=source.documentation_version) | {"documentationParts": parts}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _filled(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}
