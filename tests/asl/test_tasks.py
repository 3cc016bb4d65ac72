"""The lives of tasks that go on elsewhere: tokens, activities, nested executions. Histories as AWS recorded them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asl.driver import ACCOUNT, START, Execution, identity
from stategate.asl.effects import (
    CancelTask,
    CancelTimer,
    Effect,
    Finish,
    OfferActivity,
    ScheduleTask,
    StartTimer,
    StopExecution,
    WatchExecution,
)
from stategate.asl.events import (
    ActivityStarted,
    Event,
    ExecutionEnded,
    Started,
    StopRequested,
    TaskFailed,
    TaskHeartbeat,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from stategate.asl.machine import step
from stategate.asl.program import Resource, compile
from stategate.asl.run import Run
from stategate.asl.tasks import token_execution
from stategate.asl.value import Value

ACTIVITY = f"arn:aws:states:us-east-1:{ACCOUNT}:activity:a"
CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
SYNC = "arn:aws:states:::states:startExecution.sync"
CALLED = {"resourceType": "lambda", "resource": "invoke.waitForTaskToken"}
UNTRUNCATED = {"truncated": False}


class Stepper:
    """One run, stepped by hand; `effects` are those of the last step."""

    def __init__(self, resource: str, *, activities: bool = True, **fields: Any) -> None:
        state = {"Type": "Task", "Resource": resource, "End": True, **fields}
        self.execution = Execution(compile(json.dumps({"StartAt": "T", "States": {"T": state}})), Run.new(identity()))
        self.activities = activities
        self.effects: list[Effect] = []
        self.send(Started())

    def refusal(self, resource: Resource, arguments: Value) -> str | None:
        gone = resource.kind == "activity" and not self.activities
        return f"The activity {resource.text} does not exist." if gone else None

    def send(self, event: Event, now: float = START) -> list[Effect]:
        execution = self.execution
        outcome = step(execution.program, execution.run, event, now, 7, self.refusal)
        execution.history += outcome.events
        self.effects = outcome.effects
        return outcome.effects

    @property
    def last(self) -> tuple[int, str, Any]:
        event = self.execution.history[-1]
        return event.previous, event.type, event.details

    @property
    def types(self) -> list[str]:
        return self.execution.types


def test_a_callback() -> None:
    run = Stepper(CALLBACK, Parameters={"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}})
    (scheduled,) = run.effects
    assert isinstance(scheduled, ScheduleTask)
    assert json.loads(scheduled.input)["Payload"] == {"token": scheduled.token}
    assert run.execution.history[2].details == {
        **CALLED,
        "region": "us-east-1",
        "parameters": scheduled.input,
    }
    assert run.send(TaskSubmitted(3, '{"sent":true}')) == []
    assert run.last == (4, "TaskSubmitted", {**CALLED, "output": '{"sent":true}', "outputDetails": UNTRUNCATED})
    assert run.send(TaskSucceeded(3, '{"n": 1}')) == [Finish("SUCCEEDED", '{"n": 1}')]
    assert run.execution.outline[4:] == [
        (4, "TaskSubmitted"),
        (5, "TaskSucceeded"),
        (6, "TaskStateExited"),
        (7, "ExecutionSucceeded"),
    ]


def test_a_failure_without_error_or_cause_is_null() -> None:
    run = Stepper(CALLBACK, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "T"}])
    run.send(TaskSubmitted(3, "{}"))
    run.send(TaskFailed(3, None, None))
    failed, left = run.execution.history[5:7]
    assert (failed.type, failed.details) == ("TaskFailed", CALLED)
    assert left.details is not None
    assert left.details["output"] == '{"Error":null,"Cause":null}'


def test_the_heartbeat_of_a_callback_begins_with_the_submission() -> None:
    run = Stepper(CALLBACK, HeartbeatSeconds=5, TimeoutSeconds=600)
    assert run.execution.history[2].details is not None
    assert run.execution.history[2].details["heartbeatInSeconds"] == 5
    assert run.effects[1:] == [StartTimer("timeout:3", START + 600)]
    assert run.send(TaskHeartbeat(3)) == []
    assert run.send(TaskSubmitted(3, "{}"), START + 1) == [StartTimer("heartbeat:3", START + 6)]
    assert run.send(TaskHeartbeat(3), START + 4) == [StartTimer("heartbeat:3", START + 9)]
    effects = run.send(TimerFired("heartbeat:3"), START + 9)
    assert effects == [CancelTimer("timeout:3"), CancelTask(3), Finish("FAILED", None, "States.Timeout")]
    assert run.types[-2:] == ["TaskTimedOut", "ExecutionFailed"]


def test_an_answer_may_come_before_the_submission() -> None:
    run = Stepper(CALLBACK)
    assert run.send(TaskSucceeded(3, "1")) == [Finish("SUCCEEDED", "1")]
    assert run.send(TaskSubmitted(3, "{}")) == []


def test_an_answer_that_is_too_large() -> None:
    run = Stepper(CALLBACK)
    run.send(TaskSubmitted(3, "{}"))
    (finish,) = run.send(TaskSucceeded(3, f'"{"x" * 262_144}"'))
    assert isinstance(finish, Finish)
    assert finish.error == "States.DataLimitExceeded"
    assert "'lambda'" in (finish.cause or "")


def test_tokens_name_their_execution_and_differ() -> None:
    tokens = set()
    for seed in (1, 2):
        definition = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": CALLBACK, "End": True}}}
        outcome = step(compile(json.dumps(definition)), Run.new(identity()), Started(), START, seed)
        (scheduled,) = outcome.effects
        assert isinstance(scheduled, ScheduleTask) and scheduled.token is not None
        assert token_execution(scheduled.token) == identity().execution_arn
        tokens.add(scheduled.token)
    assert len(tokens) == 2


@pytest.mark.parametrize("token", ["", "x", "AAAA", "AAAAKgAAAAI=", "AAAAKgAAAAL/", "ä", "A" * 2000])
def test_what_is_no_token(token: str) -> None:
    assert token_execution(token) is None


@pytest.mark.parametrize(("worker", "details"), [("w", {"workerName": "w"}), (None, {})])
def test_an_activity(worker: str | None, details: dict[str, str]) -> None:
    run = Stepper(ACTIVITY, HeartbeatSeconds=5, TimeoutSeconds=9, Parameters={"a": 1})
    offered, timer = run.effects
    assert isinstance(offered, OfferActivity)
    assert (offered.command, offered.activity, offered.input) == (3, ACTIVITY, '{"a":1}')
    assert timer == StartTimer("timeout:3", START + 9)
    assert run.last == (
        2,
        "ActivityScheduled",
        {
            "resource": ACTIVITY,
            "input": '{"a":1}',
            "inputDetails": UNTRUNCATED,
            "timeoutInSeconds": 9,
            "heartbeatInSeconds": 5,
        },
    )
    assert run.send(ActivityStarted(3, worker), START + 2) == [StartTimer("heartbeat:3", START + 7)]
    assert run.last == (3, "ActivityStarted", details)
    assert run.send(ActivityStarted(3, "other")) == []
    run.send(TaskSucceeded(3, "2"))
    assert run.execution.outline[4] == (4, "ActivitySucceeded")
    assert run.execution.history[4].details == {"output": "2", "outputDetails": UNTRUNCATED}


def test_an_activity_that_is_not_there() -> None:
    run = Stepper(ACTIVITY, activities=False)
    cause = (
        f"An error occurred while executing the state 'T' (entered at the event id #2). The activity {ACTIVITY} does"
    )
    assert run.effects == [Finish("FAILED", None, "States.Runtime", f"{cause} not exist.")]
    assert run.types == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


@pytest.mark.parametrize(("pattern", "shown"), [("", '{"a": 1}'), (":2", {"a": 1})])
def test_a_nested_execution(pattern: str, shown: Any) -> None:
    run = Stepper(SYNC + pattern)
    assert run.send(TaskSubmitted(3, "{}", "arn:child")) == [WatchExecution(3, "arn:child")]
    described = {"ExecutionArn": "arn:child", "Input": '{"a": 1}', "Output": '{"a": 1}', "Status": "SUCCEEDED"}
    (finish,) = run.send(ExecutionEnded(3, "SUCCEEDED", json.dumps(described)))
    assert isinstance(finish, Finish)
    assert json.loads(finish.output or "") == {**described, "Input": shown, "Output": shown}


def test_a_nested_execution_that_fails() -> None:
    run = Stepper(SYNC)
    run.send(TaskSubmitted(3, "{}", "arn:child"))
    assert run.send(ExecutionEnded(3, "ABORTED", '{"Status":"ABORTED"}')) == [
        Finish("FAILED", None, "States.TaskFailed", '{"Status":"ABORTED"}')
    ]
    assert run.execution.outline[5] == (5, "TaskFailed")


@pytest.mark.parametrize("event", [StopRequested(), TimerFired("timeout:3")])
def test_a_nested_execution_is_stopped_when_nobody_waits(event: Event) -> None:
    run = Stepper(SYNC, TimeoutSeconds=9)
    run.send(TaskSubmitted(3, "{}", "arn:child"))
    assert StopExecution("arn:child") in run.send(event)
    assert CancelTask(3) in run.effects
    assert run.send(ExecutionEnded(3, "ABORTED", "{}")) == []
