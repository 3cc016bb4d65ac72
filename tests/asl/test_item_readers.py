"""ItemReaders: which settings go together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stategate.asl.item_readers import Reader
from stategate.asl.problems import InvalidDefinition
from stategate.asl.program import Map, compile

GET, LIST = "getObject", "listObjectsV2"
KEY = {"Bucket": "b", "Key": "k"}


def definition(reader: dict[str, Any], **fields: Any) -> str:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "End": True}},
    }
    state = {"Type": "Map", "ItemReader": reader, "ItemProcessor": processor, "End": True, **fields}
    return json.dumps({"StartAt": "M", "States": {"M": state}})


def item_reader(action: str, parameters: Any = None, **config: Any) -> dict[str, Any]:
    parameters = parameters or (KEY if action == GET else {"Bucket": "b"})
    return {"Resource": f"arn:aws:states:::s3:{action}", "Parameters": parameters, "ReaderConfig": config}


def compiled(reader: dict[str, Any]) -> Reader:
    state = compile(definition(reader)).flows[0].states["M"]
    assert isinstance(state, Map)
    assert state.distributed is not None
    assert state.distributed.reader is not None
    return state.distributed.reader


def problems(reader: dict[str, Any], **fields: Any) -> list[tuple[str, str]]:
    """(message, pointer within the ItemReader)"""
    with pytest.raises(InvalidDefinition) as caught:
        compile(definition(reader, **fields))
    return [
        (problem.message, problem.location.removeprefix("/States/M/ItemReader")) for problem in caught.value.problems
    ]


@pytest.mark.parametrize(
    ("reader", "manifest", "flatten"),
    [
        (item_reader(GET, InputType="JSON"), None, False),
        (item_reader(GET, InputType="PARQUET"), None, False),
        (item_reader(GET, InputType="MANIFEST"), "S3_INVENTORY", False),
        (item_reader(GET, ManifestType="S3_INVENTORY"), "S3_INVENTORY", False),
        (item_reader(GET, ManifestType="S3_INVENTORY", InputType="CSV"), "S3_INVENTORY", False),
        (item_reader(GET, ManifestType="ATHENA_DATA", InputType="PARQUET"), "ATHENA_DATA", False),
        (item_reader(LIST), None, False),
        (item_reader(LIST, Transformation="NONE"), None, False),
        (item_reader(LIST, Transformation="LOAD_AND_FLATTEN", InputType="JSONL"), None, True),
        (item_reader(GET, {"Bucket.$": "$.b", "Key.$": "$.k", "VersionId": "v"}, InputType="JSONL"), None, False),
    ],
)
def test_what_is_read(reader: dict[str, Any], manifest: str | None, flatten: bool) -> None:
    found = compiled(reader)
    assert (found.manifest, found.flatten) == (manifest, flatten)


@pytest.mark.parametrize(
    ("reader", "message", "pointer"),
    [
        (item_reader(GET), "These fields are required: [InputType]", "/ReaderConfig"),
        (
            item_reader(GET, InputType="XML"),
            "The field 'InputType' should have one of these values: [CSV, JSON, JSONL, MANIFEST, PARQUET]",
            "/ReaderConfig/InputType",
        ),
        (
            item_reader(GET, ManifestType="ATHENA_DATA", InputType="JSON"),
            "The field 'InputType' should have one of these values: [CSV, JSONL, PARQUET]",
            "/ReaderConfig/InputType",
        ),
        (
            item_reader(GET, ManifestType="ATHENA_DATA"),
            "These fields are required: [InputType]",
            "/ReaderConfig",
        ),
        (
            item_reader(LIST, ManifestType="S3_INVENTORY"),
            "Field is only supported for the resource arn:aws:states:::s3:getObject",
            "/ReaderConfig/ManifestType",
        ),
        (
            item_reader(LIST, Transformation="LOAD_AND_FLATTEN"),
            "These fields are required: [InputType]",
            "/ReaderConfig",
        ),
        (
            item_reader(LIST, Transformation="LOAD_AND_FLATTEN", InputType="MANIFEST"),
            "The field 'InputType' should have one of these values: [CSV, JSON, JSONL, PARQUET]",
            "/ReaderConfig/InputType",
        ),
        (
            item_reader(GET, Transformation="LOAD_AND_FLATTEN", InputType="JSON"),
            "Field is only supported for the resource arn:aws:states:::s3:listObjectsV2",
            "/ReaderConfig/Transformation",
        ),
        (
            item_reader(GET, InputType="CSV", CSVHeaderLocation="FIRST_ROW", ItemsPointer="/a"),
            "Field is only supported for the InputType JSON",
            "/ReaderConfig/ItemsPointer",
        ),
        (
            item_reader(GET, InputType="JSON", ItemsPointer="a"),
            "A JSON Pointer must be empty or start with '/'",
            "/ReaderConfig/ItemsPointer",
        ),
        (
            {**item_reader(GET, InputType="JSON"), "Arguments": {}},
            "Field is only supported when 'QueryLanguage' is 'JSONata'",
            "/Arguments",
        ),
        (item_reader(GET, InputType="CSV"), "These fields are required: [CSVHeaderLocation]", "/ReaderConfig"),
        (
            item_reader(GET, {"Bucket": "b"}, InputType="JSON"),
            "The field 'Key' is required but was missing",
            "/Parameters",
        ),
        (
            item_reader(GET, {**KEY, "Foo.$": "$.x"}, InputType="JSON"),
            "The field 'Foo' is not supported by Step Functions",
            "/Parameters/Foo.$",
        ),
    ],
)
def test_what_does_not_go_together(reader: dict[str, Any], message: str, pointer: str) -> None:
    assert problems(reader) == [(message, pointer)]


def test_arguments_in_jsonata() -> None:
    whole = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Arguments": "{% {'Bucket': 'b'} %}"}
    compile(definition(whole, QueryLanguage="JSONata"))
    parts = {**whole, "Arguments": {"Bucket.$": "$.b"}}
    found = problems(parts, QueryLanguage="JSONata")
    assert ("The field 'Bucket' is required but was missing", "/Arguments") in found
