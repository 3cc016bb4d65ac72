"""Ports in memory, and a caller."""

import random
import uuid
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

import msgspec

from stategate.iam import Principal
from stategate.iam.principal import root
from stategate.services.call import Call
from stategate.services.ports import Ports, World

T = TypeVar("T")
ACCOUNT = "111111111111"
WORLD = World(ACCOUNT, "us-east-1")


class FakeClock:
    def __init__(self) -> None:
        self.time = 1_800_000_000.25

    def now(self) -> float:
        return self.time


class FakeEntropy:
    def __init__(self) -> None:
        self.source = random.Random(7)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.source.getrandbits(128), version=4))

    def random(self) -> float:
        return self.source.random()

    def letters(self, count: int, alphabet: str) -> str:
        return "".join(self.source.choice(alphabet) for _ in range(count))


class FakeRecords(Generic[T]):
    """Keeps bytes, as a store does."""

    def __init__(self, store: "FakeStore", rows: dict[str, bytes], type_: type[T]) -> None:
        self.store, self.rows, self.type = store, rows, type_

    def get(self, key: str) -> T | None:
        return msgspec.msgpack.decode(self.rows[key], type=self.type) if key in self.rows else None

    def put(self, key: str, value: T) -> None:
        self.store.written += 1
        self.rows[key] = msgspec.msgpack.encode(value)

    def delete(self, key: str) -> None:
        self.store.written += 1
        self.rows.pop(key, None)

    def items(self, prefix: str = "") -> Iterator[tuple[str, T]]:
        for key in sorted(self.rows):
            if key.startswith(prefix):
                yield key, msgspec.msgpack.decode(self.rows[key], type=self.type)


class FakeStore:
    def __init__(self) -> None:
        self.tables: dict[tuple[World, str], dict[str, bytes]] = {}
        self.written = 0

    def records(self, world: World, kind: str, type_: type[T]) -> FakeRecords[T]:
        return FakeRecords(self, self.tables.setdefault((world, kind), {}), type_)

    def worlds(self, kind: str) -> Sequence[World]:
        return [world for (world, other), rows in self.tables.items() if other == kind and rows]

    async def durable(self) -> None:
        return None


def make_ports(auth: str = "open") -> Ports:
    unused: Any = None
    settings = SimpleNamespace(auth=auth, root_access_key="AKIAROOT", root_secret_key="rootsecret")
    return Ports(FakeClock(), FakeEntropy(), FakeStore(), unused, unused, unused, settings, b"s" * 32)


def make_call(ports: Ports, principal: Principal | None = None, world: World = WORLD) -> Call:
    return Call(ports, world, principal or root(world.account), "request-id", ports.clock.now())
