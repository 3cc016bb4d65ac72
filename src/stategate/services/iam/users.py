"""Users and their access keys: what `--auth strict` signs in with."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

import msgspec

from stategate.services.call import Call, Input, Operation, Output
from stategate.services.iam import records
from stategate.services.iam.common import (
    already_exists,
    attachable,
    boundary_shown,
    delete_conflict,
    invalid,
    limit_exceeded,
    moment,
    no_such_entity,
    page,
    read_tags,
    tag_list,
    unique_id,
)
from stategate.services.iam.credentials import ALPHABET
from stategate.services.iam.owners import USER, no_longer_trusted

KEYS_MAXIMUM = 2
_SECRET_ALPHABET = string.ascii_letters + string.digits + "+/"


def create_user(call: Call, input: Input) -> Output:
    name, path, account = input["UserName"], input.get("Path") or "/", call.world.account
    store = records.users(call.ports, account)
    if store.get(records.key_of(name)) is not None:
        raise already_exists(f"User with name {name} already exists.")
    boundary = input.get("PermissionsBoundary")
    if boundary is not None:
        attachable(call, boundary)
    user = records.User(
        name=name,
        path=path,
        id=unique_id(call, "AIDA"),
        arn=f"arn:aws:iam::{account}:user{path}{name}",
        created=moment(call),
        boundary=boundary,
        tags=read_tags(input.get("Tags")),
    )
    store.put(records.key_of(name), user)
    return {"User": _shown(user)}


def _listed(user: records.User) -> dict[str, Any]:
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": user.created,
    }


def _shown(user: records.User) -> dict[str, Any]:
    return {
        **_listed(user),
        "PermissionsBoundary": boundary_shown(user.boundary),
        "Tags": tag_list(user.tags) or None,
    }


def _user(call: Call, input: Input) -> records.User:
    """The user that the input names, else the caller."""
    name = input.get("UserName")
    if name is None:
        if call.principal.kind != "user":
            raise invalid("Must specify userName when calling with non-User credentials")
        name = call.principal.arn.rpartition("/")[2]
    user = USER.find(call, {"UserName": name})
    assert isinstance(user, records.User)
    return user


def get_user(call: Call, input: Input) -> Output:
    if input.get("UserName") is None and call.principal.kind == "root":
        account = call.principal.account
        return {"User": {"Path": "/", "UserId": account, "Arn": call.principal.arn, "CreateDate": 0.0}}
    return {"User": _shown(_user(call, input))}


def list_users(call: Call, input: Input) -> Output:
    prefix = input.get("PathPrefix") or "/"
    items = records.users(call.ports, call.world.account).items()
    return page(input, "Users", ((key, user) for key, user in items if user.path.startswith(prefix)), _listed)


def delete_user(call: Call, input: Input) -> Output:
    user = _user(call, input)
    if any(True for _ in _keys(call, user)):
        raise delete_conflict("Cannot delete entity, must delete access keys first.")
    if user.attached:
        raise delete_conflict("Cannot delete entity, must detach all policies first.")
    if user.inline:
        raise delete_conflict("Cannot delete entity, must delete policies first.")
    records.users(call.ports, call.world.account).delete(records.key_of(user.name))
    no_longer_trusted(call, user)
    return {}


def list_groups_for_user(call: Call, input: Input) -> Output:
    """There are no groups; who deletes a user asks for them first."""
    USER.find(call, input)
    return {"Groups": [], "IsTruncated": False}


# --- access keys ------------------------------------------------------------------------------------------------


def _keys(call: Call, user: records.User) -> list[tuple[str, records.AccessKey]]:
    account = call.world.account
    items = records.access_keys(call.ports).items()
    return [(key_id, key) for key_id, key in items if key.user == user.name and key.account == account]


def create_access_key(call: Call, input: Input) -> Output:
    user = _user(call, input)
    if len(_keys(call, user)) >= KEYS_MAXIMUM:
        raise limit_exceeded(f"Cannot exceed quota for AccessKeysPerUser: {KEYS_MAXIMUM}")
    key = records.AccessKey(
        id=f"AKIA{call.ports.entropy.letters(16, ALPHABET)}",
        account=call.world.account,
        secret=call.ports.entropy.letters(40, _SECRET_ALPHABET),
        user=user.name,
        status="Active",
        created=moment(call),
    )
    records.access_keys(call.ports).put(key.id, key)
    return {"AccessKey": {**_key_shown(key), "SecretAccessKey": key.secret}}


def _key_shown(key: records.AccessKey) -> dict[str, Any]:
    return {"UserName": key.user, "AccessKeyId": key.id, "Status": key.status, "CreateDate": key.created}


def list_access_keys(call: Call, input: Input) -> Output:
    user = _user(call, input)
    return page(input, "AccessKeyMetadata", _keys(call, user), _key_shown)


def _key(call: Call, input: Input) -> records.AccessKey:
    user, key_id = _user(call, input), input["AccessKeyId"]
    key = records.access_keys(call.ports).get(key_id)
    if key is None or key.user != user.name or key.account != call.world.account:
        raise no_such_entity(f"The Access Key with id {key_id} cannot be found.")
    return key


def delete_access_key(call: Call, input: Input) -> Output:
    records.access_keys(call.ports).delete(_key(call, input).id)
    return {}


def update_access_key(call: Call, input: Input) -> Output:
    key = msgspec.structs.replace(_key(call, input), status=input["Status"])
    records.access_keys(call.ports).put(key.id, key)
    return {}


OPERATIONS: Mapping[str, Operation] = {
    "CreateUser": create_user,
    "GetUser": get_user,
    "ListUsers": list_users,
    "DeleteUser": delete_user,
    "ListGroupsForUser": list_groups_for_user,
    "CreateAccessKey": create_access_key,
    "ListAccessKeys": list_access_keys,
    "DeleteAccessKey": delete_access_key,
    "UpdateAccessKey": update_access_key,
}
