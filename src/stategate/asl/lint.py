"""Warnings about definitions that are valid, but hardly meant as they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from stategate.asl.problems import Problem
from stategate.lang import jsontext

TEMPLATES = ("Parameters", "ItemSelector", "ResultSelector", "Assign")
_NAMED = ("Type", "Comment", "Next", "Default", "Resource", "QueryLanguage", "Label")
_PATH = re.compile(r"\$\$?[.\[]|\$\$?\Z")
_INTRINSIC = re.compile(r"States\.[A-Za-z0-9]+\(.*\)\s*\Z", re.DOTALL)

NO_DOLLAR = "No .$ on a field that appears to be a JSONPath or Intrinsic Function"
NO_PATH = "Field value looks like a path, but field name does not end with 'Path'"
PASS_RESULT_IS_STATIC = "Attempt to use a path in the result of a pass state"


def warnings(definition: str) -> tuple[Problem, ...]:
    """`definition` is one that `program.compile` takes."""
    return tuple(_flow(jsontext.loads(definition), "", "JSONPath"))


def _flow(flow: Any, pointer: str, language: str) -> Iterator[Problem]:
    language = flow.get("QueryLanguage", language)
    for name, state in flow["States"].items():
        place = f"{pointer}/States/{name}"
        if state.get("QueryLanguage", language) == "JSONPath":
            yield from _state(state, place)
        for field in ("ItemProcessor", "Iterator"):
            if field in state:
                yield from _flow(state[field], f"{place}/{field}", language)
        for index, branch in enumerate(state.get("Branches", [])):
            yield from _flow(branch, f"{place}/Branches[{index}]", language)


def _state(state: dict[str, Any], place: str) -> Iterator[Problem]:
    for field, value in state.items():
        pointer = f"{place}/{field}"
        if field == "Result":
            if any(_PATH.match(text) for text in _strings(value)):
                yield _warning("PASS_RESULT_IS_STATIC", PASS_RESULT_IS_STATIC, pointer)
        elif field in TEMPLATES:
            yield from _template(value, pointer)
        elif isinstance(value, str) and field not in _NAMED and not field.endswith("Path") and _PATH.match(value):
            yield _warning("NO_PATH", NO_PATH, pointer)


def _template(value: Any, pointer: str) -> Iterator[Problem]:
    match value:
        case dict():
            for name, item in value.items():
                if not isinstance(item, str):
                    yield from _template(item, f"{pointer}/{name}")
                elif not name.endswith(".$") and (_PATH.match(item) or _INTRINSIC.match(item)):
                    yield _warning("NO_DOLLAR", NO_DOLLAR, f"{pointer}/{name}")
        case list():
            for index, item in enumerate(value):
                yield from _template(item, f"{pointer}[{index}]")


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict() | list():
            for item in value.values() if isinstance(value, dict) else value:
                yield from _strings(item)


def _warning(code: str, message: str, pointer: str) -> Problem:
    return Problem(code, message, pointer, "WARNING")
