"""Distributed Maps out of S3 and into it: `stategate serve --s3-endpoint` beside moto's server, through boto3."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runtime.outbound.motoserver import BUCKET, KEYS, MotoServer
from stategate.testing.process import ServerProcess

TRUST = {"Statement": {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}}
POLICY = {"Statement": {"Effect": "Allow", "Action": ["states:*", "s3:*"], "Resource": "*"}}
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def server(moto: MotoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    keys = ("--s3-access-key", KEYS[0], "--s3-secret-key", KEYS[1])
    options = ("--log-level", "warning", "--s3-endpoint", moto.url, *keys)
    with ServerProcess(tmp_path_factory.mktemp("server"), *options) as process:
        yield process


@pytest.fixture
def run(aws: Callable[[str], Any], s3: MotoServer) -> Run:
    """Runs a Map with these fields to its end, and describes the execution."""
    iam, states = aws("iam"), aws("stepfunctions")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(POLICY))

    def run(input: Any = None, *, kind: str = "STANDARD", processor: Any = PASS, **fields: Any) -> dict[str, Any]:
        config = {"Mode": "DISTRIBUTED", "ExecutionType": kind}
        state = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **processor}, "End": True, **fields}
        definition = json.dumps({"StartAt": "M", "States": {"M": state}})
        machine = states.create_state_machine(name="m", definition=definition, roleArn=role)["stateMachineArn"]
        arn = states.start_execution(stateMachineArn=machine, input=json.dumps(input))["executionArn"]
        deadline = time.monotonic() + 60
        while (described := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return dict(described)

    return run


def reader(action: str, config: Any = None, **parameters: str) -> dict[str, Any]:
    made = {"Resource": f"arn:aws:states:::s3:{action}", "Parameters": {"Bucket": BUCKET, **parameters}}
    return made if config is None else {**made, "ReaderConfig": config}


def writer(bucket: str = BUCKET, **config: str) -> dict[str, Any]:
    made = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": bucket, "Prefix": "out"}}
    return {**made, "WriterConfig": config} if config else made


CSV = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
ROWS = [{"id": "1", "name": "ä"}, {"id": "2", "name": "b, c"}]
CSV_TEXT = 'id,name\n1,ä\n2,"b, c"\n'.encode()
INVENTORY = {
    "sourceBucket": "source", "destinationBucket": f"arn:aws:s3:::{BUCKET}", "version": "2016-11-30",
    "fileFormat": "CSV", "fileSchema": "Bucket, Key", "files": [{"key": "inventory/1.csv.gz", "size": 1}],
}  # fmt: skip


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
@pytest.mark.parametrize(
    ("config", "content", "items"),
    [
        (CSV, CSV_TEXT, ROWS),
        (CSV, gzip.compress(CSV_TEXT), ROWS),
        ({"InputType": "JSON"}, json.dumps(ROWS).encode(), ROWS),
        ({"InputType": "JSON", "ItemsPointer": "/a/b"}, json.dumps({"a": {"b": ROWS}}).encode(), ROWS),
        ({"InputType": "JSONL", "MaxItems": 2}, b"".join(json.dumps(row).encode() + b"\n" for row in ROWS * 2), ROWS),
    ],
)
def test_reads_a_file(run: Run, s3: MotoServer, kind: str, config: Any, content: bytes, items: Any) -> None:
    s3.put("in/a file+.x", content)
    ended = run(kind=kind, ItemReader=reader("getObject", config, Key="in/a file+.x"))
    assert json.loads(ended["output"]) == items


def test_reads_a_manifest(run: Run, s3: MotoServer) -> None:
    s3.put("inventory/manifest.json", json.dumps(INVENTORY).encode())
    s3.put("inventory/1.csv.gz", gzip.compress(b'"source","a%20b.txt"\n"source","c.txt"\n'))
    ended = run(ItemReader=reader("getObject", {"InputType": "MANIFEST"}, Key="inventory/manifest.json"))
    assert json.loads(ended["output"]) == [
        {"Bucket": "source", "Key": "a%20b.txt"},
        {"Bucket": "source", "Key": "c.txt"},
    ]


def test_lists_objects(run: Run, s3: MotoServer) -> None:
    for key in ("in/a", "in/ü +&", "other"):
        s3.put(key, b"x")
    listed = s3.client.list_objects_v2(Bucket=BUCKET, Prefix="in/")["Contents"]
    ended = run(ItemReader=reader("listObjectsV2", Prefix="in/"))
    assert json.loads(ended["output"]) == [
        {
            "Etag": each["ETag"],
            "Key": each["Key"],
            "LastModified": int(each["LastModified"].timestamp()),
            "Size": 1,
            "StorageClass": "STANDARD",
        }
        for each in listed
    ]
    assert len(listed) == 2


def test_reads_the_objects_that_it_lists(run: Run, s3: MotoServer) -> None:
    s3.put("in/1.csv", CSV_TEXT)
    s3.put("in/2.csv", b"id,name\n3,d\n")
    ended = run(ItemReader=reader("listObjectsV2", {**CSV, "Transformation": "LOAD_AND_FLATTEN"}, Prefix="in/"))
    assert json.loads(ended["output"]) == [*ROWS, {"id": "3", "name": "d"}]


def test_batches_in_jsonata(run: Run, s3: MotoServer) -> None:
    s3.put("k", CSV_TEXT + b"3,d\n")
    source = {"Resource": "arn:aws:states:::s3:getObject", "Arguments": "{% $states.input %}", "ReaderConfig": CSV}
    ended = run(
        {"Bucket": BUCKET, "Key": "k"},
        QueryLanguage="JSONata",
        ItemReader=source,
        ItemSelector={"n": "{% $number($states.context.Map.Item.Value.id) %}"},
        ItemBatcher={"MaxItemsPerBatch": 2, "BatchInput": {"of": "{% $states.input.Key %}"}},
    )
    assert json.loads(ended["output"]) == [
        {"BatchInput": {"of": "k"}, "Items": [{"n": 1}, {"n": 2}]},
        {"BatchInput": {"of": "k"}, "Items": [{"n": 3}]},
    ]


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_writes_its_results(run: Run, s3: MotoServer, kind: str) -> None:
    choices = [{"Variable": "$", "NumericEquals": 0, "Next": "F"}]
    processor = {
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Choices": choices, "Default": "P"},
            "F": {"Type": "Fail", "Error": "Zero", "Cause": "none of it"},
            "P": {"Type": "Pass", "Result": {"done": "ü"}, "End": True},
        },
    }
    fields = {"Label": "L", "ToleratedFailureCount": 1, "ResultWriter": writer()}
    ended = run([1, 0, 2], kind=kind, processor=processor, **fields)
    output = json.loads(ended["output"])
    folder = f"out/{output['MapRunArn'].rpartition(':')[2]}"
    assert output["ResultWriterDetails"] == {"Bucket": BUCKET, "Key": f"{folder}/manifest.json"}
    objects = s3.objects()
    written = {name: [{"Key": f"{folder}/{name}_0.json", "Size": len(objects.get(f"{folder}/{name}_0.json", b""))}]
               for name in ("FAILED", "SUCCEEDED")}  # fmt: skip
    assert json.loads(objects.pop(f"{folder}/manifest.json")) == {
        "DestinationBucket": BUCKET,
        "MapRunArn": output["MapRunArn"],
        "ResultFiles": {**written, "PENDING": []},
    }
    (failed,) = json.loads(objects.pop(f"{folder}/FAILED_0.json"))
    assert [failed[name] for name in ("Input", "Status", "Error", "Cause")] == ["0", "FAILED", "Zero", "none of it"]
    succeeded = json.loads(objects.pop(f"{folder}/SUCCEEDED_0.json"))
    assert [(each["Input"], json.loads(each["Output"])) for each in succeeded] == [
        ("1", {"done": "ü"}),
        ("2", {"done": "ü"}),
    ]
    redriving = [[each.get(name) for name in ("RedriveCount", "RedriveStatus")] for each in succeeded]
    assert redriving == [[0, "NOT_REDRIVABLE"] if kind == "STANDARD" else [None, None]] * 2
    for each in (failed, *succeeded):
        assert each["Name"] in each["ExecutionArn"]
        assert each["StateMachineArn"] == ended["stateMachineArn"] + "/L"
        assert each["StartDate"] <= each["StopDate"]
    assert objects == {}


def test_writes_lines(run: Run, s3: MotoServer) -> None:
    output = run([[1, {"a": 2}], [3]], ResultWriter=writer(OutputType="JSONL", Transformation="FLATTEN"))["output"]
    folder = json.loads(output)["ResultWriterDetails"]["Key"].rpartition("/")[0]
    assert s3.get(f"{folder}/SUCCEEDED_0.jsonl").splitlines() == [b"1", b'{"a":2}', b"3"]


NO_KEY = "The specified key does not exist. (Service: S3, Status Code: 404, Error Code: NoSuchKey)"
NO_BUCKET = "The specified bucket does not exist (Service: S3, Status Code: 404, Error Code: NoSuchBucket)"


@pytest.mark.parametrize(
    ("fields", "error", "cause"),
    [
        ({"ItemReader": reader("getObject", CSV, Key="no")}, "States.ItemReaderFailed", NO_KEY),
        ({"ItemReader": reader("listObjectsV2", Bucket="no-such")}, "States.ItemReaderFailed", NO_BUCKET),
        ({"ResultWriter": writer("no-such")}, "States.ResultWriterFailed", NO_BUCKET),
    ],
)
def test_what_is_not_there(run: Run, fields: dict[str, Any], error: str, cause: str) -> None:
    ended = run([1], **fields)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", error, cause)
