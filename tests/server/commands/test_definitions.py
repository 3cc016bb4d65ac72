"""Definition files as people have them, through `stategate validate` and `stategate run`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stategate.server.cli import main

PASS = {"Type": "Pass", "End": True}
GOOD = json.dumps({"StartAt": "A", "States": {"A": PASS}})
YAML = "StartAt: A\nStates:\n  A:\n    Type: Pass\n    Result: [1, x]\n    End: true\n"
LAMBDA = "arn:aws:states:::lambda:invoke"


def invoke(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(main, list(arguments), **more)


def validate(tmp_path: Path, content: str | bytes, *options: str, name: str = "m.json") -> tuple[int, list[str]]:
    """Exit status and lines, without the name of the file."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    result = invoke("validate", *options, str(path))
    return result.exit_code, [
        line.replace(f"{path}: ", "").replace(str(path), "FILE") for line in result.output.splitlines()
    ]


def task(resource: str) -> str:
    return json.dumps({"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": resource, "End": True}}})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "error: FILE is empty"),
        (" \n", "error: FILE is empty"),
        ("[]", "error: Definition must be a valid JSON object (SCHEMA_VALIDATION_FAILED)"),
        (b"\xff\xfe{\x00}\x00", "error: FILE is UTF-16 text; save it as UTF-8"),
        (b'{"a": "\xe9"}', "error: FILE is not UTF-8 text: invalid continuation byte at byte 7"),
        ("{// x\n}", "error: the definition is not JSON, line 1, column 2: Unexpected character ('/' (code 47)):"
                     " maybe a (non-standard) comment?"),
        ('{"Resources": {}}', "error: FILE is a CloudFormation or SAM template; what is needed is the definition of the"
                              " state machine in it"),
    ],
)  # fmt: skip
def test_what_is_no_definition(tmp_path: Path, content: str | bytes, message: str) -> None:
    status, lines = validate(tmp_path, content)
    assert (status, lines[0]) == (1, message)


def test_a_file_that_can_not_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_text(GOOD)
    result = invoke("validate", str(tmp_path / "none.json"), str(tmp_path), str(good))
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"error: {tmp_path / 'none.json'}: No such file or directory",
        f"error: {tmp_path}: Is a directory",
        f"{good}: valid",
    ]


@pytest.mark.parametrize(
    "content", [GOOD, GOOD.replace(", ", ",\r\n"), '{"StartAt":"ä","States":{"ä":{"Type":"Succeed"}}}']
)
def test_what_is_good(tmp_path: Path, content: str) -> None:
    assert validate(tmp_path, content) == (0, ["valid"])


def test_standard_input() -> None:
    result = invoke("validate", "-", input=GOOD)
    assert (result.exit_code, result.output) == (0, "standard input: valid\n")
    result = invoke("run", "-", "--quiet", "--input", "3", input=GOOD)
    assert (result.exit_code, result.stdout) == (0, "3\n")


def test_yaml(tmp_path: Path) -> None:
    assert validate(tmp_path, YAML, name="m.asl.yaml") == (0, ["valid"])
    result = invoke("run", "--quiet", str(tmp_path / "m.asl.yaml"))
    assert result.stdout == '[1,"x"]\n'
    status, lines = validate(tmp_path, "a: {b: 1", name="m.yml")
    assert status == 1
    assert lines[0] == (
        "error: FILE is not YAML: while parsing a flow mapping at line 1, column 4:"
        " did not find expected ',' or '}' at line 2, column 1"
    )


def test_a_byte_order_mark_is_a_warning(tmp_path: Path) -> None:
    status, lines = validate(tmp_path, f"\ufeff{GOOD}")
    assert status == 0
    assert lines[0] == "warning: The file begins with a byte order mark, which AWS does not take (BYTE_ORDER_MARK)"


def test_names_given_twice(tmp_path: Path) -> None:
    state = json.dumps(PASS)
    twice = f'{{"StartAt": "A", "States": {{"A": {state},\n"A": {state}, "B": {{"Comment": "${{Unknown}}"}}}}}}'
    status, lines = validate(tmp_path, twice)
    assert (status, lines[0]) == (1, "error: the definition is not JSON, line 2, column 3: Duplicate field 'A'")
    status, lines = validate(tmp_path, f"StartAt: A\nStates:\n  A: {state}\n  A: {state}\n", name="m.yml")
    assert (status, lines) == (1, ["error: FILE, line 4: Duplicate field 'A'"])
    merged = "StartAt: A\nStates:\n  A: &a {Type: Pass, End: true}\n  B: {<<: *a, <<: *a}\n"
    assert "Duplicate" not in str(validate(tmp_path, merged, name="m.yml"))


