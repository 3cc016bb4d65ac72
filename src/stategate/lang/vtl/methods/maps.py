"""java.util.Map and Map.Entry. A map keeps the order in which its keys came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stategate.lang.vtl.errors import CallError
from stategate.lang.vtl.values import Entry, MapView, hash_code, java_equals, text

_Map = dict[Any, Any]


def _key(key: Any) -> Any:
    """A key that Python can hash; a list or map as a key is refused."""
    if isinstance(key, list | dict):
        raise CallError("A list or a map cannot be a key")
    return key


def get(items: _Map, key: Any) -> Any:
    return None if isinstance(key, list | dict) else items.get(key)


def put(items: _Map, key: Any, value: Any) -> Any:
    key = _key(key)
    old = items.get(key)
    items[key] = value
    return old


def _has(items: _Map, key: Any, value: Any) -> bool:
    return _key(key) in items and java_equals(items[key], value)


def _replace_value(items: _Map, key: Any, old: Any, new: Any) -> bool:
    found = _has(items, key, old)
    if found:
        items[key] = new
    return found


def _remove_value(items: _Map, key: Any, value: Any) -> bool:
    found = _has(items, key, value)
    if found:
        del items[key]
    return found


def _put_all(items: _Map, others: _Map | None) -> str:
    if others is None:
        raise CallError("NullPointerException")
    items.update(others)
    return ""


def _put_if_absent(items: _Map, key: Any, value: Any) -> Any:
    old = items.get(_key(key))
    if old is None:
        items[key] = value
    return old


def _remove(items: _Map, key: Any) -> Any:
    return items.pop(_key(key), None)


def _clear(items: _Map) -> str:
    items.clear()
    return ""


def _get_or_default(items: _Map, key: Any, default: Any) -> Any:
    return items.get(_key(key), default)


def _set_value(entry: Entry, value: Any) -> Any:
    old = entry.value
    entry.owner[entry.key] = value
    return old


METHODS: dict[str, Callable[..., Any]] = {
    "get o": get,
    "getOrDefault oo": _get_or_default,
    "put oo": put,
    "putAll m": _put_all,
    "putIfAbsent oo": _put_if_absent,
    "replace oo": lambda items, key, value: put(items, key, value) if get(items, key) is not None else None,
    "replace ooo": _replace_value,
    "remove o": _remove,
    "remove oo": _remove_value,
    "clone": dict,
    "clear": _clear,
    "size": len,
    "isEmpty": lambda items: not items,
    "containsKey o": lambda items, key: _key(key) in items,
    "containsValue o": lambda items, value: any(java_equals(mine, value) for mine in items.values()),
    "keySet": lambda items: MapView(items, "keys"),
    "values": lambda items: MapView(items, "values"),
    "entrySet": lambda items: MapView(items, "entries"),
    "equals o": java_equals,
    "hashCode": hash_code,
    "toString": text,
}

ENTRY_METHODS: dict[str, Callable[..., Any]] = {
    "getKey": lambda entry: entry.key,
    "getValue": lambda entry: entry.value,
    "setValue o": _set_value,
    "equals o": java_equals,
    "hashCode": lambda entry: hash_code(entry.key) ^ hash_code(entry.value),
    "toString": text,
}
