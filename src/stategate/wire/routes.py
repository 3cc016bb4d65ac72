"""Finds the operation of a REST service by method and path; labels are cut out of the raw path, then decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

from stategate.wire.http import HttpRequest, parse_query

T = TypeVar("T")
Labels = dict[str, str]


@dataclass(slots=True)
class _Target(Generic[T]):
    """`query` are literals that the query string must have; `labels` the names, in order."""

    value: T
    labels: tuple[str, ...]
    query: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Node(Generic[T]):
    literals: dict[str, _Node[T]] = field(default_factory=dict)
    label: _Node[T] | None = None
    greedy: dict[str, list[_Target[T]]] = field(default_factory=dict)
    targets: dict[str, list[_Target[T]]] = field(default_factory=dict)


class Routes(Generic[T]):
    """A trie over path segments; literal segments go before labels, the last label takes the rest where the model says
    `{name+}` or the path is that of an ARN's tags (clients do not always encode its slashes)."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, uri: str, value: T) -> None:
        path, _, query = uri.partition("?")
        node, labels = self._root, []
        literals = tuple(parse_query(query))
        segments = _segments(path)
        for position, segment in enumerate(segments):
            if not segment.startswith("{"):
                node = node.literals.setdefault(segment, _Node())
                continue
            name = segment[1:-1].rstrip("+")
            labels.append(name)
            if position == len(segments) - 1 and (segment.endswith("+}") or segments[position - 1] == "tags"):
                node.greedy.setdefault(method, []).append(_Target(value, tuple(labels), literals))
            if node.label is None:
                node.label = _Node()
            node = node.label
        found = node.targets.setdefault(method, [])
        found.append(_Target(value, tuple(labels), literals))
        found.sort(key=lambda target: -len(target.query))

    def find(self, request: HttpRequest) -> tuple[T, Labels] | None:
        segments = _segments(request.path)
        found = self._walk(self._root, segments, 0, [], request)
        if found is None:
            return None
        target, values = found
        return target.value, {name: unquote(value) for name, value in zip(target.labels, values, strict=True)}

    def _walk(
        self, node: _Node[T], segments: list[str], position: int, values: list[str], request: HttpRequest
    ) -> tuple[_Target[T], list[str]] | None:
        if position == len(segments):
            target = _matching(node.targets.get(request.method, ()), request)
            return None if target is None else (target, values)
        segment = segments[position]
        literal = node.literals.get(segment)
        if literal is not None:
            found = self._walk(literal, segments, position + 1, values, request)
            if found is not None:
                return found
        if node.label is not None and segment:
            found = self._walk(node.label, segments, position + 1, [*values, segment], request)
            if found is not None:
                return found
        target = _matching(node.greedy.get(request.method, ()), request)
        return None if target is None else (target, [*values, "/".join(segments[position:])])


def _matching(targets: list[_Target[T]] | tuple[()], request: HttpRequest) -> _Target[T] | None:
    for target in targets:
        if all(pair in request.parameters for pair in target.query):
            return target
    return None


def _segments(path: str) -> list[str]:
    segments = path.split("/")[1:]
    if segments and segments[-1] == "":
        segments.pop()
    return segments
