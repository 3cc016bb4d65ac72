"""`stategate routes` of an OpenAPI document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stategate.server.cli import main

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "recipes" / "openapi.yaml"


def run(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(main, ["routes", *arguments], **more)


def document(tmp_path: Path, paths: dict[str, Any]) -> str:
    file = tmp_path / "api.json"
    file.write_text(json.dumps({"openapi": "3.0.1", "info": {"title": "Shop", "version": "1"}, "paths": paths}))
    return str(file)


def test_the_example() -> None:
    result = run(str(EXAMPLE))
    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.stdout.splitlines() if "POST" in line] == [
        ["POST", "/recipes/{id}/move", "NONE", "AWS", "states:StartExecution"]
    ]


def test_routes_stand_in_the_order_in_which_they_win(tmp_path: Path) -> None:
    mock = {"responses": {}, "x-amazon-apigateway-integration": {"type": "mock"}}
    lists = {
        "responses": {},
        "x-amazon-apigateway-integration": {"type": "http", "httpMethod": "GET", "uri": "http://x/[b]"},
    }
    paths = {
        "/{proxy+}": {"x-amazon-apigateway-any-method": mock},
        "/a": {"x-amazon-apigateway-any-method": mock, "get": lists},
    }
    result = run(document(tmp_path, paths))
    assert result.stdout.splitlines()[0].strip() == "Shop"
    rows = [line.split() for line in result.stdout.splitlines() if "NONE" in line]
    assert rows == [
        ["GET", "/a", "NONE", "HTTP", "http://x/[b]"],
        ["ANY", "/a", "NONE", "MOCK"],
        ["ANY", "/{proxy+}", "NONE", "MOCK"],
    ]


def test_json_that_is_no_document(tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    file.write_text('{"StartAt": "A", "States": {}}')
    result = run(str(file))
    assert result.exit_code == 1
    assert "machine.json: No OpenAPI document: it must have the objects info and paths." in result.stderr


def test_what_an_import_would_refuse_is_said(tmp_path: Path) -> None:
    wrong = {"get": {"x-amazon-apigateway-integration": {"type": "carrier pigeon"}}}
    result = run(document(tmp_path, {"/a": wrong}))
    assert result.exit_code == 1
    assert "api.json: Unable to put integration on 'GET' for resource at path '/a': " in result.stderr
    assert "carrier pigeon" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"), [("{", "api.json: "), ("[]", "not an object"), ('{"openapi": "3.1.0"}', "info and paths")]
)
def test_a_file_that_is_no_document(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "api.json"
    file.write_text(text)
    result = run(str(file))
    assert result.exit_code == 1
    assert said in result.stderr


def test_options_of_a_server_do_not_go_with_a_document() -> None:
    result = run(str(EXAMPLE), "--stage", "v1")
    assert result.exit_code == 2
    assert "not for a document" in result.stderr


def test_a_document_that_is_not_there() -> None:
    result = run("nosuch.yaml")
    assert (result.exit_code, result.stderr) == (2, "Error: nosuch.yaml: No such file or directory\n")


def test_an_endpoint_without_a_scheme() -> None:
    result = run("abc", "--endpoint", "127.0.0.1:4566")
    assert result.exit_code == 2
    assert "--endpoint must be a URL such as http://127.0.0.1:4566" in result.stderr
