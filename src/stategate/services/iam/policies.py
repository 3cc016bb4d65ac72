"""Managed policies: AWS's and the account's own, with their versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from stategate.iam import AwsManagedPolicy, Kind, aws_managed_policies
from stategate.services.call import Call, Input, Operation, Output
from stategate.services.errors import AwsError
from stategate.services.iam import records
from stategate.services.iam.common import (
    AnyPolicy,
    add_tags,
    already_exists,
    check_document,
    check_policy_arn,
    delete_conflict,
    encoded,
    find_policy,
    limit_exceeded,
    moment,
    no_such_entity,
    page,
    read_tags,
    remove_tags,
    size,
    tag_list,
    tag_page,
    unique_id,
)
from stategate.services.iam.owners import Owner

DOCUMENT_MAXIMUM = 6144
VERSIONS_MAXIMUM = 5


# --- looking up -------------------------------------------------------------------------------------------------


def _find(call: Call, arn: str) -> AnyPolicy:
    check_policy_arn(arn)
    policy = find_policy(call, arn)
    if policy is None:
        raise no_such_entity(f"Policy {arn} was not found.")
    return policy


def _own(call: Call, input: Input, action: str) -> records.ManagedPolicy:
    """A policy to change: AWS's own cannot be."""
    policy = _find(call, input["PolicyArn"])
    if isinstance(policy, AwsManagedPolicy):
        raise AwsError(
            "AccessDenied",
            f"User: {call.principal.arn} is not authorized to perform: {action} on resource: policy {policy.arn}",
            status=403,
        )
    return policy


def _put(call: Call, policy: records.ManagedPolicy) -> None:
    records.policies(call.ports, call.world.account).put(policy.arn, policy)


def _owners(call: Call) -> Iterator[Owner]:
    yield from (role for _, role in records.roles(call.ports, call.world.account).items())
    yield from (user for _, user in records.users(call.ports, call.world.account).items())


class _Usage:
    """How often each policy is attached, and used as a boundary."""

    def __init__(self, owners: Sequence[Owner]) -> None:
        self.attached = Counter(arn for owner in owners for arn in owner.attached)
        self.boundary = Counter(owner.boundary for owner in owners if owner.boundary)


# --- policies ---------------------------------------------------------------------------------------------------


def create_policy(call: Call, input: Input) -> Output:
    name, path, account = input["PolicyName"], input.get("Path") or "/", call.world.account
    store = records.policies(call.ports, account)
    if any(policy.name.lower() == name.lower() for _, policy in store.items()):
        raise already_exists(f"A policy called {name} already exists. Duplicate names are not allowed.")
    _check(input["PolicyDocument"])
    now = moment(call)
    policy = records.ManagedPolicy(
        name=name,
        path=path,
        id=unique_id(call, "ANPA"),
        arn=f"arn:aws:iam::{account}:policy{path}{name}",
        created=now,
        updated=now,
        default="v1",
        versions=(records.PolicyVersion(id="v1", document=input["PolicyDocument"], created=now),),
        issued=1,
        description=input.get("Description") or None,
        tags=read_tags(input.get("Tags")),
    )
    _put(call, policy)
    return {"Policy": {**_listed(policy, _Usage(())), "Tags": tag_list(policy.tags) or None}}


def _check(document: str) -> None:
    check_document(document, Kind.IDENTITY)
    if size(document) > DOCUMENT_MAXIMUM:
        raise limit_exceeded(f"Cannot exceed quota for PolicySize: {DOCUMENT_MAXIMUM}")


def _listed(policy: AnyPolicy, usage: _Usage) -> dict[str, Any]:
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.version if isinstance(policy, AwsManagedPolicy) else policy.default,
        "AttachmentCount": usage.attached[policy.arn],
        "PermissionsBoundaryUsageCount": usage.boundary[policy.arn],
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
    }


def get_policy(call: Call, input: Input) -> Output:
    policy = _find(call, input["PolicyArn"])
    tags = {} if isinstance(policy, AwsManagedPolicy) else policy.tags
    return {
        "Policy": {
            **_listed(policy, _Usage(list(_owners(call)))),
            "Description": policy.description,
            "Tags": tag_list(tags),
        }
    }


def list_policies(call: Call, input: Input) -> Output:
    scope = input.get("Scope") or "All"
    prefix = input.get("PathPrefix") or "/"
    usage = _Usage(list(_owners(call)))
    policies: list[AnyPolicy] = []
    if scope in ("All", "AWS"):
        policies += aws_managed_policies().values()
    if scope in ("All", "Local"):
        policies += [policy for _, policy in records.policies(call.ports, call.world.account).items()]
    used: Callable[[str], int] = {
        "PermissionsPolicy": lambda arn: usage.attached[arn],
        "PermissionsBoundary": lambda arn: usage.boundary[arn],
    }.get(input.get("PolicyUsageFilter") or "", lambda arn: usage.attached[arn] + usage.boundary[arn])
    chosen = input.get("OnlyAttached") or input.get("PolicyUsageFilter")
    shown = sorted(
        (policy.arn, policy)
        for policy in policies
        if policy.path.startswith(prefix) and (not chosen or used(policy.arn))
    )
    return page(input, "Policies", shown, lambda policy: _listed(policy, usage))


def delete_policy(call: Call, input: Input) -> Output:
    policy = _own(call, input, "iam:DeletePolicy")
    usage = _Usage(list(_owners(call)))
    if usage.attached[policy.arn] or usage.boundary[policy.arn]:
        raise delete_conflict("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
            "The default version is deleted with the policy."
        )
    records.policies(call.ports, call.world.account).delete(policy.arn)
    return {}


