"""The constraints of the models, checked and told as AWS tells them:

    2 validation errors detected: Value 'x' at 'a.b' failed to satisfy constraint: Member must ...; Value null at ...

Recorded from AWS: a path begins in lower case; list elements are `.1.member`; a list of scalars is told as a whole; the
members of the body come before those of path, query string and headers; enum values stand in the order of a Java hash
set. A sensitive value is not echoed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import regex

from stategate.wire.model import Member, Shape
from stategate.wire.problems import WireError, serialization

Report = list[str]
Check = Callable[[Any, str, Report], None]

_PATTERN_SECONDS = 1.0
_JAVA_CLASSES = {r"\w": "a-zA-Z0-9_", r"\d": "0-9"}
_JAVA_ASTRAL = r"\uD800\uDC00-\uDBFF\uDFFF"
_ASTRAL = r"\U00010000-\U0010FFFF"


@dataclass(frozen=True, slots=True)
class Style:
    """How a service differs. `prefixed`: the body's paths begin with `<operation>Input.`. `echo_enum`: a value that is
    not in an enum is shown. `phrases`: service-specific messages instead of the pattern's, with `{name}`. `skip`:
    (shape, constraint) pairs that the service checks itself, with an error of its own."""

    code: str = "ValidationException"
    prefixed: bool = False
    echo_enum: bool = True
    phrases: tuple[tuple[str, str], ...] = ()
    skip: frozenset[tuple[str, str]] = frozenset()


class Rejected(Exception):
    """A service's own text that replaces the list of errors."""


