"""Redriving, in the machine: what runs again, what stays, and what the history says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asl.driver import Execution, flow, identity, task
from stategate.asl.effects import ScheduleTask
from stategate.asl.events import Redriven, Started, StopRequested, TaskFailed, TaskSucceeded
from stategate.asl.program import compile
from stategate.asl.run import Run


class Flaky:
    """Fails for the inputs in `bad`."""

    def __init__(self, *bad: Any) -> None:
        self.bad = list(bad)
        self.called: list[Any] = []

    def __call__(self, asked: ScheduleTask) -> TaskSucceeded | TaskFailed:
        self.called.append(json.loads(asked.input))
        if self.called[-1] in self.bad:
            return TaskFailed(asked.command, "E", "bad")
        return TaskSucceeded(asked.command, asked.input)


def failed(definition: dict[str, Any], input: Any, answer: Flaky) -> Execution:
    run = Run.new(identity(json.dumps(input, separators=(",", ":"))))
    execution = Execution(compile(json.dumps(definition)), run, answer).go()
    assert execution.finish is not None
    assert execution.finish.status == "FAILED"
    return execution


def redriven(execution: Execution) -> Execution:
    """Through what is on disk, as the engine does."""
    run = execution.run
    frames = {frame_id: run.frame(frame_id) for frame_id in run.frame_ids()}
    execution.run = Run.load(run.identity, run.header(), frames)
    execution.finish = None
    execution.send(Redriven())
    return execution.resume()


def test_a_failed_task_is_scheduled_again_with_its_input() -> None:
    answer = Flaky(1)
    execution = failed(flow(A={"Type": "Pass", "Next": "T"}, T=task()), 1, answer)
    before = len(execution.history)
    answer.bad.clear()
    assert redriven(execution).output == 1
    assert execution.outline[before:] == [
        (before, "ExecutionRedriven"),
        (before + 1, "LambdaFunctionScheduled"),
        (before + 2, "LambdaFunctionStarted"),
        (before + 3, "LambdaFunctionSucceeded"),
        (before + 4, "TaskStateExited"),
        (before + 5, "ExecutionSucceeded"),
    ]
    assert execution.history[before].details == {"redriveCount": 1}


def test_retries_begin_anew() -> None:
    answer = Flaky(1)
    retry = [{"ErrorEquals": ["E"], "MaxAttempts": 2}]
    execution = failed(flow(T=task(Retry=retry)), 1, answer)
    assert len(answer.called) == 3
    redriven(execution)
    assert len(answer.called) == 6
    assert execution.finish is not None
    assert execution.finish.status == "FAILED"


def test_only_the_failed_branches_run_again() -> None:
    answer = Flaky("b")
    branches = [flow(**{f"T{name}": task(Parameters=name)}) for name in "abc"]
    for branch, name in zip(branches, "abc", strict=True):
        state = branch["States"][f"T{name}"]
        del state["Parameters"]
        branch["States"] = {f"P{name}": {"Type": "Pass", "Result": name, "Next": f"T{name}"}, f"T{name}": state}
        branch["StartAt"] = f"P{name}"
    execution = failed(flow(P={"Type": "Parallel", "Branches": branches}), {}, answer)
    first = list(answer.called)
    answer.bad.clear()
    answer.called.clear()
    assert redriven(execution).output == ["a", "b", "c"]
    finished = [details["name"] for e in execution.history if e.type == "TaskStateExited" and (details := e.details)]
    assert len(finished) == 3
    assert "b" in answer.called
    assert set(first) | set(answer.called) == {"a", "b", "c"}


def test_only_the_unfinished_iterations_run_again() -> None:
    answer = Flaky(3)
    state = {"Type": "Map", "MaxConcurrency": 2, "ItemProcessor": flow(T=task())}
    execution = failed(flow(M=state), [1, 2, 3, 4, 5], answer)
    done = [e for e in execution.history if e.type == "MapIterationSucceeded"]
    answer.bad.clear()
    answer.called.clear()
    assert redriven(execution).output == [1, 2, 3, 4, 5]
    assert 1 not in answer.called
    assert 2 not in answer.called
    ended = [e for e in execution.history if e.type == "MapIterationSucceeded"]
    assert len(ended) == 5
    assert len(done) >= 2
    assert execution.types.count("MapStateEntered") == 1


def test_nested_failures_keep_everything_around_them() -> None:
    answer = Flaky(2)
    inner = {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": flow(T=task())}
    outer = {"Type": "Parallel", "Branches": [flow(M=inner), flow(S={"Type": "Pass", "Result": "side"})]}
    execution = failed(flow(O=outer), [1, 2, 3], answer)
    answer.bad.clear()
    answer.called.clear()
    assert redriven(execution).output == [[1, 2, 3], "side"]
    assert answer.called == [2, 3]


def test_a_failure_that_was_caught_leaves_nothing_to_run_again() -> None:
    answer = Flaky(1, {"Error": "E", "Cause": "bad"})
    catch = [{"ErrorEquals": ["E"], "Next": "U"}]
    execution = failed(flow(T=task(Catch=catch, Next="U"), U=task()), 1, answer)
    answer.bad.clear()
    answer.called.clear()
    redriven(execution)
    assert answer.called == [{"Error": "E", "Cause": "bad"}]


def test_fail_and_choice_and_wait() -> None:
    execution = failed(flow(F={"Type": "Fail", "Error": "E"}), {}, Flaky())
    redriven(execution)
    assert execution.types[2:] == ["ExecutionFailed", "ExecutionRedriven", "FailStateEntered", "ExecutionFailed"]
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "P"}]}
    execution = failed(flow(C=choice, P={"Type": "Pass"}), {}, Flaky())
    redriven(execution)
    assert execution.types[2:] == ["ExecutionFailed", "ExecutionRedriven", "ExecutionFailed"]
    program = compile(json.dumps(flow(W={"Type": "Wait", "Seconds": 5})))
    execution = Execution(program, Run.new(identity()))
    execution.send(Started())
    execution.send(StopRequested())
    redriven(execution)
    assert execution.types[-4:] == ["ExecutionAborted", "ExecutionRedriven", "WaitStateExited", "ExecutionSucceeded"]


def test_the_context_says_how_often_and_when() -> None:
    answer = Flaky({"n": 0, "t": 0})
    parameters = {"n.$": "$$.Execution.RedriveCount", "t": 0}
    execution = failed(flow(T=task(Parameters=parameters)), {}, answer)
    redriven(execution)
    assert answer.called == [{"n": 0, "t": 0}, {"n": 1, "t": 0}]
    path = flow(T=task(Parameters={"c.$": "$$.Execution"}), U={"Type": "Fail"})
    path["States"]["T"] |= {"Next": "U"}
    del path["States"]["T"]["End"]
    execution = failed(path, {}, Flaky())
    assert "RedriveTime" not in json.loads(execution.tasks[0].input)["c"]


def test_variables_stay() -> None:
    answer = Flaky({"v": 7})
    definition = flow(A={"Type": "Pass", "Assign": {"x": 7}, "Next": "T"}, T=task(Parameters={"v.$": "$x"}))
    execution = failed(definition, {}, answer)
    answer.bad.clear()
    assert redriven(execution).output == {"v": 7}


@pytest.mark.parametrize("status", ["SUCCEEDED", "RUNNING"])
def test_others_can_not_be_redriven(status: str) -> None:
    definition = flow(P={"Type": "Pass"}) if status == "SUCCEEDED" else flow(W={"Type": "Wait", "Seconds": 5})
    execution = Execution(compile(json.dumps(definition)), Run.new(identity()))
    execution.send(Started())
    assert execution.run.status == status
    assert not execution.run.redrivable
    before = list(execution.history)
    execution.send(Redriven())
    assert execution.history == before
