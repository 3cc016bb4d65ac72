"""Which variables each state of a definition refers to: `variableReferences` of DescribeStateMachine, and those that it
can't read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from stategate.asl.jsonata import expression_in, parsed
from stategate.lang import jsontext

_NESTED = ("ItemProcessor", "Iterator", "Branches")
_LITERAL = (*_NESTED, "Comment", "Result")
_TEMPLATES = ("Parameters", "ItemSelector", "ResultSelector", "Assign", "BatchInput", "Arguments", "Output", "Items")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_NAME = re.compile(r"(?<!\$)\$([^\W\d]\w*)")


def variable_references(definition: str) -> dict[str, list[str]]:
    """State name -> the names of the variables that its fields read, in the order in which they come; states that read
    none are left out. `definition` is one that `program.compile` takes."""
    document = jsontext.loads(definition)
    states = list(_states(document, document.get("QueryLanguage", "JSONPath")))
    assigned = frozenset(_assigned(document))
    found: dict[str, list[str]] = {}
    for name, state, language in states:
        names = [reference for text in _texts(state, language) for reference in _read(text, language, assigned)]
        if names:
            found[name] = list(dict.fromkeys(names))
    return found


def unreadable(document: Any) -> Iterator[tuple[str, str]]:
    """(pointer of a state, name of a variable) where a state in a distributed Map reads what is assigned outside of
    it: child executions share no variables with their parent. `document` has been compiled without a problem."""
    assigned = frozenset(_assigned(document))
    if assigned:
        language = document.get("QueryLanguage", "JSONPath")
        yield from dict.fromkeys(_reading_outside(document, "", language, assigned, frozenset()))


def _reading_outside(
    flow: Any, pointer: str, language: str, assigned: frozenset[str], outside: frozenset[str]
) -> Iterator[tuple[str, str]]:
    for name, state in flow["States"].items():
        place = f"{pointer}/States/{name}"
        own = state.get("QueryLanguage", language)
        if outside:
            reads = (reference for text in _texts(state, own) for reference in _read(text, own, assigned))
            yield from ((place, reference) for reference in reads if reference in outside)
        for field, processor in _processors(state):
            mode = processor.get("ProcessorConfig", {}).get("Mode")
            hidden = assigned - frozenset(_assigned(processor)) if mode == "DISTRIBUTED" else outside
            yield from _reading_outside(processor, f"{place}/{field}", language, assigned, hidden)


def _processors(state: Any) -> Iterator[tuple[str, Any]]:
    for field in ("ItemProcessor", "Iterator"):
        if field in state:
            yield field, state[field]
    for index, branch in enumerate(state.get("Branches", ())):
        yield f"Branches[{index}]", branch


def _states(flow: Any, language: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    for name, state in flow["States"].items():
        yield name, state, state.get("QueryLanguage", language)
        for field in _NESTED:
            inner = state.get(field)
            for nested in inner if isinstance(inner, list) else [inner] if isinstance(inner, dict) else []:
                yield from _states(nested, language)


def _texts(state: dict[str, Any], language: str) -> Iterator[str]:
    """What is evaluated when the state runs."""
    return _expressions(state, False) if language == "JSONata" else _paths(state, False)


def _expressions(value: Any, template: bool) -> Iterator[str]:
    """`template`: whether the value is in a field that takes any JSON, where no name means a literal."""
    match value:
        case str():
            source = expression_in(value)
            if source is not None:
                yield source
        case dict():
            for name, item in value.items():
                if template or name not in _LITERAL:
                    yield from _expressions(item, template or name in _TEMPLATES)
        case list():
            for item in value:
                yield from _expressions(item, template)


def _paths(value: Any, template: bool) -> Iterator[str]:
    """`template`: whether the value is in a payload template, where only names in `.$` have a path."""
    if isinstance(value, list):
        for item in value:
            yield from _paths(item, template)
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        if not isinstance(item, str):
            if template or name not in _LITERAL:
                yield from _paths(item, template or name in _TEMPLATES)
        elif name.endswith(".$") or (not template and (name == "Variable" or name.endswith("Path"))):
            yield item


def _assigned(value: Any) -> Iterator[str]:
    """The names in every Assign."""
    if isinstance(value, dict):
        assign = value.get("Assign")
        if isinstance(assign, dict):
            yield from (name.removesuffix(".$") for name in assign)
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _assigned(item)


def _read(text: str, language: str, assigned: frozenset[str]) -> list[str]:
    """A variable may have the name of a built-in function and then stands in its place."""
    if language == "JSONata":
        expression = parsed(text)
        free = (expression.variables | (expression.references.builtins & assigned)) - {"states"}
        return sorted(free, key=lambda name: text.find(f"${name}"))
    return _NAME.findall(_QUOTED.sub("''", text))
