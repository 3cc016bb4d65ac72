"""AssumeRole: a role's trust policy, its limits, session policies and session tags."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from stategate.iam import AwsManagedPolicy, ContextValue, Kind, MalformedPolicy, parse_policy
from stategate.services import access
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError
from stategate.services.iam import records
from stategate.services.iam.common import find_policy
from stategate.services.iam.credentials import session_credentials
from stategate.services.sts.identity import credentials_shown, refuse, refuse_multi_factor

DEFAULT_SECONDS = 3600
CHAINED_MAXIMUM = 3600
SESSION_POLICY_MAXIMUM = 2048

_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/[\w+=,.@/-]+")


def assume_role(call: Call, input: Input) -> Output:
    """Refused with AWS's one text, whether the role is missing or does not trust the caller."""
    refuse_multi_factor(input)
    refuse(input, "ProvidedContexts", "MinimumSessionTokenSize")
    arn, name = input["RoleArn"], input["RoleSessionName"]
    if _ROLE_ARN.fullmatch(arn) is None:
        raise AwsError("ValidationError", f"{arn} is invalid")
    tags = _tags(input)
    policies = _session_policies(call, input)
    role = access.role_of(call.ports, arn)
    if role is None:
        raise _not_authorized(call, "sts:AssumeRole", arn)
    _check_trust(call, role, input, tags)
    duration = _duration(call, role, input)
    inherited = {key: value for key, value in call.principal.tags.items() if key in call.principal.transitive}
    identity = call.principal.source_identity or input.get("SourceIdentity")
    session = access.role_session(
        role,
        name,
        policies,
        {**tags, **inherited},
        (*call.principal.transitive, *(input.get("TransitiveTagKeys") or ())),
        identity,
    )
    credentials = session_credentials(call.ports, session, duration)
    return {
        "Credentials": credentials_shown(credentials),
        "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
        "PackedPolicySize": _packed(policies, tags),
        "SourceIdentity": identity,
    }


def _not_authorized(call: Call, action: str, arn: str) -> AwsError:
    message = f"User: {call.principal.arn} is not authorized to perform: {action} on resource: {arn}"
    return AwsError("AccessDenied", message, status=403)


def _tags(input: Input) -> dict[str, str]:
    tags = {tag["Key"]: tag["Value"] for tag in input.get("Tags") or ()}
    if len({key.lower() for key in tags}) < len(input.get("Tags") or ()):
        raise AwsError(
            "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    missing = [key for key in input.get("TransitiveTagKeys") or () if key not in tags]
    if missing:
        raise AwsError(
            "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags."
        )
    return tags


def _session_policies(call: Call, input: Input) -> tuple[str, ...]:
    """The documents that limit the session."""
    documents: list[str] = []
    if input.get("Policy") is not None:
        documents.append(input["Policy"])
    for reference in input.get("PolicyArns") or ():
        policy = find_policy(call, reference.get("arn") or "")
        if policy is None:
            raise AwsError("ValidationError", f"{reference.get('arn')} is invalid")
        documents.append(policy.document if isinstance(policy, AwsManagedPolicy) else policy.document())
    for document in documents:
        try:
            parse_policy(document, Kind.IDENTITY)
        except MalformedPolicy as error:
            raise AwsError("MalformedPolicyDocument", str(error)) from error
    if len(input.get("Policy") or "") > SESSION_POLICY_MAXIMUM:
        raise AwsError("PackedPolicyTooLarge", "Packed policy consumes more than 100% of allotted space.")
    return tuple(documents)


def _packed(policies: tuple[str, ...], tags: Mapping[str, str]) -> int | None:
    """How much of the room for session policies and tags is used, in percent; None if nothing was passed."""
    used = sum(map(len, policies)) + sum(len(key) + len(value) for key, value in tags.items())
    return min(100, math.ceil(100 * used / SESSION_POLICY_MAXIMUM)) if used else None


def _check_trust(call: Call, role: records.Role, input: Input, tags: Mapping[str, str]) -> None:
    context: dict[str, ContextValue | None] = {
        "sts:RoleSessionName": input["RoleSessionName"],
        "sts:ExternalId": input.get("ExternalId"),
        "sts:SourceIdentity": input.get("SourceIdentity"),
        "sts:TransitiveTagKeys": input.get("TransitiveTagKeys") or None,
        "aws:TagKeys": list(tags) or None,
        "aws:SourceIp": call.source_ip,
        "aws:UserAgent": call.user_agent or None,
        **{f"aws:RequestTag/{key}": value for key, value in tags.items()},
    }
    actions = ["sts:AssumeRole"]
    if tags:
        actions.append("sts:TagSession")
    if input.get("SourceIdentity") is not None:
        actions.append("sts:SetSourceIdentity")
    for action in actions:
        if not access.may_assume(call.ports, call.world, call.principal, role, action, context).allowed:
            raise _not_authorized(call, action, role.arn)


def _duration(call: Call, role: records.Role, input: Input) -> int:
    duration = int(input.get("DurationSeconds") or DEFAULT_SECONDS)
    if call.principal.kind == "role" and duration > CHAINED_MAXIMUM:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        )
    if duration > role.max_session:
        raise AwsError(
            "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    return duration
