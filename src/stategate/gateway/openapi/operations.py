"""Path items and operations: methods with their parameters, bodies and responses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stategate.gateway.model import Method, MethodResponse
from stategate.gateway.openapi import integrations
from stategate.gateway.openapi.definition import DefinedMethod, Definition, Problem
from stategate.gateway.openapi.reading import References, children, flag, mapping, shown, text, texts
from stategate.gateway.openapi.schemas import Models
from stategate.gateway.openapi.security import AUTH, Schemes, read_access

ANY = "x-amazon-apigateway-any-method"
VALIDATOR = "x-amazon-apigateway-request-validator"
VERBS = ("get", "put", "post", "delete", "options", "head", "patch", ANY)
_PREFIX = "x-amazon-apigateway-"
_EXTENSIONS = frozenset((integrations.KEY, VALIDATOR, AUTH))
_NO_VERBS = frozenset(("parameters", "servers", "summary", "description", "$ref"))
_PLACES = {"path": "path", "query": "querystring", "header": "header"}
_VARIABLE = re.compile(r"\{([^{}/]+?)\+?\}")
LONGEST_PATH = 1600  # as long as the ARN of a method may be
_CODE = re.compile(r"[1-5][0-9][0-9]\Z")


@dataclass(frozen=True, slots=True)
class Source:
    """What the operations of a document share. `version` is 2 or 3; `inherited` the number of values that each
    operation takes over from the document."""

    document: Mapping[str, Any]
    version: int
    models: Models
    schemes: Schemes
    references: References
    inherited: int


def read_path(definition: Definition, source: Source, path: str, given: Any) -> None:
    """`path` with its base path, if that counts; adds the path and its methods."""
    definition.paths.append(path)
    refuse = definition.refuser(f"Unable to create resource at path '{path}'")
    item = source.references.resolve(given, refuse)
    for key, value in item.items():
        verb = "ANY" if key == ANY else key.upper()
        if key.lower() not in VERBS:
            if key.startswith(_PREFIX) or not (key.startswith("x-") or key in _NO_VERBS):
                definition.warnings.append(f"Unsupported method '{key}' of resource '{path}', ignoring.")
            continue
        operation = source.references.resolve(value, definition.refuser(_what(verb, path)))
        source.references.charge(source.inherited)
        definition.methods.append(DefinedMethod(path, _method(definition, source, path, verb, item, operation)))


def _what(verb: str, path: str) -> str:
    return f"Unable to put method '{verb}' on resource at path '{path}'"


def _method(
    definition: Definition, source: Source, path: str, verb: str, item: dict[str, Any], operation: dict[str, Any]
) -> Method:
    where = f"'{verb}' on resource at path '{path}'"
    access = read_access(definition, source.schemes, where, operation, source.document.get("security"))
    parameters, body = _parameters(definition, source, path, verb, item, operation)
    definition.warnings.extend(
        f"Unsupported extension '{name}' of resource '{path}' and method '{verb}', ignoring."
        for name in operation
        if name.startswith(_PREFIX) and name not in _EXTENSIONS
    )
    refuse = definition.refuser(integrations.what(path, verb))
    given = source.references.resolve(operation.get(integrations.KEY), refuse)
    integration = integrations.read_integration(definition, path, verb, given) if given else None
    validator = operation.get(VALIDATOR, source.document.get(VALIDATOR))
    return Method(
        http_method=verb,
        authorization_type=access.authorization_type,
        api_key_required=access.api_key,
        authorizer_id=access.authorizer,
        operation_name=text(operation.get("operationId")),
        request_validator_id=text(validator),
        request_parameters=parameters or None,
        request_models=body or None,
        authorization_scopes=access.scopes,
        responses=_responses(definition, source, path, verb, operation),
        integration=integration,
    )


def _parameters(
    definition: Definition, source: Source, path: str, verb: str, item: dict[str, Any], operation: dict[str, Any]
) -> tuple[dict[str, bool], dict[str, str]]:
    """The method's request parameters and models. Path variables are required, declared or not [recorded]."""
    found: dict[str, bool] = {}
    models: dict[str, str] = {}
    refuse = definition.refuser(_what(verb, path))
    for parameter in _all_parameters(source, item, operation, refuse):
        place, name = text(parameter.get("in")) or "", text(parameter.get("name")) or ""
        if place == "body":
            model = source.models.named(parameter.get("schema"))
            if model is not None:
                models = dict.fromkeys(_consumed(source, operation), model)
        elif place in _PLACES and name:
            found[f"method.request.{_PLACES[place]}.{name}"] = place == "path" or flag(parameter.get("required"))
        else:
            definition.warnings.append(
                f"Unsupported parameter '{name}' in '{place}' of resource '{path}' and method '{verb}', ignoring."
            )
    for name in _VARIABLE.findall(path):
        found.setdefault(f"method.request.path.{name}", True)
    request = source.references.resolve(operation.get("requestBody"), refuse)
    for content_type, media in children(request.get("content")):
        model = source.models.named(media.get("schema"))
        if model is not None:
            models[content_type] = model
    return found, models


def _all_parameters(
    source: Source, item: dict[str, Any], operation: dict[str, Any], refuse: Callable[[str], object]
) -> Iterator[dict[str, Any]]:
    """The path's and the operation's; of two alike, the operation's."""
    merged: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    for holder in (item, operation):
        given = holder.get("parameters")
        if not isinstance(given, list | None):
            refuse(f"Expected a list of parameters, found {shown(given)}")
        for parameter in given if isinstance(given, list) else []:
            resolved = source.references.resolve(parameter, refuse)
            if resolved:
                merged[text(resolved.get("in")), text(resolved.get("name"))] = resolved
    yield from merged.values()


def _consumed(source: Source, operation: dict[str, Any]) -> tuple[str, ...]:
    given = texts(operation.get("consumes")) or texts(source.document.get("consumes"))
    return given or ("application/json",)


def _responses(
    definition: Definition, source: Source, path: str, verb: str, operation: dict[str, Any]
) -> dict[str, MethodResponse]:
    found: dict[str, MethodResponse] = {}
    for code, given in mapping(operation.get("responses")).items():
        if code.startswith("x-"):
            continue
        if _CODE.match(code) is None:
            definition.warnings.append(
                f"Unsupported response status code '{code}' of resource '{path}' and method '{verb}', ignoring."
            )
            continue
        refuse = definition.refuser(
            f"Unable to put method response on '{code}' for method '{verb}' on resource at path '{path}'"
        )
        response = source.references.resolve(given, refuse)
        headers = {f"method.response.header.{name}": False for name in mapping(response.get("headers"))}
        models: dict[str, str] = {}
        if source.version == 2:
            model = source.models.named(response.get("schema"))
            if model is not None:
                models = dict.fromkeys(_produced(source, operation), model)
        for content_type, media in children(response.get("content")):
            model = source.models.named(media.get("schema"))
            if model is not None:
                models[content_type] = model
        found[code] = MethodResponse(code, headers or None, models or None)
    return found


def _produced(source: Source, operation: dict[str, Any]) -> tuple[str, ...]:
    given = texts(operation.get("produces")) or texts(source.document.get("produces"))
    return given or ("application/json",)


def bad_path(path: str) -> Problem | None:
    """What is wrong with a path as a whole; its parts are checked when they become resources."""
    if len(path) > LONGEST_PATH:
        return Problem(
            f"Unable to create resource at path '{shown(path)}'", f"A path has at most {LONGEST_PATH} characters"
        )
    if not path.startswith("/") or "//" in path:
        return Problem(f"Unable to create resource at path '{path}'", "Paths begin with a slash and have no empty part")
    return None
