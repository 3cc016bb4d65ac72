"""The commands that the README shows for a terminal."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from stategate.server.cli import main

ROOT = Path(__file__).resolve().parents[2]
SHOWN = [
    line.partition("  #")[0]
    for line in (ROOT / "README.md").read_text().split("## At a terminal")[1].split("\n## ")[0].splitlines()
    if line.startswith("    stategate ")
]
SAID = {
    "validate": "definition.asl.json: valid",
    "run": '"title":"Plum cake"',
    "eval": "3",
    "render": r"{\"recipe_id\":\"42\",\"user_id\":\"u7\"}",
    "routes": "/recipes/{id}/move",
}


def test_every_command_is_shown() -> None:
    assert {shlex.split(command)[1] for command in SHOWN} == set(SAID) == set(main.commands) - {"serve"}


@pytest.mark.parametrize("command", SHOWN)
def test_what_the_readme_shows_works(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples" / "recipes")
    _, *arguments = shlex.split(command)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert SAID[arguments[0]] in result.stdout
