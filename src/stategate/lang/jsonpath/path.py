"""Compiled paths."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from stategate.lang.jsonpath.errors import PathSyntaxError
from stategate.lang.jsonpath.evaluate import definite_finder, general_finder
from stategate.lang.jsonpath.filters import Operand, parse_filter
from stategate.lang.jsonpath.parse import parse
from stategate.lang.jsonpath.tokens import Elements, Operation, Predicate, Properties, Token

_MAX_LENGTH = 100_000
_MAX_CACHED_LENGTH = 500


class Path:
    """A compiled path. Immutable; may be shared."""

    __slots__ = ("definite", "find", "reference", "segments", "text")

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.definite = all(token.definite for token in tokens)
        segments = _segments(tokens)
        self.reference = segments is not None
        self.segments: tuple[str | int, ...] = segments or ()
        self.find: Callable[[Any], Any] = (
            definite_finder(segments) if segments is not None else general_finder(tokens, definite=self.definite)
        )
        """document -> value; raises PathNotFound."""

    def __repr__(self) -> str:
        return f"Path({self.text!r})"


def _segments(tokens: list[Token]) -> tuple[str | int, ...] | None:
    segments: list[str | int] = []
    for token in tokens[1:]:
        match token:
            case Properties((name,)):
                segments.append(name)
            case Elements(Operation.INDEX, (index,)) if index >= 0:
                segments.append(index)
            case _:
                return None
    return tuple(segments)


def compile(text: str) -> Path:
    """The path of a text that begins with `$`. Raises PathSyntaxError."""
    return _compile_once(text) if len(text) <= _MAX_CACHED_LENGTH else _compile(text)


def _compile(text: str) -> Path:
    if len(text) > _MAX_LENGTH:
        raise PathSyntaxError("The path is too long")
    try:
        return Path(text, parse(text, _parse_filter))
    except RecursionError:
        raise PathSyntaxError("The path nests too deeply") from None


_compile_once = lru_cache(maxsize=4096)(_compile)


def _parse_filter(text: str) -> Predicate:
    return parse_filter(text, _compile_operand)


def _compile_operand(text: str, strict: bool) -> Operand:
    tokens = parse(text, _parse_filter)
    if not all(token.definite for token in tokens):
        raise PathSyntaxError(f"the predicate path: {text} is not definite")
    find = general_finder(tokens, definite=True, strict=True) if strict else Path(text, tokens).find
    if text.startswith("$"):
        return lambda item, root: find(root)
    return lambda item, root: find(item)
