"""What IAM keeps, per account in region `aws-global`. Documents are JSON texts, verbatim; times epoch seconds."""

from __future__ import annotations

import msgspec

from stategate.services.ports import Ports, Records, World

GLOBAL = "aws-global"


def key_of(name: str) -> str:
    """The key of a role or user: names that differ in case only are the same name."""
    return name.lower()


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """`trust` is the assume-role policy document, `inline` documents by name, `attached` ARNs of managed policies in
    the order in which they were attached, `boundary` the ARN of the permissions boundary."""

    name: str
    path: str
    id: str
    arn: str
    created: float
    trust: str
    description: str | None = None
    max_session: int = 3600
    boundary: str | None = None
    tags: dict[str, str] = {}
    inline: dict[str, str] = {}
    attached: tuple[str, ...] = ()


class User(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    path: str
    id: str
    arn: str
    created: float
    boundary: str | None = None
    tags: dict[str, str] = {}
    inline: dict[str, str] = {}
    attached: tuple[str, ...] = ()


class PolicyVersion(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    document: str
    created: float


class ManagedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A customer managed policy, kept by its ARN. `versions` oldest first; `issued` counts the versions ever made."""

    name: str
    path: str
    id: str
    arn: str
    created: float
    updated: float
    default: str
    versions: tuple[PolicyVersion, ...]
    issued: int
    description: str | None = None
    tags: dict[str, str] = {}

    def document(self) -> str:
        return next(version.document for version in self.versions if version.id == self.default)


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is Active or Inactive, `account` the account of the `user`."""

    id: str
    account: str
    secret: str
    user: str
    status: str
    created: float


def roles(ports: Ports, account: str) -> Records[Role]:
    return ports.store.records(World(account, GLOBAL), "iam.role", Role)


def users(ports: Ports, account: str) -> Records[User]:
    return ports.store.records(World(account, GLOBAL), "iam.user", User)


def policies(ports: Ports, account: str) -> Records[ManagedPolicy]:
    return ports.store.records(World(account, GLOBAL), "iam.policy", ManagedPolicy)


def access_keys(ports: Ports) -> Records[AccessKey]:
    """Of all accounts, by their id: a request's account is not known before its key is."""
    return ports.store.records(World("aws", GLOBAL), "iam.access_key", AccessKey)
