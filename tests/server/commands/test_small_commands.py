"""`stategate validate`, `eval`, `render` and `routes`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from stategate.server.cli import main
from stategate.server.commands.routes import specificity
from stategate.server.commands.texts import caret


def run(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(main, list(arguments), **more)


# --- validate -----------------------------------------------------------------------------------------------------


def test_validate(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text('{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}')
    bad.write_text('{"StartAt": "A", "States": {"A": {"Type": "Wait", "Foo": 1}, "B": {"Type": "Pass"}}}')
    assert run("validate", str(good)).output == f"{good}: valid\n"
    result = run("validate", str(good), str(bad))
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == f"{good}: valid"
    assert f"{bad}: error at /States/A/Foo: Field is not supported (SCHEMA_VALIDATION_FAILED)" in lines
    assert len(lines) >= 4


def test_validate_shows_where_the_text_is_no_json(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"StartAt": "A",\n  oops}')
    result = run("validate", str(broken))
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0].startswith(f"{broken}: error: the definition is not JSON, line 2, column ")
    assert lines[1:2] == ["    oops}"]


# --- eval ---------------------------------------------------------------------------------------------------------

INPUT = '{"xs": [1, 2, 3], "name": "Ada", "a": [{"p": 1}, {"p": 2}]}'


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{% $sum($states.input.xs) %}"], 6),
        (["--jsonata", "$uppercase($states.input.name)"], "ADA"),
        (["$states.input.name"], "Ada"),
        (["$.a[?(@.p > 1)].p"], [2]),
        (["$$.Execution.Id", "--context", '{"Execution": {"Id": "e"}}'], "e"),
        (["$v.x", "--variables", '{"v": {"x": 1}}'], 1),
        (["{% $v.x + $states.result %}", "--variables", '{"v": {"x": 1}}', "--result", "2"], 3),
        (["$sum([$v, 1])", "--variables", '{"v": 1}'], 2),
        (["States.Format('Hi {}', $.name)"], "Hi Ada"),
        (["--intrinsic", "States.ArrayLength($.xs)"], 3),
    ],
)
def test_eval(arguments: list[str], expected: Any) -> None:
    result = run("eval", *arguments, "--input", INPUT)
    assert (result.exit_code, json.loads(result.stdout)) == (0, expected)


@pytest.mark.parametrize(
    ("expression", "message", "pointed"),
    [
        ("{% 1 + + %}", None, "+ %}"),
        ("$.a[", "Could not analyze path component: [", "["),
        ("$.a b", "Space not allowed in path", " b"),
        ("States.Nope(1)", None, None),
        ("States.Format(?)", None, "?)"),
    ],
)
def test_eval_points_at_what_is_wrong(expression: str, message: str | None, pointed: str | None) -> None:
    result = run("eval", expression)
    assert result.exit_code == 1
    first, shown, mark = result.stderr.splitlines()
    assert message is None or first == f"Error: {message}"
    assert shown == f"  {expression}"
    if pointed is not None:
        assert shown[mark.index("^") :].startswith(pointed)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("$.nope", "No results for path: $['nope']"),
        ("{% $states.input.nope %}", "The expression gives nothing (undefined)."),
        ("{% function($x) { $x } %}", None),
        ("{% 1 + 'a' %}", None),
        ("States.MathAdd(1, 'x')", None),
    ],
)
def test_eval_fails(expression: str, message: str | None) -> None:
    result = run("eval", expression)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert message is None or result.stderr == f"Error: {message}\n"


def test_an_input_that_is_no_json() -> None:
    result = run("eval", "$", "--input", '{"a": 1,\n "b" 2}')
    assert result.exit_code == 2
    assert "line 2" in result.stderr
    assert '   "b" 2}' in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--jsonata", "--jsonpath", "$.a"], "only one of --jsonata, --jsonpath and --intrinsic"),
        (["$.name", "--result", "{}"], "--result and --error-output are for JSONata; this is a JSONPath"),
        (["States.UUID()", "--error-output", "{}"], "this is an intrinsic function"),
    ],
)
def test_eval_takes_no_option_that_would_mean_nothing(arguments: list[str], message: str) -> None:
    result = run("eval", *arguments, "--input", INPUT)
    assert (result.exit_code, message in result.stderr) == (2, True)


# --- render -------------------------------------------------------------------------------------------------------


@pytest.fixture
def template(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "t.vtl"
        path.write_text(text)
        return str(path)

    return write


def test_render(template: Callable[[str], str]) -> None:
    text = (
        "#set($b = $input.path('$'))$b.user $input.params('id') $input.params('q') $stageVariables.v"
        ' $context.identity.user $context.httpMethod $util.escapeJavaScript("a\'b")'
    )
    result = run(
        "render", template(text), "--body", '{"user": "u7"}', "--stage-variables", '{"v": "s"}',
        "--params", '{"path": {"id": 42}, "querystring": {"q": "x"}}', "--context", '{"identity": {"user": "me"}}',
    )  # fmt: skip
    assert (result.exit_code, result.stdout) == (0, "u7 42 x s me POST a\\'b\n")


def test_render_shows_overrides(template: Callable[[str], str]) -> None:
    result = run("render", template("#set($context.responseOverride.status = 404)"), "--show-context")
    assert json.loads(result.stderr)["responseOverride"] == {"header": {}, "status": 404}


def test_render_from_standard_input() -> None:
    assert run("render", "-", input="$input.body", env={}).stdout == "{}\n"


@pytest.mark.parametrize(
    ("text", "line", "pointed"), [("a\n#if($x", 2, None), ('ab $util.parseJson("{")', 1, "parseJson")]
)
def test_render_points_at_what_is_wrong(
    template: Callable[[str], str], text: str, line: int, pointed: str | None
) -> None:
    result = run("render", template(text))
    assert result.exit_code == 1
    assert f"line {line}, column " in result.stderr
    shown, mark = result.stderr.rstrip("\n").splitlines()[-2:]
    assert mark.strip() == "^"
    if pointed is not None:
        assert shown[mark.index("^") :].startswith(pointed)


@pytest.mark.parametrize(
    "options",
    [["--params", '{"header": 1}'], ["--params", '{"x": {}}'], ["--stage-variables", '{"a": 1}'], ["--context", "[]"]],
)
def test_render_refuses_options_of_another_form(template: Callable[[str], str], options: list[str]) -> None:
    result = run("render", template("x"), *options)
    assert result.exit_code == 2
    assert options[0] in result.stderr


# --- routes -------------------------------------------------------------------------------------------------------


def test_routes(server: Any, aws: Callable[..., Any], account: str) -> None:
    client = aws("apigateway")
    api = client.create_rest_api(name="x")["id"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    resource = root
    for parent, part, method in ((root, "{id}", "POST"), (root, "latest", "GET"), (None, "{proxy+}", "ANY")):
        resource = client.create_resource(restApiId=api, parentId=parent or resource, pathPart=part)["id"]
        client.put_method(restApiId=api, resourceId=resource, httpMethod=method, authorizationType="NONE")
        client.put_integration(restApiId=api, resourceId=resource, httpMethod=method, type="MOCK")
    client.create_deployment(restApiId=api, stageName="prod")
    environment = {"AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": server.url}
    result = run("routes", api, env=environment)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines() if "MOCK" in line]
    assert rows == [
        ["GET", "/latest", "NONE", "MOCK"],
        ["ANY", "/latest/{proxy+}", "NONE", "MOCK"],
        ["POST", "/{id}", "NONE", "MOCK"],
    ]
    assert f"{server.url}/_aws/execute-api/{api}/prod" in result.stdout
    missing = run("routes", "nope", env=environment)
    assert missing.exit_code == 1
    assert "Invalid API identifier" in missing.stderr
    assert run("routes", api, "--stage", "x", env=environment).exit_code == 1


def test_routes_without_a_server() -> None:
    result = run("routes", "x", "--endpoint", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "http://127.0.0.1:9 does not answer: Connection refused. Is `stategate serve` running?" in result.stderr


def test_the_list_of_commands_cuts_no_sentence() -> None:
    commands = run("--help").stdout.partition("Commands:")[2].splitlines()
    assert [line.split()[0] for line in commands if line] == ["eval", "render", "routes", "run", "serve", "validate"]
    assert all(line.endswith(".") for line in commands if line)


def test_the_order_of_routes() -> None:
    paths = ["/{proxy+}", "/a/{x}", "/a/b", "/{x}", "/", "/a"]
    assert sorted(paths, key=specificity) == ["/", "/a", "/a/b", "/a/{x}", "/{x}", "/{proxy+}"]


@given(st.text(alphabet="ab\n\t", max_size=300), st.integers(0, 300))
def test_the_caret_stands_below_its_character(text: str, offset: int) -> None:
    offset = min(offset, len(text))
    line, mark = caret(text, offset).split("\n")
    at = mark.index("^")
    expected = text[offset] if offset < len(text) and text[offset] != "\n" else ""
    assert line[at : at + 1] == expected
