"""java.util.List, arrays and iterators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stategate.lang.vtl.errors import CallError
from stategate.lang.vtl.values import ArrayValue, Cursor, ListValue, hash_code, java_equals, text


def _checked(items: list[Any], index: int) -> int:
    if not 0 <= index < len(items):
        raise CallError(f"IndexOutOfBoundsException: Index {index} out of bounds for length {len(items)}")
    return index


def get(items: list[Any], index: int) -> Any:
    return items[_checked(items, index)]


def set_item(items: list[Any], index: int, value: Any) -> Any:
    old = items[_checked(items, index)]
    items[index] = value
    return old


def _index_of(items: list[Any], value: Any) -> int:
    return next((at for at, item in enumerate(items) if java_equals(item, value)), -1)


def _last_index_of(items: list[Any], value: Any) -> int:
    return next((at for at in range(len(items) - 1, -1, -1) if java_equals(items[at], value)), -1)


def _contains(items: list[Any], value: Any) -> bool:
    return _index_of(items, value) >= 0


def _add(items: list[Any], value: Any) -> bool:
    items.append(value)
    return True


def _insert(items: list[Any], index: int, value: Any) -> str:
    if index != len(items):
        _checked(items, index)
    items.insert(index, value)
    return ""


def _add_all(items: list[Any], others: list[Any]) -> bool:
    items.extend(list(others))
    return bool(others)


def _insert_all(items: list[Any], index: int, others: list[Any]) -> bool:
    if index != len(items):
        _checked(items, index)
    items[index:index] = list(others)
    return bool(others)


def _remove_at(items: list[Any], index: int) -> Any:
    return items.pop(_checked(items, index))


def _remove(items: list[Any], value: Any) -> bool:
    at = _index_of(items, value)
    if at >= 0:
        del items[at]
    return at >= 0


def _keep(items: list[Any], others: list[Any], *, wanted: bool) -> bool:
    kept = [item for item in items if _contains(others, item) is wanted]
    changed = len(kept) != len(items)
    items[:] = kept
    return changed


def _clear(items: list[Any]) -> str:
    items.clear()
    return ""


def _sub_list(items: list[Any], begin: int, end: int) -> ListValue:
    if not 0 <= begin <= end <= len(items):
        raise CallError(f"IndexOutOfBoundsException: fromIndex: {begin}, toIndex: {end}, size: {len(items)}")
    return ListValue(items[begin:end])


def _next(cursor: Cursor) -> Any:
    if cursor.at >= len(cursor.items):
        raise CallError("NoSuchElementException")
    cursor.at += 1
    return cursor.items[cursor.at - 1]


_COMMON: dict[str, Callable[..., Any]] = {
    "size": len,
    "isEmpty": lambda items: not items,
    "get i": get,
    "set io": set_item,
    "contains o": _contains,
    "indexOf o": _index_of,
    "lastIndexOf o": _last_index_of,
    "iterator": lambda items: Cursor(list(items)),
    "subList ii": _sub_list,
    "toArray": ArrayValue,
    "equals o": java_equals,
    "hashCode": hash_code,
    "toString": text,
}

METHODS: dict[str, Callable[..., Any]] = _COMMON | {
    "add o": _add,
    "add io": _insert,
    "addAll l": _add_all,
    "addAll il": _insert_all,
    "remove i": _remove_at,
    "remove o": _remove,
    "removeAll l": lambda items, others: _keep(items, others, wanted=False),
    "retainAll l": lambda items, others: _keep(items, others, wanted=True),
    "containsAll l": lambda items, others: all(_contains(items, other) for other in others),
    "clear": _clear,
}

# Velocity lends arrays the reading methods of a list.
ARRAY_METHODS: dict[str, Callable[..., Any]] = {
    signature: _COMMON[signature]
    for signature in (
        "size",
        "isEmpty",
        "get i",
        "set io",
        "contains o",
        "indexOf o",
        "lastIndexOf o",
        "iterator",
        "toString",
    )
}

CURSOR_METHODS: dict[str, Callable[..., Any]] = {
    "hasNext": lambda cursor: cursor.at < len(cursor.items),
    "next": _next,
}
