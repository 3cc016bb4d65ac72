"""What CloudFront does in front of edge-optimised APIs (endpoint type EDGE): headers of requests and of answers.

Names and casing are recorded from AWS; the kinds of device are those of the CloudFront developer guide ("Headers for
determining the viewer's device type"). Where a viewer is cannot be known here: see COUNTRY and ASN.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from stategate.gateway.stages import Pairs

COUNTRY = "ZZ"
"""The code that ISO 3166 leaves to users and CLDR gives to an unknown region: no country has it."""

ASN = "64512"
"""The first autonomous system number for private use (RFC 6996)."""

LOCATION = "127.0.0.1"
"""The edge location's address, the last one of X-Forwarded-For: the edge is this server."""

_LONGEST_AGENT = 512

_TABLET = re.compile(r"iPad|Tablet|PlayBook|Kindle|Silk/|Nexus (?:7|9|10)\b|Android(?!.*\bMobile\b)", re.IGNORECASE)
_PHONE = re.compile(r"\bMobile\b|iPhone|iPod|Windows Phone|BlackBerry|BB10|Opera Mini|IEMobile", re.IGNORECASE)
_TELEVISION = re.compile(
    r"Smart-?\s?TV|HbbTV|GoogleTV|Google TV|Apple\s?TV|Android TV|NetCast|Web0S|BRAVIA|\bRoku|\bCrKey|\bAFT[A-Z]",
    re.IGNORECASE,
)


class Passage(NamedTuple):
    """One request's way through an edge location. `id` is X-Amz-Cf-Id; `via` names the location."""

    id: str
    via: str


def passage(request_id: str) -> Passage:
    """Follows from the request's id: nothing else needs to be drawn."""
    digest = blake2b(request_id.encode(), digest_size=56).digest()
    return Passage(base64.b64encode(digest[:40]).decode(), f"1.1 {digest[40:].hex()}.cloudfront.net (CloudFront)")


def forwarded(headers: Pairs, viewer: str, way: Passage) -> Pairs:
    """A viewer's headers as the API gets them. What a viewer sends under CloudFront's own names does not count."""
    agent, via, addresses = "", [way.via], [viewer]
    kept = []
    for name, value in headers:
        match name.lower():
            case "via":
                via.insert(-1, value)
            case "x-forwarded-for":
                addresses.insert(-1, value)
            case "x-amz-cf-id":
                pass
            case lower:
                if lower == "user-agent":
                    agent = value
                if not lower.startswith("cloudfront-"):
                    kept.append((name, value))
    return (
        *kept,
        *_device(agent[:_LONGEST_AGENT]),
        ("CloudFront-Forwarded-Proto", "https"),
        ("CloudFront-Viewer-ASN", ASN),
        ("CloudFront-Viewer-Country", COUNTRY),
        ("Via", ", ".join(via)),
        ("X-Amz-Cf-Id", way.id),
        ("X-Forwarded-For", ", ".join(addresses)),
    )


def answered(status: int, headers: Pairs, way: Passage) -> Pairs:
    """An answer's headers, as a viewer gets them."""
    cached = "Error from cloudfront" if status >= 400 else "Miss from cloudfront"
    vias, kept = [], []
    for pair in headers:
        if pair[0].lower() == "via":
            vias.append(pair[1])
        else:
            kept.append(pair)
    via = ", ".join([*vias, way.via])
    return (*kept, ("X-Cache", cached), ("Via", via), ("X-Amz-Cf-Pop", "LOCAL1-P1"), ("X-Amz-Cf-Id", way.id))


@lru_cache(maxsize=256)
def _device(agent: str) -> Pairs:
    """One kind at least; a tablet that calls itself mobile is both. An unknown agent is a desktop's."""
    television = _TELEVISION.search(agent) is not None
    tablet = not television and _TABLET.search(agent) is not None
    phone = not television and _PHONE.search(agent) is not None
    kinds = {"Desktop": not (television or tablet or phone), "Mobile": phone, "SmartTV": television, "Tablet": tablet}
    return tuple((f"CloudFront-Is-{kind}-Viewer", "true" if found else "false") for kind, found in kinds.items())
