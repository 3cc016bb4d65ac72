"""The steps of a path, and their text in Jayway's messages."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

Predicate = Callable[[Any, Any], bool]
"""(item, root document) -> whether the item is selected."""


@dataclass(frozen=True, slots=True)
class Root:
    definite = True

    def __str__(self) -> str:
        return "$"


@dataclass(frozen=True, slots=True)
class Scan:
    definite = False

    def __str__(self) -> str:
        return ".."


@dataclass(frozen=True, slots=True)
class Wildcard:
    definite = False

    def __str__(self) -> str:
        return "[*]"


@dataclass(frozen=True, slots=True)
class Properties:
    """One name, or several of which an object is made."""

    names: tuple[str, ...]
    definite = True

    def __str__(self) -> str:
        return "[" + ", ".join(f"'{name}'" for name in self.names) + "]"


class Operation(Enum):
    INDEX = auto()
    INDEXES = auto()
    FROM = auto()
    TO = auto()
    BETWEEN = auto()
    FROM_END = auto()


@dataclass(frozen=True, slots=True)
class Elements:
    """Elements of an array. `numbers` are those of the text; an operation uses the ones it needs."""

    operation: Operation
    numbers: tuple[int, ...]

    @property
    def definite(self) -> bool:
        return self.operation in (Operation.INDEX, Operation.FROM_END)

    def __str__(self) -> str:
        first = self.numbers[0] if self.numbers else ""
        match self.operation:
            case Operation.INDEX | Operation.INDEXES:
                return "[" + ", ".join(map(str, self.numbers)) + "]"
            case Operation.FROM_END:
                return f"[@.size(){first}]"
            case Operation.FROM:
                return f"[{first}:]"
            case Operation.TO:
                return f"[:{first}]"
            case Operation.BETWEEN:
                return f"[{first}:{self.numbers[1]}]"


@dataclass(frozen=True, slots=True)
class Filter:
    accepts: Predicate
    definite = False

    def __str__(self) -> str:
        return "[?]"


Token = Root | Scan | Wildcard | Properties | Elements | Filter
