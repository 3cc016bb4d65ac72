"""Warnings of definitions that are valid."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asl.driver import flow
from stategate.asl.lint import warnings
from stategate.asl.program import compile


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"Type": "Pass", "Parameters": {"a": "$.b"}}, [("NO_DOLLAR", "Parameters/a")]),
        ({"Type": "Pass", "Parameters": {"l": [{"a": "States.UUID()"}]}}, [("NO_DOLLAR", "Parameters/l[0]/a")]),
        ({"Type": "Pass", "Assign": {"a": "$$.State.Name"}}, [("NO_DOLLAR", "Assign/a")]),
        ({"Type": "Pass", "Result": {"a": ["$.b"]}}, [("PASS_RESULT_IS_STATIC", "Result")]),
        ({"Type": "Fail", "Error": "$.error"}, [("NO_PATH", "Error")]),
        ({"Type": "Pass", "Parameters": {"a.$": "$.b", "price": "$5", "text": "States.Format is good"}}, []),
        ({"Type": "Pass", "Comment": "$.a", "InputPath": "$.a"}, []),
        ({"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"a": "$.b"}}, []),
    ],
)
def test_what_is_warned_of(state: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    definition = json.dumps(flow(S=state))
    compile(definition)
    found = warnings(definition)
    assert [(problem.code, problem.location) for problem in found] == [
        (code, f"/States/S/{place}") for code, place in expected
    ]
    assert all(problem.severity == "WARNING" for problem in found)


def test_nested_states_are_looked_at() -> None:
    inner = flow(I={"Type": "Pass", "Parameters": {"a": "$.b"}})
    definition = flow(M={"Type": "Map", "ItemProcessor": inner}, P={"Type": "Parallel", "Branches": [inner]})
    assert [problem.location for problem in warnings(json.dumps(definition))] == [
        "/States/M/ItemProcessor/States/I/Parameters/a",
        "/States/P/Branches[0]/States/I/Parameters/a",
    ]
