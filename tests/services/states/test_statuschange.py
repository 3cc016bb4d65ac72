"""What EventBridge is told of executions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.states.test_operations import FAIL, MACHINE, PASS, ROLE, WAIT, WORLD, Rig
from services.states.test_operations import simulate as simulate_with
from stategate.services.ports import World
from stategate.services.states.statuschange import MOST_DATA, StatusChanges, event
from stategate.testing.clock import FakeClock

NOW = 1_700_000_000.125
TIMED = json.dumps(
    {"StartAt": "A", "TimeoutSeconds": 60, "States": {"A": {"Type": "Wait", "Seconds": 3600, "End": True}}}
)


class Bus(Rig):
    """Collects what is published; time moves by hand."""

    def __init__(self, data_dir: Path) -> None:
        self.published: list[tuple[World, dict[str, Any]]] = []
        self.clock, self.told = FakeClock(NOW), asyncio.Event()
        super().__init__(data_dir, self.clock, [StatusChanges(lambda: self.ports, self.publish)])

    def publish(self, world: World, event: dict[str, Any]) -> None:
        self.published.append((world, event))
        self.told.set()

    async def details(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(60):
            while len(self.published) < count:
                self.told.clear()
                await self.told.wait()
        assert len(self.published) == count
        return [event["detail"] for _, event in self.published]


def simulate(data_dir: Path, body: Callable[[Bus], Awaitable[None]]) -> None:
    simulate_with(data_dir, body, Bus)


def test_an_execution_that_succeeds(tmp_path: Path) -> None:
    async def body(rig: Bus) -> None:
        await rig.machine(WAIT, publish=True)
        started = await rig("StartExecution", stateMachineArn=f"{MACHINE}:1", name="e", input='{"a": 1}')
        await rig.details(1)
        rig.clock.advance(3600)
        await rig.details(2)
        (world, first), (_, last) = rig.published
        assert world == WORLD
        assert first.pop("id") != last.pop("id")
        arn = started["executionArn"]
        assert first == {
            "version": "0",
            "detail-type": "Step Functions Execution Status Change",
            "source": "aws.states",
            "account": WORLD.account,
            "time": "2023-11-14T22:13:20Z",
            "region": WORLD.region,
            "resources": [arn],
            "detail": {
                "executionArn": arn,
                "stateMachineArn": MACHINE,
                "stateMachineVersionArn": f"{MACHINE}:1",
                "stateMachineAliasArn": None,
                "name": "e",
                "status": "RUNNING",
                "startDate": 1_700_000_000_125,
                "stopDate": None,
                "redriveCount": 0,
                "redriveDate": None,
                "redriveStatus": "NOT_REDRIVABLE",
                "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
                "input": '{"a": 1}',
                "inputDetails": {"included": True},
                "output": None,
                "outputDetails": None,
                "error": None,
                "cause": None,
            },
        }
        assert last["time"] == "2023-11-14T23:13:20Z"
        assert last["detail"] == {
            **first["detail"],
            "status": "SUCCEEDED",
            "stopDate": 1_700_003_600_125,
            "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
            "output": '{"a": 1}',
            "outputDetails": {"included": True},
        }

    simulate(tmp_path, body)


def test_a_failure_and_its_redrive(tmp_path: Path) -> None:
    async def body(rig: Bus) -> None:
        await rig.machine(FAIL)
        started = await rig("StartExecution", stateMachineArn=MACHINE)
        running, failed = await rig.details(2)
        assert (running["status"], failed["status"]) == ("RUNNING", "FAILED")
        assert (failed["error"], failed["cause"], failed["output"]) == ("E", "why", None)
        assert (failed["redriveStatus"], failed["redriveStatusReason"]) == ("REDRIVABLE", None)
        rig.clock.advance(10)
        await rig("RedriveExecution", executionArn=started["executionArn"])
        *_, running, failed = await rig.details(4)
        for detail, status, stopped in ((running, "RUNNING", None), (failed, "FAILED", 1_700_000_010_125)):
            assert (detail["status"], detail["stopDate"]) == (status, stopped)
            assert (detail["redriveCount"], detail["redriveDate"]) == (1, 1_700_000_010_125)
            assert detail["startDate"] == 1_700_000_000_125
        assert rig.published[2][1]["time"] == "2023-11-14T22:13:30Z"

    simulate(tmp_path, body)


def test_a_redrive_is_remembered_over_a_restart(tmp_path: Path) -> None:
    failing = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "Next": "F"}, "F": {"Type": "Fail"}}}
    arns: list[str] = []

    async def before(rig: Bus) -> None:
        await rig.machine(json.dumps(failing))
        arns.append((await rig("StartExecution", stateMachineArn=MACHINE))["executionArn"])
        await rig("StopExecution", executionArn=arns[0])
        rig.clock.advance(5)
        await rig("RedriveExecution", executionArn=arns[0])

    async def after(rig: Bus) -> None:
        rig.clock.advance(100)
        (failed,) = await rig.details(1)
        assert (failed["status"], failed["redriveCount"], failed["redriveDate"]) == ("FAILED", 1, 1_700_000_005_125)

    simulate(tmp_path, before)
    simulate_with(tmp_path, after, Bus, fresh=False)


def test_stops_and_time_outs(tmp_path: Path) -> None:
    async def body(rig: Bus) -> None:
        await rig.machine(TIMED)
        started = await rig("StartExecution", stateMachineArn=MACHINE)
        await rig("StopExecution", executionArn=started["executionArn"], error="E", cause="c")
        *_, aborted = await rig.details(2)
        assert (aborted["status"], aborted["error"], aborted["cause"]) == ("ABORTED", "E", "c")
        await rig("StartExecution", stateMachineArn=MACHINE)
        await rig.details(3)
        rig.clock.advance(60)
        *_, timed_out = await rig.details(4)
        assert (timed_out["status"], timed_out["stopDate"]) == ("TIMED_OUT", 1_700_000_060_125)

    simulate(tmp_path, body)


def test_express_executions_tell_nothing(tmp_path: Path) -> None:
    async def body(rig: Bus) -> None:
        await rig("CreateStateMachine", name="m", definition=PASS, roleArn=ROLE, type="EXPRESS")
        await rig("StartSyncExecution", stateMachineArn=MACHINE)
        assert rig.published == []

    simulate(tmp_path, body)


def test_data_that_an_event_has_no_room_for(tmp_path: Path) -> None:
    async def body(rig: Bus) -> None:
        await rig.machine()
        arn = (await rig("StartExecution", stateMachineArn=MACHINE))["executionArn"]
        execution = rig.engine.get(arn)
        assert execution is not None

        def shown(input: int, output: int) -> tuple[bool, bool]:
            sized = replace(execution, new=replace(execution.new, input="1" * (input - 2)), output="1" * (output - 2))
            detail = event(rig.ports, sized)["detail"]
            assert (detail["input"] is not None, detail["output"] is not None) == (
                detail["inputDetails"]["included"],
                detail["outputDetails"]["included"],
            )
            return detail["inputDetails"]["included"], detail["outputDetails"]["included"]

        assert shown(1000, MOST_DATA - 1000) == (True, True)
        assert shown(1001, MOST_DATA - 1000) == (False, True)
        assert shown(10, MOST_DATA + 1) == (False, False)

    simulate(tmp_path, body)
