"""JSON text, read and written as the Java services do it.

Reading: integers of any size survive, floats are doubles, of duplicate keys the last wins; NaN, Infinity, text after the
value and nesting deeper than `MAX_DEPTH` are errors. A lone surrogate (`"\\ud800"`) becomes `?`, which is what Java
writes for it on the wire. Errors carry Jackson's message and position (ReaderBasedJsonParser of 2.14).
Writing: compact, non-ASCII kept.

A fast parser reads; only text that it refuses is read again by the precise one (`precise.py`), for the message.
"""

from typing import Any

import msgspec

from stategate.lang.jsontext.errors import MAX_DEPTH, JSONSyntaxError
from stategate.lang.jsontext.precise import parse

__all__ = ["JSON", "MAX_DEPTH", "JSONSyntaxError", "dumps", "dumpb", "loads"]

JSON = Any

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def loads(text: str | bytes) -> JSON:
    """The value of a JSON text. Raises JSONSyntaxError."""
    try:
        value = _decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return parse(text)
    if _may_be_deep(text):
        return parse(text)
    return value


def _may_be_deep(text: str | bytes) -> bool:
    """Whether nesting deeper than MAX_DEPTH is possible. Cheap to deny: too few brackets, or brackets that pair off soon."""
    if isinstance(text, str):
        if text.count("[") + text.count("{") <= MAX_DEPTH:
            return False
        text = text.encode("utf-8", "replace")
    elif text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False
    brackets = text.translate(None, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        shorter = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return bool(brackets)


def dumpb(value: JSON) -> bytes:
    """`dumps`, in UTF-8."""
    return _encode(value)


def dumps(value: JSON) -> str:
    """The compact JSON text of a value of strings, numbers, booleans, None, lists and dicts with string keys."""
    return _encode(value).decode()
