"""The execution log of one request, in AWS's words (recorded from TestInvokeMethod and CloudWatch Logs).

Stages write lines; who stores them adds the prefix: `(<request id>) ` in CloudWatch Logs, the time in TestInvokeMethod.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_LIMIT = 1024
_MARK = " [TRUNCATED]"


class Trace:
    """`level` ERROR keeps failing lines only; `data` says whether headers and bodies are written (data trace)."""

    __slots__ = ("_errors_only", "data", "lines")

    def __init__(self, level: str = "INFO", data: bool = True) -> None:
        self._errors_only = level == "ERROR"
        self.data = data
        self.lines: list[str] = []

    def info(self, line: str) -> None:
        if not self._errors_only:
            self.lines.append(line)

    def detail(self, line: str) -> None:
        """A line with headers or a body: with data trace only."""
        if self.data and not self._errors_only:
            self.lines.append(line)

    def error(self, line: str) -> None:
        self.lines.append(line)


def truncated(line: str, limit: int = _LIMIT) -> str:
    """At most `limit` bytes of UTF-8, with AWS's mark after what was cut."""
    encoded = line.encode()
    if len(encoded) <= limit:
        return line
    return encoded[: limit - len(_MARK)].decode("utf-8", "ignore") + _MARK


def java_map(pairs: Iterable[tuple[str, str]] | Mapping[str, str]) -> str:
    """`{k=v, k2=v2}`, as Java prints a map; repeated names are joined by commas."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    merged: dict[str, str] = {}
    for key, value in items:
        merged[key] = f"{merged[key]},{value}" if key in merged else value
    return "{" + ", ".join(f"{key}={value}" for key, value in merged.items()) + "}"


_SECRET = frozenset(("authorization", "x-api-key", "x-amz-security-token"))


def headers_map(pairs: Iterable[tuple[str, str]]) -> str:
    """As `java_map`, with what nobody should read in a log hidden."""
    return java_map((name, hidden(value) if name.lower() in _SECRET else value) for name, value in pairs)


def hidden(value: str) -> str:
    """All but the last six characters starred, as AWS logs tokens, keys and principals."""
    return "*" * (len(value) - 6) + value[-6:] if len(value) > 6 else "*" * len(value)
