"""Log groups: made, listed, kept for so long, tagged, deleted."""

from __future__ import annotations

from msgspec import structs

from stategate.iam import Kind, MalformedPolicy, parse_policy
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError
from stategate.services.logs import common, records
from stategate.services.logs.records import Group, ResourcePolicy

RETENTIONS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
MAX_TAGS = 50
MAX_RESOURCE_POLICIES = 10


def create_log_group(call: Call, given: Input) -> Output:
    name = given["logGroupName"]
    common.check_group_name(name)
    if given.get("kmsKeyId") is not None:
        raise common.unsupported("kmsKeyId")
    if given.get("logGroupClass", "STANDARD") != "STANDARD":
        raise common.unsupported(f"logGroupClass {given['logGroupClass']}")
    if given.get("deletionProtectionEnabled"):
        raise common.unsupported("deletionProtectionEnabled")
    groups = records.groups(call.ports.store, call.world)
    if groups.get(name) is not None:
        raise common.already_exists("log group")
    groups.put(name, Group(name=name, created=int(call.now * 1000), tags=_checked_tags(given.get("tags") or {})))
    return {}


def delete_log_group(call: Call, given: Input) -> Output:
    name = common.group(call, given["logGroupName"]).name
    streams = records.streams(call.ports.store, call.world)
    for key, _ in list(streams.items(f"{name}:")):
        streams.delete(key)
    records.groups(call.ports.store, call.world).delete(name)
    call.ports.log_events.delete(call.world, name)
    return {}


def describe_log_groups(call: Call, given: Input) -> Output:
    prefix, pattern = given.get("logGroupNamePrefix"), given.get("logGroupNamePattern")
    if prefix is not None and pattern is not None:
        raise common.invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    for member in ("accountIdentifiers", "includeLinkedAccounts", "logGroupIdentifiers"):
        if given.get(member):
            raise common.unsupported(member)
    if given.get("logGroupClass", "STANDARD") != "STANDARD":
        return {"logGroups": []}
    groups = [group for _, group in records.groups(call.ports.store, call.world).items(prefix or "")]
    if pattern is not None:
        groups = [group for group in groups if pattern.lower() in group.name.lower()]
    chosen, token = common.page(given, (((group.name,), group) for group in groups))
    return {"logGroups": [_shape(call, group) for group in chosen], "nextToken": token}


def _shape(call: Call, group: Group) -> Output:
    arn = common.group_arn(call.world, group.name)
    return {
        "logGroupName": group.name,
        "creationTime": group.created,
        "retentionInDays": group.retention,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "storedBytes": call.ports.log_events.stored_bytes(call.world, group.name),
        "logGroupClass": "STANDARD",
        "logGroupArn": arn,
    }


def put_retention_policy(call: Call, given: Input) -> Output:
    days = given["retentionInDays"]
    if days not in RETENTIONS:
        raise common.invalid(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint:"
            f" Member must satisfy enum value set: [{', '.join(map(str, RETENTIONS))}]"
        )
    return _with(call, common.group(call, given["logGroupName"]), retention=days)


def delete_retention_policy(call: Call, given: Input) -> Output:
    return _with(call, common.group(call, given["logGroupName"]), retention=None)


def _with(call: Call, group: Group, **changes: object) -> Output:
    records.groups(call.ports.store, call.world).put(group.name, structs.replace(group, **changes))
    return {}


# --- tags -------------------------------------------------------------------------------------------------------


def _checked_tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MAX_TAGS:
        raise AwsError("TooManyTagsException", f"A resource can have no more than {MAX_TAGS} tags.")
    return dict(tags)


def _tag(call: Call, group: Group, tags: dict[str, str]) -> Output:
    return _with(call, group, tags=_checked_tags({**group.tags, **tags}))


def _untag(call: Call, group: Group, keys: list[str]) -> Output:
    return _with(call, group, tags={key: value for key, value in group.tags.items() if key not in keys})


def tag_resource(call: Call, given: Input) -> Output:
    return _tag(call, common.group_of_arn(call, given["resourceArn"]), given["tags"])


def untag_resource(call: Call, given: Input) -> Output:
    return _untag(call, common.group_of_arn(call, given["resourceArn"]), given["tagKeys"])


def list_tags_for_resource(call: Call, given: Input) -> Output:
    return {"tags": dict(common.group_of_arn(call, given["resourceArn"]).tags)}


def tag_log_group(call: Call, given: Input) -> Output:
    return _tag(call, common.group(call, given["logGroupName"]), given["tags"])


def untag_log_group(call: Call, given: Input) -> Output:
    return _untag(call, common.group(call, given["logGroupName"]), given["tags"])


def list_tags_log_group(call: Call, given: Input) -> Output:
    return {"tags": dict(common.group(call, given["logGroupName"]).tags)}


# --- resource policies ------------------------------------------------------------------------------------------


def put_resource_policy(call: Call, given: Input) -> Output:
    """Kept and shown. They let AWS services write; here those write with a role of the account, which IAM checks."""
    _account_wide(given)
    name, document = given.get("policyName"), given.get("policyDocument")
    if not name or not document:
        raise common.invalid("policyName and policyDocument must be specified.")
    try:
        parse_policy(document, Kind.RESOURCE)
    except MalformedPolicy as error:
        raise common.invalid(f"The policyDocument cannot be used: {error}") from error
    policies = records.resource_policies(call.ports.store, call.world)
    if policies.get(name) is None and len(list(policies.items())) >= MAX_RESOURCE_POLICIES:
        raise AwsError("LimitExceededException", "Resource limit exceeded.")
    policy = ResourcePolicy(name=name, document=document, updated=int(call.now * 1000))
    policies.put(name, policy)
    return {"resourcePolicy": _policy_shape(policy)}


def _account_wide(given: Input) -> None:
    for member in ("resourceArn", "expectedRevisionId"):
        if given.get(member) is not None:
            raise common.unsupported(member)


def describe_resource_policies(call: Call, given: Input) -> Output:
    for member in ("resourceArn", "policyScope"):
        if given.get(member) not in (None, "ACCOUNT"):
            raise common.unsupported(member)
    policies = [policy for _, policy in records.resource_policies(call.ports.store, call.world).items()]
    chosen, token = common.page(given, (((policy.name,), policy) for policy in policies))
    return {"resourcePolicies": [_policy_shape(policy) for policy in chosen], "nextToken": token}


def delete_resource_policy(call: Call, given: Input) -> Output:
    _account_wide(given)
    policies = records.resource_policies(call.ports.store, call.world)
    name = given.get("policyName") or ""
    if policies.get(name) is None:
        raise AwsError("ResourceNotFoundException", f"Policy with name [{name}] does not exist")
    policies.delete(name)
    return {}


def _policy_shape(policy: ResourcePolicy) -> Output:
    return {"policyName": policy.name, "policyDocument": policy.document, "lastUpdatedTime": policy.updated}
