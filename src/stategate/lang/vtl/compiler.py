"""Statements to closures: `closure(scope, output)` renders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never

from stategate.lang.vtl import methods
from stategate.lang.vtl.context import (
    MAX_CALLS,
    BreakSignal,
    Deferred,
    Loop,
    MacroScope,
    Output,
    Render,
    Run,
    Scope,
    StopSignal,
)
from stategate.lang.vtl.errors import CallError, TemplateError
from stategate.lang.vtl.evaluate import Evaluate, ExpressionCompiler
from stategate.lang.vtl.parser import parse
from stategate.lang.vtl.tree import (
    Bare,
    Block,
    Break,
    Define,
    Expression,
    Foreach,
    If,
    Include,
    Index,
    MacroCall,
    Parsed,
    Reference,
    Set,
    Statement,
    Stop,
    Text,
    Word,
)
from stategate.lang.vtl.tree import Evaluate as EvaluateNode
from stategate.lang.vtl.values import MapView, iterable, text

ANY = "*"
_BODY = "bodyContent"
_STEPS_OF_PARSING = 8  # for each character that #evaluate reads


@dataclass(frozen=True, slots=True)
class CompiledMacro:
    """A macro: its parameters' names and what it renders."""

    parameters: tuple[str, ...]
    render: Render


def compile_tree(parsed: Parsed) -> tuple[Render, dict[str, CompiledMacro], frozenset[str]]:
    """The closure that renders a template, its macros, and the references whose values it may change (`ANY` among them:
    it may change all)."""
    compiler = _Compiler()
    body = compiler.block(parsed.body)
    macros = {
        name: CompiledMacro(macro.parameters, compiler.block(macro.body)) for name, macro in parsed.macros.items()
    }
    return body, macros, frozenset(compiler.lent)


