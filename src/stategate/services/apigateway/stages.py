"""Stages: Create, Get, list, Update, Delete, with the paths of method settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stategate.gateway.accesslog import names_request
from stategate.gateway.model import Canary, Stage
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.domainnames import check_unmapped
from stategate.services.apigateway.errors import bad_request, conflict, unsupported
from stategate.services.apigateway.methodsettings import SETTINGS, no_setting, rate, with_setting, without_setting
from stategate.services.apigateway.patching import Patch, only_replace, patches
from stategate.services.apigateway.records_data import get_client_certificate
from stategate.services.apigateway.tags import new_tags
from stategate.services.apigateway.usageplans import forget_stage
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError

CACHE_SIZES = ("0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237")

_LOG_GROUP = re.compile(r"arn:[a-z\-]+:logs:([a-z0-9\-]+):(\d{12}):log-group:[A-Za-z0-9_\-/.#]{1,512}(?::\*)?\Z")
_NAME = re.compile(r"[A-Za-z0-9_\-]{1,128}\Z")
_VARIABLE_VALUE = re.compile(r"[A-Za-z0-9\-._~:/?#&=,]*\Z")

# Word for word, with the commas that AWS leaves out.
_PATHS = (
    "/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings, "
    "/accessLogSettings/destinationArn, /accessLogSettings/format, /{resourcePath}/{httpMethod}/metrics/enabled, "
    "/{resourcePath}/{httpMethod}/logging/dataTrace, /{resourcePath}/{httpMethod}/logging/loglevel, "
    "/{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit/"
    "{resourcePath}/{httpMethod}/caching/ttlInSeconds, /{resourcePath}/{httpMethod}/caching/enabled, "
    "/{resourcePath}/{httpMethod}/caching/dataEncrypted, "
    "/{resourcePath}/{httpMethod}/caching/requireAuthorizationForCacheControl, "
    "/{resourcePath}/{httpMethod}/caching/unauthorizedCacheControlHeaderStrategy, /*/*/metrics/enabled, "
    "/*/*/logging/dataTrace, /*/*/logging/loglevel, /*/*/throttling/burstLimit /*/*/throttling/rateLimit "
    "/*/*/caching/ttlInSeconds, /*/*/caching/enabled, /*/*/caching/dataEncrypted, "
    "/*/*/caching/requireAuthorizationForCacheControl, /*/*/caching/unauthorizedCacheControlHeaderStrategy, "
    "/variables/{variable_name}, /tracingEnabled"
)
_CANARY_DEPLOYMENT = ("/canarySettings/deploymentId", "/deploymentId")
_CANARY_VARIABLES = ("/canarySettings/stageVariableOverrides", "/variables")


def create_stage(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    key = f"{api.id}/{given['stageName']}"
    _check_deployment(call, api.id, given["deploymentId"])
    if records.stages(call.ports, call.world).get(key) is not None:
        raise conflict("Stage already exists")
    stage = new_stage(call, given)
    records.stages(call.ports, call.world).put(key, stage)
    return shapes.stage(stage)


def new_stage(call: Call, given: Input) -> Stage:
    """From the members of CreateStage; what is not supported is refused."""
    if _NAME.match(given["stageName"]) is None:
        raise bad_request("Stage name only allows a-zA-Z0-9_-")
    cached = bool(given.get("cacheClusterEnabled"))
    size = cache_size(given.get("cacheClusterSize"))
    version = given.get("documentationVersion")
    if version:
        records.get_documentation_version(call, given["restApiId"], version)
    return Stage(
        name=given["stageName"],
        deployment_id=given["deploymentId"],
        created=call.now,
        updated=call.now,
        description=given.get("description") or None,
        variables=checked_variables(given.get("variables") or {}),
        tracing_enabled=bool(given.get("tracingEnabled")),
        documentation_version=version or None,
        tags=new_tags(given),
        canary=_new_canary(call, given),
        cache_cluster_enabled=cached,
        cache_cluster_size=size,
    )


def new_canary(given: Mapping[str, Any], deployment_id: str) -> Canary:
    """From `canarySettings`, for a deployment."""
    overrides = checked_variables(given.get("stageVariableOverrides") or {})
    return Canary(
        deployment_id, _percent(given.get("percentTraffic") or 0.0), overrides, bool(given.get("useStageCache"))
    )


def _new_canary(call: Call, given: Input) -> Canary | None:
    settings = given.get("canarySettings")
    if not settings:
        return None
    deployment_id = settings.get("deploymentId") or given["deploymentId"]
    _check_deployment(call, given["restApiId"], deployment_id)
    return new_canary(settings, deployment_id)


def _check_deployment(call: Call, api_id: str, deployment_id: str | None) -> None:
    if records.deployments(call.ports, call.world).get(f"{api_id}/{deployment_id}") is None:
        raise bad_request("Deployment id does not exist")


def _percent(value: float) -> float:
    if not 0 <= value <= 100:
        raise bad_request("Percent traffic must be between 0.0 and 100.0")
    return float(value)


def get_stage(call: Call, given: Input) -> Output:
    return shapes.stage(records.get_stage(call, given["restApiId"], given["stageName"]))


def get_stages(call: Call, given: Input) -> Output:
    api = records.get_api(call, given["restApiId"])
    wanted = given.get("deploymentId")
    found = [stage for _, stage in records.stages(call.ports, call.world).items(f"{api.id}/")]
    return {"item": [shapes.stage(stage) for stage in found if not wanted or stage.deployment_id == wanted]}


def update_stage(call: Call, given: Input) -> Output:
    api_id = given["restApiId"]
    stage = records.get_stage(call, api_id, given["stageName"])
    for patch in patches(given):
        stage = _patched(call, api_id, stage, patch)
    stage = replace(stage, updated=call.now)
    records.stages(call.ports, call.world).put(f"{api_id}/{stage.name}", stage)
    return shapes.stage(stage)


def delete_stage(call: Call, given: Input) -> Output:
    stage = records.get_stage(call, given["restApiId"], given["stageName"])
    check_unmapped(call, given["restApiId"], stage.name)
    forget_stage(call, given["restApiId"], stage.name)
    records.stages(call.ports, call.world).delete(f"{given['restApiId']}/{stage.name}")
    return {}


def cache_size(size: str | None) -> str | None:
    """In GB; it is shown, what is kept has a bound of its own."""
    if size and size not in CACHE_SIZES:
        raise bad_request("Invalid cache cluster size specified")
    return size or None


def _patched(call: Call, api_id: str, stage: Stage, patch: Patch) -> Stage:
    parts = patch.path.split("/")[1:]
    if patch.op in ("copy", "move", "test"):
        return _promoted(stage, patch)
    match parts:
        case ["deploymentId" | "description" | "tracingEnabled" | "clientCertificateId" | "documentationVersion"]:
            return _replaced(call, api_id, stage, parts[0], patch)
        case ["cacheClusterEnabled"]:
            only_replace(patch)
            return replace(stage, cache_cluster_enabled=patch.flag)
        case ["cacheClusterSize"]:
            only_replace(patch)
            return replace(stage, cache_cluster_size=cache_size(patch.value))
        case ["variables", name]:
            return replace(stage, variables=_with_variable(stage.variables, patch, name))
        case ["accessLogSettings", *rest]:
            return _access_log(call, stage, patch, rest)
        case ["canarySettings", *_]:
            return _canary(call, api_id, stage, patch, parts[1:])
        case [_, *_] if patch.op == "remove":
            return without_setting(stage, patch, parts)
        case [*method, group, key] if len(method) > 1 and (group, key) in SETTINGS:
            return with_setting(call, stage, patch, method, (group, key))
        case _:
            raise _invalid_path(patch)


def _promoted(stage: Stage, patch: Patch) -> Stage:
    """The operation `copy`: what the canary has becomes the stage's."""
    promoted = (patch.source, patch.path)
    if patch.op != "copy":
        raise bad_request(f"Invalid {patch.op} operation with path: {patch.path}")
    if promoted not in (_CANARY_DEPLOYMENT, _CANARY_VARIABLES):
        raise bad_request(
            f"Invalid copy operation with path: {patch.path} and from {patch.source or 'null'}. Valid copy:path are "
            "[/deploymentId, /variables] and valid copy:from are "
            "[/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
        )
    if stage.canary is None:
        raise _no_canary()
    if promoted == _CANARY_DEPLOYMENT:
        return replace(stage, deployment_id=stage.canary.deployment_id)
    return replace(stage, variables={**stage.variables, **stage.canary.variable_overrides})


