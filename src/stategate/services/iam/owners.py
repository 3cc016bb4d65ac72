"""The policies of roles and users: inline ones, attached ones, the permissions boundary, and tags.

Roles and users have the same operations with other names: one table, one function each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from stategate.iam import Kind
from stategate.iam.policy import principal_names, renamed
from stategate.services.call import Call, Input, Operation, Output
from stategate.services.iam import records
from stategate.services.iam.common import (
    add_tags,
    attachable,
    check_document,
    check_policy_arn,
    encoded,
    find_policy,
    limit_exceeded,
    no_such_entity,
    page,
    read_tags,
    remove_tags,
    size,
    tag_page,
)
from stategate.services.ports import Ports, Records

ATTACHED_MAXIMUM = 10

Owner = records.Role | records.User


@dataclass(frozen=True, slots=True)
class OwnerKind:
    """`noun` as in the operations' names (Role); `inline_maximum` the quota of all inline policies in characters."""

    noun: str
    records: Callable[[Ports, str], Records[records.Role]] | Callable[[Ports, str], Records[records.User]]
    inline_maximum: int

    @property
    def member(self) -> str:
        return f"{self.noun}Name"

    def find(self, call: Call, input: Input) -> Owner:
        """Raises `NoSuchEntity`."""
        name = input[self.member]
        owner = self.records(call.ports, call.world.account).get(records.key_of(name))
        if owner is None:
            raise no_such_entity(f"The {self.noun.lower()} with name {name} cannot be found.")
        return owner

    def put(self, call: Call, owner: Owner) -> None:
        match owner:
            case records.Role():
                records.roles(call.ports, call.world.account).put(records.key_of(owner.name), owner)
            case records.User():
                records.users(call.ports, call.world.account).put(records.key_of(owner.name), owner)

    def no_such_policy(self, name: str) -> Exception:
        return no_such_entity(f"The {self.noun.lower()} policy with name {name} cannot be found.")


ROLE = OwnerKind("Role", records.roles, 10240)
USER = OwnerKind("User", records.users, 2048)


def no_longer_trusted(call: Call, gone: Owner) -> None:
    """Trust policies that named a deleted user or role have its unique id instead: another one that gets its name later
    is not meant."""
    for world in call.ports.store.worlds("iam.role"):
        table = records.roles(call.ports, world.account)
        for key, role in list(table.items()):
            if gone.arn in principal_names(role.trust):
                table.put(key, msgspec.structs.replace(role, trust=renamed(role.trust, gone.arn, gone.id)))


# --- inline policies --------------------------------------------------------------------------------------------


def put_inline(kind: OwnerKind, call: Call, input: Input) -> Output:
    owner = kind.find(call, input)
    check_document(input["PolicyDocument"], Kind.IDENTITY)
    inline = {**owner.inline, input["PolicyName"]: input["PolicyDocument"]}
    if sum(size(text) for text in inline.values()) > kind.inline_maximum:
        noun = kind.noun.lower()
        raise limit_exceeded(f"Maximum policy size of {kind.inline_maximum} bytes exceeded for {noun} {owner.name}")
    kind.put(call, msgspec.structs.replace(owner, inline=inline))
    return {}


def get_inline(kind: OwnerKind, call: Call, input: Input) -> Output:
    owner = kind.find(call, input)
    name = input["PolicyName"]
    if name not in owner.inline:
        raise kind.no_such_policy(name)
    return {kind.member: owner.name, "PolicyName": name, "PolicyDocument": encoded(owner.inline[name])}


def delete_inline(kind: OwnerKind, call: Call, input: Input) -> Output:
    owner = kind.find(call, input)
    if input["PolicyName"] not in owner.inline:
        raise kind.no_such_policy(input["PolicyName"])
    inline = {name: text for name, text in owner.inline.items() if name != input["PolicyName"]}
    kind.put(call, msgspec.structs.replace(owner, inline=inline))
    return {}


def list_inline(kind: OwnerKind, call: Call, input: Input) -> Output:
    owner = kind.find(call, input)
    return page(input, "PolicyNames", ((name, name) for name in sorted(owner.inline)), str)


