"""The settings of a stage's methods: their paths in UpdateStage, and what their values may be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from stategate.gateway.model import MethodSetting, Stage
from stategate.services.apigateway import records
from stategate.services.apigateway.errors import bad_request
from stategate.services.apigateway.patching import Patch
from stategate.services.call import Call
from stategate.services.errors import AwsError

_MAX_TTL = 3600
_STRATEGIES = ("FAIL_WITH_403", "SUCCEED_WITH_RESPONSE_HEADER", "SUCCEED_WITHOUT_RESPONSE_HEADER")


def with_setting(call: Call, stage: Stage, patch: Patch, method: Sequence[str], name: tuple[str, str]) -> Stage:
    """`method` is the path up to the verb, `name` of `SETTINGS`. A new method starts with what holds for all."""
    key = _key(method)
    member, read = SETTINGS[name]
    value = read(patch)
    if member == "logging_level" and value != "OFF" and not _logs_allowed(call):
        raise bad_request("CloudWatch Logs role ARN must be set in account settings to enable logging")
    base = stage.method_settings.get(key) or stage.method_settings.get("*/*") or MethodSetting()
    changed = replace(base, **{member: value})
    return replace(stage, method_settings={**stage.method_settings, key: changed})


def without_setting(stage: Stage, patch: Patch, method: Sequence[str]) -> Stage:
    key = _key(method)
    if key not in stage.method_settings:
        raise no_setting(patch)
    return replace(stage, method_settings={k: v for k, v in stage.method_settings.items() if k != key})


def no_setting(patch: Patch) -> AwsError:
    return bad_request(
        f"Cannot {patch.op} method setting {patch.path[1:]} because there is no method setting for this method "
    )


def _key(method: Sequence[str]) -> str:
    """`~1pets~1{id}`, `GET` or `pets`, `{id}`, `GET` -> `pets~1{id}/GET`, as AWS shows it; the root is `~1/GET`."""
    *path, verb = method
    shown = "~1".join(path)
    return f"{shown[2:] if shown.startswith('~1') and len(shown) > 2 else shown}/{verb}"


def _logs_allowed(call: Call) -> bool:
    account = records.accounts(call.ports, call.world).get("account")
    return account is not None and account.cloudwatch_role_arn is not None


def _flag(patch: Patch) -> bool:
    return patch.flag


def _whole(patch: Patch) -> int:
    if re.fullmatch(r"-?[0-9]{1,9}", patch.value or "") is None:
        raise _invalid_value(patch)
    return int(patch.value or "")


def rate(patch: Patch) -> float:
    try:
        value = float(patch.value or "")
    except ValueError:
        raise _invalid_value(patch) from None
    if not math.isfinite(value):
        raise _invalid_value(patch)
    return value


def _seconds(patch: Patch) -> int:
    seconds = _whole(patch)
    if not 0 <= seconds <= _MAX_TTL:
        raise bad_request(f"Invalid cache TTL specified. Must be between 0 and {_MAX_TTL} seconds")
    return seconds


def _invalid_value(patch: Patch) -> AwsError:
    return bad_request(f"Invalid value specified for {patch.path}: {patch.value}")


def _level(patch: Patch) -> str:
    if patch.value not in ("OFF", "ERROR", "INFO"):
        raise bad_request("Invalid logging level specified. Valid options are OFF,ERROR,INFO")
    return patch.value


def _strategy(patch: Patch) -> str:
    if patch.value not in _STRATEGIES:
        raise _invalid_value(patch)
    return patch.value


SETTINGS: Mapping[tuple[str, str], tuple[str, Callable[[Patch], Any]]] = {
    ("metrics", "enabled"): ("metrics_enabled", _flag),
    ("logging", "dataTrace"): ("data_trace_enabled", _flag),
    ("logging", "loglevel"): ("logging_level", _level),
    ("throttling", "burstLimit"): ("throttling_burst_limit", _whole),
    ("throttling", "rateLimit"): ("throttling_rate_limit", rate),
    ("caching", "enabled"): ("caching_enabled", _flag),
    ("caching", "ttlInSeconds"): ("cache_ttl_in_seconds", _seconds),
    ("caching", "dataEncrypted"): ("cache_data_encrypted", _flag),
    ("caching", "requireAuthorizationForCacheControl"): ("require_authorization_for_cache_control", _flag),
    ("caching", "unauthorizedCacheControlHeaderStrategy"): ("unauthorized_cache_control_header_strategy", _strategy),
}
"""By the last two parts of a path: the member, and the function that reads its value."""