class _Compiler:
    def __init__(self) -> None:
        self._expressions = ExpressionCompiler(self.block)
        self.lent = self._expressions.lent

    def block(self, node: Block) -> Render:
        before = self._expressions.nodes
        renders = tuple([self._statement(statement) for statement in node.statements])
        cost = len(renders) + 1 + self._expressions.nodes - before

        def block(scope: Scope, output: Output) -> None:
            run = scope.run
            run.steps += cost
            if run.steps > run.max_steps:
                run.charge(0)
            for render in renders:
                render(scope, output)

        return block

    def _statement(self, node: Statement) -> Render:
        match node:
            case Text(text=literal) | Bare(text=literal):
                return lambda scope, output: output.write(literal)
            case Reference():
                return self._reference(node)
            case Set():
                return self._set(node)
            case If():
                return self._if(node)
            case Foreach():
                return self._foreach(node)
            case Define(name=name):
                body = self.block(node.body)
                return _nothing if name is None else lambda scope, output: scope.put(name, Deferred(body, scope))
            case MacroCall():
                return self._macro(node)
            case EvaluateNode():
                return self._evaluate(node)
            case Stop():
                return _stop
            case Break():
                return self._break(node)
            case Include():
                return _include(node)
            case _:
                assert_never(node)

    # -- references

    def _reference(self, node: Reference) -> Render:
        value = self._expressions.reference(node)
        at = node.at
        head = node.escapes + node.prefix
        unset = node.escapes * 2 + node.prefix
        literal_key = node.unset

        def absent(scope: Scope, output: Output) -> None:
            literal = scope.literal(literal_key)
            output.write(unset + (node.unset if literal is None else literal))

        def render(scope: Scope, output: Output) -> None:
            found = value(scope)
            if type(found) is str:
                output.write(head + found if head else found)
                return
            if found is None:
                absent(scope, output)
                return
            try:
                if isinstance(found, Deferred):
                    if not found.render(output):
                        absent(scope, output)
                else:
                    output.write(head + scope.run.text(found))
            except CallError as error:
                raise scope.run.error(str(error), at) from None

        def escaped(scope: Scope, output: Output) -> None:
            slash = "\\" if value(scope) is None else ""
            literal = scope.literal(literal_key)
            output.write(node.escapes + slash + (node.unset if literal is None else literal))

        return escaped if node.escaped else render

    # -- directives

    def _set(self, node: Set) -> Render:
        value = self._expressions.value(node.value)
        target = node.target
        if isinstance(target, Bare):
            return lambda scope, output: None
        if target.parts:
            return self._set_part(target, value)
        name = target.name

        def assign(scope: Scope, output: Output) -> None:
            new = value(scope)
            if new is not None and name is not None:
                scope.put(name, new)

        return assign

    def _set_part(self, target: Reference, value: Evaluate) -> Render:
        last = target.parts[-1]
        self.lent.add(target.root)
        owner = self._expressions.reference(
            Reference(target.root, target.parts[:-1], target.literal, "", "", "", False, target.at)
        )
        write: Callable[[Scope, Any, Any], None]
        if isinstance(last, Index):
            key = self._expressions.value(last.key)

            def write(scope: Scope, holder: Any, new: Any) -> None:
                methods.write_index(holder, key(scope), new)
        else:
            name = last.name

            def write(scope: Scope, holder: Any, new: Any) -> None:
                methods.write_property(holder, name, new)

        def assign(scope: Scope, output: Output) -> None:
            new = value(scope)
            if new is None:
                return
            holder = owner(scope)
            if holder is None or holder == "":
                return
            try:
                write(scope, holder, new)
            except CallError as error:
                raise scope.run.error(str(error), last.at) from None

        return assign

    def _if(self, node: If) -> Render:
        branches = tuple([(self._expressions.condition(test), self.block(body)) for test, body in node.branches])
        otherwise = None if node.otherwise is None else self.block(node.otherwise)

        def render(scope: Scope, output: Output) -> None:
            for test, body in branches:
                if test(scope):
                    body(scope, output)
                    return
            if otherwise is not None:
                otherwise(scope, output)

        return render

    def _foreach(self, node: Foreach) -> Render:
        source = self._expressions.value(node.values)
        body = self.block(node.body)
        variable, at = node.variable, node.at

        def render(scope: Scope, output: Output) -> None:
            values = source(scope)
            items = iterable(values)
            if items is None:
                return
            run = scope.run
            put = scope.put
            # In the order in which Velocity restores them.
            saved = [(name, scope.get(name)) for name in ("velocityCount", "velocityHasNext", variable)]
            outer = scope.get("foreach")
            loop = Loop(outer)
            put("foreach", loop)
            size = left = len(items)
            run.steps += size >> 4
            for item in list(items):
                if left != size and _size(values, size) != size:
                    if isinstance(values, list) and len(values) == loop.count:
                        break
                    raise run.error("ConcurrentModificationException: #foreach over what it changes", at)
                loop.count += 1
                left -= 1
                loop.last = left == 0
                if loop.count > run.max_turns:
                    raise run.error(f"#foreach turns more than {run.max_turns} times", at)
                put("velocityCount", loop.count)
                put("velocityHasNext", left > 0)
                put(variable, item)
                run.at = at
                try:
                    body(scope, output)
                except BreakSignal as signal:
                    if signal.scope is None or signal.scope is loop:
                        break
                    raise
            for name, value in [*saved, ("foreach", outer)]:
                if value is None:
                    scope.remove(name)
                else:
                    put(name, value)

        return render

    def _macro(self, node: MacroCall) -> Render:
        name, literal, at = node.name, node.literal, node.at
        arguments = tuple([(self._expressions.value(given), _literal(given)) for given in node.arguments])
        word = next((given.text for given in node.arguments if isinstance(given, Word)), None)
        body = None if node.body is None else self.block(node.body)

        def render(scope: Scope, output: Output) -> None:
            run = scope.run
            macro = run.macros.get(name)
            if macro is None:
                output.write(literal)
                return
            if word is not None:
                raise run.error(f"Invalid argument '{word}' of macro #{name}", at)
            given = dict(zip(macro.parameters, [value for value, _ in arguments], strict=False))
            literals = {"$" + key: arguments[number][1] for number, key in enumerate(given)}
            inner = MacroScope(scope, given, literals)
            if body is not None:
                deferred = Deferred(body, scope)
                given[_BODY] = lambda outer: deferred
            _enter(run, at, f"Macros call each other more than {MAX_CALLS} deep in #{name}")
            try:
                macro.render(inner, output)
            except BreakSignal as signal:
                if signal.scope is not None:
                    raise
            finally:
                run.depth -= 1

        return render

    def _evaluate(self, node: EvaluateNode) -> Render:
        value = self._expressions.value(node.text)
        at = node.at
        self.lent.add(ANY)

        def render(scope: Scope, output: Output) -> None:
            run = scope.run
            source = text(value(scope) or "")
            _enter(run, at, f"#evaluate more than {MAX_CALLS} deep")
            try:
                run.charge(len(source) * _STEPS_OF_PARSING)
                parsed = parse(source, frozenset(run.macros))
                inner, macros, _ = compile_tree(parsed)
                # What a template defined stays.
                run.macros = macros | run.macros
                inner(scope, output)
            except StopSignal:
                pass  # ends what is evaluated, not the template
            except BreakSignal as signal:
                if signal.scope is not None:
                    raise
            except TemplateError as error:
                raise run.error(f"In #evaluate: {error.message}", at) from None
            finally:
                run.depth -= 1

        return render

    def _break(self, node: Break) -> Render:
        scope_value = None if node.scope is None else self._expressions.value(node.scope)
        at = node.at

        def render(scope: Scope, output: Output) -> None:
            if scope_value is None:
                raise BreakSignal
            target = scope_value(scope)
            if not isinstance(target, Loop):
                raise scope.run.error("#break takes a scope such as $foreach", at)
            raise BreakSignal(target)

        return render


def _size(values: Any, otherwise: int) -> int:
    return len(values) if isinstance(values, list | dict | MapView) else otherwise


def _enter(run: Run, at: int, message: str) -> None:
    if run.depth >= MAX_CALLS:
        raise run.error(message, at)
    run.depth += 1
    run.at = at
    run.charge(4)


def _nothing(scope: Scope, output: Output) -> None:
    pass


def _stop(scope: Scope, output: Output) -> None:
    raise StopSignal


def _include(node: Include) -> Render:
    def render(scope: Scope, output: Output) -> None:
        raise scope.run.error(f"#{node.directive} is not possible: a template has no other files", node.at)

    return render


def _literal(node: Expression) -> str:
    return node.text if isinstance(node, Bare) else node.literal