# --- attached policies ------------------------------------------------------------------------------------------


def attach(kind: OwnerKind, call: Call, input: Input) -> Output:
    arn = input["PolicyArn"]
    check_policy_arn(arn)
    owner = kind.find(call, input)
    attachable(call, arn)
    if arn in owner.attached:
        return {}
    if len(owner.attached) >= ATTACHED_MAXIMUM:
        raise limit_exceeded(f"Cannot exceed quota for PoliciesPer{kind.noun}: {ATTACHED_MAXIMUM}")
    kind.put(call, msgspec.structs.replace(owner, attached=(*owner.attached, arn)))
    return {}


def detach(kind: OwnerKind, call: Call, input: Input) -> Output:
    arn = input["PolicyArn"]
    check_policy_arn(arn)
    owner = kind.find(call, input)
    if arn not in owner.attached:
        raise no_such_entity(f"Policy {arn} was not found.")
    kind.put(call, msgspec.structs.replace(owner, attached=tuple(other for other in owner.attached if other != arn)))
    return {}


def list_attached(kind: OwnerKind, call: Call, input: Input) -> Output:
    owner = kind.find(call, input)
    prefix = input.get("PathPrefix") or "/"
    policies = [
        policy for arn in owner.attached if (policy := find_policy(call, arn)) and policy.path.startswith(prefix)
    ]
    shown = sorted((f"{policy.name} {policy.arn}", (policy.name, policy.arn)) for policy in policies)
    return page(input, "AttachedPolicies", shown, lambda one: {"PolicyName": one[0], "PolicyArn": one[1]})


# --- boundaries and tags ----------------------------------------------------------------------------------------


def put_boundary(kind: OwnerKind, call: Call, input: Input) -> Output:
    owner = kind.find(call, input)
    attachable(call, input["PermissionsBoundary"])
    kind.put(call, msgspec.structs.replace(owner, boundary=input["PermissionsBoundary"]))
    return {}


def delete_boundary(kind: OwnerKind, call: Call, input: Input) -> Output:
    owner = kind.find(call, input)
    if owner.boundary is None:
        raise no_such_entity(f"{kind.noun} {owner.name} does not have a permissions boundary.")
    kind.put(call, msgspec.structs.replace(owner, boundary=None))
    return {}


def tag(kind: OwnerKind, call: Call, input: Input) -> Output:
    owner = kind.find(call, input)
    tags = add_tags(owner.tags, read_tags(input["Tags"]), f"TagsPer{kind.noun}")
    kind.put(call, msgspec.structs.replace(owner, tags=tags))
    return {}


def untag(kind: OwnerKind, call: Call, input: Input) -> Output:
    owner = kind.find(call, input)
    kind.put(call, msgspec.structs.replace(owner, tags=remove_tags(owner.tags, input["TagKeys"])))
    return {}


def list_tags(kind: OwnerKind, call: Call, input: Input) -> Output:
    return tag_page(input, kind.find(call, input).tags)


_OPERATIONS: Mapping[str, Callable[[OwnerKind, Call, Input], Output]] = {
    "Put{}Policy": put_inline,
    "Get{}Policy": get_inline,
    "Delete{}Policy": delete_inline,
    "List{}Policies": list_inline,
    "Attach{}Policy": attach,
    "Detach{}Policy": detach,
    "ListAttached{}Policies": list_attached,
    "Put{}PermissionsBoundary": put_boundary,
    "Delete{}PermissionsBoundary": delete_boundary,
    "Tag{}": tag,
    "Untag{}": untag,
    "List{}Tags": list_tags,
}


def _of_kind(function: Callable[[OwnerKind, Call, Input], Output], kind: OwnerKind) -> Operation:
    return lambda call, input: function(kind, call, input)


OPERATIONS: Mapping[str, Operation] = {
    name.format(kind.noun): _of_kind(function, kind) for kind in (ROLE, USER) for name, function in _OPERATIONS.items()
}
