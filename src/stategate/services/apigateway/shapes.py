"""Records as the operations answer them, by AWS's member names. Absent members are left out."""

from __future__ import annotations

import json
from typing import Any

from stategate.gateway.failures import DEFAULT_TEMPLATE, RESPONSE_TYPES
from stategate.gateway.model import (
    Canary,
    Deployment,
    GatewayResponse,
    Integration,
    IntegrationResponse,
    Method,
    MethodResponse,
    MethodSetting,
    Model,
    RequestValidator,
    Resource,
    RestApi,
    Stage,
)


def present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def seconds(time: float) -> float:
    """Dates have whole seconds on the wire."""
    return float(int(time))


def rest_api(api: RestApi, *, always_tags: bool = False) -> dict[str, Any]:
    """`always_tags`: GetRestApi and UpdateRestApi answer with `tags` even if there are none [recorded]."""
    endpoint = present(
        types=list(api.endpoint_types),
        ipAddressType=api.ip_address_type,
        vpcEndpointIds=list(api.vpc_endpoint_ids) or None,
    )
    return present(
        id=api.id,
        name=api.name,
        description=api.description,
        createdDate=seconds(api.created),
        version=api.version,
        binaryMediaTypes=list(api.binary_media_types) or None,
        minimumCompressionSize=api.minimum_compression_size,
        apiKeySource=api.api_key_source,
        endpointConfiguration=endpoint,
        policy=_escaped(api.policy) if api.policy else None,
        tags=dict(api.tags) if api.tags or always_tags else None,
        disableExecuteApiEndpoint=api.disable_execute_api_endpoint,
        securityPolicy=api.security_policy,
        rootResourceId=api.root_resource_id,
    )


def _escaped(policy: str) -> str:
    """As AWS shows a policy: what would stand between the quotes of a JSON string. Terraform reads it as one."""
    return json.dumps(policy, ensure_ascii=False)[1:-1]


def resource(item: Resource, methods: list[Method], *, embed: bool = False) -> dict[str, Any]:
    shown = {method.http_method: method_shape(method) if embed else {} for method in methods}
    return present(
        id=item.id,
        parentId=item.parent_id,
        pathPart=item.path_part,
        path=item.path,
        resourceMethods=shown or None,
    )


def method_shape(method: Method) -> dict[str, Any]:
    return present(
        httpMethod=method.http_method,
        authorizationType=method.authorization_type,
        authorizerId=method.authorizer_id,
        apiKeyRequired=method.api_key_required,
        requestValidatorId=method.request_validator_id,
        operationName=method.operation_name,
        requestParameters=dict(method.request_parameters) if method.request_parameters else None,
        requestModels=dict(method.request_models) if method.request_models else None,
        authorizationScopes=list(method.authorization_scopes) or None,
        methodResponses={code: method_response(item) for code, item in method.responses.items()} or None,
        methodIntegration=integration(method.integration) if method.integration else None,
    )


def method_response(item: MethodResponse) -> dict[str, Any]:
    return present(
        statusCode=item.status_code,
        responseParameters=None if item.response_parameters is None else dict(item.response_parameters),
        responseModels=None if item.response_models is None else dict(item.response_models),
    )


def integration(item: Integration, *, responses: bool = True) -> dict[str, Any]:
    shown = {code: integration_response(response) for code, response in item.responses.items()}
    insecure = item.insecure_skip_verification
    return present(
        type=item.type,
        httpMethod=item.http_method,
        uri=item.uri,
        connectionType=item.connection_type,
        connectionId=item.connection_id,
        credentials=item.credentials,
        requestParameters=None if item.request_parameters is None else dict(item.request_parameters),
        requestTemplates=None if item.request_templates is None else dict(item.request_templates),
        passthroughBehavior=item.passthrough_behavior,
        contentHandling=item.content_handling,
        timeoutInMillis=item.timeout,
        cacheNamespace=item.cache_namespace,
        cacheKeyParameters=list(item.cache_key_parameters),
        tlsConfig=None if insecure is None else {"insecureSkipVerification": insecure},
        integrationResponses=(shown or None) if responses else None,
    )


