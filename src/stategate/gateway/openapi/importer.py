"""A document, read: OpenAPI 3.0 or Swagger 2.0 with AWS's extensions into a `Definition`.

Nothing raises but `InvalidDocument`: what is wrong with the API itself is collected as errors and warnings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from stategate.gateway.model import GatewayResponse, RequestValidator
from stategate.gateway.openapi.definition import DefinedPart, Definition, Problem
from stategate.gateway.openapi.documents import NoDefinition
from stategate.gateway.openapi.operations import VALIDATOR, Source, bad_path, read_path
from stategate.gateway.openapi.reading import References, children, flag, mapping, shown, size, text, texts, whole
from stategate.gateway.openapi.schemas import Models
from stategate.gateway.openapi.security import read_schemes
from stategate.gateway.schemas import InvalidSchema, compile_schema, schemas_of

BASE_PATHS = ("ignore", "prepend", "split")
_PREFIX = "x-amazon-apigateway-"
MAX_THINGS = 5_000
_MAX_CHECKED = 10_000_000
TAG_VALUE = _PREFIX + "tag-value"
_ENDPOINT_TYPES = ("REGIONAL", "EDGE", "PRIVATE")
_ROOT: Mapping[str, type] = {
    _PREFIX + "api-key-source": str,
    _PREFIX + "binary-media-types": list,
    _PREFIX + "minimum-compression-size": object,
    _PREFIX + "endpoint-configuration": dict,
    _PREFIX + "gateway-responses": dict,
    _PREFIX + "policy": object,
    _PREFIX + "request-validators": dict,
    _PREFIX + "request-validator": str,
    _PREFIX + "documentation": dict,
}
_SERVER_VARIABLE = re.compile(r"\{([^{}]+)\}")


def read_definition(document: dict[str, Any], *, model_url: str, base_path: str = "ignore") -> Definition:
    """`model_url` is what a model's name is put behind in a `$ref`. Raises `NoDefinition` if it is no
    OpenAPI, `InvalidDocument` if reading it would take too long."""
    if not isinstance(document.get("paths"), dict) or not isinstance(document.get("info"), dict):
        raise NoDefinition("No OpenAPI document: it must have the objects info and paths.")
    version = _version(document)
    definition = Definition()
    if _too_many(definition, document):
        return definition
    _read_info(definition, document)
    _read_settings(definition, document, version)
    models = Models(definition, model_url)
    components = mapping(document.get("components"))
    models.declared(document.get("definitions") if version == 2 else components.get("schemas"))
    schemes = document.get("securityDefinitions") if version == 2 else components.get("securitySchemes")
    references = References(document)
    inherited = sum(size(document.get(name)) for name in ("security", "consumes", "produces"))
    source = Source(document, version, models, read_schemes(definition, schemes), references, inherited)
    _read_validators(definition, document, references)
    _read_gateway_responses(definition, document, references)
    definition.parts, warnings = read_documentation(document)
    definition.warnings.extend(warnings)
    definition.documentation_version = text(mapping(document.get(_PREFIX + "documentation")).get("version"))
    prefix = _base_path(document, version, base_path)
    seen: set[str] = set()
    for path, item in document["paths"].items():
        if path.startswith("x-"):
            continue
        full = (prefix + path).rstrip("/") or "/"
        problem = bad_path(path) or bad_path(full)
        if problem is None and full in seen:
            problem = Problem(f"Unable to create resource at path '{path}'", f"The path {full} is there twice")
        if problem is not None:
            definition.errors.append(problem)
            continue
        seen.add(full)
        read_path(definition, source, full, item)
    _check_models(definition)
    return definition


def _version(document: Mapping[str, Any]) -> int:
    swagger, openapi = text(document.get("swagger")), text(document.get("openapi"))
    if swagger is not None and swagger.startswith("2"):
        return 2
    if openapi is not None and openapi.startswith("3.0"):
        return 3
    raise NoDefinition("Only Swagger 2.0 and OpenAPI 3.0 are known.")


def _read_info(definition: Definition, document: Mapping[str, Any]) -> None:
    info = mapping(document.get("info"))
    definition.name = text(info.get("title"))
    definition.description = text(info.get("description")) or None
    definition.version = text(info.get("version")) or None
    if not definition.name:
        definition.errors.append(Problem("Unable to create REST API", "The title of the document must be non-empty"))


def _read_settings(definition: Definition, document: Mapping[str, Any], version: int) -> None:
    definition.warnings.extend(
        f"Unsupported extension '{name}', ignoring."
        for name in document
        if name.startswith(_PREFIX) and name not in _ROOT
    )
    for name, kind in _ROOT.items():
        if not isinstance(document.get(name), kind | None):
            definition.refuser(f"Unable to read '{name}'")(f"Unexpected value: {shown(document[name])}")
    source = text(document.get(_PREFIX + "api-key-source"))
    if source is not None:
        definition.api_key_source = source.upper()
        if definition.api_key_source not in ("HEADER", "AUTHORIZER"):
            what = "Unable to update the API key source"
            definition.errors.append(
                Problem(what, "Invalid API Key Source specified. Valid options are HEADER,AUTHORIZER")
            )
    if _PREFIX + "binary-media-types" in document:
        definition.binary_media_types = texts(document[_PREFIX + "binary-media-types"])
    if _PREFIX + "minimum-compression-size" in document:
        size = whole(document[_PREFIX + "minimum-compression-size"])
        definition.minimum_compression_size = size
        if size is None or not 0 <= size <= 10485760:
            what = "Unable to update the minimum compression size"
            definition.errors.append(Problem(what, "Invalid minimum compression size, must be between 0 and 10485760"))
    policy = document.get(_PREFIX + "policy")
    if policy is not None:
        # A text is checked as a policy like any other: nothing here may leave an API without the one it names.
        written = policy if isinstance(policy, str) and policy else None
        definition.policy = written or json.dumps(policy, separators=(",", ":"), ensure_ascii=False)
    _read_endpoint(definition, document, version)
    _read_tags(definition, document)


def _read_endpoint(definition: Definition, document: Mapping[str, Any], version: int) -> None:
    endpoint = mapping(document.get(_PREFIX + "endpoint-configuration"))
    if version == 3:
        endpoint = mapping(_server(document).get(_PREFIX + "endpoint-configuration")) or endpoint
    definition.warnings.extend(
        f"Unsupported property '{name}' of the endpoint configuration, ignoring."
        for name in endpoint
        if name not in ("disableExecuteApiEndpoint", "vpcEndpointIds", "types")
    )
    types = endpoint.get("types")
    if types is not None:
        chosen = texts(types)
        if len(chosen) == 1 and chosen[0] in _ENDPOINT_TYPES:
            definition.endpoint_type = chosen[0]
        else:
            refuse = definition.refuser("Unable to update the endpoint configuration")
            refuse("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
    if "disableExecuteApiEndpoint" in endpoint:
        definition.disable_execute_api_endpoint = flag(endpoint["disableExecuteApiEndpoint"])
    if "vpcEndpointIds" in endpoint:
        definition.vpc_endpoint_ids = texts(endpoint["vpcEndpointIds"])


def _read_tags(definition: Definition, document: Mapping[str, Any]) -> None:
    """Tags of the document that have a value are the API's."""
    given = document.get("tags")
    for tag in given if isinstance(given, list) else []:
        name, value = text(mapping(tag).get("name")), text(mapping(tag).get(TAG_VALUE))
        if name is not None and value is not None:
            definition.tags[name] = value


