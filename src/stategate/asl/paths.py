"""Paths of the States Language: `$`, `$$` and `$name`, and what InputPath, OutputPath and ResultPath do with them."""

import re
from collections.abc import Callable

from stategate.asl.failures import StateFailure, runtime_failure
from stategate.asl.scope import Scope
from stategate.lang import jsonpath
from stategate.lang.jsonpath import PathNotFound, PathSyntaxError
from stategate.lang.jsontext import JSON, dumps

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

NOT_A_PATH = "Value is not a valid JSONPath"
NOT_A_REFERENCE_PATH = "Value is not a Reference Path"
_VARIABLE = re.compile(r"\$([^\W\d]\w*)(.*)", re.DOTALL)


class Query:
    """A compiled `$...`, `$$...` or `$name...`: call it with a scope. Raises PathNotFound.

    `variable` is the name in `$name...`, else None; `definite` and `reference` are those of the path.
    """

    __slots__ = ("_select", "definite", "reference", "text", "variable")

    def __init__(self, text: str, path: jsonpath.Path, select: Selection, variable: str | None = None) -> None:
        self.text = text
        self.definite = path.definite
        self.reference = path.reference
        self.variable = variable
        self._select = select

    def __call__(self, scope: Scope) -> JSON:
        return self._select(scope)


def compile_path(text: str) -> Query:
    """Raises PathSyntaxError, in the words with which AWS refuses a definition."""
    try:
        return _compile_path(text)
    except PathSyntaxError:
        raise PathSyntaxError(NOT_A_PATH) from None


def _compile_path(text: str) -> Query:
    if not text.startswith("$"):
        raise PathSyntaxError(NOT_A_PATH)
    if text.startswith("$$"):
        path = jsonpath.compile(text[1:])
        find = path.find
        return Query(text, path, lambda scope: find(scope.context))
    if match := _VARIABLE.fullmatch(text):
        return _compile_variable(text, match[1], jsonpath.compile("$" + match[2]))
    path = jsonpath.compile(text)
    find = path.find
    return Query(text, path, lambda scope: find(scope.input))


def _compile_variable(text: str, name: str, path: jsonpath.Path) -> Query:
    find = path.find

    def select(scope: Scope) -> JSON:
        try:
            value = scope.variables[name]
        except KeyError:
            raise PathNotFound(f"No results for path: ${name}") from None
        return find(value)

    return Query(text, path, select, name)


def compile_filter(path: str | None) -> Selection:
    """InputPath or OutputPath: selects from the scope's input; None gives `{}`. Raises PathSyntaxError; the selection
    raises StateFailure States.Runtime `Invalid path '$.X' : No results for path: $['X']`, of null in other words."""
    if path is None:
        return lambda scope: {}
    if path == "$":
        return lambda scope: scope.input
    query = compile_path(path)
    of_input = query.variable is None and not path.startswith("$$")

    def select(scope: Scope) -> JSON:
        try:
            return query(scope)
        except PathNotFound as miss:
            if scope.input is None and of_input:
                raise runtime_failure("Unable to apply Path transformation to null or empty input.") from None
            raise runtime_failure(f"Invalid path '{path}' : {miss.message}") from None

    return select


def compile_field(path: str, field: str) -> Selection:
    """A path in a field such as SecondsPath, ErrorPath, MaxConcurrencyPath or ItemsPath. Raises PathSyntaxError; the
    selection raises StateFailure States.Runtime
    `The JSONPath '$.x' specified for the field 'ErrorPath' could not be found in the input '{}'`."""
    query = compile_path(path)

    def select(scope: Scope) -> JSON:
        try:
            return query(scope)
        except PathNotFound:
            raise _not_found(path, field, scope) from None

    return select


def _not_found(path: str, field: str, scope: Scope) -> StateFailure:
    """The failure of a path in a field that leads nowhere; it shows the input even of a path into the context."""
    return runtime_failure(
        f"The JSONPath '{path}' specified for the field '{field}' could not be found in the input "
        f"'{dumps(scope.input)}'"
    )


def discard(raw: JSON, result: JSON) -> JSON:
    """ResultPath null."""
    return raw


def compile_result_path(path: str | None) -> Insertion:
    """ResultPath: (raw input, result) -> output, neither changed in place. None gives the raw input, `$` the result.

    Missing objects are made. Raises PathSyntaxError if it is no Reference Path; the insertion raises StateFailure
    States.Runtime where a name meets something that is no object or an index something that is not there: so recorded,
    though AWS's guide has the name States.ResultPathMatchFailure for it."""
    if path is None:
        return discard
    segments = _reference_path(path).segments
    if not segments:
        return lambda raw, result: result

    def insert(raw: JSON, result: JSON) -> JSON:
        """Copies only what lies on the way."""
        top: list[JSON] = [raw]
        container: JSON = top
        key: str | int = 0
        for at, segment in enumerate(segments):
            inner = container[key]
            copy = _opened(inner, segment)
            container[key] = copy
            container, key = copy, segment
            if isinstance(segment, str) and at < len(segments) - 1:
                copy.setdefault(segment, {})
        container[key] = result
        return top[0]

    return insert


def _reference_path(path: str) -> jsonpath.Path:
    if path.startswith("$") and not path.startswith("$$") and not _VARIABLE.fullmatch(path):
        try:
            compiled = jsonpath.compile(path)
        except PathSyntaxError:
            raise PathSyntaxError(NOT_A_REFERENCE_PATH) from None
        if compiled.reference:
            return compiled
    raise PathSyntaxError(NOT_A_REFERENCE_PATH)


def _opened(value: JSON, segment: str | int) -> JSON:
    """A copy of the container, ready to take a member."""
    if isinstance(segment, str) and isinstance(value, dict):
        return dict(value)
    if isinstance(segment, int) and isinstance(value, list) and segment < len(value):
        return list(value)
    raise runtime_failure(f'Unable to apply step "{segment}" to input {dumps(value)}')
