"""Randomness of the running server, from the operating system."""

from __future__ import annotations

import random
import secrets
import uuid


class SystemEntropy:
    """Implements `services.ports.Entropy`."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def uuid(self) -> str:
        return str(uuid.uuid4())

    def random(self) -> float:
        return self._random.random()

    def letters(self, count: int, alphabet: str) -> str:
        drawn = secrets.token_bytes(2 * count)
        numbers = (drawn[i] << 8 | drawn[i + 1] for i in range(0, 2 * count, 2))
        return "".join(alphabet[number % len(alphabet)] for number in numbers)
