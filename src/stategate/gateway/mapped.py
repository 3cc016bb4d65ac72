"""What parameter mappings and a template's overrides make of a request: headers, query string and path parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any

from stategate.gateway.failures import TakesLong, configuration_error
from stategate.gateway.headers import is_name
from stategate.gateway.mappings import RequestMapping
from stategate.gateway.stages import Routed

_BREAKS = re.compile(r"[\r\n\0]")


class Mapped:
    """What the parameter mappings and the overrides made."""

    __slots__ = ("headers", "path", "query")

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.query: dict[str, list[str]] = {}
        self.path: dict[str, str] = {}


def mapped_of(mappings: tuple[RequestMapping, ...], routed: Routed) -> Mapped:
    mapped = Mapped()
    for mapping in mappings:
        if mapping.slow and routed.hurried:
            raise TakesLong
        value = mapping.source(routed)
        if value is None:
            continue
        match mapping.place:
            case "header":
                mapped.headers[mapping.name] = value if isinstance(value, str) else ",".join(value)
            case "querystring":
                mapped.query[mapping.name] = [value] if isinstance(value, str) else value
            case _:
                mapped.path[mapping.name] = value if isinstance(value, str) else ",".join(value)
    return mapped


def override(context: Mapping[str, Any], mapped: Mapped) -> None:
    """Adds what a template wrote to `$context.requestOverride`."""
    override = context.get("requestOverride")
    if not isinstance(override, Mapping):
        return
    for place, target in (("header", mapped.headers), ("path", mapped.path)):
        values = override.get(place)
        if isinstance(values, Mapping):
            target.update({str(name): str(value) for name, value in values.items() if value is not None})
    values = override.get("querystring")
    if isinstance(values, Mapping):
        for name, value in values.items():
            mapped.query[str(name)] = [str(item) for item in value] if isinstance(value, list) else [str(value)]


def check_sendable(mapped: Mapped, forbidden: Set[str]) -> None:
    """What is no header would be read as something else by the endpoint: as another header, or as the next request.
    `forbidden`, in lower case: an override may not write what may not be mapped."""
    for name, value in mapped.headers.items():
        if name.lower() in forbidden:
            raise configuration_error(f"{name} header already present")
        if not is_name(name):
            raise configuration_error(f"Invalid header name: {name!r}")
        if _BREAKS.search(value) is not None:
            raise configuration_error(f"Invalid value of the header {name}")
