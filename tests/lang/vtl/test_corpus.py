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


# What Velocity's test directory lends these: a macro library and files. Files are refused here.
LIBRARY = {
    "velocimacro": "#macro(quietnull $a)$!a#end"
    "#macro(testbool $arg)#if($arg)   arg true\n   #{else}   arg false\n #end#end",
    "vm_test1": "#macro(callrecurse)#recurse(5)            #end"
    "#macro(recurse $i)#if($i > 0)#if($i == 5)     #{else}          #{end}"
    "global recurse $i\n#set($j = $i - 1)#recurse($j)#end#end",
}


@pytest.mark.shared
@pytest.mark.parametrize("case", VELOCITY, ids=lambda case: case["id"])
def test_velocitys_own(case: dict[str, Any]) -> None:
    context = json.loads((SHARED / "corpus" / "lang" / "velocity-1.7-context.json").read_text())
    template, expected = LIBRARY.get(case["id"], "") + case["template"], {"out": case["expected"]}
    if case["id"] == "escape2":
        # The file's text comes from another directive of the same kind.
        template = template.replace('#include("test.txt")', "#evaluate('--text--\n')")
        expected["out"] = case["expected"].replace('#include("test.txt")', "#evaluate('--text--\n')")
    if case["id"] == "stop3":
        expected = {"error": "#parse"}
    _check({**case, "template": template, "vars": context}, expected, silent=False)


@pytest.mark.skipif(not RECORDED, reason="the shared corpus is missing")
def test_the_corpus_is_complete() -> None:
    assert (len(RECORDED), len(VELOCITY)) == (49, 31)


def _own() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (OWN / "oracle.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", _own(), ids=lambda case: case["id"])
@pytest.mark.parametrize("mode", ["velocity", "apigateway"])
def test_answers_of_the_oracle(case: dict[str, Any], mode: str) -> None:
    _check(case, case[mode], silent=mode == "apigateway")
