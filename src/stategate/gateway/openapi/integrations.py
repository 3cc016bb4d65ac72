"""`x-amazon-apigateway-integration`, read and written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stategate.gateway.model import Integration, IntegrationResponse
from stategate.gateway.openapi.definition import Definition
from stategate.gateway.openapi.reading import flag, mapping, shown, text, texts, whole

KEY = "x-amazon-apigateway-integration"
DEFAULT_TIMEOUT = 29000
_TYPES = ("AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK")
_HTTP = ("HTTP", "HTTP_PROXY")
_BEHAVIOURS = ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")
_KNOWN: Mapping[str, type] = {
    "type": str,
    "uri": str,
    "httpMethod": str,
    "credentials": str,
    "requestParameters": dict,
    "requestTemplates": dict,
    "passthroughBehavior": str,
    "contentHandling": str,
    "timeoutInMillis": object,
    "cacheKeyParameters": list,
    "cacheNamespace": str,
    "connectionId": str,
    "connectionType": str,
    "tlsConfig": dict,
    "responses": dict,
    "payloadFormatVersion": object,  # of HTTP APIs; documents for both kinds carry it
}
_DEFAULT = re.compile(r"default \([1-5]\d\d\)\Z")


def read_integration(definition: Definition, path: str, verb: str, given: dict[str, Any]) -> Integration | None:
    """None with an error recorded if it is none at all."""
    refuse = definition.refuser(what(path, verb))
    kind = (text(given.get("type")) or "").upper()
    if kind not in _TYPES:
        refuse(f"Invalid integration type specified: {shown(given.get('type'))}")
        return None
    _check_properties(definition, path, verb, given)
    timeout = whole(given.get("timeoutInMillis"))
    if timeout is None and given.get("timeoutInMillis") is not None:
        refuse(f"Unexpected value of 'timeoutInMillis': {shown(given['timeoutInMillis'])}")
    behaviour = (text(given.get("passthroughBehavior")) or "WHEN_NO_MATCH").upper()
    if behaviour not in _BEHAVIOURS:
        refuse(f"Invalid passthroughBehavior specified: {behaviour}")
    handling = (text(given.get("contentHandling")) or "").upper() or None
    if handling not in (None, "CONVERT_TO_TEXT", "CONVERT_TO_BINARY"):
        refuse(f"Invalid contentHandling specified: {handling}")
    tls = mapping(given.get("tlsConfig"))
    parameters = _texts_of(definition, path, verb, "requestParameters", given)
    templates = _templates_of(definition, path, verb, "requestTemplates", given)
    mock = kind == "MOCK"
    return Integration(
        type=kind,
        http_method=None if mock else (text(given.get("httpMethod")) or "").upper() or None,
        uri=None if mock else text(given.get("uri")),
        credentials=text(given.get("credentials")) or None,
        connection_type=(text(given.get("connectionType")) or "INTERNET").upper() if kind in _HTTP else None,
        request_parameters=parameters,
        request_templates=templates,
        passthrough_behavior=behaviour,
        content_handling=handling,
        timeout=DEFAULT_TIMEOUT if timeout is None else timeout,
        cache_namespace=text(given.get("cacheNamespace")) or "",
        cache_key_parameters=texts(given.get("cacheKeyParameters")),
        responses=_responses(definition, path, verb, given),
        connection_id=text(given.get("connectionId")),
        insecure_skip_verification=flag(tls["insecureSkipVerification"]) if "insecureSkipVerification" in tls else None,
    )


def _check_properties(definition: Definition, path: str, verb: str, given: dict[str, Any]) -> None:
    for name, wanted in _KNOWN.items():
        if not isinstance(given.get(name), wanted | None):
            definition.refuser(what(path, verb))(f"Unexpected value of '{name}': {shown(given[name])}")
    definition.warnings.extend(
        f"Unsupported property '{name}' of the integration of resource '{path}' and method '{verb}', ignoring."
        for name in given
        if name not in _KNOWN
    )


def _responses(definition: Definition, path: str, verb: str, given: dict[str, Any]) -> dict[str, IntegrationResponse]:
    found: dict[str, IntegrationResponse] = {}
    for pattern, response in mapping(given.get("responses")).items():
        code = text(mapping(response).get("statusCode"))
        if code is None or not (len(code) == 3 and code.isdecimal() and "1" <= code[0] <= "5"):
            refuse = definition.refuser(
                f"Unable to put integration response on '{code}' for method '{verb}' on resource at path '{path}'"
            )
            refuse("Invalid status code specified")
            continue
        if code in found:
            definition.warnings.append(
                f"More than one integration response has status code '{code}' for resource '{path}' and method "
                f"'{verb}'. The one for '{pattern}' is used."
            )
        found[code] = IntegrationResponse(
            code,
            None if pattern == "default" or _DEFAULT.match(pattern) else pattern,
            _texts_of(definition, path, verb, "responseParameters", response),
            _templates_of(definition, path, verb, "responseTemplates", response),
            (text(response.get("contentHandling")) or "").upper() or None,
        )
    return found


def _texts_of(definition: Definition, path: str, verb: str, name: str, given: dict[str, Any]) -> dict[str, str] | None:
    """A map of texts; an entry that is none is left out with AWS's warning [recorded]. None where nothing is left."""
    kept: dict[str, str] = {}
    for key, value in mapping(given.get(name)).items():
        if isinstance(value, str):
            kept[key] = value
        else:
            definition.warnings.append(
                f"Invalid format for '{name}'. Expected type string for property '{key}' of resource '{path}' and "
                f"method '{verb}' but got '{shown(value)}'"
            )
    return kept or None


