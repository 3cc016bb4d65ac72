"""`stategate render`: what stands for a request, and where an error is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stategate.server.cli import main


@pytest.fixture
def render(tmp_path: Path) -> Callable[..., Result]:
    def call(text: str, *options: str) -> Result:
        path = tmp_path / "t.vtl"
        path.write_text(text)
        return CliRunner().invoke(main, ["render", str(path), *options])

    return call


def test_parameters_are_text_and_may_repeat(render: Callable[..., Result]) -> None:
    text = "$input.params('id') $input.params('b') $input.params().querystring.q $input.params('H')"
    params = '{"path": {"id": 42}, "querystring": {"q": ["x", "y"]}, "header": {"b": true, "H": "h"}}'
    assert render(text, "--params", params).stdout == "42 true y h\n"


@pytest.mark.parametrize("value", ["null", '{"a": 1}', "[[1]]", "[null]"])
def test_parameters_that_are_no_text_are_refused(render: Callable[..., Result], value: str) -> None:
    result = render("x", "--params", f'{{"querystring": {{"q": {value}}}}}')
    assert result.exit_code == 2
    assert "--params: querystring.q must be text" in result.stderr


def test_a_path_parameter_comes_once(render: Callable[..., Result]) -> None:
    assert "path.id must be text" in render("x", "--params", '{"path": {"id": ["a"]}}').stderr


def test_a_binary_body(render: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"\xff\xfe\x00")
    assert render("$input.body", "--body-file", str(file)).stdout == "��\x00\n"
    assert render("$input.body", "--body-file", str(file), "--binary").stdout == "//4A\n"


def test_a_body_that_is_no_json_is_shown(render: Callable[..., Result]) -> None:
    result = render("$input.json('$.a')", "--body", '{"a": x}')
    assert result.exit_code == 1
    assert "t.vtl: Invalid JSON in request body\nthe body is not JSON, line 1, column " in result.stderr
    assert result.stderr.splitlines()[-2:] == ['  {"a": x}', "        ^"]


def test_standard_input_is_called_so() -> None:
    result = CliRunner().invoke(main, ["render", "-"], input="#set($x = )")
    assert result.stderr.startswith("Error: standard input: Encountered")
