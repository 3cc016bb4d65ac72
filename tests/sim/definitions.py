"""Generated definitions: nested Parallel and Map, Retry, Catch, Wait, Task. No paths: what is tested is the machine."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from asl.driver import ACCOUNT, FUNCTION

ACTIVITY = f"arn:aws:states:us-east-1:{ACCOUNT}:activity:a"
CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
SYNC = "arn:aws:states:::states:startExecution.sync:2"
ERRORS = ("E1", "E2")
NAMED = ("E1", "E2", "States.TaskFailed", "States.Timeout")


class Names:
    """State names, unique in the definition."""

    def __init__(self) -> None:
        self.count = 0

    def new(self) -> str:
        self.count += 1
        return f"S{self.count}"


@st.composite
def definitions(draw: DrawFn) -> dict[str, Any]:
    definition = _flow(draw, Names(), 0)
    if draw(st.integers(0, 2)) == 0:
        definition["TimeoutSeconds"] = draw(st.integers(1, 30))
    return definition


def _flow(draw: DrawFn, names: Names, depth: int) -> dict[str, Any]:
    """A chain of states; catchers lead to any later one."""
    chain = [names.new() for _ in range(draw(st.integers(1, 3 if depth else 4)))]
    states = {}
    for position, name in enumerate(chain):
        later = chain[position + 1 :]
        states[name] = _state(draw, names, depth, later)
    return {"StartAt": chain[0], "States": states}


def _state(draw: DrawFn, names: Names, depth: int, later: list[str]) -> dict[str, Any]:
    kinds = ["Pass", "Wait", "Task", "Task", *(["Parallel", "Map"] if depth < 3 else [])]
    if not later:
        kinds += ["Fail", "Succeed"]
    kind = draw(st.sampled_from(kinds))
    if kind == "Fail":
        return {"Type": "Fail", "Error": draw(st.sampled_from(ERRORS)), "Cause": "on purpose"}
    if kind == "Succeed":
        return {"Type": "Succeed"}
    state: dict[str, Any] = {"Type": kind, **({"Next": later[0]} if later else {"End": True})}
    match kind:
        case "Pass":
            state["Result"] = draw(st.sampled_from([[[[1], [2]], [[3]]], [[1], [2], [3]], [], "text"]))
        case "Wait":
            state["Seconds"] = draw(st.integers(0, 5))
        case "Task":
            state["Resource"] = draw(st.sampled_from([FUNCTION, FUNCTION, ACTIVITY, CALLBACK, SYNC]))
            if draw(st.booleans()):
                state["TimeoutSeconds"] = draw(st.integers(3, 9))
                if draw(st.booleans()):
                    state["HeartbeatSeconds"] = 2
        case "Parallel":
            state["Branches"] = [_flow(draw, names, depth + 1) for _ in range(draw(st.integers(1, 3)))]
        case "Map":
            state["MaxConcurrency"] = draw(st.integers(0, 2))
            state["ItemProcessor"] = _flow(draw, names, depth + 1)
    if kind not in ("Fail", "Succeed") and draw(st.integers(0, 3)) == 0:
        state["Assign"] = {f"v{depth}": draw(st.integers(0, 9))}
    if kind in ("Task", "Parallel", "Map"):
        _policies(draw, state, later)
    return state


def _policies(draw: DrawFn, state: dict[str, Any], later: list[str]) -> None:
    names = st.lists(st.sampled_from(NAMED), min_size=1, max_size=2, unique=True)
    everything = st.just(["States.ALL"])
    if draw(st.booleans()):
        retriers = [{"ErrorEquals": draw(names), "MaxAttempts": draw(st.integers(0, 2))}]
        if draw(st.booleans()):
            retriers.append({"ErrorEquals": draw(everything), "MaxAttempts": 1, "JitterStrategy": "FULL"})
        state["Retry"] = retriers
    if later and draw(st.booleans()):
        state["Catch"] = [{"ErrorEquals": draw(names | everything), "Next": draw(st.sampled_from(later))}]
