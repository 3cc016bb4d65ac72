"""Pages of a list: `limit` and `position`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from stategate.services.apigateway.errors import bad_request
from stategate.services.call import Input, Output

T = TypeVar("T")


def page(
    given: Input,
    items: Sequence[T],
    key: Callable[[T], str],
    shape: Callable[[T], Any],
    *,
    default: int = 25,
) -> Output:
    """{"items": [...], "position": ...}; `items` is sorted, `key` names an item. 0 and less mean the default.

    A position holds the last item's key and place: if the item is gone, its place tells where to go on.
    """
    limit = given.get("limit") or 0
    limit = default if limit <= 0 else min(limit, 500)
    start = 0
    position = given.get("position")
    if position:
        place, wanted = _decoded(position)
        start = next((at + 1 for at, item in enumerate(items) if key(item) == wanted), place)
    chosen = items[start : start + limit]
    output: Output = {"items": [shape(item) for item in chosen]}
    if start + limit < len(items):
        last = start + limit - 1
        output["position"] = base64.urlsafe_b64encode(f"{last}:{key(chosen[-1])}".encode()).decode()
    return output


def _decoded(position: str) -> tuple[int, str]:
    try:
        place, _, wanted = base64.urlsafe_b64decode(position.encode()).decode().partition(":")
        return max(0, int(place)), wanted
    except (binascii.Error, UnicodeError, ValueError):
        raise bad_request("Invalid position parameter specified") from None
