"""Map runs and redrives, through the operations."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.outbound.motoserver import BUCKET, KEYS, MotoServer
from services.states.test_operations import MACHINE, Rig
from stategate.runtime.clock import SystemClock
from stategate.runtime.engine import Engine
from stategate.runtime.outbound.http import HttpClient
from stategate.runtime.outbound.s3 import S3
from stategate.services.states import mapruns, redrive
from stategate.services.states.items import MapRunItems

ALLOW = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
CONFIG = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
PASS = {"P": {"Type": "Pass", "End": True}}
CHOICE = {
    "P": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "F"}], "Default": "Q"},
    "F": {"Type": "Fail", "Error": "E"},
    "Q": {"Type": "Pass", "End": True},
}


def definition(states: dict[str, Any] | None = None, **fields: Any) -> str:
    processor = {"ProcessorConfig": CONFIG, "StartAt": "P", "States": states or PASS}
    state = {"Type": "Map", "ItemProcessor": processor, "End": True, "Label": "L", **fields}
    return json.dumps({"StartAt": "M", "States": {"M": state}})


def simulate(
    data_dir: Path, body: Callable[[Rig], Awaitable[None]], policy: str = ALLOW, s3: MotoServer | None = None
) -> None:
    async def main() -> None:
        rig, client = Rig(data_dir), HttpClient()
        await rig.engine.close()
        data = MapRunItems(lambda: rig.ports, S3(client, SystemClock(), s3.url if s3 else "", *KEYS))
        tables = rig.store.executions
        rig.engine = Engine(
            tables, rig.engine._tasks._runner, SystemClock(), rig.ports.entropy, rig.engine._observers,
            map_run_data=data,
        )  # fmt: skip
        rig.engine.open()
        object.__setattr__(rig.ports, "executions", rig.engine)
        try:
            await rig.role(policy=policy)
            await body(rig)
        finally:
            await rig.engine.close()
            await rig.store.close()
            await client.close()

    asyncio.run(main())


async def run(rig: Rig, text: str, input: Any, name: str = "m") -> dict[str, Any]:
    arn = (await rig.machine(text, name))["stateMachineArn"]
    started = await rig("StartExecution", stateMachineArn=arn, input=json.dumps(input))
    return await ended(rig, started["executionArn"])


async def ended(rig: Rig, arn: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            described: dict[str, Any] = await rig("DescribeExecution", executionArn=arn)
            if described["status"] != "RUNNING":
                return described
            await asyncio.sleep(0.005)


def test_list_and_describe(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        execution = await run(rig, definition(MaxConcurrency=1), [1, 2])
        (listed,) = (await rig("ListMapRuns", executionArn=execution["executionArn"]))["mapRuns"]
        assert listed["stateMachineArn"] == f"{MACHINE}/L"
        described = await rig("DescribeMapRun", mapRunArn=listed["mapRunArn"])
        counts = {"aborted": 0, "failed": 0, "pending": 0, "resultsWritten": 2, "running": 0, "succeeded": 2,
                  "timedOut": 0, "total": 2, "failuresNotRedrivable": 0, "pendingRedrive": 0}  # fmt: skip
        assert described["itemCounts"] == described["executionCounts"] == counts
        assert (described["status"], described["maxConcurrency"]) == ("SUCCEEDED", 1)
        assert (described["toleratedFailureCount"], described["toleratedFailurePercentage"]) == (0, 0.0)
        first = await rig("ListExecutions", mapRunArn=listed["mapRunArn"], maxResults=1)
        (second,) = (await rig("ListExecutions", mapRunArn=listed["mapRunArn"], nextToken=first["nextToken"]))[
            "executions"
        ]
        child = first["executions"][0]
        assert child["executionArn"] != second["executionArn"]
        assert child["stateMachineArn"] == f"{MACHINE}/L"
        machine = await rig("DescribeStateMachineForExecution", executionArn=child["executionArn"])
        assert (machine["label"], machine["mapRunArn"]) == ("L", listed["mapRunArn"])
        assert (await rig("DescribeExecution", executionArn=child["executionArn"]))["mapRunArn"] == listed["mapRunArn"]
        assert len((await rig("ListExecutions", stateMachineArn=MACHINE))["executions"]) == 1

    simulate(tmp_path, body)


def test_unknown_map_runs(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        arn = "arn:aws:states:us-east-1:000000000000:mapRun:m/L:x"
        for operation in ("DescribeMapRun", "UpdateMapRun", "ListExecutions"):
            assert await rig.error(operation, mapRunArn=arn) == ("ResourceNotFound", f"Resource not found: '{arn}'")
        code, _ = await rig.error("DescribeMapRun", mapRunArn=MACHINE)
        assert code == "InvalidArn"

    simulate(tmp_path, body)


def test_redrive(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        execution = await run(rig, definition(CHOICE), [1, 0])
        arn = execution["executionArn"]
        assert execution["redriveStatus"] == "REDRIVABLE"
        run_arn = (await rig("ListMapRuns", executionArn=arn))["mapRuns"][0]["mapRunArn"]
        (failed,) = (await rig("ListExecutions", mapRunArn=run_arn, statusFilter="FAILED"))["executions"]
        child = await rig("DescribeExecution", executionArn=failed["executionArn"])
        assert child["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
        assert (await rig.error("RedriveExecution", executionArn=failed["executionArn"]))[0] == "ExecutionNotRedrivable"
        first = await rig("RedriveExecution", executionArn=arn, clientToken="t")
        assert await rig("RedriveExecution", executionArn=arn, clientToken="t") == first
        again = await ended(rig, arn)
        assert (again["status"], again["redriveCount"], again["redriveDate"]) == ("FAILED", 1, first["redriveDate"])
        (redriven,) = (await rig("ListExecutions", mapRunArn=run_arn, redriveFilter="REDRIVEN"))["executions"]
        assert redriven["executionArn"] == failed["executionArn"]
        machine = again["stateMachineArn"]
        for by_map_run_only in ({"redriveFilter": "REDRIVEN"}, {"statusFilter": "PENDING_REDRIVE"}):
            refused = await rig.error("ListExecutions", stateMachineArn=machine, **by_map_run_only)
            assert refused[0] == "ValidationException"
        assert (await rig("DescribeMapRun", mapRunArn=run_arn))["redriveCount"] == 1
        types = [event["type"] for event in (await rig("GetExecutionHistory", executionArn=arn))["events"]]
        assert types[7:9] == ["ExecutionRedriven", "MapRunRedriven"]

    simulate(tmp_path, body)


def test_the_last_tokens_of_redrives_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(rig: Rig) -> None:
        fail = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail"}}})
        arn = (await run(rig, fail, {}))["executionArn"]

        async def again(token: str | None) -> Any:
            given = {} if token is None else {"clientToken": token}
            answer = await rig("RedriveExecution", executionArn=arn, **given)
            await ended(rig, arn)
            return answer

        monkeypatch.setattr(redrive, "TOKENS", 2)
        first, second, third = [await again(token) for token in "abc"]
        assert await again("c") == third and await again("b") == second
        assert (await rig("DescribeExecution", executionArn=arn))["redriveCount"] == 3
        assert await again("a") != first
        assert await again("None") != await again(None)
        monkeypatch.setattr(redrive, "TOKEN_SECONDS", -1.0)
        assert await again("c") != third

    simulate(tmp_path, body)


def test_children_that_wait_to_be_redriven(tmp_path: Path) -> None:
    seconds = "{% $states.context.Execution.RedriveCount = 0 ? -1 : 60 %}"
    failing = {"P": {"Type": "Wait", "QueryLanguage": "JSONata", "Seconds": seconds, "End": True}}

    async def children(rig: Rig, run_arn: str, status: str) -> list[dict[str, Any]]:
        found = await rig("ListExecutions", mapRunArn=run_arn, statusFilter=status)
        executions: list[dict[str, Any]] = found["executions"]
        assert all(child["status"] == status for child in executions)
        return executions

    async def body(rig: Rig) -> None:
        text = definition(failing, MaxConcurrency=1, ToleratedFailureCount=1)
        arn = (await run(rig, text, [1, 2, 3]))["executionArn"]
        run_arn = (await rig("ListMapRuns", executionArn=arn))["mapRuns"][0]["mapRunArn"]
        counts = (await rig("DescribeMapRun", mapRunArn=run_arn))["itemCounts"]
        assert [counts[name] for name in ("failed", "pending", "pendingRedrive")] == [2, 1, 0]
        await rig("RedriveExecution", executionArn=arn)
        async with asyncio.timeout(60):
            while True:
                if await children(rig, run_arn, "RUNNING"):
                    break
                await asyncio.sleep(0.005)
        # Now the first waits; the second failed before, the third never ran.
        counts = (await rig("DescribeMapRun", mapRunArn=run_arn))["itemCounts"]
        assert [counts[name] for name in ("running", "pendingRedrive", "pending", "total")] == [1, 1, 1, 3]
        (waiting,) = await children(rig, run_arn, "PENDING_REDRIVE")
        assert await children(rig, run_arn, "FAILED") == []
        assert (await rig("DescribeExecution", executionArn=waiting["executionArn"]))["status"] == "PENDING_REDRIVE"
        await rig("StopExecution", executionArn=arn)
        assert [child["executionArn"] for child in await children(rig, run_arn, "FAILED")] == [waiting["executionArn"]]

    simulate(tmp_path, body)


def test_express_children_are_listed_and_described(tmp_path: Path) -> None:
    seconds = "{% $states.input = 3 ? 60 : $states.input = 2 ? -1 : 0 %}"
    wait = {"P": {"Type": "Wait", "QueryLanguage": "JSONata", "Seconds": seconds, "End": True}}

    async def body(rig: Rig) -> None:
        text = definition(wait, ToleratedFailureCount=1).replace('"STANDARD"', '"EXPRESS"')
        await rig.machine(text)
        arn = (await rig("StartExecution", stateMachineArn=MACHINE, input="[1, 2, 3]"))["executionArn"]
        run_arn = (await rig("ListMapRuns", executionArn=arn))["mapRuns"][0]["mapRunArn"]

        async def children(**filters: Any) -> list[dict[str, Any]]:
            found = (await rig("ListExecutions", mapRunArn=run_arn, **filters))["executions"]
            return [await rig("DescribeExecution", executionArn=child["executionArn"]) for child in found]

        async def seen(*statuses: str) -> list[dict[str, Any]]:
            async with asyncio.timeout(10):
                while True:
                    found = await children()
                    if [child["status"] for child in found] == list(statuses):
                        return found
                    await asyncio.sleep(0.005)

        running, failed, succeeded = await seen("RUNNING", "FAILED", "SUCCEEDED")
        assert (failed["error"], failed["input"], failed["mapRunArn"]) == ("States.QueryEvaluationError", "2", run_arn)
        assert (succeeded["output"], succeeded["stateMachineArn"]) == ("1", f"{MACHINE}/L")
        assert [child["redriveStatus"] for child in (running, failed)] == ["NOT_REDRIVABLE", "REDRIVABLE_BY_MAP_RUN"]
        assert "stopDate" not in running and failed["startDate"] <= failed["stopDate"]
        first = await rig("ListExecutions", mapRunArn=run_arn, maxResults=2)
        rest = await rig("ListExecutions", mapRunArn=run_arn, nextToken=first["nextToken"])
        assert [item["status"] for item in first["executions"]] == ["RUNNING", "FAILED"]
        assert [item["status"] for item in rest["executions"]] == ["SUCCEEDED"]
        assert await children(statusFilter="FAILED") == [failed]
        await rig("StopExecution", executionArn=arn)
        await seen("ABORTED", "FAILED", "SUCCEEDED")
        for operation in ("GetExecutionHistory", "StopExecution", "DescribeStateMachineForExecution"):
            refused = await rig.error(operation, executionArn=failed["executionArn"])
            assert refused == ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
        unknown = f"{failed['executionArn']}x"
        assert (await rig.error("DescribeExecution", executionArn=unknown))[0] == "ExecutionDoesNotExist"

    simulate(tmp_path, body)


def test_express_children_wait_to_be_redriven(tmp_path: Path) -> None:
    seconds = "{% $states.context.Execution.Input = 1 ? 60 : -1 %}"
    wait = {"P": {"Type": "Wait", "QueryLanguage": "JSONata", "Seconds": seconds, "End": True}}

    async def body(rig: Rig) -> None:
        text = definition(wait, MaxConcurrency=1).replace('"STANDARD"', '"EXPRESS"')
        arn = (await run(rig, text, [2, 1]))["executionArn"]
        run_arn = (await rig("ListMapRuns", executionArn=arn))["mapRuns"][0]["mapRunArn"]
        (failed,) = (await rig("ListExecutions", mapRunArn=run_arn))["executions"]
        counts = (await rig("DescribeMapRun", mapRunArn=run_arn))["itemCounts"]
        assert [counts[name] for name in ("failed", "pending", "pendingRedrive")] == [1, 1, 0]
        rig.engine._map_runs._start_children = _never  # type: ignore[method-assign]
        await rig("RedriveExecution", executionArn=arn)
        counts = (await rig("DescribeMapRun", mapRunArn=run_arn))["itemCounts"]
        assert [counts[name] for name in ("failed", "pending", "pendingRedrive")] == [0, 1, 1]
        (waiting,) = (await rig("ListExecutions", mapRunArn=run_arn, statusFilter="PENDING_REDRIVE"))["executions"]
        assert waiting == {**failed, "status": "PENDING_REDRIVE"}

    simulate(tmp_path, body)


async def _never(run: Any) -> None:
    await asyncio.Event().wait()


def test_children_that_no_redrive_runs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_redrivable(described: dict[str, Any]) -> list[int]:
        return [described[counts]["failuresNotRedrivable"] for counts in ("itemCounts", "executionCounts")]

    async def body(rig: Rig) -> None:
        odd = "{% $states.input.Items[0] % 2 = 1 ? -1 : 0 %}"
        failing = {"P": {"Type": "Wait", "QueryLanguage": "JSONata", "Seconds": odd, "End": True}}
        batched = {"ItemBatcher": {"MaxItemsPerBatch": 2}, "ToleratedFailurePercentage": 100}
        for kind, expected in (("STANDARD", [3, 2]), ("EXPRESS", [0, 0])):
            text = definition(failing, **batched).replace('"STANDARD"', f'"{kind}"')
            arn = (await run(rig, text, [1, 1, 2, 2, 3], kind))["executionArn"]
            run_arn = (await rig("ListMapRuns", executionArn=arn))["mapRuns"][0]["mapRunArn"]
            described = await rig("DescribeMapRun", mapRunArn=run_arn)
            assert (described["itemCounts"]["failed"], not_redrivable(described)) == (3, [0, 0])
            monkeypatch.setattr(mapruns, "SCAN", 1)
            with monkeypatch.context() as patch:
                patch.setattr(redrive, "LAST_EVENT", 3)
                assert not_redrivable(await rig("DescribeMapRun", mapRunArn=run_arn)) == expected

    simulate(tmp_path, body)


def test_a_map_run_leaves_children_alone_that_can_not_be_redriven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history of the child is longer than that of its parent."""
    passes = {f"P{n}".removesuffix("0"): {"Type": "Pass", "Next": f"P{n + 1}"} for n in range(4)}

    async def body(rig: Rig) -> None:
        arn = (await run(rig, definition({**passes, "P4": {"Type": "Fail"}}), [1]))["executionArn"]
        run_arn = (await rig("ListMapRuns", executionArn=arn))["mapRuns"][0]["mapRunArn"]
        before = (await rig("ListExecutions", mapRunArn=run_arn))["executions"]
        monkeypatch.setattr(redrive, "LAST_EVENT", 9)
        await rig("RedriveExecution", executionArn=arn)
        assert (await ended(rig, arn))["status"] == "FAILED"
        described = await rig("DescribeMapRun", mapRunArn=run_arn)
        assert (described["status"], described["redriveCount"], described["itemCounts"]["failed"]) == ("FAILED", 1, 1)
        assert (await rig("ListExecutions", mapRunArn=run_arn))["executions"] == before

    simulate(tmp_path, body)


