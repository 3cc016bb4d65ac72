"""What a `.sync` task is told of the execution that it waited for."""

from __future__ import annotations

from typing import Any

from stategate.asl.events import ExecutionEnded
from stategate.lang import jsontext
from stategate.services.ports import Execution


def ended(command: int, execution: Execution) -> ExecutionEnded:
    """The execution as the recorded histories show it: DescribeExecution's members, dates in milliseconds. Of a failed
    one nothing about redriving is recorded."""
    new = execution.new
    shown: dict[str, Any] = {
        "Cause": execution.cause,
        "Error": execution.error,
        "ExecutionArn": new.arn,
        "Input": new.input,
        "InputDetails": {"Included": True},
        "Name": new.name,
    }
    if execution.output is not None:
        shown |= {"Output": execution.output, "OutputDetails": {"Included": True}}
    if execution.status == "SUCCEEDED":
        shown |= {
            "RedriveCount": execution.redrive_count,
            "RedriveStatus": "NOT_REDRIVABLE",
            "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
        }
    shown |= {
        "StartDate": _millis(new.started),
        "StateMachineAliasArn": new.machine_alias_arn,
        "StateMachineArn": new.machine_arn,
        "StateMachineVersionArn": new.machine_version_arn,
        "Status": execution.status,
        "StopDate": None if execution.stopped is None else _millis(execution.stopped),
        "TraceHeader": new.trace_header,
    }
    present = {member: value for member, value in shown.items() if value is not None}
    return ExecutionEnded(command, execution.status, jsontext.dumps(present))


def _millis(seconds: float) -> int:
    return round(seconds * 1000)
