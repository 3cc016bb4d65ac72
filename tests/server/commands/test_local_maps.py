"""Distributed Maps of `stategate run`: items and results in directories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stategate.server.cli import main

STATES = {
    "P": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "F"}], "Default": "Q"},
    "F": {"Type": "Fail", "Error": "E", "Cause": "why"},
    "Q": {"Type": "Pass", "End": True},
}
READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSON"},
    "Parameters": {"Bucket": "b", "Key": "in/k.json"},
}
WRITER = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "out"}}


def run(folder: Path, items: str, *options: str, **fields: Any) -> Result:
    (folder / "b" / "in").mkdir(parents=True)
    (folder / "b" / "in" / "k.json").write_text(items)
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": config, "StartAt": "P", "States": STATES}
    state = {"Type": "Map", "ItemReader": READER, "ItemProcessor": processor, "End": True, **fields}
    definition = json.dumps({"StartAt": "M", "States": {"M": state}})
    return CliRunner().invoke(main, ["run", "-", "--s3", str(folder), *options], input=definition)


def test_items_are_read_and_results_written(tmp_path: Path) -> None:
    result = run(tmp_path, "[1, 0]", ResultWriter=WRITER, ToleratedFailureCount=1)
    assert result.exit_code == 0, result.output
    details = json.loads(result.stdout)["ResultWriterDetails"]
    manifest = json.loads((tmp_path / details["Bucket"] / details["Key"]).read_text())
    written = {
        kind: [json.loads((tmp_path / "b" / file["Key"]).read_text()) for file in files]
        for kind, files in manifest["ResultFiles"].items()
    }
    assert [child["Output"] for child in written["SUCCEEDED"][0]] == ["1"]
    assert [(child["Error"], child["Cause"]) for child in written["FAILED"][0]] == [("E", "why")]


def test_what_failed_in_a_child_is_shown(tmp_path: Path) -> None:
    result = run(tmp_path, "[1, 0, 2]")
    assert result.exit_code == 1
    assert "M[1] FAILED E: why" in result.stderr
    assert "FAILED States.ExceedToleratedFailureThreshold" in result.stderr


def test_results_can_be_shaped_without_a_bucket(tmp_path: Path) -> None:
    writer = {"WriterConfig": {"OutputType": "JSON", "Transformation": "FLATTEN"}}
    result = run(tmp_path, "[[1, 2], [3]]", ResultWriter=writer)
    assert json.loads(result.stdout) == [1, 2, 3]


def test_listed_files(tmp_path: Path) -> None:
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b", "Prefix": "in/"}}
    result = run(tmp_path, "[]", ItemReader=reader, ItemSelector={"k.$": "$$.Map.Item.Value.Key"})
    assert json.loads(result.stdout) == [{"k": "in/k.json"}]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Bucket": "b", "Key": "no"}, "The specified key does not exist: "),
        ({"Bucket": "no", "Key": "k"}, "The specified bucket does not exist: "),
        ({"Bucket": "..", "Key": "k"}, "The specified bucket does not exist: "),
        ({"Bucket": "b", "Key": "../../x"}, "The key leads out of its bucket: ../../x"),
        ({"Bucket": "b", "Key": "in"}, "Is a directory"),
    ],
)
def test_what_is_not_there(tmp_path: Path, parameters: dict[str, str], message: str) -> None:
    result = run(tmp_path, "[]", "--quiet", ItemReader={**READER, "Parameters": parameters})
    assert result.exit_code == 1
    assert "FAILED States.ItemReaderFailed: " in result.stderr
    assert message in result.stderr
