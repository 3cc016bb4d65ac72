"""Records that are gone with the process, for tests of what needs a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from stategate.runtime.store.records import RecordTable
from stategate.services.ports import Records, World

T = TypeVar("T")


class MemoryStore:
    """Implements `services.ports.Store`."""

    def __init__(self) -> None:
        self._tables: dict[tuple[World, str], RecordTable[Any]] = {}
        self.written = 0

    def records(self, world: World, kind: str, type_: type[T]) -> Records[T]:
        return self._tables.setdefault((world, kind), RecordTable(written=self._count))

    def worlds(self, kind: str) -> Sequence[World]:
        return [world for (world, k), table in self._tables.items() if k == kind and len(table)]

    async def durable(self) -> None:
        return None

    def _count(self, key: str, value: Any) -> None:
        self.written += 1
