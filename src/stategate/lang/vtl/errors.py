"""What can go wrong with a template, with the place where it did."""

from __future__ import annotations

from typing import Self

_SHOWN = 120  # a line longer than this is shown in part


def position(source: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of the character at `offset`."""
    offset = min(offset, len(source))
    start = source.rfind("\n", 0, offset) + 1
    return source.count("\n", 0, offset) + 1, offset - start + 1


def _excerpt(source: str, offset: int) -> str:
    offset = min(offset, len(source))
    start = source.rfind("\n", 0, offset) + 1
    end = source.find("\n", offset)
    line = source[start : len(source) if end < 0 else end].rstrip("\r")
    column = offset - start
    if len(line) > _SHOWN:
        first = max(0, column - _SHOWN // 2)
        line = line[first : first + _SHOWN]
        column -= first
    # Tabs stay tabs so that the caret stands below its character.
    indent = "".join("\t" if char == "\t" else " " for char in line[:column])
    return f"  {line}\n  {indent}^"


class TemplateError(Exception):
    """An error with its place: `line` and `column` from 1. `str()` shows the line with a caret below the column."""

    def __init__(self, message: str, line: int = 1, column: int = 1, excerpt: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.excerpt = excerpt

    @classmethod
    def at(cls, message: str, source: str, offset: int) -> Self:
        """The error at a character of the template."""
        line, column = position(source, offset)
        return cls(message, line, column, _excerpt(source, offset))

    def __str__(self) -> str:
        head = f"{self.message} at line {self.line}, column {self.column}"
        return f"{head}\n{self.excerpt}" if self.excerpt else head


class TemplateSyntaxError(TemplateError):
    """The template cannot be parsed."""


class TemplateRenderError(TemplateError):
    """The template failed while it was rendered: a method threw, a limit was passed, or it asked for another file."""


class CallError(Exception):
    """Raised by a method of a value or of a host object; it becomes a TemplateRenderError with the method's place."""
