"""Scalars that come as text: in a path, a query string, a header or a form."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from stategate.wire import timestamps

LONG = range(-(2**63), 2**63)
"""What a model's `long` holds. An `integer` that is too large for 32 bits is left to the bounds that its model sets."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")


def integer(text: str) -> int:
    """As Java reads one: ASCII digits only. ValueError for anything else."""
    value = int(text) if _INTEGER.fullmatch(text) else None
    if value is None or value not in LONG:
        raise ValueError(text)
    return value


FROM_TEXT: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "integer": integer,
    "long": integer,
    "float": float,
    "double": float,
    "boolean": lambda text: {"true": True, "false": False}[text.lower()],
    "timestamp": timestamps.parse,
    "blob": lambda text: b64decode(text, validate=True),
}
"""By the shape's type. They raise ValueError, KeyError, `binascii.Error`, or `WireError` for a date."""
