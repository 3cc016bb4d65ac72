"""Integrations and integration responses: Put, Get, Update, Delete.

Everything that a request would stumble over is refused here: URIs, templates that don't parse, mapping expressions,
selection patterns, targets that the method response does not declare.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from stategate.gateway import uris
from stategate.gateway.mappings import (
    InvalidMapping,
    compile_request_mapping,
    compile_response_mapping,
    declared_parameter,
)
from stategate.gateway.model import HTTP_METHODS, Integration, IntegrationResponse, Method
from stategate.gateway.patterns import InvalidPattern, compile_pattern
from stategate.gateway.templates import InvalidTemplate, check_template
from stategate.services.access import pass_role
from stategate.services.apigateway import records, records_data, shapes
from stategate.services.apigateway.elsewhere import CALLER, HOSTED, endpoints
from stategate.services.apigateway.errors import bad_request, invalid_mapping, not_found, unsupported
from stategate.services.apigateway.methods import NO_CONTENT_TYPE, NO_PARAMETER, entry
from stategate.services.apigateway.patching import Patch, invalid_path, listed, only, only_replace, patches
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError
from stategate.services.ports import Ports

_MAX_TIMEOUT = 29000
_HTTP = ("HTTP", "HTTP_PROXY")
_CONTENT_TYPE = re.compile(r"(?:\$default|[^\s/;,]+/[^\s/;,]+\s*(?:;.*)?)\Z")
_ENDPOINT = re.compile(r"(?:https?://[^/?#\s]|\$\{)\S*\Z", re.IGNORECASE)


def put_integration(call: Call, given: Input) -> Output:
    method = _method(call, given)
    kind = given["type"]
    integration = Integration(
        type=kind,
        http_method=given.get("integrationHttpMethod") if kind != "MOCK" else None,
        uri=given.get("uri") if kind != "MOCK" else None,
        credentials=given.get("credentials") or None,
        request_parameters=None if given.get("requestParameters") is None else dict(given["requestParameters"]),
        request_templates=None if given.get("requestTemplates") is None else dict(given["requestTemplates"]),
        passthrough_behavior=given.get("passthroughBehavior") or "WHEN_NO_MATCH",
        content_handling=given.get("contentHandling"),
        timeout=29000 if given.get("timeoutInMillis") is None else given["timeoutInMillis"],
        cache_namespace=given.get("cacheNamespace") or given["resourceId"],
        cache_key_parameters=tuple(given.get("cacheKeyParameters") or ()),
        connection_type=given.get("connectionType") or ("INTERNET" if kind in _HTTP else None),
        connection_id=given.get("connectionId"),
        insecure_skip_verification=(given.get("tlsConfig") or {}).get("insecureSkipVerification"),
    )
    check_integration(integration, call.ports)
    _check_declared(method, integration)
    for member in ("integrationTarget", "responseTransferMode"):
        if given.get(member) not in (None, "BUFFERED"):
            raise unsupported(f"{member} of integrations")
    _check_connection(call, integration)
    _check_role(call, integration)
    _store(call, given, replace(method, integration=integration))
    return shapes.integration(integration, responses=False)


def get_integration(call: Call, given: Input) -> Output:
    return shapes.integration(_integration(_method(call, given)))


def update_integration(call: Call, given: Input) -> Output:
    method = _method(call, given)
    integration = before = _integration(method)
    for patch in patches(given):
        integration = _patched(integration, patch)
    check_integration(integration, call.ports)
    reads = (integration.request_parameters, integration.cache_key_parameters)
    if reads != (before.request_parameters, before.cache_key_parameters):
        _check_declared(method, integration)
    _check_connection(call, integration)
    if integration.credentials != before.credentials:
        _check_role(call, integration)
    _store(call, given, replace(method, integration=integration))
    return shapes.integration(integration)


def delete_integration(call: Call, given: Input) -> Output:
    method = _method(call, given)
    _integration(method)
    _store(call, given, replace(method, integration=None))
    return {}


def put_integration_response(call: Call, given: Input) -> Output:
    code = given["statusCode"]
    parameters, templates = given.get("responseParameters"), given.get("responseTemplates")
    # What is wrong whatever the method is goes before the method, as with the status code.
    _check_content_types(templates)
    method, integration = _both(call, given)
    response = IntegrationResponse(
        code,
        given.get("selectionPattern"),
        None if parameters is None else dict(parameters),
        None if templates is None else dict(templates),
        given.get("contentHandling"),
    )
    check_response(method, response)
    _store_response(call, given, method, integration, response)
    return shapes.integration_response(response)


def get_integration_response(call: Call, given: Input) -> Output:
    _, integration = _both(call, given)
    return shapes.integration_response(_response(integration, given["statusCode"]))


def update_integration_response(call: Call, given: Input) -> Output:
    method, integration = _both(call, given)
    response = _response(integration, given["statusCode"])
    for patch in patches(given):
        response = _patched_response(response, patch)
    check_response(method, response)
    _store_response(call, given, method, integration, response)
    return shapes.integration_response(response)


def delete_integration_response(call: Call, given: Input) -> Output:
    method, integration = _both(call, given)
    code = _response(integration, given["statusCode"]).status_code
    left = {key: value for key, value in integration.responses.items() if key != code}
    _store(call, given, replace(method, integration=replace(integration, responses=left)))
    return {}


def check_integration(integration: Integration, ports: Ports, *, imported: bool = False) -> None:
    """Raises BadRequestException with AWS's message, in AWS's order. An import does not look at function names."""
    if integration.type != "MOCK" and integration.http_method not in HTTP_METHODS:
        raise bad_request("Enumeration value for HttpMethod must be non-empty")
    match integration.type:
        case "HTTP" | "HTTP_PROXY":
            if _ENDPOINT.match(integration.uri or "") is None:
                raise bad_request("Invalid HTTP endpoint specified for URI")
        case "AWS" | "AWS_PROXY":
            _check_uri(integration, ports, imported)
        case _:
            pass
    _check_passthrough(integration.passthrough_behavior)
    if not 50 <= integration.timeout <= _MAX_TIMEOUT:
        raise bad_request(f"Timeout should be between 50 ms and {_MAX_TIMEOUT} ms")
    for target, expression in (integration.request_parameters or {}).items():
        try:
            compile_request_mapping(target, expression)
        except InvalidMapping as error:
            raise invalid_mapping(error.text) from None
    check_templates(integration.request_templates)


def _check_declared(method: Method, integration: Integration) -> None:
    """Mappings and the cache key read only parameters that the method declares, or that are mapped. Recorded: AWS
    takes a mapping of `method.request.querystring.a` where the method declares `method.request.path.a` only."""
    declared, mapped = method.request_parameters or {}, integration.request_parameters or {}
    names = {_name(parameter) for parameter in declared}
    for expression in mapped.values():
        read = declared_parameter(expression)
        if read is not None and _name(read) not in names:
            raise _undeclared(expression)
    for parameter in integration.cache_key_parameters:
        if parameter not in mapped and declared_parameter(parameter) not in declared:
            raise bad_request(f"Invalid cache key parameter specified: {parameter}")


def _name(parameter: str) -> str:
    """`a` of `method.request.path.a`."""
    return parameter.split(".", 3)[-1]


def _undeclared(parameter: str) -> AwsError:
    return bad_request(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : "
        f"[Invalid mapping expression parameter specified: {parameter}]"
    )


def check_imported(call: Call, method: Method, integration: Integration) -> None:
    """As PutIntegration checks one, for an import."""
    check_integration(integration, call.ports, imported=True)
    _check_declared(method, integration)
    _check_connection(call, integration)
    _check_role(call, integration)


def _check_uri(integration: Integration, ports: Ports, imported: bool) -> None:
    try:
        uri = uris.check_aws(integration.uri, proxy=integration.type == "AWS_PROXY", any_function=imported)
    except uris.InvalidUri as error:
        raise bad_request(str(error)) from None
    if uri.function is not None:
        return
    if integration.credentials is None:
        raise bad_request("Role ARN must be specified for AWS integrations")
    if uri.subdomain is not None and (uri.service not in uris.WITH_SUBDOMAIN or uri.kind == "action"):
        raise unsupported(f"AWS integrations with {uri.subdomain}.{uri.service}:{uri.kind}")
    if uri.service in HOSTED:
        if uri.kind == "action" and uri.service in ("lambda", "apigateway"):
            raise unsupported(f"AWS integrations with {uri.service}:{uri.kind}")
    elif integration.type == "AWS_PROXY":
        raise unsupported(f"AWS_PROXY integrations with {uri.service}:{uri.kind}")
    elif uri.service not in endpoints(ports):
        raise bad_request(
            f"Stategate does not host the service {uri.service}; the setting aws_endpoints"
            f" ({uri.service}=http://...) says where another server does."
        )


def _check_connection(call: Call, integration: Integration) -> None:
    if integration.type not in _HTTP and integration.insecure_skip_verification:
        raise bad_request("TLS config is only supported for HTTP and HTTP_PROXY integrations")
    if integration.connection_type != "VPC_LINK":
        if integration.connection_id:
            raise bad_request("Connection ID can only be specified for connection type VPC_LINK")
        return
    if not integration.connection_id:
        raise bad_request("Connection ID must be specified for connection type VPC_LINK")
    if "${" not in integration.connection_id:
        records_data.get_vpc_link(call, integration.connection_id)


def _check_passthrough(behavior: str) -> None:
    if behavior not in ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"):
        raise bad_request(
            "Invalid passthroughBehavior specified. Valid options are WHEN_NO_MATCH, WHEN_NO_TEMPLATES, NEVER"
        )


def _check_role(call: Call, integration: Integration) -> None:
    credentials = integration.credentials
    if credentials is None or "${" in credentials:
        return
    if CALLER.fullmatch(credentials) is not None:
        return
    if ":user/" in credentials:
        raise unsupported("credentials of one user")
    if not credentials.startswith("arn:"):
        raise bad_request("Invalid ARN specified in the request")
    pass_role(call, credentials, "apigateway.amazonaws.com")


def check_templates(templates: Mapping[str, str | None] | None) -> None:
    _check_content_types(templates)
    for content_type, template in (templates or {}).items():
        if template:
            try:
                check_template(template)
            except InvalidTemplate as error:
                raise bad_request(f"Invalid mapping template specified for {content_type}: {error}") from None


def _check_content_types(templates: Mapping[str, object] | None) -> None:
    wrong = [name for name in templates or () if _CONTENT_TYPE.match(name) is None]
    if wrong:
        errors = ", ".join(f"Invalid content type specified: {name}" for name in wrong)
        raise bad_request(f"Validation Result: warnings : [], errors : [{errors}]")


def check_response(method: Method, response: IntegrationResponse) -> None:
    if response.selection_pattern:
        try:
            compile_pattern(response.selection_pattern)
        except InvalidPattern as error:
            raise bad_request(f"Invalid selection pattern specified: {error}") from None
    declared = method.responses.get(response.status_code)
    known = declared.response_parameters if declared is not None else None
    for target, expression in (response.response_parameters or {}).items():
        try:
            compile_response_mapping(target, expression)
        except InvalidMapping as error:
            raise invalid_mapping(error.text) from None
        if known is None or target not in known:
            raise _undeclared(target)
    check_templates(response.response_templates)


def _method(call: Call, given: Input) -> Method:
    return records.get_method(call, given["restApiId"], given["resourceId"], given["httpMethod"])


def _integration(method: Method) -> Integration:
    if method.integration is None:
        raise not_found("Invalid Integration identifier specified")
    return method.integration


def _both(call: Call, given: Input) -> tuple[Method, Integration]:
    """Integration responses know no missing method: AWS names the integration then."""
    api_id, resource_id = given["restApiId"], given["resourceId"]
    records.get_resource(call, api_id, resource_id)
    key = records.method_key(api_id, resource_id, given["httpMethod"])
    method = records.methods(call.ports, call.world).get(key)
    if method is None:
        raise not_found("Invalid Integration identifier specified")
    return method, _integration(method)


def _store(call: Call, given: Input, method: Method) -> None:
    records.put_method(call, given["restApiId"], given["resourceId"], method)


def _store_response(
    call: Call, given: Input, method: Method, integration: Integration, response: IntegrationResponse
) -> None:
    responses = {**integration.responses, response.status_code: response}
    _store(call, given, replace(method, integration=replace(integration, responses=responses)))


def _response(integration: Integration, code: str) -> IntegrationResponse:
    response = integration.responses.get(code)
    if response is None:
        raise not_found("Invalid Response status code specified")
    return response


def _patched(integration: Integration, patch: Patch) -> Integration:
    match patch.keys:
        case ["requestTemplates", name]:
            templates = entry(integration.request_templates, patch, name, patch.value, NO_CONTENT_TYPE)
            return replace(integration, request_templates=templates or None)
        case ["requestParameters", name]:
            parameters = entry(integration.request_parameters, patch, name, patch.value or "", NO_PARAMETER)
            return replace(integration, request_parameters=parameters or None)
        case ["cacheKeyParameters", *names]:
            only(patch, "add", "remove")
            keys = listed(integration.cache_key_parameters, patch, "/".join(names) or patch.value or "")
            return replace(integration, cache_key_parameters=keys)
        case ["tlsConfig", "insecureSkipVerification"]:
            only_replace(patch)
            return replace(integration, insecure_skip_verification=patch.flag)
        case [name]:
            only_replace(patch)
            return _replaced(integration, name, patch)
        case _:
            raise invalid_path(patch.path)


def _replaced(integration: Integration, name: str, patch: Patch) -> Integration:
    value = patch.value or None
    match name:
        case "uri":
            return replace(integration, uri=value)
        case "httpMethod":
            return replace(integration, http_method=value)
        case "credentials":
            return replace(integration, credentials=value)
        case "timeoutInMillis":
            if not (value or "").isdigit():
                raise bad_request(f"Timeout should be between 50 ms and {_MAX_TIMEOUT} ms")
            return replace(integration, timeout=int(value or 0))
        case "passthroughBehavior":
            return replace(integration, passthrough_behavior=value or "")
        case "contentHandling":
            return replace(integration, content_handling=_handling(value))
        case "cacheNamespace":
            return replace(integration, cache_namespace=value or "")
        case "connectionType":
            if value not in ("INTERNET", "VPC_LINK"):
                raise bad_request("Invalid connectionType specified. Valid options are INTERNET, VPC_LINK")
            return replace(integration, connection_type=value)
        case "connectionId":
            return replace(integration, connection_id=value)
        case _:
            raise invalid_path(patch.path)


def _handling(value: str | None) -> str | None:
    if value not in (None, "CONVERT_TO_BINARY", "CONVERT_TO_TEXT"):
        raise bad_request("Invalid contentHandling specified. Valid options are CONVERT_TO_BINARY, CONVERT_TO_TEXT")
    return value


def _patched_response(response: IntegrationResponse, patch: Patch) -> IntegrationResponse:
    match patch.keys:
        case ["selectionPattern"]:
            only_replace(patch)
            return replace(response, selection_pattern=patch.value)
        case ["contentHandling"]:
            only_replace(patch)
            return replace(response, content_handling=_handling(patch.value or None))
        case ["responseTemplates", name]:
            templates = entry(response.response_templates, patch, name, patch.value, NO_CONTENT_TYPE)
            return replace(response, response_templates=templates or None)
        case ["responseParameters", name]:
            parameters = entry(response.response_parameters, patch, name, patch.value or "", NO_PARAMETER)
            return replace(response, response_parameters=parameters or None)
        case _:
            raise invalid_path(patch.path)


OPERATIONS = {
    "PutIntegration": put_integration,
    "GetIntegration": get_integration,
    "UpdateIntegration": update_integration,
    "DeleteIntegration": delete_integration,
    "PutIntegrationResponse": put_integration_response,
    "GetIntegrationResponse": get_integration_response,
    "UpdateIntegrationResponse": update_integration_response,
    "DeleteIntegrationResponse": delete_integration_response,
}
