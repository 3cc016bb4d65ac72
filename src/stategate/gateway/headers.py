"""Which headers pass the gateway, in and out. Recorded with the header remapping cases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from stategate.gateway.stages import Pairs

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


DROPPED_ON_INGRESS = frozenset(
    _names(
        """connection content-length content-md5 expect max-forwards proxy-authenticate server te transfer-encoding
        trailer upgrade www-authenticate"""
    )
)

FORBIDDEN_TARGETS = frozenset(
    _names(
        """content-length transfer-encoding x-amzn-trace-id x-amzn-apigateway-api-id authorization connection expect
        proxy-authenticate te"""
    )
)
"""`integration.request.header.X` that make a call of an AWS integration fail."""

FORBIDDEN_HTTP_TARGETS = frozenset(_names("content-length transfer-encoding x-amzn-trace-id x-amzn-apigateway-api-id"))
"""`integration.request.header.X` that make a call of an HTTP integration fail."""

UNSENT = frozenset(_names("connection expect te proxy-authenticate keep-alive"))
"""Mapped headers that are left out: they belong to the connection, which is the client's own."""

_REMAPPED = frozenset(
    _names(
        """authorization connection content-length content-md5 date expect host max-forwards proxy-authenticate server
        trailer upgrade user-agent www-authenticate"""
    )
)
_REMAPPED_PROXY = frozenset(_names("connection content-length date server x-amzn-requestid"))

_WELL_KNOWN = {
    name.lower(): name
    for name in _names(
        """Accept Accept-Charset Accept-Encoding Accept-Language Authorization Cache-Control Content-Encoding
        Content-Type Cookie Date Host If-Match If-Modified-Since If-None-Match Origin Pragma Range Referer User-Agent
        Via X-Amzn-Trace-Id X-Forwarded-For X-Forwarded-Port X-Forwarded-Proto"""
    )
}


@lru_cache(maxsize=1024)
def is_name(name: str) -> bool:
    """Whether HTTP allows it as a header's name."""
    return _NAME.fullmatch(name) is not None


def incoming(headers: Pairs, raw_names: Sequence[str] | None = None) -> Pairs:
    """A client's headers as integrations and mappings see them: hop-by-hop ones are gone; the names of well-known ones
    are in their usual case, others in the client's own (`raw_names`, parallel to `headers`) [recorded]."""
    names = raw_names if raw_names is not None and len(raw_names) == len(headers) else [name for name, _ in headers]
    return tuple(
        (_WELL_KNOWN.get(lower, raw), value)
        for raw, (name, value) in zip(names, headers, strict=True)
        if (lower := name.lower()) not in DROPPED_ON_INGRESS
    )


def arrived(headers: Pairs, peer: str, domain: str, trace_id: str) -> Pairs:
    """What the gateway's front adds before anything else sees a request; all in alphabetical order, as AWS shows them.
    `peer` sent the request, to `domain` (host and port); its X-Forwarded-For is continued. X-Forwarded-Proto is that of
    a proxy in front, if there is one: functions build links with it."""
    kept, addresses, scheme, given = [], [], "http", ""
    for pair in headers:
        match pair[0]:
            case "X-Forwarded-For":
                addresses.append(pair[1])
            case "X-Forwarded-Proto":
                scheme = pair[1]
            case "X-Amzn-Trace-Id":
                given = pair[1]
            case "X-Forwarded-Port":
                pass
            case _:
                kept.append(pair)
    kept += (
        ("X-Amzn-Trace-Id", trace_id if "Parent=" in given else trace_id.partition(";")[0]),
        ("X-Forwarded-For", ", ".join([*addresses, peer])),
        ("X-Forwarded-Port", _port(domain, scheme)),
        ("X-Forwarded-Proto", scheme),
    )
    return tuple(sorted(kept, key=_lower_name))


def _lower_name(pair: tuple[str, str]) -> str:
    return pair[0].lower()


def _port(domain: str, scheme: str) -> str:
    port = domain.rpartition(":")[2]
    if port.isdigit():
        return port
    return "443" if scheme == "https" else "80"


def outgoing(name: str, *, proxy: bool = False) -> str | None:
    """Under which name a mapped response header is sent; None: it is not."""
    lower = name.lower()
    if lower == "transfer-encoding":
        return None
    if lower in (_REMAPPED_PROXY if proxy else _REMAPPED):
        return f"x-amzn-Remapped-{name}"
    return name
