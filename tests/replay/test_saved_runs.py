"""Runs that earlier versions saved load in this one, and go on to the same end with the same history."""

import base64
import dataclasses
import json
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from asl.driver import Execution, identity
from replay.save import INPUT, answer
from stategate.asl import events
from stategate.asl.program import compile
from stategate.asl.run import Run

HERE = Path(__file__).resolve().parent


def saved_runs() -> list[Any]:
    files = sorted(HERE.glob("*.json"))
    assert files, "no version has saved its runs"
    return [
        pytest.param(execution, run, id=f"{file.stem}-{execution['name']}-{number}")
        for file in files
        for execution in json.loads(file.read_text())
        for number, run in enumerate(execution["runs"])
    ]


@pytest.mark.parametrize(("whole", "saved"), saved_runs())
def test_a_saved_run_goes_on(whole: dict[str, Any], saved: dict[str, Any]) -> None:
    frames = {int(frame): base64.b64decode(data) for frame, data in saved["frames"].items()}
    run = Run.load(identity(json.dumps(INPUT)), base64.b64decode(saved["header"]), frames)
    execution = Execution(compile(whole["definition"]), run, answer, saved["now"])
    execution.inbox = deque(getattr(events, event.pop("event"))(**event) for event in saved["inbox"])
    execution.timers = saved["timers"]
    execution.resume()
    assert execution.finish is not None
    finish = dataclasses.asdict(execution.finish)
    assert told({name: finish[name] for name in whole["finish"]}) == told(whole["finish"])
    history = [json.loads(json.dumps(dataclasses.asdict(event))) for event in execution.history]
    assert told(history) == told(whole["history"][saved["events"] :])


def told(value: Any) -> Any:
    """With the members of JSON texts sorted: they may come in another order than in an earlier version."""
    match value:
        case dict():
            return {name: told(member) for name, member in value.items()}
        case list():
            return [told(item) for item in value]
        case str() if value[:1] in ("{", "["):
            return json.dumps(json.loads(value), sort_keys=True)
        case _:
            return value
