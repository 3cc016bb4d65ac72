"""Selection patterns: Java regular expressions that must match the whole text, in bounded time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import regex

TIMEOUT, HURRIED_TIMEOUT = 0.25, 0.005  # seconds for one text
_SHORT = 16  # such as a status code: there are few, and they come again and again


class InvalidPattern(ValueError):
    """The text is no regular expression."""


class PatternTimeout(Exception):
    """The pattern took too long on this text."""


def compile_pattern(text: str) -> Callable[[str, float], bool]:
    """A full-match test, with the seconds that it may take. Raises `InvalidPattern`; the test raises `PatternTimeout`.
    Plain text costs a comparison."""
    if text.isalnum():
        return lambda value, seconds: value == text
    try:
        pattern = regex.compile(text, regex.VERSION0 | regex.ASCII)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise InvalidPattern(str(error)) from None

    def matches(value: str, seconds: float) -> bool:
        try:
            return pattern.fullmatch(value, timeout=seconds, concurrent=seconds > HURRIED_TIMEOUT) is not None
        except TimeoutError:
            raise PatternTimeout(text) from None

    remembered = lru_cache(maxsize=64)(matches)
    return lambda value, seconds: (remembered if len(value) <= _SHORT else matches)(value, seconds)
