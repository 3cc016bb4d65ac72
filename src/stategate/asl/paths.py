"""Paths of the States Language: `$`, `$$` and `$name`, and what InputPath, OutputPath and ResultPath do with them."""

from collections.abc import Callable
from typing import Any

from stategate.asl.failures import StateFailure, runtime_failure
from stategate.asl.scope import JSON, Scope
from stategate.lang.jsonpath import PathNotFound, PathSyntaxError

__all__ = [
    "Insertion",
    "PathNotFound",
    "PathSyntaxError",
    "Query",
    "Selection",
    "compile_field",
    "compile_filter",
    "compile_path",
    "compile_result_path",
]

Selection = Callable[[Scope], JSON]
Insertion = Callable[[JSON, JSON], JSON]


class Query:
    """A compiled `$...`, `$$...` or `$name...`: call it with a scope. Raises PathNotFound."""

    text: str
    definite: bool
    reference: bool
    variable: str | None  # the variable's name in `$name...`

    def __call__(self, scope: Scope) -> JSON:
        raise NotImplementedError


def compile_path(text: str) -> Query:
    """Raises PathSyntaxError."""
    raise NotImplementedError


def compile_filter(path: str | None) -> Selection:
    """InputPath or OutputPath: selects from the scope's input; None gives `{}`. Raises PathSyntaxError; the selection
    raises StateFailure States.Runtime `Invalid path '$.X' : No results for path: $['X']`."""
    raise NotImplementedError


def compile_field(path: str, field: str) -> Selection:
    """A path in a field such as SecondsPath, ErrorPath, MaxConcurrencyPath or ItemsPath. Raises PathSyntaxError; the selection raises
    StateFailure States.Runtime `The JSONPath '$.x' specified for the field 'ErrorPath' could not be found in the input '{}'`."""
    raise NotImplementedError


def compile_result_path(path: str | None) -> Insertion:
    """ResultPath: (raw input, result) -> output, neither changed in place. None gives the raw input, `$` the result.
    Raises PathSyntaxError if it is no Reference Path; the insertion raises StateFailure States.ResultPathMatchFailure."""
    raise NotImplementedError
