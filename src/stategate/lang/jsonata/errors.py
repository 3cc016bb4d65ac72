"""What can go wrong with a JSONata expression, in jsonata-js's codes and words."""

from __future__ import annotations


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
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class UnsupportedResult(Exception):
    """The result is a function or a regular expression, or contains one: it is no JSON value."""


class LimitExceeded(JsonataError):
    """The evaluation asked for more time, memory or depth than `Limits` grants (code U1001)."""
