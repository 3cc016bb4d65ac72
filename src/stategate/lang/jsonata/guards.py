"""The library's runtime functions, each behind a check of what it is about to cost.

Generated modules find their functions in the dictionary that `namespace` makes, so that nothing of the library has to
be changed, and a function that a later version adds is guarded too (`_shallow`) unless it is listed as cheap."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any

import jsonata2py.runtime as runtime
from jsonata2py import MISSING, JsonataEvaluationError
from jsonata2py.errors import JsonataError as LibraryError
from jsonata2py.runtime.core import builtin_value as library_builtin_value
from jsonata2py.runtime.values import JLambda, JRegex

from . import functions
from .errors import LimitExceeded
from .instrument import BUILTINS, GRANT, TURN
from .limits import Meter
from .messages import message

Function = Callable[..., Any]


class Current(threading.local):
    """What the evaluation that runs in this thread may still cost, and where its chance comes from. `allowance`: the
    steps that are left for all evaluations together, if there is one."""

    meter: Meter
    random: Random
    allowance: int | None = None


current = Current()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CHEAP = _names(
    "MISSING NULL RESCAN JLambda JRegex PackedArgs Preserved RangeHolder Tuple begin_evaluation end_evaluation "
    "is_evaluation_active is_function is_lambda_token is_missing is_number is_regex is_regex_token missing num_node "
    "num_val_l num_val_r num_wrap mul_d div_d mod_d add subtract multiply divide modulo lambda_arity "
    "lambda_value next_counter discard clamp_index binding_value parent_value tuple2 pack_args require_function "
    "fn_exists fn_type fn_abs fn_ceil fn_floor fn_sqrt fn_power fn_number fn_throw fn_signature_error fn_arity_error "
    "fn_arg_count_error fn_millis fn_apply fn_apply_tco element_callback tuple_callback deadline_guard "
    "call_bound_function matches_index_or_truthy"
)
_DEEP = _names(
    "deep_equals eq ne in_ fn_distinct fn_clone fn_transform descendant descendant_final step_descendant fn_flatten "
    "sanitize_for_string fn_error fn_assert and_ or_ elvis coalesce is_truthy fn_boolean fn_not wildcard "
    "wildcard_context step_wildcard wildcard_final fn_spread fn_merge fn_keys fn_values merge_group_by_objects "
    "json_encode_compact json_encode_pretty to_text to_number fn_lookup filter_field_eq fn_single filter_ "
    "dynamic_filter sort_tuples field_function"
)
_FANNING = _names("fn_sum_field fn_average_field fn_max_field fn_min_field fn_count_field fn_count_field_eq")


def _size(value: Any) -> int:
    return len(value) if isinstance(value, list | dict | str) else 0


def _width(text: str) -> int:
    return 1 if text.isascii() else 4


def grant(value: Any, weight: int) -> Any:
    """What each generated function's result passes through."""
    meter = current.meter
    meter.work -= weight
    if meter.work < 0:
        meter.step(0)
    kind = value.__class__
    if kind is list:
        meter.items(len(value))
    elif kind is str:
        meter.allocate(len(value))
    else:
        meter.allocate(32)
    return value


def turn(weight: int) -> None:
    """What each turn of a generated loop costs."""
    meter = current.meter
    meter.step(weight)
    meter.allocate(64)


def _shallow(function: Function) -> Function:
    def guarded(*arguments: Any, **named: Any) -> Any:
        meter = current.meter
        size = 2
        for argument in arguments:
            kind = argument.__class__
            if kind is list or kind is dict:
                size += len(argument)
            elif kind is str:
                size += len(argument) >> 5
            elif isinstance(argument, list):
                size += len(argument)
        meter.step(size)
        result = function(*arguments, **named)
        kind = result.__class__
        if kind is list:
            meter.items(len(result))
        elif kind is dict:
            meter.allocate(64 + 100 * len(result))
        elif kind is str:
            meter.text(len(result), _width(result))
        return result

    return guarded