def integration_response(item: IntegrationResponse) -> dict[str, Any]:
    return present(
        statusCode=item.status_code,
        selectionPattern=item.selection_pattern,
        responseParameters=None if item.response_parameters is None else dict(item.response_parameters),
        responseTemplates=None if item.response_templates is None else dict(item.response_templates),
        contentHandling=item.content_handling,
    )


def model(item: Model) -> dict[str, Any]:
    return present(
        id=item.id, name=item.name, description=item.description, schema=item.schema, contentType=item.content_type
    )


def validator(item: RequestValidator) -> dict[str, Any]:
    return present(
        id=item.id,
        name=item.name,
        validateRequestBody=item.validate_request_body,
        validateRequestParameters=item.validate_request_parameters,
    )


def deployment(item: Deployment) -> dict[str, Any]:
    return present(id=item.id, description=item.description, createdDate=seconds(item.created))


def method_setting(item: MethodSetting) -> dict[str, Any]:
    return present(
        metricsEnabled=item.metrics_enabled,
        loggingLevel=item.logging_level,
        dataTraceEnabled=item.data_trace_enabled,
        throttlingBurstLimit=item.throttling_burst_limit,
        throttlingRateLimit=item.throttling_rate_limit,
        cachingEnabled=item.caching_enabled,
        cacheTtlInSeconds=item.cache_ttl_in_seconds,
        cacheDataEncrypted=item.cache_data_encrypted,
        requireAuthorizationForCacheControl=item.require_authorization_for_cache_control,
        unauthorizedCacheControlHeaderStrategy=item.unauthorized_cache_control_header_strategy,
    )


def canary(item: Canary) -> dict[str, Any]:
    return present(
        percentTraffic=item.percent_traffic,
        deploymentId=item.deployment_id,
        stageVariableOverrides=dict(item.variable_overrides) or None,
        useStageCache=item.use_stage_cache,
    )


def stage(item: Stage) -> dict[str, Any]:
    access = present(destinationArn=item.access_log_destination, format=item.access_log_format)
    return present(
        deploymentId=item.deployment_id,
        clientCertificateId=item.client_certificate_id,
        stageName=item.name,
        description=item.description,
        cacheClusterEnabled=item.cache_cluster_enabled,
        cacheClusterSize=item.cache_cluster_size or ("0.5" if item.cache_cluster_enabled else None),
        cacheClusterStatus="AVAILABLE" if item.cache_cluster_enabled else "NOT_AVAILABLE",
        methodSettings={key: method_setting(setting) for key, setting in item.method_settings.items()},
        variables=dict(item.variables) or None,
        documentationVersion=item.documentation_version,
        canarySettings=canary(item.canary) if item.canary else None,
        accessLogSettings=access or None,
        tracingEnabled=item.tracing_enabled,
        tags=dict(item.tags) or None,
        createdDate=seconds(item.created),
        lastUpdatedDate=seconds(item.updated),
    )


def gateway_response(
    response_type: str, custom: GatewayResponse | None, default: GatewayResponse | None
) -> dict[str, Any]:
    """`custom` the type's own, `default` the customised DEFAULT_4XX or DEFAULT_5XX that it falls back to."""
    chosen = custom or default
    status = RESPONSE_TYPES[response_type].status
    code = chosen.status_code if chosen is not None and chosen.status_code else None
    return present(
        responseType=response_type,
        statusCode=code or (str(status) if status else None),
        responseParameters=dict(chosen.response_parameters) if chosen else {},
        responseTemplates=dict(chosen.response_templates) if chosen else {"application/json": DEFAULT_TEMPLATE},
        defaultResponse=custom is None,
    )
