"""The engine, its tables and everything around it in simulated time: a process that dies, anywhere and again and again,
changes nothing but that calls which were in flight are made once more."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asl.driver import FUNCTION
from sim.definitions import ACTIVITY, CALLBACK, START_EXECUTION, SYNC, Kinds, definitions
from sim.outside import Outside
from sim.story import Story, tell, told

STEADY = Kinds(jitter=False, express=False, alike=False)
"""What goes the same way each time. Jitter follows from the server's randomness, an Express execution begins again
after a crash, and things that are alike and happen at the same time may change places. Where two things happen at the
same instant nevertheless (`Story.tie`), nothing after that is compared."""

CHILDREN = Kinds(jitter=False, express=False, lasting=False, distributed=False)

EXAMPLES = int(os.environ.get("SIMULATIONS", "120"))
"""Other ones each time. `SIMULATIONS=3500 pytest tests/sim/test_engine.py` looks for long."""
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
SETTINGS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
CHILD = {"StartAt": "C", "States": {"C": {"Type": "Wait", "Seconds": 2, "End": True}}}


def play(definitions: list[dict[str, Any]], **plan: Any) -> Story:
    with tempfile.TemporaryDirectory() as directory:
        story = tell(Outside(definitions, Path(directory, "db"), **plan))
    check(story)
    return story


def check(story: Story) -> None:
    """What always holds in the end."""
    if story.broken:
        raise ExceptionGroup("what must not have happened", story.broken)
    for arn, events in story.histories.items():
        execution = story.executions[arn]
        assert execution.status != "RUNNING"
        assert [event.id for event in events] == list(range(1, len(events) + 1)), arn
        assert all(event.previous < event.id for event in events)
        times = [event.timestamp for event in events]
        assert times == sorted(times)
        assert execution.stopped == times[-1]
        types = Counter(event.type for event in events)
        assert types["ExecutionRedriven"] == execution.redrive_count
        ends = sum(types[f"Execution{end}"] for end in ("Succeeded", "Failed", "TimedOut", "Aborted"))
        # A child of a map run that had not begun when that failed begins with the redrive.
        assert ends - types["ExecutionStarted"] - types["ExecutionRedriven"] == 0
    assert all(run.status != "RUNNING" for run in story.map_runs)
    assert not story.left, "rows of executions that have ended"


@SETTINGS
@given(
    definitions(STEADY),
    st.lists(definitions(CHILDREN), min_size=1, max_size=2),
    st.integers(0, 1 << 20),
    st.none() | st.integers(0, 20_000),
    st.integers(0, 2),
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
)
def test_crashes_change_nothing(
    definition: dict[str, Any],
    children: list[dict[str, Any]],
    seed: int,
    stop: int | None,
    redrives: int,
    deaths: list[float],
) -> None:
    plan = {"seed": seed, "stop_after": None if stop is None else stop / 1000 + 0.0005, "redrives": redrives}
    plain = play([definition, *children], **plan)
    crashed = play([definition, *children], **plan, deaths={int(death * plain.points * 1.2) for death in deaths})
    assert told(crashed, plain.tie) == told(plain, plain.tie)
    if not crashed.died:
        assert crashed.calls == plain.calls


@SETTINGS
@given(
    definitions(Kinds()),
    st.lists(definitions(CHILDREN), min_size=1, max_size=2),
    st.integers(0, 1 << 20),
    st.none() | st.integers(0, 20_000),
    st.integers(0, 2),
    st.sets(st.integers(0, 400), max_size=8),
    st.sets(st.integers(0, 300), max_size=20),
    st.sampled_from([0.0, 0.5, 7.0]),
)
def test_everything_ends_whatever_fails(
    definition: dict[str, Any],
    children: list[dict[str, Any]],
    seed: int,
    stop: int | None,
    redrives: int,
    deaths: set[int],
    failures: set[int],
    set_back: float,
) -> None:
    """With all kinds of states, a process that dies, a clock that is set back meanwhile, and commits that fail."""
    plan = {"stop_after": None if stop is None else stop / 1000 + 0.0005, "redrives": redrives, "set_back": set_back}
    play([definition, *children], seed=seed, **plan, deaths=deaths, failures=failures)


def task(resource: str, **fields: Any) -> dict[str, Any]:
    parameters = {"state.$": "$$.State.Name", "entered.$": "$$.State.EnteredTime"}
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, **fields}


def one(name: str = "T", **fields: Any) -> dict[str, Any]:
    return {"StartAt": name, "States": {name: {**fields, "End": True}}}


RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}]
DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
EVERYWHERE: dict[str, dict[str, Any]] = {
    "calls": one(**task(FUNCTION, Retry=RETRY, TimeoutSeconds=5)),
    "activity": one(**task(ACTIVITY, Retry=RETRY, TimeoutSeconds=9, HeartbeatSeconds=2)),
    "callback": one(**task(CALLBACK, Retry=RETRY, TimeoutSeconds=9)),
    "children": {
        "StartAt": "A",
        "States": {"A": task(START_EXECUTION, Next="B"), "B": task(SYNC, TimeoutSeconds=9, Retry=RETRY, End=True)},
    },
    "branches": one(
        Type="Parallel",
        Branches=[one("A", **task(SYNC)), one("B", **task(ACTIVITY)), one("C", Type="Wait", Seconds=3)],
    ),
    "iterations": {
        "StartAt": "M",
        "States": {
            "M": {
                "Type": "Map",
                "MaxConcurrency": 2,
                "ItemProcessor": one("I", **task(FUNCTION, Retry=RETRY)),
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "W"}],
                "Next": "W",
            },
            "W": {"Type": "Wait", "Seconds": 1, "Next": "F"},
            "F": task(FUNCTION, End=True),
        },
    },
    "a step too long for one commit": {
        "StartAt": "W",
        "QueryLanguage": "JSONata",
        "States": {
            "W": {"Type": "Wait", "Seconds": 1, "Next": "M"},
            "M": {"Type": "Map", "Items": [0] * 300, "ItemProcessor": one("I", Type="Pass"), "End": True},
        },
    },
    "map run": one(Type="Map", MaxConcurrency=1, ItemProcessor={**DISTRIBUTED, **one("I", **task(FUNCTION))}),
    "tolerant map run": one(
        Type="Map",
        ToleratedFailureCount=1,
        ItemProcessor={**DISTRIBUTED, **one("I", **task(ACTIVITY, TimeoutSeconds=7))},
    ),
}


@pytest.mark.parametrize("stop", [None, 4.0005])
@pytest.mark.parametrize("name", EVERYWHERE)
def test_a_crash_anywhere_changes_nothing(name: str, stop: float | None) -> None:
    """At each point once, with two redrives if it comes to that."""
    plan = {"seed": 3, "stop_after": stop, "redrives": 2}
    plain = play([EVERYWHERE[name], CHILD], **plan)
    for point in range(plain.points):
        crashed = play([EVERYWHERE[name], CHILD], **plan, deaths={point})
        assert len(crashed.died) == 1
        assert told(crashed) == told(plain), (point, crashed.died)
    assert plain.tie == float("inf")


def test_a_task_whose_time_is_over_is_not_called_again() -> None:
    """It is what the server does first when it is up again."""
    definitions = [one(**task(FUNCTION, TimeoutSeconds=1)), CHILD]
    plain = play(definitions, seed=3)
    assert [execution.error for execution in plain.executions.values()] == ["States.Timeout"]
    crashed = play(definitions, seed=3, deaths={plain.points - 2})
    assert crashed.died == ["before a commit"]
    assert crashed.calls == plain.calls