def _deep(function: Function) -> Function:
    shallow = _shallow(function)

    def guarded(*arguments: Any, **named: Any) -> Any:
        for argument in arguments:
            if isinstance(argument, list | dict):
                current.meter.allocate(current.meter.walk(argument) >> 3)
        return shallow(*arguments, **named)

    return guarded


def _quick_equal(function: Function) -> Function:
    """Equality and truth, most often of scalars."""
    deep = _deep(function)

    def guarded(*arguments: Any) -> Any:
        for argument in arguments:
            if isinstance(argument, list | dict):
                return deep(*arguments)
        return function(*arguments)

    return guarded


def _fan_out(node: list[Any], name: str) -> None:
    """Charges for a field of each member: members may share what they hold, so that the sequence that comes of it can
    be far longer than all that exists."""
    met, pending = 0, list(node)
    meter = current.meter
    meter.items(len(node))
    while pending:
        member = pending.pop()
        if isinstance(member, dict):
            value = member.get(name)
            met += len(value) if isinstance(value, list) else 1
        elif isinstance(member, list):
            meter.items(len(pending) + len(member))
            pending.extend(member)
        if met > meter.limits.items:
            break
    meter.items(met)


def _field(node: Any, name: str) -> Any:
    if node.__class__ is dict:
        return node.get(name, MISSING)
    if isinstance(node, list):
        _fan_out(node, name)
    return runtime.field(node, name)


def _fanning(function: Function, fields: int) -> Function:
    """For functions that read a field of each member, or a field of that field."""

    def guarded(sequence: Any, *rest: Any) -> Any:
        reached = sequence
        for name in rest[:fields]:
            if not isinstance(name, str) or not isinstance(reached, list | dict):
                break
            if isinstance(reached, list):
                _fan_out(reached, name)
            reached = runtime.field(reached, name) if fields > 1 else MISSING
        return function(sequence, *rest)

    return guarded


def _concat(left: Any, right: Any) -> Any:
    meter = current.meter
    length = 0
    for value in (left, right):
        length += len(value) if value.__class__ is str else meter.walk(value) * 2 if _size(value) else 32
    if length > 64:
        meter.text(length, 4 if length > 4096 else 1)
    meter.step(1)
    return runtime.concat(left, right)


def _string(value: Any, prettify: Any = MISSING) -> Any:
    if isinstance(value, list | dict):
        current.meter.text(current.meter.walk(value) * (2 if prettify is MISSING else 8))
    return runtime.fn_string(value, prettify)


def _range(start: Any, end: Any) -> Any:
    if runtime.is_number(start) and runtime.is_number(end) and end >= start:
        if end - start >= 10_000_000:
            raise JsonataEvaluationError("D2014", message("D2014", "", value=int(end - start) + 1))
        current.meter.items(int(end - start) + 1, 40)
    return runtime.range_(start, end)


def _range_flatten(start: int, end: int) -> Any:
    _charge_range(start, end)
    return runtime.range_flatten(start, end)


def _charge_range(start: int, end: int) -> None:
    if end >= start:
        current.meter.items(end - start + 1, 40)


def _joining(function: Function) -> Function:
    """For functions that put their arguments one after another."""

    def guarded(*arguments: Any) -> Any:
        current.meter.items(sum(len(item) if isinstance(item, list) else 1 for item in arguments))
        return function(*arguments)

    return guarded


def _append_all(items: list[Any]) -> Any:
    current.meter.items(sum(len(item) if isinstance(item, list) else 1 for item in items))
    return runtime.fn_append_all(items)


def _zip(*arrays: Any) -> Any:
    shortest = min((len(item) if isinstance(item, list) else 1 for item in arrays), default=0)
    current.meter.items(shortest, 64 + 8 * len(arrays))
    current.meter.step(shortest * len(arrays))
    return runtime.fn_zip(*arrays)