def test_what_can_not_be_redriven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(rig: Rig) -> None:
        done = (await run(rig, json.dumps({"StartAt": "P", "States": PASS}), {}))["executionArn"]
        message = "Execution is SUCCEEDED and cannot be redriven"
        assert await rig.error("RedriveExecution", executionArn=done) == ("ExecutionNotRedrivable", message)
        missing = f"{done}x"
        assert (await rig.error("RedriveExecution", executionArn=missing))[0] == "ExecutionDoesNotExist"
        fail = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail"}}})
        failed = (await run(rig, fail, {}, "f"))["executionArn"]
        for limit, value, reason in (
            ("PERIOD", -1.0, "Execution redrivable period exceeded"),
            ("LONGEST", -1.0, "Execution has exceeded the max execution time"),
            ("LAST_EVENT", 3, "Execution history event limit exceeded"),
            ("MOST", 0, "Execution redrive limit exceeded"),
        ):
            with monkeypatch.context() as patch:
                patch.setattr(redrive, limit, value)
                assert await rig.error("RedriveExecution", executionArn=failed) == ("ExecutionNotRedrivable", reason)
                described = await rig("DescribeExecution", executionArn=failed)
                assert (described["redriveStatus"], described["redriveStatusReason"]) == ("NOT_REDRIVABLE", reason)

    simulate(tmp_path, body)


