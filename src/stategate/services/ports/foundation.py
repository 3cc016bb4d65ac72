"""Worlds, time, chance, and the records that operations keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """Where resources live: an account in a region. IAM's resources live in region `aws-global`."""

    account: str
    region: str


class Clock(Protocol):
    def now(self) -> float:
        """Epoch seconds."""
        ...


class Entropy(Protocol):
    def uuid(self) -> str:
        """A random UUID (version 4), in lower case."""
        ...

    def random(self) -> float:
        """Uniform in [0, 1)."""
        ...

    def letters(self, count: int, alphabet: str) -> str:
        """`count` random characters of `alphabet`."""
        ...


class Records(Protocol[T]):
    """The records of one kind in one world, by key. Reads come from memory. A write is seen by the next read at once
    and is on disk when `Store.durable()` returns; writes made without an `await` between them commit together."""

    def get(self, key: str) -> T | None: ...

    def put(self, key: str, value: T) -> None: ...

    def delete(self, key: str) -> None:
        """Deleting what is not there does nothing."""
        ...

    def items(self, prefix: str = "") -> Iterator[tuple[str, T]]:
        """The records whose key starts with `prefix`, sorted by key; safe against writes while it runs."""
        ...


class Store(Protocol):
    def records(self, world: World, kind: str, type_: type[T]) -> Records[T]:
        """`kind` is `<service>.<thing>`, as in `iam.role`; `type_` is a `msgspec.Struct`."""
        ...

    def worlds(self, kind: str) -> Sequence[World]:
        """The worlds that hold records of this kind (to find an API by its id, say)."""
        ...

    async def durable(self) -> None:
        """Returns once every write made so far is on disk."""
        ...
