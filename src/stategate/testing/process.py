"""A real server in a process of its own, for tests: start it, kill it, start it again on the same data.

with ServerProcess() as server:
    boto3.client("stepfunctions", endpoint_url=server.url, ...)
"""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType

_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The server is on this machine, where no proxy that the environment names leads."""


class ServerProcess:
    """`stategate serve` on the loopback address, on a free port if none is given. Without `data_dir` it keeps its data
    in a temporary directory that goes with it. `options` are further command line options; settings in the environment
    (STATEGATE_...) and a stategate.toml in the working directory count too."""

    def __init__(self, data_dir: Path | None = None, *options: str, port: int | None = None) -> None:
        self._temporary = None if data_dir else tempfile.TemporaryDirectory(prefix="stategate-")
        self.data_dir = data_dir or Path(self._temporary.name if self._temporary else ".")
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.options = options
        self.log = self.data_dir / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 120) -> None:
        """Returns once the server answers; RuntimeError, with its log, if it ends or does not answer in time."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "stategate", "serve", "--port", str(self.port)]
        command += ["--data-dir", str(self.data_dir), *self.options]
        with self.log.open("ab") as log:
            earlier = log.tell()
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + timeout
        while not self.healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                said = self.log.read_bytes()[earlier:][-8000:].decode(errors="replace")
                raise RuntimeError(f"the server did not start:\n{said}")
            time.sleep(0.02)

    def healthy(self) -> bool:
        try:
            with _DIRECTLY.open(f"{self.url}/_stategate/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9: nothing is said to the server, nothing is written any more."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self, timeout: float = 120) -> int:
        """SIGTERM; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout)

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.running:
            self.stop()
        if self._temporary:
            self._temporary.cleanup()


def _free_port() -> int:
    """None of the ports that the system gives to clients: while a server that was killed is down, a client that tries
    to reach it there could be given that very port, be connected to itself, and keep the server from coming back."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
