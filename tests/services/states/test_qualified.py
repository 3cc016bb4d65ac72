"""ARNs with a qualifier, quotas, and settings that only look different."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.states.test_operations import FAIL, MACHINE, PASS, ROLE, WAIT, WORLD, Rig, simulate
from stategate.services.logs import records as log_records
from stategate.services.states import aliases, versions
from stategate.services.states.records import Machine, machines

OWNED = {"type": "AWS_OWNED_KEY"}


def route(version: int, weight: int = 100) -> dict[str, Any]:
    return {"stateMachineVersionArn": f"{MACHINE}:{version}", "weight": weight}


@pytest.mark.parametrize(
    "operation",
    ["DescribeStateMachine", "DeleteStateMachine", "UpdateStateMachine", "StartExecution", "ListExecutions"],
)
def test_the_arn_of_a_map_state_is_refused(tmp_path: Path, operation: str) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine()
        code, message = await rig.error(operation, stateMachineArn=f"{MACHINE}/Label")
        assert code == "ValidationException" and f"{MACHINE}/Label" in message

    simulate(tmp_path, body)


@pytest.mark.parametrize("qualifier", ["1", "live"])
def test_deleting_a_state_machine_by_a_qualified_arn_is_refused(tmp_path: Path, qualifier: str) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(publish=True)
        code, message = await rig.error("DeleteStateMachine", stateMachineArn=f"{MACHINE}:{qualifier}")
        assert code == "ValidationException" and "DeleteStateMachineVersion" in message
        assert (await rig("DescribeStateMachine", stateMachineArn=MACHINE))["status"] == "ACTIVE"

    simulate(tmp_path, body)


def test_a_version_has_one_name(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(publish=True)
        for arn in (f"{MACHINE}:01", f"{MACHINE}:0", f"{MACHINE}:2"):
            assert (await rig.error("StartExecution", stateMachineArn=arn))[0] == "StateMachineDoesNotExist"

    simulate(tmp_path, body)


def test_the_description_of_an_alias_is_that_of_its_main_version(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(publish=True)
        await rig("UpdateStateMachine", stateMachineArn=MACHINE, definition=FAIL, publish=True)
        await rig("CreateStateMachineAlias", name="live", routingConfiguration=[route(1, 40), route(2, 60)])
        described = [await rig("DescribeStateMachine", stateMachineArn=f"{MACHINE}:live") for _ in range(20)]
        assert {each["stateMachineArn"] for each in described} == {f"{MACHINE}:2"}
        for _ in range(60):
            await rig("StartExecution", stateMachineArn=f"{MACHINE}:live")
        listed = (await rig("ListExecutions", stateMachineArn=f"{MACHINE}:live"))["executions"]
        assert len(listed) == 60
        assert {each["stateMachineVersionArn"] for each in listed} == {f"{MACHINE}:1", f"{MACHINE}:2"}

    simulate(tmp_path, body)


def test_the_history_names_version_and_alias(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(publish=True)
        version, alias = f"{MACHINE}:1", f"{MACHINE}:live"
        routes = [{"stateMachineVersionArn": version, "weight": 100}]
        await rig("CreateStateMachineAlias", name="live", routingConfiguration=routes)
        named = {"stateMachineVersionArn": version}
        for arn, expected in ((MACHINE, {}), (version, named), (alias, named | {"stateMachineAliasArn": alias})):
            execution = (await rig("StartExecution", stateMachineArn=arn))["executionArn"]
            (started, *_) = (await rig("GetExecutionHistory", executionArn=execution))["events"]
            details = started["executionStartedEventDetails"]
            shown = {member: value for member, value in details.items() if member.startswith("stateMachine")}
            assert shown == expected

    simulate(tmp_path, body)


def test_executions_of_a_version_or_an_alias_in_pages(tmp_path: Path) -> None:
    """What was started otherwise is not read: the cost is that of the page."""

    async def body(rig: Rig) -> None:
        await rig.machine(publish=True)
        await rig("CreateStateMachineAlias", name="live", routingConfiguration=[route(1)])
        wanted = []
        for number in range(12):
            qualifier = ("", ":1", ":live")[number % 3]
            started = await rig("StartExecution", stateMachineArn=f"{MACHINE}{qualifier}")
            wanted += [(qualifier, started["executionArn"])]
        for qualifier, of in ((":live", (":live",)), (":1", (":1", ":live"))):
            expected = [arn for started_with, arn in wanted if started_with in of][::-1]
            for more in ({}, {"statusFilter": "SUCCEEDED"}):
                seen: list[str] = []
                token: dict[str, str] = {}
                while True:
                    arn = f"{MACHINE}{qualifier}"
                    page = await rig("ListExecutions", stateMachineArn=arn, maxResults=3, **more, **token)
                    seen += [each["executionArn"] for each in page["executions"]]
                    if page["nextToken"] is None:
                        break
                    token = {"nextToken": page["nextToken"]}
                assert seen == expected
        failed = await rig("ListExecutions", stateMachineArn=f"{MACHINE}:1", statusFilter="FAILED")
        assert failed["executions"] == []

    simulate(tmp_path, body)


def test_the_key_that_holds_by_default_is_no_difference(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        first = await rig.machine()
        assert await rig.machine(encryptionConfiguration=OWNED) == first
        updated = await rig("UpdateStateMachine", stateMachineArn=MACHINE, encryptionConfiguration=OWNED)
        assert "revisionId" not in updated
        arn = (await rig("StartExecution", stateMachineArn=MACHINE))["executionArn"]
        described = await rig("DescribeStateMachineForExecution", executionArn=arn)
        assert described["encryptionConfiguration"] == OWNED
        made = await rig("CreateActivity", name="a")
        assert await rig("CreateActivity", name="a", encryptionConfiguration=OWNED) == made

    simulate(tmp_path, body)


def test_a_role_that_trusts_for_one_state_machine(tmp_path: Path) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "states.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnLike": {"aws:SourceArn": MACHINE}, "StringEquals": {"aws:SourceAccount": WORLD.account}},
    }

    async def body(rig: Rig) -> None:
        await rig("CreateRole", RoleName="s", AssumeRolePolicyDocument=json.dumps({"Statement": trust}))
        role = ROLE[:-1] + "s"
        await rig("CreateStateMachine", name="m", definition=PASS, roleArn=role)
        code, _ = await rig.error("CreateStateMachine", name="other", definition=PASS, roleArn=role)
        assert code == "AccessDeniedException"
        assert await rig.error("UpdateStateMachine", stateMachineArn=MACHINE, roleArn="r") == (
            "InvalidArn",
            "Invalid Role Arn: 'r'",
        )

    simulate(tmp_path, body)


def test_a_new_role_must_be_allowed_to_log(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        allow = {"Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}}
        await rig.role("logs", json.dumps(allow))
        log_records.groups(rig.store, WORLD).put("/g", log_records.Group(name="/g", created=0))
        group = "arn:aws:logs:us-east-1:000000000000:log-group:/g:*"
        logging = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]}
        role = ROLE[:-1] + "logs"
        await rig("CreateStateMachine", name="m", definition=PASS, roleArn=role, loggingConfiguration=logging)
        assert await rig.error("UpdateStateMachine", stateMachineArn=MACHINE, roleArn=ROLE) == (
            "AccessDeniedException",
            "The state machine IAM Role is not authorized to access the Log Destination",
        )
        assert (await rig("DescribeStateMachine", stateMachineArn=MACHINE))["roleArn"] == role

    simulate(tmp_path, body)


def test_quotas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "MOST", 2)
    monkeypatch.setattr(aliases, "MOST", 1)

    async def body(rig: Rig) -> None:
        await rig.machine(publish=True)
        await rig("UpdateStateMachine", stateMachineArn=MACHINE, definition=FAIL, publish=True)
        await rig("UpdateStateMachine", stateMachineArn=MACHINE, definition=WAIT)
        code, _ = await rig.error("PublishStateMachineVersion", stateMachineArn=MACHINE)
        assert code == "ServiceQuotaExceededException"
        code, _ = await rig.error("UpdateStateMachine", stateMachineArn=MACHINE, definition=PASS, publish=True)
        assert code == "ServiceQuotaExceededException"
        assert (await rig("DescribeStateMachine", stateMachineArn=MACHINE))["definition"] == WAIT
        await rig("CreateStateMachineAlias", name="live", routingConfiguration=[route(1)])
        code, _ = await rig.error("CreateStateMachineAlias", name="next", routingConfiguration=[route(1)])
        assert code == "ServiceQuotaExceededException"
        await rig("CreateStateMachineAlias", name="live", routingConfiguration=[route(1)])

    simulate(tmp_path, body)


def test_aliases_of_what_is_not_there(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(publish=True)
        await rig("CreateStateMachineAlias", name="live", routingConfiguration=[route(1)])
        missing = await rig.error("ListStateMachineAliases", stateMachineArn=f"{MACHINE}:7")
        assert missing == ("ResourceNotFound", "Request references a resource that does not exist.")
        assert (await rig.error("ListStateMachineAliases", stateMachineArn=f"{MACHINE}:live"))[0] == "InvalidArn"
        code, _ = await rig.error("UpdateStateMachineAlias", stateMachineAliasArn=f"{MACHINE}:live")
        assert code == "ValidationException"
        elsewhere = MACHINE.replace("us-east-1", "eu-west-1")
        for operation in ("DescribeStateMachineAlias", "UpdateStateMachineAlias", "DeleteStateMachineAlias"):
            assert await rig.error(operation, stateMachineAliasArn=f"{elsewhere}:live") == missing
        of_elsewhere = [{"stateMachineVersionArn": f"{elsewhere}:1", "weight": 100}]
        assert await rig.error("CreateStateMachineAlias", name="x", routingConfiguration=of_elsewhere) == missing

    simulate(tmp_path, body)


def test_an_update_of_an_alias_that_changes_nothing(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(publish=True)
        await rig("CreateStateMachineAlias", name="live", routingConfiguration=[route(1)])
        alias = {"stateMachineAliasArn": f"{MACHINE}:live"}
        first = await rig("UpdateStateMachineAlias", **alias, description="d")
        assert await rig("UpdateStateMachineAlias", **alias, description="d", routingConfiguration=[route(1)]) == first
        described = await rig("DescribeStateMachineAlias", **alias)
        assert (described["description"], described["updateDate"]) == ("d", first["updateDate"])
        assert await rig("UpdateStateMachineAlias", **alias, description="e") != first

    simulate(tmp_path, body)


def test_a_state_machine_that_is_being_deleted(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.machine(publish=True)
        table = machines(rig.ports, WORLD)
        machine = table.get("m")
        assert machine is not None
        table.put("m", Machine("m", "STANDARD", machine.settings, machine.created, machine.updated, deleting=True))
        assert (await rig("DescribeStateMachine", stateMachineArn=MACHINE))["status"] == "DELETING"
        calls: dict[str, dict[str, Any]] = {
            "StartExecution": {"stateMachineArn": MACHINE},
            "CreateStateMachine": {"name": "m", "definition": PASS, "roleArn": ROLE},
            "UpdateStateMachine": {"stateMachineArn": MACHINE, "definition": FAIL},
            "PublishStateMachineVersion": {"stateMachineArn": MACHINE},
            "CreateStateMachineAlias": {"name": "live", "routingConfiguration": [route(1)]},
            "ListStateMachineAliases": {"stateMachineArn": MACHINE},
        }
        for operation, given in calls.items():
            assert (await rig.error(operation, **given))[0] == "StateMachineDeleting", operation

    simulate(tmp_path, body)
