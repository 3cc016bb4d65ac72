"""What the recorded templates and the oracle have in common: `$input`, and the way to ask the oracle."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, ClassVar

import pytest

from stategate.gateway.templatehost import UTIL
from stategate.lang.vtl import CallError, Exposed

SHARED = Path(__file__).resolve().parents[4] / "shared"
ORACLE = SHARED / "oracle" / "oracle.sh"
PACKAGES = (Path("/usr/share/java/velocity.jar"), Path("/usr/share/java/json-path.jar"))

_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']*)'\]")


def path(document: Any, expression: str) -> Any:
    """Definite paths only: `$.a.b[0]`."""
    at = 1
    while at < len(expression):
        found = _STEP.match(expression, at)
        if found is None:
            raise CallError(f"{expression} is no path")
        at = found.end()
        key = found[1] or found[3]
        if key is not None:
            document = document.get(key) if isinstance(document, dict) else None
        else:
            index = int(found[2])
            document = document[index] if isinstance(document, list) and index < len(document) else None
    return document


class Input(Exposed):
    def __init__(self, body: str | None, params: dict[str, dict[str, Any]] | None) -> None:
        self.body = body or "{}"
        self.document = json.loads(body) if body else None
        self.parameters = params or {"path": {}, "querystring": {}, "header": {}}

    def vtl_get(self, name: str) -> Any:
        return self.body if name == "body" else None

    def json(self, expression: str) -> str:
        found = path(self.document, expression)
        return "" if found is None else json.dumps(found, separators=(",", ":"), ensure_ascii=False)

    def param(self, name: str) -> Any:
        for place in ("path", "querystring", "header"):
            if name in self.parameters.get(place, {}):
                return self.parameters[place][name]
        return ""

    vtl_methods: ClassVar[Any] = {
        ("json", 1): json,
        ("path", 1): lambda self, expression: path(self.document, expression),
        ("params", 0): lambda self: self.parameters,
        ("params", 1): param,
    }


def references(case: dict[str, Any]) -> dict[str, Any]:
    """The references of a recorded case."""
    copied = json.loads(json.dumps({"vars": case.get("vars") or {}, "params": case.get("params")}))
    return {**copied["vars"], "input": Input(case.get("body"), copied["params"]), "util": UTIL}


def cases(name: str) -> list[dict[str, Any]]:
    """The lines of a shared corpus."""
    file = SHARED / "corpus" / "lang" / name
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines()]


def ask(mode: str, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The real Velocity's answers, in one process."""
    if not ORACLE.exists() or not all(package.exists() for package in PACKAGES):
        pytest.skip("Velocity 1.7 is not installed")
    lines = "\n".join(json.dumps(question) for question in questions)
    run = subprocess.run(
        ["bash", str(ORACLE), mode], input=lines, capture_output=True, text=True, check=True, timeout=240
    )
    return [json.loads(line) for line in run.stdout.split("\n") if line]
