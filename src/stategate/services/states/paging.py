"""Pages: `nextToken` is the position of the last item, signed, and good for a day and for the same question only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol, TypeVar

import orjson

from stategate.services.call import Call
from stategate.services.ports import Records
from stategate.services.states.errors import invalid_token


class _Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T")
Named = TypeVar("Named", bound=_Named)

DEFAULT = 100

LIFETIME = 86_400.0
"""Seconds that a token is good for."""


def page_size(input: Mapping[str, Any]) -> int:
    return int(input.get("maxResults") or 0) or DEFAULT


def encode(call: Call, question: Sequence[Any], position: Any) -> str:
    body = orjson.dumps([call.now, position])
    return base64.urlsafe_b64encode(_sign(call, question, body) + body).decode()


def decode(call: Call, question: Sequence[Any], token: str) -> Any:
    """The position. Raises `InvalidToken`."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise invalid_token() from None
    signature, body = raw[:16], raw[16:]
    if not hmac.compare_digest(signature, _sign(call, question, body)):
        raise invalid_token()
    issued, position = orjson.loads(body)
    if call.now - issued > LIFETIME:
        raise invalid_token()
    return position


def page(
    call: Call,
    input: Mapping[str, Any],
    question: Sequence[Any],
    after: Callable[[Any], Iterable[T]],
    position: Callable[[T], Any],
) -> tuple[list[T], str | None]:
    """As many items as asked for, and the next token if there are more. `after(last)` gives the items beyond a position
    (from the start, if it is None), which need not be there any more."""
    token, size = input.get("nextToken"), page_size(input)
    last = None if token is None else decode(call, question, token)
    found = list(islice(after(last), size + 1))
    if len(found) <= size:
        return found, None
    found.pop()
    return found, encode(call, question, position(found[-1]))


def by_name(
    call: Call, input: Mapping[str, Any], operation: str, table: Records[Named]
) -> tuple[list[Named], str | None]:
    """A page of records whose key is their name."""
    return page(
        call,
        input,
        [operation],
        lambda last: (record for name, record in table.items() if last is None or name > last),
        lambda record: record.name,
    )


def _sign(call: Call, question: Sequence[Any], body: bytes) -> bytes:
    world = (call.world.account, call.world.region)
    message = orjson.dumps([world, question]) + b"\0" + body
    return hmac.digest(call.ports.secret, message, hashlib.sha256)[:16]
