"""The order in which Java's HashMap has its members: what Step Functions makes with one shows it [recorded]."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

_CAPACITY = 16
_REMEMBERED_LENGTH = 256


def hash_order(names: Sequence[str]) -> list[int]:
    """The places of these names (none of them twice) in the order of a HashMap that took them in this order."""
    capacity = _CAPACITY
    while len(names) > capacity * 3 // 4:
        capacity *= 2
    return sorted(range(len(names)), key=lambda place: _hash(names[place]) & (capacity - 1))


def _hash(name: str) -> int:
    return _remembered(name) if len(name) <= _REMEMBERED_LENGTH else _spread(name)


@lru_cache(4096)
def _remembered(name: str) -> int:
    return _spread(name)


def _spread(name: str) -> int:
    value = 0
    for unit in _units(name):
        value = (value * 31 + unit) & 0xFFFFFFFF
    return value ^ (value >> 16)


def _units(text: str) -> Iterator[int]:
    if text.isascii():
        return iter(text.encode())
    encoded = text.encode("utf-16-be", "surrogatepass")
    return (encoded[at] << 8 | encoded[at + 1] for at in range(0, len(encoded), 2))
