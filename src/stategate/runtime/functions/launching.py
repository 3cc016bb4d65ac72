"""Starting a worker: its program, environment, credentials and log; then waiting until it is ready."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from stategate.runtime.functions.environment import environment
from stategate.runtime.functions.families import InvalidEntrypoint, find_program
from stategate.runtime.functions.life import Life
from stategate.runtime.functions.output import Output
from stategate.runtime.functions.packages import Packages
from stategate.runtime.functions.worker import Ending, Launch, Outcome, Worker, new_stream
from stategate.services.ports import Clock, FunctionCode, LogEvent, LogWriter

INIT_LIMIT = 10.0
TRUST = 1.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Sink:
    """Where a worker's log goes. That the role may log is taken to hold for `TRUST` seconds; that it may not is asked
    again each time, so that a permission that is given counts at once."""

    code: FunctionCode
    stream: str
    writer: LogWriter
    may_log: Callable[[FunctionCode], bool]
    allowed_until: float = 0.0

    def __call__(self, events: Sequence[LogEvent]) -> None:
        try:
            now = time.monotonic()
            if now >= self.allowed_until:
                if not self.may_log(self.code):
                    return
                self.allowed_until = now + TRUST
            self.writer.write(self.code.world, self.code.log_group, self.stream, events)
        except Exception:  # noqa: BLE001  a log that cannot be written must not stop the function
            _log.exception("function log lost", function=self.code.arn, events=len(events))


@dataclass(frozen=True, slots=True)
class Started:
    """What came of starting a worker: its output, how its initialisation ended and the seconds that it had. `worker`
    None: there was no program to start."""

    output: Output
    outcome: Outcome
    limit: float
    worker: Worker | None


@dataclass(frozen=True, slots=True)
class Launcher:
    """See `FunctionPool` for the fields that it has too."""

    packages: Packages
    endpoint: Callable[[], str]
    clock: Clock
    log_writer: LogWriter
    credentials: Callable[[FunctionCode], Mapping[str, str]]
    may_log: Callable[[FunctionCode], bool]
    life: Life

    async def launch(self, code: FunctionCode, limit: float, spawned: Callable[[Worker], None]) -> Started:
        """Returns once the initialisation has ended, or has taken `limit` seconds. `spawned` is given the worker as
        soon as there is a process. Raises what `credentials` raises, and OSError."""
        stream = new_stream(code.version, self.clock.now())
        separator = b"\0" + secrets.token_hex(8).encode() + b"\0"
        output = Output(Sink(code, stream, self.log_writer, self.may_log), separator, self.clock.now)
        directory = self.packages.code(code.code_sha256)
        try:
            program = await find_program(code, directory)
            variables = environment(code, program, directory, stream, self.credentials(code), self.endpoint())
            output.say(f"INIT_START Runtime Version: {program.version}\n")
            worker = await Worker.start(Launch(code, program, directory, variables, separator.hex(), self.life), output)
        except InvalidEntrypoint as error:
            return Started(output, Outcome(None, 0.0, 0, Ending.NOT_STARTED, str(error)), limit, None)
        spawned(worker)
        ready: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        worker.wait_ready(limit, ready.set_result)
        return Started(output, await ready, limit, worker)
