"""What tags may be, wherever they are given."""

from __future__ import annotations

from collections.abc import Mapping

from stategate.services.apigateway.errors import bad_request
from stategate.services.call import Input

_MAX_TAGS = 50
_MAX_KEY = 128
_MAX_VALUE = 256


def new_tags(given: Input) -> dict[str, str]:
    """The member `tags` of an operation that creates something. Raises BadRequestException."""
    return merged({}, given.get("tags") or {})


def merged(known: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """`known` with `new` over it; BadRequestException if AWS would not take `new`."""
    for key, value in new.items():
        if key.lower().startswith("aws:"):
            raise bad_request("Invalid tag key. System tags, prefixed with 'aws:', cannot be changed")
        if not 1 <= len(key) <= _MAX_KEY:
            raise bad_request(f"Invalid tag key: keys have 1 to {_MAX_KEY} characters")
        if len(value) > _MAX_VALUE:
            raise bad_request(f"Invalid value of tag {key}: values have at most {_MAX_VALUE} characters")
    tags = {**known, **new}
    if len(tags) > _MAX_TAGS:
        raise bad_request(f"Too many tags: at most {_MAX_TAGS} are allowed")
    return tags
