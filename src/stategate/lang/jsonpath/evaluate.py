"""Tokens -> closures.

A path of names and indexes is a loop; anything else is a chain of closures, each of which hands its values to the
next, and the last of which collects them. Where a value is in the document is a linked list, made into text only for
a message.
"""

from collections.abc import Callable, Iterator
from typing import Any

from stategate.lang.jsonpath.errors import PathNotApplicable, PathNotFound
from stategate.lang.jsonpath.filters import text_of
from stategate.lang.jsonpath.tokens import Elements, Filter, Operation, Properties, Root, Scan, Token, Wildcard

Where = tuple[Any, ...]
"""(where the container is, name or index), () at the root."""

_MAX_VISITS = 1_000_000
_MAX_SELECTED = 32 * 1024 * 1024  # characters of what a path selects, in which the same value may be many times


class Results(list[Any]):
    """What was found, and how much looking is left: paths like `$..*..*..*` can ask for more than one can wait for."""

    left = _MAX_VISITS

    def spend(self, visits: int) -> None:
        self.left -= visits
        if self.left < 0:
            raise PathNotApplicable(f"The path visits more than {_MAX_VISITS} values")


Step = Callable[[Any, Where, Any, Results], None]
"""(value, where it is, root document, results)"""


def _text(where: Where) -> str:
    steps: list[str] = []
    while where:
        where, step = where
        steps.append(f"['{step}']" if isinstance(step, str) else f"[{step}]")
    return "$" + "".join(reversed(steps))


def definite_finder(segments: tuple[str | int, ...]) -> Callable[[Any], Any]:
    """The function of a path of names and indexes."""
    if not segments:
        return lambda document: document
    if len(segments) == 1 and isinstance(segments[0], str):
        name = segments[0]

        def find_member(document: Any) -> Any:
            try:
                return document[name]
            except (KeyError, TypeError, IndexError):
                raise _miss(document, segments) from None

        return find_member

    def find(document: Any) -> Any:
        value = document
        try:
            for segment in segments:
                value = value[segment]
        except (KeyError, TypeError, IndexError):
            raise _miss(document, segments) from None
        return value

    def find_carefully(document: Any) -> Any:
        # An index on a string would succeed in Python.
        value: Any = document
        try:
            for segment in segments:
                if isinstance(segment, int) and not isinstance(value, list):
                    raise _miss(document, segments)
                value = value[segment]
        except (KeyError, TypeError, IndexError):
            raise _miss(document, segments) from None
        return value

    return find if all(isinstance(segment, str) for segment in segments) else find_carefully


def _miss(document: Any, segments: tuple[str | int, ...]) -> PathNotFound:
    """What to say of a path that was not found: walks it again."""
    value: Any = document
    where: Where = ()
    last = len(segments) - 1
    for at, segment in enumerate(segments):
        here: Where = (where, segment)
        if isinstance(segment, str):
            if not isinstance(value, dict):
                return PathNotFound(f"Property ['{segment}'] not found in path {_text(where)}")
            if segment not in value:
                return PathNotFound(
                    ("No results for path: " if at == last else "Missing property in path ") + _text(here)
                )
        else:
            if value is None:
                return PathNotFound(f"The path {_text(where)} is null")
            if not isinstance(value, list):
                rest = "".join(f"['{step}']" if isinstance(step, str) else f"[{step}]" for step in segments[at:])
                return _not_an_array(rest, value)
            if segment >= len(value):
                return PathNotFound(f"Index out of bounds when evaluating path {_text(here)}")
            value, where = value[segment], here
            continue
        value, where = value[segment], here
    raise AssertionError("the path is there")


def _not_an_array(step: str, value: Any) -> PathNotApplicable:
    return PathNotApplicable(f"Filter: {step} can only be applied to arrays. Current context is: {text_of(value)}")


def general_finder(tokens: list[Token], *, definite: bool, strict: bool = False) -> Callable[[Any], Any]:
    """The function of any path: a list of results, or the one result of a definite path. `strict`: several names at
    once must all be there."""
    step = _chain(tokens, strict_names=strict)
    repeats = any(isinstance(token, Scan | Elements) for token in tokens) and not definite

    def find(document: Any) -> Any:
        results = Results()
        try:
            step(document, (), document, results)
        except RecursionError:
            raise PathNotApplicable("The path goes too deep") from None
        if not definite:
            if repeats and len(results) > 1:
                _check_size(results)
            return list(results)
        if not results:
            raise PathNotFound("No results for path: " + "".join(map(str, tokens)))
        return results[0]

    return find


def _check_size(values: list[Any]) -> None:
    left = _MAX_SELECTED
    pending = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            left -= len(value)
        elif isinstance(value, (dict, list)):
            left -= 2 + 8 * len(value)
            pending.extend(value.values() if isinstance(value, dict) else value)
        if left < 0:
            raise PathNotApplicable(f"The path selects more than {_MAX_SELECTED} characters")


def _collect(value: Any, where: Where, root: Any, results: Results) -> None:
    results.append(value)


def _chain(tokens: list[Token], *, strict_names: bool) -> Step:
    next_step: Step | None = None
    after: Step | None = None
    definite = [True] * (len(tokens) + 1)  # whether all from a token on is definite
    for at in range(len(tokens) - 1, -1, -1):
        definite[at] = definite[at + 1] and tokens[at].definite
    for at in range(len(tokens) - 1, -1, -1):
        token = tokens[at]
        match token:
            case Root():
                step = next_step or _collect
            case Wildcard():
                step = _wildcard(next_step or _collect)
            case Properties((name,)):
                # A missing name in the middle is an error only if all from the step before it on is definite.
                step = _property(name, next_step, strict=definite[max(at - 1, 0)])
            case Properties(names):
                step = _properties(names, leaf=next_step is None, strict=strict_names, text=str(token))
            case Elements():
                step = _elements(token, next_step or _collect, tokens, at)
            case Filter():
                step = _filter(token, next_step or _collect, tokens, at)
            case Scan():
                assert next_step is not None, "the parser refuses a scan at the end"
                step = _scan(tokens[at + 1], next_step, after)
        next_step, after = step, next_step
    assert next_step is not None
    return next_step


