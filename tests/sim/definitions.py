"""Generated definitions: every state type, nested in each other, in both query languages, with retriers, catchers, time
limits, variables and loops. A task's input says which state asked, when, and at which attempt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from asl.driver import ACCOUNT, FUNCTION

ACTIVITY = f"arn:aws:states:us-east-1:{ACCOUNT}:activity:a"
INVOKE = "arn:aws:states:::lambda:invoke"
CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
START_EXECUTION = "arn:aws:states:::states:startExecution"
SYNC = "arn:aws:states:::states:startExecution.sync:2"
CALLS = (FUNCTION, INVOKE)
WAITING = (ACTIVITY, CALLBACK, SYNC, START_EXECUTION)
ERRORS = ("E1", "E2")
NAMED = ("E1", "E2", "States.TaskFailed", "States.Timeout")
RESULTS: tuple[Any, ...] = ([[[1], [2]], [[3]]], [[1], [2], [3]], [], "text")


@dataclass(frozen=True)
class Kinds:
    """What may occur. `jitter`: random delays of retriers; `express`: children that are Express executions; `lasting`:
    tasks that outlive their call (an Express execution has none); `distributed` maps, `alike`: also in the iterations
    of others, where they do the same at the same time, and children that do. Otherwise each begins with a task, so that
    no two of them do anything at the same instant."""

    jitter: bool = True
    express: bool = True
    lasting: bool = True
    distributed: bool = True
    alike: bool = True


class Draft:
    """What the parts of a definition share: state names, unique in it, and its query language."""

    def __init__(self, draw: DrawFn, kinds: Kinds) -> None:
        self.draw = draw
        self.kinds = kinds
        self.count = 0
        self.jsonata = draw(st.integers(0, 3)) == 0

    def new(self) -> str:
        self.count += 1
        return f"S{self.count}"

    def one_in(self, number: int) -> bool:
        return self.draw(st.integers(0, number - 1)) == 0

    def of(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))


@st.composite
def definitions(draw: DrawFn, kinds: Kinds = Kinds()) -> dict[str, Any]:
    draft = Draft(draw, kinds)
    definition = _flow(draft, kinds, 0)
    if draft.jsonata:
        definition["QueryLanguage"] = "JSONata"
    if draft.one_in(3):
        definition["TimeoutSeconds"] = draw(st.integers(1, 30))
    return definition


def _flow(draft: Draft, kinds: Kinds, depth: int) -> dict[str, Any]:
    """A chain of states and loops; catchers lead to any later one."""
    chain = [draft.new() for _ in range(draft.draw(st.integers(1, 3 if depth else 4)))]
    states: dict[str, Any] = {}
    for position, name in enumerate(chain):
        later = chain[position + 1 :]
        if draft.one_in(8):
            states |= _loop(draft, kinds, depth, name, later)
        else:
            states[name] = _state(draft, kinds, depth, later)
    return {"StartAt": chain[0], "States": states}


def _loop(draft: Draft, kinds: Kinds, depth: int, name: str, later: list[str]) -> dict[str, Any]:
    """The same state again and again, until a variable says that it is enough."""
    body, test, more, end = (draft.new() for _ in range(4))
    variable, rounds, jsonata = f"c{body}", draft.draw(st.integers(1, 3)), _jsonata(draft)
    language = {"QueryLanguage": "JSONata"} if jsonata else {}
    if jsonata:
        rule: dict[str, Any] = {"Condition": f"{{% ${variable} < {rounds} %}}", "Next": more}
        added: dict[str, Any] = {variable: f"{{% ${variable} + 1 %}}"}
    else:
        rule = {"Variable": f"${variable}", "NumericLessThan": rounds, "Next": more}
        added = {f"{variable}.$": f"States.MathAdd(${variable}, 1)"}
    return {
        name: {"Type": "Pass", "Assign": {variable: 0}, "Next": body},
        body: _state(draft, kinds, depth, [test, *later]),
        test: {"Type": "Choice", **language, "Choices": [rule], "Default": later[0] if later else end},
        more: {"Type": "Pass", **language, "Assign": added, "Next": body},
        **({} if later else {end: {"Type": "Succeed"}}),
    }


def _jsonata(draft: Draft) -> bool:
    return draft.jsonata or draft.one_in(4)


def _state(draft: Draft, kinds: Kinds, depth: int, later: list[str]) -> dict[str, Any]:
    types = ["Pass", "Wait", "Task", "Task", *(["Parallel", "Map", "Map"] if depth < 3 else [])]
    if not later:
        types += ["Fail", "Succeed"]
    match draft.of(*types):
        case "Fail":
            return {"Type": "Fail", "Error": draft.of(*ERRORS), "Cause": "on purpose"}
        case "Succeed":
            return {"Type": "Succeed"}
        case type_:
            jsonata = _jsonata(draft)
            state = {"Type": type_, **({"Next": later[0]} if later else {"End": True})}
            if jsonata:
                state["QueryLanguage"] = "JSONata"
            state |= FIELDS[type_](draft, kinds, depth, jsonata)
            if draft.one_in(4):
                state["Assign"] = {f"v{depth}": draft.draw(st.integers(0, 9))}
            if type_ in ("Task", "Parallel", "Map"):
                _policies(draft, kinds, state, later)
            return state


def _pass(draft: Draft, kinds: Kinds, depth: int, jsonata: bool) -> dict[str, Any]:
    return {"Output" if jsonata else "Result": draft.of(*RESULTS)}


def _wait(draft: Draft, kinds: Kinds, depth: int, jsonata: bool) -> dict[str, Any]:
    return {"Seconds": draft.draw(st.integers(0, 5))}


def _task(draft: Draft, kinds: Kinds, depth: int, jsonata: bool) -> dict[str, Any]:
    state: dict[str, Any] = {"Resource": draft.of(*CALLS, *CALLS, *(WAITING if kinds.lasting else ()))}
    if jsonata:
        state["Arguments"] = {
            "state": "{% $states.context.State.Name %}",
            "entered": "{% $states.context.State.EnteredTime %}",
            "attempt": "{% $states.context.State.RetryCount %}",
        }
    else:
        state["Parameters"] = {
            "state.$": "$$.State.Name",
            "entered.$": "$$.State.EnteredTime",
            "attempt.$": "$$.State.RetryCount",
        }
    if draft.one_in(2):
        state["TimeoutSeconds"] = draft.draw(st.integers(3, 9))
        if draft.one_in(2):
            state["HeartbeatSeconds"] = 2
    return state


def _parallel(draft: Draft, kinds: Kinds, depth: int, jsonata: bool) -> dict[str, Any]:
    return {"Branches": [_flow(draft, kinds, depth + 1) for _ in range(draft.draw(st.integers(1, 3)))]}


def _map(draft: Draft, kinds: Kinds, depth: int, jsonata: bool) -> dict[str, Any]:
    state: dict[str, Any] = {"MaxConcurrency": draft.draw(st.integers(0, 2))}
    if jsonata:
        state["Items"] = draft.of([[1], [2], [3]], [], "{% $states.input %}")
    if not kinds.distributed or draft.one_in(2):
        inside = kinds if kinds.alike else replace(kinds, distributed=False)
        state["ItemProcessor"] = _flow(draft, inside, depth + 1)
        return state
    type_ = draft.of("STANDARD", *(["EXPRESS"] if kinds.express else []))
    inside = kinds if type_ == "STANDARD" else replace(kinds, lasting=False, distributed=False)
    inside = inside if kinds.alike else replace(inside, distributed=False)
    config = {"Mode": "DISTRIBUTED", "ExecutionType": type_}
    flow = _flow(draft, inside, max(depth + 1, 2))
    state["ItemProcessor"] = {"ProcessorConfig": config, **(flow if kinds.alike else _apart(draft, kinds, flow))}
    if draft.one_in(2):
        state["ToleratedFailureCount"] = draft.draw(st.integers(0, 2))
    if draft.one_in(3):
        state["ItemBatcher"] = {"MaxItemsPerBatch": 2}
    return state


def _apart(draft: Draft, kinds: Kinds, flow: dict[str, Any]) -> dict[str, Any]:
    """The flow after a task, which takes a time of its own."""
    name = draft.new()
    unchanged = {"Output": "{% $states.input %}"} if draft.jsonata else {"ResultPath": None}
    task = {"Type": "Task", **_task(draft, kinds, 0, draft.jsonata), "Resource": FUNCTION, **unchanged}
    return {"StartAt": name, "States": {name: {**task, "Next": flow["StartAt"]}, **flow["States"]}}


FIELDS = {"Pass": _pass, "Wait": _wait, "Task": _task, "Parallel": _parallel, "Map": _map}


def _policies(draft: Draft, kinds: Kinds, state: dict[str, Any], later: list[str]) -> None:
    names = st.lists(st.sampled_from(NAMED), min_size=1, max_size=2, unique=True)
    everything = st.just(["States.ALL"])
    if draft.one_in(2):
        state["Retry"] = [_retrier(draft, kinds, draft.draw(names))]
        if draft.one_in(2):
            state["Retry"].append(_retrier(draft, kinds, ["States.ALL"]))
    if later and draft.one_in(2):
        state["Catch"] = [{"ErrorEquals": draft.draw(names | everything), "Next": draft.of(*later)}]


def _retrier(draft: Draft, kinds: Kinds, errors: list[str]) -> dict[str, Any]:
    retrier: dict[str, Any] = {"ErrorEquals": errors, "MaxAttempts": draft.draw(st.integers(0, 2))}
    if draft.one_in(2):
        retrier |= {"IntervalSeconds": draft.draw(st.integers(1, 3)), "BackoffRate": draft.of(1.0, 2.5)}
    if draft.one_in(3):
        retrier["MaxDelaySeconds"] = 4
    if kinds.jitter and draft.one_in(3):
        retrier["JitterStrategy"] = "FULL"
    return retrier
