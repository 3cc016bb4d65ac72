"""Makes the library's generated Python count what it does.

The library turns an expression into the source of a Python module. Each function in it gets its result granted by the
meter, each loop pays per turn; and since the source comes from somebody's expression, nothing but the names and
attributes that the translation is known to use may occur in it."""

from __future__ import annotations

import ast
from types import CodeType
from typing import Any

GRANT = "_sg_grant"
TURN = "_sg_turn"
_ALLOWED = (isinstance, list, dict, str, len, int, float, bool, range, enumerate, tuple, zip, any, all, next, iter, set)
BUILTINS: dict[str, Any] = {function.__name__: function for function in _ALLOWED}
_ATTRIBUTES = frozenset(
    {"append", "extend", "setdefault", "items", "get", "values", "keys", "copy", "fn", "__class__", "pop", "add"}
)
_CHECKED = frozenset({"sig_a", "sig_t", "fn_signature_error"})


class ForeignCode(Exception):
    """The translation holds something that no translation should."""


def instrument(source: str, filename: str) -> CodeType:
    """The module's code, counted and checked. Raises `ForeignCode`, `SyntaxError`, `RecursionError`."""
    module = ast.parse(source)
    module.body = [node for node in module.body if not _is_runtime_import(node)]
    _check(module)
    counted = ast.fix_missing_locations(_Counter().visit(module))
    return compile(counted, filename, "exec")


def _is_runtime_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "jsonata2py.runtime"


def _check(module: ast.Module) -> None:
    for node in ast.walk(module):
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Global() | ast.ClassDef() | ast.Await() | ast.Delete():
                raise ForeignCode(type(node).__name__)
            case ast.Attribute(attr=attr) if attr not in _ATTRIBUTES:
                raise ForeignCode(attr)
            case ast.Name(id=name) if name.startswith(("__", "_sg_")):
                raise ForeignCode(name)


class _Counter(ast.NodeTransformer):
    """Weighs each function by the nodes of its own body: what one run of it costs at least."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        weight = _weight(node)
        self.generic_visit(node)
        if node.name == "_evaluate":
            return node
        for statement in ast.walk(node):
            if isinstance(statement, ast.Return) and statement.value is not None:
                statement.value = _call(GRANT, statement.value, weight)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        weight = _weight(node)
        self.generic_visit(node)
        node.body = _call(GRANT, node.body, weight)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        return self._loop(node)

    def visit_While(self, node: ast.While) -> ast.AST:
        return self._loop(node)

    def _loop(self, node: ast.For | ast.While) -> ast.AST:
        weight = _weight(node)
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_call(TURN, None, weight)))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, ast.UnaryOp(ast.Not(), _call(TURN, None, 2)))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Tells the checks of arguments the function that they are for, which the messages name."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id.startswith("fn_"):
            for argument in node.args:
                match argument:
                    case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _CHECKED:
                        argument.keywords.append(ast.keyword("function", ast.Constant(_function_name(node.func.id))))
        return node


def _function_name(runtime_name: str) -> str:
    return runtime_name.removeprefix("fn_").split("_")[0]


def _call(name: str, value: ast.expr | None, weight: int) -> ast.expr:
    arguments: list[ast.expr] = [ast.Constant(weight)] if value is None else [value, ast.Constant(weight)]
    return ast.Call(ast.Name(name, ast.Load()), arguments, [])


def _weight(function: ast.AST) -> int:
    """Calls in the body, without those in functions inside it, which pay for themselves."""
    weight, pending = 1, list(ast.iter_child_nodes(function))
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Lambda | ast.FunctionDef | ast.For | ast.While):
            continue
        weight += isinstance(node, ast.Call | ast.BinOp | ast.Compare)
        pending.extend(ast.iter_child_nodes(node))
    return weight
