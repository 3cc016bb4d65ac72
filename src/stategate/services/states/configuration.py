"""What a state machine is made of, checked: definition, role, logging, tracing, encryption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stategate.asl.problems import InvalidDefinition
from stategate.iam import Principal
from stategate.services import access
from stategate.services.beside import beside
from stategate.services.call import Call, Output
from stategate.services.errors import access_denied
from stategate.services.logs import records as log_records
from stategate.services.ports import LogDestination
from stategate.services.states import definitions, names
from stategate.services.states.errors import (
    invalid_definition,
    invalid_encryption,
    invalid_logging,
    invalid_role_arn,
    invalid_tracing,
)
from stategate.services.states.records import OWNED_KEY, Logging, Settings

SERVICE = "states.amazonaws.com"
RULE = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
VALIDATION_STREAM = "log_stream_created_by_aws_to_validate_log_delivery_subscriptions"


async def check_definition(definition: str, type_: str) -> None:
    """Raises `InvalidDefinition` (the error that the client sees)."""
    try:
        await beside(definitions.weight(definition), lambda: definitions.compile(definition, type=type_))
    except InvalidDefinition as problems:
        raise invalid_definition(problems) from None


def check_managed_rule(call: Call, definition: str, role_arn: str, machine_arn: str) -> None:
    """Tasks that wait for executions are told of their end by a rule of EventBridge, which Step Functions makes in the
    role's name; here no rule is needed, but a role that AWS would refuse is refused."""
    if not definitions.waits_for_executions(definition):
        return
    role = _assume(call, role_arn, machine_arn)
    rule = f"arn:{names.partition(call.world.region)}:events:{call.world.region}:{call.world.account}:rule/{RULE}"
    for action in ("PutTargets", "PutRule", "DescribeRule"):
        if role is None or not access.decide(call.ports, call.world, role, f"events:{action}", rule).allowed:
            raise access_denied(f"'{role_arn}' is not authorized to create managed-rule.")


def _assume(call: Call, role_arn: str, machine_arn: str) -> Principal | None:
    context = {"aws:SourceArn": machine_arn}
    try:
        return access.assume_role(call.ports, call.world, role_arn, SERVICE, "check", context)
    except access.RoleNotAssumable:
        return None


def check_role(call: Call, role_arn: str, machine_arn: str) -> None:
    """The caller must be allowed to pass the role, and the role must trust Step Functions to work for this state
    machine (a trust policy may ask for aws:SourceArn)."""
    parts = role_arn.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "iam" or not parts[5].startswith("role/"):
        raise invalid_role_arn(role_arn)
    access.pass_role(call, role_arn, SERVICE)
    if _assume(call, role_arn, machine_arn) is None:
        raise access_denied(
            "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume"
            " the provided role."
        )


def read_logging(given: Mapping[str, Any] | None) -> Logging:
    """Raises `InvalidLoggingConfiguration`."""
    given = given or {}
    level = given.get("level") or "OFF"
    destinations = given.get("destinations")
    arns = None
    if destinations is not None:
        arns = tuple((each.get("cloudWatchLogsLogGroup") or {}).get("logGroupArn") or "" for each in destinations)
    if level != "OFF" and len(arns or ()) != 1:
        raise invalid_logging("Must specify exactly one Log Destination.")
    for arn in arns or ():
        if _group(arn) is None:
            raise invalid_logging(f"Log Destination ARN must be that of a log group and end with ':*': {arn}")
    return Logging(level, bool(given.get("includeExecutionData")), arns)


def check_logging(call: Call, logging: Logging, role_arn: str, machine_arn: str) -> None:
    """The role must be allowed to deliver logs, and the log group must be there."""
    if logging.level == "OFF":
        return
    role = _assume(call, role_arn, machine_arn)
    if role is None or not access.decide(call.ports, call.world, role, "logs:CreateLogDelivery", "*").allowed:
        raise access_denied("The state machine IAM Role is not authorized to access the Log Destination")
    for arn in logging.destinations or ():
        if not _exists(call, arn):
            raise invalid_logging("Log Destination not found.")


def create_validation_stream(call: Call, logging: Logging) -> None:
    """What log delivery leaves in the log group when a state machine is created with logging; not when it is updated
    [recorded]."""
    streams = log_records.streams(call.ports.store, call.world)
    for arn in logging.destinations or () if logging.level != "OFF" else ():
        group = _group(arn) or ""
        key = log_records.stream_key(group, VALIDATION_STREAM)
        if streams.get(key) is None:
            streams.put(key, log_records.Stream(group=group, name=VALIDATION_STREAM, created=int(call.now * 1000)))


def destination(logging: Logging) -> LogDestination:
    """As the engine's observers want it."""
    arn = logging.destinations[0].removesuffix(":*") if logging.destinations else None
    return LogDestination(logging.level, logging.include_execution_data, arn)


def show_logging(logging: Logging) -> Output:
    shown: Output = {"level": logging.level, "includeExecutionData": logging.include_execution_data}
    if logging.destinations is not None:
        shown["destinations"] = [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}} for arn in logging.destinations]
    return shown


def read_encryption(given: Mapping[str, Any] | None) -> str | None:
    """Keys of one's own are refused by name."""
    if given is None:
        return None
    type_ = str(given.get("type"))
    if type_ != OWNED_KEY:
        raise invalid_encryption(f"Stategate does not support the encryption type {type_}; use {OWNED_KEY}.")
    for member in ("kmsKeyId", "kmsDataKeyReusePeriodSeconds"):
        if given.get(member) is not None:
            raise invalid_encryption(f"{member} cannot be given with the encryption type {OWNED_KEY}.")
    return type_


def read_tracing(given: Mapping[str, Any] | None) -> bool:
    """X-Ray is no hosted service: tracing is refused by name."""
    if given and given.get("enabled"):
        raise invalid_tracing("Stategate does not support X-Ray tracing (tracingConfiguration.enabled).")
    return False


def show_settings(settings: Settings) -> Output:
    shown: Output = {
        "definition": settings.definition,
        "roleArn": settings.role_arn,
        "loggingConfiguration": show_logging(settings.logging),
        "tracingConfiguration": {"enabled": settings.tracing},
    }
    if settings.encryption is not None:
        shown["encryptionConfiguration"] = {"type": settings.encryption}
    return shown


def _group(arn: str) -> str | None:
    """The log group's name."""
    parts = arn.split(":")
    if len(parts) != 8 or parts[0] != "arn" or parts[2] != "logs" or parts[5] != "log-group" or parts[7] != "*":
        return None
    return parts[6] or None


def _exists(call: Call, arn: str) -> bool:
    if arn.split(":")[3:5] != [call.world.region, call.world.account]:
        return False
    return log_records.groups(call.ports.store, call.world).get(_group(arn) or "") is not None