def test_json_that_is_no_yaml(tmp_path: Path) -> None:
    state = json.dumps({**PASS, "Comment": "\U0001f600"})
    assert "ud83d" in state
    assert validate(tmp_path, f'{{"StartAt": "A", "States": {{"A": {state}}}}}', name="m.yml") == (0, ["valid"])
    status, lines = validate(tmp_path, f'{{"StartAt": "A", "States": {{"A": {state}, "A": {state}}}}}', name="m.yml")
    assert (status, "Duplicate field 'A'" in lines[0]) == (1, True)


def test_warnings_of_aws_are_shown(tmp_path: Path) -> None:
    definition = json.dumps({"StartAt": "A", "States": {"A": {**PASS, "Parameters": {"x": "$.x"}}}})
    status, lines = validate(tmp_path, definition)
    assert status == 0
    assert lines[0].startswith("warning at /States/A/Parameters/x: No .$ on a field")


# --- placeholders -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["${Function}", "arn:aws:lambda:${Region}:${AWS::AccountId}:function:f"])
def test_placeholders_in_resources(tmp_path: Path, resource: str) -> None:
    status, lines = validate(tmp_path, task(resource))
    assert status == 0
    assert lines[0].startswith("warning at /States/A/Resource: ")
    assert lines[0].endswith("has placeholders: what they stand for was not checked (SUBSTITUTION)")


def test_placeholders_of_cloudformation_are_known(tmp_path: Path) -> None:
    assert validate(tmp_path, task("arn:${AWS::Partition}:states:::lambda:invoke")) == (0, ["valid"])


def test_placeholders_in_nested_resources(tmp_path: Path) -> None:
    branch = json.loads(task("${F}"))
    outer = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [branch], "End": True}}}
    status, lines = validate(tmp_path, json.dumps(outer))
    assert (status, lines[0].partition(": ")[0]) == (0, "warning at /States/P/Branches[0]/States/A/Resource")


def test_placeholders_for_numbers(tmp_path: Path) -> None:
    wait = '{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": ${W}, "End": true}}}'
    status, lines = validate(tmp_path, wait)
    assert (status, lines[0]) == (0, "warning: The placeholder ${W} is not known: 1 stands for it (SUBSTITUTION)")
    assert validate(tmp_path, wait, "--substitute", "W=5") == (0, ["valid"])
    status, lines = validate(tmp_path, wait, "--substitute", "W=-5")
    assert (status, lines[0].partition(":")[0]) == (1, "error at /States/A/Seconds")


TASK = """
StartAt: A
States:
  A:
    Type: Task
    Resource: ${Function}
    TimeoutSeconds: ${Seconds}
    End: true
"""
TEXTS = """
StartAt: A
States:
  A:
    Type: Pass
    Result:
      account: ${AWS::AccountId}
      quoted: '"${Table}"'
      unknown: <${Stage}>
    End: true
"""


def test_placeholders_in_yaml_need_no_quotes(tmp_path: Path) -> None:
    status, lines = validate(tmp_path, TASK, name="m.asl.yaml")
    assert (status, lines[0]) == (0, "warning: The placeholder ${Seconds} is not known: 1 stands for it (SUBSTITUTION)")
    assert lines[1].startswith("warning at /States/A/Resource: ${Function} has placeholders")
    function = "Function=arn:aws:lambda:us-east-1:000000000000:function:f"
    for seconds in ("-5", "soon"):
        options = ("--substitute", f"Seconds={seconds}", "--substitute", function)
        status, lines = validate(tmp_path, TASK, *options, name="m.yml")
        assert (status, len(lines), lines[0].partition(":")[0]) == (1, 1, "error at /States/A/TimeoutSeconds")