def _join(array: Any, separator: Any = MISSING) -> Any:
    if isinstance(array, list):
        length = sum(map(_size, array)) + len(array) * _size(separator)
        current.meter.step(len(array))
        current.meter.text(length, 4)
    return runtime.fn_join(array, separator)


def _pad(text: Any, width: Any, fill: Any = MISSING) -> Any:
    if runtime.is_number(width) and abs(width) > 64 and isinstance(text, str):
        wanted = int(abs(width)) if abs(width) < 1e18 else 10**18
        current.meter.text(max(wanted, len(text)), 4)
    return runtime.fn_pad(text, width, fill)


def _split(text: Any, separator: Any, limit: Any = MISSING) -> Any:
    if isinstance(text, str) and isinstance(separator, str):
        pieces = text.count(separator) + 1
        if runtime.is_number(limit) and 0 <= limit < pieces:
            pieces = int(limit) + 1
        current.meter.text(len(text), 4)
        current.meter.items(pieces, 64)
    return runtime.fn_split(text, _metered(separator, 80), limit)


def _match(text: Any, pattern: Any, limit: Any = MISSING) -> Any:
    if isinstance(text, str) and isinstance(pattern, str):
        current.meter.items(text.count(pattern), 700)
    return runtime.fn_match(text, _metered(pattern, 700), limit)


def _replace(text: Any, pattern: Any, replacement: Any, limit: Any = MISSING) -> Any:
    meter = current.meter
    if isinstance(text, str) and isinstance(replacement, str):
        if isinstance(pattern, str) and pattern:
            count = text.count(pattern)
            grown = len(replacement) + replacement.count("$") * len(pattern)
            meter.items(count, 120)
            meter.text(len(text) + count * grown, 4)
        if isinstance(pattern, JRegex):
            meter.text(len(text), 4)
            pattern = _metered(pattern, 120 + 4 * len(replacement), 4 * replacement.count("$"))
            return runtime.fn_replace(text, pattern, replacement, limit)
    return runtime.fn_replace(text, _metered(pattern, 900), replacement, limit)


def _contains(text: Any, pattern: Any) -> Any:
    current.meter.step(1 + (_size(text) >> 5))
    return runtime.fn_contains(text, _metered(pattern, 16))


class MeteredPattern:
    """A compiled pattern whose searches are bounded in time, and whose matches are paid for."""

    __slots__ = ("_compiled", "cost", "per_character")

    def __init__(self, compiled: Any, cost: int, per_character: int) -> None:
        self._compiled = compiled
        self.cost = cost
        self.per_character = per_character

    def search(self, text: str, start: int = 0) -> Any:
        """The next match. The timeout is the one thing here that depends on the machine: backtracking leaves nothing
        to count. Other threads go on meanwhile (`concurrent`)."""
        meter = current.meter
        if meter.pattern_seconds <= 0:
            raise LimitExceeded("U1001", "A regular expression takes too long")
        began = time.thread_time()
        try:
            match = self._compiled.search(text, start, timeout=max(meter.pattern_seconds, 0.001), concurrent=True)
        except TimeoutError:
            raise LimitExceeded("U1001", "A regular expression takes too long") from None
        meter.pattern_seconds -= time.thread_time() - began
        meter.step(2)
        if match is not None:
            length = match.end() - match.start()
            meter.items(1, self.cost + self.per_character * length)
            # Filling in a replacement takes a step for each of its characters.
            meter.step((length >> 5) + (self.cost >> 3))
        return match


def _metered(pattern: Any, cost: int, per_character: int = 4) -> Any:
    if not isinstance(pattern, JRegex):
        return pattern
    compiled = pattern.compiled
    if isinstance(compiled, MeteredPattern):
        compiled = compiled._compiled
    return JRegex(pattern.pattern, pattern.flags, MeteredPattern(compiled, cost, per_character))


def _regex_value(pattern: str, flags: str) -> Any:
    return _metered(runtime.regex_value(pattern, flags), 900)


