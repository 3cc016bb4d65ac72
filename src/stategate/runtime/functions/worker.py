"""A worker: one process that runs one version of a function, one invocation at a time."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import secrets
import signal
import subprocess
import sys
import threading
import time
from asyncio import AbstractEventLoop, Future, TimerHandle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from stategate.runtime.functions import families
from stategate.runtime.functions.channels import Channel
from stategate.runtime.functions.families import InvalidEntrypoint, Program
from stategate.runtime.functions.life import Life
from stategate.runtime.functions.output import Output
from stategate.runtime.functions.protocol import Answer
from stategate.services.ports import FunctionCode, Invocation

_CHUNK = 65536
_DRAIN = 1 << 20
_IDLE_OUTPUT = 1 << 20
"""Bytes. A worker that prints more than that while it is idle is read on with its next invocation: until then what
prints stands still, as everything does on AWS."""

OPEN_FILES = 1024
"""Lambda's quota of file descriptors."""

_GRACE = 1.0
_SIGNALS = {
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
    signal.SIGTERM: "terminated",
    signal.SIGBUS: "bus error",
    signal.SIGILL: "illegal instruction",
    signal.SIGFPE: "floating point exception",
    signal.SIGINT: "interrupt",
}


class Ending(Enum):
    """Why an invocation ended without an answer."""

    EXITED = "exited"
    NOT_STARTED = "not started"
    TIMED_OUT = "timed out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of starting, or of an invocation. `answer` None: see `ending`; `exit` says how the process went, or why
    there is none. `seconds` is how long it took. `memory_kb` is the most that the worker has had so far: that is what
    Lambda reports."""

    answer: Answer | None
    seconds: float
    memory_kb: int
    ending: Ending | None = None
    exit: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a worker is started with."""

    code: FunctionCode
    program: Program
    directory: Path
    environment: Mapping[str, str]
    separator: str
    life: Life


