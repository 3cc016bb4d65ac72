"""REST-JSON: members in path, query string, headers and status code; the rest is a JSON body or one payload."""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any

from stategate.wire import jsonbody, timestamps
from stategate.wire.http import Headers, HttpRequest, HttpResponse, parse_query
from stategate.wire.jsonbody import Readers, Writers
from stategate.wire.model import Member, OperationModel, Shape
from stategate.wire.problems import WireError, serialization
from stategate.wire.texts import FROM_TEXT

Labels = dict[str, str]
Part = Callable[[HttpRequest, Labels, dict[str, Any]], None]


def compile_reader(model: OperationModel, readers: Readers) -> Callable[[HttpRequest, Labels], dict[str, Any]]:
    shape = model.input
    parts: list[Part] = []
    body = [m for m in shape.members.values() if m.location is None and m.name != shape.payload]
    literals = [name for name, _ in parse_query(model.uri.partition("?")[2])]
    query_names = frozenset([*literals, *(m.wire for m in shape.members.values() if m.location == "querystring")])
    for member in shape.members.values():
        part = _located(member, query_names)
        if part is not None:
            parts.append(part)
    if shape.payload is not None:
        parts.append(_payload(shape.members[shape.payload], readers))
    elif body:
        parts.append(_body(readers.structure(body)))

    def read(request: HttpRequest, labels: Labels) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for part in parts:
            part(request, labels, out)
        return out

    return read


def _located(member: Member, query_names: frozenset[str]) -> Part | None:
    match member.location:
        case "uri":
            return _label(member)
        case "querystring" if member.shape.type == "list":
            return _query_list(member)
        case "querystring" if member.shape.type == "map":
            return _query_map(member, query_names)
        case "querystring":
            return _query_scalar(member)
        case "header":
            return _header(member)
        case "headers":
            return _prefix_headers(member)
        case _:
            return None


def _label(member: Member) -> Part:
    convert, name, wire = _text_reader(member), member.name, member.wire

    def read(request: HttpRequest, labels: Labels, out: dict[str, Any]) -> None:
        if wire in labels:
            out[name] = convert(labels[wire])

    return read


def _query_scalar(member: Member) -> Part:
    convert, name, wire = _text_reader(member), member.name, member.wire

    def read(request: HttpRequest, labels: Labels, out: dict[str, Any]) -> None:
        for key, value in request.parameters:
            if key == wire:
                out[name] = convert(value)
                return

    return read


def _query_list(member: Member) -> Part:
    assert member.shape.member is not None
    convert, name, wire = _text_reader(member.shape.member), member.name, member.wire

    def read(request: HttpRequest, labels: Labels, out: dict[str, Any]) -> None:
        found = [convert(value) for key, value in request.parameters if key == wire]
        if found:
            out[name] = found

    return read


def _query_map(member: Member, taken: frozenset[str]) -> Part:
    """The query string's names that no other member nor a presigned URL has; a map of lists keeps repetitions."""
    assert member.shape.value is not None
    name, of_lists = member.name, member.shape.value.shape.type == "list"

    def read(request: HttpRequest, labels: Labels, out: dict[str, Any]) -> None:
        found: dict[str, Any] = {}
        for key, value in request.parameters:
            if key in taken or key.startswith("X-Amz-"):
                continue
            if of_lists:
                found.setdefault(key, []).append(value)
            else:
                found[key] = value
        if found:
            out[name] = found

    return read


def _header(member: Member) -> Part:
    convert, name, wire = _text_reader(member), member.name, member.wire.lower()

    def read(request: HttpRequest, labels: Labels, out: dict[str, Any]) -> None:
        value = request.header(wire)
        if value is not None:
            out[name] = convert(value)

    return read


def _prefix_headers(member: Member) -> Part:
    name, prefix = member.name, member.wire.lower()

    def read(request: HttpRequest, labels: Labels, out: dict[str, Any]) -> None:
        found = {key[len(prefix) :]: value for key, value in request.headers if key.startswith(prefix)}
        if found:
            out[name] = found

    return read