def _too_many(definition: Definition, document: Mapping[str, Any]) -> bool:
    """Whether the document defines more than any API has; what it defines is then not read."""
    components = mapping(document.get("components"))
    counted: Mapping[str, Any] = {
        "paths": document["paths"],
        "models": mapping(document.get("definitions")) or components.get("schemas"),
        "security schemes": mapping(document.get("securityDefinitions")) or components.get("securitySchemes"),
        "request validators": document.get(_PREFIX + "request-validators"),
        "documentation parts": mapping(document.get(_PREFIX + "documentation")).get("documentationParts"),
    }
    for name, things in counted.items():
        if isinstance(things, dict | list) and len(things) > MAX_THINGS:
            refuse = definition.refuser("Unable to create REST API")
            refuse(f"The document has {len(things)} {name}, at most {MAX_THINGS} are allowed")
    return bool(definition.errors)


def _check_models(definition: Definition) -> None:
    """A schema that no request can be validated against is told now; the requests would fail."""
    schemas = schemas_of(definition.models.values())
    total = sum(map(len, schemas.values()))
    # Each takes as long as all that it refers to; where that would be much, they are only checked together.
    groups = [[name] for name in schemas] if total * len(schemas) < _MAX_CHECKED else [list(schemas)]
    for names in groups:
        together = schemas[names[0]] if len(names) == 1 else _together(schemas)
        try:
            compile_schema(together, schemas)
        except InvalidSchema as error:
            what = f"Model '{names[0]}'" if len(names) == 1 else "One of the models"
            why = shown(str(error).partition("\n")[0])
            definition.warnings.append(f"{what} can't be used to validate requests: {why}")


