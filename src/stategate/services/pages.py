"""Pages of lists that change between them: a marker says where a page ended and not which item ended it. Who deletes
what a page showed gets the rest with the next one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

Place = tuple[str | int, ...]
"""What the items of a list are sorted by."""


class InvalidMarker(ValueError):
    """Not a marker of such a list."""


def cut(
    items: Iterable[tuple[Place, T]], limit: int, marker: str | None, *, descending: bool = False
) -> tuple[list[T], str | None]:
    """A page of `items`, which are sorted by their places, and the marker of the next. Raises `InvalidMarker`."""
    rest = list(items)
    if marker is not None:
        after = _place(marker)
        try:
            rest = [item for item in rest if (item[0] < after if descending else item[0] > after)]
        except TypeError as error:
            raise InvalidMarker(marker) from error
    shown = rest[:limit]
    return [item for _, item in shown], _marker(shown[-1][0]) if len(rest) > limit else None


def _marker(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place(marker: str) -> Place:
    try:
        place = json.loads(base64.b64decode(marker.encode(), altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise InvalidMarker(marker) from error
    if not isinstance(place, list) or not all(isinstance(part, str | int) for part in place):
        raise InvalidMarker(marker)
    return tuple(place)
