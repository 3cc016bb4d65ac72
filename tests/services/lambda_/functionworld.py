"""An account with functions in it: real workers and a real log store; the records in memory."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.memorystore import MemoryStore
from stategate.iam import Principal
from stategate.iam.principal import root
from stategate.runtime.clock import SystemClock
from stategate.runtime.entropy import SystemEntropy
from stategate.runtime.functions import FunctionPool
from stategate.runtime.logs import LogStore
from stategate.services import iam, lambda_, logs
from stategate.services.call import Call
from stategate.services.dispatch import Dispatcher
from stategate.services.errors import AwsError
from stategate.services.lambda_.execution_role import credentials, may_log
from stategate.services.ports import NewExecution, Ports, World

ACCOUNT = "111122223333"
WORLD = World(ACCOUNT, "us-east-1")
ECHO = "def handler(event, context):\n    return event\n"


@dataclass(frozen=True)
class Settings:
    auth: str = "open"


def zipped(source: str | bytes, name: str = "handler.py", **more: str) -> bytes:
    """A zip file with `source`, and `more` by module name; of one date, so that equal sources make equal files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), source)
        for module, text in more.items():
            archive.writestr(zipfile.ZipInfo(f"{module}.py"), text)
    return file.getvalue()


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(*actions: str, resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class FunctionWorld:
    def __init__(self, directory: Path, store: MemoryStore | None = None) -> None:
        clock, nothing = SystemClock(), None
        self.store = store or MemoryStore()
        self.log_store = LogStore(directory / "logs.db", clock)
        self.pool = FunctionPool(
            directory / "functions",
            endpoint=lambda: "http://127.0.0.1:4566",
            clock=clock,
            log_writer=logs.Writer(self.store, clock, self.log_store),
            credentials=lambda code: credentials(self.ports, code),
            may_log=lambda code: may_log(self.ports, code),
        )
        executions: Any = nothing
        self.ports = Ports(
            clock, SystemEntropy(), self.store, executions, self.pool, self.log_store, Settings(), b"s" * 32
        )
        self.dispatcher = Dispatcher(
            self.ports, {"iam": iam.OPERATIONS, "lambda": lambda_.OPERATIONS, "logs": logs.OPERATIONS}
        )

    async def close(self) -> None:
        await self.pool.close()
        self.log_store.close()

    async def __call__(
        self, operation: str, service: str = "lambda", principal: Principal | None = None, /, **given: Any
    ) -> dict[str, Any]:
        who = principal or root(ACCOUNT)
        call = Call(self.ports, WORLD, who, self.ports.entropy.uuid(), self.ports.clock.now())
        return await self.dispatcher.call(call, service, operation, given)

    async def role(self, name: str, *allowed: str, service: str = "lambda.amazonaws.com") -> str:
        """A role that `service` may assume, with the `allowed` actions; its ARN."""
        made = await self("CreateRole", "iam", RoleName=name, AssumeRolePolicyDocument=trust(service))
        if allowed:
            await self("PutRolePolicy", "iam", RoleName=name, PolicyName="p", PolicyDocument=allow(*allowed))
        arn: str = made["Role"]["Arn"]
        return arn

    async def function(self, source: str = ECHO, name: str = "f", **settings: Any) -> str:
        """A function, and the role `<name>-role` that may log; the function's ARN."""
        role = settings.pop("Role", None) or await self.role(f"{name}-role", "logs:*")
        code = {"ZipFile": zipped(source)}
        given = {"Runtime": "python3.12", "Handler": "handler.handler", "Role": role, "Code": code, **settings}
        made = await self("CreateFunction", FunctionName=name, **given)
        arn: str = made["FunctionArn"]
        return arn

    async def invoke(self, payload: Any = None, name: str = "f", **given: Any) -> dict[str, Any]:
        data = b"" if payload is None else json.dumps(payload).encode()
        return await self("Invoke", FunctionName=name, Payload=data, **given)

    def messages(self, group: str) -> list[str]:
        return [event.message for event in self.log_store.read(WORLD, group)]


@asynccontextmanager
async def function_world(directory: Path, store: MemoryStore | None = None) -> AsyncIterator[FunctionWorld]:
    world = FunctionWorld(directory, store)
    try:
        yield world
    finally:
        await world.close()


def run(directory: Path, test: Callable[[FunctionWorld], Awaitable[None]], store: MemoryStore | None = None) -> None:
    async def main() -> None:
        async with function_world(directory, store) as world:
            await test(world)

    asyncio.run(main())


async def error(awaitable: Awaitable[Any]) -> tuple[str, str, int]:
    with pytest.raises(AwsError) as raised:
        await awaitable
    return raised.value.code, raised.value.message, raised.value.status


def new_execution(role_arn: str, **changes: Any) -> NewExecution:
    values: dict[str, Any] = {
        "arn": f"arn:aws:states:us-east-1:{ACCOUNT}:execution:m:e",
        "name": "e",
        "world": WORLD,
        "machine_arn": f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:m",
        "machine_name": "m",
        "definition": "{}",
        "role_arn": role_arn,
        "type": "STANDARD",
        "input": "{}",
        "started": 0.0,
        **changes,
    }
    return NewExecution(**values)
