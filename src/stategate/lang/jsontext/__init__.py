"""JSON text, read and written as the Java services do it.

Reading: integers of any size survive, floats are doubles, of duplicate keys the last wins; NaN, Infinity, text after
the value and nesting deeper than `MAX_DEPTH` are errors. A lone surrogate (`"\\ud800"`) becomes `?`, which is what Java
writes for it on the wire. Errors carry Jackson's message and position (ReaderBasedJsonParser of 2.14).
Writing: compact, non-ASCII kept.

A fast parser reads; only text that it refuses is read again by the precise one (`precise.py`), for the message.
"""

import json
import re
from itertools import accumulate
from typing import Any

import msgspec

from stategate.lang.jsontext.errors import MAX_DEPTH, JSONDepthError, JSONSyntaxError
from stategate.lang.jsontext.precise import parse

__all__ = ["JSON", "MAX_DEPTH", "JSONDepthError", "JSONSyntaxError", "dumpb", "dumps", "loads", "loads_unique"]

JSON = Any
"""A value: dict, list, str, int, float, bool or None."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_LEVELS = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')


def loads(text: str | bytes, *, max_depth: int | None = MAX_DEPTH) -> JSON:
    """The value of a JSON text. Raises JSONSyntaxError. `max_depth=None` reads back whatever `dumps` wrote."""
    try:
        value = _decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return parse(text, max_depth)
    if max_depth is not None and _is_deeper(text, max_depth):
        return parse(text, max_depth)
    return value


def loads_unique(text: str) -> JSON:
    """As `loads`, but an object that has a name twice is an error: for documents of which no part may get lost."""
    value = loads(text)
    try:
        json.loads(text, object_pairs_hook=_named_once, parse_int=str, parse_float=str)
    except (_NamedTwiceError, RecursionError):
        return parse(text, unique=True)
    return value


class _NamedTwiceError(Exception):
    pass


def _named_once(members: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) < len(members):
        raise _NamedTwiceError


def _is_deeper(text: str | bytes, limit: int) -> bool:
    """Whether a valid JSON text is nested deeper than the limit. Cheap to deny where there are few brackets."""
    if isinstance(text, str):
        if text.count("[") + text.count("{") <= limit:
            return False
        text = text.encode("utf-8", "replace")
    elif text.count(b"[") + text.count(b"{") <= limit:
        return False
    brackets = _STRING.sub(b"", text).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_LEVELS.__getitem__, brackets)), default=0) > limit


def dumpb(value: JSON) -> bytes:
    """`dumps`, in UTF-8."""
    try:
        return _encode(value)
    except RecursionError:
        return _encode_deep(value)


def dumps(value: JSON) -> str:
    """The compact JSON text of strings, numbers, booleans, None, lists and dicts with string keys, however deep."""
    return dumpb(value).decode()


def _encode_deep(value: JSON) -> bytes:
    """Values that states have nested too deep for the encoder's recursion."""
    out: list[bytes] = []
    todo: list[JSON | msgspec.Raw] = [value]
    while todo:
        match todo.pop():
            case msgspec.Raw() as raw:
                out.append(bytes(raw))
            case dict() as members:
                out.append(b"{")
                todo.append(msgspec.Raw(b"}"))
                for index, (key, member) in enumerate(reversed(members.items()), 1 - len(members)):
                    todo += (member, msgspec.Raw(_encode(key) + b":"))
                    if index:
                        todo.append(msgspec.Raw(b","))
            case list() as items:
                out.append(b"[")
                todo.append(msgspec.Raw(b"]"))
                for index, item in enumerate(reversed(items), 1 - len(items)):
                    todo.append(item)
                    if index:
                        todo.append(msgspec.Raw(b","))
            case scalar:
                out.append(_encode(scalar))
    return b"".join(out)
