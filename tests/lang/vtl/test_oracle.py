"""Generated templates: the same text, or an error in both, as Velocity 1.7 itself."""

from __future__ import annotations

import os
from typing import Any

import pytest

from lang.vtl.generator import BODY, PARAMS, VARS, Generator
from lang.vtl.support import ask, references
from stategate.lang.vtl import TemplateError, compile

SEED = int(os.environ.get("VTL_SEED", "1"))


def _ours(template: str, *, silent: bool) -> dict[str, Any]:
    given = references({"body": BODY, "vars": VARS, "params": PARAMS})
    try:
        return {"out": compile(template).render(given, silent=silent)}
    except TemplateError:
        return {"error": True}


def _same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    if "error" in theirs:
        return "error" in ours
    # An object's address is nothing to compare.
    return ours == theirs or "@" in theirs["out"]


@pytest.mark.shared
@pytest.mark.parametrize("mode", ["vtl", "vtl-aws"])
def test_generated_templates_render_as_velocity_does(mode: str) -> None:
    ask(mode, [])  # skips where there is no oracle
    generator = Generator(SEED)
    templates = [generator.template() for _ in range(1000)]
    # One process of the engine for all of them.
    given = {"body": BODY, "vars": VARS, "params": PARAMS}
    answers = ask(mode, [{"template": template, **given} for template in templates])
    assert len(answers) == len(templates)
    assert sum("out" in answer for answer in answers) > 400
    wrong = [
        (template, ours, theirs)
        for template, theirs in zip(templates, answers, strict=True)
        if not _same(ours := _ours(template, silent=mode == "vtl-aws"), theirs)
    ]
    assert wrong == []
