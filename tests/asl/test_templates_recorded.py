"""Recorded executions of state machines that have only Pass, Choice, Succeed and Fail states, walked with the pieces
that this package evaluates; the machine that puts them together is not needed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stategate.asl.choice import compile_rule
from stategate.asl.failures import StateFailure
from stategate.asl.paths import compile_filter, compile_result_path
from stategate.asl.scope import Scope
from stategate.asl.templates import compile_expression, compile_template
from stategate.lang.jsontext import dumps, loads

CASES = Path(__file__).resolve().parents[2] / ".." / "shared" / "corpus" / "aws" / "stepfunctions"
KINDS = {"Pass", "Choice", "Succeed", "Fail"}
_REF = re.compile(r"\{\{ref:(\d+):\[\"(stateMachineArn|executionArn)\"\]\}\}")


def executions() -> Iterator[Any]:
    for file in sorted(CASES.glob("*.json")) if CASES.exists() else ():
        case = json.loads(file.read_text("utf-8"))
        steps = dict(enumerate(case["steps"]))
        for check in case["checks"]:
            step = steps.get((check.get("expr") or {}).get("ref", -1), {})
            started = steps.get(referred(step, "GetExecutionHistory", "executionArn"), {})
            created = steps.get(referred(started, "StartExecution", "stateMachineArn"), {})
            definition = created.get("params", {}).get("definition")
            if not isinstance(definition, str) or "{{ref" in definition + started["params"].get("input", ""):
                continue
            machine = loads(definition)
            if simple(machine) and isinstance(check["expected"], dict) and "events" in check["expected"]:
                name = f"{file.name.split('.py_')[1][:-14]}-{check['key']}"
                yield pytest.param(
                    machine,
                    started["params"].get("input", "{}"),
                    max(check["expected"]["events"], key=lambda event: event["id"]),
                    id=name,
                )


def referred(step: dict[str, Any], operation: str, member: str) -> int:
    """The number of the step whose answer names the `member`, -1 if there is none."""
    if step.get("operation") != operation:
        return -1
    match = _REF.fullmatch(str(step["params"].get(member)))
    return int(match[1]) if match else -1


def simple(machine: Any) -> bool:
    return (
        isinstance(machine, dict)
        and "QueryLanguage" not in machine
        and isinstance(machine.get("States"), dict)
        and all(
            state.get("Type") in KINDS and not state.keys() & {"QueryLanguage", "Assign", "Output"}
            for state in machine["States"].values()
        )
    )


def refuse(message: str, pointer: str) -> None:
    pytest.fail(f"{message} at {pointer}")


def run(machine: dict[str, Any], text: str) -> Any:
    data = loads(text)
    name = machine["StartAt"]
    seed = 0
    while True:
        state = machine["States"][name]
        context = {
            "Execution": {
                "Id": "arn:aws:states:us-east-1:111111111111:execution:a-machine:n",
                "Input": loads(text),
                "StartTime": "t",
                "Name": "n",
                "RoleArn": "r",
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": "arn:aws:states:us-east-1:111111111111:stateMachine:a-machine", "Name": "a-machine"},
            "State": {"Name": name, "EnteredTime": "t"},
        }
        seed += 1
        scope = Scope(data, context, seed=seed)
        if state["Type"] == "Fail":
            raise StateFailure(*(fail_text(state, field, scope) for field in ("Error", "Cause")))
        data = leave(state, scope, seed)
        if state["Type"] == "Choice":
            rules = [(compile_rule(rule, refuse, f"/States/{name}"), rule["Next"]) for rule in state["Choices"]]
            effective = Scope(compile_filter(state.get("InputPath", "$"))(scope), context, seed=seed)
            name = next((next_name for test, next_name in rules if test(effective)), state.get("Default"))
        elif state.get("End") or state["Type"] == "Succeed":
            return data
        else:
            name = state["Next"]


def fail_text(state: dict[str, Any], field: str, scope: Scope) -> Any:
    path = state.get(field + "Path")
    return state.get(field, "") if path is None else compile_expression(path, field + "Path")(scope)


def leave(state: dict[str, Any], scope: Scope, seed: int) -> Any:
    effective = compile_filter(state.get("InputPath", "$"))(scope)
    result = effective
    if "Parameters" in state:
        result = compile_template(state["Parameters"], refuse, "")(Scope(effective, scope.context, seed=seed))
    if "Result" in state:
        result = state["Result"]
    if state["Type"] == "Pass":
        result = compile_result_path(state.get("ResultPath", "$"))(scope.input, result)
    return compile_filter(state.get("OutputPath", "$"))(Scope(result, scope.context))


def same(expected: Any, got: Any) -> bool:
    """Names in angle brackets stand for what differs from run to run."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(same(expected[key], got[key]) for key in expected)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(same, expected, got))
    if isinstance(expected, str) and re.search(
        r"<[\w:-]+>|^[\w-]*(timestamp|arn|date|-time)$|RandomNumber|redacted", expected
    ):
        pattern = re.escape(expected)
        pattern = re.sub(r"<[\w:\\-]+>|^[\w\\-]+$", ".*", pattern)
        return re.fullmatch(pattern, got if isinstance(got, str) else dumps(got), re.DOTALL) is not None
    return dumps(expected) == dumps(got)


RECORDED = list(executions())


@pytest.mark.shared
@pytest.mark.parametrize(
    ("machine", "text", "last"),
    RECORDED or [pytest.param(None, None, None, marks=pytest.mark.skip("the recorded cases are not here"))],
)
def test_recorded_execution(machine: dict[str, Any], text: str, last: dict[str, Any]) -> None:
    try:
        output = run(machine, text)
    except StateFailure as failure:
        details = last["executionFailedEventDetails"]
        assert failure.error == details.get("error", "")
        cause = re.sub(
            r"^An error occurred while executing the state '.*?' \(entered at the event id #\d+\)\. ",
            "",
            details.get("cause", ""),
        )
        assert same(cause, failure.cause), (cause, failure.cause)
        return
    assert last["type"] == "ExecutionSucceeded"
    expected = last["executionSucceededEventDetails"]["output"]
    assert same(expected, output), (expected, output)
