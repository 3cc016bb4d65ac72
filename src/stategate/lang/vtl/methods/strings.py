"""java.lang.String. Positions count UTF-16 units, as in Java."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from stategate.lang.vtl import javaregex
from stategate.lang.vtl.errors import CallError
from stategate.lang.vtl.methods.formatter import format_text
from stategate.lang.vtl.values import MAX_TEXT, ArrayValue, ListValue, bounded, hash_code, java_equals, text

_BLANK = "".join(map(chr, range(33)))
_BEYOND = re.compile("[\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def units(value: str) -> str:
    """The text with one character for each UTF-16 unit."""
    if value.isascii() or _BEYOND.search(value) is None:
        return value
    return "".join(map(chr, memoryview(value.encode("utf-16-le", "surrogatepass")).cast("H")))


def _length(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2


def joined(value: str) -> str:
    """The text again from its UTF-16 units."""
    if value.isascii() or _SURROGATE.search(value) is None:
        return value
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def writable(value: str) -> str:
    """The text as Java writes it: half a character that stands alone is `?`."""
    return value if value.isascii() else joined(value).encode("utf-8", "replace").decode()


def _substring(value: str, begin: int, end: int | None = None) -> str:
    chars = units(value)
    last = len(chars) if end is None else end
    if not 0 <= begin <= last <= len(chars):
        raise CallError(f"StringIndexOutOfBoundsException: begin {begin}, end {last}, length {len(chars)}")
    return joined(chars[begin:last])


def _char_at(value: str, index: int) -> str:
    chars = units(value)
    if not 0 <= index < len(chars):
        raise CallError(f"StringIndexOutOfBoundsException: index {index}, length {len(chars)}")
    return chars[index]


def _needle(value: str | int) -> str:
    return chr(value) if isinstance(value, int) and 0 <= value <= 0x10FFFF else text(value)


def _index_of(value: str, needle: str | int, start: int = 0) -> int:
    return units(value).find(units(_needle(needle)), max(start, 0))


def _last_index_of(value: str, needle: str | int, start: int | None = None) -> int:
    chars, sought = units(value), units(_needle(needle))
    if start is None:
        return chars.rfind(sought)
    return -1 if start < 0 else chars.rfind(sought, 0, start + len(sought))


def _required(value: str | None) -> str:
    if value is None:
        raise CallError("NullPointerException")
    return value


def _replace(value: str, old: str | None, new: str | None) -> str:
    old, new = _required(old), _required(new)
    if len(new) > len(old) and len(value) + value.count(old) * (len(new) - len(old)) > MAX_TEXT:
        raise CallError(f"A text of more than {MAX_TEXT} characters")
    return value.replace(old, new)


def _repeat(value: str, count: int) -> str:
    if count < 0:
        raise CallError(f"IllegalArgumentException: count is negative: {count}")
    if count * len(value) > MAX_TEXT:
        raise CallError(f"A text of more than {MAX_TEXT} characters")
    return value * count


def _compare(left: str, right: Any) -> int:
    if right is not None and not isinstance(right, str):
        raise CallError("ClassCastException: a string is compared to something else")
    a, b = units(left), units(_required(right))
    for mine, other in zip(a, b, strict=False):
        if mine != other:
            return ord(mine) - ord(other)
    return len(a) - len(b)


def _folded(value: str) -> str:
    return value.upper().lower()


def _join_all(separator: str, items: Collection[Any] | None) -> str:
    listed = _required_items(items)
    if any(item is not None and not isinstance(item, str) for item in listed):
        raise CallError("ClassCastException: join takes strings")
    return _join(separator, listed)


def _required_items(items: Collection[Any] | None) -> list[Any]:
    if items is None:
        raise CallError("NullPointerException")
    return list(items)


def _join(separator: str, items: list[Any]) -> str:
    if len(separator) * len(items) > MAX_TEXT:
        raise CallError(f"A text of more than {MAX_TEXT} characters")
    return bounded(separator.join([text(item) for item in items]))


def _chars(value: str) -> ArrayValue:
    return ArrayValue(units(value))


def _bytes(value: str, charset: str = "UTF-8") -> ArrayValue:
    try:
        encoded = value.encode(_required(charset), "replace")
    except LookupError:
        raise CallError(f"UnsupportedEncodingException: {charset}") from None
    return ArrayValue(byte - 256 if byte > 127 else byte for byte in encoded)


METHODS: dict[str, Callable[..., Any]] = {
    "length": _length,
    "isEmpty": lambda value: not value,
    "isBlank": lambda value: not value.strip(),
    "charAt i": _char_at,
    "codePointAt i": lambda value, at: ord(_char_at(value, at)),
    "substring i": _substring,
    "substring ii": _substring,
    "subSequence ii": _substring,
    "indexOf s": _index_of,
    "indexOf i": _index_of,
    "indexOf si": _index_of,
    "indexOf ii": _index_of,
    "lastIndexOf s": _last_index_of,
    "lastIndexOf i": _last_index_of,
    "lastIndexOf si": _last_index_of,
    "lastIndexOf ii": _last_index_of,
    "contains s": lambda value, other: _required(other) in value,
    "startsWith s": lambda value, other: value.startswith(_required(other)),
    "startsWith si": lambda value, other, at: at >= 0 and units(value).startswith(units(_required(other)), at),
    "endsWith s": lambda value, other: value.endswith(_required(other)),
    "equals o": java_equals,
    "contentEquals s": java_equals,
    "equalsIgnoreCase s": lambda value, other: other is not None and _folded(value) == _folded(other),
    "compareTo o": _compare,
    "compareToIgnoreCase s": lambda value, other: _compare(_folded(value), _folded(_required(other))),
    "concat s": lambda value, other: bounded(value + _required(other)),
    "replace ss": _replace,
    "replaceAll ss": lambda value, pattern, new: javaregex.replace(
        value, _required(pattern), _required(new), first=False
    ),
    "replaceFirst ss": lambda value, pattern, new: javaregex.replace(
        value, _required(pattern), _required(new), first=True
    ),
    "matches s": lambda value, pattern: javaregex.matches(value, _required(pattern)),
    "split s": lambda value, pattern: javaregex.split(value, _required(pattern)),
    "split si": lambda value, pattern, limit: javaregex.split(value, _required(pattern), limit),
    "trim": lambda value: value.strip(_BLANK),
    "strip": lambda value: value.strip(),
    "stripLeading": lambda value: value.lstrip(),
    "stripTrailing": lambda value: value.rstrip(),
    "repeat i": _repeat,
    "toLowerCase": lambda value: value.lower(),
    "toUpperCase": lambda value: value.upper(),
    "toString": lambda value: value,
    "intern": lambda value: value,
    "hashCode": hash_code,
    "toCharArray": _chars,
    "getBytes": _bytes,
    "getBytes s": _bytes,
    "valueOf o": lambda value, other: text(other),
    "copyValueOf o": lambda value, other: "".join(other) if isinstance(other, ArrayValue) else None,
    "join sl": lambda value, separator, items: _join_all(_required(separator), items),
    "join *": lambda value, *parts: _join(text(parts[0]), ListValue(parts[1:])) if parts else None,
    "format *": lambda value, *parts: format_text(text(parts[0]), parts[1:]) if parts else None,
}


def _prepare_replace(pattern: Any = None, new: Any = None, *others: Any) -> Callable[..., Any] | None:
    """`replaceAll` of a pattern that is nothing but text, by text that is not longer."""
    if others or not (isinstance(pattern, str) and isinstance(new, str)):
        return None
    plain = javaregex.plain(pattern)
    if plain is None or len(new) > len(plain) or not javaregex.is_text(new):
        return None
    return lambda value, *arguments: value.replace(plain, new)


# Method -> a function of its constant arguments that gives a faster form of it, or None.
PREPARED: dict[str, Callable[..., Callable[..., Any] | None]] = {"replaceAll": _prepare_replace}
