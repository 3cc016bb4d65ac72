"""Payload compression: request bodies decompressed before mapping, answers compressed from a size on.

Only where the API has a `minimumCompressionSize`; gzip, deflate and identity, as the developer guide says.
"""

from __future__ import annotations

import gzip
import zlib

from stategate.gateway.failures import GatewayFailure
from stategate.gateway.stages import Pairs, Reply

LARGEST = 10 * 1024 * 1024
_ENCODINGS = ("gzip", "deflate")


def inflate(body: bytes, encoding: str) -> bytes:
    """Raises zlib.error or EOFError for what is not of that encoding, OverflowError for more than 10 MB."""
    if encoding == "deflate" and not (body[:1] and body[0] & 0x0F == 8):
        unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    elif encoding == "deflate":
        unpack = zlib.decompressobj()
    else:
        unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
    plain = unpack.decompress(body, LARGEST + 1)
    if len(plain) > LARGEST:
        raise OverflowError("The body is larger than 10 MB when it is decompressed")
    if not unpack.eof:
        raise EOFError("The body ends too early")
    return plain


def received_body(headers: Pairs, body: bytes) -> tuple[Pairs, bytes]:
    """A request's body, decompressed, and its headers without Content-Encoding. Fails with REQUEST_TOO_LARGE, or
    BAD_REQUEST_BODY for what is not of the encoding that it claims."""
    encoding = _value(headers, "content-encoding")
    if encoding not in _ENCODINGS or not body:
        return headers, body
    try:
        plain = inflate(body, encoding)
    except OverflowError:
        raise GatewayFailure("REQUEST_TOO_LARGE") from None
    except (zlib.error, EOFError):
        raise GatewayFailure("BAD_REQUEST_BODY", "Could not decompress the request payload.") from None
    return _without(headers, "content-encoding"), plain


def answered(headers: Pairs, body: bytes) -> tuple[Pairs, bytes]:
    """An endpoint's answer whose encoding is undone if it can be: Content-Encoding never passes an HTTP proxy."""
    encoding = _value(headers, "content-encoding")
    if encoding not in _ENCODINGS or not body:
        return headers, body
    try:
        plain = inflate(body, encoding)
    except (zlib.error, EOFError, OverflowError):
        return headers, body
    return _without(headers, "content-encoding"), plain


def compressed(reply: Reply, accept_encoding: str | None, minimum: int | None) -> Reply:
    """The reply, in the first encoding that the client accepts, if it is long enough and not encoded already."""
    if minimum is None or not accept_encoding or not reply.body or len(reply.body) < minimum:
        return reply
    encoding = _accepted(accept_encoding)
    if encoding is None or _value(reply.headers, "content-encoding") is not None:
        return reply
    body = gzip.compress(reply.body, 6, mtime=0) if encoding == "gzip" else zlib.compress(reply.body, 6)
    return Reply(reply.status, (*reply.headers, ("Content-Encoding", encoding)), body)


def _accepted(header: str) -> str | None:
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        if parameters.replace(" ", "") in ("q=0", "q=0.0"):
            continue
        match name.strip():
            case "gzip" | "*":
                return "gzip"
            case "deflate":
                return "deflate"
            case "identity":
                return None
    return None


def _value(headers: Pairs, name: str) -> str | None:
    return next((value.strip().lower() for key, value in headers if key.lower() == name), None)


def _without(headers: Pairs, name: str) -> Pairs:
    return tuple(pair for pair in headers if pair[0].lower() != name)
