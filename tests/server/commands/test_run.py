"""`stategate run`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stategate.server.cli import main

QUEUE = "arn:aws:states:::sqs:sendMessage"
PASS: Mapping[str, Any] = {"Type": "Pass", "End": True}


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, states: Mapping[str, Any] | str, *options: str, mocks: Any = None) -> Result:
        """The first of `states` is where the machine starts."""
        definition = (
            states if isinstance(states, str) else json.dumps({"StartAt": next(iter(states)), "States": states})
        )
        (self.path / "machine.asl.json").write_text(definition)
        arguments = ["run", str(self.path / "machine.asl.json"), *options]
        if mocks is not None:
            (self.path / "mocks.json").write_text(mocks if isinstance(mocks, str) else json.dumps(mocks))
            arguments += ["--mock", str(self.path / "mocks.json")]
        return CliRunner().invoke(main, arguments)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def task(**more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": QUEUE,
        "Parameters": {"QueueUrl": "q", "MessageBody.$": "$"},
        "End": True,
        **more,
    }


def answers(**states: Any) -> dict[str, Any]:
    """A mock file with one test case: the answers of each state."""
    return {
        "StateMachines": {"M": {"TestCases": {"C": {name: name for name in states}}}},
        "MockedResponses": states,
    }


def types(result: Result) -> list[str]:
    return [line.split()[2] for line in result.stderr.splitlines() if line[:5].strip().isdigit()]


def test_the_output_can_be_piped_and_the_history_is_shown(folder: Folder) -> None:
    result = folder.run({"A": {**PASS, "Parameters": {"got.$": "$.n"}}}, "--input", '{"n": 1.50}')
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"got": 1.5})
    assert types(result) == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert result.stderr.rstrip().endswith("SUCCEEDED")


def test_a_failure_has_another_exit_status(folder: Folder) -> None:
    result = folder.run({"A": {"Type": "Fail", "Error": "E", "Cause": "because [red]"}})
    assert (result.exit_code, result.stdout) == (1, "")
    assert "FAILED E: because [red]" in result.stderr


def test_waits_can_be_skipped(folder: Folder) -> None:
    states = {"W": {"Type": "Wait", "Seconds": 86_400, "Next": "A"}, "A": PASS}
    result = folder.run(states, "--skip-waits")
    assert result.exit_code == 0
    assert "86400.0" in result.stderr


def test_waits_take_their_time_otherwise(folder: Folder) -> None:
    began = time.monotonic()
    assert folder.run({"W": {"Type": "Wait", "Seconds": 1, "End": True}}).exit_code == 0
    assert time.monotonic() - began >= 1


def test_tasks_answer_what_the_mocks_say(folder: Folder) -> None:
    mocks = answers(A={"0-1": {"Throw": {"Error": "Busy", "Cause": "x"}}, "2": {"Return": {"id": 7}}})
    states = {"A": task(Retry=[{"ErrorEquals": ["Busy"], "IntervalSeconds": 60}], ResultPath="$.r")}
    result = folder.run(states, "--skip-waits", "-i", '{"a": 1}', mocks=mocks)
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"a": 1, "r": {"id": 7}})
    assert types(result).count("TaskFailed") == 2
    assert "180.0" in result.stderr  # 60 and 120 seconds


@pytest.mark.parametrize("resource", [f"{QUEUE}.waitForTaskToken", "arn:aws:states:::ecs:runTask.sync",
                                      "arn:aws:states:us-east-1:000000000000:activity:a",
                                      "arn:aws:lambda:us-east-1:000000000000:function:f"])  # fmt: skip
def test_every_kind_of_task_can_be_mocked(folder: Folder, resource: str) -> None:
    states = {"A": {"Type": "Task", "Resource": resource, "HeartbeatSeconds": 5, "End": True}}
    result = folder.run(states, mocks=answers(A={"0": {"Return": [1]}}))
    assert (result.exit_code, json.loads(result.stdout)) == (0, [1])


@pytest.mark.parametrize(("pattern", "submitted"), [("", []), (".sync", ["TaskSubmitted"]),
                                                    (".waitForTaskToken", ["TaskSubmitted"])])  # fmt: skip
def test_mocked_tasks_have_the_history_of_their_pattern(folder: Folder, pattern: str, submitted: list[str]) -> None:
    resource = f"arn:aws:states:::{'ecs:runTask' if pattern else 'sns:publish'}{pattern}"
    states = {"A": {"Type": "Task", "Resource": resource, "End": True}}
    begun = ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted"]
    ended = ["TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"]
    assert types(folder.run(states, mocks=answers(A={"0": {"Return": 1}}))) == [*begun, *submitted, *ended]


@pytest.mark.parametrize("mode", [{}, {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}])
def test_maps_run_their_iterations(folder: Folder, mode: dict[str, Any]) -> None:
    states = {
        "M": {
            "Type": "Map",
            "ItemSelector": {"n.$": "$$.Map.Item.Value"},
            "ItemProcessor": {**mode, "StartAt": "T", "States": {"T": task(ResultPath="$.r")}},
            "End": True,
        }
    }
    result = folder.run(states, "-i", "[4, 5]", mocks=answers(T={"0": {"Return": "a"}, "1": {"Return": "b"}}))
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == [{"n": 4, "r": "a"}, {"n": 5, "r": "b"}]


@pytest.mark.parametrize(("count", "status"), [(0, 1), (1, 0)])
def test_distributed_maps_tolerate_failures(folder: Folder, count: int, status: int) -> None:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "T",
        "States": {"T": task()},
    }
    states = {"M": {"Type": "Map", "ItemProcessor": processor, "ToleratedFailureCount": count, "End": True}}
    mocks = answers(T={"0": {"Throw": {"Error": "E"}}, "1": {"Return": 2}})
    result = folder.run(states, "-i", "[1, 2]", mocks=mocks)
    assert result.exit_code == status
    assert result.stdout == ("[2]\n" if status == 0 else "")


def test_s3_takes_a_directory(folder: Folder) -> None:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "P",
        "States": {"P": PASS},
    }
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}}
    result = folder.run({"M": {"Type": "Map", "ItemReader": reader, "ItemProcessor": processor, "End": True}})
    assert result.exit_code == 2
    assert "The Map state 'M' reads or writes S3. Give --s3 DIRECTORY" in result.stderr


def test_a_task_without_a_mock_is_named(folder: Folder) -> None:
    result = folder.run({"A": task()})
    assert result.exit_code == 2
    assert f"The state 'A' calls {QUEUE}, and no --mock file says the answer." in result.stderr
    result = folder.run({"A": task()}, mocks=answers())
    assert result.exit_code == 2
    assert "the test case M#C has no response for it" in result.stderr


def test_mocks_of_states_that_there_are_not(folder: Folder) -> None:
    result = folder.run({"A": PASS}, mocks=answers(B={"0": {"Return": 1}}))
    assert result.exit_code == 2
    assert "the definition has no state 'B'" in result.stderr


def test_what_is_not_valid_is_shown_with_its_place(folder: Folder) -> None:
    result = folder.run({"A": {"Type": "Pass", "Next": "B"}})
    assert result.exit_code == 2
    assert "error at /States/A/Next: Missing 'Next' target: B (MISSING_TRANSITION_TARGET)" in result.stderr
    result = folder.run({"A": PASS}, mocks="{,}")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[1:] == ["  {,}", "   ^"]


@pytest.mark.parametrize("option", ["--test-case", "--machine"])
def test_a_choice_needs_mocks_to_choose_from(folder: Folder, option: str) -> None:
    result = folder.run({"A": PASS}, option, "HappyPath")
    assert (result.exit_code, "choose from a mock file" in result.stderr) == (2, True)


def test_standard_input_can_be_read_once() -> None:
    result = CliRunner().invoke(main, ["run", "-", "--input-file", "-"], input="{}")
    assert (result.exit_code, "can't both be standard input" in result.stderr) == (2, True)


def test_the_same_seed_gives_the_same_run(folder: Folder) -> None:
    states = {"A": {**PASS, "Parameters": {"id.$": "States.UUID()"}}}
    outputs = {folder.run(states, "--seed", seed, "-q").stdout for seed in ("5", "5", "6")}
    assert len(outputs) == 2


def test_jsonata_and_express(folder: Folder) -> None:
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "A",
        "States": {"A": {**PASS, "Output": "{% $states.input * 2 %}"}},
    }
    result = folder.run(json.dumps(definition), "--express", "-i", "21", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "42\n", "")


def test_data_can_not_break_the_terminal(folder: Folder) -> None:
    cause = "first\nsecond\x1b[31m\x9b"
    result = folder.run({"A": {"Type": "Fail", "Error": "E", "Cause": cause}})
    assert "\x1b" not in result.stderr
    assert "\x9b" not in result.stderr
    assert result.stderr.splitlines()[-1] == r"FAILED E: first\nsecond\u001b[31m\x9b"
    result = folder.run({"A": PASS}, "-i", r'"\ud800"', "-q")
    assert (result.exit_code, json.loads(result.stdout)) == (0, "\ud800")
