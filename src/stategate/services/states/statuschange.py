"""Status change events of executions, as EventBridge is given them.

Shape: recorded events, and the developer guide's "Automating Step Functions event delivery with EventBridge". Standard
executions only. Dates are epoch milliseconds, what is not there is null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from stategate.asl.history import HistoryEvent
from stategate.lang import jsontext
from stategate.services.ports import Execution, NewExecution, Ports, World
from stategate.services.states import redrive

MOST_DATA = 248 * 1024
"""Bytes of input and output, as the strings of a JSON text, that an event has room for."""

Publish = Callable[[World, dict[str, Any]], None]
"""Takes an event for the default event bus of an account in a region. Must not block or raise."""


class StatusChanges:
    """An `ExecutionObserver` that publishes each change of status: start, end and redrive."""

    def __init__(self, ports: Callable[[], Ports], publish: Publish) -> None:
        self._ports = ports
        self._publish = publish

    def events(self, execution: NewExecution, events: Sequence[HistoryEvent]) -> None:
        return None

    def status(self, execution: Execution) -> None:
        if execution.new.type == "STANDARD":
            self._publish(execution.new.world, event(self._ports(), execution))


def event(ports: Ports, execution: Execution) -> dict[str, Any]:
    world, now = execution.new.world, ports.clock.now()
    return {
        "version": "0",
        "id": ports.entropy.uuid(),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": world.account,
        "time": datetime.fromtimestamp(_changed(execution), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": world.region,
        "resources": [execution.new.arn],
        "detail": _detail(execution, redrive.status(ports, execution, now)),
    }


def _changed(execution: Execution) -> float:
    """When the status became what it is."""
    return execution.stopped or execution.redriven or execution.new.started


def _detail(execution: Execution, redrivable: dict[str, Any]) -> dict[str, Any]:
    new = execution.new
    input, output = _with_room(new.input, execution.output)
    return {
        "executionArn": new.arn,
        "stateMachineArn": new.machine_arn,
        "stateMachineVersionArn": new.machine_version_arn,
        "stateMachineAliasArn": new.machine_alias_arn,
        "name": new.name,
        "status": execution.status,
        "startDate": _milliseconds(new.started),
        "stopDate": _milliseconds(execution.stopped),
        "redriveCount": execution.redrive_count,
        "redriveDate": _milliseconds(execution.redriven),
        "redriveStatus": redrivable["redriveStatus"],
        "redriveStatusReason": redrivable.get("redriveStatusReason"),
        "input": input,
        "inputDetails": {"included": input is not None},
        "output": output,
        "outputDetails": None if execution.output is None else {"included": output is not None},
        "error": execution.error,
        "cause": execution.cause,
    }


def _with_room(input: str, output: str | None) -> tuple[str | None, str | None]:
    """The input and the output as far as there is room: too large an output is left out, and the input if both together
    are too large."""
    taken = 0 if output is None else _escaped(output)
    shown = None if taken > MOST_DATA else output
    return (None if _escaped(input) + taken > MOST_DATA else input), shown


def _escaped(text: str) -> int:
    return len(jsontext.dumps(text).encode("utf-8", "surrogatepass"))


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
