"""Authorizers: Create, Get, list, Update, Delete. What they decide is the data plane's business."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import regex
from msgspec.structs import replace

from stategate.gateway.authorizers import compile_authorizer
from stategate.gateway.mappings import InvalidMapping
from stategate.gateway.model import Authorizer, Method
from stategate.gateway.openapi.security import DEFAULT_SOURCE
from stategate.services.access import pass_role
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.errors import bad_request, conflict, not_found, unsupported
from stategate.services.apigateway.paging import page
from stategate.services.apigateway.patching import (
    Patch,
    listed,
    only_add_or_remove,
    patches,
    unknown_path,
    unsupported_op,
)
from stategate.services.call import Call, Input, Output

LAMBDA_TYPES = ("TOKEN", "REQUEST")
TYPES = (*LAMBDA_TYPES, "COGNITO_USER_POOLS")
_AUTHORIZATION = {"CUSTOM": LAMBDA_TYPES, "COGNITO_USER_POOLS": ("COGNITO_USER_POOLS",)}

_URI = re.compile(r"arn:[a-z\-]+:apigateway:[a-z0-9\-]+:lambda:path/.*functions/.+/invocations\Z")
_POOL = re.compile(r"arn:[a-z\-]+:cognito-idp:[a-z0-9\-]+:\d{12}:userpool/[A-Za-z0-9_\-]+\Z")
_HEADER = re.compile(r"method\.request\.header\.[A-Za-z0-9._\-!#$%&'*+^`|~]+\Z")
_SOURCE = re.compile(
    r"(?:method\.request\.(?:header|querystring|multivalueheader|multivaluequerystring)\.[^\s,]+"
    r"|stageVariables\.[A-Za-z0-9_]+|context\.[A-Za-z0-9_.]+)\Z"
)
_PATHS = (
    "/name",
    "/type",
    "/providerARNs",
    "/authType",
    "/authorizerUri",
    "/authorizerCredentials",
    "/identitySource",
    "/identityValidationExpression",
    "/authorizerResultTtlInSeconds",
)


def create_authorizer(call: Call, given: Input) -> Output:
    if records.apis(call.ports, call.world).get(given["restApiId"]) is None:
        # What AWS says of an unknown API here [recorded].
        raise conflict("Unable to complete operation due to concurrent modification. Please try again later.")
    if given["type"] not in TYPES or given.get("jwtConfiguration"):
        raise unsupported("JWT authorizers of REST APIs")
    authorizer = new_authorizer(call, given)
    check_authorizer(call, given["restApiId"], authorizer)
    records.authorizers(call.ports, call.world).put(f"{given['restApiId']}/{authorizer.id}", authorizer)
    return shape(authorizer)


def new_authorizer(call: Call, given: Input) -> Authorizer:
    """From the members of CreateAuthorizer, unchecked."""
    kind = given["type"]
    source = given.get("identitySource") or None
    if source is None and kind != "REQUEST":
        source = DEFAULT_SOURCE
    return Authorizer(
        id=records.new_id(call, 6),
        name=given["name"],
        type=kind,
        authorizer_uri=given.get("authorizerUri") or None,
        authorizer_credentials=given.get("authorizerCredentials") or None,
        identity_source=source,
        identity_validation_expression=given.get("identityValidationExpression") or None,
        ttl=given.get("authorizerResultTtlInSeconds"),
        provider_arns=tuple(given.get("providerARNs") or ()),
        auth_type=given.get("authType") or ("cognito_user_pools" if kind == "COGNITO_USER_POOLS" else "custom"),
    )


def get_authorizer(call: Call, given: Input) -> Output:
    return shape(get_authorizer_record(call, given))


def get_authorizers(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    found = [item for _, item in records.authorizers(call.ports, call.world).items(f"{api.id}/")]
    found.sort(key=lambda item: (item.name, item.id))
    return page(given, found, lambda item: item.id, shape)


def update_authorizer(call: Call, given: Input) -> Output:
    authorizer = get_authorizer_record(call, given)
    before = authorizer
    for patch in patches(given):
        authorizer = _patched(authorizer, patch)
    check_authorizer(call, given["restApiId"], authorizer, before)
    records.authorizers(call.ports, call.world).put(f"{given['restApiId']}/{authorizer.id}", authorizer)
    return shape(authorizer)


def delete_authorizer(call: Call, given: Input) -> Output:
    authorizer = get_authorizer_record(call, given)
    api_id = given["restApiId"]
    for resource, method in records.all_methods(call, api_id):
        if method.authorizer_id == authorizer.id:
            raise conflict(
                f"Cannot delete authorizer '{authorizer.name}', is referenced in method: "
                f"{resource.path}/{method.http_method}"
            )
    records.authorizers(call.ports, call.world).delete(f"{api_id}/{authorizer.id}")
    return {}


def check_method_authorizer(call: Call, api_id: str, method: Method) -> None:
    """BadRequestException unless the method's authorizer is one of its API, of the kind that its type needs."""
    allowed = _AUTHORIZATION.get(method.authorization_type)
    if allowed is None:
        return
    found = None
    if method.authorizer_id:
        found = records.authorizers(call.ports, call.world).get(f"{api_id}/{method.authorizer_id}")
    if found is None or found.type not in allowed:
        raise bad_request(
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS "
            "requires a valid authorizer."
        )


