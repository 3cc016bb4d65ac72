"""What each type of state does: its events in order, with what they follow, and its output."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from asl.driver import FUNCTION, START, Execution, echo, execute, flow, identity, task
from stategate.asl.effects import CancelTask, CancelTimer, Continue, Finish, ScheduleTask, StartTimer
from stategate.asl.events import (
    Continued,
    Started,
    StopRequested,
    TaskFailed,
    TaskRestarted,
    TaskSucceeded,
    TimerFired,
)
from stategate.asl.machine import IllegalEvent, step
from stategate.asl.nesting import retry_delay
from stategate.asl.program import Retrier, compile
from stategate.asl.run import Run

INVOKE = "arn:aws:states:::lambda:invoke"


def failing(error: str = "Broken", cause: str = "it broke") -> Any:
    return lambda task: TaskFailed(task.command, error, cause)


def once_failing(errors: list[str]) -> Any:
    """Fails with each of these errors in turn, then succeeds."""
    left = list(errors)

    def answer(task: ScheduleTask) -> TaskSucceeded | TaskFailed:
        return TaskFailed(task.command, left.pop(0), "c") if left else TaskSucceeded(task.command, '"done"')

    return answer


def never(task: ScheduleTask) -> None:
    return None


def started(definition: dict[str, Any], input: str = "{}", **kind: Any) -> tuple[Any, Run, Any]:
    program = compile(json.dumps(definition), type="EXPRESS" if kind.get("express") else "STANDARD")
    run = Run.new(identity(input, **kind))
    return program, run, step(program, run, Started(), START, 1)


# --- Pass, Succeed, Fail, Wait ---------------------------------------------------------------------------------------


def test_text_that_nobody_touches_is_passed_on_verbatim() -> None:
    execution = execute(flow(A={"Type": "Pass", "Next": "B"}, B={"Type": "Succeed"}), text='{ "a" : 1.0 }')
    assert execution.finish == Finish("SUCCEEDED", '{ "a" : 1.0 }')


def test_pass_result_is_a_literal() -> None:
    assert execute(flow(A={"Type": "Pass", "Result": {"x.$": "$.a"}})).output == {"x.$": "$.a"}


def test_first_state_follows_nothing() -> None:
    execution = execute(flow(A={"Type": "Pass"}))
    assert execution.outline == [
        (0, "ExecutionStarted"),
        (0, "PassStateEntered"),
        (2, "PassStateExited"),
        (3, "ExecutionSucceeded"),
    ]
    assert [event.details for event in execution.history] == [
        {"input": "{}", "inputDetails": {"truncated": False}, "roleArn": "arn:aws:iam::1:role/r"},
        {"name": "A", "input": "{}", "inputDetails": {"truncated": False}},
        {"name": "A", "output": "{}", "outputDetails": {"truncated": False}},
        {"output": "{}", "outputDetails": {"truncated": False}},
    ]


@pytest.mark.parametrize(
    ("fields", "details"),
    [
        ({"Error": "E", "Cause": "C"}, {"error": "E", "cause": "C"}),
        ({"Cause": "C"}, {"cause": "C"}),
        ({}, {}),
        ({"ErrorPath": "$.e", "CausePath": "States.Format('{}!', $.e)"}, {"error": "bad", "cause": "bad!"}),
    ],
)
def test_fail(fields: dict[str, Any], details: dict[str, str]) -> None:
    execution = execute(flow(F={"Type": "Fail", **fields}), {"e": "bad"})
    assert execution.outline[1:] == [(0, "FailStateEntered"), (2, "ExecutionFailed")]
    assert execution.history[-1].details == details
    assert execution.finish == Finish("FAILED", error=details.get("error"), cause=details.get("cause"))


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"Seconds": 5}, 5),
        ({"Seconds": 0}, 0),
        ({"Timestamp": "2023-11-14T22:13:50Z"}, 30),
        ({"Timestamp": "2023-11-14T23:13:50.5+01:00"}, 30.5),
        ({"Timestamp": "2016-12-05T21:29:29.123456789Z"}, 0),
        ({"SecondsPath": "$.s"}, 7),
        ({"TimestampPath": "$.t"}, 60),
    ],
)
def test_wait(fields: dict[str, Any], seconds: float) -> None:
    execution = execute(flow(W={"Type": "Wait", **fields}), {"s": 7, "t": "2023-11-14T22:14:20Z"})
    assert execution.now - START == seconds
    assert execution.types[1:3] == ["WaitStateEntered", "WaitStateExited"]


@pytest.mark.parametrize(
    ("fields", "value", "cause"),
    [
        ("SecondsPath", -1, "The SecondsPath parameter references a negative value: $.v == -1"),
        ("SecondsPath", 1.5, "The SecondsPath parameter cannot be parsed as a long value: $.v == 1.5"),
        (
            "TimestampPath",
            "2016-12-05 21:29:29Z",
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            "$.v == 2016-12-05 21:29:29Z",
        ),
    ],
)
def test_wait_for_what_is_no_time(fields: str, value: Any, cause: str) -> None:
    execution = execute(flow(W={"Type": "Wait", fields: "$.v"}), {"v": value})
    prefix = "An error occurred while executing the state 'W' (entered at the event id #2). "
    assert execution.history[-1].details == {"error": "States.Runtime", "cause": prefix + cause}
    assert execution.outline[-1] == (2, "ExecutionFailed")


# --- Task ------------------------------------------------------------------------------------------------------------


def test_function_by_arn() -> None:
    execution = execute(flow(T=task(TimeoutSeconds=9)), {"a": 1}, lambda t: TaskSucceeded(t.command, "[1]"))
    assert execution.outline[1:-1] == [
        (0, "TaskStateEntered"),
        (2, "LambdaFunctionScheduled"),
        (3, "LambdaFunctionStarted"),
        (4, "LambdaFunctionSucceeded"),
        (5, "TaskStateExited"),
    ]
    assert execution.tasks == [ScheduleTask(3, FUNCTION, "T", '{"a": 1}', 9)]
    details = execution.history[2].details
    assert details == {
        "resource": FUNCTION,
        "input": '{"a": 1}',
        "inputDetails": {"truncated": False},
        "timeoutInSeconds": 9,
    }
    assert execution.timers == {}
    assert execution.output == [1]


def test_lambda_invoke() -> None:
    state = {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f", "Payload": [1]}}
    execution = execute(flow(T=state), None, lambda t: TaskSucceeded(t.command, '{"Payload":2}'))
    named = {"resourceType": "lambda", "resource": "invoke"}
    assert [event.details for event in execution.history[2:5]] == [
        {**named, "region": "us-east-1", "parameters": '{"FunctionName":"f","Payload":[1]}'},
        named,
        {**named, "output": '{"Payload":2}', "outputDetails": {"truncated": False}},
    ]
    assert execution.tasks[0].input == '{"FunctionName":"f","Payload":[1]}'


def test_paths_around_a_task() -> None:
    state = task(
        InputPath="$.in",
        Parameters={"x.$": "$.a", "y": 2},
        ResultSelector={"z.$": "$.x"},
        ResultPath="$.out",
        OutputPath="$.out.z",
    )
    execution = execute(flow(T=state), {"in": {"a": 1}, "other": 0})
    assert json.loads(execution.tasks[0].input) == {"x": 1, "y": 2}
    assert execution.output == 1


def test_result_path_null_keeps_the_input() -> None:
    assert execute(flow(T=task(ResultPath=None)), {"a": 1}, lambda t: TaskSucceeded(t.command, "2")).output == {"a": 1}


def test_context_object() -> None:
    state = task(Parameters={"c.$": "$$"})
    execution = execute(flow(T=state), {"a": 1})
    arn = "arn:aws:states:us-east-1:000000000000"
    assert execution.output["c"] == {
        "Execution": {
            "Id": f"{arn}:execution:machine:run",
            "Input": {"a": 1},
            "StartTime": "2023-11-14T22:13:20.000Z",
            "Name": "run",
            "RoleArn": "arn:aws:iam::1:role/r",
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": f"{arn}:stateMachine:machine", "Name": "machine"},
        "State": {"Name": "T", "EnteredTime": "2023-11-14T22:13:20.000Z", "RetryCount": 0},
    }


@pytest.mark.parametrize(
    ("field", "error"), [("TimeoutSeconds", "States.Timeout"), ("HeartbeatSeconds", "States.Timeout")]
)
def test_task_timeout(field: str, error: str) -> None:
    execution = execute(flow(T=task(**{field: 4})), None, never)
    assert execution.outline[-2:] == [(4, "LambdaFunctionTimedOut"), (5, "ExecutionFailed")]
    assert [event.details for event in execution.history[-2:]] == [{"error": "States.Timeout"}] * 2
    assert execution.now - START == 4


def test_timeout_is_cancelled_by_the_answer() -> None:
    program, run, first = started(flow(T=task(TimeoutSeconds=9, HeartbeatSeconds=3)))
    assert [effect for effect in first.effects if isinstance(effect, StartTimer)] == [
        StartTimer("timeout:3", START + 9),
        StartTimer("heartbeat:3", START + 3),
    ]
    second = step(program, run, TaskSucceeded(3, "1"), START + 1, 1)
    assert second.effects[:2] == [CancelTimer("timeout:3"), CancelTimer("heartbeat:3")]


def test_timed_out_task_is_cancelled() -> None:
    program, run, _ = started(flow(T=task(TimeoutSeconds=9)))
    second = step(program, run, TimerFired("timeout:3"), START + 9, 1)
    assert second.effects[0] == CancelTask(3)
    assert step(program, run, TaskSucceeded(3, "1"), START + 10, 1).events == []


def test_heartbeat_timeout_is_caught_by_its_name() -> None:
    state = task(HeartbeatSeconds=1, Catch=[{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "C"}], Next="C")
    assert execute(flow(T=state, C={"Type": "Pass"}), None, never).output == {"Error": "States.Timeout", "Cause": ""}


def test_task_that_is_called_again_says_so() -> None:
    program, run, _ = started(flow(T=task()))
    assert [(event.previous, event.type) for event in step(program, run, TaskRestarted(3), START, 1).events] == [
        (4, "LambdaFunctionStarted")
    ]
    assert step(program, run, TaskSucceeded(3, "1"), START, 1).events[0].previous == 5


@pytest.mark.parametrize(("resource", "name"), [(FUNCTION, FUNCTION), (INVOKE, "lambda")])
def test_large_result(resource: str, name: str) -> None:
    state = {**task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "C"}], Next="C"), "Resource": resource}
    large = json.dumps("é" * 131_072, ensure_ascii=False)
    execution = execute(flow(T=state, C={"Type": "Pass"}), None, lambda t: TaskSucceeded(t.command, large))
    cause = (
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    assert execution.output == {"Error": "States.DataLimitExceeded", "Cause": cause}


def test_result_that_is_no_json() -> None:
    execution = execute(flow(T=task()), None, lambda t: TaskSucceeded(t.command, "{"))
    assert execution.types[-2:] == ["LambdaFunctionFailed", "ExecutionFailed"]
    assert execution.finish is not None and execution.finish.error == "States.Runtime"


def test_large_output_ends_the_execution() -> None:
    large = "x" * 200_000
    execution = execute(
        flow(
            T=task(ResultPath="$.b", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "C"}], Next="C"), C={"Type": "Pass"}
        ),
        {"a": large},
        lambda t: TaskSucceeded(t.command, json.dumps(large)),
    )
    assert execution.finish is not None
    assert execution.finish.error == "States.DataLimitExceeded"
    assert execution.finish.cause is not None
    assert execution.finish.cause.startswith("The state/task 'T' returned")


# --- Retry and Catch -------------------------------------------------------------------------------------------------


def test_retry_follows_the_failure_without_leaving_the_state() -> None:
    state = task(Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 2}])
    execution = execute(flow(T=state), None, once_failing(["A", "B"]))
    assert execution.outline[2:] == [
        (2, "LambdaFunctionScheduled"),
        (3, "LambdaFunctionStarted"),
        (4, "LambdaFunctionFailed"),
        (5, "LambdaFunctionScheduled"),
        (6, "LambdaFunctionStarted"),
        (7, "LambdaFunctionFailed"),
        (8, "LambdaFunctionScheduled"),
        (9, "LambdaFunctionStarted"),
        (10, "LambdaFunctionSucceeded"),
        (11, "TaskStateExited"),
        (12, "ExecutionSucceeded"),
    ]
    assert execution.now - START == 2 + 4


@pytest.mark.parametrize(
    ("errors", "calls", "status"),
    [
        (["A", "B", "B"], 4, "SUCCEEDED"),
        (["A", "A"], 2, "FAILED"),
        (["B", "B", "B"], 3, "FAILED"),
        (["B", "A", "B"], 4, "SUCCEEDED"),
        (["C"], 1, "FAILED"),
    ],
)
def test_each_retrier_counts_for_itself(errors: list[str], calls: int, status: str) -> None:
    state = task(Retry=[{"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["B"], "MaxAttempts": 2}])
    execution = execute(flow(T=state), None, once_failing(errors))
    assert len(execution.tasks) == calls
    assert execution.finish is not None and execution.finish.status == status


@pytest.mark.parametrize(
    ("retrier", "delays"),
    [
        (Retrier(("E",)), [1, 2, 4]),
        (Retrier(("E",), interval=3, backoff=1.5), [3, 4.5, 6.75]),
        (Retrier(("E",), interval=3, max_delay=5), [3, 5, 5]),
    ],
)
def test_delays(retrier: Retrier, delays: list[float]) -> None:
    assert [retry_delay(retrier, attempt, 0) for attempt in range(3)] == delays


def test_delays_stay_finite_and_jitter_stays_below() -> None:
    assert retry_delay(Retrier(("E",), backoff=1e300), 10_000, 0) == 99_999_999
    jittered = Retrier(("E",), interval=10, jitter=True)
    delays = {retry_delay(jittered, 0, seed) for seed in range(50)}
    assert len(delays) == 50
    assert all(0 <= delay <= 10 for delay in delays)
    assert retry_delay(jittered, 0, 3) == Random(3).uniform(0, 10)


def test_retry_count_is_in_the_context() -> None:
    state = task(Parameters={"n.$": "$$.State.RetryCount"}, Retry=[{"ErrorEquals": ["States.ALL"]}])
    execution = execute(flow(T=state), None, once_failing(["A", "A"]))
    assert [json.loads(called.input)["n"] for called in execution.tasks] == [0, 1, 2]


@pytest.mark.parametrize(
    ("names", "error", "caught"),
    [
        (["States.ALL"], "Any", True),
        (["States.TaskFailed"], "Any", True),
        (["Any"], "Any", True),
        (["Other", "Any"], "Any", True),
        (["Other"], "Any", False),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", True),
    ],
)
def test_who_catches_what(names: list[str], error: str, caught: bool) -> None:
    state = task(Catch=[{"ErrorEquals": names, "Next": "C"}], Next="C")
    execution = execute(flow(T=state, C={"Type": "Pass"}), None, failing(error, "c"))
    assert execution.finish is not None
    if caught:
        assert execution.output == {"Error": error, "Cause": "c"}
        assert execution.outline[5:7] == [(5, "TaskStateExited"), (6, "PassStateEntered")]
    else:
        assert execution.finish == Finish("FAILED", error=error, cause="c")


@pytest.mark.parametrize("names", [["States.ALL"], ["States.Runtime"], ["States.TaskFailed"]])
def test_nobody_handles_a_runtime_error_of_the_machine(names: list[str]) -> None:
    state = task(
        InputPath="$.no", Retry=[{"ErrorEquals": names}], Catch=[{"ErrorEquals": names, "Next": "C"}], Next="C"
    )
    around = {"Type": "Parallel", "Branches": [flow(T=state, C={"Type": "Pass"})]}
    execution = execute(flow(P=around | {"Catch": [{"ErrorEquals": names, "Next": "D"}]}, D={"Type": "Pass"}), {})
    assert execution.finish is not None and execution.finish.error == "States.Runtime"
    assert execution.types[-2:] == ["ParallelStateFailed", "ExecutionFailed"]
    assert execution.types.count("ParallelStateStarted") == 1


@pytest.mark.parametrize(
    ("paths", "report"),
    [(({"ResultPath": "$.a.b"}, {}), echo), (({}, {"ResultPath": "$.a.b"}), failing())],
    ids=["of the state", "of a Catch"],
)
def test_nobody_catches_that_a_result_path_does_not_match(paths: tuple[Any, Any], report: Any) -> None:
    state = task(**paths[0], Catch=[{"ErrorEquals": ["States.ALL"], "Next": "C"} | paths[1]], Next="C")
    execution = execute(flow(T=state, C={"Type": "Pass"}), {"a": "x"}, report)
    place = "An error occurred while executing the state 'T' (entered at the event id #2)."
    cause = f'{place} Unable to apply step "b" to input "x"'
    assert execution.finish == Finish("FAILED", error="States.Runtime", cause=cause)


def test_catch_puts_the_error_into_the_raw_input() -> None:
    state = task(
        InputPath="$.a",
        OutputPath="$.no",
        Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "C"}],
        Next="C",
    )
    execution = execute(flow(T=state, C={"Type": "Pass"}), {"a": 1}, failing("X", "y"))
    assert execution.output == {"a": 1, "e": {"Error": "X", "Cause": "y"}}


# --- Choice and variables --------------------------------------------------------------------------------------------


def test_choice() -> None:
    choice = {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.n", "NumericLessThan": 0, "Next": "Low"},
            {"Variable": "$.n", "NumericGreaterThan": 10, "Next": "High"},
        ],
        "Default": "Middle",
    }
    leaves = {name: {"Type": "Pass", "Result": name, "End": True} for name in ("Low", "High", "Middle")}
    assert [execute(flow(C=choice, **leaves), {"n": n}).output for n in (-1, 11, 5)] == ["Low", "High", "Middle"]


def test_no_choice_matched() -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "P"}]}
    execution = execute(flow(C=choice, P={"Type": "Pass"}), {"n": 2})
    assert execution.finish is not None and execution.finish.error == "States.NoChoiceMatched"
    assert execution.outline[-1] == (2, "ExecutionFailed")


def test_variables_are_seen_inside_and_assigned_from_the_result() -> None:
    execution = execute(
        flow(
            T=task(Assign={"r.$": "$", "k": 1}, ResultPath=None, Next="P"),
            P={"Type": "Parallel", "Branches": [flow(B={"Type": "Pass", "Parameters": {"r.$": "$r", "k.$": "$k"}})]},
        ),
        {"a": 1},
        lambda t: TaskSucceeded(t.command, "[7]"),
    )
    assert execution.output == [{"r": [7], "k": 1}]
    exited = next(event for event in execution.history if event.type == "TaskStateExited")
    assert exited.details is not None
    assert exited.details["assignedVariables"] == {"r": "[7]", "k": "1"}


def test_variables_are_seen_one_state_later_and_belong_to_their_scope() -> None:
    definition = flow(
        A={"Type": "Pass", "Assign": {"x": 1}, "Next": "B"},
        B={"Type": "Pass", "Assign": {"x": 2, "y.$": "$x"}, "Next": "M"},
        M={
            "Type": "Map",
            "ItemProcessor": flow(
                I={"Type": "Pass", "Assign": {"z.$": "States.MathAdd($x, $y)"}, "Next": "J"},
                J={"Type": "Pass", "Parameters": {"x.$": "$x", "y.$": "$y", "z.$": "$z"}},
            ),
        },
    )
    assert execute(definition, [0, 0]).output == [{"x": 2, "y": 1, "z": 3}] * 2


def test_variables_have_a_size() -> None:
    execution = execute(flow(A=task(Assign={"x.$": "$", "y.$": "$"})), "x" * 200_000)
    assert execution.finish is not None and execution.finish.error == "States.DataLimitExceeded"


def test_catch_assigns_from_the_error() -> None:
    catcher = {"ErrorEquals": ["States.ALL"], "Assign": {"e.$": "$.Error"}, "ResultPath": None, "Next": "C"}
    state = task(Assign={"never": 1}, Catch=[catcher], Next="C")
    execution = execute(flow(T=state, C={"Type": "Pass", "Parameters": {"e.$": "$e"}}), {"a": 1}, failing("X"))
    assert execution.output == {"e": "X"}


# --- Parallel and Map ------------------------------------------------------------------------------------------------

BRANCHES = {"Type": "Parallel", "Branches": [flow(A=task()), flow(B={"Type": "Wait", "Seconds": 9})]}


def test_parallel_output_is_in_branch_order() -> None:
    branches = [flow(A={"Type": "Wait", "Seconds": 2, "Next": "C"}, C={"Type": "Pass", "Result": 1}), flow(B=task())]
    assert execute(flow(P={"Type": "Parallel", "Branches": branches}), {"x": 1}).output == [1, {"x": 1}]


def test_failed_branch_stops_the_others() -> None:
    execution = execute(flow(P=BRANCHES), None, failing())
    failed = execution.types.index("LambdaFunctionFailed") + 1
    assert execution.outline[failed:] == [
        (failed, "WaitStateAborted"),
        (failed, "ParallelStateFailed"),
        (failed + 2, "ExecutionFailed"),
    ]
    assert execution.timers == {}


def test_parallel_is_retried_without_a_failed_event() -> None:
    state = {**BRANCHES, "Branches": BRANCHES["Branches"][:1], "Retry": [{"ErrorEquals": ["Broken"], "MaxAttempts": 1}]}
    execution = execute(flow(P=state), None, once_failing(["Broken"]))
    failed = execution.types.index("LambdaFunctionFailed") + 1
    assert execution.outline[failed] == (failed, "ParallelStateStarted")
    assert "ParallelStateFailed" not in execution.types
    assert execution.output == ["done"]


def mapped(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return flow(M={"Type": "Map", "ItemProcessor": processor, **fields})


def test_map_one_at_a_time() -> None:
    execution = execute(mapped(flow(X={"Type": "Pass"}), MaxConcurrency=1), [1, 2])
    assert execution.outline[1:] == [
        (0, "MapStateEntered"),
        (2, "MapStateStarted"),
        (3, "MapIterationStarted"),
        (4, "PassStateEntered"),
        (5, "PassStateExited"),
        (6, "MapIterationSucceeded"),
        (6, "MapIterationStarted"),
        (8, "PassStateEntered"),
        (9, "PassStateExited"),
        (10, "MapIterationSucceeded"),
        (11, "MapStateSucceeded"),
        (11, "MapStateExited"),
        (13, "ExecutionSucceeded"),
    ]


def test_map_output_is_in_item_order() -> None:
    execution = execute(mapped(flow(W={"Type": "Wait", "SecondsPath": "$"})), [3, 1, 2])
    assert execution.output == [3, 1, 2]
    assert execution.now - START == 3


def test_map_runs_as_many_as_it_may() -> None:
    _, _, first = started(mapped(flow(X=task()), MaxConcurrency=3), json.dumps([0] * 9))
    assert sum(isinstance(effect, ScheduleTask) for effect in first.effects) == 3
    _, _, unlimited = started(mapped(flow(X=task())), json.dumps([0] * 99))
    assert sum(isinstance(effect, ScheduleTask) for effect in unlimited.effects) == 40


def test_map_of_nothing() -> None:
    execution = execute(mapped(flow(X={"Type": "Pass"})), [])
    assert execution.outline[2:5] == [(2, "MapStateStarted"), (3, "MapStateSucceeded"), (3, "MapStateExited")]
    assert execution.output == []


def test_map_selects_items() -> None:
    execution = execute(
        mapped(
            flow(X={"Type": "Pass"}),
            ItemsPath="$.items",
            ItemSelector={"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "all.$": "$.n"},
        ),
        {"items": ["a", "b"], "n": 5},
    )
    assert execution.output == [{"i": 0, "v": "a", "all": 5}, {"i": 1, "v": "b", "all": 5}]


def test_map_needs_an_array() -> None:
    execution = execute(mapped(flow(X={"Type": "Pass"})), {"a": 1})
    assert execution.finish is not None
    assert execution.finish.error == "States.Runtime"
    assert execution.finish.cause is not None
    assert execution.finish.cause.endswith('Reference path "$" must point to array.')


def test_failed_iteration_stops_the_others() -> None:
    def answer(task: ScheduleTask) -> TaskFailed | None:
        return TaskFailed(task.command, "E", "c") if task.input == "2" else None

    execution = execute(mapped(flow(X=task())), [1, 2, 3], answer)
    failed = execution.types.index("LambdaFunctionFailed") + 1
    assert execution.outline[failed:] == [
        (failed, "MapIterationFailed"),
        (failed, "TaskStateAborted"),
        (failed, "MapIterationAborted"),
        (failed, "TaskStateAborted"),
        (failed, "MapIterationAborted"),
        (failed, "MapStateFailed"),
        (failed + 6, "ExecutionFailed"),
    ]
    assert execution.history[failed].details == {"name": "M", "index": 1}


# --- the whole execution ---------------------------------------------------------------------------------------------


def test_execution_timeout() -> None:
    execution = execute({**flow(T=task()), "TimeoutSeconds": 5}, None, never)
    assert execution.finish == Finish("TIMED_OUT")
    assert execution.outline[-1] == (0, "ExecutionTimedOut")
    assert execution.now - START == 5


def test_express_ends_after_five_minutes() -> None:
    execution = execute({**flow(T=task()), "TimeoutSeconds": 1000}, None, never, type="EXPRESS")
    assert execution.finish == Finish("TIMED_OUT")
    assert execution.now - START == 300


def test_stop_cancels_what_is_pending() -> None:
    program, run, _ = started(flow(P=BRANCHES))
    stopped = step(program, run, StopRequested("E", "c"), START + 1, 1)
    assert [(event.previous, event.type, event.details) for event in stopped.events] == [
        (0, "ExecutionAborted", {"error": "E", "cause": "c"})
    ]
    assert sorted(map(repr, stopped.effects[:-1])) == ["CancelTask(command=5)", "CancelTimer(timer='wait:7')"]
    assert stopped.effects[-1] == Finish("ABORTED", error="E", cause="c")
    assert run.status == "ABORTED"
    assert step(program, run, TaskSucceeded(5, "1"), START + 2, 1).effects == []


def test_endless_loop_gives_way_and_ends_at_the_limit_of_the_history() -> None:
    loop = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}
    _, _, first = started(loop)
    assert first.effects == [Continue()]
    assert len(first.events) < 1100
    execution = execute(loop)
    assert len(execution.history) == 25_000
    assert execution.finish == Finish(
        "FAILED",
        error="States.Runtime",
        cause="The execution reached the maximum number of history events (25000).",
    )
    assert execution.types[-1] == "ExecutionFailed"


def test_a_step_enters_no_more_states_than_their_inputs_allow() -> None:
    loop = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}
    program = compile(json.dumps(loop))
    run = Run.new(replace(identity(), input=json.dumps("x" * 250_000)))
    for _ in range(3):
        made = step(program, run, Continued() if run.started else Started(), START, 1)
        assert made.effects == [Continue()]
        assert len(made.events) <= 20


def test_impossible_events_have_a_name() -> None:
    program = compile(json.dumps(flow(T=task())))
    run = Run.new(identity())
    with pytest.raises(IllegalEvent, match="before the start"):
        step(program, run, TaskSucceeded(3, "1"), START, 1)
    step(program, run, Started(), START, 1)
    for event in (TaskSucceeded(99, "1"), TaskFailed(0, "E", "c"), TaskRestarted(99), TimerFired("nonsense")):
        with pytest.raises(IllegalEvent, match="never"):
            step(program, run, event, START, 1)
    assert step(program, run, Started(), START, 1).events == []
    assert step(program, run, Continued(), START, 1).events == []


# --- what a step costs -----------------------------------------------------------------------------------------------


def test_map_step_writes_what_it_touches() -> None:
    """With 10,000 items a task's answer rewrites a few small frames, and the items are written once."""
    program = compile(json.dumps(mapped(flow(X=task()))))
    run = Run.new(identity(json.dumps(list(range(10_000)))))
    tasks = [
        effect.command for effect in step(program, run, Started(), START, 1).effects if isinstance(effect, ScheduleTask)
    ]
    items = {frame_id for frame_id in run.changed if len(run.frame(frame_id)) > 10_000 and frame_id}
    assert len(items) == 1
    run.committed()
    for command in tasks:
        step(program, run, TaskSucceeded(command, "1"), START, 1)
        assert len(run.changed) <= 4
        assert not run.changed & items
        assert sum(len(run.frame(frame_id)) for frame_id in run.changed) + len(run.header()) < 1000
        run.committed()


def test_running_on_after_loading() -> None:
    program, run, _ = started(flow(P=BRANCHES), '{ "kept": "as is" }')
    frames = {frame_id: run.frame(frame_id) for frame_id in run.changed}
    loaded = Run.load(run.identity, run.header(), frames)
    assert loaded.status == "RUNNING"
    assert step(program, loaded, TaskSucceeded(5, "1"), START, 1) == step(program, run, TaskSucceeded(5, "1"), START, 1)
    assert isinstance(Execution(program, loaded).run, Run)
