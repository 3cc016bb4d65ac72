"""What distributed Maps iterate over: objects, lists of objects and what is in them, manifests, Parquet."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from runtime.outbound.motoserver import BUCKET, MotoServer
from services.states.test_mapruns import CHOICE, definition, ended, run, simulate
from services.states.test_operations import Rig
from stategate.asl.problems import InvalidDefinition
from stategate.runtime.outbound.s3 import S3
from stategate.services.states import definitions, items, parquet

SHOWN = {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "s.$": "$$.Map.Item.Source"}
KEYED = {**SHOWN, "k.$": "$$.Map.Item.Key"}


def reader(action: str, parameters: Mapping[str, Any], **config: Any) -> dict[str, Any]:
    parameters = {"Bucket": BUCKET, **parameters}
    return {"Resource": f"arn:aws:states:::s3:{action}", "Parameters": parameters, "ReaderConfig": config}


Outputs = Callable[..., Any]


@pytest.fixture
def outputs(tmp_path: Path, s3: MotoServer) -> Outputs:
    """The output of a Map over these objects that passes its items on; of one that fails, its error and cause."""

    def outputs(objects: Mapping[str, bytes], input: Any = None, **fields: Any) -> Any:
        found: list[Any] = []

        async def body(rig: Rig) -> None:
            described = await run(rig, definition(**fields), {} if input is None else input)
            if described["status"] == "SUCCEEDED":
                found.append(json.loads(described["output"]))
            else:
                found.append((described["error"], described["cause"]))

        for key, content in objects.items():
            s3.put(key, content)
        simulate(tmp_path, body, s3=s3)
        return found[0]

    return outputs


def test_the_items_of_the_input_say_where_they_are_from(outputs: Outputs) -> None:
    assert outputs({}, ["a", "b"], ItemSelector=SHOWN) == [
        {"i": 0, "v": "a", "s": "STATE_DATA"},
        {"i": 1, "v": "b", "s": "STATE_DATA"},
    ]


def test_an_object_has_keys(outputs: Outputs) -> None:
    found = outputs({}, {"o": {"x": 1, "y": [2]}}, ItemsPath="$.o", ItemSelector=KEYED)
    assert found == [
        {"i": 0, "k": "x", "v": 1, "s": "STATE_DATA"},
        {"i": 1, "k": "y", "v": [2], "s": "STATE_DATA"},
    ]


def test_an_object_without_a_selector(outputs: Outputs) -> None:
    assert outputs({}, {"x": 1}) == [{"Key": "x", "Value": 1}]


def test_an_object_in_jsonata(outputs: Outputs) -> None:
    fields = {
        "QueryLanguage": "JSONata",
        "Items": "{% $states.input.o %}",
        "ItemSelector": {"item": "{% $states.context.Map.Item %}"},
    }
    assert outputs({}, {"o": {"x": 1}}, **fields) == [
        {"item": {"Index": 0, "Key": "x", "Value": 1, "Source": "STATE_DATA"}}
    ]


def test_an_object_in_a_file(outputs: Outputs) -> None:
    made = reader("getObject", {"Key": "k"}, InputType="JSON", ItemsPointer="/o")
    found = outputs({"k": b'{"o": {"x": 1}}'}, ItemReader=made, ItemSelector=KEYED)
    assert found == [{"i": 0, "k": "x", "v": 1, "s": f"S3://{BUCKET}/k"}]


def test_batches_of_an_object(outputs: Outputs) -> None:
    assert outputs({}, {"x": 1, "y": 2}, ItemBatcher={"MaxItemsPerBatch": 2}) == [
        {"Items": [{"Key": "x", "Value": 1}, {"Key": "y", "Value": 2}]}
    ]


def test_listed_objects(outputs: Outputs) -> None:
    objects = {f"in/{n}": b"x" for n in range(5)} | {"out/1": b"x"}
    made = reader("listObjectsV2", {"Prefix": "in/"})
    selector = {"k.$": "$$.Map.Item.Value.Key", "s.$": "$$.Map.Item.Source"}
    found = outputs(objects, ItemReader=made, ItemSelector=selector)
    assert found == [{"k": f"in/{n}", "s": f"S3://{BUCKET}"} for n in range(5)]


def test_what_is_in_listed_objects(outputs: Outputs) -> None:
    objects = {"in/": b"", "in/1": b"a\n1\n2\n", "in/2": b"a\n3\n", "in/3": b"a\n4\n", "out/1": b"a\n9\n"}
    made = reader(
        "listObjectsV2", {"Prefix": "in/"}, InputType="CSV", CSVHeaderLocation="FIRST_ROW", MaxItems=3,
        Transformation="LOAD_AND_FLATTEN",
    )  # fmt: skip
    assert outputs(objects, ItemReader=made, ItemSelector=SHOWN) == [
        {"i": 0, "v": {"a": "1"}, "s": f"S3://{BUCKET}/in/1"},
        {"i": 1, "v": {"a": "2"}, "s": f"S3://{BUCKET}/in/1"},
        {"i": 2, "v": {"a": "3"}, "s": f"S3://{BUCKET}/in/2"},
    ]


def test_an_athena_manifest(outputs: Outputs) -> None:
    objects = {"m": f'"s3://{BUCKET}/1"\ns3://{BUCKET}/d/2\n'.encode(), "1": b'{"a":1}\n{"a":2}\n', "d/2": b'{"a":3}'}
    made = reader("getObject", {"Key": "m"}, ManifestType="ATHENA_DATA", InputType="JSONL")
    assert outputs(objects, ItemReader=made, ItemSelector=SHOWN) == [
        {"i": 0, "v": {"a": 1}, "s": f"S3://{BUCKET}/1"},
        {"i": 1, "v": {"a": 2}, "s": f"S3://{BUCKET}/1"},
        {"i": 2, "v": {"a": 3}, "s": f"S3://{BUCKET}/d/2"},
    ]


def test_an_athena_manifest_that_is_none(outputs: Outputs) -> None:
    made = reader("getObject", {"Key": "m"}, ManifestType="ATHENA_DATA", InputType="JSONL")
    cause = "Line 2 of the Athena manifest is no URI of an S3 object: a,b".replace(",b", "")
    assert outputs({"m": b"s3://b/1\na,b\n"}, ItemReader=made) == ("States.ItemReaderFailed", cause)


@pytest.mark.parametrize("config", [{}, {"InputType": "CSV"}, {"InputType": "MANIFEST"}])
def test_an_inventory_by_its_manifest_type(outputs: Outputs, config: dict[str, str]) -> None:
    manifest = {"destinationBucket": f"arn:aws:s3:::{BUCKET}", "fileFormat": "CSV", "fileSchema": "Bucket, Key",
                "files": [{"key": "f"}]}  # fmt: skip
    made = reader("getObject", {"Key": "m"}, ManifestType="S3_INVENTORY", **config)
    objects = {"m": json.dumps(manifest).encode(), "f": b'"b","one"\n'}
    found = outputs(objects, ItemReader=made, ItemSelector=SHOWN)
    assert found == [{"i": 0, "v": {"Bucket": "b", "Key": "one"}, "s": f"S3://{BUCKET}/f"}]


def test_the_owner_of_the_bucket(tmp_path: Path, s3: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    owned = {"Bucket": BUCKET, "ExpectedBucketOwner": "111122223333"}
    made = reader("getObject", {**owned, "Key": "k"}, InputType="JSON")
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": owned}
    sent: list[dict[str, str]] = []
    send = S3._send

    async def recorded(self: S3, *arguments: Any, **options: Any) -> Any:
        sent.append(dict(options["headers"]))
        return await send(self, *arguments, **options)

    async def body(rig: Rig) -> None:
        assert (await run(rig, definition(ItemReader=made, ResultWriter=writer), {}))["status"] == "SUCCEEDED"

    monkeypatch.setattr(S3, "_send", recorded)
    s3.put("k", b"[1]")
    simulate(tmp_path, body, s3=s3)
    assert [headers["x-amz-expected-bucket-owner"] for headers in sent] == ["111122223333"] * 3


def test_a_failed_map_run_writes_its_results(tmp_path: Path, s3: MotoServer) -> None:
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": BUCKET, "Prefix": "p"}}

    async def body(rig: Rig) -> None:
        described = await run(rig, definition(CHOICE, ResultWriter=writer, MaxConcurrency=1), [1, 0, 2])
        assert described["error"] == "States.ExceedToleratedFailureThreshold"

    simulate(tmp_path, body, s3=s3)
    (manifest,) = [json.loads(body) for key, body in s3.objects().items() if key.endswith("manifest.json")]
    statuses = {
        kind: [child["Status"] for file in files for child in json.loads(s3.get(file["Key"]))]
        for kind, files in manifest["ResultFiles"].items()
    }
    assert statuses == {"FAILED": ["FAILED"], "PENDING": ["PENDING"], "SUCCEEDED": ["SUCCEEDED"]}


def test_the_results_of_redriven_children(tmp_path: Path, s3: MotoServer) -> None:
    seconds = "{% $states.context.Execution.RedriveCount = 0 and $states.context.Execution.Input = 1 ? -1 : 0 %}"
    failing = {"P": {"Type": "Wait", "QueryLanguage": "JSONata", "Seconds": seconds, "End": True}}
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": BUCKET}}

    async def body(rig: Rig) -> None:
        failed = await run(rig, definition(failing, ResultWriter=writer, MaxConcurrency=1), [0, 1])
        await rig("RedriveExecution", executionArn=failed["executionArn"])
        details = json.loads((await ended(rig, failed["executionArn"]))["output"])["ResultWriterDetails"]
        children = json.loads(s3.get(details["Key"].replace("manifest", "SUCCEEDED_0")))
        assert [child["RedriveCount"] for child in children] == [0, 1]

    simulate(tmp_path, body, s3=s3)


def test_results_that_can_not_be_written_do_not_hide_the_failure(outputs: Outputs) -> None:
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "none"}}
    found = outputs({}, [0], states=CHOICE, ResultWriter=writer)
    assert found[0] == "States.ExceedToleratedFailureThreshold"


# --- Parquet ----------------------------------------------------------------------------------------------------


def parquet_file() -> bytes:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra 'parquet')")
    from datetime import UTC, date, datetime
    from decimal import Decimal

    from pyarrow import parquet as written

    rows = [
        {
            "n": 1, "f": 0.5, "t": "é", "none": None, "d": Decimal("1.25"), "day": date(2024, 2, 29), "b": b"\xff",
            "at": datetime(2024, 1, 1, tzinfo=UTC), "list": [1, 2], "in": {"a": 1},
        },
        {
            "n": 2, "f": float("nan"), "t": None, "none": None, "d": Decimal("2.00"), "day": None, "b": b"ok",
            "at": None, "list": [], "in": {"a": None},
        },
    ]  # fmt: skip
    file = io.BytesIO()
    written.write_table(pyarrow.Table.from_pylist(rows), file)
    return file.getvalue()


def test_parquet(outputs: Outputs) -> None:
    made = reader("getObject", {"Key": "k"}, InputType="PARQUET")
    assert outputs({"k": parquet_file()}, ItemReader=made) == [
        {"n": 1, "f": 0.5, "t": "é", "none": None, "d": 1.25, "day": "2024-02-29", "b": "/w==",
         "at": "2024-01-01T00:00:00Z", "list": [1, 2], "in": {"a": 1}},
        {"n": 2, "f": None, "t": None, "none": None, "d": 2, "day": None, "b": "ok", "at": None, "list": [],
         "in": {"a": None}},
    ]  # fmt: skip


def test_parquet_that_is_none(outputs: Outputs) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra 'parquet')")
    made = reader("getObject", {"Key": "k"}, InputType="PARQUET")
    error, cause = outputs({"k": b"a,b\n"}, ItemReader=made)
    assert error == "States.ItemReaderFailed"
    assert cause.startswith("The Parquet file cannot be read: ")


def test_parquet_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "installed", lambda: False)
    inner = json.loads(definition(ItemReader=reader("getObject", {"Key": "k"}, InputType="PARQUET")))
    outer = {"StartAt": "O", "States": {"O": {"Type": "Parallel", "Branches": [inner], "End": True}}}
    with pytest.raises(InvalidDefinition) as caught:
        definitions.compile(json.dumps(outer))
    (problem,) = caught.value.problems
    assert problem.message == parquet.NOT_INSTALLED
    assert problem.location == "/States/O/Branches[0]/States/M/ItemReader/ReaderConfig/InputType"


@pytest.mark.parametrize("config", [{"InputType": "JSON"}, {"InputType": "CSV", "ManifestType": "S3_INVENTORY"}])
def test_what_is_read_as_a_whole_is_bounded(
    outputs: Outputs, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]
) -> None:
    monkeypatch.setattr(items, "LARGEST_WHOLE", 10)
    fields = reader("getObject", {"Key": "f"}, **config)
    found = outputs({"f": b"[1,2,3,4,5]"}, ItemReader=fields)
    cause = "Stategate does not read JSON files and manifests larger than 10 bytes."
    assert found == ("States.ItemReaderFailed", cause)


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-9], lambda raw: raw[:10] + b"\xff" * 20, lambda raw: raw + b"!"])
@pytest.mark.parametrize("kind", ["CSV", "JSONL"])
def test_a_compressed_file_that_is_spoilt(outputs: Outputs, spoil: Callable[[bytes], bytes], kind: str) -> None:
    config = {"InputType": kind} | ({"CSVHeaderLocation": "FIRST_ROW"} if kind == "CSV" else {})
    content = spoil(gzip.compress(b"".join(b'"%d"\n' % number for number in range(100))))
    found = outputs({"f": content}, ItemReader=reader("getObject", {"Key": "f"}, **config))
    assert found[0] == "States.ItemReaderFailed"
    assert found[1].startswith("The compressed file cannot be read: ")