def _canary(call: Call, api_id: str, stage: Stage, patch: Patch, rest: list[str]) -> Stage:
    canary = stage.canary or Canary(stage.deployment_id)
    match (patch.op, rest):
        case ("remove", [] | ["stageVariableOverrides", _]) if stage.canary is None:
            raise _no_canary()
        case ("remove", []):
            return replace(stage, canary=None)
        case ("replace", ["deploymentId"]):
            _check_deployment(call, api_id, patch.value)
            canary = replace(canary, deployment_id=patch.value or "")
        case ("replace", ["percentTraffic"]):
            canary = replace(canary, percent_traffic=_percent(rate(patch)))
        case ("replace", ["useStageCache"]):
            canary = replace(canary, use_stage_cache=patch.flag)
        case (_, ["stageVariableOverrides", name]):
            canary = replace(canary, variable_overrides=_with_variable(canary.variable_overrides, patch, name))
        case (_, ["deploymentId" | "percentTraffic" | "useStageCache"]):
            raise bad_request(f"Invalid {patch.op} operation with path: {patch.path}")
        case ("replace", _):
            raise _invalid_path(patch)
        case _:
            raise no_setting(patch)
    return replace(stage, canary=canary)


def _no_canary() -> AwsError:
    return bad_request("Promotion not available. Canary does not exist.")


