"""The Java methods that values have in templates.

Each table maps a signature to a function of the value and the arguments. A signature is the method's name and a letter
for each argument: `s` a string, `i` an integer, `n` any number, `b` a boolean, `l` a list, `m` a map, `o` anything. `*`
takes any number of arguments. A call that fits no signature has no value, as in Java's reflection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stategate.lang.vtl.host import Exposed
from stategate.lang.vtl.methods import lists, maps, numbers, strings
from stategate.lang.vtl.values import ArrayValue, Cursor, Entry

Method = Callable[..., Any]
_Overloads = tuple[tuple[str, Method], ...]


def _is_int(value: Any) -> bool:
    return type(value) is int


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "s": lambda value: isinstance(value, str) or value is None,
    "i": _is_int,
    "n": lambda value: type(value) is int or type(value) is float,
    "b": lambda value: type(value) is bool,
    "l": lambda value: isinstance(value, list),
    "m": lambda value: isinstance(value, dict),
    "o": lambda value: True,
}


def _indexed(*tables: dict[str, Method]) -> dict[tuple[str, int], _Overloads]:
    index: dict[tuple[str, int], list[tuple[str, Method]]] = {}
    for table in tables:
        for signature, method in table.items():
            name, _, letters = signature.partition(" ")
            count = -1 if letters == "*" else len(letters)
            index.setdefault((name, count), []).append(("" if count < 0 else letters, method))
    return {key: tuple(overloads) for key, overloads in index.items()}


_STRING = _indexed(strings.METHODS)
_LIST = _indexed(lists.METHODS)
_ARRAY = _indexed(lists.ARRAY_METHODS)
_CURSOR = _indexed(lists.CURSOR_METHODS)
_MAP = _indexed(maps.METHODS)
_ENTRY = _indexed(maps.ENTRY_METHODS)
_INTEGER = _indexed(numbers.NUMBER_METHODS, numbers.INTEGER_METHODS)
_DOUBLE = _indexed(numbers.NUMBER_METHODS, numbers.DOUBLE_METHODS)
_BOOLEAN = _indexed(numbers.BOOLEAN_METHODS)

_BY_TYPE: dict[type, dict[tuple[str, int], _Overloads]] = {
    str: _STRING,
    int: _INTEGER,
    float: _DOUBLE,
    bool: _BOOLEAN,
    dict: _MAP,
    list: _LIST,
    ArrayValue: _ARRAY,
    Cursor: _CURSOR,
    Entry: _ENTRY,
}


def _table(value: Any) -> dict[tuple[str, int], _Overloads]:
    found = _BY_TYPE.get(type(value))
    if found is not None:
        return found
    match value:
        case dict():
            return _MAP
        case list():
            return _LIST
        case str():
            return _STRING
        case _:
            return {}


def call(value: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    """Call a method; None when there is none that fits. Raises CallError for what would be a Java exception."""
    if isinstance(value, Exposed):
        exposed = value.vtl_methods.get((name, len(arguments)))
        return None if exposed is None else exposed(value, *arguments)
    table = _table(value)
    overloads = table.get((name, len(arguments))) or table.get((name, -1))
    if overloads is None:
        return None
    for letters, method in overloads:
        for letter, argument in zip(letters, arguments, strict=False):
            if not _CHECKS[letter](argument):
                break
        else:
            return method(value, *arguments)
    return None


def read_property(value: Any, name: str) -> Any:
    """`$value.name`: a map's member, or what `getName()` or `isName()` gives."""
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, Exposed):
        return value.vtl_get(name)
    capital = name[:1].upper() + name[1:]
    table = _table(value)
    for getter in ("get" + capital, "get" + name, "is" + capital):
        if (getter, 0) in table:
            return call(value, getter, ())
    return None


def write_property(value: Any, name: str, new: Any) -> None:
    """`#set($value.name = new)`; does nothing where that is not possible."""
    match value:
        case dict():
            value[name] = new
        case Exposed():
            value.vtl_set(name, new)
        case Entry() if name == "value":
            value.owner[value.key] = new
        case _:
            pass


def read_index(value: Any, key: Any) -> Any:
    """`$value[key]`: `get(key)`; a negative index of a list counts from its end."""
    match value:
        case dict():
            return maps.get(value, key)
        case list():
            return lists.get(value, key + len(value) if key < 0 else key) if type(key) is int else None
        case Exposed():
            return value.vtl_get(key) if isinstance(key, str) else None
        case _:
            return None


def write_index(value: Any, key: Any, new: Any) -> None:
    """`#set($value[key] = new)`."""
    match value:
        case dict():
            maps.put(value, key, new)
        case list() if type(key) is int:
            lists.set_item(value, key + len(value) if key < 0 else key, new)
        case Exposed() if isinstance(key, str):
            value.vtl_set(key, new)
        case _:
            pass