def list_entities_for_policy(call: Call, input: Input) -> Output:
    arn = _find(call, input["PolicyArn"]).arn
    prefix, kind, use = input.get("PathPrefix") or "/", input.get("EntityFilter"), input.get("PolicyUsageFilter")

    def wanted(owner: Owner) -> bool:
        attached, boundary = arn in owner.attached, owner.boundary == arn
        used = {"PermissionsPolicy": attached, "PermissionsBoundary": boundary}.get(use or "", attached or boundary)
        return used and owner.path.startswith(prefix) and kind in (None, type(owner).__name__)

    found = sorted((owner.arn, owner) for owner in _owners(call) if wanted(owner))
    shown = page(input, "Entities", found, lambda owner: owner)
    entities: list[Owner] = shown.pop("Entities")
    roles = [owner for owner in entities if isinstance(owner, records.Role)]
    users = [owner for owner in entities if isinstance(owner, records.User)]
    return {
        "PolicyGroups": [],
        "PolicyUsers": [{"UserName": user.name, "UserId": user.id} for user in users],
        "PolicyRoles": [{"RoleName": role.name, "RoleId": role.id} for role in roles],
        **shown,
    }


# --- versions ---------------------------------------------------------------------------------------------------


def _versions(policy: AnyPolicy) -> list[tuple[records.PolicyVersion, bool]]:
    """With whether it is the default; newest first."""
    if isinstance(policy, AwsManagedPolicy):
        version = records.PolicyVersion(id=policy.version, document=policy.document, created=policy.updated)
        return [(version, True)]
    return [(version, version.id == policy.default) for version in reversed(policy.versions)]


def _version(policy: AnyPolicy, version_id: str) -> tuple[records.PolicyVersion, bool]:
    for version, default in _versions(policy):
        if version.id == version_id:
            return version, default
    raise no_such_entity(f"Policy {policy.arn} version {version_id} does not exist or is not attachable.")


def _version_shown(version: records.PolicyVersion, default: bool) -> dict[str, Any]:
    return {"VersionId": version.id, "IsDefaultVersion": default, "CreateDate": version.created}


def get_policy_version(call: Call, input: Input) -> Output:
    version, default = _version(_find(call, input["PolicyArn"]), input["VersionId"])
    return {"PolicyVersion": {"Document": encoded(version.document), **_version_shown(version, default)}}


def list_policy_versions(call: Call, input: Input) -> Output:
    versions = _versions(_find(call, input["PolicyArn"]))
    keyed = [(-int(version.id.removeprefix("v")), (version, default)) for version, default in versions]
    return page(input, "Versions", keyed, lambda version: _version_shown(*version))


def create_policy_version(call: Call, input: Input) -> Output:
    policy = _own(call, input, "iam:CreatePolicyVersion")
    _check(input["PolicyDocument"])
    if len(policy.versions) >= VERSIONS_MAXIMUM:
        raise limit_exceeded(
            f"A managed policy can have up to {VERSIONS_MAXIMUM} versions. Before you create a new version, you must "
            "delete an existing version."
        )
    now, issued = moment(call), policy.issued + 1
    version = records.PolicyVersion(id=f"v{issued}", document=input["PolicyDocument"], created=now)
    default = bool(input.get("SetAsDefault"))
    _put(
        call,
        msgspec.structs.replace(
            policy,
            versions=(*policy.versions, version),
            issued=issued,
            default=version.id if default else policy.default,
            updated=now,
        ),
    )
    return {"PolicyVersion": _version_shown(version, default)}


def delete_policy_version(call: Call, input: Input) -> Output:
    policy = _own(call, input, "iam:DeletePolicyVersion")
    version, default = _version(policy, input["VersionId"])
    if default:
        raise delete_conflict("Cannot delete the default version of a policy.")
    versions = tuple(other for other in policy.versions if other.id != version.id)
    _put(call, msgspec.structs.replace(policy, versions=versions, updated=moment(call)))
    return {}


def set_default_policy_version(call: Call, input: Input) -> Output:
    policy = _own(call, input, "iam:SetDefaultPolicyVersion")
    version, _ = _version(policy, input["VersionId"])
    _put(call, msgspec.structs.replace(policy, default=version.id, updated=moment(call)))
    return {}


# --- tags -------------------------------------------------------------------------------------------------------


def tag_policy(call: Call, input: Input) -> Output:
    policy = _own(call, input, "iam:TagPolicy")
    tags = add_tags(policy.tags, read_tags(input["Tags"]), "TagsPerPolicy")
    _put(call, msgspec.structs.replace(policy, tags=tags))
    return {}


def untag_policy(call: Call, input: Input) -> Output:
    policy = _own(call, input, "iam:UntagPolicy")
    _put(call, msgspec.structs.replace(policy, tags=remove_tags(policy.tags, input["TagKeys"])))
    return {}


def list_policy_tags(call: Call, input: Input) -> Output:
    policy = _find(call, input["PolicyArn"])
    return tag_page(input, {} if isinstance(policy, AwsManagedPolicy) else policy.tags)


OPERATIONS: Mapping[str, Operation] = {
    "CreatePolicy": create_policy,
    "GetPolicy": get_policy,
    "ListPolicies": list_policies,
    "DeletePolicy": delete_policy,
    "ListEntitiesForPolicy": list_entities_for_policy,
    "GetPolicyVersion": get_policy_version,
    "ListPolicyVersions": list_policy_versions,
    "CreatePolicyVersion": create_policy_version,
    "DeletePolicyVersion": delete_policy_version,
    "SetDefaultPolicyVersion": set_default_policy_version,
    "TagPolicy": tag_policy,
    "UntagPolicy": untag_policy,
    "ListPolicyTags": list_policy_tags,
}
