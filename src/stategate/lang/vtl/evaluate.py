"""Expressions to closures: `closure(scope)` gives the value."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time
from typing import Any, assert_never

from stategate.lang.vtl import javaregex, methods
from stategate.lang.vtl.arithmetic import ORDER, compute
from stategate.lang.vtl.context import Deferred, Output, Render, Run, Scope
from stategate.lang.vtl.errors import CallError
from stategate.lang.vtl.host import Exposed
from stategate.lang.vtl.tree import (
    Bare,
    Binary,
    Block,
    Call,
    Constant,
    Expression,
    Index,
    Interpolated,
    ListLiteral,
    MapLiteral,
    Not,
    Part,
    Property,
    RangeLiteral,
    Reference,
    Word,
)
from stategate.lang.vtl.values import HOLDERS, ListValue, is_number, loosely_equal

Evaluate = Callable[[Scope], Any]
Condition = Callable[[Scope], bool]
_Step = Callable[[Scope, Any], Any]
CompileBlock = Callable[[Block], Render]

_MAX_RANGE = 1_000_000
# The methods that run a template's regular expressions.
_MATCHING = frozenset({"matches", "split", "replaceAll", "replaceFirst"})
_STEPS_OF_A_CALL = 1
# What a call costs beside that: one step for so many (as a power of two) characters.
_WEIGHT, _WEIGHT_OF_SLOW = 5, 3
_SMALL = 256  # a value up to this size costs nothing extra
_SLOW = frozenset({"compareTo", "compareToIgnoreCase", "getBytes", "hashCode", "split", "toCharArray"})
_INSTANT = frozenset(
    {"add", "containsKey", "entrySet", "get", "getKey", "getOrDefault", "getValue", "isEmpty", "keySet", "length"}
    | {"put", "putIfAbsent", "set", "setValue", "size", "values"}
)
# Of values that hold others: methods that go through all that is in them.
_DEEP = frozenset({"clone", "containsValue", "equals", "lastIndexOf", "remove", "replace"})


class ExpressionCompiler:
    """Makes closures of a template's expressions; `block` compiles what stands inside of strings.

    `nodes` counts what was compiled. `lent` has the roots of references whose values are more than printed: a template
    may change them.
    """

    def __init__(self, block: CompileBlock) -> None:
        self._block = block
        self.nodes = 0
        self.lent: set[str] = set()

    # -- values

    def value(self, node: Expression) -> Evaluate:
        self.nodes += 1
        match node:
            case Constant(value=value):
                return lambda scope: value
            case Reference():
                self.lent.add(node.root)
                return self.reference(node)
            case Interpolated():
                return self._interpolated(node)
            case ListLiteral(items=items):
                members = [self.value(item) for item in items]
                return lambda scope: ListValue([member(scope) for member in members])
            case MapLiteral():
                return self._map(node)
            case RangeLiteral():
                return self._range(node)
            case Binary(operator="+" | "-" | "*" | "/" | "%"):
                return self._arithmetic(node)
            case Binary() | Not():
                return self.condition(node)
            case Bare() | Word():
                return lambda scope: None
            case _:
                assert_never(node)

    def reference(self, node: Reference) -> Evaluate:
        """The value of a reference: what is missing has the value "" in silent mode, None otherwise."""
        root = node.root
        if any(isinstance(part, Call) for part in node.parts):
            self.lent.add(root)
        steps = [self._step(part) for part in node.parts]

        def plain(scope: Scope) -> Any:
            value = scope.get(root)
            return scope.missing if value is None else value

        def one(scope: Scope) -> Any:
            value = scope.get(root)
            if value is not None:
                value = step(scope, value)
            return scope.missing if value is None else value

        def two(scope: Scope) -> Any:
            value = scope.get(root)
            if value is not None:
                value = step(scope, value)
                if value is not None:
                    value = last(scope, value)
            return scope.missing if value is None else value

        def many(scope: Scope) -> Any:
            value = scope.get(root)
            for each in steps:
                if value is None:
                    break
                value = each(scope, value)
            return scope.missing if value is None else value

        if not steps:
            return plain
        step, last = steps[0], steps[-1]
        match len(steps):
            case 1:
                return one
            case 2:
                return two
            case _:
                return many

    def _step(self, part: Part) -> _Step:
        match part:
            case Property(name=name):

                def member(scope: Scope, value: Any) -> Any:
                    if type(value) is dict:
                        return value.get(name)
                    if type(value) is str and len(value) > _SMALL:
                        scope.run.charge(len(value) >> _WEIGHT_OF_SLOW)
                    return methods.read_property(value, name)

                return member
            case Index(key=key, at=at):
                return self._index(self.value(key), at)
            case Call():
                return self._call(part)
            case _:
                assert_never(part)

    def _index(self, key: Evaluate, at: int) -> _Step:
        def item(scope: Scope, value: Any) -> Any:
            try:
                return methods.read_index(value, key(scope))
            except CallError as error:
                raise scope.run.error(str(error), at) from None

        return item

    def _call(self, part: Call) -> _Step:
        name, at = part.name, part.at
        given = self._arguments(part.arguments)
        key = (name, len(part.arguments))
        constants = _constants(part.arguments)
        chosen = methods.chosen(name, len(part.arguments), constants)
        prepared = None if constants is None else methods.prepared(name, constants)
        if prepared is not None:
            chosen[str] = prepared
        matching = name in _MATCHING and prepared is None
        instant = name in _INSTANT and key != ("add", 2)
        weight, weigh = _WEIGHT_OF_SLOW if name in _SLOW else _WEIGHT, _weigh(name, len(part.arguments))

        def call(scope: Scope, value: Any) -> Any:
            run = scope.run
            run.steps += _STEPS_OF_A_CALL
            arguments = given(scope)
            kind = type(value)
            started = 0.0
            try:
                if matching:
                    javaregex.patience.seconds = run.seconds()
                    started = thread_time()
                if not instant:
                    if kind is str and len(value) > _SMALL:
                        run.charge(len(value) >> weight)
                    if kind in HOLDERS:
                        weigh(run, value, *arguments)
                    elif constants is None:
                        for argument in arguments:
                            if type(argument) is not str:
                                run.walk(argument)
                            elif len(argument) > _SMALL:
                                run.charge(len(argument) >> _WEIGHT)
                method = chosen.get(kind)
                if method is None and isinstance(value, Exposed):
                    method = value.vtl_methods.get(key)
                    result = None if method is None else method(value, *arguments)
                else:
                    result = methods.call(value, name, arguments) if method is None else method(value, *arguments)
                if matching:
                    run.took(started)
                if type(result) is str:
                    return run.made(result) if len(result) > _SMALL else result
                if not instant and isinstance(result, list) and len(result) > _SMALL:
                    run.charge(len(result) >> 3)
                return result
            except CallError as error:
                raise run.error(f".{name}(): {error}", at) from None

        return call

    def _arguments(self, nodes: tuple[Expression, ...]) -> Callable[[Scope], tuple[Any, ...]]:
        constants = _constants(nodes)
        if constants is not None:
            return lambda scope: constants
        values = [self.value(node) for node in nodes]
        if len(values) == 1:
            only = values[0]
            return lambda scope: (only(scope),)
        return lambda scope: tuple([value(scope) for value in values])

    def _interpolated(self, node: Interpolated) -> Evaluate:
        body = self._block(node.body)
        padded = node.padded

        def value(scope: Scope) -> str:
            output = Output(scope.run.max_output)
            body(scope, output)
            made = scope.run.made(output.text())
            return made[:-1] if padded else made

        return value

    def _map(self, node: MapLiteral) -> Evaluate:
        pairs = [(self.value(key), self.value(value)) for key, value in node.pairs]
        at = node.at

        def value(scope: Scope) -> dict[Any, Any]:
            made: dict[Any, Any] = {}
            for key, member in pairs:
                try:
                    made[key(scope)] = member(scope)
                except TypeError:
                    raise scope.run.error("A list or a map cannot be a key", at) from None
            return made

        return value

    def _range(self, node: RangeLiteral) -> Evaluate:
        first, last, at = self.value(node.first), self.value(node.last), node.at

        def value(scope: Scope) -> ListValue | None:
            start, end = first(scope), last(scope)
            if not (is_number(start) and is_number(end)):
                return None
            start, end = int(start), int(end)
            size = abs(end - start) + 1
            if size > _MAX_RANGE:
                raise scope.run.error(f"A range of more than {_MAX_RANGE} numbers", at)
            scope.run.charge(size >> 2)
            return ListValue(range(start, end + 1) if start <= end else range(start, end - 1, -1))

        return value

    def _arithmetic(self, node: Binary) -> Evaluate:
        left, right = self.value(node.left), self.value(node.right)
        symbol, at = node.operator, node.at
        names = (_literal(node.left), _literal(node.right))

        def value(scope: Scope) -> Any:
            one, other = left(scope), right(scope)
            try:
                if symbol == "+" and (isinstance(one, str) or isinstance(other, str)):
                    head = names[0] if one is None else scope.run.text(one)
                    return scope.run.made(head + (names[1] if other is None else scope.run.text(other)))
                return compute(symbol, one, other)
            except CallError as error:
                raise scope.run.error(str(error), at) from None

        return value

    # -- conditions

    def condition(self, node: Expression) -> Condition:
        """Whether `#if` takes it: a value that is not false; literals other than true never are."""
        self.nodes += 1
        match node:
            case Reference():
                value = self.reference(node)

                def given(scope: Scope) -> bool:
                    found = value(scope)
                    if isinstance(found, Deferred):
                        # The engine asks for its text, which may set and stop.
                        return found.vtl_text() is not None
                    return found is not None and found is not False

                return given
            case Constant(value=constant):
                answer = constant is True
                return lambda scope: answer
            case Not(operand=operand):
                inner = self.condition(operand)
                return lambda scope: not inner(scope)
            case Binary(operator="&&"):
                left, right = self.condition(node.left), self.condition(node.right)
                return lambda scope: left(scope) and right(scope)
            case Binary(operator="||"):
                left, right = self.condition(node.left), self.condition(node.right)
                return lambda scope: left(scope) or right(scope)
            case Binary(operator="==" | "!="):
                return self._equality(node)
            case Binary(operator="<" | "<=" | ">" | ">="):
                return self._order(node)
            case _:
                return lambda scope: False

    def _equality(self, node: Binary) -> Condition:
        left, right = self.value(node.left), self.value(node.right)
        at, wanted = node.at, node.operator == "=="

        def equal(scope: Scope) -> bool:
            one, other = left(scope), right(scope)
            try:
                if type(one) in HOLDERS or type(other) in HOLDERS:
                    return scope.run.equal(one, other) is wanted
                return loosely_equal(one, other) is wanted
            except CallError as error:
                raise scope.run.error(str(error), at) from None

        return equal

    def _order(self, node: Binary) -> Condition:
        left, right = self.value(node.left), self.value(node.right)
        compare = ORDER[node.operator]

        def ordered(scope: Scope) -> bool:
            one, other = left(scope), right(scope)
            return is_number(one) and is_number(other) and compare(one, other)

        return ordered


def _weigh(name: str, count: int) -> Callable[..., object]:
    """What spends steps for a call on a value that holds others: a function of the run, the value and the arguments."""
    match name, count:
        case ("hashCode" | "toString", 0):
            return Run.text
        case ("contains" | "indexOf", 1):
            return Run.search
        case ("containsAll" | "removeAll" | "retainAll", 1):
            return Run.search_all
        case ("remove", 1):
            return Run.take
        case _:
            return Run.walk if name in _DEEP else Run.skim


def _constants(nodes: tuple[Expression, ...]) -> tuple[Any, ...] | None:
    """The arguments of a call if all of them are constants."""
    values = [node.value for node in nodes if isinstance(node, Constant)]
    return tuple(values) if len(values) == len(nodes) else None


def _literal(node: Expression) -> str:
    match node:
        case Bare(text=name):
            return name
        case _:
            return node.literal
