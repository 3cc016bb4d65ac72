"""Media types, and which mapping template a request or an answer gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

DEFAULT = "application/json"


def media_type(header: str | None) -> str:
    """The MIME type of a Content-Type header without its parameters, in lower case; absent: `application/json`."""
    if not header:
        return DEFAULT
    return header.partition(";")[0].strip().lower() or DEFAULT


def accepted_type(header: str | None) -> str:
    """The first media type of an Accept header; absent or `*/*`: `application/json`."""
    if not header:
        return DEFAULT
    first = header.partition(",")[0].partition(";")[0].strip().lower()
    return DEFAULT if not first or first == "*/*" else first


def is_binary(content_type: str, binary_media_types: tuple[str, ...]) -> bool:
    """Whether a type is among the API's binary ones: `image/png`, `image/*` or `*/*`."""
    for candidate in binary_media_types:
        if candidate in ("*/*", content_type):
            return True
        if candidate.endswith("/*") and content_type.startswith(candidate[:-1]):
            return True
    return False


def accepts_binary(accept: str | None, binary_media_types: tuple[str, ...]) -> bool:
    """Whether the client's first accepted media type is a binary one of the API."""
    if not binary_media_types:
        return False
    if not accept:
        return "*/*" in binary_media_types
    return is_binary(accept.partition(",")[0].partition(";")[0].strip().lower(), binary_media_types)


class NoTemplate(Exception):
    """The passthrough behaviour refuses this content type: 415."""


def request_template(templates: Mapping[str, T], content_type: str, passthrough: str) -> tuple[bool, T | None]:
    """(True, template) if one is chosen, (False, None) if the body passes through; raises `NoTemplate`.

    AWS's table: a match transforms; none among some passes for WHEN_NO_MATCH only; none defined passes unless NEVER.
    """
    if content_type in templates:
        return True, templates[content_type]
    if "$default" in templates:
        return True, templates["$default"]
    if passthrough == "NEVER" or (passthrough == "WHEN_NO_TEMPLATES" and templates):
        raise NoTemplate(content_type)
    return False, None


def response_template(templates: Mapping[str, T], accept: str) -> tuple[str, T] | None:
    """By the client's Accept, else the first one that is defined; None: the body passes unmodified."""
    if not templates:
        return None
    if accept in templates:
        return accept, templates[accept]
    key = next(iter(templates))
    return key, templates[key]
