"""What each type of state does in JSONata mode."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.driver import FUNCTION, START, Execution, echo, execute, flow, task
from stategate.asl.events import TaskFailed, TaskSucceeded

PASS = {"Type": "Pass"}


def run(input: Any = None, answer: Any = echo, **states: dict[str, Any]) -> Execution:
    """A machine in JSONata."""
    return execute({**flow(**states), "QueryLanguage": "JSONata"}, input, answer)


def failing(error: str = "Broken", cause: str = "it broke") -> Any:
    return lambda task: TaskFailed(task.command, error, cause)


def answering(value: Any) -> Any:
    return lambda task: TaskSucceeded(task.command, json.dumps(value))


def failure(execution: Execution) -> tuple[str | None, str | None]:
    assert execution.finish is not None and execution.finish.status == "FAILED"
    return execution.finish.error, execution.finish.cause


def details(execution: Execution, type: str) -> Any:
    return next(event.details for event in execution.history if event.type == type)


def place(state: str, event: int) -> str:
    return f"An error occurred while executing the state '{state}' (entered at the event id #{event}). "


# --- output and variables --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Pass", "Succeed"])
@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("{% $states.input.a + 1 %}", 2),
        ({"x": ["{% $states.input %}", 0.10, None, {"y": "{% true %}"}]}, {"x": [{"a": 1}, 0.1, None, {"y": True}]}),
        (" {% $states.input.a %} ", " {% $states.input.a %} "),
        ("a {% $states.input.a %} b", "a {% $states.input.a %} b"),
        ("{% $states.context.State.Name %}", "S"),
        ("{% $states.context.Execution.Input.a %}", 1),
        (None, None),
        ([], []),
        ("{%$states.input.a%}", 1),
    ],
)  # fmt: skip
def test_output_is_any_value_with_expressions_in_it(kind: str, output: Any, expected: Any) -> None:
    assert run({"a": 1}, S={"Type": kind, "Output": output}).output == expected


@pytest.mark.parametrize(
    "expression",
    [
        "$states.context.State.Name",
        "$states.`context`.State.Name",
        "$lookup($states, 'cont' & 'ext').State.Name",
        "$states.*.State.Name",
        "($s := $states; $lookup($s, $join(['con', 'text'])).State.Name)",
        '$contains(\'"\', /"/) ? $lookup($states, "context").State.Name',
    ],
)
def test_the_context_is_there_however_it_is_reached(expression: str) -> None:
    assert run(S={"Type": "Pass", "Output": f"{{% {expression} %}}"}).output == "S"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda text: "%" not in text)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXT.filter(lambda name: not name.endswith(".$")), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_values_come_out_as_they_went_in(value: Any) -> None:
    """As a literal, out of the input, through a variable, and as the result of a task."""
    definition = flow(
        S={"Type": "Pass", "Assign": {"v": "{% $states.input %}"}, "Output": value, "Next": "T"},
        T=task(Arguments={"v": "{% $v %}"}, Output=["{% $states.input %}", "{% $states.result.v %}", value]),
    )
    execution = execute({**definition, "QueryLanguage": "JSONata"}, text=json.dumps(value))
    assert execution.output == [value, value, value]


def test_without_output_the_input_is_passed_on_verbatim() -> None:
    definition = {**flow(S=dict(PASS), T={"Type": "Succeed"}), "QueryLanguage": "JSONata"}
    definition["States"]["S"] = {"Type": "Pass", "Next": "T"}
    execution = execute(definition, text='{ "a" : 1.0 }')
    assert execution.finish is not None and execution.finish.output == '{ "a" : 1.0 }'


def test_assign_sees_the_values_on_entry() -> None:
    execution = run(
        S={"Type": "Pass", "Assign": {"x": 1, "y": "old"}, "Next": "T"},
        T={"Type": "Pass", "Assign": {"x": "{% $x + 1 %}", "y": "{% $x %}"}, "Output": "{% $x %}", "Next": "U"},
        U={"Type": "Pass", "Output": "{% [$states.input, $x, $y] %}"},
    )
    assert execution.output == [1, 2, 1]
    exits = [event.details for event in execution.history if event.type == "PassStateExited"]
    assert [exit and exit.get("assignedVariables") for exit in exits] == [
        {"x": "1", "y": '"old"'},
        {"x": "2", "y": "1"},
        None,
    ]


def test_variables_pass_between_the_languages() -> None:
    execution = execute(
        flow(
            S={"Type": "Pass", "Assign": {"a.$": "$.v"}, "Next": "T"},
            T={"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"b": "{% $a.x * 2 %}"}, "Next": "U"},
            U={"Type": "Pass", "Parameters": {"a.$": "$a.x", "b.$": "$b"}},
        ),
        {"v": {"x": 3}},
    )
    assert execution.output == {"a": 3, "b": 6}


def test_branches_and_iterations_read_the_variables_outside_and_keep_their_own() -> None:
    inner = flow(
        I={"Type": "Pass", "Assign": {"mine": "{% $outer + $states.input %}"}, "Next": "J"},
        J={"Type": "Pass", "Output": "{% $mine %}"},
    )
    execution = run(
        S={"Type": "Pass", "Assign": {"outer": 10}, "Next": "M"},
        M={"Type": "Map", "Items": [1, 2], "ItemProcessor": inner, "Next": "T"},
        T={"Type": "Pass", "Output": {"items": "{% $states.input %}", "seen": "{% $exists($mine) %}"}},
    )
    assert execution.output == {"items": [11, 12], "seen": False}


def test_randomness_and_time_belong_to_the_state() -> None:
    output = run(S={"Type": "Pass", "Output": "{% [$uuid(), $uuid(), $millis(), $now()] %}"}).output
    assert output[0] != output[1]
    assert output[2] == START * 1000
    assert output[3] == "2023-11-14T22:13:20.000Z"


# --- Task ------------------------------------------------------------------------------------------------------------


def test_task_gets_its_arguments_and_shows_its_result() -> None:
    execution = run(
        {"n": 2},
        answering({"r": 5}),
        S=task(
            Arguments={"twice": "{% $states.input.n * 2 %}"},
            Assign={"kept": "{% $states.result.r %}"},
            Output={"in": "{% $states.input.n %}", "out": "{% $states.result %}"},
            Next="T",
        ),
        T={"Type": "Pass", "Output": "{% $merge([$states.input, {'kept': $kept}]) %}"},
    )
    assert json.loads(execution.tasks[0].input) == {"twice": 4}
    assert execution.output == {"in": 2, "out": {"r": 5}, "kept": 5}


def test_task_without_arguments_gets_the_input_and_without_output_gives_the_result() -> None:
    execution = run({"n": 2}, S=task())
    assert json.loads(execution.tasks[0].input) == {"n": 2}
    assert execution.output == {"n": 2}


def test_task_takes_its_time_limits_and_its_role_from_expressions() -> None:
    execution = run(
        {"t": 9, "h": 3, "role": "arn:aws:iam::1:role/other"},
        S=task(
            TimeoutSeconds="{% $states.input.t %}",
            HeartbeatSeconds="{% $states.input.h %}",
            Credentials={"RoleArn": "{% $states.input.role %}"},
        ),
    )
    scheduled = execution.tasks[0]
    assert (scheduled.timeout, scheduled.heartbeat) == (9, 3)
    assert scheduled.credentials == "arn:aws:iam::1:role/other"
    assert details(execution, "LambdaFunctionScheduled")["timeoutInSeconds"] == 9


def test_catch_has_an_output_and_variables_of_its_own() -> None:
    execution = run(
        {"n": 1},
        failing(),
        S=task(
            Assign={"never": 1},
            Output="{% $states.result %}",
            Catch=[
                {
                    "ErrorEquals": ["Broken"],
                    "Assign": {"error": "{% $states.errorOutput.Error %}"},
                    "Output": {"cause": "{% $states.errorOutput.Cause %}", "n": "{% $states.input.n %}"},
                    "Next": "T",
                }
            ],
        ),
        T={"Type": "Pass", "Output": {"got": "{% $states.input %}", "error": "{% $error %}"}},
    )
    assert execution.output == {"got": {"cause": "it broke", "n": 1}, "error": "Broken"}


def test_catch_without_output_gives_the_error_output() -> None:
    execution = run(None, failing(), S=task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "T"}]), T=PASS)
    assert execution.output == {"Error": "Broken", "Cause": "it broke"}


def test_states_has_its_members_in_the_order_recorded() -> None:
    assert list(run(S=task(Output="{% $states %}")).output) == ["input", "context", "result"]
    catch = {"ErrorEquals": ["States.ALL"], "Next": "T", "Output": "{% $states %}"}
    assert list(run(None, failing(), S=task(Catch=[catch]), T=PASS).output) == ["input", "context", "errorOutput"]


# --- Choice, Wait, Fail ----------------------------------------------------------------------------------------------

CHOICE = {
    "Type": "Choice",
    "Choices": [
        {"Condition": False, "Next": "Never"},
        {
            "Condition": "{% $states.input.n > 5 %}",
            "Assign": {"size": "big"},
            "Output": {"was": "{% $states.input.n %}"},
            "Next": "End",
        },
    ],
    "Assign": {"size": "small"},
    "Output": "default",
    "Default": "End",
}


@pytest.mark.parametrize(("n", "expected"), [(6, [{"was": 6}, "big"]), (5, ["default", "small"])])
def test_choice_takes_the_output_and_variables_of_the_way_that_it_goes(n: int, expected: Any) -> None:
    end = {"Type": "Pass", "Output": "{% [$states.input, $size] %}"}
    assert run({"n": n}, S=CHOICE, End=end, Never=dict(PASS)).output == expected


def test_choice_that_nothing_matches_fails() -> None:
    execution = run(S={"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "T"}]}, T=dict(PASS))
    assert failure(execution)[0] == "States.NoChoiceMatched"


def test_condition_must_be_boolean() -> None:
    execution = run(
        {"n": 1}, S={"Type": "Choice", "Choices": [{"Condition": "{% $states.input.n %}", "Next": "T"}]}, T=dict(PASS)
    )
    what = (
        "The JSONata expression '$states.input.n' specified for the field 'Choices[0]/Condition' returned an "
        "unexpected result type. Expected 'boolean', but was 'number' for value: 1"
    )
    assert failure(execution) == ("States.QueryEvaluationError", place("S", 2) + what)
    assert details(execution, "EvaluationFailed")["location"] == "Choices[0]/Condition"


@pytest.mark.parametrize(
    ("field", "value", "passed"),
    [
        ("Seconds", 5, 5),
        ("Seconds", "{% 2 + 3 %}", 5),
        ("Timestamp", "2023-11-14T22:13:30Z", 10),
        ("Timestamp", "{% $fromMillis($millis() + 7000) %}", 7),
        ("Timestamp", "{% '2016-03-05T21:29:29.243167252Z' %}", 0),
    ],
)
def test_wait_until_its_time(field: str, value: Any, passed: float) -> None:
    execution = run({"n": 1}, S={"Type": "Wait", field: value, "Output": "{% $states.input.n %}"})
    assert execution.output == 1
    assert execution.now - START == passed


@pytest.mark.parametrize(
    ("field", "expression", "what"),
    [
        ("Seconds", "-1", "The Seconds field has a negative value: -1"),
        ("Seconds", "1.5", "The Seconds field cannot be parsed as a long value: 1.5"),
        (
            "Seconds",
            "'1'",
            "The JSONata expression ''1'' specified for the field 'Seconds' returned an unexpected result type. "
            "Expected 'number', but was 'string' for value: \"1\"",
        ),
        (
            "Timestamp",
            "'soon'",
            "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: soon",
        ),
    ],
)
def test_wait_refuses_what_is_no_time(field: str, expression: str, what: str) -> None:
    execution = run(S={"Type": "Wait", field: f"{{% {expression} %}}"})
    assert failure(execution) == ("States.QueryEvaluationError", place("S", 2) + what)
    assert execution.outline == [
        (0, "ExecutionStarted"),
        (0, "WaitStateEntered"),
        (2, "EvaluationFailed"),
        (3, "ExecutionFailed"),
    ]


def test_fail_says_what_its_expressions_give() -> None:
    state = {"Type": "Fail", "Error": "{% $states.input.e %}", "Cause": "{% 'because of ' & $states.input.e %}"}
    assert failure(run({"e": "Mine"}, S=state)) == ("Mine", "because of Mine")


# --- Parallel and Map ------------------------------------------------------------------------------------------------


def test_parallel_branches_get_the_arguments() -> None:
    branch = flow(B={"Type": "Pass", "Output": "{% $states.input.n + 1 %}"})
    other = flow(C={"Type": "Pass", "Output": "{% $states.input.n + 2 %}"})
    execution = run(
        {"n": 1},
        S={
            "Type": "Parallel",
            "Arguments": {"n": "{% $states.input.n * 10 %}"},
            "Branches": [branch, other],
            "Output": {"sum": "{% $sum($states.result) %}", "n": "{% $states.input.n %}"},
        },
    )
    assert execution.output == {"sum": 23, "n": 1}


def test_map_selects_items() -> None:
    execution = run(
        {"items": [1, 2, 3], "k": 10, "c": 2},
        S={
            "Type": "Map",
            "Items": "{% $states.input.items[$ > 1] %}",
            "ItemSelector": {
                "v": "{% $states.context.Map.Item.Value * $states.input.k %}",
                "i": "{% $states.context.Map.Item.Index %}",
            },
            "MaxConcurrency": "{% $states.input.c %}",
            "ItemProcessor": flow(I=dict(PASS)),
            "Output": "{% $states.result.v %}",
        },
    )
    assert execution.output == [20, 30]
    entered = [event.details for event in execution.history if event.type == "PassStateEntered"]
    assert [json.loads(detail["input"])["i"] for detail in entered if detail] == [0, 1]


def test_map_iterates_over_its_input_where_it_names_no_items() -> None:
    assert run([1, 2], S={"Type": "Map", "ItemProcessor": flow(I=dict(PASS))}).output == [1, 2]
    execution = run({"a": 1}, S={"Type": "Map", "ItemProcessor": flow(I=dict(PASS))})
    assert "Expected 'array', but was 'object' for value: {\"a\":1}" in str(failure(execution)[1])


@pytest.mark.parametrize(
    ("items", "kind", "shown"),
    [
        ("true", "boolean", "true"),
        ("null", "null", "null"),
        ("'s'", "string", '"s"'),
        ("{'a': 1}", "object", '{"a":1}'),
    ],
)
def test_map_refuses_what_is_no_array_as_recorded(items: str, kind: str, shown: str) -> None:
    execution = run(
        S={"Type": "Pass", "Next": "M"},
        M={"Type": "Map", "Items": f"{{% {items} %}}", "ItemProcessor": flow(I=dict(PASS))},
    )
    what = (
        f"The JSONata expression '{items}' specified for the field 'Items' returned an unexpected result type. "
        f"Expected 'array', but was '{kind}' for value: {shown}"
    )
    assert details(execution, "EvaluationFailed") == {
        "error": "States.QueryEvaluationError",
        "cause": place("M", 4) + what,
        "location": "Items",
        "state": "M",
    }
    assert execution.outline[3:] == [
        (3, "MapStateEntered"),
        (3, "EvaluationFailed"),
        (5, "MapStateFailed"),
        (6, "ExecutionFailed"),
    ]


def test_item_selector_that_fails_ends_the_map() -> None:
    execution = run(
        S={
            "Type": "Map",
            "Items": [1, 2],
            "ItemSelector": "{% $states.context.Map.Item.Value > 1 ? $nothing : 'x' %}",
            "MaxConcurrency": 2,
            "ItemProcessor": flow(I=dict(PASS)),
            "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Output": "caught", "Next": "T"}],
        },
        T=dict(PASS),
    )
    assert execution.output == "caught"
    assert details(execution, "EvaluationFailed")["location"] == "ItemSelector"
    assert execution.types.count("EvaluationFailed") == 1


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("$nothing", "returned nothing (undefined)."),
        ("$states.input.missing", "returned nothing (undefined)."),
        ("function($x) { $x }", "returned an unsupported result type."),
        ("$sum", "returned an unsupported result type."),
        ("$unknown()", "threw an error during evaluation. T1006: Attempted to invoke a non-function"),
    ],
)
def test_evaluation_that_fails_says_where(expression: str, what: str) -> None:
    execution = run(S={"Type": "Pass", "Output": {"a": [{"b": f"{{% {expression} %}}"}]}})
    cause = f"{place('S', 2)}The JSONata expression '{expression}' specified for the field 'Output/a[0]/b' {what}"
    assert failure(execution) == ("States.QueryEvaluationError", cause)
    assert details(execution, "EvaluationFailed") == {
        "error": "States.QueryEvaluationError",
        "cause": cause,
        "location": "Output/a[0]/b",
        "state": "S",
    }


@pytest.mark.parametrize("name", ["States.QueryEvaluationError", "States.ALL", "States.TaskFailed"])
def test_evaluation_that_fails_can_be_caught(name: str) -> None:
    execution = run(
        S=task(Arguments="{% $nothing %}", Catch=[{"ErrorEquals": [name], "Next": "T"}]),
        T={"Type": "Pass", "Output": "{% $states.input.Error %}"},
    )
    assert execution.output == "States.QueryEvaluationError"
    assert execution.outline[2:4] == [(2, "EvaluationFailed"), (3, "TaskStateExited")]


def test_evaluation_that_fails_can_be_retried() -> None:
    retry = [{"ErrorEquals": ["States.QueryEvaluationError"], "MaxAttempts": 2, "IntervalSeconds": 1, "BackoffRate": 1}]
    execution = run(S=task(Output="{% $states.result.missing %}", Retry=retry))
    assert execution.types.count("EvaluationFailed") == 3
    assert len(execution.tasks) == 3
    assert execution.now == START + 2


def test_output_of_a_catch_that_fails_ends_the_execution() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Output": {"x": "{% $nothing %}"}, "Next": "T"}]
    execution = run(None, failing(), S=task(Catch=catch), T=dict(PASS))
    assert failure(execution)[0] == "States.QueryEvaluationError"
    assert details(execution, "EvaluationFailed")["location"] == "Catch[0]/Output/x"


def test_failure_in_a_branch_is_the_failure_of_the_parallel() -> None:
    branch = flow(B={"Type": "Pass", "Output": "{% $nothing %}"})
    catch = [{"ErrorEquals": ["States.QueryEvaluationError"], "Output": "caught", "Next": "T"}]
    execution = run(S={"Type": "Parallel", "Branches": [branch], "Catch": catch}, T=dict(PASS))
    assert execution.output == "caught"
    assert execution.types.count("EvaluationFailed") == 1


# --- limits ----------------------------------------------------------------------------------------------------------

LARGE = "x" * 262_144


@pytest.mark.parametrize("language", ["JSONPath", "JSONata"])
@pytest.mark.parametrize("kind", ["Task", "Parallel", "Map"])
def test_what_a_state_makes_for_its_work_has_a_limit(kind: str, language: str) -> None:
    jsonata = language == "JSONata"
    value: dict[str, Any] = {"v": LARGE} if jsonata else {"v": LARGE, "w.$": "$"}
    name = "ItemSelector" if kind == "Map" else "Arguments" if jsonata else "Parameters"
    work: dict[str, dict[str, Any]] = {
        "Task": {"Resource": FUNCTION},
        "Parallel": {"Branches": [flow(B=dict(PASS))]},
        "Map": {"ItemProcessor": flow(I=dict(PASS))},
    }
    state = {"Type": kind, name: value, **work[kind]}
    execution = execute({**flow(S=state), "QueryLanguage": language}, [1])
    cause = "The state/task 'S' returned a result with a size exceeding the maximum number of bytes service limit."
    assert failure(execution) == ("States.DataLimitExceeded", cause)
    assert not execution.tasks


def test_endless_expression_is_a_failure() -> None:
    expression = "{% ($f := function($n) { $f($n + 1) }; $f(0)) %}"
    error, cause = failure(run(S={"Type": "Pass", "Output": expression}))
    assert error == "States.QueryEvaluationError"
    assert "threw an error during evaluation. U1001: " in str(cause)


def test_too_many_bytes_of_variables_are_a_failure() -> None:
    execution = run(S={"Type": "Pass", "Assign": {"a": LARGE}})
    assert failure(execution)[0] == "States.DataLimitExceeded"


def test_concurrency_below_zero_is_a_failure() -> None:
    items = {"Type": "Map", "ItemProcessor": flow(I=dict(PASS))}
    execution = run([1], S={**items, "MaxConcurrency": "{% -1 %}"})
    assert failure(execution)[1] == place("S", 2) + "The MaxConcurrency field has a negative value: -1"
    execution = execute(flow(S={**items, "ItemsPath": "$.i", "MaxConcurrencyPath": "$.c"}), {"i": [1], "c": -1})
    assert failure(execution)[0] == "States.Runtime"


def test_the_same_event_and_seed_give_the_same_answers() -> None:
    runs = [run(S=task(Arguments="{% [$random(), $uuid()] %}")).output for _ in range(2)]
    assert runs[0] == runs[1]


# --- text that UTF-8 can't hold ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (r"'\ud800'", "?"),
        (r"'\ud83d\ude00'", "\U0001f600"),
        (r"'\ud83d' & '\ude00'", "\U0001f600"),
        (r"$parse('\"a\\ud800\"')", "a?"),
        (r"{'\udc00': ['\ud800b']}", {"?": ["?b"]}),
    ],
)
def test_half_of_a_character_is_a_question_mark(expression: str, expected: Any) -> None:
    assert run(S={"Type": "Pass", "Output": f"{{% {expression} %}}"}).output == expected


def test_half_of_a_character_in_an_error_is_a_question_mark() -> None:
    error, cause = failure(run(S={"Type": "Pass", "Output": r"{% $error('a\ud800') %}"}))
    assert error == "States.QueryEvaluationError"
    assert str(cause).endswith("threw an error during evaluation. D3137: a?")


def test_a_cause_has_a_limit() -> None:
    wait = {"Type": "Wait", "Timestamp": "{% $states.input %}"}
    error, cause = failure(run("x" * 200_000, S=wait))
    assert error == "States.QueryEvaluationError"
    assert len(str(cause)) == 32_768


def test_what_is_no_json_is_said_of_parse() -> None:
    error, cause = failure(run(S={"Type": "Pass", "Output": "{% $parse('[1') %}"}))
    assert error == "States.QueryEvaluationError"
    assert "D3120: The argument of the parse function is not valid JSON" in str(cause)


@pytest.mark.parametrize(
    "output", [["{% $states.input %}"] * 5000, {f"k{n}": "{% $states.input %}" for n in range(5000)}]
)
def test_the_same_large_value_many_times_is_too_large_before_it_is_written(output: Any) -> None:
    error, _ = failure(run("x" * 200_000, S={"Type": "Pass", "Output": output}))
    assert error == "States.DataLimitExceeded"
