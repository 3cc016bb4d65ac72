"""Runs that earlier versions stored, in the middle of everything that a run can wait for, load in this one, and an
event does to them what it did then."""

import base64
import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from asl.driver import identity
from sim.test_schedules import INPUT
from stategate.asl import events
from stategate.asl.machine import step
from stategate.asl.program import compile
from stategate.asl.run import Run

FILES = sorted((Path(__file__).parent / "steps").glob("*.json"))
WAITED_FOR = {
    "ActivityStarted", "ExecutionEnded", "MapRunEnded", "Redriven", "Started", "StopRequested",
    "TaskFailed", "TaskHeartbeat", "TaskRestarted", "TaskSubmitted", "TaskSucceeded", "TimerFired",
}  # fmt: skip


def saved() -> list[Any]:
    assert FILES, "no version has saved its steps"
    return [
        pytest.param(run, id=f"{file.stem}-{run['name']}") for file in FILES for run in json.loads(file.read_text())
    ]


def happened(name: str, members: dict[str, Any]) -> Any:
    return getattr(events, name)(**members)


@pytest.mark.parametrize("saved", saved())
def test_a_saved_run_takes_the_next_step(saved: dict[str, Any]) -> None:
    program = compile(saved["definition"])
    for taken in saved["steps"]:
        run = Run.new(identity(INPUT))
        if taken["header"]:
            frames = {int(frame): base64.b64decode(data) for frame, data in taken["frames"].items()}
            run = Run.load(identity(INPUT), base64.b64decode(taken["header"]), frames)
        outcome = step(program, run, happened(*taken["event"]), taken["now"], taken["seed"])
        made = [json.loads(json.dumps(dataclasses.asdict(event))) for event in outcome.events]
        assert made == taken["events"]
        asked = sorted(([type(effect).__name__, _members(effect)] for effect in outcome.effects), key=_named)
        then = sorted(taken["effects"], key=_named)
        assert [name for name, _ in asked] == [name for name, _ in then]
        for (_, members), (_, known) in zip(asked, then, strict=True):
            assert {member: members[member] for member in known} == known  # a later version may say more


def _named(effect: list[Any]) -> tuple[str, str]:
    """Their order does not count: by what they are about."""
    return effect[0], str(effect[1].get("command", effect[1].get("timer")))


def _members(effect: Any) -> Any:
    return json.loads(json.dumps(dataclasses.asdict(effect)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_everything_that_can_happen_is_among_the_saved(file: Path) -> None:
    found = Counter(taken["event"][0] for run in json.loads(file.read_text()) for taken in run["steps"])
    assert set(found) >= WAITED_FOR
