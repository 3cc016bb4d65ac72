"""What can go wrong with a JSONata expression, in jsonata-js's codes and words."""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def well_formed(text: str) -> str:
    """Text that UTF-8 can hold: a pair of surrogates is one character, and a lone one is `?` as `jsontext` reads it."""
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _SURROGATE.sub("?", paired)


class JsonataSyntaxError(Exception):
    """The text is no JSONata expression. `position` counts characters from 0, -1 where it is not known."""

    def __init__(self, code: str, message: str, position: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.position = position


class JsonataError(Exception):
    """The evaluation failed; `str()` is what Step Functions shows: `T1006: Attempted to invoke a non-function`."""

    def __init__(self, code: str, message: str) -> None:
        shown = well_formed(message)
        super().__init__(f"{code}: {shown}")
        self.code = code
        self.message = shown


class UnsupportedResult(Exception):
    """The result is a function or a regular expression, or contains one: it is no JSON value."""


class LimitExceeded(JsonataError):
    """The evaluation asked for more time, memory or depth than `Limits` grants (code U1001)."""


class TooCostly(Exception):
    """What is done `within` an allowance asked for more than that; it may well succeed without."""
