"""java.util.List, arrays, the views of a map, and iterators."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from stategate.lang.vtl.errors import CallError
from stategate.lang.vtl.values import ArrayValue, Cursor, ListValue, MapView, hash_code, java_equals, text

_MAX_COMPARISONS = 1_000_000


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
    if type(value) is str:
        return items.index(value) if value in items else -1
    return next((at for at, item in enumerate(items) if java_equals(item, value)), -1)


def _last_index_of(items: list[Any], value: Any) -> int:
    return next((at for at in range(len(items) - 1, -1, -1) if java_equals(items[at], value)), -1)


def _contains(items: Collection[Any], value: Any) -> bool:
    if type(value) is str:
        return value in items
    return any(java_equals(item, value) for item in items)


def _given(others: Collection[Any] | None, items: Collection[Any] = ()) -> list[Any]:
    """The collection of an argument, each of whose members is compared to each of `items`."""
    if others is None:
        raise CallError("NullPointerException")
    if len(others) * len(items) > _MAX_COMPARISONS:
        raise CallError("The collections are too large to be compared")
    return list(others)


def _add(items: list[Any], value: Any) -> bool:
    items.append(value)
    return True


def _insert(items: list[Any], index: int, value: Any) -> str:
    if index != len(items):
        _checked(items, index)
    items.insert(index, value)
    return ""


def _add_all(items: list[Any], others: Collection[Any] | None) -> bool:
    new = _given(others)
    items.extend(new)
    return bool(new)


def _insert_all(items: list[Any], index: int, others: Collection[Any] | None) -> bool:
    new = _given(others)
    if index != len(items):
        _checked(items, index)
    items[index:index] = new
    return bool(new)


def _remove_at(items: list[Any], index: int) -> Any:
    return items.pop(_checked(items, index))


def _remove(items: list[Any], value: Any) -> bool:
    at = _index_of(items, value)
    if at >= 0:
        del items[at]
    return at >= 0


def _keep(items: list[Any], others: Collection[Any] | None, *, wanted: bool) -> bool:
    listed = _given(others, items)
    kept = [item for item in items if _contains(listed, item) is wanted]
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


def _remove_last(cursor: Cursor) -> str:
    if not 0 < cursor.at <= len(cursor.items):
        raise CallError("IllegalStateException")
    cursor.at -= 1
    del cursor.items[cursor.at]
    return ""


def _next(cursor: Cursor) -> Any:
    if cursor.at >= len(cursor.items):
        raise CallError("NoSuchElementException")
    cursor.at += 1
    return cursor.items[cursor.at - 1]


def _refused(items: Any, *arguments: Any) -> Any:
    raise CallError("UnsupportedOperationException")


def _contains_all(items: Collection[Any], others: Collection[Any] | None) -> bool:
    return all(_contains(items, other) for other in _given(others, items))


def _remove_from_array(items: list[Any], value: Any) -> Any:
    return _refused(items) if _contains(items, value) else False


def _clear_array(items: list[Any]) -> Any:
    return _refused(items) if items else ""


def _keep_in_array(items: list[Any], others: Collection[Any] | None, *, wanted: bool) -> Any:
    listed = _given(others, items)
    return _refused(items) if any(_contains(listed, item) is not wanted for item in items) else False


def _set_in_array(items: list[Any], index: int, value: Any) -> Any:
    if isinstance(get(items, index), str) and not isinstance(value, str):
        raise CallError("IllegalArgumentException: array element type mismatch")
    return set_item(items, index, value)


# A map's views: what they lose, the map loses.
def _remove_key(view: MapView, wanted: Callable[[Any], bool], *, all_of_them: bool) -> bool:
    keys = [key for key, item in zip(view.owner, view, strict=True) if wanted(item)]
    for key in keys if all_of_them else keys[:1]:
        del view.owner[key]
    return bool(keys)


def _remove_from_view(view: MapView, value: Any) -> bool:
    return _remove_key(view, lambda item: java_equals(item, value), all_of_them=False)


def _keep_in_view(view: MapView, others: Collection[Any] | None, *, wanted: bool) -> bool:
    listed = _given(others, view)
    return _remove_key(view, lambda item: _contains(listed, item) is not wanted, all_of_them=True)


def _clear_view(view: MapView) -> str:
    view.owner.clear()
    return ""


_COMMON: dict[str, Callable[..., Any]] = {
    "size": len,
    "isEmpty": lambda items: not items,
    "get i": get,
    "set io": set_item,
    "contains o": _contains,
    "indexOf o": _index_of,
    "lastIndexOf o": _last_index_of,
    "iterator": Cursor,
    "listIterator": Cursor,
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
    "containsAll l": _contains_all,
    "clear": _clear,
    "clone": lambda items: type(items)(items),
}

# Velocity lends arrays the methods of a list; what would change their size fails.
ARRAY_METHODS: dict[str, Callable[..., Any]] = _COMMON | {
    "equals o": lambda items, other: items is other,
    "hashCode": id,
    "set io": _set_in_array,
    "add o": _refused,
    "add io": _refused,
    "addAll l": lambda items, others: _refused(items) if _given(others) else False,
    "addAll il": lambda items, at, others: _refused(items) if _given(others) else False,
    "remove i": _refused,
    "remove o": _remove_from_array,
    "removeAll l": lambda items, others: _keep_in_array(items, others, wanted=False),
    "retainAll l": lambda items, others: _keep_in_array(items, others, wanted=True),
    "containsAll l": _contains_all,
    "clear": _clear_array,
}

VIEW_METHODS: dict[str, Callable[..., Any]] = {
    "size": len,
    "isEmpty": lambda view: not view,
    "contains o": _contains,
    "containsAll l": _contains_all,
    "iterator": lambda view: Cursor(list(view)),
    "toArray": ArrayValue,
    "add o": _refused,
    "addAll l": lambda view, others: _refused(view) if _given(others) else False,
    "remove o": _remove_from_view,
    "removeAll l": lambda view, others: _keep_in_view(view, others, wanted=False),
    "retainAll l": lambda view, others: _keep_in_view(view, others, wanted=True),
    "clear": _clear_view,
    "equals o": java_equals,
    "hashCode": lambda view: id(view.owner) if view.kind == "values" else hash_code(view),
    "toString": text,
}

CURSOR_METHODS: dict[str, Callable[..., Any]] = {
    "hasNext": lambda cursor: cursor.at < len(cursor.items),
    "next": _next,
    "remove": _remove_last,
}