def test_placeholders_in_yaml_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(TEXTS)
    result = invoke("run", "--quiet", str(path), "--substitute", "Table=a: b")
    assert json.loads(result.stdout) == {"account": "000000000000", "quoted": '"a: b"', "unknown": "<${Stage}>"}


def test_substitutions_are_put_in(tmp_path: Path) -> None:
    status, lines = validate(tmp_path, task("${F}"), "--substitute", "F=nonsense")
    assert (status, lines[0].partition(":")[0]) == (1, "error at /States/A/Resource")
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"StartAt": "A", "States": {"A": {**PASS, "Result": "<${Text}>"}}}))
    result = invoke("run", "--quiet", str(path), "--substitute", 'Text=a "b"\\')
    assert json.loads(result.stdout) == '<a "b"\\>'
    assert json.loads(invoke("run", "--quiet", str(path)).stdout) == "<${Text}>"


@pytest.mark.parametrize("option", ["x", "=1", "a b=1"])
def test_substitutions_of_another_form(tmp_path: Path, option: str) -> None:
    status, lines = validate(tmp_path, GOOD, "--substitute", option)
    assert (status, lines) == (2, [f"Error: --substitute {option}: expected NAME=VALUE"])


def test_placeholders_can_be_mocked(tmp_path: Path) -> None:
    machine, mocks = tmp_path / "m.json", tmp_path / "mocks.json"
    machine.write_text(task("${F}"))
    mocks.write_text(
        json.dumps(
            {
                "StateMachines": {"m": {"TestCases": {"c": {"A": "r"}}}},
                "MockedResponses": {"r": {"0": {"Return": 7}}},
            }
        )
    )
    result = invoke("run", str(machine), "--mock", str(mocks), "--quiet")
    assert (result.exit_code, result.stdout) == (0, "7\n")


# --- inputs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "eval"])
def test_inputs(tmp_path: Path, command: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(GOOD)
    subject = [command, str(path), "--quiet"] if command == "run" else [command, "$"]
    assert invoke(*subject).stdout == "{}\n"
    assert invoke(*subject, "--input-file", "-", input='\ufeff{"a":1}').stdout == '{"a":1}\n'
    empty = invoke(*subject, "--input", "")
    assert (empty.exit_code, empty.stderr) == (2, "Error: the input is empty; JSON is expected\n")
    missing = invoke(*subject, "--input-file", str(tmp_path / "none"))
    assert (missing.exit_code, missing.stderr) == (2, f"Error: {tmp_path / 'none'}: No such file or directory\n")
    assert invoke(*subject, "--input", "1", "--input-file", "-").exit_code == 2


# --- eval -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("{% function($x){$x} %}", "The expression gives a function, which is no JSON value."),
        ("name", "The expression gives nothing (undefined). The input is $states.input, variables are $name."),
        ("{% $states.input.x %}", "The expression gives nothing (undefined)."),
        ('{% $eval("1") %}', "The JSONata function '$eval' is not supported."),
        ("$$.a", "No results for path: $['a']\n  $$ is the context object, which --context gives."),
        ("$v", "No results for path: $v\n  Variables are given with --variables."),
    ],
)
def test_eval_says_what_to_do(expression: str, message: str) -> None:
    result = invoke("eval", expression)
    assert (result.exit_code, result.stderr) == (1, f"Error: {message}\n")


def test_eval_names_the_intrinsic_functions() -> None:
    result = invoke("eval", "States.Array(1, States.Foo(2))")
    lines = result.stderr.splitlines()
    assert lines[0].startswith("Error: There is no intrinsic function States.Foo; in States there are Format, ")
    assert lines[2].index("^") - 2 == "States.Array(1, States.Foo(2))".index("States.Foo")


@pytest.mark.parametrize("root", ["$", "$$", "$name"])
def test_eval_points_at_the_end_of_a_path(root: str) -> None:
    result = invoke("eval", "--jsonpath", f"{root}.a[?(@.x == '$y')].b[")
    assert result.stderr.splitlines()[0] == "Error: Could not analyze path component: ["
    assert result.stderr.splitlines()[2].index("^") - 2 == len(f"{root}.a[?(@.x == '$y')].b")


def test_eval_of_a_path_without_a_root() -> None:
    assert invoke("eval", "--jsonpath", "a.b").stderr.startswith("Error: A path begins with '$', not as in 'a.b'\n")
