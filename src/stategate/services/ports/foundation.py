"""Worlds, time, chance, and the records that operations keep."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

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
    @property
    def written(self) -> int:
        """How many writes of records there were: while it stays the same, so do all records."""
        ...

    def records(self, world: World, kind: str, type_: type[T]) -> Records[T]:
        """`kind` is `<service>.<thing>`, as in `iam.role`; `type_` is a `msgspec.Struct`."""
        ...

    def worlds(self, kind: str) -> Sequence[World]:
        """The worlds that hold records of this kind (to find an API by its id, say)."""
        ...

    async def durable(self) -> None:
        """Returns once every write made so far is on disk."""
        ...


class Memo:
    """What follows from the records alone, computed once: it is forgotten with the next write of any record."""

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._written = -1
        self._values: dict[Hashable, Any] = {}

    def get(self, store: Store, key: Hashable) -> Any:
        """None if it is not there."""
        if store.written != self._written:
            self._values.clear()
            self._written = store.written
        return self._values.get(key)

    def put(self, key: Hashable, value: object) -> None:
        """Right after the `get` that found nothing."""
        if len(self._values) >= self._most:
            self._values.clear()
        self._values[key] = value
