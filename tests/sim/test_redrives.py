"""Redrives of generated machines that ended under generated schedules, several times, with and without crashes."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asl.driver import identity
from sim.definitions import definitions
from sim.test_schedules import INPUT, LONGEST, Surroundings, _next, live
from stategate.asl.events import Redriven
from stategate.asl.machine import Step, step
from stategate.asl.program import compile
from stategate.asl.run import Run

TIMES = 3


def redriven(surroundings: Surroundings, schedule: int, *, stop: bool) -> Surroundings:
    random = Random(schedule)
    for count in range(1, TIMES + 1):
        assert surroundings.finish is not None
        if surroundings.finish.status == "SUCCEEDED":
            break
        exited = [event.details for event in surroundings.history if event.type.endswith("StateExited")]
        surroundings.finish = None
        at = len(surroundings.history)
        crashes, surroundings.crashes = surroundings.crashes, False  # a second Redriven would be a second redrive
        if crashes:
            surroundings.run = Run.load(identity(INPUT), surroundings.header, surroundings.frames)
        surroundings.send(Redriven())
        surroundings.crashes = crashes
        assert surroundings.history[at].type == "ExecutionRedriven"
        assert surroundings.history[at].previous == at
        assert surroundings.run.redrives == count
        assert [e.details for e in surroundings.history[:at] if e.type.endswith("StateExited")] == exited
        for _ in range(LONGEST):
            if surroundings.finish is not None:
                break
            surroundings.send(_next(surroundings, random, stop))
        surroundings.check_end()
    return surroundings


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(definition=definitions(), schedule=st.integers(0, 1 << 30), stop=st.booleans())
def test_redrives_go_on_and_crashes_change_nothing(definition: dict[str, Any], schedule: int, stop: bool) -> None:
    program = compile(json.dumps(definition))
    runs = [
        redriven(live(program, schedule, crashes=crashes, stop=stop), schedule, stop=stop) for crashes in (False, True)
    ]
    assert runs[0].history == runs[1].history
    assert runs[0].finish == runs[1].finish


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(definition=definitions(), schedule=st.integers(0, 1 << 30))
def test_a_success_can_not_be_redriven(definition: dict[str, Any], schedule: int) -> None:
    surroundings = live(compile(json.dumps(definition)), schedule, crashes=False, stop=False)
    if surroundings.run.status == "SUCCEEDED":
        again = Run.load(identity(INPUT), surroundings.header, surroundings.frames)
        assert step(surroundings.program, again, Redriven(), surroundings.now, 1) == Step()
