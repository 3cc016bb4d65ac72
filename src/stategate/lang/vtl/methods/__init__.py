"""The Java methods that values have in templates.

Each table maps a signature to a function of the value and the arguments. A signature is the method's name and a letter
for each argument: `s` a string, `i` an integer, `n` any number, `b` a boolean, `l` a collection, `m` a map, `o` all.
Null is a string, a collection and a map. `*` takes any number of arguments. A call that fits no signature has no value,
as in Java's reflection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stategate.lang.vtl.host import Exposed
from stategate.lang.vtl.methods import lists, maps, numbers, strings
from stategate.lang.vtl.values import ArrayValue, Cursor, Entry, MapView

Method = Callable[..., Any]
_Overloads = tuple[tuple[str, Method], ...]


def _is_int(value: Any) -> bool:
    return type(value) is int


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "s": lambda value: isinstance(value, str) or value is None,
    "i": _is_int,
    "n": lambda value: type(value) is int or type(value) is float,
    "b": lambda value: type(value) is bool,
    "l": lambda value: isinstance(value, list | MapView) or value is None,
    "m": lambda value: isinstance(value, dict) or value is None,
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
_VIEW = _indexed(lists.VIEW_METHODS)
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
    MapView: _VIEW,
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


def chosen(name: str, count: int, constants: tuple[Any, ...] | None) -> dict[type, Method]:
    """The methods of a call, by the type of the value, where they can be chosen before it is made: where there is one
    that takes anything, or where all arguments are constants."""
    found: dict[type, Method] = {}
    for kind, table in _BY_TYPE.items():
        overloads = _overloads(table, name, count)
        if constants is not None:
            method = _fitting(overloads, constants)
        else:
            method = overloads[0][1] if overloads and set(overloads[0][0]) <= {"o"} else None
        if method is not None:
            found[kind] = method
    return found


def prepared(name: str, constants: tuple[Any, ...]) -> Method | None:
    """A faster form of a string's method for constant arguments."""
    prepare = strings.PREPARED.get(name)
    return None if prepare is None else prepare(*constants)


def call(value: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    """Call a method; None when there is none that fits. Raises CallError for what would be a Java exception."""
    if isinstance(value, Exposed):
        exposed = value.vtl_methods.get((name, len(arguments)))
        return None if exposed is None else exposed(value, *arguments)
    method = _fitting(_overloads(_table(value), name, len(arguments)), arguments)
    return None if method is None else method(value, *arguments)


def _overloads(table: dict[tuple[str, int], _Overloads], name: str, count: int) -> _Overloads:
    return table.get((name, count)) or table.get((name, -1)) or ()


def _fitting(overloads: _Overloads, arguments: tuple[Any, ...]) -> Method | None:
    for letters, method in overloads:
        for letter, argument in zip(letters, arguments, strict=False):
            if not _CHECKS[letter](argument):
                break
        else:
            return method
    return None


def read_property(value: Any, name: str) -> Any:
    """`$value.name`: a map's member, or what `getName()` or `isName()` gives."""
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, Exposed):
        return value.vtl_get(name)
    if isinstance(value, ArrayValue):
        return None
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