class Validators:
    """Compiles the checks of a service's shapes, each once."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._known: dict[Shape, Check | None] = {}

    def of_operation(self, name: str, shape: Shape) -> Callable[[Any], None]:
        """The check of an operation's input: raises `WireError`."""
        head = f"{name[0].lower()}{name[1:]}Input." if self._style.prefixed else ""
        body = [member for member in shape.members.values() if member.location is None]
        rest = [member for member in shape.members.values() if member.location is not None]
        checks = [(self._members(body), head), (self._members(rest), "")]
        code = self._style.code

        def check(value: Any) -> None:
            report: Report = []
            try:
                for part, prefix in checks:
                    part(value, prefix, report)
            except Rejected as error:
                raise WireError(code, str(error)) from None
            if report:
                raise WireError(code, summary(report))

        return check

    def of(self, shape: Shape) -> Check | None:
        """None: there is nothing to check in it."""
        if shape not in self._known:
            if not self._is_constrained(shape, set()):
                self._known[shape] = None
            else:
                self._known[shape] = lambda value, path, report: self._forward(shape, value, path, report)
                self._known[shape] = self._make(shape)
        return self._known[shape]

    def _forward(self, shape: Shape, value: Any, path: str, report: Report) -> None:
        check = self._known[shape]
        if check is not None:
            check(value, path, report)

    def _is_constrained(self, shape: Shape, seen: set[Shape]) -> bool:
        if shape in seen:
            return False
        seen.add(shape)
        return bool(
            shape.enum
            or shape.pattern is not None
            or shape.minimum is not None
            or shape.maximum is not None
            or shape.type in ("structure", "list")
            or (shape.value is not None and (self._is_constrained(shape.value.shape, seen)))
            or (shape.key is not None and (self._is_constrained(shape.key.shape, seen)))
        )

    def _make(self, shape: Shape) -> Check:
        match shape.type:
            case "structure":
                members = self._members(list(shape.members.values()))
                return lambda value, path, report: members(value, path + ".", report)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                return self._scalar(shape)

    def _members(self, members: list[Member]) -> Check:
        table = [
            (m.name, _lower(m.name), m.required, self.of(m.shape))
            for m in members
            if m.required or self.of(m.shape) is not None
        ]

        def check(value: Any, path: str, report: Report) -> None:
            if not isinstance(value, dict):
                raise serialization("Expected structure or null")
            for name, shown, required, inner in table:
                item = value.get(name)
                if item is None:
                    if required:
                        report.append(
                            f"Value null at '{path}{shown}' failed to satisfy constraint: Member must not be null"
                        )
                elif inner is not None:
                    inner(item, path + shown, report)

        return check

    def _scalar(self, shape: Shape) -> Check:
        broken = self._constraints(shape)
        sensitive, echo_enum = shape.sensitive, self._style.echo_enum

        def check(value: Any, path: str, report: Report) -> None:
            for constraint, fails in broken:
                if fails(value):
                    hidden = sensitive or (not echo_enum and bool(shape.enum))
                    shown = "" if hidden else f" '{java(value, shape)}'"
                    phrase = self._phrase(shape, constraint)
                    if phrase is not None:
                        raise Rejected(phrase.format(name=path.rsplit(".", 1)[-1]))
                    report.append(f"Value{shown} at '{path}' failed to satisfy constraint: {constraint}")

        return check

    def _phrase(self, shape: Shape, constraint: str) -> str | None:
        if constraint.startswith("Member must satisfy regular"):
            for pattern, phrase in self._style.phrases:
                if pattern == shape.pattern:
                    return phrase
        return None

    def _constraints(self, shape: Shape) -> list[tuple[str, Callable[[Any], bool]]]:
        """(text, whether a value fails), in the order in which AWS tells them."""
        found: list[tuple[str, Callable[[Any], bool]]] = []
        skip = self._style.skip
        if shape.pattern is not None and (shape.name, "pattern") not in skip:
            found.append((f"Member must satisfy regular expression pattern: {shape.pattern}", _mismatch(shape.pattern)))
        if shape.enum and (shape.name, "enum") not in skip:
            shown = ", ".join(java_set_order(shape.enum))
            found.append(
                (
                    f"Member must satisfy enum value set: [{shown}]",
                    _not_in(frozenset(shape.enum)),
                )
            )
        if shape.minimum is not None and (shape.name, "min") not in skip:
            found.append(_minimum(shape, int(shape.minimum)))
        if shape.maximum is not None and (shape.name, "max") not in skip:
            found.append(_maximum(shape, int(shape.maximum)))
        return found

    def _list(self, shape: Shape) -> Check:
        assert shape.member is not None
        element = shape.member.shape
        own = self._scalar(shape) if self._constraints(shape) else None
        inner = self.of(element) if element.type in ("structure", "list", "map") else None
        of_scalar = self._constraints(element) if inner is None else []
        told = _joined([text for text, _ in of_scalar])

        def check(value: Any, path: str, report: Report) -> None:
            if not isinstance(value, list):
                raise serialization("Expected list or null")
            if own is not None:
                own(value, path, report)
            if of_scalar and any(fails(item) for item in value if item is not None for _, fails in of_scalar):
                shown = "" if element.sensitive else f" '{java(value, shape)}'"
                report.append(
                    f"Value{shown} at '{path}' failed to satisfy constraint: Member must satisfy constraint: {told}"
                )
            for number, item in enumerate(value, 1):
                if item is None:
                    report.append(
                        f"Value null at '{path}.{number}.member' failed to satisfy constraint: Member must not be null"
                    )
                elif inner is not None:
                    inner(item, f"{path}.{number}.member", report)

        return check

    def _map(self, shape: Shape) -> Check:
        assert shape.key is not None and shape.value is not None
        own = self._scalar(shape) if self._constraints(shape) else None
        of_key, value_shape = self._constraints(shape.key.shape), shape.value.shape
        inner = self.of(value_shape) if value_shape.type in ("structure", "list", "map") else None
        of_value = self._constraints(value_shape) if inner is None else []
        sensitive = shape.sensitive or value_shape.sensitive

        def check(value: Any, path: str, report: Report) -> None:
            if not isinstance(value, dict):
                raise serialization("Expected map or null")
            if own is not None:
                own(value, path, report)
            shown = "" if sensitive else f" '{java(value, shape)}'"
            for constraints, items, what in ((of_key, value.keys(), "keys"), (of_value, value.values(), "value")):
                if any(fails(item) for item in items if item is not None for _, fails in constraints):
                    told = _joined([text for text, _ in constraints])
                    report.append(
                        f"Value{shown} at '{path}' failed to satisfy constraint: "
                        f"Map {what} must satisfy constraint: {told}"
                    )
            if inner is not None:
                for key, item in value.items():
                    if item is not None:
                        inner(item, f"{path}.{key}.member", report)

        return check


