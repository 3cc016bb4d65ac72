"""JSON bodies: per shape one reader (JSON value -> value by the model's member names) and one writer, compiled once.

Values: timestamps are epoch seconds (float), blobs are bytes. A member that is null is absent; so is an entry of a map,
unless the reader is told to keep it. Unknown members are skipped, as AWS's own servers do.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from math import isfinite
from typing import Any

import orjson

from stategate.wire import timestamps
from stategate.wire.model import Member, Shape
from stategate.wire.problems import serialization
from stategate.wire.texts import LONG

Reader = Callable[[Any], Any]
Writer = Callable[[Any], Any]

_JAVA = {
    bool: "java.lang.Boolean",
    str: "java.lang.String",
    int: "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
    float: "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
}


def loads(body: bytes) -> Any:
    """Raises `WireError` (SerializationException) if the body is not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise serialization(f"Could not parse request body into json: {error}") from error


def dumps(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # What orjson refuses and JSON allows: integers above 64 bits and lone surrogates.
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _mismatch(value: Any, wanted: str) -> Exception:
    if isinstance(value, dict):
        return serialization("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return serialization("Start of list found where not expected.")
    return serialization(f"class {_JAVA.get(type(value), 'java.lang.Object')} can not be converted to {wanted}")


class Readers:
    """Compiles the readers of a service's shapes, each once. `keep_nulls`: names of maps whose null entries stay, as
    None; elsewhere an entry that is null is none."""

    def __init__(self, keep_nulls: frozenset[str] = frozenset()) -> None:
        self._keep_nulls = keep_nulls
        self._known: dict[Shape, Reader] = {}

    def of(self, shape: Shape) -> Reader:
        known = self._known.get(shape)
        if known is None:
            # A recursive shape finds the forward reference while its own reader is being made.
            self._known[shape] = lambda value: self._known[shape](value)
            known = self._known[shape] = self._make(shape)
        return known

    def _make(self, shape: Shape) -> Reader:
        match shape.type:
            case "structure":
                return self.structure(list(shape.members.values()))
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case other:
                return SCALARS[other]

    def structure(self, members: list[Member]) -> Reader:
        table = {
            member.wire: (
                member.name,
                self._map(member.shape, keep_nulls=True) if member.name in self._keep_nulls else self.of(member.shape),
            )
            for member in members
        }

        def read(value: Any) -> Any:
            if type(value) is not dict:
                raise serialization("Expected structure or null")
            out = {}
            for key, item in value.items():
                if item is not None:
                    entry = table.get(key)
                    if entry is not None:
                        out[entry[0]] = entry[1](item)
            return out

        return read

    def _list(self, shape: Shape) -> Reader:
        assert shape.member is not None
        element = self.of(shape.member.shape)

        def read(value: Any) -> Any:
            if type(value) is not list:
                raise serialization("Expected list or null")
            return [None if item is None else element(item) for item in value]

        return read

    def _map(self, shape: Shape, *, keep_nulls: bool = False) -> Reader:
        assert shape.value is not None
        element = self.of(shape.value.shape)

        def read(value: Any) -> Any:
            if type(value) is not dict:
                raise serialization("Expected map or null")
            return {
                key: None if item is None else element(item)
                for key, item in value.items()
                if keep_nulls or item is not None
            }

        return read


def _string(value: Any) -> Any:
    if type(value) is str:
        return value
    raise _mismatch(value, "an String")


def _integer(value: Any) -> Any:
    if type(value) is float and isfinite(value):
        value = int(value)
    if type(value) is int:
        if value in LONG:
            return value
        raise serialization(f"The number {value:.3e} is out of range")
    raise _mismatch(value, "an Integer")


def _float(value: Any) -> Any:
    if type(value) is float or type(value) is int:
        return float(value)
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    raise _mismatch(value, "a Double")


def _boolean(value: Any) -> Any:
    if type(value) is bool:
        return value
    raise _mismatch(value, "an Boolean")


def _timestamp(value: Any) -> Any:
    if type(value) is float or type(value) is int:
        return value
    if type(value) is str:
        return timestamps.parse(value)
    raise _mismatch(value, "a Date")


def _blob(value: Any) -> Any:
    if type(value) is str:
        try:
            return b64decode(value, validate=True)
        except (Base64Error, ValueError) as error:
            raise serialization("Invalid base64-encoded data") from error
    raise _mismatch(value, "a Blob")


SCALARS: dict[str, Reader] = {
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}


class Writers:
    """Compiles the writers of a service's shapes, each once. A writer returns what JSON can hold, by wire names."""

    def __init__(self) -> None:
        self._known: dict[Shape, Writer | None] = {}

    def of(self, shape: Shape) -> Writer | None:
        """None: the value goes out as it is."""
        if shape not in self._known:
            self._known[shape] = lambda value: self._forward(shape, value)
            self._known[shape] = self._make(shape)
        return self._known[shape]

    def _forward(self, shape: Shape, value: Any) -> Any:
        writer = self._known[shape]
        return value if writer is None else writer(value)

    def _make(self, shape: Shape) -> Writer | None:
        match shape.type:
            case "structure":
                return self.structure(shape.name, list(shape.members.values()))
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case "timestamp":
                return timestamps.iso8601 if shape.timestamp_format == "iso8601" else timestamps.epoch
            case "blob":
                return _base64
            case "float" | "double":
                return _number
            case _:
                return None

    def structure(self, name: str, members: list[Member]) -> Writer:
        table = {member.name: (member.wire, self.of(member.shape)) for member in members}

        def write(value: Any) -> Any:
            out = {}
            for key, item in value.items():
                if item is not None:
                    entry = table.get(key)
                    if entry is None:
                        raise TypeError(f"{name} has no member {key}")
                    wire, writer = entry
                    out[wire] = item if writer is None else writer(item)
            return out

        return write

    def _list(self, shape: Shape) -> Writer | None:
        assert shape.member is not None
        element = self.of(shape.member.shape)
        if element is None:
            return None
        return lambda value: [element(item) for item in value]

    def _map(self, shape: Shape) -> Writer | None:
        assert shape.value is not None
        element = self.of(shape.value.shape)
        if element is None:
            return None
        return lambda value: {key: None if item is None else element(item) for key, item in value.items()}


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _number(value: float) -> float | str:
    return value if isfinite(value) else {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
