"""The Invoke operation: kinds of invocation, payloads, errors, logs."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from services.lambda_.functionworld import ACCOUNT, WORLD, FunctionWorld, error, run
from services.memorystore import MemoryStore
from stategate.services.lambda_ import events, records

ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_a_synchronous_invocation(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function("def handler(e, c):\n    print('hello')\n    return e")
        answer = await world.invoke({"a": "é"}, LogType="Tail")
        assert answer["StatusCode"] == 200
        assert answer["Payload"] == '{"a": "é"}'.encode()
        assert answer["FunctionError"] is None
        assert answer["ExecutedVersion"] == "$LATEST"
        tail = base64.b64decode(answer["LogResult"]).decode()
        assert tail.startswith("START RequestId: ")
        assert "\nhello\nEND RequestId: " in tail
        assert (await world.invoke())["Payload"] == b"{}"
        assert "".join(world.messages("/aws/lambda/f")).count("hello\n") == 2
        groups = await world("DescribeLogGroups", "logs")
        assert [group["logGroupName"] for group in groups["logGroups"]] == ["/aws/lambda/f"]

    run(tmp_path, test)


def test_every_invocation_has_a_trace_id(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function("import os\ndef handler(e, c): return os.environ['_X_AMZN_TRACE_ID']")
        shown = json.loads((await world.invoke())["Payload"])
        assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0", shown)

    run(tmp_path, test)


def test_a_function_that_fails_is_a_result(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function("def handler(e, c): raise ValueError('no')")
        answer = await world.invoke()
        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
        assert json.loads(answer["Payload"])["errorType"] == "ValueError"

    run(tmp_path, test)


def test_what_is_refused(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        assert await error(world.invoke(name="none")) == (
            "ResourceNotFoundException",
            f"Function not found: arn:aws:lambda:us-east-1:{ACCOUNT}:function:none:$LATEST",
            404,
        )
        assert await error(world.invoke(name=ARN.replace("us-east-1", "eu-west-1"))) == (
            "ResourceNotFoundException",
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
            404,
        )
        await world.function()
        code, message, status = await error(world("Invoke", FunctionName="f", Payload=b"{x"))
        assert (code, status) == ("InvalidRequestContentException", 400)
        assert message.startswith(
            "Could not parse request body into json: Could not parse payload into json: Unexpected character ('x'"
        )
        large = b'"' + b"x" * 6_291_556 + b'"'
        code, _, status = await error(world("Invoke", FunctionName="f", Payload=large))
        assert (code, status) == ("RequestEntityTooLargeException", 413)
        assert (await world("Invoke", FunctionName="f", InvocationType="DryRun"))["StatusCode"] == 204

    run(tmp_path, test)


def test_a_role_that_lambda_may_no_longer_assume(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function(Role=await world.role("gone"))
        await world("DeleteRole", "iam", RoleName="gone")
        code, message, status = await error(world.invoke())
        assert (code, status) == ("AccessDeniedException", 403)
        assert message == "The role defined for the function cannot be assumed by Lambda."

    run(tmp_path, test)


def test_a_role_that_may_not_log_has_no_log(tmp_path: Path) -> None:
    async def test(world: FunctionWorld) -> None:
        await world.function(Role=await world.role("silent"))
        assert (await world.invoke(1))["Payload"] == b"1"
        assert (await world("DescribeLogGroups", "logs"))["logGroups"] == []

    run(tmp_path, test)


def test_an_event_is_delivered_and_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "out"

    async def test(world: FunctionWorld) -> None:
        await world.function(f"def handler(e, c): open({str(file)!r}, 'a').write(e)")
        answer = await world.invoke("x", InvocationType="Event")
        assert (answer["StatusCode"], answer["Payload"]) == (202, b"")
        kept = records.events(world.ports, WORLD)
        await until(lambda: not list(kept.items()))
        assert file.read_text() == "x"

    run(tmp_path, test)


def test_an_event_that_fails_is_tried_three_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "out"
    monkeypatch.setattr(events, "RETRY_AFTER", (0.05, 0.05))

    async def test(world: FunctionWorld) -> None:
        source = f"def handler(e, c):\n    open({str(file)!r}, 'a').write(c.aws_request_id + ' ')\n    raise ValueError"
        await world.function(source)
        await world.invoke(1, InvocationType="Event")
        kept = records.events(world.ports, WORLD)
        await until(lambda: not list(kept.items()))
        tries = file.read_text().split()
        assert (len(tries), len(set(tries))) == (3, 1)

    run(tmp_path, test)


def test_an_acknowledged_event_survives_a_restart(tmp_path: Path) -> None:
    store, file = MemoryStore(), tmp_path / "out"

    async def before(world: FunctionWorld) -> None:
        await world.function(f"def handler(e, c): open({str(file)!r}, 'a').write(e)")
        await world.pool.close()
        await world.invoke("x", InvocationType="Event")

    async def after(world: FunctionWorld) -> None:
        assert events.resume(world.ports) == 1
        await until(file.exists)
        kept = records.events(world.ports, WORLD)
        await until(lambda: not list(kept.items()))

    run(tmp_path, before, store)
    assert not file.exists()
    run(tmp_path, after, store)
    assert file.read_text() == "x"
