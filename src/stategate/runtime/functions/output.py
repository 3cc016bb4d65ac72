"""What a worker prints, as log events: split into lines, bounded, with the last 4 KB of an invocation at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stategate.services.ports import LogEvent

MAX_LINE = 256 * 1024
TAIL = 4096
LIMIT = 16 << 20
"""Bytes of output that are kept of one invocation; the rest is read and dropped, and the log says how much."""

_FLUSH_AT = 128 * 1024


class Output:
    """`emit` is given batches of events, in order. `separator` stands for line ends within one event. `now` is epoch
    seconds."""

    def __init__(
        self, emit: Callable[[Sequence[LogEvent]], None], separator: bytes, now: Callable[[], float], limit: int = LIMIT
    ) -> None:
        self._emit = emit
        self._separator = separator
        self._now = now
        self._limit = limit
        self._partial = b""
        self._pending: list[LogEvent] = []
        self._pending_size = 0
        self._kept = 0
        self._dropped = 0
        self._tail = bytearray()

    def begin(self, line: str, *, failed_init: bool = False) -> None:
        """A new invocation, with its first line. Lambda tries an initialisation that failed again within the
        invocation: what was printed after INIT_START is in the tail too."""
        self._complete()
        said = self._tail.partition(b"\n")[2] if failed_init else b""
        self._kept = self._dropped = 0
        self._tail.clear()
        self.say(line)
        self._tail += said

    def say(self, text: str) -> None:
        """An event of the platform's own; what was printed before it comes before it."""
        self._complete()
        self._add(text, text.encode())

    def feed(self, data: bytes) -> None:
        """What the worker printed."""
        self._kept += len(data)
        if self._kept > self._limit:
            self._dropped += len(data)
            return
        *lines, rest = (self._partial + data).split(b"\n")
        for line in lines:
            self._line(line + b"\n")
        while len(rest) > MAX_LINE:
            self._line(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        self._partial = rest

    def flush(self) -> None:
        """Hands over what is complete."""
        if self._pending:
            pending, self._pending, self._pending_size = self._pending, [], 0
            self._emit(pending)

    def end(self, *lines: str) -> bytes:
        """The invocation is over: its last lines are said, everything is handed over. Returns the tail."""
        if self._dropped:
            self.say(f"Stategate dropped {self._dropped} bytes of output: an invocation may log {self._limit} bytes.\n")
        for line in lines:
            self.say(line)
        self.flush()
        return bytes(self._tail)

    def _complete(self) -> None:
        if self._partial:
            self._line(self._partial)
            self._partial = b""

    def _line(self, line: bytes) -> None:
        if self._separator in line:
            line = line.replace(self._separator, b"\n")
        self._add(line.decode("utf-8", "replace"), line)

    def _add(self, message: str, data: bytes) -> None:
        tail = self._tail
        tail += data
        if len(tail) > TAIL:
            del tail[:-TAIL]
        self._pending.append(LogEvent(int(self._now() * 1000), message))
        self._pending_size += len(data)
        if self._pending_size > _FLUSH_AT:
            self.flush()
