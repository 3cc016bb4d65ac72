"""What may be a tag."""

from __future__ import annotations

import regex

from stategate.services.errors import validation_error
from stategate.services.states.errors import too_many_tags

MAX_TAGS = 50

_TEXT = regex.compile(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*")
"""Letters, digits, white space and these symbols, in the words of the API reference."""


def read_tags(known: dict[str, str], given: list[dict[str, str]] | None) -> dict[str, str]:
    """The known tags with the given ones. Raises `ValidationException`, `TooManyTags`."""
    tags = dict(known)
    for tag in given or ():
        key, value = tag.get("key") or "", tag.get("value") or ""
        if not key or key.lower().startswith("aws:") or not _TEXT.fullmatch(key):
            raise validation_error(f"Invalid tag key: '{key}'")
        if not _TEXT.fullmatch(value):
            raise validation_error(f"Invalid tag value: '{value}'")
        tags[key] = value
    if len(tags) > MAX_TAGS:
        raise too_many_tags(MAX_TAGS)
    return tags
