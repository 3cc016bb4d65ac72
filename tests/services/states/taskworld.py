"""Accounts with state machines whose tasks are performed: real store, engine, machine and dispatcher."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from stategate.asl.effects import ScheduleTask
from stategate.iam.principal import Principal, root
from stategate.runtime.clock import SystemClock
from stategate.runtime.engine import Engine
from stategate.runtime.engine.language import states_language
from stategate.runtime.entropy import SystemEntropy
from stategate.runtime.store.sqlite import SqliteStore
from stategate.services import iam, states, sts
from stategate.services.call import Call
from stategate.services.dispatch import Dispatcher
from stategate.services.errors import AwsError
from stategate.services.ports import Execution, Functions, LogEvents, NewExecution, Ports, TaskOutcome, World
from stategate.services.states.tasks import refusal, run_task

ACCOUNT, OTHER = "000000000000", "111111111111"
WORLD = World(ACCOUNT, "us-east-1")
SERVICES = {"iam": iam.OPERATIONS, "stepfunctions": states.OPERATIONS, "sts": sts.OPERATIONS}
PREFIX = f"arn:aws:states:us-east-1:{ACCOUNT}"


@dataclass(frozen=True)
class Settings:
    auth: str = "open"


def task(resource: str, parameters: Any = None, **fields: Any) -> dict[str, Any]:
    """A definition of one task."""
    given = {} if parameters is None else {"Parameters": parameters}
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True, **given, **fields}}}


class TaskWorld:
    """`world("CreateRole", "iam", RoleName=...)` calls an operation, by default of Step Functions."""

    def __init__(self, data_dir: Path) -> None:
        self.store = SqliteStore(data_dir)

        def perform(execution: NewExecution, task: ScheduleTask) -> Awaitable[TaskOutcome]:
            return run_task(self.ports, execution, task, self.dispatcher)

        clock, entropy = SystemClock(), SystemEntropy()
        language = states_language(lambda resource, arguments: refusal(self.ports, resource, arguments))
        self.engine = Engine(self.store.executions, perform, clock, entropy, language=language)
        self.ports = Ports(
            clock=clock,
            entropy=entropy,
            store=self.store,
            executions=self.engine,
            functions=cast(Functions, None),
            log_events=cast(LogEvents, None),
            settings=Settings(),
            secret=b"s" * 32,
        )
        self.dispatcher = Dispatcher(self.ports, SERVICES)
        self.engine.open()

    async def close(self) -> None:
        await self.engine.close()
        await self.store.close()

    async def __call__(
        self, operation: str, service: str = "stepfunctions", principal: Principal | None = None, **given: Any
    ) -> dict[str, Any]:
        who = principal or root(ACCOUNT)
        call = Call(self.ports, World(who.account, "us-east-1"), who, "request", self.ports.clock.now())
        return await self.dispatcher.call(call, service, operation, given)

    async def error(self, operation: str, principal: Principal | None = None, /, **given: Any) -> tuple[str, str]:
        with pytest.raises(AwsError) as caught:
            await self(operation, principal=principal, **given)
        return caught.value.code, caught.value.message

    async def role(
        self, name: str, *allowed: str, resource: str = "*", account: str = ACCOUNT, trusts: Any = None
    ) -> str:
        """A role that Step Functions (or what `trusts` says) may assume."""
        trust = {
            "Effect": "Allow",
            "Principal": trusts or {"Service": "states.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        made = await self("CreateRole", "iam", root(account), RoleName=name, AssumeRolePolicyDocument=document)
        if allowed:
            statement = {"Effect": "Allow", "Action": list(allowed), "Resource": resource}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            await self("PutRolePolicy", "iam", root(account), RoleName=name, PolicyName="p", PolicyDocument=policy)
        return str(made["Role"]["Arn"])

    async def machine(self, definition: Any, role: str, name: str = "m", **more: Any) -> str:
        principal = root(role.split(":")[4])
        made = await self(
            "CreateStateMachine",
            principal=principal,
            name=name,
            definition=json.dumps(definition),
            roleArn=role,
            **more,
        )
        return str(made["stateMachineArn"])

    async def start(self, machine: str, input: Any = None, **more: Any) -> str:
        principal = root(machine.split(":")[4])
        text = json.dumps({} if input is None else input)
        started = await self("StartExecution", principal=principal, stateMachineArn=machine, input=text, **more)
        return str(started["executionArn"])

    async def ended(self, arn: str) -> Execution:
        async with asyncio.timeout(60):
            while (found := self.engine.get(arn)) is None or found.status == "RUNNING":  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return found

    async def run(self, definition: Any, role: str, input: Any = None, name: str = "m") -> Execution:
        return await self.ended(await self.start(await self.machine(definition, role, name), input))

    async def until(self, arn: str, type_: str) -> dict[str, Any]:
        """The details of the first event of this type, once it is there."""
        async with asyncio.timeout(60):
            while True:
                for event in self.engine.history(arn):
                    if event.type == type_:
                        return event.details or {}
                await asyncio.sleep(0.001)


def simulate(data_dir: Path, body: Callable[[TaskWorld], Awaitable[None]]) -> None:
    async def main() -> None:
        world = TaskWorld(data_dir)
        try:
            await body(world)
        finally:
            await world.close()

    asyncio.run(main())
