"""Mock files of Step Functions Local."""

from __future__ import annotations

from typing import Any

import pytest

from stategate.server.commands.mocks import InvalidMocks, NotMocked, Returned, Thrown, read_mocks


def file(responses: dict[str, Any], **cases: dict[str, str]) -> dict[str, Any]:
    return {"StateMachines": {"M": {"TestCases": cases}}, "MockedResponses": responses}


def problems(document: Any, machine: str | None = None, case: str | None = None) -> tuple[str, ...]:
    with pytest.raises(InvalidMocks) as caught:
        read_mocks(document, machine, case)
    return caught.value.problems


def test_answers_follow_the_invocations() -> None:
    busy = {"Throw": {"Error": "Busy", "Cause": "later"}}
    mocks = read_mocks(file({"R": {"1-2": {"Return": 1}, "0": busy}}, C={"S": "R", "T": "R"}), None, None)
    assert mocks.name == "M#C"
    assert [mocks.answer("S", "arn") for _ in range(3)] == [Thrown("Busy", "later"), Returned(1), Returned(1)]
    assert mocks.answer("T", "arn") == Thrown("Busy", "later")
    with pytest.raises(NotMocked, match="MockedResponses/R has nothing for the invocation 3"):
        mocks.answer("S", "arn")
    with pytest.raises(NotMocked, match="The state 'X' calls arn:x, and the test case M#C has no response for it"):
        mocks.answer("X", "arn:x")


def test_every_problem_has_its_path() -> None:
    responses = {
        "Range": {"2-1": {"Return": 1}, "x": {"Return": 1}},
        "Both": {"0": {"Return": 1, "Throw": {"Error": "E"}}},
        "Twice": {"0-2": {"Return": 1}, "2": {"Return": 2}},
        "Cause": {"0": {"Throw": {"Error": "E", "Cause": 1}}},
        "Empty": {},
    }
    found = problems(file(responses, C={"S": "Nothing"}))
    paths = [problem.partition(": ")[0] for problem in found]
    assert paths == [
        "MockedResponses/Range/2-1",
        "MockedResponses/Range/x",
        "MockedResponses/Both/0",
        "MockedResponses/Twice",
        "MockedResponses/Cause/0",
        "MockedResponses/Empty",
        "StateMachines/M/TestCases/C/S",
    ]


@pytest.mark.parametrize("document", [[], {}, {"StateMachines": [], "MockedResponses": {}}])
def test_what_is_no_mock_file(document: Any) -> None:
    assert any("StateMachines" in problem for problem in problems(document))


def test_the_test_case_is_chosen_where_there_are_several() -> None:
    document = file({"R": {"0": {"Return": 1}}}, A={"S": "R"}, B={})
    document["StateMachines"]["N"] = {"TestCases": {"B": {"T": "R"}}}
    assert read_mocks(document, None, "A").states == {"S"}
    assert read_mocks(document, "N", None).states == {"T"}
    assert problems(document, None, "B") == ("There are several test cases; choose one with --test-case: M#B, N#B",)
    assert problems(document, "N", "A") == ("There is no test case of the name N#A. There are: M#A, M#B, N#B",)
    assert problems(document, "O") == ("There is no test case of the state machine O. There are: M#A, M#B, N#B",)
