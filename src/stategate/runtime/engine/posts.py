"""Events as they lie in the inbox on disk: the type's name and its members."""

from __future__ import annotations

from typing import get_args

import msgspec

from stategate.asl.events import Event

_TYPES = {type_.__name__: type_ for type_ in get_args(Event)}


def encode_event(event: Event) -> bytes:
    return msgspec.msgpack.encode((type(event).__name__, msgspec.to_builtins(event)))


def decode_event(encoded: bytes) -> Event:
    """Raises ValueError for what is no event."""
    name, members = msgspec.msgpack.decode(encoded, type=tuple[str, dict[str, object]])
    type_ = _TYPES.get(name)
    if type_ is None:
        raise ValueError(f"an event of an unknown type: {name}")
    event: Event = msgspec.convert(members, type_)
    return event
