"""Execution history: its events, with AWS's types and member names."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One event as GetExecutionHistory shows it. `details` is the content of the type's details member, by the model's
    member names, or None for types without one; `timestamp` in epoch seconds; `previous` is previousEventId."""

    id: int
    previous: int
    timestamp: float
    type: str
    details: dict[str, Any] | None = None