def check_authorizer(call: Call, api_id: str, authorizer: Authorizer, before: Authorizer | None = None) -> None:
    if not authorizer.name:
        raise bad_request("Authorizer name cannot be empty")
    for _, other in records.authorizers(call.ports, call.world).items(f"{api_id}/"):
        if other.name == authorizer.name and other.id != authorizer.id:
            raise bad_request(
                f"Authorizer name must be unique. Authorizer {authorizer.name} already exists in this RestApi."
            )
    check_settings(authorizer)
    credentials = authorizer.authorizer_credentials
    if credentials and (before is None or credentials != before.authorizer_credentials):
        if not credentials.startswith("arn:"):
            raise bad_request("Invalid ARN specified in the request")
        pass_role(call, credentials, "apigateway.amazonaws.com")


def check_settings(authorizer: Authorizer) -> None:
    """What can be told without a look at anything else."""
    if authorizer.ttl is not None and not 0 <= authorizer.ttl <= 3600:
        raise bad_request("Invalid authorizer result TTL specified. Must be between 0 and 3600 seconds")
    sources = _sources(authorizer)
    if authorizer.type == "COGNITO_USER_POOLS":
        if not authorizer.provider_arns:
            raise bad_request("Authorizer provider ARNs must be non-empty for COGNITO_USER_POOLS authorizers")
        for arn in authorizer.provider_arns:
            if _POOL.match(arn) is None:
                raise bad_request(f"Invalid Cognito User Pool ARN: {arn}")
    elif _URI.match(authorizer.authorizer_uri or "") is None:
        raise bad_request(
            f"Invalid Authorizer URI: {authorizer.authorizer_uri or 'null'}. Authorizer URI should be a valid API "
            "Gateway ARN that represents a Lambda function invocation."
        )
    if authorizer.type == "REQUEST":
        if not sources and authorizer.ttl != 0:
            raise bad_request("Identity source is required when authorization caching is enabled")
        wrong = next((source for source in sources if _SOURCE.match(source) is None), None)
    else:
        wrong = None if len(sources) == 1 and _HEADER.match(sources[0]) else authorizer.identity_source or ""
    if wrong is not None:
        raise bad_request(f"Invalid identity source specified: {wrong}")
    try:
        compile_authorizer(authorizer)
    except InvalidMapping:
        raise bad_request(f"Invalid identity source specified: {authorizer.identity_source}") from None
    except regex.error as error:
        raise bad_request(f"Invalid identity validation expression specified: {error}") from None
    if authorizer.type == "REQUEST" and authorizer.identity_validation_expression:
        raise bad_request("Identity validation expression is not supported for REQUEST authorizers")


def _sources(authorizer: Authorizer) -> Sequence[str]:
    return [part.strip() for part in (authorizer.identity_source or "").split(",") if part.strip()]


def get_authorizer_record(call: Call, given: Input) -> Authorizer:
    """The authorizer that the input names; NotFoundException."""
    key = f"{given['restApiId']}/{given['authorizerId']}"
    authorizer = records.authorizers(call.ports, call.world).get(key)
    if authorizer is None:
        raise not_found("Invalid Authorizer identifier specified")
    return authorizer


_TEXTS = {
    "/authType": "auth_type",
    "/authorizerUri": "authorizer_uri",
    "/authorizerCredentials": "authorizer_credentials",
    "/identitySource": "identity_source",
    "/identityValidationExpression": "identity_validation_expression",
}


def _patched(authorizer: Authorizer, patch: Patch) -> Authorizer:
    if patch.keys[:1] == ["providerARNs"]:
        only_add_or_remove(patch)
        arn = "/".join(patch.keys[1:]) or patch.value or ""
        return replace(authorizer, provider_arns=listed(authorizer.provider_arns, patch, arn))
    if patch.path == "/identitySource" and patch.op in ("add", "remove") and patch.value:
        return replace(authorizer, identity_source=",".join(listed(_sources(authorizer), patch, patch.value)) or None)
    if patch.op == "remove" and patch.path in _TEXTS and patch.path != "/authType":
        return replace(authorizer, **{_TEXTS[patch.path]: None})
    if patch.op != "replace":
        raise unsupported_op(patch)
    match patch.path:
        case "/name":
            return replace(authorizer, name=patch.value or "")
        case "/type":
            if patch.value not in TYPES:
                raise bad_request(
                    "Invalid authorizer type specified. Valid options are TOKEN,REQUEST,COGNITO_USER_POOLS"
                )
            return replace(authorizer, type=patch.value)
        case "/authorizerResultTtlInSeconds":
            if not re.fullmatch(r"-?\d{1,9}", patch.value or ""):
                raise bad_request("Invalid authorizer result TTL specified. Must be between 0 and 3600 seconds")
            return replace(authorizer, ttl=int(patch.value or ""))
        case path if path in _TEXTS:
            return replace(authorizer, **{_TEXTS[path]: patch.value or None})
        case _:
            raise unknown_path(patch, _PATHS)


def shape(authorizer: Authorizer) -> dict[str, Any]:
    return shapes.present(
        id=authorizer.id,
        name=authorizer.name,
        type=authorizer.type,
        providerARNs=list(authorizer.provider_arns) or None,
        authType=authorizer.auth_type,
        authorizerUri=authorizer.authorizer_uri,
        authorizerCredentials=authorizer.authorizer_credentials,
        identitySource=authorizer.identity_source,
        identityValidationExpression=authorizer.identity_validation_expression,
        authorizerResultTtlInSeconds=authorizer.ttl,
    )


OPERATIONS = {
    "CreateAuthorizer": create_authorizer,
    "GetAuthorizer": get_authorizer,
    "GetAuthorizers": get_authorizers,
    "UpdateAuthorizer": update_authorizer,
    "DeleteAuthorizer": delete_authorizer,
}
