"""JSON values that remember their text, so that what nobody touches is passed on as it was written."""

from __future__ import annotations

from typing import Any

from stategate.lang import jsontext
from stategate.lang.jsontext import JSON

_UNSET: Any = object()


class Value:
    """A JSON value as text, as Python values, or both; the missing form is made when it is first asked for.
    Never change what `json` returns: values are shared."""

    __slots__ = ("_json", "_text")

    def __init__(self, text: str | None, json: JSON = _UNSET) -> None:
        self._text = text
        self._json = json

    @staticmethod
    def of(json: JSON) -> Value:
        return Value(None, json)

    @property
    def json(self) -> JSON:
        if self._json is _UNSET:
            assert self._text is not None
            self._json = jsontext.loads(self._text, max_depth=None)
        return self._json

    def check(self) -> None:
        """For text that comes from outside: raises JSONSyntaxError, also where it is nested too deep."""
        if self._json is _UNSET:
            assert self._text is not None
            self._json = jsontext.loads(self._text)

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = jsontext.dumps(self._json)
        return self._text

    def over(self, limit: int) -> bool:
        """Whether the text is longer than `limit` bytes of UTF-8."""
        text = self.text
        length = len(text)
        if length > limit:
            return True
        return length * 4 > limit and not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > limit

    def __repr__(self) -> str:
        return f"Value({self.text!r})"


def heavy(json: JSON, limit: int) -> bool:
    """Whether the text would have more than `limit` characters. Values may share parts, so the text can be far larger
    than all that is in memory: this stops as soon as it knows."""
    left = limit
    pending = [json]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            left -= len(value)
        elif isinstance(value, dict):
            left -= 2 + 2 * len(value) + sum(map(len, value))
            pending.extend(value.values())
        elif isinstance(value, list):
            left -= 2 + len(value)
            pending.extend(value)
        if left < 0:
            return True
    return False


def array(values: list[Value]) -> Value:
    """The array of these values, without parsing any of them."""
    return Value("[" + ",".join([value.text for value in values]) + "]")