def test_update(tmp_path: Path) -> None:
    wait = {"P": {"Type": "Wait", "Seconds": 3600, "End": True}}

    async def body(rig: Rig) -> None:
        await rig.machine(definition(wait))
        arn = (await rig("StartExecution", stateMachineArn=MACHINE, input="[1]"))["executionArn"]
        run_arn = (await rig("ListMapRuns", executionArn=arn))["mapRuns"][0]["mapRunArn"]
        assert (await rig.error("UpdateMapRun", mapRunArn=run_arn))[0] == "ValidationException"
        await rig("UpdateMapRun", mapRunArn=run_arn, maxConcurrency=7, toleratedFailurePercentage=2.5)
        described = await rig("DescribeMapRun", mapRunArn=run_arn)
        assert (described["maxConcurrency"], described["toleratedFailurePercentage"]) == (7, 2.5)
        await rig("StopExecution", executionArn=arn)
        code, message = await rig.error("UpdateMapRun", mapRunArn=run_arn, maxConcurrency=1)
        assert (code, message) == ("ValidationException", "Map Run is ABORTED and cannot be updated.")

    simulate(tmp_path, body)


def reader(action: str = "getObject", key: str | None = "k", **config: Any) -> dict[str, Any]:
    parameters = {"Bucket": BUCKET} if key is None else {"Bucket": BUCKET, "Key": key}
    return {"Resource": f"arn:aws:states:::s3:{action}", "Parameters": parameters, "ReaderConfig": config}


