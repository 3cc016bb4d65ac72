"""Saves runs as this version writes them, at every step of a set of executions: what later versions must load and go on
with.  `python tests/replay/save.py` writes tests/replay/<version>.json; run it when a version is released, never again.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from asl.driver import FUNCTION, Execution, echo, flow, identity, task  # noqa: E402
from stategate import __version__  # noqa: E402
from stategate.asl.effects import ScheduleTask  # noqa: E402
from stategate.asl.events import Started, TaskFailed, TaskSucceeded  # noqa: E402
from stategate.asl.program import compile  # noqa: E402
from stategate.asl.run import Run  # noqa: E402

INPUT = {"n": 3, "items": [{"id": 1}, {"id": 2}, {"id": 3}], "name": "Ada é ☃", "big": 12345678901234567890123}


def branch(name: str, **state: Any) -> dict[str, Any]:
    return {"StartAt": name, "States": {name: {**state, "End": True}}}


DEFINITIONS: dict[str, dict[str, Any]] = {
    "sequence": flow(
        Pass={
            "Type": "Pass",
            "Parameters": {"n.$": "$.n", "id.$": "$$.Execution.Name"},
            "ResultPath": "$.p",
            "Next": "Wait",
        },
        Wait={"Type": "Wait", "Seconds": 10, "Next": "Task"},
        Task=task(ResultPath="$.t", TimeoutSeconds=60, HeartbeatSeconds=20, Next="Choice"),
        Choice={
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericEquals": 3, "Next": "Done"}],
            "Default": "Broken",
        },
        Broken={"Type": "Fail"},
        Done={"Type": "Succeed", "OutputPath": "$.t"},
    ),
    "retries": flow(
        Flaky=task(
            Parameters={"attempt.$": "$$.State.RetryCount"},
            Retry=[
                {"ErrorEquals": ["Flaky"], "IntervalSeconds": 2, "MaxAttempts": 2, "BackoffRate": 3},
                {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1},
            ],
            Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}],
        ),
        Caught={"Type": "Pass", "End": True},
    ),
    "nested": flow(
        Map={
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 2,
            "ItemSelector": {"id.$": "$$.Map.Item.Value.id", "index.$": "$$.Map.Item.Index"},
            "ItemProcessor": {
                "StartAt": "Both",
                "States": {
                    "Both": {
                        "Type": "Parallel",
                        "Branches": [branch("One", **task()), branch("Two", Type="Wait", Seconds=5)],
                        "End": True,
                    }
                },
            },
        },
    ),
    "variables": flow(
        Set={"Type": "Pass", "Assign": {"x.$": "$.n", "y": {"z": [1]}}, "Next": "Use"},
        Use=task(Parameters={"x.$": "$x", "y.$": "$y.z[0]"}, Assign={"r.$": "$"}, Next="Last"),
        Last={"Type": "Wait", "Seconds": 1, "Next": "End"},
        End={"Type": "Pass", "Parameters": {"r.$": "$r"}},
    ),
    "jsonata": {
        "QueryLanguage": "JSONata",
        **flow(
            Ask=task(
                Arguments="{% {'twice': $states.input.n * 2} %}", Assign={"t": "{% $states.result.twice %}"}, Next="W"
            ),
            W={"Type": "Wait", "Seconds": "{% $t %}", "Output": "{% {'t': $t} %}", "Next": "M"},
            M={
                "Type": "Map",
                "Items": "{% [1..3] %}",
                "ItemProcessor": branch("P", Type="Wait", Seconds=1, Output="{% $states.input * 2 %}"),
            },
        ),
    },
}


def answer(command: ScheduleTask) -> TaskSucceeded | TaskFailed:
    if command.state_name == "Flaky":
        return TaskFailed(command.command, "Flaky" if command.command < 12 else "Other", '{"errorMessage":"again"}')
    return echo(command)


def save_all() -> list[dict[str, Any]]:
    return [save(name, json.dumps(definition)) for name, definition in DEFINITIONS.items()]


def save(name: str, definition: str) -> dict[str, Any]:
    execution = Execution(compile(definition), Run.new(identity(json.dumps(INPUT))), answer)
    saved = []
    execution.send(Started())
    while execution.finish is None:
        saved.append(snapshot(execution))
        if execution.inbox:
            execution.send(execution.inbox.popleft())
        else:
            execution.pass_time()
    assert execution.finish is not None
    ended = dataclasses.asdict(execution.finish)
    history = [dataclasses.asdict(event) for event in execution.history]
    return {"name": name, "definition": definition, "finish": ended, "history": history, "runs": saved}


def snapshot(execution: Execution) -> dict[str, Any]:
    run = execution.run
    return {
        "header": base64.b64encode(run.header()).decode(),
        "frames": {str(i): base64.b64encode(run.frame(i)).decode() for i in run.frame_ids()},
        "inbox": [{"event": type(event).__name__, **dataclasses.asdict(event)} for event in execution.inbox],
        "timers": dict(execution.timers),
        "now": execution.now,
        "events": len(execution.history),
    }


__all__ = ["FUNCTION", "INPUT", "answer"]

if __name__ == "__main__":
    file = HERE / f"{__version__}.json"
    file.write_text("[\n" + ",\n".join(json.dumps(saved, ensure_ascii=False) for saved in save_all()) + "\n]\n")