_WIDE = re.compile(r"\[[^\]]*,[^\]]*\d{4,}")
_BLANK = re.compile(r"\s+")


def _picture(function: Function) -> Function:
    """Pictures ask for widths as numbers, and each component of one to parse may backtrack."""

    def guarded(*arguments: Any) -> Any:
        for argument in arguments[1:]:
            if isinstance(argument, str) and (len(argument) > 1000 or _WIDE.search(_BLANK.sub("", argument))):
                raise LimitExceeded("U1001", "A picture string that is too long or too wide")
        current.meter.step(8 + sum(_size(argument) for argument in arguments))
        return function(*arguments)

    return guarded


def _to_millis(timestamp: Any, picture: Any = MISSING) -> Any:
    if isinstance(picture, str) and (len(picture) > 256 or _size(timestamp) > 256 or picture.count("[") > 12):
        raise LimitExceeded("U1001", "A picture string that is too long")
    current.meter.step(16)
    return _picture(runtime.fn_toMillis)(timestamp, picture)


def _round(number: Any, precision: Any = MISSING) -> Any:
    if runtime.is_number(precision) and abs(precision) > 400:
        raise LimitExceeded("U1001", "A precision of more than 400 digits")
    return runtime.fn_round(number, precision)


def _growing(function: Function, times: int) -> Function:
    def guarded(*arguments: Any) -> Any:
        if arguments and isinstance(arguments[0], str):
            current.meter.text(len(arguments[0]) * times, 4)
        return function(*arguments)

    return guarded


def _shuffle(array: Any) -> Any:
    current.meter.items(_size(array))
    return functions.shuffle(current.random, array)


def _random(*arguments: Any) -> Any:
    return current.random.random()


class _Named:
    """A function that adds to the library's errors what the reference's messages name: itself and its arguments."""

    __slots__ = ("_function", "jsonata_name")

    def __init__(self, name: str, function: Function) -> None:
        self._function = function
        self.jsonata_name = name

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        try:
            return self._function(*arguments, **keywords)
        except LibraryError as error:
            if not hasattr(error, "function"):
                error.function = self.jsonata_name  # type: ignore[attr-defined]
                error.arguments = arguments  # type: ignore[attr-defined]
            raise


def _object(function: Function) -> Function:
    """What is no key for its name is what the message shows."""

    def made(*pairs: Any) -> Any:
        try:
            return function(*pairs)
        except LibraryError as error:
            error.function = None  # type: ignore[attr-defined]
            members = zip(pairs[::2], pairs[1::2], strict=True)
            there = [key for key, value in members if key is not MISSING and value is not MISSING]
            error.arguments = [key for key in there if not isinstance(key, str)]  # type: ignore[attr-defined]
            raise

    return made


def _throw(code: str, told: str) -> Any:
    """What generated code finds wrong by itself: no function and none of its arguments are to blame."""
    try:
        return runtime.fn_throw(code, told)
    except LibraryError as error:
        error.function = None  # type: ignore[attr-defined]
        raise


def _order(operator: str, function: Function) -> Function:
    """Most often of two numbers, which need no more than a step."""
    named = _Named(operator, _shallow(function))

    def guarded(left: Any, right: Any) -> Any:
        if left.__class__ in _NUMBERS and right.__class__ in _NUMBERS:
            current.meter.step(2)
            return function(left, right)
        return named(left, right)

    return guarded


_NUMBERS = (int, float)
_TYPES = {"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings"}


def _check(function: Function) -> Function:
    def checked(*arguments: Any, function: str | None = None, _check: Function = function) -> Any:
        try:
            return _check(*arguments)
        except LibraryError as error:
            if function is not None:
                error.function = function  # type: ignore[attr-defined]
                error.type = _TYPES.get(arguments[1]) if len(arguments) > 1 else None  # type: ignore[attr-defined]
            raise

    return checked


