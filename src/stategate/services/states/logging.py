"""Execution logs: the history events of executions, in CloudWatch Logs.

Shape and levels: the developer guide's "Log levels for Step Functions execution events" and recorded log events: ids,
timestamps (epoch milliseconds) and the redrive count are strings, the details stand without their member's name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from stategate.asl.history import HistoryEvent
from stategate.lang import jsontext
from stategate.services.logs import records as log_records
from stategate.services.ports import Execution, LogEvent, LogWriter, NewExecution, Store
from stategate.services.states.history import without_data

FATAL = frozenset(("ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"))

_ERROR_ENDINGS = ("Failed", "TimedOut", "Aborted")
_ERROR_TYPES = frozenset(("FailStateEntered",))


def is_logged(level: str, type_: str) -> bool:
    """`level`: ALL, ERROR, FATAL or OFF."""
    match level:
        case "ALL":
            return True
        case "ERROR":
            return type_.endswith(_ERROR_ENDINGS) or type_ in _ERROR_TYPES
        case "FATAL":
            return type_ in FATAL
        case _:
            return False


def stream_name(execution: NewExecution) -> str:
    """One stream for a state machine's executions since it was last updated, so that they stand together."""
    since = datetime.fromtimestamp(execution.machine_updated or execution.started, UTC)
    mark = hashlib.sha256(f"{execution.machine_arn} {execution.machine_updated}".encode()).hexdigest()[:8]
    return f"states/{execution.machine_name}/{since:%Y-%m-%d-%H-%M}/{mark}"


def message(execution: NewExecution, event: HistoryEvent) -> str:
    details = event.details or {}
    if not execution.logging.include_execution_data:
        details = without_data(details)
    return jsontext.dumps(
        {
            "id": str(event.id),
            "type": event.type,
            "details": details,
            "previous_event_id": str(event.previous),
            "event_timestamp": str(round(event.timestamp * 1000)),
            "execution_arn": execution.arn,
            "redrive_count": str(execution.redrives),
        }
    )


class ExecutionLogs:
    """An `ExecutionObserver`. Nothing is written to a log group that was deleted."""

    def __init__(self, writer: LogWriter, store: Store) -> None:
        self._writer = writer
        self._store = store

    def events(self, execution: NewExecution, events: Sequence[HistoryEvent]) -> None:
        logging = execution.logging
        if logging.level == "OFF" or logging.log_group_arn is None:
            return
        group = logging.log_group_arn.split(":")[6]
        logged = [
            LogEvent(round(event.timestamp * 1000), message(execution, event))
            for event in events
            if is_logged(logging.level, event.type)
        ]
        if logged and log_records.groups(self._store, execution.world).get(group) is not None:
            self._writer.write(execution.world, group, stream_name(execution), logged)

    def status(self, execution: Execution) -> None:
        return None
