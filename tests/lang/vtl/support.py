"""What the recorded templates and the oracle have in common: `$input`, `$util`, and the way to ask the oracle."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote_plus, unquote_plus

import pytest

from stategate.lang.vtl import Exposed, text

SHARED = Path(__file__).resolve().parents[4] / "shared"
ORACLE = SHARED / "oracle" / "oracle.sh"
PACKAGES = (Path("/usr/share/java/velocity.jar"), Path("/usr/share/java/json-path.jar"))

_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']*)'\]")


def path(document: Any, expression: str) -> Any:
    """Definite paths only: `$.a.b[0]`."""
    at = 1
    while at < len(expression):
        found = _STEP.match(expression, at)
        assert found is not None, expression
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


_SCRIPT = {
    '"': '\\"',
    "'": "\\'",
    "\\": "\\\\",
    "/": "\\/",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}


def _escape_script(value: str) -> str:
    return "".join(_SCRIPT.get(c) or (c if 32 <= ord(c) < 127 else f"\\u{ord(c):04X}") for c in value)


class Util(Exposed):
    vtl_methods: ClassVar[Any] = {
        ("escapeJavaScript", 1): lambda self, value: _escape_script(text(value)),
        ("parseJson", 1): lambda self, value: json.loads(value),
        ("urlEncode", 1): lambda self, value: quote_plus(value, safe="*-._"),
        ("urlDecode", 1): lambda self, value: unquote_plus(value),
        ("base64Encode", 1): lambda self, value: base64.b64encode(value.encode()).decode(),
        ("base64Decode", 1): lambda self, value: base64.b64decode(value).decode(),
    }


def references(case: dict[str, Any]) -> dict[str, Any]:
    """The references of a recorded case."""
    copied = json.loads(json.dumps(case.get("vars") or {}))
    return {**copied, "input": Input(case.get("body"), case.get("params")), "util": Util()}


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
