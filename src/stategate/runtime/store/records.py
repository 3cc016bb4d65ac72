"""Records in memory: a dictionary by key whose order by key is made when somebody asks for it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")

Written = Callable[[str, "T | None"], None]
"""Told of every write: the key, and the value or None for a deletion."""


class RecordTable(Generic[T]):
    """Implements `services.ports.Records`: the records of one kind in one world."""

    def __init__(self, records: Mapping[str, T] | None = None, written: Written[T] | None = None) -> None:
        self._records: dict[str, T] = dict(records or {})
        self._written = written
        self._keys: list[str] | None = None

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: str) -> T | None:
        return self._records.get(key)

    def put(self, key: str, value: T) -> None:
        if key not in self._records:
            self._keys = None
        self._records[key] = value
        if self._written is not None:
            self._written(key, value)

    def delete(self, key: str) -> None:
        if self._records.pop(key, None) is None:
            return
        self._keys = None
        if self._written is not None:
            self._written(key, None)

    def items(self, prefix: str = "") -> Iterator[tuple[str, T]]:
        if self._keys is None:
            self._keys = sorted(self._records)
        keys = self._keys
        for index in range(bisect_left(keys, prefix), len(keys)):
            key = keys[index]
            if not key.startswith(prefix):
                return
            value = self._records.get(key)
            if value is not None:
                yield key, value
