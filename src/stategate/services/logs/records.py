"""What is kept of log groups and streams. Times are epoch milliseconds. Events are in `ports.LogEvents`."""

from __future__ import annotations

from msgspec import Struct, field

from stategate.services.ports import Records, Store, World


class Group(Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    created: int
    retention: int | None = None
    tags: dict[str, str] = field(default_factory=dict)


class Stream(Struct, frozen=True, kw_only=True):
    group: str
    name: str
    created: int


class ResourcePolicy(Struct, frozen=True, kw_only=True):
    name: str
    document: str
    updated: int


def groups(store: Store, world: World) -> Records[Group]:
    return store.records(world, "logs.group", Group)


def streams(store: Store, world: World) -> Records[Stream]:
    """By `<group>:<stream>`: neither name may have a colon."""
    return store.records(world, "logs.stream", Stream)


def resource_policies(store: Store, world: World) -> Records[ResourcePolicy]:
    return store.records(world, "logs.policy", ResourcePolicy)


def stream_key(group: str, stream: str) -> str:
    return f"{group}:{stream}"
