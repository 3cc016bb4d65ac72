"""The results of a map run, as a ResultWriter writes them: files by status, and the manifest that names them.

Shapes: the developer guide's "ResultWriter". Files are closed at a size, so that never all results are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stategate.asl.maprun import ResultTarget
from stategate.asl.turn import timestamp
from stategate.lang import jsontext
from stategate.services.ports import ChildResult, NewExecution

FILE_BYTES = 16 * 1024 * 1024
KINDS = ("FAILED", "PENDING", "SUCCEEDED")

_STATUS = {"SUCCEEDED": "SUCCEEDED", "PENDING": "PENDING", "RUNNING": "PENDING"}


class Results:
    """Takes children in the order of their items."""

    def __init__(self, execution: NewExecution, target: ResultTarget) -> None:
        self._prefix = execution.machine_arn.rpartition(":stateMachine:")[0]
        self._target = target
        self._open: dict[str, list[str]] = {kind: [] for kind in KINDS}
        self._size = dict.fromkeys(KINDS, 0)
        self._files: dict[str, list[tuple[str, int]]] = {kind: [] for kind in KINDS}

    def add(self, result: ChildResult) -> str:
        """Returns the kind of file that it belongs into."""
        kind = _STATUS.get(result.status, "FAILED")
        for text in self._entries(result):
            self._open[kind].append(text)
            self._size[kind] += len(text)
        return kind

    def take(self, result: ChildResult) -> Iterator[tuple[str, bytes]]:
        """Adds it, and gives the name and content of the file that is full with it."""
        kind = self.add(result)
        if self._size[kind] >= FILE_BYTES:
            yield self._close(kind)

    def rest(self) -> Iterator[tuple[str, bytes]]:
        for kind in KINDS:
            if self._open[kind]:
                yield self._close(kind)

    def text(self) -> str:
        """What succeeded, as the output of the state."""
        return f"[{','.join(self._open['SUCCEEDED'])}]"

    def manifest(self, bucket: str, map_run_arn: str, folder: str) -> dict[str, Any]:
        files = {
            kind: [{"Key": f"{folder}/{name}", "Size": size} for name, size in self._files[kind]] for kind in KINDS
        }
        return {"DestinationBucket": bucket, "MapRunArn": map_run_arn, "ResultFiles": files}

    def _close(self, kind: str) -> tuple[str, bytes]:
        lines, self._open[kind], self._size[kind] = self._open[kind], [], 0
        jsonl = self._target.output_type == "JSONL"
        body = ("\n".join(lines) if jsonl else f"[{','.join(lines)}]").encode("utf-8", "surrogatepass")
        name = f"{kind}_{len(self._files[kind])}.{'jsonl' if jsonl else 'json'}"
        self._files[kind].append((name, len(body)))
        return name, body

    def _entries(self, result: ChildResult) -> list[str]:
        plain = self._target.transformation
        if plain == "NONE" or result.status != "SUCCEEDED" or result.output is None:
            return [jsontext.dumps(self._described(result))]
        if plain == "FLATTEN":
            output = jsontext.loads(result.output)
            if isinstance(output, list):
                return [jsontext.dumps(item) for item in output]
        return [result.output]

    def _described(self, result: ChildResult) -> dict[str, Any]:
        """As DescribeExecution shows it, with what `.sync` tasks are told of redriving."""
        machine, name = result.execution_arn.split(":")[6:8]
        shown: dict[str, Any] = {
            "ExecutionArn": result.execution_arn,
            "Input": result.input,
            "InputDetails": {"Included": True},
            "Name": name,
        }
        if result.output is not None:
            shown |= {"Output": result.output, "OutputDetails": {"Included": True}}
        shown |= {"Error": result.error} if result.error is not None else {}
        shown |= {"Cause": result.cause} if result.cause is not None else {}
        if result.status == "SUCCEEDED" and ":express:" not in result.execution_arn:
            shown |= {
                "RedriveCount": result.redrives,
                "RedriveStatus": "NOT_REDRIVABLE",
                "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
            }
        if result.started is not None:
            shown["StartDate"] = timestamp(result.started)
        shown |= {"StateMachineArn": f"{self._prefix}:stateMachine:{machine}", "Status": result.status}
        if result.stopped is not None:
            shown["StopDate"] = timestamp(result.stopped)
        return shown
