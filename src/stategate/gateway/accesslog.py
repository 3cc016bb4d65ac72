"""Access log lines: `$context.x` of a format replaced, absent values by `-`. A value's line breaks become blanks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stategate.gateway.mappings import context_text

_REFERENCE = re.compile(r"\$(?:\{context\.([\w.\-]+)\}|context\.(\w+(?:\.[\w\-]+)*))")


def access_line(format_: str, context: Mapping[str, Any], extra: Mapping[str, str]) -> str:
    """`extra` are the values that only access logs know, by their whole name, as in `integration.latency`."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        text = extra.get(name)
        if text is None:
            text = context_text(context, name.split(".")) or "-"
        return " ".join(text.splitlines())

    return _REFERENCE.sub(value, format_)


def names_request(format_: str) -> bool:
    """Whether a format has the request id, as AWS demands."""
    return re.search(r"\$\{?context\.(requestId|extendedRequestId)\b", format_) is not None
