"""Security schemes and requirements: authorizers, API keys, IAM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stategate.gateway.model import Authorizer
from stategate.gateway.openapi.definition import Definition
from stategate.gateway.openapi.reading import children, mapping, shown, text, texts, whole

API_KEY_HEADER = "x-api-key"
SIGV4 = "awsSigv4"
DEFAULT_SOURCE = "method.request.header.Authorization"
AUTH = "x-amazon-apigateway-auth"
AUTHORIZER = "x-amazon-apigateway-authorizer"
_PLACES = {"header": "header", "query": "querystring"}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a method; `authorizer` is a name."""

    authorization_type: str = "NONE"
    authorizer: str | None = None
    scopes: tuple[str, ...] = ()
    api_key: bool = False


@dataclass(frozen=True, slots=True)
class Schemes:
    """The schemes of a document by what they mean here."""

    authorizers: Mapping[str, Authorizer]
    api_keys: frozenset[str]
    iam: frozenset[str]


def read_schemes(definition: Definition, schemes: Any) -> Schemes:
    """Every scheme with an authorizer becomes one, used or not [recorded]."""
    api_keys: set[str] = set()
    iam: set[str] = set()
    for name, scheme in children(schemes):
        if AUTHORIZER in scheme:
            _add_authorizer(definition, name, scheme, mapping(scheme[AUTHORIZER]))
        elif text(scheme.get("x-amazon-apigateway-authtype")) == SIGV4:
            iam.add(name)
        elif scheme.get("type") == "apiKey" and (text(scheme.get("name")) or "").lower() == API_KEY_HEADER:
            api_keys.add(name)
    return Schemes(definition.authorizers, frozenset(api_keys), frozenset(iam))


def _add_authorizer(definition: Definition, name: str, scheme: dict[str, Any], given: dict[str, Any]) -> None:
    kind = (text(given.get("type")) or "").upper()
    refuse = definition.refuser(f"Unable to create authorizer '{name}'")
    if kind not in ("TOKEN", "REQUEST", "COGNITO_USER_POOLS"):
        refuse(f"Invalid authorizer type specified: {shown(given.get('type'))}")
        return
    ttl = whole(given.get("authorizerResultTtlInSeconds"))
    if ttl is None and given.get("authorizerResultTtlInSeconds") is not None:
        refuse("Invalid authorizer result TTL specified. Must be between 0 and 3600 seconds")
    source = text(given.get("identitySource"))
    place = _PLACES.get(text(scheme.get("in")) or "")
    header = text(scheme.get("name"))
    if not source and kind != "REQUEST":
        # A scheme of another type than apiKey, as oauth2, has no name and no place.
        source = f"method.request.{place}.{header}" if place and header else DEFAULT_SOURCE
    definition.authorizers[name] = Authorizer(
        id="",
        name=name,
        type=kind,
        authorizer_uri=text(given.get("authorizerUri")),
        authorizer_credentials=text(given.get("authorizerCredentials")) or None,
        identity_source=source or None,
        identity_validation_expression=text(given.get("identityValidationExpression")),
        ttl=ttl,
        provider_arns=texts(given.get("providerARNs")),
        auth_type=text(scheme.get("x-amazon-apigateway-authtype"))
        or ("cognito_user_pools" if kind == "COGNITO_USER_POOLS" else "custom"),
    )


def read_access(
    definition: Definition, schemes: Schemes, where: str, operation: Mapping[str, Any], default: Any
) -> Access:
    """The operation's own `security` wins over the document's; `x-amazon-apigateway-auth` over both."""
    access = Access()
    # What can't be read may have been meant to protect the method.
    refuse = definition.refuser(f"Unable to put method {where}")
    required = operation.get("security", default)
    if not isinstance(required, list | None):
        refuse(f"Expected a list of security requirements, found {shown(required)}")
    for requirement in required if isinstance(required, list) else []:
        if not isinstance(requirement, dict):
            refuse(f"Expected a security requirement, found {shown(requirement)}")
        for name, scopes in mapping(requirement).items():
            access = _with(definition, schemes, where, access, name, texts(scopes))
    if operation.get(AUTH) is None:
        return access
    auth = text(mapping(operation[AUTH]).get("type"))
    if auth is None:
        refuse(f"Unexpected value of '{AUTH}': {shown(operation[AUTH])}")
        return access
    wanted = "AWS_IAM" if auth == SIGV4 else auth.upper()
    if wanted in ("NONE", "AWS_IAM"):
        return Access(wanted, api_key=access.api_key)
    if wanted != access.authorization_type:
        refuse(
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS "
            "requires a valid authorizer."
        )
    return access


def _with(
    definition: Definition, schemes: Schemes, where: str, access: Access, name: str, scopes: tuple[str, ...]
) -> Access:
    authorizer = schemes.authorizers.get(name)
    if authorizer is not None:
        if access.authorizer not in (None, name):
            definition.warnings.append(
                f"Multiple authorizers are defined for method {where}; '{access.authorizer}' is used, '{name}' ignored."
            )
            return access
        cognito = authorizer.type == "COGNITO_USER_POOLS"
        kind = "COGNITO_USER_POOLS" if cognito else "CUSTOM"
        return Access(kind, name, scopes if cognito else (), access.api_key)
    if name in schemes.api_keys:
        return Access(access.authorization_type, access.authorizer, access.scopes, True)
    if name in schemes.iam:
        return Access("AWS_IAM", None, (), access.api_key)
    definition.warnings.append(
        f"Security scheme '{name}' of method {where} has no authorizer and is ignored: it does not protect the method."
    )
    return access