def summary(report: Report) -> str:
    count = len(report)
    return f"{count} validation error{'' if count == 1 else 's'} detected: " + "; ".join(report)


def java(value: Any, shape: Shape) -> str:
    """The value as Java's `toString` of the service's own classes shows it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list() if shape.member is not None:
            return _joined([java(item, shape.member.shape) for item in value])
        case dict() if shape.type == "structure":
            fields = [f"{_lower(m.name)}={java(value.get(m.name), m.shape)}" for m in shape.members.values()]
            return f"{shape.name}({', '.join(fields)})"
        case dict() if shape.value is not None:
            inner = shape.value.shape
            return "{" + ", ".join(f"{key}={java(item, inner)}" for key, item in value.items()) + "}"
        case bytes():
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
        case _:
            return str(value)


def java_set_order(values: tuple[str, ...]) -> list[str]:
    """The order in which AWS lists an enum's values: by bucket of `String.hashCode`, 32 buckets up to 24 values, and
    the last declared first within a bucket. Derived from seven recorded messages of two services; it explains all."""
    buckets = 32
    while len(values) > buckets * 3 // 4:
        buckets *= 2
    order = sorted(range(len(values)), key=lambda place: (_hash_code(values[place]) & (buckets - 1), -place))
    return [values[place] for place in order]


def _hash_code(text: str) -> int:
    code = 0
    for character in text:
        code = (code * 31 + ord(character)) & 0xFFFFFFFF
    return code


def _joined(texts: list[str]) -> str:
    return f"[{', '.join(texts)}]"


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _mismatch(pattern: str) -> Callable[[Any], bool]:
    compiled = compile_pattern(pattern)

    def fails(value: Any) -> bool:
        if not isinstance(value, str):
            raise serialization("Expected string or null")
        try:
            return compiled.fullmatch(value, timeout=_PATTERN_SECONDS, concurrent=False) is None
        except TimeoutError:
            return True

    return fails


def compile_pattern(pattern: str) -> regex.Pattern[str]:
    """Compiles a model's pattern, which is written for Java: `\\w` and `\\d` are ASCII, surrogates come in pairs. The
    whole of a value must match."""
    out, in_class, position = [], False, 0
    text = pattern.replace(_JAVA_ASTRAL, _ASTRAL)
    while position < len(text):
        piece = text[position : position + 2] if text[position] == "\\" else text[position]
        if piece in _JAVA_CLASSES:
            out.append(_JAVA_CLASSES[piece] if in_class else f"[{_JAVA_CLASSES[piece]}]")
        else:
            in_class = True if piece == "[" else False if piece == "]" else in_class
            out.append(piece)
        position += len(piece)
    return regex.compile("".join(out))


def _not_in(allowed: frozenset[str]) -> Callable[[Any], bool]:
    return lambda value: not isinstance(value, str) or value not in allowed


def _minimum(shape: Shape, bound: int) -> tuple[str, Callable[[Any], bool]]:
    if shape.type in ("string", "blob", "list", "map"):
        return f"Member must have length greater than or equal to {bound}", lambda value: _length(value) < bound
    return f"Member must have value greater than or equal to {bound}", lambda value: _number(value) < bound


def _maximum(shape: Shape, bound: int) -> tuple[str, Callable[[Any], bool]]:
    if shape.type in ("string", "blob", "list", "map"):
        return f"Member must have length less than or equal to {bound}", lambda value: _length(value) > bound
    return f"Member must have value less than or equal to {bound}", lambda value: _number(value) > bound


def _length(value: Any) -> int:
    if isinstance(value, str):
        # Java counts UTF-16 units.
        return len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2
    if isinstance(value, bytes | list | dict):
        return len(value)
    raise serialization("Expected string or null")


def _number(value: Any) -> float:
    if isinstance(value, int | float):
        return value
    raise serialization("Expected number or null")
