"""What an expression refers to and does not bind itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jsonata2py.parser import ast_nodes as tree
from jsonata2py.translator.translator import _BUILTIN_SIGNATURES

BUILTIN_FUNCTIONS: frozenset[str] = frozenset(_BUILTIN_SIGNATURES) | {"eval"}
STATES_FUNCTIONS: frozenset[str] = frozenset({"partition", "range", "hash", "random", "uuid", "parse"})
_KNOWN = BUILTIN_FUNCTIONS | STATES_FUNCTIONS


@dataclass(frozen=True, slots=True)
class References:
    """Free names: those read, and those of built-in functions, read or called; and whether `$eval` is used."""

    variables: frozenset[str]
    builtins: frozenset[str]
    uses_eval: bool


def find(root: tree.AstNode) -> References:
    """Walks a parsed expression once."""
    search = _Search()
    search.visit(root, _Scope(None, set(_bound_here(root))))
    builtins = (search.read | search.called) & BUILTIN_FUNCTIONS
    return References(frozenset(search.read - _KNOWN), frozenset(builtins), "eval" in builtins)


class _Scope:
    """Names bound so far, and `later`: those that the same block binds anywhere, which the functions in it see."""

    __slots__ = ("bound", "later", "outer")

    def __init__(self, outer: _Scope | None, later: set[str]) -> None:
        self.outer = outer
        self.bound: set[str] = set()
        self.later = later

    def has(self, name: str, late: bool) -> bool:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.bound or (late and name in scope.later):
                return True
            scope = scope.outer
        return False


class _Search:
    def __init__(self) -> None:
        self.read: set[str] = set()
        self.called: set[str] = set()
        self._late = 0

    def visit(self, node: Any, scope: _Scope) -> None:
        match node:
            case tree.VariableRef(name):
                self._refer(name, scope, self.read)
            case tree.FunctionCall(name, args, is_variable):
                if is_variable:
                    self._refer(name, scope, self.called)
                self._visit_all(args, scope)
            case tree.PartialApplication(name, args):
                self._refer(name, scope, self.called)
                self._visit_all(args, scope)
            case tree.VariableBinding(name, value):
                self.visit(value, scope)
                scope.bound.add(name)
            case tree.PositionBinding(name) | tree.ContextBinding(name):
                scope.bound.add(name)
            case tree.Lambda(params, body):
                inner = _Scope(scope, set(_bound_here(body)))
                inner.bound.update(params)
                self._late += 1
                self.visit(body, inner)
                self._late -= 1
            case tree.Block(expressions):
                inner = _Scope(scope, {name for item in expressions for name in _bound_here(item)})
                self._visit_all(expressions, inner)
            case tree.Parenthesized(only):
                self.visit(only, _Scope(scope, set(_bound_here(only))))
            case tree.PathExpr(steps):
                self._visit_all(steps, _Scope(scope, set()))
            case _:
                self._visit_all(_children(node), scope)

    def _visit_all(self, nodes: Iterable[Any], scope: _Scope) -> None:
        for node in nodes:
            self.visit(node, scope)

    def _refer(self, name: str, scope: _Scope, into: set[str]) -> None:
        if not scope.has(name, self._late > 0):
            into.add(name)


def _children(node: Any) -> Iterator[Any]:
    """The nodes right below, in the order they are written."""
    if not dataclasses.is_dataclass(node):
        return
    for entry in dataclasses.fields(node):
        value = getattr(node, entry.name)
        for item in value if isinstance(value, list) else (value,):
            if dataclasses.is_dataclass(item):
                yield item


def _bound_here(node: Any) -> Iterator[str]:
    """Names that a node binds in its own frame: not those of blocks and functions in it."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tree.VariableBinding):
            yield current.name
        if not isinstance(current, tree.Lambda | tree.Block | tree.Parenthesized):
            pending.extend(_children(current))


def rename(node: Any, names: dict[str, str]) -> Any:
    """The same tree with variables called by other names wherever they are bound, read or called."""
    if isinstance(node, list):
        return [rename(item, names) for item in node]
    if isinstance(node, str) or not dataclasses.is_dataclass(node):
        return node
    changes: dict[str, Any] = {}
    for entry in dataclasses.fields(node):
        value = getattr(node, entry.name)
        renamed = rename(value, names)
        if entry.name in _NAME_FIELDS.get(type(node), ()):
            renamed = [names.get(item, item) for item in value] if isinstance(value, list) else names.get(value, value)
        if renamed is not value:
            changes[entry.name] = renamed
    if isinstance(node, tree.FunctionCall) and not node.is_variable:
        changes.pop("name", None)
    return dataclasses.replace(node, **changes) if changes else node


_NAME_FIELDS: dict[type, tuple[str, ...]] = {
    tree.VariableRef: ("name",),
    tree.FunctionCall: ("name",),
    tree.PartialApplication: ("name",),
    tree.VariableBinding: ("name",),
    tree.PositionBinding: ("var_name",),
    tree.ContextBinding: ("var_name",),
    tree.Lambda: ("params",),
}
