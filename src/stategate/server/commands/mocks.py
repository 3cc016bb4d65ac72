"""Mock files in the format of AWS's Step Functions Local.

    {"StateMachines": {"Orders": {"TestCases": {"HappyPath": {"Charge": "ChargeTwice"}}}},
     "MockedResponses": {"ChargeTwice": {"0": {"Throw": {"Error": "Busy", "Cause": "..."}}, "1-3": {"Return": {...}}}}}

A test case says which response stands for which state; a response says what each invocation of it gives, the first
being "0".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_RANGE = re.compile(r"(\d+)(?:-(\d+))?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Returned:
    value: Any


@dataclass(frozen=True, slots=True)
class Thrown:
    error: str
    cause: str


Answer = Returned | Thrown


@dataclass(frozen=True, slots=True)
class Response:
    """What the invocations from `first` to `last` give."""

    first: int
    last: int
    answer: Answer


class InvalidMocks(Exception):
    """`problems`, each with its path in the file."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class NotMocked(Exception):
    """A task was reached that the test case has no answer for."""


class Mocks:
    """The answers of one test case, handed out as states are invoked. `name`: `Machine#TestCase`."""

    def __init__(self, name: str, responses: Mapping[str, tuple[str, tuple[Response, ...]]]) -> None:
        self.name = name
        self._responses = responses
        self._invoked: dict[str, int] = {}

    @property
    def states(self) -> frozenset[str]:
        return frozenset(self._responses)

    def answer(self, state: str, resource: str) -> Answer:
        """The answer to the next invocation. Raises `NotMocked`."""
        if state not in self._responses:
            where = (
                f"the test case {self.name} has no response for it" if self.name else "no --mock file says the answer"
            )
            raise NotMocked(f"The state '{state}' calls {resource}, and {where}.")
        name, responses = self._responses[state]
        number = self._invoked.get(state, 0)
        self._invoked[state] = number + 1
        for response in responses:
            if response.first <= number <= response.last:
                return response.answer
        raise NotMocked(
            f"The state '{state}' calls {resource} once more, but MockedResponses/{name} has nothing for the"
            f" invocation {number}."
        )


NO_MOCKS = Mocks("", {})


def read_mocks(document: Any, machine: str | None, case: str | None) -> Mocks:
    """The test case of the file; `machine` and `case` may be left out where there is one only. Raises `InvalidMocks`
    with everything that is wrong with the file, or with the choice."""
    reader = _Reader()
    machines = reader.object(document, "StateMachines", "the file")
    responses = {
        name: reader.responses(value, f"MockedResponses/{name}")
        for name, value in reader.object(document, "MockedResponses", "the file").items()
    }
    cases = {
        (machine_name, case_name): reader.case(states, f"StateMachines/{machine_name}/TestCases/{case_name}", responses)
        for machine_name, value in machines.items()
        for case_name, states in reader.object(value, "TestCases", f"StateMachines/{machine_name}").items()
    }
    if not reader.problems:
        chosen = _choose(reader, list(cases), machine, case)
        if chosen is not None:
            return Mocks("#".join(chosen), {state: (name, responses[name]) for state, name in cases[chosen].items()})
    raise InvalidMocks(reader.problems)


def _choose(
    reader: _Reader, cases: list[tuple[str, str]], machine: str | None, case: str | None
) -> tuple[str, str] | None:
    wanted = [each for each in cases if machine in (None, each[0]) and case in (None, each[1])]
    if len(wanted) == 1:
        return wanted[0]
    known = ", ".join("#".join(each) for each in (wanted or cases)) or "none"
    if not wanted:
        what = "of the state machine" if case is None else "of the name"
        name = "#".join(part for part in (machine, case) if part is not None)
        reader.problems.append(f"There is no test case {what} {name}. There are: {known}")
    else:
        reader.problems.append(f"There are several test cases; choose one with --test-case: {known}")
    return None


class _Reader:
    def __init__(self) -> None:
        self.problems: list[str] = []

    def object(self, value: Any, member: str, place: str) -> dict[str, Any]:
        found = value.get(member) if isinstance(value, dict) else None
        if isinstance(found, dict):
            return found
        self.problems.append(f"{place}: an object {member} is required")
        return {}

    def case(self, value: Any, place: str, responses: Mapping[str, Any]) -> dict[str, str]:
        if not isinstance(value, dict):
            self.problems.append(f"{place}: must be an object: state name -> name of a mocked response")
            return {}
        for state, name in value.items():
            if not isinstance(name, str) or name not in responses:
                self.problems.append(f"{place}/{state}: there is no mocked response of the name {name!r}")
        return value

    def responses(self, value: Any, place: str) -> tuple[Response, ...]:
        if not isinstance(value, dict) or not value:
            self.problems.append(f'{place}: must be an object with answers, as in {{"0": {{"Return": ...}}}}')
            return ()
        found = [self.response(key, answer, f"{place}/{key}") for key, answer in value.items()]
        ordered = sorted((each for each in found if each is not None), key=lambda each: each.first)
        for before, after in pairwise(ordered):
            if after.first <= before.last:
                self.problems.append(f"{place}: the invocation {after.first} is given twice")
        return tuple(ordered)

    def response(self, key: str, value: Any, place: str) -> Response | None:
        match = _RANGE.match(key)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            self.problems.append(f'{place}: must be a number of an invocation or a range, as in "0" or "1-2"')
            return None
        answer = self.answer(value, place)
        return None if answer is None else Response(int(match[1]), int(match[2] or match[1]), answer)

    def answer(self, value: Any, place: str) -> Answer | None:
        match value:
            case {"Return": returned, **rest} if not rest:
                return Returned(returned)
            case {"Throw": {"Error": str(error), **why}, **rest} if not rest and not why.keys() - {"Cause"}:
                cause = why.get("Cause", "")
                if isinstance(cause, str):
                    return Thrown(error, cause)
        self.problems.append(f'{place}: must be {{"Return": ...}} or {{"Throw": {{"Error": "...", "Cause": "..."}}}}')
        return None
