"""A REST API as it is defined: what the control plane keeps and a deployment freezes.

Member names are AWS's in snake case. All structs are frozen; a change is `msgspec.structs.replace`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

HTTP_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY")
"""In the order of AWS's message."""


class RestApi(msgspec.Struct, frozen=True, omit_defaults=True):
    """`created` in epoch seconds; `policy` is the resource policy's JSON text."""

    id: str
    name: str
    root_resource_id: str
    created: float
    description: str | None = None
    version: str | None = None
    api_key_source: str = "HEADER"
    endpoint_types: tuple[str, ...] = ("EDGE",)
    ip_address_type: str = "ipv4"
    vpc_endpoint_ids: tuple[str, ...] = ()
    disable_execute_api_endpoint: bool = False
    binary_media_types: tuple[str, ...] = ()
    minimum_compression_size: int | None = None
    policy: str | None = None
    tags: Mapping[str, str] = {}
    security_policy: str | None = None


class Resource(msgspec.Struct, frozen=True, omit_defaults=True):
    """`path` is the whole template path, as in `/recipes/{id}`. The root has neither parent nor path part."""

    id: str
    path: str
    parent_id: str | None = None
    path_part: str | None = None


class MethodResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    status_code: str
    response_parameters: Mapping[str, bool] | None = None
    response_models: Mapping[str, str] | None = None


class IntegrationResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    status_code: str
    selection_pattern: str | None = None
    response_parameters: Mapping[str, str] | None = None
    response_templates: Mapping[str, str | None] | None = None
    content_handling: str | None = None


class Integration(msgspec.Struct, frozen=True, omit_defaults=True):
    """`timeout` in milliseconds. `connection_type` (INTERNET or VPC_LINK) and `insecure_skip_verification` (the
    `tlsConfig` member) are for HTTP and HTTP_PROXY."""

    type: str
    http_method: str | None = None
    uri: str | None = None
    credentials: str | None = None
    connection_type: str | None = None
    request_parameters: Mapping[str, str] | None = None
    request_templates: Mapping[str, str | None] | None = None
    passthrough_behavior: str = "WHEN_NO_MATCH"
    content_handling: str | None = None
    timeout: int = 29000
    cache_namespace: str = ""
    cache_key_parameters: tuple[str, ...] = ()
    responses: Mapping[str, IntegrationResponse] = {}
    connection_id: str | None = None
    insecure_skip_verification: bool | None = None


class Method(msgspec.Struct, frozen=True, omit_defaults=True):
    http_method: str
    authorization_type: str = "NONE"
    api_key_required: bool = False
    authorizer_id: str | None = None
    operation_name: str | None = None
    request_validator_id: str | None = None
    request_parameters: Mapping[str, bool] | None = None
    request_models: Mapping[str, str] | None = None
    authorization_scopes: tuple[str, ...] = ()
    responses: Mapping[str, MethodResponse] = {}
    integration: Integration | None = None


class Model(msgspec.Struct, frozen=True, omit_defaults=True):
    """`schema` is JSON text."""

    id: str
    name: str
    content_type: str
    schema: str
    description: str | None = None


class RequestValidator(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    name: str
    validate_request_body: bool = False
    validate_request_parameters: bool = False


class Authorizer(msgspec.Struct, frozen=True, omit_defaults=True):
    """`type`: TOKEN, REQUEST or COGNITO_USER_POOLS. `identity_source` is AWS's comma-separated list of mapping
    expressions; `ttl` in seconds, None where none was given (AWS's default then: 300), 0 for no caching."""

    id: str
    name: str
    type: str
    authorizer_uri: str | None = None
    authorizer_credentials: str | None = None
    identity_source: str | None = None
    identity_validation_expression: str | None = None
    ttl: int | None = None
    provider_arns: tuple[str, ...] = ()
    auth_type: str | None = None


class GatewayResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A customised one; `status_code` None keeps the type's own."""

    response_type: str
    status_code: str | None = None
    response_parameters: Mapping[str, str] = {}
    response_templates: Mapping[str, str] = {}


class DocumentationPart(msgspec.Struct, frozen=True):
    """`location` by AWS's member names; `properties` is JSON text."""

    id: str
    location: Mapping[str, str]
    properties: str


class DocumentationVersion(msgspec.Struct, frozen=True):
    version: str
    created: float
    description: str | None
    parts: tuple[DocumentationPart, ...]


class DeployedResource(msgspec.Struct, frozen=True):
    resource: Resource
    methods: tuple[Method, ...]


class Snapshot(msgspec.Struct, frozen=True):
    """What a deployment froze: never changed, compiled once."""

    resources: tuple[DeployedResource, ...]
    models: tuple[Model, ...] = ()
    validators: tuple[RequestValidator, ...] = ()
    gateway_responses: tuple[GatewayResponse, ...] = ()
    binary_media_types: tuple[str, ...] = ()
    policy: str | None = None
    authorizers: tuple[Authorizer, ...] = ()
    api_key_source: str = "HEADER"
    minimum_compression_size: int | None = None


class Deployment(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    created: float
    description: str | None = None


class MethodSetting(msgspec.Struct, frozen=True):
    """`logging_level` is None until it was set: then OFF, ERROR or INFO."""

    metrics_enabled: bool = False
    logging_level: str | None = None
    data_trace_enabled: bool = False
    throttling_burst_limit: int = 5000
    throttling_rate_limit: float = 10000.0
    caching_enabled: bool = False
    cache_ttl_in_seconds: int = 300
    cache_data_encrypted: bool = False
    require_authorization_for_cache_control: bool = True
    unauthorized_cache_control_header_strategy: str = "SUCCEED_WITH_RESPONSE_HEADER"


class Canary(msgspec.Struct, frozen=True):
    """`percent_traffic` of the requests go to `deployment_id`, with these variables over the stage's."""

    deployment_id: str
    percent_traffic: float = 0.0
    variable_overrides: Mapping[str, str] = {}
    use_stage_cache: bool = False


class Stage(msgspec.Struct, frozen=True, omit_defaults=True):
    """`method_settings` by `<resource path>/<verb>`, as in `*/*`, `pets/GET`, `pets~1{id}/GET` or `~1/GET`."""

    name: str
    deployment_id: str
    created: float
    updated: float
    description: str | None = None
    variables: Mapping[str, str] = {}
    method_settings: Mapping[str, MethodSetting] = {}
    access_log_destination: str | None = None
    access_log_format: str | None = None
    tracing_enabled: bool = False
    documentation_version: str | None = None
    client_certificate_id: str | None = None
    tags: Mapping[str, str] = {}
    canary: Canary | None = None
    cache_flushed: float = 0.0
    authorizers_flushed: float = 0.0
    cache_cluster_enabled: bool = False
    cache_cluster_size: str | None = None

    def setting(self, resource_path: str, verb: str) -> MethodSetting | None:
        """The settings that hold for a method: its own, else the stage's."""
        settings = self.method_settings
        if not settings:
            return None
        key = resource_path[1:].replace("/", "~1") or "~1"
        return settings.get(f"{key}/{verb}") or settings.get("*/*")
