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
        return "".join(secrets.choice(alphabet) for _ in range(count))
