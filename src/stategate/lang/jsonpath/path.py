"""signatures"""

from typing import Any


class Path:
    text: str
    definite: bool
    reference: bool
    segments: tuple[str | int, ...]

    def find(self, document: Any) -> Any:
        raise NotImplementedError


def compile(text: str) -> Path:
    raise NotImplementedError
