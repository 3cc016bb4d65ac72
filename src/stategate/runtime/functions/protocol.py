"""The frames on a worker's control socket.

To the worker, an invocation: two sizes (4 bytes each, big-endian), the head as JSON
`{"id", "deadline" (epoch ms), "arn", "client" (JSON text or null), "trace"}`, the payload.
From the worker: a kind (1 byte), its resident memory in KB (4 bytes), a size (4 bytes), the payload. The first frame is
READY or INIT_ERROR, with nothing or the error; then RESULT or ERROR for each invocation. A worker that ends after its
answer adds LAST to the kind.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import orjson

from stategate.runtime.functions.bootstrap import ERROR, INIT_ERROR, READY, RESULT
from stategate.services.ports import Invocation

__all__ = ["ERROR", "INIT_ERROR", "READY", "RESULT", "Answer", "FrameReader", "ProtocolError", "invocation_frame"]

_REQUEST = struct.Struct("!II")
_RESPONSE = struct.Struct("!BII")
MAX_PAYLOAD = 8 << 20
LAST = 0x80


class ProtocolError(Exception):
    """The worker wrote something else on the socket."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`memory_kb` 0: not known. `last`: the worker takes no further invocation."""

    kind: int
    memory_kb: int
    payload: bytes
    last: bool = False


def invocation_frame(invocation: Invocation, deadline: float) -> bytes:
    """`deadline` in epoch seconds."""
    head = orjson.dumps(
        {
            "id": invocation.request_id,
            "deadline": int(deadline * 1000),
            "arn": invocation.invoked_arn,
            "client": invocation.client_context,
            "trace": invocation.trace_id,
        }
    )
    return _REQUEST.pack(len(head), len(invocation.payload)) + head + invocation.payload


class FrameReader:
    """Puts together what comes in pieces."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Answer | None:
        """The answer, when it is complete. A worker sends one frame at a time. Raises `ProtocolError`."""
        self._data += data
        if len(self._data) < _RESPONSE.size:
            return None
        kind, memory_kb, size = _RESPONSE.unpack_from(self._data)
        if kind & ~LAST > INIT_ERROR or size > MAX_PAYLOAD or len(self._data) > _RESPONSE.size + size:
            raise ProtocolError
        if len(self._data) < _RESPONSE.size + size:
            return None
        payload = bytes(memoryview(self._data)[_RESPONSE.size :])
        self._data = bytearray()
        return Answer(kind & ~LAST, memory_kb, payload, bool(kind & LAST))
