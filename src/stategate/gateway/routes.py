"""The route table: a trie of path segments with (resource, method) candidates.

Only methods that exist count: a resource without the method lets a less specific one answer. A static segment beats
`{param}`, which beats `{proxy+}`; an exact method beats ANY. The cost of a look-up grows with the path's length only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """`parameters` are as they came, percent-encoded: so they stand in a Lambda proxy event [recorded]."""

    target: T
    parameters: dict[str, str]


class _Node(Generic[T]):
    __slots__ = ("children", "greedy", "greedy_name", "methods", "name", "variable")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.variable: _Node[T] | None = None
        self.name = ""
        self.greedy: dict[str, T] | None = None
        self.greedy_name = ""
        self.methods: dict[str, T] = {}


class Routes(Generic[T]):
    """`add` while compiling, `find` afterwards."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, path: str, methods: Mapping[str, T]) -> None:
        """`path` is a resource's template path; methods by verb, ANY among them."""
        node = self._root
        for part in [part for part in path.split("/") if part]:
            if part.startswith("{") and part.endswith("+}"):
                node.greedy = dict(methods)
                node.greedy_name = part[1:-2]
                return
            if part.startswith("{") and part.endswith("}"):
                if node.variable is None:
                    node.variable = _Node()
                    node.variable.name = part[1:-1]
                node = node.variable
            else:
                node = node.children.setdefault(part, _Node())
        node.methods.update(methods)

    def find(self, method: str, path: str) -> Match[T] | None:
        """`path` is the request's raw path below the stage, percent-encoded. A trailing slash is ignored, leading
        slashes count as one."""
        text = path.strip("/")
        segments = text.split("/") if text else []
        found = _find(self._root, method, segments, 0)
        if found is None:
            return None
        target, values = found
        return Match(target, dict(values))


def _find(node: _Node[T], method: str, segments: list[str], at: int) -> tuple[T, tuple[tuple[str, str], ...]] | None:
    if at == len(segments):
        target = node.methods.get(method) or node.methods.get("ANY")
        return None if target is None else (target, ())
    segment = segments[at]
    child = node.children.get(segment)
    if child is None and "%" in segment:
        child = node.children.get(unquote(segment))
    if child is not None:
        found = _find(child, method, segments, at + 1)
        if found is not None:
            return found
    if node.variable is not None and segment:
        found = _find(node.variable, method, segments, at + 1)
        if found is not None:
            return found[0], ((node.variable.name, segment), *found[1])
    if node.greedy is not None:
        target = node.greedy.get(method) or node.greedy.get("ANY")
        if target is not None:
            return target, ((node.greedy_name, "/".join(segments[at:])),)
    return None
