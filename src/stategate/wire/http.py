"""An HTTP request and its answer, as every part of Stategate passes them on."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from urllib.parse import unquote_plus

from stategate.wire.problems import WireError, serialization

Headers = list[tuple[str, str]]

UNCOMPRESSED_LIMIT = 10 * 1024 * 1024
"""Bytes of a body that came compressed; as much as one may have that did not."""


@dataclass(eq=True)
class HttpRequest:
    """A request that was read completely.

    `path` is as it came: percent-encoded, without the query string. `query` is raw, without `?`. `headers` keep their
    order and repetitions; their names are in lower case, their values are decoded as ISO 8859-1. `raw_names` are the
    names in the client's casing, parallel to `headers`, where they are known. `too_large`: the body is more than the
    server reads, and left out.
    """

    method: str
    path: str
    query: str = ""
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    raw_names: list[str] | None = field(default=None, compare=False)
    too_large: bool = field(default=False, compare=False)

    def header(self, name: str) -> str | None:
        """The first value of the header `name` (in lower case)."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def header_values(self, name: str) -> list[str]:
        """Every value of the header `name` (in lower case), in order."""
        return [value for key, value in self.headers if key == name]

    @cached_property
    def parameters(self) -> list[tuple[str, str]]:
        """The query string's parameters, decoded, in order; a name without `=` has the value ''."""
        return parse_query(self.query)


@dataclass
class HttpResponse:
    """An answer. Header names are written as they are given; `content-length` is the server's business."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of the header `name`, whatever its case."""
        name = name.lower()
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None


def uncompressed(request: HttpRequest) -> HttpRequest:
    """The request as its sender wrote it: agents of CloudWatch Logs, and SDKs that are told to, send their bodies as
    gzip. Other values of Content-Encoding (`amz-1.0`, `utf-8`) say nothing about the bytes and are let be. Raises
    `WireError`."""
    if (request.header("content-encoding") or "").lower() != "gzip" or not request.body:
        return request
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        body = inflater.decompress(request.body, UNCOMPRESSED_LIMIT)
    except zlib.error as error:
        raise serialization(f"The body is not gzip: {error}") from error
    if inflater.unconsumed_tail:
        raise WireError("RequestTooLargeException", f"The body has more than {UNCOMPRESSED_LIMIT} bytes", 413)
    if not inflater.eof or inflater.unused_data:
        raise serialization("The body is not one complete gzip stream")
    return replace(request, body=body)


def parse_query(text: str) -> list[tuple[str, str]]:
    """Decodes `a=1&b=%20&c` (and a form body): percent-encoding, `+` as blank, bad UTF-8 replaced."""
    if not text:
        return []
    pairs = []
    for piece in text.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            pairs.append((_decode(name), _decode(value)))
    return pairs


def _decode(text: str) -> str:
    if "%" in text or "+" in text:
        return unquote_plus(text)
    return text
