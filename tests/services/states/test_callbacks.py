"""Activities and task tokens through the operations."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from services.states.taskworld import ACCOUNT, OTHER, PREFIX, TaskWorld, simulate, task
from stategate.iam.principal import root
from stategate.services.access import role_of, role_session
from stategate.services.states import activities

ACTIVITY = f"{PREFIX}:activity:a"
STARTER = "arn:aws:states:::states:startExecution.waitForTaskToken"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


def test_the_life_of_an_activity(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        made = await world("CreateActivity", name="a", tags=[{"key": "k", "value": "v"}])
        assert made["activityArn"] == ACTIVITY
        assert await world("CreateActivity", name="a") == made
        assert await world("DescribeActivity", activityArn=ACTIVITY) == {
            **made,
            "name": "a",
            "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
        }
        assert (await world("ListTagsForResource", resourceArn=ACTIVITY))["tags"] == [{"key": "k", "value": "v"}]
        await world("TagResource", resourceArn=ACTIVITY, tags=[{"key": "l", "value": "w"}])
        await world("UntagResource", resourceArn=ACTIVITY, tagKeys=["k"])
        assert (await world("ListTagsForResource", resourceArn=ACTIVITY))["tags"] == [{"key": "l", "value": "w"}]
        await world("CreateActivity", name="b")
        page = await world("ListActivities", maxResults=1)
        assert [item["name"] for item in page["activities"]] == ["a"]
        page = await world("ListActivities", maxResults=1, nextToken=page["nextToken"])
        assert ([item["name"] for item in page["activities"]], page["nextToken"]) == (["b"], None)
        for _ in range(2):
            assert await world("DeleteActivity", activityArn=ACTIVITY) == {}
        gone = ("ActivityDoesNotExist", f"Activity Does Not Exist: '{ACTIVITY}'")
        assert await world.error("DescribeActivity", activityArn=ACTIVITY) == gone
        assert await world.error("GetActivityTask", activityArn=ACTIVITY) == gone
        assert (await world.error("TagResource", resourceArn=ACTIVITY, tags=[]))[0] == "ResourceNotFound"

    simulate(tmp_path, body)


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        ("a", "Invalid Arn: 'Invalid ARN prefix: a'"),
        (f"{PREFIX}:stateMachine:a", "Invalid Arn: 'Resource type not valid in this context: stateMachine'"),
        (f"arn:aws:iam::{ACCOUNT}:role/r", f"Invalid Arn: 'Invalid ARN prefix: arn:aws:iam::{ACCOUNT}:role/r'"),
    ],
)
def test_what_is_no_activity(tmp_path: Path, arn: str, message: str) -> None:
    async def body(world: TaskWorld) -> None:
        for operation in ("DescribeActivity", "DeleteActivity", "GetActivityTask"):
            assert await world.error(operation, activityArn=arn) == ("InvalidArn", message)

    simulate(tmp_path, body)


def test_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activities, "LONG_POLL", 0.05)

    async def body(world: TaskWorld) -> None:
        await world("CreateActivity", name="a")
        role = await world.role("r")
        assert await world("GetActivityTask", activityArn=ACTIVITY) == {}
        machine = await world.machine(task(ACTIVITY), role)
        execution = await world.start(machine, {"n": 1})
        given = await world("GetActivityTask", activityArn=ACTIVITY, workerName="w")
        assert given["input"] == '{"n": 1}'
        await world("SendTaskHeartbeat", taskToken=given["taskToken"])
        await world("SendTaskSuccess", taskToken=given["taskToken"], output='{"m":2}')
        assert (await world.ended(execution)).output == '{"m":2}'
        late = await world.error("SendTaskHeartbeat", taskToken=given["taskToken"])
        assert late == ("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")

    simulate(tmp_path, body)


def test_answers_that_cannot_be(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        await world("CreateActivity", name="a")
        execution = await world.start(await world.machine(task(ACTIVITY), await world.role("r")))
        token = (await world("GetActivityTask", activityArn=ACTIVITY))["taskToken"]
        code, message = await world.error("SendTaskSuccess", taskToken=token, output="{'a'}")
        assert code == "InvalidOutput"
        assert message.startswith("Invalid Output: 'Unexpected character")
        code, message = await world.error(
            "SendTaskSuccess", taskToken=token, output=json.dumps("é" * 131_072, ensure_ascii=False)
        )
        assert (code, message) == (
            "ValidationException",
            "1 validation error detected: Value at 'output' failed to satisfy constraint: Member must have length less"
            " than or equal to 262144",
        )
        for given in ("no-token", "AAAAKgAAAAI="):
            error = await world.error("SendTaskFailure", taskToken=given)
            assert error == ("InvalidToken", "Invalid Token: 'Invalid token'")
        assert (await world.error("SendTaskFailure", root(OTHER), taskToken=token))[0] == "TaskDoesNotExist"
        await world("SendTaskFailure", taskToken=token, error="E", cause="c")
        ended = await world.ended(execution)
        assert (ended.status, ended.error, ended.cause) == ("FAILED", "E", "c")

    simulate(tmp_path, body)


def test_who_may_answer(tmp_path: Path) -> None:
    """The resource is the activity, or the state machine whose task it is."""

    async def body(world: TaskWorld) -> None:
        await world("CreateActivity", name="a")
        role = await world.role("r", "states:StartExecution")
        target = await world.machine(PASS, role, "target")
        definition = task(STARTER, {"StateMachineArn": target, "Input": {"token.$": "$$.Task.Token"}})
        caller = await world.machine(definition, role, "caller")
        for name, resource in (("activity", ACTIVITY), ("machine", caller)):
            await world.role(name, "states:SendTaskSuccess", resource=resource)
        roles = {name: role_of(world.ports, f"arn:aws:iam::{ACCOUNT}:role/{name}") for name in ("activity", "machine")}
        sessions = {name: role_session(found, "s") for name, found in roles.items() if found is not None}

        worker = await world.start(await world.machine(task(ACTIVITY), role, "worker"))
        token = (await world("GetActivityTask", activityArn=ACTIVITY))["taskToken"]
        denied = await world.error("SendTaskSuccess", sessions["machine"], taskToken=token, output="1")
        assert denied[0] == "AccessDeniedException"
        assert f"states:SendTaskSuccess on resource: {ACTIVITY}" in denied[1]
        await world("SendTaskSuccess", principal=sessions["activity"], taskToken=token, output="1")
        assert (await world.ended(worker)).output == "1"

        execution = await world.start(caller)
        submitted = await world.until(execution, "TaskSubmitted")
        child = await world.ended(submitted["output"].partition('"ExecutionArn":"')[2].partition('"')[0])
        token = (child.output or "").partition('"token":"')[2].partition('"')[0]
        assert (await world.error("SendTaskSuccess", sessions["activity"], taskToken=token, output="1"))[
            0
        ] == "AccessDeniedException"
        await world("SendTaskSuccess", principal=sessions["machine"], taskToken=token, output="2")
        assert (await world.ended(execution)).output == "2"

    simulate(tmp_path, body)


def test_a_poll_is_answered_when_a_task_comes(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        await world("CreateActivity", name="a")
        polling = asyncio.ensure_future(world("GetActivityTask", activityArn=ACTIVITY))
        await asyncio.sleep(0.01)
        await world.start(await world.machine(task(ACTIVITY), await world.role("r")), 7)
        assert (await polling)["input"] == "7"

    simulate(tmp_path, body)


def test_an_activity_that_was_deleted(tmp_path: Path) -> None:
    async def body(world: TaskWorld) -> None:
        ended = await world.run(task(ACTIVITY), await world.role("r"))
        assert ended.error == "States.Runtime"
        assert ended.cause is not None
        assert ended.cause.endswith(f"The activity {ACTIVITY} does not exist.")

    simulate(tmp_path, body)