def _replaced(call: Call, api_id: str, stage: Stage, name: str, patch: Patch) -> Stage:
    value = patch.value
    match name:
        case "deploymentId":
            _check_deployment(call, api_id, value)
            return replace(stage, deployment_id=value or "")
        case "description":
            return replace(stage, description=None if patch.op == "remove" else value or None)
        case "tracingEnabled":
            return replace(stage, tracing_enabled=patch.flag)
        case "clientCertificateId":
            if patch.op == "remove" or not value:
                return replace(stage, client_certificate_id=None)
            return replace(stage, client_certificate_id=get_client_certificate(call, value).id)
        case _ if patch.op == "remove" or not value:
            return replace(stage, documentation_version=None)
        case _:
            found = records.get_documentation_version(call, api_id, value)
            return replace(stage, documentation_version=found.version)


def _with_variable(known: Mapping[str, str], patch: Patch, name: str) -> dict[str, str]:
    if patch.op == "remove":
        return {key: value for key, value in known.items() if key != name}
    _check_variable(name, patch.value or "")
    return {**known, name: patch.value or ""}


def checked_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """A copy; BadRequestException if a name or a value may not be."""
    for name, value in variables.items():
        _check_variable(name, value)
    return dict(variables)


def _check_variable(name: str, value: str) -> None:
    if re.fullmatch(r"[A-Za-z0-9_]+", name) is None:
        raise bad_request("Stage variable names must be alphanumeric (underscores allowed)")
    if _VARIABLE_VALUE.match(value) is None:
        raise bad_request("Stage variable values must not contain characters other than [A-Za-z0-9-._~:/?#&=,]")


def _access_log(call: Call, stage: Stage, patch: Patch, rest: list[str]) -> Stage:
    if patch.op == "remove":
        if rest:
            raise no_setting(patch)
        return replace(stage, access_log_destination=None, access_log_format=None)
    if rest not in (["destinationArn"], ["format"]):
        raise bad_request(
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, "
            "/accessLogSettings/format]"
        )
    if not patch.value:
        raise bad_request("Access Log value must not be empty")
    if rest == ["destinationArn"]:
        return replace(stage, access_log_destination=_log_group(call, patch.value))
    if "\n" in patch.value.removesuffix("\n"):
        raise bad_request(
            "Access Log format must be single line, new line character is allowed only at end of the format"
        )
    if not names_request(patch.value):
        raise bad_request(
            "AccessLogSetting format should contain request id, e.g. by including $context.requestId or "
            "$context.extendedRequestId"
        )
    return replace(stage, access_log_format=patch.value)


def _log_group(call: Call, arn: str) -> str:
    """The ARN of a log group that the stage can write to; the group need not be there yet [recorded]."""
    if ":firehose:" in arn:
        raise unsupported("access logs to Firehose")
    found = _LOG_GROUP.match(arn)
    if found is None:
        raise bad_request("Invalid ARN specified in the request")
    if found[1] != call.world.region or found[2] != call.world.account:
        raise unsupported("access logs to another account or region")
    return arn.removesuffix(":*")


def _invalid_path(patch: Patch) -> AwsError:
    return bad_request(f"Invalid method setting path: {patch.path}. Must be one of: [{_PATHS}]")


OPERATIONS = {
    "CreateStage": create_stage,
    "GetStage": get_stage,
    "GetStages": get_stages,
    "UpdateStage": update_stage,
    "DeleteStage": delete_stage,
}
