"""What may be a tag."""

from __future__ import annotations

from stategate.services.errors import validation_error
from stategate.services.states.errors import too_many_tags

MAX_TAGS = 50


def read_tags(known: dict[str, str], given: list[dict[str, str]] | None) -> dict[str, str]:
    """The known tags with the given ones. Raises `ValidationException`, `TooManyTags`."""
    tags = dict(known)
    for tag in given or ():
        key = tag.get("key") or ""
        if not key or key.lower().startswith("aws:"):
            raise validation_error(f"Invalid tag key: '{key}'")
        tags[key] = tag.get("value") or ""
    if len(tags) > MAX_TAGS:
        raise too_many_tags(MAX_TAGS)
    return tags
