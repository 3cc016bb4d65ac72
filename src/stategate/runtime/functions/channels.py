"""How the server and a worker talk: over a socket with one of our bootstraps, or over Lambda's Runtime API."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from asyncio import Transport
from collections.abc import Callable, Mapping
from typing import Protocol, cast

from stategate.runtime.functions import protocol
from stategate.runtime.functions.protocol import Answer, FrameReader, ProtocolError
from stategate.services.ports import Invocation

_CHUNK = 1 << 18


class Channel(Protocol):
    """Gives `answered` (with which it was made) the worker's answers: READY or INIT_ERROR, then one for each
    invocation. It calls `lost` when the worker broke off or broke the protocol."""

    async def prepare(self) -> None:
        """Before the process starts."""
        ...

    @property
    def inherited(self) -> tuple[int, ...]:
        """The file descriptors that the process inherits."""
        ...

    @property
    def environment(self) -> Mapping[str, str]: ...

    async def connect(self) -> None:
        """Once the process has started."""
        ...

    def invoke(self, invocation: Invocation, deadline: float) -> None:
        """`deadline` in epoch seconds."""
        ...

    @property
    def took(self) -> bool:
        """Whether the worker may have seen the last invocation."""
        ...

    def read_rest(self) -> None:
        """What the worker sent before it ended."""
        ...

    def close(self) -> None: ...


class ControlSocket(asyncio.Protocol):
    """A socket pair; `protocol` describes its frames. Its descriptor is the first of `inherited`."""

    environment: Mapping[str, str] = {}
    took = True

    def __init__(self, answered: Callable[[Answer], None], lost: Callable[[], None]) -> None:
        self._answered = answered
        self._lost = lost
        self._reader = FrameReader()
        self._transport: Transport | None = None
        self._connecting = self._closed = False

    async def prepare(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)

    @property
    def inherited(self) -> tuple[int, ...]:
        return (self._theirs.fileno(),)

    async def connect(self) -> None:
        if self._closed:
            return
        self._connecting = True
        self._theirs.close()
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=self._ours)

    def invoke(self, invocation: Invocation, deadline: float) -> None:
        assert self._transport is not None
        self._transport.write(protocol.invocation_frame(invocation, deadline))

    def read_rest(self) -> None:
        # The transport may not have been made yet, or not have been asked to read.
        with contextlib.suppress(OSError):
            while not self._closed and (data := os.read(self._ours.fileno(), _CHUNK)):
                self.data_received(data)

    def close(self) -> None:
        self._closed = True
        if self._transport is not None:
            self._transport.abort()
        elif not self._connecting:
            self._ours.close()
            self._theirs.close()

    # --- callbacks of the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(Transport, transport)
        if self._closed:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            answer = self._reader.feed(data)
        except ProtocolError:
            self.close()
            return
        if answer is not None:
            self._answered(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost()