def _builtin_call(function: Any, signature: Any, context: Any, arguments: list[Any]) -> Any:
    try:
        return runtime.call_builtin_ctx(function, signature, context, arguments)
    except LibraryError as error:
        if not hasattr(error, "function"):
            error.function = getattr(function, "jsonata_name", None)  # type: ignore[attr-defined]
        raise


def _resolve(name: str) -> Any:
    value = runtime.resolve_binding(name)
    if value.__class__ is JLambda and value is library_builtin_value(name):
        return _guarded_builtin(name, value)
    return value


def _guarded_builtin(name: str, value: JLambda) -> Any:
    """A built-in as a value, calling the guarded function instead of the library's own."""
    function = NAMESPACE.get("fn_" + name)
    if function is None:
        return value
    if value.arity == 1:
        return JLambda(lambda argument: function(argument), 1)

    def call(packed: Any) -> Any:
        arguments = list(packed) if isinstance(packed, list) else [packed]
        arguments.extend([MISSING] * (value.arity - len(arguments)))
        return function(*arguments[: value.arity])

    return JLambda(call, value.arity)


_OWN: dict[str, Function] = {
    "field": _field, "concat": _concat, "fn_string": _string, "range_": _range, "range_flatten": _range_flatten,
    "fn_append": _joining(runtime.fn_append), "array_of": _joining(runtime.array_of),
    "array": _joining(runtime.array), "fn_append_all": _append_all, "fn_zip": _zip, "fn_join": _join, "fn_pad": _pad,
    "fn_split": _split, "fn_match": _match, "fn_replace": _replace, "fn_contains": _contains,
    "regex_value": _regex_value, "fn_formatNumber": _picture(runtime.fn_formatNumber),
    "fn_formatInteger": _picture(runtime.fn_formatInteger), "fn_parseInteger": _picture(runtime.fn_parseInteger),
    "fn_fromMillis": _picture(runtime.fn_fromMillis), "fn_now": _picture(lambda *a: runtime.fn_now(*a)),
    "fn_toMillis": _to_millis, "fn_round": _round, "fn_encodeUrl": _growing(runtime.fn_encodeUrl, 9),
    "fn_encodeUrlComponent": _growing(runtime.fn_encodeUrlComponent, 9),
    "fn_base64encode": _growing(runtime.fn_base64encode, 3), "fn_shuffle": _shuffle, "fn_random": _random,
    "sig_a": _check(runtime.sig_a), "sig_t": _check(runtime.sig_t),
    "fn_signature_error": _check(runtime.fn_signature_error), "call_builtin_ctx": _builtin_call,
    "resolve_binding": _resolve, "eq": _quick_equal(runtime.eq), "ne": _quick_equal(runtime.ne),
    "is_truthy": _quick_equal(runtime.is_truthy), "negate": _Named("-", runtime.negate),
    "neg_dn": _Named("-", runtime.neg_dn), "lt": _order("<", runtime.lt), "le": _order("<=", runtime.le),
    "gt": _order(">", runtime.gt), "ge": _order(">=", runtime.ge), "object_": _object(_shallow(runtime.object_)),
    "fn_throw": _throw,
}  # fmt: skip


def _build_namespace() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for name in runtime.__all__:
        value = getattr(runtime, name)
        if name in _OWN:
            value = _OWN[name]
        elif name in _CHEAP or not callable(value) or isinstance(value, type):
            pass
        elif name in _DEEP:
            value = _deep(value)
        elif name in _FANNING:
            value = _fanning(value, 1 if name.startswith("fn_count") else 2)
        else:
            value = _shallow(value)
        if name.startswith("fn_") and callable(value) and name not in ("fn_apply", "fn_apply_tco", "fn_pipe"):
            value = _Named(name.removeprefix("fn_").split("_")[0], value)
        names[name] = value
    names[GRANT] = grant
    names[TURN] = turn
    names["__builtins__"] = BUILTINS
    return names


NAMESPACE = _build_namespace()
