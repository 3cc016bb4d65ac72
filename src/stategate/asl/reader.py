"""Reading a definition's fields with every problem collected, each with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from stategate.asl.fields import ONLY_IN, ByLanguage
from stategate.asl.paths import PathSyntaxError
from stategate.asl.problems import Problem

T = TypeVar("T")

SCHEMA = "SCHEMA_VALIDATION_FAILED"
MISSING_TARGET = "MISSING_TRANSITION_TARGET"
DUPLICATE = "DUPLICATE_STATE_NAME"
MAX_NAME = 80


class Problems:
    """The problems of one definition, in the order found."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def report(self, message: str, pointer: str) -> None:
        self.add(SCHEMA, message, pointer)

    def add(self, code: str, message: str, pointer: str) -> None:
        self.found.append(Problem(code, message, pointer))


class Node:
    """An object of the definition and its JSON pointer ("" is the whole definition)."""

    def __init__(self, fields: dict[str, Any], pointer: str, problems: Problems) -> None:
        self.fields = fields
        self.pointer = pointer
        self.problems = problems

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def at(self, name: str) -> str:
        return f"{self.pointer}/{name}"

    def report(self, message: str, name: str | None = None) -> None:
        self.problems.report(message, self.at(name) if name is not None else self.pointer or "/")

    def allow(self, names: frozenset[str]) -> None:
        self.allow_in("", {"": names})

    def allow_in(self, language: str, names: ByLanguage) -> None:
        for name in self.fields:
            if name in names[language]:
                continue
            other = next((other for other, there in names.items() if name in there), None)
            self.report("Field is not supported" if other is None else ONLY_IN.format(other), name)
        comment = self.fields.get("Comment")
        if comment is not None and not isinstance(comment, str):
            self.report("Expected value of type String", "Comment")

    def require(self, *names: str) -> bool:
        missing = [name for name in names if name not in self.fields]
        if missing:
            self.report(f"These fields are required: [{', '.join(missing)}]")
        return not missing

    def exclusive(self, *names: str) -> None:
        there = [name for name in names if name in self.fields]
        if len(there) > 1:
            self.report(f"Only one of these fields may be specified: [{', '.join(there)}]")

    def text(self, name: str) -> str | None:
        return self._typed(name, str, "String")

    def boolean(self, name: str) -> bool | None:
        return self._typed(name, bool, "Boolean")

    def array(self, name: str, *, empty: bool = False) -> list[Any]:
        value = self._typed(name, list, "Array")
        if value == [] and not empty:
            self.report("Value cannot be empty", name)
        return value or []

    def integer(self, name: str, minimum: int, maximum: int) -> int | None:
        value = self.fields.get(name)
        if name not in self.fields:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.report("Expected value of type Integer", name)
            return None
        return int(value) if self._within(name, value, minimum, maximum) else None

    def number(self, name: str, minimum: float, maximum: float) -> float | None:
        if name not in self.fields:
            return None
        value = self.fields[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.report("Expected value of type Number", name)
            return None
        return float(value) if self._within(name, value, minimum, maximum) else None

    def node(self, name: str) -> Node | None:
        value = self._typed(name, dict, "Object")
        return None if value is None else Node(value, self.at(name), self.problems)

    def nodes(self, name: str, *, empty: bool = False) -> list[Node]:
        found = []
        for index, value in enumerate(self.array(name, empty=empty)):
            pointer = f"{self.at(name)}[{index}]"
            if isinstance(value, dict):
                found.append(Node(value, pointer, self.problems))
            else:
                self.problems.report("Expected value of type Object", pointer)
        return found

    def compiled(self, name: str, compile: Callable[[Any], T]) -> T | None:
        """A path or an expression; its syntax error is a problem of this field."""
        if name not in self.fields:
            return None
        value = self.fields[name]
        if not isinstance(value, str):
            self.report("Expected value of type String", name)
            return None
        return self.attempt(name, lambda: compile(value))

    def attempt(self, name: str, compile: Callable[[], T]) -> T | None:
        try:
            return compile()
        except PathSyntaxError as error:
            self.report(str(error), name)
            return None

    def _typed(self, name: str, type_: type[T], called: str) -> T | None:
        if name not in self.fields:
            return None
        value = self.fields[name]
        if isinstance(value, type_):
            return value
        self.report(f"Expected value of type {called}", name)
        return None

    def _within(self, name: str, value: float, minimum: float, maximum: float) -> bool:
        if minimum <= value <= maximum:
            return True
        self.report(f"Value should be between {minimum:g} and {maximum:.0f}", name)
        return False