def _templates_of(
    definition: Definition, path: str, verb: str, name: str, given: dict[str, Any]
) -> dict[str, str | None] | None:
    """As `_texts_of`; a template may be null, as in PutIntegrationResponse."""
    templates = mapping(given.get(name))
    given_texts = {key: value for key, value in templates.items() if value is not None}
    kept = _texts_of(definition, path, verb, name, {name: given_texts}) or {}
    return {key: kept.get(key) for key, value in templates.items() if value is None or key in kept} or None


def what(path: str, verb: str) -> str:
    """What could not be done, in a message."""
    return f"Unable to put integration on '{verb}' for resource at path '{path}'"


def write_integration(integration: Integration, resource_id: str) -> dict[str, Any]:
    """Only what differs from the defaults, as AWS exports it."""
    responses = {key: _write_response(item) for key, item in _keyed(integration.responses).items()}
    members: dict[str, Any] = {
        "httpMethod": integration.http_method,
        "uri": integration.uri,
        "credentials": integration.credentials,
        "responses": responses,
        "requestParameters": dict(integration.request_parameters or {}),
        "requestTemplates": dict(integration.request_templates or {}),
        "passthroughBehavior": integration.passthrough_behavior.lower(),
        "contentHandling": integration.content_handling,
        "timeoutInMillis": integration.timeout if integration.timeout != DEFAULT_TIMEOUT else None,
        "cacheNamespace": integration.cache_namespace if integration.cache_namespace != resource_id else None,
        "cacheKeyParameters": list(integration.cache_key_parameters),
        "type": integration.type.lower(),
    }
    if integration.connection_type == "VPC_LINK":
        members |= {"connectionType": "VPC_LINK", "connectionId": integration.connection_id}
    if integration.insecure_skip_verification is not None:
        members["tlsConfig"] = {"insecureSkipVerification": integration.insecure_skip_verification}
    return {name: value for name, value in members.items() if value not in (None, "", {}, [])}


def _keyed(responses: Mapping[str, IntegrationResponse]) -> dict[str, IntegrationResponse]:
    """By selection pattern, none of them lost.

    The first without a pattern, the one that answers, is `default`. Another one never answers; its key is
    `default (<status code>)`, which as a pattern would match nothing either. A pattern that is taken already gets
    brackets, which do not change what it matches; so does the text `default` as a pattern.
    """
    keyed: dict[str, IntegrationResponse] = {}
    for item in responses.values():
        key = item.selection_pattern or "default"
        if item.selection_pattern == "default":
            key = "(default)"
        elif key == "default" and key in keyed:
            key = f"default ({item.status_code})"
        while key in keyed:
            key = f"({key})"
        keyed[key] = item
    return keyed


def _write_response(item: IntegrationResponse) -> dict[str, Any]:
    members: dict[str, Any] = {
        "statusCode": item.status_code,
        "responseParameters": dict(item.response_parameters or {}),
        "responseTemplates": dict(item.response_templates or {}),
        "contentHandling": item.content_handling,
    }
    return {name: value for name, value in members.items() if value not in (None, {})}


def with_namespace(integration: Integration, resource_id: str) -> Integration:
    return integration if integration.cache_namespace else replace(integration, cache_namespace=resource_id)
