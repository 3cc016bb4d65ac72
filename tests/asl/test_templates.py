from typing import Any

import pytest

from stategate.asl.failures import ResultTooLarge, StateFailure
from stategate.asl.scope import Scope
from stategate.asl.templates import compile_template

SCOPE = Scope({"x": 1, "list": [1, 2]}, lambda: {"State": {"Name": "S"}}, {"v": [True]})


def compile_cleanly(template: Any) -> Any:
    problems: list[tuple[str, str]] = []
    compiled = compile_template(template, lambda *problem: problems.append(problem), "/p")
    assert problems == []
    return compiled


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ({}, {}),
        ({"a": 1, "b": {"c": [1, {"d": None}]}}, {"a": 1, "b": {"c": [1, {"d": None}]}}),
        ({"a.$": "$.x", "b": 2}, {"b": 2, "a": 1}),
        ({"b": 2, "a.$": "$"}, {"b": 2, "a": {"x": 1, "list": [1, 2]}}),
        ({"n": {"m": [{"k.$": "$$.State.Name"}, 5, [{"j.$": "$v[0]"}]]}}, {"n": {"m": [{"k": "S"}, 5, [{"j": True}]]}}),
        ({"f.$": "States.ArrayLength($.list)"}, {"f": 2}),
        ({"x": "$.x", "States": "States.UUID()"}, {"x": "$.x", "States": "States.UUID()"}),
        ({".$": "$.x"}, {"": 1}),
        ("text", "text"),
        ([{"a.$": "$.list[*]"}], [{"a": [1, 2]}]),
    ],
)
def test_values(template: Any, value: Any) -> None:
    made = compile_cleanly(template)(SCOPE)
    assert made == value
    assert list(made) == list(value)


@pytest.mark.parametrize(
    ("template", "names"),
    [
        (["Question.$", "Answer.$"], ["Answer", "Question"]),
        (["FunctionName.$", "Payload"], ["Payload", "FunctionName"]),
        (
            ["original_input.$", "iteration_input_value.$", "iteration_index.$", "from_input_constant.$", "constant"],
            ["constant", "iteration_input_value", "from_input_constant", "iteration_index", "original_input"],
        ),
        (
            [
                "context_object.$", "execution.$", "execution_id.$", "execution_input.$", "execution_name.$",
                "execution_rolearn.$", "execution_starttime.$", "state.$", "state_enteredtime.$", "state_name.$",
                "statemachine.$", "statemachine_id.$", "statemachine_name.$",
            ],
            [
                "execution", "execution_rolearn", "execution_name", "statemachine_id", "execution_id",
                "execution_input", "execution_starttime", "state_name", "state_enteredtime", "statemachine", "state",
                "context_object", "statemachine_name",
            ],
        ),
    ],
)  # fmt: skip
def test_the_order_of_members(template: list[str], names: list[str]) -> None:
    """As recorded."""
    assert list(compile_cleanly(dict.fromkeys(template, "$.x"))(SCOPE)) == names


@pytest.mark.parametrize(
    ("template", "problems"),
    [
        (
            {"a.$": "x"},
            [("The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call", "/p")],
        ),
        (
            {"b": [{"a.$": 5}]},
            [("The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call", "/p/b[0]")],
        ),
        (
            {"a.$": "$.x[", "b.$": "States.Nope()"},
            [
                (
                    f"The value for the field '{name}.$' must be a valid JSONPath or a valid intrinsic function call",
                    "/p",
                )
                for name in "ab"
            ],
        ),
        ({"a": 1, "a.$": "$.x"}, [("The field 'a' is given twice, as 'a' and as 'a.$'", "/p")]),
    ],
)
def test_problems_are_collected(template: Any, problems: list[tuple[str, str]]) -> None:
    found: list[tuple[str, str]] = []
    compile_template(template, lambda *problem: found.append(problem), "/p")
    assert found == problems


def test_a_template_that_nests_too_deep() -> None:
    template: Any = {"a.$": "$.x"}
    for _ in range(450):
        template = {"a": [template]}
    found: list[tuple[str, str]] = []
    compile_template(template, lambda *problem: found.append(problem), "/p")
    assert [message for message, _ in found] == ["A payload template can not be nested deeper than 150 levels"]


@pytest.mark.parametrize(
    ("template", "cause"),
    [
        (
            {"value.$": "$.no"},
            "The JSONPath '$.no' specified for the field 'value.$' could not be found in the input '{\"x\":1}'",
        ),
        (
            {"deep": {"value.$": "$$.Execution.Input.no"}},
            "The JSONPath '$$.Execution.Input.no' specified for the field 'value.$' could not be found in the input "
            "'{\"x\":1}'",
        ),
        (
            {"f.$": "States.Array($.no)"},
            "The JsonPath argument for the field '$.no' could not be found in the input '{\"x\":1}'",
        ),
    ],
)
def test_misses(template: Any, cause: str) -> None:
    with pytest.raises(StateFailure) as caught:
        compile_cleanly(template)(Scope({"x": 1}, {}))
    assert (caught.value.error, caught.value.cause) == ("States.Runtime", cause)


def test_the_context_is_asked_for_only_if_needed() -> None:
    scope = Scope({"x": 1}, lambda: pytest.fail("nobody asked"))
    assert compile_cleanly({"a.$": "$.x"})(scope) == {"a": 1}


def test_randomness_comes_from_the_seed() -> None:
    template = compile_cleanly({"a.$": "States.UUID()", "b.$": "States.UUID()", "c.$": "States.MathRandom(0, 1000000)"})
    first = template(Scope(None, seed=7))
    assert first == template(Scope(None, seed=7)) != template(Scope(None, seed=8))
    assert first["a"] != first["b"]


def test_the_same_large_value_many_times_is_too_large_before_it_is_written() -> None:
    template = compile_cleanly({"x": [{f"k{number}.$": "$" for number in range(100)}] * 100})
    with pytest.raises(ResultTooLarge):
        template(Scope("x" * 200_000))
    small = template(Scope(1))
    assert small["x"][99]["k99"] == 1
