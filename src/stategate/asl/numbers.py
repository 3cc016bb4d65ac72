"""Numbers out of paths: SecondsPath and its like, each with its own words for what is wrong."""

import re
from collections.abc import Callable
from typing import Any

from stategate.asl.failures import runtime_failure
from stategate.asl.paths import PathNotFound, compile_path
from stategate.asl.program import Number
from stategate.asl.scope import Scope
from stategate.asl.timestamps import NANOSECONDS, parse_timestamp
from stategate.asl.value import Value

MAX_SECONDS = 99_999_999
_INTEGERS = range(-(2**31), 2**31)
_INTEGER = re.compile(r"[+-]?\d{1,300}\Z", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?\Z", re.ASCII)


def constant(number: float) -> Number:
    return lambda scope: number


def _query(path: str, field: str) -> Callable[[Scope], Any]:
    query = compile_path(path)

    def find(scope: Scope) -> Any:
        try:
            return query(scope)
        except PathNotFound:
            raise runtime_failure(f"The {field} parameter does not reference an input value: {path}") from None

    return find


def plain(value: Any) -> str:
    return value if isinstance(value, str) else Value.of(value).text


def seconds(path: str, field: str, minimum: int = 0) -> Number:
    """SecondsPath, TimeoutSecondsPath, HeartbeatSecondsPath."""
    find = _query(path, field)

    def number(scope: Scope) -> float:
        value = find(scope)
        if isinstance(value, bool) or not isinstance(value, int):
            raise runtime_failure(f"The {field} parameter cannot be parsed as a long value: {path} == {plain(value)}")
        if value < minimum:
            complaint = "negative" if minimum == 0 or value < 0 else "non-positive"
            raise runtime_failure(f"The {field} parameter references a {complaint} value: {path} == {value}")
        if value > MAX_SECONDS:
            raise runtime_failure(f"The {field} parameter references a value over {MAX_SECONDS}: {path} == {value}")
        return value

    return number


def moment(path: str) -> Number:
    """TimestampPath, in epoch seconds."""
    find = _query(path, "TimestampPath")

    def until(scope: Scope) -> float:
        value = find(scope)
        moment = parse_timestamp(value) if isinstance(value, str) else None
        if moment is None:
            what = "does not reference a valid ISO-8601 extended offset date-time format string"
            raise runtime_failure(f"The TimestampPath parameter {what}: {path} == {plain(value)}")
        return moment / NANOSECONDS

    return until


def integer(path: str, field: str) -> Number:
    """A path of a Map state: an integer of 32 bits, or a string of one."""
    return _written(path, field, "integer", _INTEGER, int)


def decimal(path: str, field: str) -> Number:
    """ToleratedFailurePercentagePath: a number, or a string of one."""
    return _written(path, field, "float", _DECIMAL, float)


def _written(path: str, field: str, kind: str, pattern: re.Pattern[str], read: type[int] | type[float]) -> Number:
    find = _query(path, field)

    def number(scope: Scope) -> float:
        found = find(scope)
        value = read(found) if isinstance(found, str) and pattern.match(found) else found
        if isinstance(value, bool) or not isinstance(value, int | read) or (read is int and value not in _INTEGERS):
            text = plain(found)
            raise runtime_failure(f'The {field} field refers to value "{text}" which is not a valid {kind}: {path}')
        return value

    return number
