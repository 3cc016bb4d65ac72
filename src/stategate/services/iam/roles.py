"""Roles and their trust policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from stategate.iam import Kind
from stategate.iam.policy import principal_names
from stategate.services.call import Call, Input, Operation, Output
from stategate.services.errors import AwsError
from stategate.services.iam import records
from stategate.services.iam.common import (
    already_exists,
    attachable,
    boundary_shown,
    check_document,
    delete_conflict,
    encoded,
    limit_exceeded,
    moment,
    page,
    read_tags,
    size,
    tag_list,
    unique_id,
)
from stategate.services.iam.owners import ROLE, no_longer_trusted

TRUST_MAXIMUM = 2048
DEFAULT_SESSION_SECONDS = 3600


def check_trust(call: Call, document: str) -> None:
    """The document's form, its size, and that the account's users and roles that it names exist."""
    check_document(document, Kind.TRUST)
    if size(document) > TRUST_MAXIMUM:
        raise limit_exceeded(f"Cannot exceed quota for ACLSizePerRole: {TRUST_MAXIMUM}")
    for name in principal_names(document):
        if not _may_be_named(call, name):
            raise AwsError("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{name}"')


def _may_be_named(call: Call, principal: str) -> bool:
    """Not what the account does not have, and not the unique id that a deleted user or role left in a policy."""
    if not principal.startswith("arn:"):
        return False
    account = principal.split(":")[4]
    if account != call.world.account:
        return True
    kind, _, rest = principal.split(":", 5)[5].partition("/")
    name = records.key_of(rest.rpartition("/")[2])
    found: records.Role | records.User | None = (
        records.roles(call.ports, account).get(name) if kind == "role" else records.users(call.ports, account).get(name)
    )
    return found is not None and found.arn == principal


def create_role(call: Call, input: Input) -> Output:
    name, path, account = input["RoleName"], input.get("Path") or "/", call.world.account
    store = records.roles(call.ports, account)
    if store.get(records.key_of(name)) is not None:
        raise already_exists(f"Role with name {name} already exists.")
    check_trust(call, input["AssumeRolePolicyDocument"])
    boundary = input.get("PermissionsBoundary")
    if boundary is not None:
        attachable(call, boundary)
    role = records.Role(
        name=name,
        path=path,
        id=unique_id(call, "AROA"),
        arn=f"arn:aws:iam::{account}:role{path}{name}",
        created=moment(call),
        trust=input["AssumeRolePolicyDocument"],
        description=input.get("Description"),
        max_session=input.get("MaxSessionDuration") or DEFAULT_SESSION_SECONDS,
        boundary=boundary,
        tags=read_tags(input.get("Tags")),
    )
    store.put(records.key_of(name), role)
    return {
        "Role": {
            **_named(role),
            "PermissionsBoundary": boundary_shown(role.boundary),
            "Tags": tag_list(role.tags) or None,
        }
    }


def _named(role: records.Role) -> dict[str, Any]:
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": encoded(role.trust),
    }


def _listed(role: records.Role) -> dict[str, Any]:
    return {**_named(role), "Description": role.description, "MaxSessionDuration": role.max_session}


def get_role(call: Call, input: Input) -> Output:
    role = ROLE.find(call, input)
    assert isinstance(role, records.Role)
    return {
        "Role": {
            **_listed(role),
            "PermissionsBoundary": boundary_shown(role.boundary),
            "Tags": tag_list(role.tags) or None,
            "RoleLastUsed": {},
        }
    }


def list_roles(call: Call, input: Input) -> Output:
    prefix = input.get("PathPrefix") or "/"
    items = records.roles(call.ports, call.world.account).items()
    return page(input, "Roles", ((key, role) for key, role in items if role.path.startswith(prefix)), _listed)


def delete_role(call: Call, input: Input) -> Output:
    role = ROLE.find(call, input)
    if role.attached:
        raise delete_conflict("Cannot delete entity, must detach all policies first.")
    if role.inline:
        raise delete_conflict("Cannot delete entity, must delete policies first.")
    records.roles(call.ports, call.world.account).delete(records.key_of(role.name))
    no_longer_trusted(call, role)
    return {}


def update_role(call: Call, input: Input) -> Output:
    role = ROLE.find(call, input)
    assert isinstance(role, records.Role)
    description = input.get("Description")
    ROLE.put(
        call,
        msgspec.structs.replace(
            role,
            description=role.description if description is None else description or None,
            max_session=input.get("MaxSessionDuration") or role.max_session,
        ),
    )
    return {}


def update_role_description(call: Call, input: Input) -> Output:
    update_role(call, input)
    role = ROLE.find(call, input)
    assert isinstance(role, records.Role)
    return {"Role": _listed(role)}


def update_assume_role_policy(call: Call, input: Input) -> Output:
    role = ROLE.find(call, input)
    check_trust(call, input["PolicyDocument"])
    ROLE.put(call, msgspec.structs.replace(role, trust=input["PolicyDocument"]))
    return {}


def list_instance_profiles_for_role(call: Call, input: Input) -> Output:
    ROLE.find(call, input)
    return {"InstanceProfiles": [], "IsTruncated": False}


OPERATIONS: Mapping[str, Operation] = {
    "CreateRole": create_role,
    "GetRole": get_role,
    "ListRoles": list_roles,
    "DeleteRole": delete_role,
    "UpdateRole": update_role,
    "UpdateRoleDescription": update_role_description,
    "UpdateAssumeRolePolicy": update_assume_role_policy,
    "ListInstanceProfilesForRole": list_instance_profiles_for_role,
}