def _property(name: str, next_step: Step | None, *, strict: bool) -> Step:
    def step(value: Any, where: Where, root: Any, results: Results) -> None:
        if not isinstance(value, dict):
            raise PathNotFound(f"Property ['{name}'] not found in path {_text(where)}")
        if name in value:
            if next_step is None:
                results.append(value[name])
            else:
                next_step(value[name], (where, name), root, results)
        elif next_step is None:
            raise PathNotFound(f"No results for path: {_text((where, name))}")
        elif strict:
            raise PathNotFound(f"Missing property in path {_text((where, name))}")

    return step


def _properties(names: tuple[str, ...], *, leaf: bool, strict: bool, text: str) -> Step:
    def step(value: Any, where: Where, root: Any, results: Results) -> None:
        if not isinstance(value, dict):
            raise PathNotFound(f"Property {text} not found in path {_text(where)}")
        if not leaf:
            raise PathNotApplicable(f"Multi properties can only be used as path leafs: {_text(where)}{text}")
        if strict and not all(name in value for name in names):
            raise PathNotFound(f"Missing property in path {_text(where)}{text}")
        results.append({name: value[name] for name in names if name in value})

    return step


def _wildcard(next_step: Step) -> Step:
    def step(value: Any, where: Where, root: Any, results: Results) -> None:
        if isinstance(value, dict):
            results.spend(len(value))
            for name, member in value.items():
                next_step(member, (where, name), root, results)
        elif isinstance(value, list):
            results.spend(len(value))
            for index, item in enumerate(value):
                try:
                    next_step(item, (where, index), root, results)
                except PathNotApplicable:
                    raise
                except PathNotFound:
                    continue

    return step


def _elements(token: Elements, next_step: Step, tokens: list[Token], at: int) -> Step:
    indexes = _indexes(token)

    def step(value: Any, where: Where, root: Any, results: Results) -> None:
        if value is None:
            raise PathNotFound(f"The path {_text(where)} is null")
        if not isinstance(value, list):
            raise _not_an_array("".join(map(str, tokens[at:])), value)
        length = len(value)
        wanted = indexes(length)
        results.spend(len(wanted))
        for index in wanted:
            if not 0 <= index < length:
                raise PathNotFound(f"Index out of bounds when evaluating path {_text((where, index))}")
            next_step(value[index], (where, index), root, results)

    return step


def _indexes(token: Elements) -> Callable[[int], tuple[int, ...] | range]:
    """Length of the array -> the indexes that the token selects; those outside of the array are errors."""
    numbers = token.numbers
    first = numbers[0]
    match token.operation:
        case Operation.INDEX | Operation.INDEXES:
            return lambda length: numbers
        case Operation.FROM_END:
            return lambda length: (length + first,)
        case Operation.FROM:
            return lambda length: range(max(0, first + length if first < 0 else first), length)
        case Operation.TO:
            return lambda length: range(min(length, first + length if first < 0 else first))
        case Operation.BETWEEN:
            second = numbers[1]
            return lambda length: range(first, min(length, second)) if length else ()


def _filter(token: Filter, next_step: Step, tokens: list[Token], at: int) -> Step:
    accepts = token.accepts

    def step(value: Any, where: Where, root: Any, results: Results) -> None:
        if isinstance(value, dict):
            if accepts(value, root):
                next_step(value, where, root, results)
        elif isinstance(value, list):
            results.spend(len(value))
            for index, item in enumerate(value):
                if accepts(item, root):
                    next_step(item, (where, index), root, results)
        else:
            raise PathNotApplicable(
                f"Filter: {''.join(map(str, tokens[at:]))} can not be applied to primitives. "
                f"Current context is: {text_of(value)}"
            )

    return step


def _scan(token: Token, step: Step, after: Step | None) -> Step:
    """`..`: `step`, the step that follows, on every container that has what it asks for.

    On an array that has it Jayway skips the step and takes every element on to the step after it, if there is one.
    """

    def scan(value: Any, where: Where, root: Any, results: Results) -> None:
        for here, place in _containers(value, where):
            results.spend(1)
            if not _asked_for(token, here, root):
                continue
            if isinstance(here, dict) or after is None:
                step(here, place, root, results)
            else:
                results.spend(len(here))
                for index, item in enumerate(here):
                    after(item, (place, index), root, results)

    return scan


def _asked_for(token: Token, value: Any, root: Any) -> bool:
    match token:
        case Properties(names):
            return isinstance(value, dict) and all(name in value for name in names)
        case Elements():
            return isinstance(value, list)
        case Wildcard():
            return True
        case Filter(accepts):
            return accepts(value, root)
        case Root() | Scan():
            return False


def _containers(value: Any, where: Where) -> Iterator[tuple[Any, Where]]:
    """All objects and arrays, each before those in it; keeps its own stack, however deep they are."""
    todo = [(value, where)]
    while todo:
        value, where = todo.pop()
        if isinstance(value, dict):
            yield value, where
            todo.extend((member, (where, name)) for name, member in reversed(value.items()) if _contains(member))
        elif isinstance(value, list):
            yield value, where
            todo.extend(
                (value[index], (where, index)) for index in range(len(value) - 1, -1, -1) if _contains(value[index])
            )


def _contains(value: Any) -> bool:
    return isinstance(value, (dict, list))
