"""How a history event is shown: its details under the member that its type has in the model."""

from __future__ import annotations

from functools import cache
from typing import Any

from stategate.asl.history import HistoryEvent

DATA = frozenset(
    ("input", "inputDetails", "output", "outputDetails", "parameters", "assignedVariables", "assignedVariablesDetails")
)
"""Members of details that are execution data."""


@cache
def details_member(type_: str) -> str:
    """`stateEnteredEventDetails` of PassStateEntered, `taskScheduledEventDetails` of TaskScheduled."""
    for kind in ("StateEntered", "StateExited"):
        if type_.endswith(kind):
            type_ = kind
    return f"{type_[0].lower()}{type_[1:]}EventDetails"


def show_event(event: HistoryEvent, *, data: bool = True) -> dict[str, Any]:
    """As a member of GetExecutionHistory's answer; without execution data unless `data`."""
    shown: dict[str, Any] = {
        "timestamp": event.timestamp,
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous,
    }
    if event.details is not None:
        shown[details_member(event.type)] = event.details if data else without_data(event.details)
    return shown


def without_data(details: dict[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in details.items() if member not in DATA}