@pytest.mark.parametrize(
    ("made", "content", "output"),
    [
        (reader(InputType="CSV", CSVHeaderLocation="FIRST_ROW"), b"a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        (
            reader(InputType="CSV", CSVHeaderLocation="GIVEN", CSVHeaders=["x"], CSVDelimiter="TAB"),
            gzip.compress(b"1\t2\n3"),
            [{"x": "1"}, {"x": "3"}],
        ),
        (reader(InputType="JSON", ItemsPointer="/a", MaxItems=2), b'{"a": [1, 2, 3]}', [1, 2]),
        (reader(InputType="JSONL"), b'{"a":1}\n2\n', [{"a": 1}, 2]),
        (reader("listObjectsV2", None, MaxItems=1), b"xy", None),
    ],
)
def test_items_out_of_s3(tmp_path: Path, s3: MotoServer, made: dict[str, Any], content: bytes, output: Any) -> None:
    async def body(rig: Rig) -> None:
        s3.put("k", content)
        described = await run(rig, definition(ItemReader=made), {})
        assert described["status"] == "SUCCEEDED", described
        (found,) = s3.client.list_objects_v2(Bucket=BUCKET)["Contents"]
        modified = int(found["LastModified"].timestamp())
        shown = {"Etag": found["ETag"], "Key": "k", "LastModified": modified, "Size": 2, "StorageClass": "STANDARD"}
        assert json.loads(described["output"]) == (output or [shown])

    simulate(tmp_path, body, s3=s3)