class Worker:
    """Everything happens by callbacks in the event loop; `done` is called once for every `wait_ready` and `run`."""

    def __init__(self, code: FunctionCode, output: Output) -> None:
        self.code = code
        self.output = output
        self.born = time.monotonic()
        self.idle_since = self.born
        self.init_ms: float | None = None
        self.gone = False
        self.retired = False
        self._loop: AbstractEventLoop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes]
        self._output_fd: int | None = None
        self._idle_output = 0
        self._channel = families.channel(code, self._answered, self._lost)
        self._early: Answer | None = None
        self._done: Callable[[Outcome], None] | None = None
        self._timer: TimerHandle | None = None
        self._began = 0.0
        self._peak_kb = 0
        self._statm: int | None = None
        self._pidfd: int | None = None
        self._reaped: Future[None] = self._loop.create_future()

    @staticmethod
    async def start(launch: Launch, output: Output) -> Worker:
        """Starts the process; it is not ready yet. Raises `InvalidEntrypoint` and OSError."""
        worker = Worker(launch.code, output)
        await worker._start(launch)
        return worker

    async def _start(self, launch: Launch) -> None:
        await self._channel.prepare()
        try:
            read_fd, write_fd = os.pipe()
            try:
                spawn = self._loop.run_in_executor(None, _spawn, launch, self._channel, write_fd)
                self._process = await spawn
            except BaseException:
                os.close(read_fd)
                raise
            finally:
                os.close(write_fd)
        except BaseException:
            self._channel.close()
            raise
        os.set_blocking(read_fd, False)
        self._output_fd = read_fd
        self._watch()
        await self._channel.connect()

    @property
    def busy(self) -> bool:
        return self._done is not None

    def running_for(self) -> float:
        """Seconds since the invocation began; 0 if there is none."""
        return time.monotonic() - self._began if self.busy else 0.0

    def wait_ready(self, limit: float, done: Callable[[Outcome], None]) -> None:
        """The answer is READY or INIT_ERROR."""
        self._expect(self.born, limit, done)
        if self._early is not None:
            self._finish(self._early, None)
        elif self.gone:
            self._finish(None, Ending.EXITED)

    def run(self, invocation: Invocation, limit: float, deadline: float, done: Callable[[Outcome], None]) -> None:
        """`limit` in seconds from now; `deadline` in epoch seconds is what the handler is told."""
        self._expect(time.monotonic(), limit, done)
        self._channel.invoke(invocation, deadline)

    @property
    def took(self) -> bool:
        """Whether the process may have seen the last invocation."""
        return self._channel.took

    def kill(self) -> None:
        """Ends the whole process group at once."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def reaped(self) -> Future[None]:
        """Done when the process is gone."""
        return self._reaped

    def watch_memory(self) -> None:
        """Kills the worker if it has more memory than it may. The program's own files, which the system holds in memory
        once for all workers, do not count."""
        resident, shared = self._memory_kb()
        self._peak_kb = max(self._peak_kb, resident)
        if resident - shared > self.code.memory * 1024:
            self.kill()

    # --- callbacks of the event loop

    def _answered(self, answer: Answer) -> None:
        if self._done is None:
            # Before anybody waits only a worker that got ready quickly can answer.
            self._early = answer
        self.retired = self.retired or answer.last
        self._finish(answer, None)

    def _lost(self) -> None:
        # A process that breaks off is about to end, and how is still to be seen; else it is of no use any more.
        if not self.gone:
            self._loop.call_later(_GRACE, self.kill)

    def _watch(self) -> None:
        assert self._output_fd is not None
        self._loop.add_reader(self._output_fd, self._printed)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except (AttributeError, OSError):
            # Not one of the event loop's threads, of which there are few: it waits as long as the worker lives.
            threading.Thread(target=self._wait, daemon=True).start()
        else:
            self._loop.add_reader(self._pidfd, self._exited)
        with contextlib.suppress(OSError):
            self._statm = os.open(f"/proc/{self._process.pid}/statm", os.O_RDONLY | os.O_CLOEXEC)

    def _wait(self) -> None:
        self._process.wait()
        with contextlib.suppress(RuntimeError):  # The event loop has ended.
            self._loop.call_soon_threadsafe(self._exited)

    def _printed(self) -> None:
        count = self._read_output()
        if count:
            self.output.flush()
        if self._done is None and self._output_fd is not None:
            self._idle_output += count
            if self._idle_output > _IDLE_OUTPUT:
                self._loop.remove_reader(self._output_fd)

    def _exited(self) -> None:
        if self.gone:
            return
        self.gone = True
        # What else the process started must not outlive it. Until it is waited for, its id is nobody else's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._drain()
        self._channel.read_rest()
        self._close()
        self._reaped.set_result(None)
        self._finish(None, Ending.EXITED)

    def _timed_out(self) -> None:
        self.kill()
        self._finish(None, Ending.TIMED_OUT)

    # --- the parts of it

    def _expect(self, began: float, limit: float, done: Callable[[Outcome], None]) -> None:
        assert self._done is None
        self._done = done
        self._began = began
        if self._idle_output > _IDLE_OUTPUT and self._output_fd is not None:
            self._loop.add_reader(self._output_fd, self._printed)
        self._idle_output = 0
        self._timer = self._loop.call_later(limit, self._timed_out)

    def _finish(self, answer: Answer | None, ending: Ending | None) -> None:
        done, self._done = self._done, None
        if done is None:
            return
        seconds = time.monotonic() - self._began
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._drain()
        if answer is not None:
            self._peak_kb = max(self._peak_kb, answer.memory_kb or self._memory_kb()[0])
        exit_ = _exit_text(self._process.returncode) if ending is Ending.EXITED else ""
        done(Outcome(answer, seconds, self._peak_kb, ending, exit_))

    def _read_output(self) -> int:
        if self._output_fd is None:
            return 0
        try:
            data = os.read(self._output_fd, _CHUNK)
        except BlockingIOError:
            return 0
        if not data:
            self._close_output()
            return 0
        self.output.feed(data)
        return len(data)

    def _drain(self) -> None:
        """What was printed before the answer is in the pipe by now; threads that go on printing must not hold us."""
        drained = 0
        while drained < _DRAIN and (count := self._read_output()):
            drained += count
            if count < _CHUNK:
                break

    def _memory_kb(self) -> tuple[int, int]:
        """What is resident, and how much of that is shared."""
        if self._statm is None:
            return 0, 0
        try:
            _, resident, shared, _ = os.pread(self._statm, 128, 0).split(None, 3)
            return int(resident) * _PAGE_KB, int(shared) * _PAGE_KB
        except (OSError, ValueError):
            return 0, 0

    def _close_output(self) -> None:
        if self._output_fd is not None:
            self._loop.remove_reader(self._output_fd)
            os.close(self._output_fd)
            self._output_fd = None

    def _close(self) -> None:
        self._close_output()
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        if self._statm is not None:
            os.close(self._statm)
            self._statm = None
        self._channel.close()


_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
_NO_PROGRAM = {
    errno.ENOENT: "no such file or directory",
    errno.EACCES: "permission denied",
    errno.ENOEXEC: "exec format error",
}


def _spawn(launch: Launch, channel: Channel, output: int) -> subprocess.Popen[bytes]:
    """Raises `InvalidEntrypoint` if the program is not one that can be run, and OSError."""
    end = launch.life.end_for_worker()
    watched = -1 if launch.life.in_kernel else end
    try:
        process = subprocess.Popen(
            families.command(launch.code, launch.program, channel.inherited, watched, launch.separator),
            cwd=launch.directory,
            env={**launch.environment, **channel.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(*channel.inherited, end),
            start_new_session=True,
        )
        launch.life.bind(end, process.pid)
        _bound_files(process.pid)
        return process
    except OSError as error:
        if error.errno in _NO_PROGRAM and error.filename != str(launch.directory):
            reason = _NO_PROGRAM[error.errno]
            raise InvalidEntrypoint(f"fork/exec /var/task/{Path(launch.program.path).name}: {reason}") from None
        raise
    finally:
        os.close(end)


def _bound_files(pid: int) -> None:
    """Only Linux can do that from outside; elsewhere a worker has the server's own limit."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError):
            hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard) if hard >= 0 else OPEN_FILES, hard))


def _exit_text(returncode: int | None) -> str:
    """As Lambda says how a process ended."""
    if not returncode:
        return "Runtime exited without providing a reason"
    if returncode > 0:
        return f"Runtime exited with error: exit status {returncode}"
    try:
        name = _SIGNALS.get(signal.Signals(-returncode), signal.Signals(-returncode).name)
    except ValueError:
        name = str(-returncode)
    return f"Runtime exited with error: signal: {name}"


def new_stream(version: str, now: float) -> str:
    """A log stream's name: `YYYY/MM/DD/[$LATEST]<32 hex digits>`."""
    return time.strftime("%Y/%m/%d/", time.gmtime(now)) + f"[{version}]{secrets.token_hex(16)}"
