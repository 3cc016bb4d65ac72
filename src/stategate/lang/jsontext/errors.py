"""The errors of reading JSON, and its limit."""

MAX_DEPTH = 500
"""Deepest nesting of arrays and objects that is read; what works on values may recurse within it."""


class JSONSyntaxError(ValueError):
    """Not JSON. `message` is Jackson's; `line` and `column` count from 1 and are where Jackson stopped reading."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class JSONDepthError(JSONSyntaxError):
    """Nested deeper than the limit: JSON perhaps, but not read."""