def test_an_inventory(tmp_path: Path, s3: MotoServer) -> None:
    manifest = {
        "destinationBucket": f"arn:aws:s3:::{BUCKET}", "fileFormat": "CSV", "fileSchema": "Bucket, Key",
        "files": [{"key": "f.gz"}],
    }  # fmt: skip

    async def body(rig: Rig) -> None:
        s3.put("k", json.dumps(manifest).encode())
        s3.put("f.gz", gzip.compress(b'"b","one"\n"b","two"\n'))
        described = await run(rig, definition(ItemReader=reader(InputType="MANIFEST")), {})
        assert [item["Key"] for item in json.loads(described["output"])] == ["one", "two"]

    simulate(tmp_path, body, s3=s3)


@pytest.mark.parametrize(
    ("made", "content", "cause"),
    [
        (reader(InputType="JSON"), b"{}", "Attempting to map over non-iterable node."),
        (reader(InputType="JSON"), b"\xff", "The file is not UTF-8: "),
        (
            reader(key="no", InputType="JSON"),
            b"",
            "The specified key does not exist. (Service: S3, Status Code: 404, Error Code: NoSuchKey)",
        ),
    ],
)
def test_unreadable_items(tmp_path: Path, s3: MotoServer, made: dict[str, Any], content: bytes, cause: str) -> None:
    async def body(rig: Rig) -> None:
        s3.put("k", content)
        described = await run(rig, definition(ItemReader=made), {})
        assert (described["status"], described["error"]) == ("FAILED", "States.ItemReaderFailed")
        assert described["cause"].startswith(cause)

    simulate(tmp_path, body, s3=s3)


