"""How much one evaluation may cost, counted and not timed, so that equal evaluations end equally on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import LimitExceeded

_TOO_LONG = "Expression evaluation timeout: Check for infinite loop"


@dataclass(frozen=True, slots=True)
class Limits:
    """`work`: steps, about 0.5 microseconds each. `space`: bytes allocated by all that the evaluation makes, whether
    it keeps it or not. `text`: characters of one string. `items`: members of one array. `result`: values in the
    result. `source`: characters of an expression's text. `pattern_seconds`: the only timed one, what all searches with
    regular expressions may take together."""

    work: int = 3_000_000
    space: int = 64 * 1024 * 1024
    text: int = 1024 * 1024
    items: int = 1_000_000
    result: int = 500_000
    source: int = 64 * 1024
    pattern_seconds: float = 1.0


DEFAULT = Limits()


class Meter:
    """What is left of one evaluation's limits."""

    __slots__ = ("limits", "pattern_seconds", "space", "work")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.work = limits.work
        self.space = limits.space
        self.pattern_seconds = limits.pattern_seconds

    def step(self, count: int) -> None:
        self.work -= count
        if self.work < 0:
            raise LimitExceeded("U1001", _TOO_LONG)

    def text(self, length: int, width: int = 1) -> None:
        """Grants a string of `length` characters of `width` bytes before it is made."""
        if length > self.limits.text:
            raise LimitExceeded("U1001", f"A string of more than {self.limits.text} characters")
        self.allocate(length * width)
        self.step(length >> 5)

    def items(self, count: int, size: int = 8) -> None:
        """Grants an array of `count` members of `size` bytes before it is made."""
        if count > self.limits.items:
            raise LimitExceeded("U1001", f"An array of more than {self.limits.items} items")
        self.allocate(count * size)
        self.step(count >> 2)

    def allocate(self, size: int) -> None:
        self.space -= size
        if self.space < 0:
            raise LimitExceeded("U1001", f"An evaluation that takes more than {self.limits.space} bytes")

    def walk(self, *values: Any) -> int:
        """Charges for a walk through whole values, and returns the characters and values met. Members that are
        shared count each time they are reached, since a walk meets them each time."""
        met = 0
        for value in values:
            kind = value.__class__
            if kind is str:
                met += 1 + len(value)
            elif kind is int or kind is float or kind is bool:
                met += 24
            else:
                met += self._walk_members(value)
        self.step(met >> 4)
        return met

    def _walk_members(self, value: Any) -> int:
        met, charged, pending = 0, 0, [value]
        while pending:
            node = pending.pop()
            met += 24
            if isinstance(node, str):
                met += len(node)
            elif isinstance(node, dict):
                met += sum(map(len, node))
                pending.extend(node.values())
            elif isinstance(node, list):
                pending.extend(node)
            if met - charged > 4096:
                self.step((met - charged) >> 4)
                if len(pending) > self.limits.items:
                    self.items(len(pending))
                charged = met
        return met - charged
