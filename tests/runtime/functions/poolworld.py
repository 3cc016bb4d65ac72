"""A pool of real workers for tests: functions out of source text, and what they log."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from stategate.runtime.clock import SystemClock
from stategate.runtime.functions import FunctionPool
from stategate.services.ports import FunctionCode, Invocation, InvocationResult, LogEvent, World

WORLD = World("111122223333", "us-east-1")
T = TypeVar("T")
HELD = """
import os, pathlib, time

def handler(place, context):
    pathlib.Path(place, str(os.getpid())).touch()
    while not pathlib.Path(place, "open").exists():
        time.sleep(0.005)
    return os.getpid()
"""
"""A function whose invocations wait at the gate that is their payload."""


class Gate:
    """Holds the invocations of HELD until it is opened."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.payload = json.dumps(str(place)).encode()

    async def reached(self, workers: int = 1) -> None:
        """Once so many workers are held."""
        await until(lambda: len(list(self._place.iterdir())) >= workers)

    def open(self) -> None:
        (self._place / "open").touch()


def zipped(files: Mapping[str, str]) -> bytes:
    """A package; each file may be executed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, source in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, source)
    return file.getvalue()


class PoolWorld:
    def __init__(self, directory: Path, **options: Any) -> None:
        self.logged: list[tuple[str, str, LogEvent]] = []
        self.allowed = True
        self._numbers = itertools.count(1)
        options = {"credentials": lambda code: {"AWS_ACCESS_KEY_ID": "ASIA", "AWS_SESSION_TOKEN": "t"}, **options}
        self.pool = FunctionPool(
            directory,
            endpoint=lambda: "http://127.0.0.1:4566",
            clock=SystemClock(),
            log_writer=self,
            may_log=lambda code: self.allowed,
            **options,
        )

    def write(self, world: World, group: str, stream: str, events: Sequence[LogEvent]) -> None:
        self.logged += [(group, stream, event) for event in events]

    @property
    def messages(self) -> list[str]:
        return [event.message for _, _, event in self.logged]

    async def function(self, source: str | Mapping[str, str], **changes: Any) -> FunctionCode:
        """`source` is that of handler.py, or the sources of files by their names."""
        files = {"handler.py": source} if isinstance(source, str) else source
        sha256, _ = await self.pool.put_package(zipped(files))
        name = f"f{next(self._numbers)}"
        code = FunctionCode(
            world=WORLD,
            name=name,
            version="$LATEST",
            arn=f"arn:aws:lambda:us-east-1:111122223333:function:{name}",
            role_arn="arn:aws:iam::111122223333:role/r",
            runtime="python3.12",
            handler="handler.handler",
            code_sha256=sha256,
            revision="1",
            timeout=60,
            memory=256,
            environment={},
            log_group=f"/aws/lambda/{name}",
        )
        return replace(code, **changes)

    async def invoke(self, code: FunctionCode, payload: bytes = b"{}", **changes: Any) -> InvocationResult:
        invocation = Invocation(f"request-{next(self._numbers)}", payload, code.arn)
        return await self.pool.invoke(code, replace(invocation, **changes))


@asynccontextmanager
async def pool_world(directory: Path, **options: Any) -> AsyncIterator[PoolWorld]:
    world = PoolWorld(directory, **options)
    try:
        yield world
    finally:
        await world.pool.close()


def run(directory: Path, test: Callable[[PoolWorld], Awaitable[T]], **options: Any) -> T:
    async def main() -> T:
        async with pool_world(directory, **options) as world:
            return await test(world)

    return asyncio.run(main())


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def ends(pid: int, within: float = 60.0) -> bool:
    """Whether the process ends."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False
