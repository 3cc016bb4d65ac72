"""The query protocol: a form (`Action=...&Tags.member.1.Key=...`) in, XML out."""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import escape

from stategate.wire import timestamps
from stategate.wire.model import Member, OperationModel, Shape
from stategate.wire.problems import WireError
from stategate.wire.texts import FROM_TEXT

Tree = dict[str, Any]
"""A form as a tree: the parts of the names between dots, '' holding the value of a name that also has parts."""

Reader = Callable[[Any], Any]
Writer = Callable[[Any, str, list[str]], None]

_DEEPEST = 64


def tree(pairs: Iterable[tuple[str, str]]) -> Tree:
    root: Tree = {}
    for name, value in pairs:
        node = root
        parts = name.split(".")
        if len(parts) > _DEEPEST:
            raise _malformed(f"{name[:80]} is nested too deeply")
        for part in parts[:-1]:
            child = node.get(part)
            if not isinstance(child, dict):
                child = node[part] = {} if child is None else {"": child}
            node = child
        last = node.get(parts[-1])
        if isinstance(last, dict):
            last[""] = value
        else:
            node[parts[-1]] = value
    return root


def _malformed(message: str) -> WireError:
    return WireError("MalformedInput", message)


class QueryReaders:
    """Compiles readers (tree -> value by the model's member names), each shape's once."""

    def __init__(self) -> None:
        self._known: dict[Shape, Reader] = {}

    def of(self, shape: Shape) -> Reader:
        known = self._known.get(shape)
        if known is None:
            self._known[shape] = lambda node: self._known[shape](node)
            known = self._known[shape] = self._make(shape)
        return known

    def _make(self, shape: Shape) -> Reader:
        match shape.type:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case other:
                return _scalar(other)

    def _structure(self, shape: Shape) -> Reader:
        table = [(_wire(member), member.name, self.of(member.shape)) for member in shape.members.values()]

        def read(node: Any) -> Any:
            if not isinstance(node, dict):
                if node:
                    raise _malformed("Unexpected value where a structure was expected")
                return {}
            return {name: reader(node[wire]) for wire, name, reader in table if wire in node}

        return read

    def _list(self, shape: Shape) -> Reader:
        assert shape.member is not None
        element = self.of(shape.member.shape)
        nested = None if shape.flattened else shape.member.wire

        def read(node: Any) -> Any:
            if nested is not None and isinstance(node, dict):
                node = node.get(nested, "")
            return [element(item) for item in _numbered(node)]

        return read

    def _map(self, shape: Shape) -> Reader:
        assert shape.key is not None and shape.value is not None
        key, value, flattened = shape.key, shape.value, shape.flattened
        read_value = self.of(value.shape)

        def read(node: Any) -> Any:
            if not flattened and isinstance(node, dict):
                node = node.get("entry", "")
            out = {}
            for entry in _numbered(node):
                if not isinstance(entry, dict) or not isinstance(entry.get(key.wire), str):
                    raise _malformed("A map's entry has no key")
                if value.wire in entry:
                    out[entry[key.wire]] = read_value(entry[value.wire])
            return out

        return read


def _wire(member: Member) -> str:
    if member.shape.type == "list" and member.shape.flattened and member.shape.member and member.shape.member.named:
        return member.shape.member.wire
    return member.wire


def _numbered(node: Any) -> list[Any]:
    if not isinstance(node, dict):
        if node:
            raise _malformed("Unexpected value where a list was expected")
        return []
    try:
        return [node[key] for key in sorted(node, key=int)]
    except ValueError as error:
        raise _malformed("A list's elements must be numbered") from error


def _scalar(type_: str) -> Reader:
    convert = FROM_TEXT[type_]

    def read(node: Any) -> Any:
        text = node.get("", "") if isinstance(node, dict) else node
        try:
            return convert(text)
        except (ValueError, KeyError, Base64Error) as error:
            raise _malformed(f"Value '{text}' is not a valid {type_}") from error

    return read


_NOT_XML = re.compile(r"[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


def xml_text(text: str) -> str:
    """Escaped; what XML 1.0 cannot hold is shown as U+FFFD."""
    return escape(_NOT_XML.sub("�", text), {"\r": "&#xD;"})


class XmlWriters:
    """Compiles writers (value -> XML under an element of a given name), each shape's once."""

    def __init__(self) -> None:
        self._known: dict[Shape, Writer] = {}

    def of(self, shape: Shape) -> Writer:
        known = self._known.get(shape)
        if known is None:
            self._known[shape] = lambda value, tag, out: self._known[shape](value, tag, out)
            known = self._known[shape] = self._make(shape)
        return known

    def _make(self, shape: Shape) -> Writer:
        match shape.type:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case other:
                text = _TEXT.get(other, str)

                def write(value: Any, tag: str, out: list[str]) -> None:
                    out.append(f"<{tag}>{xml_text(text(value))}</{tag}>")

                return write

    def _structure(self, shape: Shape) -> Writer:
        name, table = shape.name, {m.name: (m.wire, self.of(m.shape)) for m in shape.members.values()}

        def write(value: Any, tag: str, out: list[str]) -> None:
            out.append(f"<{tag}>")
            for key, item in value.items():
                if item is not None:
                    entry = table.get(key)
                    if entry is None:
                        raise TypeError(f"{name} has no member {key}")
                    entry[1](item, entry[0], out)
            out.append(f"</{tag}>")

        return write

    def _list(self, shape: Shape) -> Writer:
        member = shape.member
        assert member is not None
        element, flattened = self.of(member.shape), shape.flattened

        def write(value: Any, tag: str, out: list[str]) -> None:
            if flattened:
                for item in value:
                    element(item, member.wire if member.named else tag, out)
                return
            out.append(f"<{tag}>")
            for item in value:
                element(item, member.wire, out)
            out.append(f"</{tag}>")

        return write

    def _map(self, shape: Shape) -> Writer:
        key, value = shape.key, shape.value
        assert key is not None and value is not None
        write_key, write_value, flattened = self.of(key.shape), self.of(value.shape), shape.flattened

        def write(items: Any, tag: str, out: list[str]) -> None:
            entry = tag if flattened else "entry"
            if not flattened:
                out.append(f"<{tag}>")
            for name, item in items.items():
                out.append(f"<{entry}>")
                write_key(name, key.wire, out)
                if item is not None:
                    write_value(item, value.wire, out)
                out.append(f"</{entry}>")
            if not flattened:
                out.append(f"</{tag}>")

        return write


_TEXT: dict[str, Callable[[Any], str]] = {
    "boolean": lambda value: "true" if value else "false",
    # Services of this protocol write whole seconds.
    "timestamp": lambda value: timestamps.iso8601(int(value)),
    "blob": lambda value: b64encode(value).decode(),
}


def write_result(model: OperationModel, namespace: str, writer: Writer, output: Any, request_id: str) -> bytes:
    out = [f'<{model.name}Response xmlns="{namespace}">']
    if model.result_wrapper is not None:
        writer(output, model.result_wrapper, out)
    elif output:
        raise TypeError(f"{model.name} has no output")
    out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{model.name}Response>")
    return "".join(out).encode()


def write_error(namespace: str, code: str, message: str, sender: bool, request_id: str) -> bytes:
    kind = "Sender" if sender else "Receiver"
    return (
        f'<ErrorResponse xmlns="{namespace}"><Error><Type>{kind}</Type><Code>{xml_text(code)}</Code>'
        f"<Message>{xml_text(message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()
