"""Randomness of the running server, from the operating system; drawn in blocks, since each draw is a system call."""

from __future__ import annotations

import os

BLOCK = 4096
"""Bytes drawn at a time."""


class SystemEntropy:
    """Implements `services.ports.Entropy`. For one thread."""

    def __init__(self) -> None:
        self._block = b""
        self._used = 0

    def uuid(self) -> str:
        drawn = bytearray(self._bytes(16))
        drawn[6] = drawn[6] & 0x0F | 0x40  # version 4
        drawn[8] = drawn[8] & 0x3F | 0x80  # RFC 9562's variant
        text = drawn.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def random(self) -> float:
        return (int.from_bytes(self._bytes(7)) >> 3) / (1 << 53)

    def letters(self, count: int, alphabet: str) -> str:
        drawn = self._bytes(2 * count)
        numbers = (drawn[i] << 8 | drawn[i + 1] for i in range(0, 2 * count, 2))
        return "".join(alphabet[number % len(alphabet)] for number in numbers)

    def _bytes(self, count: int) -> bytes:
        if self._used + count > len(self._block):
            self._block, self._used = os.urandom(max(BLOCK, count)), 0
        start, self._used = self._used, self._used + count
        return self._block[start : self._used]
