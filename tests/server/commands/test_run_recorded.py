"""`stategate run --mock` against histories that AWS recorded: tasks of services that are not hosted answer, out of a
mock file, what they answered there; everything else about the history is the machine's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from asl.test_recorded import CASES, details_member, has_history, replay
from stategate.asl.history import HistoryEvent
from stategate.asl.program import compile as compile_program
from stategate.asl.run import RunIdentity
from stategate.server.commands.local import Clock, LocalExecution
from stategate.server.commands.mocks import read_mocks

pytestmark = pytest.mark.shared

ACCOUNT = "000000000000"
SERVICES = frozenset(("dynamodb", "events", "sns", "sqs"))
PLACEHOLDER = re.compile(r"\{\{[^}]*\}\}")

OTHERWISE = {
    "test_sqs_failure_in_wait_for_task": "a mock that throws stands for the call, which then never was submitted",
    "test_sqs_wait_for_task_token_no_token_parameter": "nobody answers the token",
    "test_heartbeats.py": "nobody answers the token",
}
"""Histories that a mock file can't bring about, with the reason."""


class Shown:
    """Keeps the history in GetExecutionHistory's shape."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def show(self, event: HistoryEvent) -> None:
        shown = {"id": event.id, "previousEventId": event.previous, "timestamp": "timestamp", "type": event.type}
        self.events.append(shown if event.details is None else {**shown, details_member(event.type): event.details})

    def child_failed(self, state: str, index: int, finish: Any) -> None:
        raise AssertionError(f"{state} has a child that failed")


def recorded() -> Iterator[Any]:
    """Each history with the definition and the case that it belongs to."""
    for file in sorted(CASES.glob("*.json")) if CASES.is_dir() else []:
        case = json.loads(file.read_text())
        if not SERVICES & set(case["services"]) or "s3" in case["services"]:
            continue
        for check in case["checks"]:
            machine = machine_of(case["steps"], check) if has_history(check) else None
            if machine is not None:
                name = case["id"].removeprefix("stepfunctions/v2/")
                yield pytest.param(case, check, machine, id=f"{name}-{check['key']}")


def machine_of(steps: list[dict[str, Any]], check: dict[str, Any]) -> str | None:
    """The definition of the execution whose history it is; None if other steps changed it or start it elsewhere."""
    start = referred(steps, steps[check["expr"]["ref"]]["params"].get("executionArn", ""))
    made = referred(steps, start["params"].get("stateMachineArn", "")) if start else None
    return made["params"].get("definition") if made else None


def referred(steps: list[dict[str, Any]], text: str) -> dict[str, Any] | None:
    found = re.match(r"\{\{ref:(\d+):", text)
    return steps[int(found[1])] if found else None


def mock_file(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The answers of the recorded tasks, in the order in which each state called."""
    before = {event["id"]: event for event in events}
    answers: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["type"] in ("TaskSucceeded", "TaskFailed"):
            at = event
            while at["type"] != "TaskStateEntered":
                at = before[at["previousEventId"]]
            of_state = answers.setdefault(at["stateEnteredEventDetails"]["name"], {})
            of_state[str(len(of_state))] = answer(event[details_member(event["type"])])
    return {
        "StateMachines": {"M": {"TestCases": {"Recorded": {name: name for name in answers}}}},
        "MockedResponses": answers,
    }


def answer(details: dict[str, Any]) -> dict[str, Any]:
    if "output" in details:
        output = details["output"]
        return {"Return": json.loads(output) if isinstance(output, str) else output}
    cause = details.get("cause", "")
    return {"Throw": {"Error": details["error"], "Cause": cause if isinstance(cause, str) else json.dumps(cause)}}


def comparable(event: dict[str, Any]) -> dict[str, Any]:
    """A mock file has no answer of its own to the call of a task that goes on elsewhere."""
    details = event.get("taskSubmittedEventDetails", {})
    hidden = {key: value for key, value in details.items() if key != "output"}
    return {**event, "taskSubmittedEventDetails": hidden} if details else event


HISTORIES = list(recorded())


@pytest.mark.skipif(not HISTORIES, reason="../shared, with the cases recorded from AWS, is missing")
@pytest.mark.parametrize(("case", "check", "definition"), HISTORIES)
def test_a_mocked_run_has_the_recorded_history(case: dict[str, Any], check: dict[str, Any], definition: str) -> None:
    reason = next((OTHERWISE[name] for name in OTHERWISE if name in case["id"]), None)
    if reason is not None:
        pytest.skip(reason)
    events = check["expected"]["events"]
    started = events[0]["executionStartedEventDetails"]
    arn = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:M"
    run = RunIdentity(
        arn.replace("stateMachine", "execution") + ":r",
        "r",
        arn,
        "M",
        started["roleArn"],
        json.dumps(started["input"]),
        0.0,
        False,
    )
    program, shown = compile_program(PLACEHOLDER.sub("x", definition), any_resource=True), Shown()
    LocalExecution(program, run, read_mocks(mock_file(events), "M", None), Clock(skips=True), 7, shown).run()
    unify = replay()["Unify"](case["tokens"], ACCOUNT)
    expected = {"events": [comparable(event) for event in events]}
    assert unify.eq({"history": expected}, {"history": {"events": [comparable(e) for e in shown.events]}}), unify.errs
