"""Saves single steps as this version makes them, of what `save.py` has none: activities, callbacks, `.sync`, map runs,
redrives, stops, and waits in every kind of frame.  `python tests/replay/save_steps.py` writes
tests/replay/steps/<version>.json; run it when a version is released, never again.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from asl.driver import FUNCTION, identity  # noqa: E402
from sim.definitions import ACTIVITY, CALLBACK, INVOKE, SYNC  # noqa: E402
from sim.test_schedules import INPUT, LONGEST, Surroundings, _next  # noqa: E402
from stategate import __version__  # noqa: E402
from stategate.asl.events import Event, Redriven, Started  # noqa: E402
from stategate.asl.program import compile  # noqa: E402
from stategate.asl.run import Run  # noqa: E402

SCHEDULES = 3
REDRIVES = 2
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3, "MaxAttempts": 1}]


def flow(*states: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """One after the other."""
    names = [name for name, _ in states]
    chained = {}
    for (name, state), following in zip(states, [*names[1:], None], strict=True):
        ends = state["Type"] in ("Fail", "Succeed")
        chained[name] = state if ends else {**state, **({"Next": following} if following else {"End": True})}
    return {"StartAt": names[0], "States": chained}


def task(resource: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, **fields}


def wait(seconds: int = 2) -> dict[str, Any]:
    return {"Type": "Wait", "Seconds": seconds}


def distributed(processor: dict[str, Any], type: str = "STANDARD") -> dict[str, Any]:
    return {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": type}, **processor}


CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
DEFINITIONS: dict[str, dict[str, Any]] = {
    "activity": flow(("A", task(ACTIVITY, TimeoutSeconds=30, HeartbeatSeconds=5, Retry=RETRY)), ("W", wait())),
    "callback": flow(
        ("C", task(CALLBACK, Parameters={"t.$": "$$.Task.Token"}, HeartbeatSeconds=5, Retry=RETRY)), ("W", wait())
    ),
    "sync": flow(("S", task(SYNC, TimeoutSeconds=30, Retry=RETRY)), ("I", task(INVOKE))),
    "branches": flow(
        (
            "P",
            {
                "Type": "Parallel",
                "Branches": [
                    flow(("PA", task(ACTIVITY)), ("PW", wait())),
                    flow(("PS", task(SYNC)), ("PF", task(FUNCTION, Retry=RETRY))),
                    flow(("PP", {"Type": "Parallel", "Branches": [flow(("PPW", wait(4)), ("PPC", task(CALLBACK)))]})),
                ],
            },
        ),
        ("W", wait()),
    ),
    "iterations": flow(
        (
            "M",
            {
                "Type": "Map",
                "MaxConcurrency": 2,
                "ItemProcessor": flow(
                    ("MW", wait()), ("MF", task(FUNCTION, Retry=RETRY)), ("MA", task(ACTIVITY, HeartbeatSeconds=5))
                ),
            },
        ),
        ("F", {"Type": "Fail", "Error": "Done", "Cause": "on purpose"}),
    ),
    "map run": flow(
        ("D", {"Type": "Map", "Label": "d", "Retry": RETRY, "ItemProcessor": distributed(flow(("DW", wait())))}),
        ("W", wait()),
    ),
    "map runs in iterations, JSONata": {
        "QueryLanguage": "JSONata",
        **flow(
            ("V", {"Type": "Pass", "Assign": {"n": "{% 1 + 1 %}", "list": [[1, 2], [3]]}}),
            (
                "M",
                {
                    "Type": "Map",
                    "Items": "{% $list %}",
                    "ItemProcessor": flow(
                        (
                            "MD",
                            {
                                "Type": "Map",
                                "Items": "{% $states.input %}",
                                "ToleratedFailureCount": 1,
                                "ItemSelector": {"n": "{% $n %}", "v": "{% $states.context.Map.Item.Value %}"},
                                "ItemProcessor": distributed(flow(("MDP", {"Type": "Pass"})), "EXPRESS"),
                            },
                        ),
                        ("MW", {**wait(), "Assign": {"k": "{% $n %}"}}),
                    ),
                },
            ),
            ("C", task(CALLBACK, Arguments={"t": "{% $states.context.Task.Token %}", "n": "{% $n %}"})),
        ),
    },
    "caught": {
        "TimeoutSeconds": 60,
        **flow(
            ("T", task(ACTIVITY, TimeoutSeconds=5, Catch=CATCH, Assign={"v": 1})),
            ("S", task(SYNC, Catch=CATCH)),
            ("Caught", {"Type": "Pass", "Parameters": {"error.$": "$.Error"}}),
            ("Z", {"Type": "Succeed"}),
        ),
    },
}


class Recorder(Surroundings):
    """Notes each step: what was stored before, what happened, what came of it."""

    def record(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self.effects: list[Any] = []

    def send(self, event: Event) -> None:
        before = {str(frame): base64.b64encode(data).decode() for frame, data in self.frames.items()}
        step = {
            "header": base64.b64encode(self.header).decode(),
            "frames": before,
            "event": [type(event).__name__, dataclasses.asdict(event)],
            "now": self.now,
            "seed": self.seed + 1,
        }
        known = len(self.history)
        self.effects = []
        super().send(event)
        step["events"] = [dataclasses.asdict(made) for made in self.history[known:]]
        step["effects"] = [[type(effect).__name__, dataclasses.asdict(effect)] for effect in self.effects]
        self.steps.append(step)

    def _perform(self, effect: Any) -> None:
        self.effects.append(effect)
        super()._perform(effect)


def play(definition: str, schedule: int) -> Recorder:
    random = Random(schedule)
    recorder = Recorder(compile(definition), crashes=False)
    recorder.record()
    recorder.send(Started())
    for redrives in range(REDRIVES + 1):
        for _ in range(LONGEST):
            if recorder.finish is not None:
                break
            recorder.send(_next(recorder, random, schedule == SCHEDULES))
        assert recorder.finish is not None
        if recorder.finish.status == "SUCCEEDED" or redrives == REDRIVES:
            break
        recorder.finish = None
        recorder.run = Run.load(identity(INPUT), recorder.header, recorder.frames)
        recorder.send(Redriven())
    return recorder


def save_all() -> list[dict[str, Any]]:
    texts = {name: json.dumps(definition) for name, definition in DEFINITIONS.items()}
    return [
        {"name": f"{name}-{schedule}", "definition": text, "steps": play(text, schedule).steps}
        for name, text in texts.items()
        for schedule in range(1, SCHEDULES + 1)
    ]


if __name__ == "__main__":
    file = HERE / "steps" / f"{__version__}.json"
    file.write_text("[\n" + ",\n".join(json.dumps(saved, ensure_ascii=False) for saved in save_all()) + "\n]\n")
