"""The functions that Step Functions adds to JSONata, and those that need `now` and `random` from outside."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Callable
from random import Random
from typing import Any

from jsonata2py import MISSING, JsonataEvaluationError

from .errors import JsonataError
from .limits import Meter
from .messages import message

_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def bad_argument(index: int, function: str) -> JsonataEvaluationError:
    return JsonataEvaluationError("T0410", message("T0410", "", index=index, token=function))


def partition(meter: Meter, random: Random, *arguments: Any) -> Any:
    """`$partition(array, size)`: the array in pieces of `size`, the last one shorter."""
    _arity(arguments, 2, 2, "partition")
    array, size = arguments
    if array is MISSING:
        return MISSING
    members = array if isinstance(array, list) else [array]
    count = _whole(size, 2, "partition")
    if count < 1:
        raise bad_argument(2, "partition")
    meter.items(len(members), 8 + 64 // count)
    return [members[start : start + count] for start in range(0, len(members), count)]


def range_(meter: Meter, random: Random, *arguments: Any) -> Any:
    """`$range(start, end, step)`: from start to end, both included, as `States.ArrayRange` does."""
    _arity(arguments, 3, 3, "range")
    if MISSING in arguments:
        return MISSING
    start, end, step = (_number(value, index, "range") for index, value in enumerate(arguments, 1))
    if step == 0:
        raise bad_argument(3, "range")
    count = max(0, math.floor((end - start) / step) + 1)
    meter.items(count, 40)
    return [start + index * step for index in range(count)]


def hash_(meter: Meter, random: Random, *arguments: Any) -> Any:
    """`$hash(data, algorithm)`: the digest of a string in hexadecimal."""
    _arity(arguments, 2, 2, "hash")
    data, algorithm = arguments
    if data is MISSING:
        return MISSING
    if not isinstance(data, str):
        raise bad_argument(1, "hash")
    name = _ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if name is None:
        raise bad_argument(2, "hash")
    meter.text(len(data), 4)
    return hashlib.new(name, data.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def random_(meter: Meter, random: Random, *arguments: Any) -> Any:
    """`$random()`, or `$random(seed)`, which gives the same number for the same seed."""
    _arity(arguments, 0, 1, "random")
    if not arguments or arguments[0] is MISSING:
        return random.random()
    return Random(_number(arguments[0], 1, "random")).random()


def uuid_(meter: Meter, random: Random, *arguments: Any) -> Any:
    """`$uuid()`: a version 4 UUID."""
    _arity(arguments, 0, 0, "uuid")
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def parse(meter: Meter, random: Random, *arguments: Any) -> Any:
    """`$parse(string)`: the JSON value that a string spells."""
    _arity(arguments, 1, 1, "parse")
    text = arguments[0]
    if text is MISSING:
        return MISSING
    if not isinstance(text, str):
        raise bad_argument(1, "parse")
    meter.text(len(text), 16)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _no_json(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError:
        raise _no_json("A number is too long") from None
    except RecursionError:
        raise _no_json("It is nested too deeply") from None


ADDED: dict[str, Callable[..., Any]] = {
    "partition": partition,
    "range": range_,
    "hash": hash_,
    "random": random_,
    "uuid": uuid_,
    "parse": parse,
}


def shuffle(random: Random, array: Any) -> Any:
    if array is MISSING or not isinstance(array, list):
        return array if array is MISSING else [array]
    members = list(array)
    random.shuffle(members)
    return members


def _refuse_constant(name: str) -> None:
    raise _no_json(f"{name} is no value of JSON")


def _no_json(why: str) -> JsonataError:
    return JsonataError("D3120", f"The argument of the parse function is not valid JSON: {why}")


def _arity(arguments: tuple[Any, ...], least: int, most: int, function: str) -> None:
    if not least <= len(arguments) <= most:
        raise bad_argument(min(len(arguments), most) + 1, function)


def _number(value: Any, index: int, function: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_argument(index, function)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _whole(value: Any, index: int, function: str) -> int:
    number = _number(value, index, function)
    if not isinstance(number, int):
        raise bad_argument(index, function)
    return number
