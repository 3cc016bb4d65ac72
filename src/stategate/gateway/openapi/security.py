"""Security schemes and requirements: authorizers, API keys, IAM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stategate.gateway.model import Authorizer
from stategate.gateway.openapi.definition import Definition, Problem
from stategate.gateway.openapi.reading import children, mapping, text, texts, whole

API_KEY_HEADER = "x-api-key"
SIGV4 = "awsSigv4"
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
        authorizer = scheme.get("x-amazon-apigateway-authorizer")
        if isinstance(authorizer, dict):
            _add_authorizer(definition, name, scheme, authorizer)
        elif text(scheme.get("x-amazon-apigateway-authtype")) == SIGV4:
            iam.add(name)
        elif scheme.get("type") == "apiKey" and (text(scheme.get("name")) or "").lower() == API_KEY_HEADER:
            api_keys.add(name)
    return Schemes(definition.authorizers, frozenset(api_keys), frozenset(iam))


def _add_authorizer(definition: Definition, name: str, scheme: dict[str, Any], given: dict[str, Any]) -> None:
    kind = (text(given.get("type")) or "").upper()
    if kind not in ("TOKEN", "REQUEST", "COGNITO_USER_POOLS"):
        definition.errors.append(
            Problem(f"Unable to create authorizer '{name}'", f"Invalid authorizer type specified: {given.get('type')}")
        )
        return
    source = text(given.get("identitySource"))
    place = _PLACES.get(text(scheme.get("in")) or "")
    header = text(scheme.get("name"))
    if not source and kind != "REQUEST" and place and header:
        source = f"method.request.{place}.{header}"
    definition.authorizers[name] = Authorizer(
        id="",
        name=name,
        type=kind,
        authorizer_uri=text(given.get("authorizerUri")),
        authorizer_credentials=text(given.get("authorizerCredentials")),
        identity_source=source or None,
        identity_validation_expression=text(given.get("identityValidationExpression")),
        ttl=whole(given.get("authorizerResultTtlInSeconds")),
        provider_arns=texts(given.get("providerARNs")),
        auth_type=text(scheme.get("x-amazon-apigateway-authtype"))
        or ("cognito_user_pools" if kind == "COGNITO_USER_POOLS" else "custom"),
    )


def read_access(
    definition: Definition, schemes: Schemes, where: str, operation: Mapping[str, Any], default: Any
) -> Access:
    """The operation's own `security` wins over the document's; `x-amazon-apigateway-auth` over both."""
    access = Access()
    required = operation.get("security", default)
    for requirement in required if isinstance(required, list) else []:
        for name, scopes in mapping(requirement).items():
            access = _with(definition, schemes, where, access, name, texts(scopes))
    auth = text(mapping(operation.get("x-amazon-apigateway-auth")).get("type"))
    if auth is None:
        return access
    wanted = "AWS_IAM" if auth == SIGV4 else auth.upper()
    if wanted in ("NONE", "AWS_IAM"):
        return Access(wanted, api_key=access.api_key)
    if wanted != access.authorization_type:
        definition.errors.append(
            Problem(
                f"Unable to put method {where}",
                "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS "
                "requires a valid authorizer.",
            )
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
