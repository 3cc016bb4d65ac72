"""Step Functions' operations over the real store, engine and machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from pathlib import Path
from typing import Any, cast

import pytest

from stategate.asl.effects import ScheduleTask
from stategate.iam.principal import Principal, root
from stategate.runtime.clock import AlarmClock, SystemClock
from stategate.runtime.engine import Engine
from stategate.runtime.entropy import SystemEntropy
from stategate.runtime.store.sqlite import SqliteStore
from stategate.services import iam, states
from stategate.services.call import Call
from stategate.services.errors import AwsError
from stategate.services.logs import records as log_records
from stategate.services.ports import (
    ExecutionObserver,
    Functions,
    LogEvent,
    LogEvents,
    NewExecution,
    Ports,
    TaskOutcome,
    TaskSuccess,
    World,
)
from stategate.services.states import executions, paging
from stategate.services.states.logging import ExecutionLogs, is_logged
from stategate.services.states.machines import finish_deletions

WORLD = World("000000000000", "us-east-1")
PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"x": 1}, "End": True}}})
WAIT = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 3600, "End": True}}})
FAIL = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "E", "Cause": "why"}}})
TRUST = {"Statement": {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}}
ROLE = "arn:aws:iam::000000000000:role/r"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"


class Written:
    def __init__(self) -> None:
        self.logs: list[tuple[str, str, Any]] = []

    def write(self, world: World, group: str, stream: str, events: list[LogEvent]) -> None:
        self.logs += [(group, stream, json.loads(event.message)) for event in events]


async def echo(execution: NewExecution, task: ScheduleTask) -> TaskOutcome:
    return TaskSuccess(task.input)


class Rig:
    """The operations, called by `rig("CreateStateMachine", name="m", ...)`."""

    def __init__(
        self, data_dir: Path, clock: AlarmClock | None = None, observers: Sequence[ExecutionObserver] = ()
    ) -> None:
        self.store = SqliteStore(data_dir)
        self.written = Written()
        clock, entropy = clock or SystemClock(), SystemEntropy()
        observers = [ExecutionLogs(cast(Any, self.written), self.store), *observers]
        self.engine = Engine(self.store.executions, echo, clock, entropy, observers)
        self.engine.open()
        self.ports = Ports(
            clock=clock,
            entropy=entropy,
            store=self.store,
            executions=self.engine,
            functions=cast(Functions, None),
            log_events=cast(LogEvents, None),
            settings=None,
            secret=b"s" * 32,
        )
        self.principal: Principal = root(WORLD.account)

    async def __call__(self, operation: str, **input: Any) -> Any:
        operations = iam.OPERATIONS if operation in iam.OPERATIONS else states.OPERATIONS
        call = Call(self.ports, WORLD, self.principal, "request", self.ports.clock.now())
        answer = operations[operation](call, input)
        answer = await answer if isawaitable(answer) else answer
        await self.store.durable()
        return answer

    async def error(self, operation: str, **input: Any) -> tuple[str, str]:
        with pytest.raises(AwsError) as caught:
            await self(operation, **input)
        return caught.value.code, caught.value.message

    async def role(self, name: str = "r", policy: str | None = None) -> None:
        await self("CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        if policy is not None:
            await self("PutRolePolicy", RoleName=name, PolicyName="p", PolicyDocument=policy)

    async def machine(self, definition: str = PASS, name: str = "m", **more: Any) -> Any:
        return await self("CreateStateMachine", name=name, definition=definition, roleArn=ROLE, **more)


def simulate(
    data_dir: Path, body: Callable[[Any], Awaitable[None]], make: Callable[[Path], Rig] = Rig, *, fresh: bool = True
) -> None:
    """`fresh`: nothing is there yet, and the role is made."""

    async def main() -> None:
        rig = make(data_dir)
        try:
            if fresh:
                await rig.role()
            await body(rig)
        finally:
            await rig.engine.close()
            await rig.store.close()

    asyncio.run(main())


def test_the_whole_life(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        assert (await rig.machine())["stateMachineArn"] == MACHINE
        started = await rig("StartExecution", stateMachineArn=MACHINE, name="e", input='{"a": 1}')
        arn = "arn:aws:states:us-east-1:000000000000:execution:m:e"
        assert started["executionArn"] == arn
        described = await rig("DescribeExecution", executionArn=arn)
        assert (described["status"], described["input"], described["output"]) == ("SUCCEEDED", '{"a": 1}', '{"x":1}')
        history = await rig("GetExecutionHistory", executionArn=arn)
        assert [(e["id"], e["previousEventId"], e["type"]) for e in history["events"]] == [
            (1, 0, "ExecutionStarted"),
            (2, 0, "PassStateEntered"),
            (3, 2, "PassStateExited"),
            (4, 3, "ExecutionSucceeded"),
        ]
        assert history["events"][1]["stateEnteredEventDetails"]["name"] == "A"
        bare = await rig("GetExecutionHistory", executionArn=arn, includeExecutionData=False)
        assert bare["events"][1]["stateEnteredEventDetails"] == {"name": "A"}
        assert (await rig("DescribeStateMachineForExecution", executionArn=arn))["definition"] == PASS

    simulate(tmp_path, body)


def test_history_in_pages_both_ways(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine()
        arn = (await rig("StartExecution", stateMachineArn=MACHINE))["executionArn"]
        for reverse, expected in ((False, [1, 2, 3, 4]), (True, [4, 3, 2, 1])):
            seen: list[int] = []
            more: dict[str, str] = {}
            while True:
                page = await rig("GetExecutionHistory", executionArn=arn, maxResults=3, reverseOrder=reverse, **more)
                seen += [event["id"] for event in page["events"]]
                if "nextToken" not in page:
                    break
                more = {"nextToken": page["nextToken"]}
            assert seen == expected
        code, message = await rig.error("GetExecutionHistory", executionArn=arn, nextToken=more["nextToken"])
        assert (code, message) == ("InvalidToken", "Invalid Token: 'Invalid token'")

    simulate(tmp_path, body)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_page_of_a_history_has_no_more_than_so_many_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reverse: bool
) -> None:
    monkeypatch.setattr(executions, "PAGE", 20_000)

    async def body(rig: Rig) -> None:
        await rig.machine('{"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}}')
        text = json.dumps("x" * 9_000)
        arn = (await rig("StartExecution", stateMachineArn=MACHINE, input=text))["executionArn"]
        pages: list[list[int]] = []
        token = None
        while token is not None or not pages:
            given: dict[str, Any] = {} if token is None else {"nextToken": token}
            page = await rig("GetExecutionHistory", executionArn=arn, maxResults=1000, reverseOrder=reverse, **given)
            pages.append([event["id"] for event in page["events"]])
            token = page.get("nextToken")
        assert pages == ([[4, 3], [2, 1]] if reverse else [[1, 2], [3, 4]])

    simulate(tmp_path, body)


def test_a_name_is_used_once(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(WAIT)
        first = await rig("StartExecution", stateMachineArn=MACHINE, name="e", input="1")
        assert await rig("StartExecution", stateMachineArn=MACHINE, name="e", input="1") == first
        exists = ("ExecutionAlreadyExists", f"Execution Already Exists: '{first['executionArn']}'")
        assert await rig.error("StartExecution", stateMachineArn=MACHINE, name="e", input="2") == exists
        stopped = await rig("StopExecution", executionArn=first["executionArn"], error="E", cause="c")
        assert stopped == await rig("StopExecution", executionArn=first["executionArn"])
        assert await rig.error("StartExecution", stateMachineArn=MACHINE, name="e", input="1") == exists
        described = await rig("DescribeExecution", executionArn=first["executionArn"])
        assert (described["status"], described["error"], described["redriveStatus"]) == ("ABORTED", "E", "REDRIVABLE")

    simulate(tmp_path, body)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Invalid execution input."),
        (
            "not some json",
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or"
            " 'false')",
        ),
        ("{'not': 'json'", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
    ],
)
def test_input_that_is_not_json(tmp_path: Path, text: str, message: str) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine()
        expected = ("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{message}'")
        assert await rig.error("StartExecution", stateMachineArn=MACHINE, input=text) == expected

    simulate(tmp_path, body)


def test_bad_arns_and_names(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        invalid = ("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'")
        assert await rig.error("DescribeStateMachine", stateMachineArn="x") == invalid
        assert await rig.error("DescribeExecution", executionArn="x") == invalid
        express = "arn:aws:states:us-east-1:000000000000:express:m:e:1"
        for operation in ("DescribeExecution", "StopExecution", "GetExecutionHistory"):
            assert await rig.error(operation, executionArn=express) == (
                "InvalidArn",
                "Invalid Arn: 'Resource type not valid in this context: express'",
            )
        for other in (MACHINE, MACHINE.replace("us-east-1", "eu-west-1"), MACHINE.replace("000", "123")):
            assert await rig.error("StartExecution", stateMachineArn=other) == (
                "StateMachineDoesNotExist",
                f"State Machine Does Not Exist: '{other}'",
            )
        assert await rig.error("CreateStateMachine", name="a b", definition=PASS, roleArn=ROLE) == (
            "InvalidName",
            "Invalid Name: 'a b'",
        )
        await rig.machine()
        assert (await rig.error("StartExecution", stateMachineArn=MACHINE, name="a:b"))[0] == "InvalidName"
        named_so = (await rig.machine(name="express"))["stateMachineArn"]
        arn = (await rig("StartExecution", stateMachineArn=named_so))["executionArn"]
        assert (await rig("DescribeExecution", executionArn=arn))["executionArn"] == arn

    simulate(tmp_path, body)


def test_the_role_must_trust(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        code, message = await rig.error(
            "CreateStateMachine", name="m", definition=PASS, roleArn="arn:aws:iam::000000000000:role/unknown"
        )
        assert code == "AccessDeniedException"
        assert message.startswith("Neither the global service principal states.amazonaws.com")
        assert (await rig.error("CreateStateMachine", name="m", definition=PASS, roleArn="r"))[0] == "InvalidArn"

    simulate(tmp_path, body)


def test_creating_the_same_again(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        first = await rig.machine()
        assert await rig.machine(tags=[{"key": "k", "value": "v"}]) == first
        assert (await rig.error("CreateStateMachine", name="m", definition=PASS + " ", roleArn=ROLE))[0] == (
            "StateMachineAlreadyExists"
        )

    simulate(tmp_path, body)


def test_what_is_not_supported_is_refused_by_name(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        given = {"name": "m", "definition": PASS, "roleArn": ROLE}
        code, message = await rig.error("CreateStateMachine", **given, tracingConfiguration={"enabled": True})
        assert code == "InvalidTracingConfiguration" and "tracingConfiguration.enabled" in message
        encryption = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"}
        code, message = await rig.error("CreateStateMachine", **given, encryptionConfiguration=encryption)
        assert code == "InvalidEncryptionConfiguration" and "CUSTOMER_MANAGED_KMS_KEY" in message
        await rig.machine(encryptionConfiguration={"type": "AWS_OWNED_KEY"}, tracingConfiguration={"enabled": False})
        described = await rig("DescribeStateMachine", stateMachineArn=MACHINE)
        assert described["encryptionConfiguration"] == {"type": "AWS_OWNED_KEY"}

    simulate(tmp_path, body)


def test_update_and_running_executions(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(WAIT)
        arn = (await rig("StartExecution", stateMachineArn=MACHINE))["executionArn"]
        assert "revisionId" not in await rig("UpdateStateMachine", stateMachineArn=MACHINE, definition=WAIT)
        updated = await rig("UpdateStateMachine", stateMachineArn=MACHINE, definition=PASS)
        described = await rig("DescribeStateMachine", stateMachineArn=MACHINE)
        assert (described["definition"], described["revisionId"]) == (PASS, updated["revisionId"])
        assert (await rig("DescribeStateMachineForExecution", executionArn=arn))["definition"] == WAIT
        assert (await rig.error("UpdateStateMachine", stateMachineArn=MACHINE))[0] == "MissingRequiredParameter"
        assert (await rig.error("UpdateStateMachine", stateMachineArn=MACHINE, definition="{}"))[0] == (
            "InvalidDefinition"
        )

    simulate(tmp_path, body)


def test_versions_and_aliases(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(publish=True)
        await rig("UpdateStateMachine", stateMachineArn=MACHINE, definition=FAIL, publish=True, versionDescription="d")
        listed = await rig("ListStateMachineVersions", stateMachineArn=MACHINE)
        assert [v["stateMachineVersionArn"][-2:] for v in listed["stateMachineVersions"]] == [":2", ":1"]
        assert (await rig("DescribeStateMachine", stateMachineArn=f"{MACHINE}:2"))["description"] == "d"
        routes = [{"stateMachineVersionArn": f"{MACHINE}:1", "weight": 100}]
        await rig("CreateStateMachineAlias", name="live", routingConfiguration=routes)
        arn = (await rig("StartExecution", stateMachineArn=f"{MACHINE}:live"))["executionArn"]
        described = await rig("DescribeExecution", executionArn=arn)
        assert described["status"] == "SUCCEEDED"
        assert (described["stateMachineVersionArn"], described["stateMachineAliasArn"]) == (
            f"{MACHINE}:1",
            f"{MACHINE}:live",
        )
        await rig("StartExecution", stateMachineArn=f"{MACHINE}:2")
        for qualifier, count in (("", 2), (":1", 1), (":2", 1), (":live", 1)):
            listed = await rig("ListExecutions", stateMachineArn=f"{MACHINE}{qualifier}")
            assert len(listed["executions"]) == count
        deletion = await rig.error("DeleteStateMachineVersion", stateMachineVersionArn=f"{MACHINE}:1")
        assert deletion[0] == "ConflictException" and deletion[1].endswith("[live]")
        await rig("DeleteStateMachineVersion", stateMachineVersionArn=f"{MACHINE}:2")
        published = await rig("PublishStateMachineVersion", stateMachineArn=MACHINE)
        assert published["stateMachineVersionArn"] == f"{MACHINE}:3"

    simulate(tmp_path, body)


def test_listing_in_pages(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine()
        started = [(await rig("StartExecution", stateMachineArn=MACHINE))["executionArn"] for _ in range(7)]
        seen: list[str] = []
        more: dict[str, str] = {}
        while True:
            page = await rig("ListExecutions", stateMachineArn=MACHINE, maxResults=3, **more)
            seen += [item["executionArn"] for item in page["executions"]]
            if page["nextToken"] is None:
                break
            more = {"nextToken": page["nextToken"]}
        assert seen == started[::-1]
        other = {"stateMachineArn": MACHINE, "statusFilter": "FAILED", **more}
        assert (await rig.error("ListExecutions", **other))[0] == "InvalidToken"
        assert (await rig.error("ListStateMachines", nextToken="InvalidToken"))[0] == "InvalidToken"

    simulate(tmp_path, body)


def test_a_page_token_is_good_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(rig: Rig) -> None:
        for name in ("a", "b"):
            await rig.machine(name=name)
        token = (await rig("ListStateMachines", maxResults=1))["nextToken"]
        assert len((await rig("ListStateMachines", nextToken=token))["stateMachines"]) == 1
        monkeypatch.setattr(paging, "LIFETIME", -1.0)
        expired = await rig.error("ListStateMachines", nextToken=token)
        assert expired == ("InvalidToken", "Invalid Token: 'Invalid token'")

    simulate(tmp_path, body)


def test_delete_stops_and_forgets(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(WAIT)
        arn = (await rig("StartExecution", stateMachineArn=MACHINE))["executionArn"]
        await rig("DeleteStateMachine", stateMachineArn=MACHINE)
        assert (await rig("DescribeExecution", executionArn=arn))["status"] == "ABORTED"
        assert (await rig.error("DescribeStateMachine", stateMachineArn=MACHINE))[0] == "StateMachineDoesNotExist"
        await rig("DeleteStateMachine", stateMachineArn=MACHINE)
        await asyncio.sleep(0.01)
        await rig.machine(WAIT)
        assert (await rig("ListExecutions", stateMachineArn=MACHINE))["executions"] == []

    simulate(tmp_path, body)


def test_two_deletions_at_once_leave_a_new_state_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine()
        stop_all, first, go_on = rig.engine.stop_all, asyncio.Event(), asyncio.Event()

        async def slow(machine_arn: str) -> int:
            first.set()
            await go_on.wait()
            return await stop_all(machine_arn)

        monkeypatch.setattr(rig.engine, "stop_all", slow)
        slow_one = asyncio.ensure_future(rig("DeleteStateMachine", stateMachineArn=MACHINE))
        await first.wait()
        monkeypatch.setattr(rig.engine, "stop_all", stop_all)
        await rig("DeleteStateMachine", stateMachineArn=MACHINE)
        await rig.machine(FAIL)
        go_on.set()
        await slow_one
        assert (await rig("DescribeStateMachine", stateMachineArn=MACHINE))["definition"] == FAIL

    simulate(tmp_path, body)


def test_an_interrupted_deletion_is_finished(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(WAIT)
        arn = (await rig("StartExecution", stateMachineArn=MACHINE))["executionArn"]
        rig.engine.stop_all = cast(Any, lambda machine: asyncio.sleep(60))  # type: ignore[method-assign]
        deleting = asyncio.create_task(rig("DeleteStateMachine", stateMachineArn=MACHINE))
        await asyncio.sleep(0.05)
        deleting.cancel()
        assert (await rig("DescribeStateMachine", stateMachineArn=MACHINE))["status"] == "DELETING"
        assert (await rig.error("StartExecution", stateMachineArn=MACHINE))[0] == "StateMachineDeleting"
        del rig.engine.stop_all
        await finish_deletions(rig.ports)
        assert (await rig("ListStateMachines"))["stateMachines"] == []
        assert (await rig("DescribeExecution", executionArn=arn))["status"] == "ABORTED"

    simulate(tmp_path, body)


def test_express(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(type="EXPRESS")
        ended = await rig("StartSyncExecution", stateMachineArn=MACHINE, input="7")
        assert (ended["status"], ended["output"]) == ("SUCCEEDED", '{"x":1}')
        assert ended["executionArn"].startswith("arn:aws:states:us-east-1:000000000000:express:m:")
        assert ended["billingDetails"]["billedDurationInMilliseconds"] % 100 == 0
        assert (await rig.error("ListExecutions", stateMachineArn=MACHINE))[0] == "StateMachineTypeNotSupported"
        await rig("StartExecution", stateMachineArn=MACHINE, name="same")
        await rig("StartExecution", stateMachineArn=MACHINE, name="same")
        await rig.machine(name="standard")
        code, _ = await rig.error("StartSyncExecution", stateMachineArn=MACHINE[:-1] + "standard")
        assert code == "StateMachineTypeNotSupported"

    simulate(tmp_path, body)


@pytest.mark.parametrize(("seconds", "billed"), [(0.0, 100), (0.1, 100), (0.101, 200), (1.0004, 1000), (1.1, 1100)])
def test_the_billed_duration(seconds: float, billed: int) -> None:
    assert executions.billed(seconds) == billed


def test_logging(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        group = "arn:aws:logs:us-east-1:000000000000:log-group:/g:*"
        logging = {
            "level": "ALL",
            "includeExecutionData": False,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
        }
        given = {"name": "m", "definition": FAIL, "roleArn": ROLE, "loggingConfiguration": logging}
        assert await rig.error("CreateStateMachine", **given) == (
            "AccessDeniedException",
            "The state machine IAM Role is not authorized to access the Log Destination",
        )
        allow = {"Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}}
        await rig("PutRolePolicy", RoleName="r", PolicyName="p", PolicyDocument=json.dumps(allow))
        assert (await rig.error("CreateStateMachine", **given))[0] == "InvalidLoggingConfiguration"
        log_records.groups(rig.store, WORLD).put("/g", log_records.Group(name="/g", created=0))
        await rig("CreateStateMachine", **given)
        arn = (await rig("StartExecution", stateMachineArn=MACHINE))["executionArn"]
        assert [entry["type"] for _, _, entry in rig.written.logs] == [
            "ExecutionStarted",
            "FailStateEntered",
            "ExecutionFailed",
        ]
        name, stream, entry = rig.written.logs[1]
        assert name == "/g" and stream.startswith("states/m/")
        del entry["event_timestamp"]
        assert entry == {
            "id": "2",
            "type": "FailStateEntered",
            "details": {"name": "A"},
            "previous_event_id": "0",
            "execution_arn": arn,
            "redrive_count": "0",
        }
        log_records.groups(rig.store, WORLD).delete("/g")
        await rig("StartExecution", stateMachineArn=MACHINE)
        assert len(rig.written.logs) == 3

    simulate(tmp_path, body)


def test_the_stream_that_validates_log_delivery(tmp_path: Path) -> None:
    """It is there when a state machine was created with logging, not when one was updated."""

    async def body(rig: Rig) -> None:
        allow = {"Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}}
        await rig("PutRolePolicy", RoleName="r", PolicyName="p", PolicyDocument=json.dumps(allow))
        for group in ("/updated", "/created"):
            log_records.groups(rig.store, WORLD).put(group, log_records.Group(name=group, created=0))

        def logging(group: str) -> dict[str, Any]:
            arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"
            return {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]}

        await rig.machine()
        await rig("UpdateStateMachine", stateMachineArn=MACHINE, loggingConfiguration=logging("/updated"))
        await rig.machine(name="n", loggingConfiguration=logging("/created"))
        streams = [stream for _, stream in log_records.streams(rig.store, WORLD).items()]
        assert [(stream.group, stream.name) for stream in streams] == [
            ("/created", "log_stream_created_by_aws_to_validate_log_delivery_subscriptions")
        ]

    simulate(tmp_path, body)


@pytest.mark.parametrize(
    "logging",
    [
        {"level": "ALL"},
        {"level": "ERROR", "destinations": []},
        {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "nonsense"}}]},
    ],
)
def test_logging_that_is_wrong(tmp_path: Path, logging: Any) -> None:
    async def body(rig: Rig) -> None:
        given = {"name": "m", "definition": PASS, "roleArn": ROLE}
        code, _ = await rig.error("CreateStateMachine", **given, loggingConfiguration=logging)
        assert code == "InvalidLoggingConfiguration"

    simulate(tmp_path, body)


def test_levels() -> None:
    types = ["PassStateEntered", "FailStateEntered", "TaskFailed", "LambdaFunctionTimedOut", "ExecutionFailed"]
    assert [is_logged("ALL", type_) for type_ in types] == [True] * 5
    assert [is_logged("ERROR", type_) for type_ in types] == [False, True, True, True, True]
    assert [is_logged("FATAL", type_) for type_ in types] == [False, False, False, False, True]
    assert not any(is_logged("OFF", type_) for type_ in types)


def test_validation_is_an_answer(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        good = await rig("ValidateStateMachineDefinition", definition=PASS)
        assert good == {"result": "OK", "diagnostics": [], "truncated": False}
        bad = await rig("ValidateStateMachineDefinition", definition="{}")
        assert bad["result"] == "FAIL"
        assert bad["diagnostics"][0]["code"] == "SCHEMA_VALIDATION_FAILED"
        odd = json.dumps({"StartAt": "S", "States": {"S": {"Type": "Fail", "Cause": "$.cause"}}})
        assert (await rig("ValidateStateMachineDefinition", definition=odd))["diagnostics"] == []
        warned = await rig("ValidateStateMachineDefinition", definition=odd, severity="WARNING")
        assert warned["result"] == "OK"
        assert [(each["severity"], each["location"]) for each in warned["diagnostics"]] == [
            ("WARNING", "/States/S/Cause")
        ]

    simulate(tmp_path, body)


def test_description_says_which_variables_states_read(tmp_path: Path) -> None:
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $b + $a %}", "End": True}
    definition = json.dumps(
        {
            "StartAt": "R",
            "States": {"R": {"Type": "Pass", "Assign": {"a": 1, "b": 2}, "Next": "S"}, "S": state},
        }
    )

    async def body(rig: Rig) -> None:
        await rig.machine(definition=definition)
        described = await rig("DescribeStateMachine", stateMachineArn=MACHINE)
        assert described["variableReferences"] == {"S": ["b", "a"]}
        bare = await rig("DescribeStateMachine", stateMachineArn=MACHINE, includedData="METADATA_ONLY")
        assert "variableReferences" not in bare and bare["definition"] == "{}"
        arn = (await rig("StartExecution", stateMachineArn=MACHINE))["executionArn"]
        described = await rig("DescribeStateMachineForExecution", executionArn=arn)
        assert described["variableReferences"] == {"S": ["b", "a"]}

    simulate(tmp_path, body)


def test_tags(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(tags=[{"key": "a", "value": "1"}])
        await rig("TagResource", resourceArn=MACHINE, tags=[{"key": "b", "value": "2"}])
        await rig("UntagResource", resourceArn=MACHINE, tagKeys=["a"])
        assert await rig("ListTagsForResource", resourceArn=MACHINE) == {"tags": [{"key": "b", "value": "2"}]}
        assert (await rig.error("TagResource", resourceArn=f"{MACHINE}:1", tags=[]))[0] == "ResourceNotFound"
        await rig("TagResource", resourceArn=MACHINE, tags=[{"key": "Größe 1_.:/=+-@", "value": "ж @"}])
        for tag, message in (
            ({"key": "aws:a"}, "Invalid tag key: 'aws:a'"),
            ({"key": "a!"}, "Invalid tag key: 'a!'"),
            ({"key": "a", "value": "<"}, "Invalid tag value: '<'"),
        ):
            refused = await rig.error("TagResource", resourceArn=MACHINE, tags=[tag])
            assert refused == ("ValidationException", message)

    simulate(tmp_path, body)
