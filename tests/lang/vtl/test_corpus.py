"""Templates with what Velocity 1.7 and API Gateway make of them, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lang.vtl.support import SHARED, cases, references
from stategate.lang.vtl import TemplateError, compile

OWN = Path(__file__).resolve().parents[2] / "corpus" / "vtl"
RECORDED = cases("vtl.jsonl")
VELOCITY = cases("velocity-1.7.jsonl")


def _check(case: dict[str, Any], expected: dict[str, Any], *, silent: bool) -> None:
    if "error" in expected:
        with pytest.raises(TemplateError):
            compile(case["template"]).render(references(case), silent=silent)
        return
    assert compile(case["template"]).render(references(case), silent=silent) == expected["out"]


@pytest.mark.shared
@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["id"])
@pytest.mark.parametrize("mode", ["velocity", "apigateway"])
def test_recorded(case: dict[str, Any], mode: str) -> None:
    _check(case, case[mode], silent=mode == "apigateway")


@pytest.mark.shared
@pytest.mark.parametrize("case", VELOCITY, ids=lambda case: case["id"])
def test_velocitys_own(case: dict[str, Any]) -> None:
    context = json.loads((SHARED / "corpus" / "lang" / "velocity-1.7-context.json").read_text())
    _check({**case, "vars": context}, {"out": case["expected"]}, silent=False)


@pytest.mark.skipif(not RECORDED, reason="the shared corpus is missing")
def test_the_corpus_is_complete() -> None:
    assert (len(RECORDED), len(VELOCITY)) == (49, 31)


def _own() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (OWN / "oracle.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", _own(), ids=lambda case: case["id"])
@pytest.mark.parametrize("mode", ["velocity", "apigateway"])
def test_answers_of_the_oracle(case: dict[str, Any], mode: str) -> None:
    _check(case, case[mode], silent=mode == "apigateway")
