"""TestState against the recorded cases that need nothing but TestState."""

from __future__ import annotations

import asyncio
import json
import re
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest

from services.lambda_.functionworld import ACCOUNT, WORLD, FunctionWorld, function_world
from stategate.iam.principal import root
from stategate.services import states
from stategate.services.call import Call
from stategate.services.errors import AwsError

TOKEN = re.compile(r"<[a-z0-9_]+(:\d+)?>|\A(date|start-date)\Z|\A111111111111\Z")
LEAST = 50
"""So many cases there are at least; fewer mean that this test reads them wrongly."""


def cases(shared: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted((shared / "corpus" / "aws" / "stepfunctions").glob("*_v2_test_state_*.json")):
        case = json.loads(path.read_text())
        texts = json.dumps(case["steps"])
        if case["replayable"] and "{{ref" not in texts and all(s["operation"] == "TestState" for s in case["steps"]):
            found.append(case)
    return found


async def perform(world: FunctionWorld, params: dict[str, Any]) -> Any:
    given = json.loads(json.dumps(params).replace("{{account}}", ACCOUNT).replace("{{uid:0}}", "0"))
    call = Call(world.ports, WORLD, root(ACCOUNT), "request", world.ports.clock.now())
    try:
        answer = states.OPERATIONS["TestState"](call, given)
        return await answer if isawaitable(answer) else answer
    except AwsError as error:
        return {"Error": {"Code": error.code, "Message": error.message}}


def same(expected: Any, actual: Any) -> bool:
    """Texts of generated values match anything; JSON texts were recorded as the values that they are."""
    if isinstance(expected, dict | list) and isinstance(actual, str):
        actual = json.loads(actual)
    if isinstance(expected, dict):
        return (
            isinstance(actual, dict)
            and expected.keys() == actual.keys()
            and all(same(value, actual[key]) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(same(*pair) for pair in zip(expected, actual, strict=True))
        )
    if isinstance(expected, str) and TOKEN.search(expected):
        return isinstance(actual, str)
    return bool(expected == actual)


def relevant(expected: dict[str, Any]) -> dict[str, Any]:
    if "exception_value" in expected:
        message = expected["exception_value"].partition(" operation: ")[2]
        return {"Error": {"Code": expected["exception_typename"], "Message": message}}
    if "Error" in expected:
        return {"Error": expected["Error"]}
    return {name: value for name, value in expected.items() if name != "ResponseMetadata"}


def test_as_recorded(shared: Path, tmp_path: Path) -> None:
    async def main() -> tuple[int, list[str]]:
        count, wrong = 0, []
        async with function_world(tmp_path) as world:
            for case in cases(shared):
                answers = [await perform(world, step["params"]) for step in case["steps"]]
                for check, answer in zip(case["checks"], answers, strict=True):
                    count += 1
                    if not same(relevant(check["expected"]), answer):
                        wrong.append(f"{case['id']}: {json.dumps(check['expected'])} but {json.dumps(answer)}")
        return count, wrong

    count, wrong = asyncio.run(main())
    assert not wrong, "\n".join(wrong)
    assert count >= LEAST


def test_the_comparison_can_fail() -> None:
    assert same({"a": [1, "<uuid:1>"]}, '{"a": [1, "x"]}')
    assert not same({"a": 1}, {"a": 1, "b": 2})
    assert not same([1], [1, 2])
    with pytest.raises(ValueError, match="Expecting value"):
        same({}, "no JSON")