def _together(schemas: Mapping[str, str]) -> str:
    """A schema that refers to all models."""
    return json.dumps(
        {"allOf": [{"$ref": f"https://apigateway.amazonaws.com/restapis/a/models/{name}"} for name in schemas]}
    )


def _read_validators(definition: Definition, document: Mapping[str, Any], references: References) -> None:
    for name, value in mapping(document.get(_PREFIX + "request-validators")).items():
        given = references.resolve(value, definition.refuser(f"Unable to create request validator '{name}'"))
        definition.validators[name] = RequestValidator(
            "", name, flag(given.get("validateRequestBody")), flag(given.get("validateRequestParameters"))
        )
    chosen = text(document.get(VALIDATOR))
    if chosen is not None and chosen not in definition.validators:
        what = f"Unable to use request validator '{chosen}'"
        definition.errors.append(Problem(what, "Invalid Request Validator identifier specified"))


def _read_gateway_responses(definition: Definition, document: Mapping[str, Any], references: References) -> None:
    for kind, value in mapping(document.get(_PREFIX + "gateway-responses")).items():
        refuse = definition.refuser(f"Unable to put gateway response '{kind}'")
        given = references.resolve(value, refuse)
        for name in ("responseParameters", "responseTemplates"):
            for key, item in mapping(given.get(name)).items():
                if text(item) is None:
                    refuse(f"Expected a text as '{key}' of '{name}', found {shown(item)}")
        definition.gateway_responses[kind] = GatewayResponse(
            kind,
            text(given.get("statusCode")),
            _only_texts(given.get("responseParameters")),
            _only_texts(given.get("responseTemplates")),
        )


def read_documentation(document: Mapping[str, Any]) -> tuple[list[DefinedPart], list[str]]:
    """The document's documentation parts, and warnings. Raises `NoDefinition` if it is no OpenAPI."""
    _version(document)
    given = mapping(document.get(_PREFIX + "documentation"))
    parts = given.get("documentationParts")
    found: list[DefinedPart] = []
    warnings: list[str] = []
    for part in parts if isinstance(parts, list) else []:
        location = _only_texts(mapping(part).get("location"))
        properties = mapping(part).get("properties")
        if not location or not isinstance(properties, dict | str) or not properties:
            warnings.append("A documentation part has no location or no properties, ignoring.")
            continue
        written = properties if isinstance(properties, str) else json.dumps(properties, ensure_ascii=False)
        found.append(DefinedPart(location, written))
    return found, warnings


def _only_texts(value: Any) -> dict[str, str]:
    read = {name: text(item) for name, item in mapping(value).items()}
    return {name: item for name, item in read.items() if item is not None}


def _server(document: Mapping[str, Any]) -> dict[str, Any]:
    servers = document.get("servers")
    return mapping(servers[0]) if isinstance(servers, list) and servers else {}


def _base_path(document: Mapping[str, Any], version: int, mode: str) -> str:
    """What goes before every path: nothing, the base path, or (split) the base path without its top part."""
    if mode == "ignore":
        return ""
    base = (text(document.get("basePath")) or "") if version == 2 else _server_path(_server(document))
    parts = [part for part in base.split("/") if part]
    if mode == "split":
        parts = parts[1:]
    return "".join(f"/{part}" for part in parts)


def _server_path(server: dict[str, Any]) -> str:
    """The variable `basePath` wins, even where the URL does not name it [AWS's manual]."""
    variables = {name: text(given.get("default")) or "" for name, given in children(server.get("variables"))}
    if "basePath" in variables:
        return variables["basePath"]
    url = _SERVER_VARIABLE.sub(lambda found: variables.get(found[1], ""), text(server.get("url")) or "")
    _, scheme, rest = url.partition("://")
    located = rest if scheme else url
    return located[located.find("/") :] if "/" in located else ""