@pytest.mark.parametrize("denied", ["s3:GetObject", "s3:PutObject", "states:StartExecution"])
def test_the_role_must_be_allowed(tmp_path: Path, s3: MotoServer, denied: str) -> None:
    policy = {"Statement": [json.loads(ALLOW)["Statement"], {"Effect": "Deny", "Action": denied, "Resource": "*"}]}
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": BUCKET}}

    async def body(rig: Rig) -> None:
        s3.put("k", b"[1]")
        described = await run(rig, definition(ItemReader=reader(InputType="JSON"), ResultWriter=writer), {})
        assert described["status"] == "FAILED"
        assert f"is not authorized to perform: {denied} on resource" in described["cause"]

    simulate(tmp_path, body, json.dumps(policy), s3)


def test_results_into_s3(tmp_path: Path, s3: MotoServer) -> None:
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": BUCKET, "Prefix": "jobs"}}

    async def body(rig: Rig) -> None:
        text = definition(CHOICE, ResultWriter=writer, ToleratedFailureCount=1)
        output = json.loads((await run(rig, text, [1, 0]))["output"])
        folder = f"jobs/{output['MapRunArn'].rpartition(':')[2]}"
        assert output["ResultWriterDetails"] == {"Bucket": BUCKET, "Key": f"{folder}/manifest.json"}
        manifest = json.loads(s3.get(f"{folder}/manifest.json"))
        assert manifest["DestinationBucket"] == BUCKET
        assert {kind: len(files) for kind, files in manifest["ResultFiles"].items()} == {
            "FAILED": 1, "PENDING": 0, "SUCCEEDED": 1,
        }  # fmt: skip
        key = manifest["ResultFiles"]["FAILED"][0]["Key"]
        (failed,) = json.loads(s3.get(key))
        assert (failed["Status"], failed["Error"], failed["Input"]) == ("FAILED", "E", "0")

    simulate(tmp_path, body, s3=s3)


@pytest.mark.parametrize(
    ("config", "output"),
    [
        ({"Transformation": "COMPACT", "OutputType": "JSON"}, [[1, 2], [3]]),
        ({"Transformation": "FLATTEN", "OutputType": "JSON"}, [1, 2, 3]),
    ],
)
def test_results_shaped(tmp_path: Path, config: dict[str, str], output: Any) -> None:
    async def body(rig: Rig) -> None:
        described = await run(rig, definition(ResultWriter={"WriterConfig": config}), [[1, 2], [3]])
        assert json.loads(described["output"]) == output

    simulate(tmp_path, body)