def _payload(member: Member, readers: Readers) -> Part:
    name, shape = member.name, member.shape
    if shape.type == "blob":

        def read_bytes(request: HttpRequest, labels: Labels, out: dict[str, Any]) -> None:
            if request.body or shape.streaming:
                out[name] = request.body

        return read_bytes
    if shape.type == "string":

        def read_text(request: HttpRequest, labels: Labels, out: dict[str, Any]) -> None:
            if request.body:
                out[name] = request.body.decode("utf-8", "replace")

        return read_text
    reader = readers.of(shape)

    def read_json(request: HttpRequest, labels: Labels, out: dict[str, Any]) -> None:
        if request.body:
            out[name] = reader(jsonbody.loads(request.body))

    return read_json


def _body(reader: jsonbody.Reader) -> Part:
    def read(request: HttpRequest, labels: Labels, out: dict[str, Any]) -> None:
        if request.body:
            out.update(reader(jsonbody.loads(request.body)))

    return read


def _text_reader(member: Member) -> Callable[[str], Any]:
    convert = FROM_TEXT[member.shape.type]

    def read(text: str) -> Any:
        try:
            return convert(text)
        except WireError:
            raise
        except (ValueError, KeyError, Base64Error) as error:
            raise serialization(f"'{text}' can not be converted to {member.shape.type}") from error

    return read


def compile_writer(model: OperationModel, writers: Writers) -> Callable[[dict[str, Any], Headers], HttpResponse]:
    """The writer takes the output and the headers that every answer has."""
    shape, success = model.output, model.status
    members = list(shape.members.values())
    headers = {m.name: (m.wire, _header_text(m)) for m in members if m.location == "header"}
    prefixed = {m.name: m.wire for m in members if m.location == "headers"}
    status = next((m.name for m in members if m.location == "statusCode"), None)
    payload = shape.members[shape.payload] if shape.payload is not None else None
    body = writers.structure(shape.name, [m for m in members if m.location is None])
    write_payload = None if payload is None else _payload_writer(payload, writers)
    has_body = any(m.location is None for m in members)
    names_type = any(wire == "Content-Type" for wire, _ in headers.values())

    def write(output: dict[str, Any], common: Headers) -> HttpResponse:
        out_headers, rest, code = list(common), {}, success
        for name, value in output.items():
            if value is None:
                continue
            if name in headers:
                wire, text = headers[name]
                out_headers.append((wire, text(value)))
            elif name in prefixed:
                out_headers.extend((prefixed[name] + key, item) for key, item in value.items())
            elif name == status:
                code = value
            else:
                rest[name] = value
        if payload is not None and write_payload is not None:
            data = write_payload(rest.pop(payload.name)) if payload.name in rest else b""
            if rest:
                raise TypeError(f"{shape.name} has no member {next(iter(rest))}")
        else:
            data = jsonbody.dumps(body(rest)) if has_body else _nothing(shape, rest)
        if not names_type:
            out_headers.append(("Content-Type", "application/json"))
        return HttpResponse(code, out_headers, b"" if code == 204 else data)

    return write


def _nothing(shape: Shape, rest: dict[str, Any]) -> bytes:
    if rest:
        raise TypeError(f"{shape.name} has no member {next(iter(rest))}")
    return b""


def _payload_writer(member: Member, writers: Writers) -> Callable[[Any], bytes]:
    shape = member.shape
    if shape.type == "blob":
        return bytes
    if shape.type == "string":
        return lambda value: str(value).encode()
    writer = writers.of(shape)
    return lambda value: jsonbody.dumps(value if writer is None else writer(value))


def _header_text(member: Member) -> Callable[[Any], str]:
    match member.shape.type:
        case "boolean":
            return lambda value: "true" if value else "false"
        case "timestamp":
            return timestamps.rfc822
        case "blob":
            return lambda value: b64encode(value).decode()
        case _:
            return str
