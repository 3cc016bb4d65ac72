"""How often asynchronous invocations are tried, and who is told of their outcome."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from services.lambda_.functionworld import ACCOUNT, ECHO, WORLD, FunctionWorld, error, run
from services.lambda_.test_invoking import until
from stategate.services.lambda_ import events, records

ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
TOLD = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:told"


def test_the_configuration(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function()
        nothing: dict[str, Any] = {"OnSuccess": {}, "OnFailure": {}}
        put = await world("PutFunctionEventInvokeConfig", FunctionName="f", MaximumRetryAttempts=0)
        assert put.pop("LastModified") == pytest.approx(world.ports.clock.now(), abs=5)
        assert put == {
            "FunctionArn": ARN + ":$LATEST",
            "MaximumRetryAttempts": 0,
            "MaximumEventAgeInSeconds": None,
            "DestinationConfig": nothing,
        }
        updated = await world("UpdateFunctionEventInvokeConfig", FunctionName="f", MaximumEventAgeInSeconds=60)
        assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (0, 60)
        assert (await world("GetFunctionEventInvokeConfig", FunctionName="f", Qualifier="$LATEST")) == updated
        await world("PublishVersion", FunctionName="f")
        await world("PutFunctionEventInvokeConfig", FunctionName="f:1", MaximumRetryAttempts=1)
        listed = await world("ListFunctionEventInvokeConfigs", FunctionName="f")
        assert [each["FunctionArn"] for each in listed["FunctionEventInvokeConfigs"]] == [ARN + ":$LATEST", ARN + ":1"]
        replaced = await world("PutFunctionEventInvokeConfig", FunctionName="f", MaximumRetryAttempts=2)
        assert replaced["MaximumEventAgeInSeconds"] is None
        await world("DeleteFunctionEventInvokeConfig", FunctionName="f")
        assert await error(world("GetFunctionEventInvokeConfig", FunctionName="f")) == (
            "ResourceNotFoundException",
            f"The function {ARN}:$LATEST doesn't have an EventInvokeConfig",
            404,
        )
        await world("DeleteFunction", FunctionName="f")
        assert list(records.event_invokes(world.ports, WORLD).items()) == []

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (
            {},
            "InvalidParameterValueException",
            "You must specify at least one of error handling or destination setting.",
        ),
        ({"FunctionName": "none"}, "ResourceNotFoundException", "The function doesn't exist."),
        ({"FunctionName": "f:7"}, "ResourceNotFoundException", "The function doesn't exist."),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": ARN}}},
            "InvalidParameterValueException",
            "You can't specify the function as a destination for itself.",
        ),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"}}},
            "InvalidParameterValueException",
            f"Stategate does not support the destination arn:aws:sqs:us-east-1:{ACCOUNT}:q; it has functions.",
        ),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": TOLD}}},
            "InvalidParameterValueException",
            "The provided execution role does not have permissions to call InvokeFunction on Lambda",
        ),
        ({"MaximumRetryAttempts": 3}, "ValidationException", None),
        ({"MaximumEventAgeInSeconds": 59}, "ValidationException", None),
    ],
)
def test_what_is_refused(tmp_path: Path, given: dict[str, Any], code: str, message: str | None) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function()
        await world.function(name="told")
        refused = await error(world("PutFunctionEventInvokeConfig", **{"FunctionName": "f", **given}))
        assert refused[0] == code
        assert message in (None, refused[1])

    run(tmp_path, test)


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (1, 2), (2, 3)])
def test_so_many_retries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retries: int, tries: int) -> None:
    monkeypatch.setattr(events, "RETRY_AFTER", (0.02, 0.02))
    file = tmp_path / "out"

    async def test(world: FunctionWorld) -> None:
        await world.function(f"def handler(e, c):\n    open({str(file)!r}, 'a').write('x')\n    raise ValueError")
        await world("PutFunctionEventInvokeConfig", FunctionName="f", MaximumRetryAttempts=retries)
        await world.invoke(1, InvocationType="Event")
        kept = records.events(world.ports, WORLD)
        await until(lambda: not list(kept.items()))
        assert file.read_text() == "x" * tries

    run(tmp_path, test)


FAILING = "def handler(e, c): raise ValueError('no')"


@pytest.mark.parametrize(
    ("source", "destination", "settings", "condition", "count"),
    [
        (ECHO, "OnSuccess", {}, "Success", 1),
        (FAILING, "OnFailure", {"MaximumRetryAttempts": 1}, "RetriesExhausted", 2),
        (FAILING, "OnFailure", {"MaximumEventAgeInSeconds": 60}, "EventAgeExceeded", 1),
        (FAILING, "OnSuccess", {"MaximumRetryAttempts": 0}, None, 1),
    ],
)
def test_a_destination_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    destination: str,
    settings: dict[str, int],
    condition: str | None,
    count: int,
) -> None:
    monkeypatch.setattr(events, "RETRY_AFTER", (100.0, 100.0) if condition == "EventAgeExceeded" else (0.02, 0.02))
    file = tmp_path / "told"

    async def test(world: FunctionWorld) -> None:
        await world.function(
            f"import json\ndef handler(e, c): open({str(file)!r}, 'a').write(json.dumps(e) + '\\n')", "told"
        )
        await world.function(source, Role=await world.role("caller", "lambda:InvokeFunction"))
        config = {"DestinationConfig": {destination: {"Destination": TOLD}}, **settings}
        await world("PutFunctionEventInvokeConfig", FunctionName="f", **config)
        await world.invoke({"n": 12345678901234567890}, InvocationType="Event")
        kept = records.events(world.ports, WORLD)
        await until(lambda: not list(kept.items()))
        if condition is None:
            await asyncio.sleep(0.1)
            assert not file.exists()
            return
        (record,) = map(json.loads, file.read_text().splitlines())
        assert record["requestContext"].pop("requestId")
        assert record["requestContext"] == {
            "functionArn": ARN + ":$LATEST",
            "condition": condition,
            "approximateInvokeCount": count,
        }
        assert record["requestPayload"] == {"n": 12345678901234567890}
        failed = {"functionError": "Unhandled"} if source == FAILING else {}
        assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", **failed}
        if failed:
            assert record["responsePayload"]["errorType"] == "ValueError"
        else:
            assert record["responsePayload"] == record["requestPayload"]

    run(tmp_path, test)
