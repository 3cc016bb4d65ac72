"""A worker never outlives the server: the kernel ends its process group when the server is gone, however it went.

`Life` holds a pipe whose write end only the server has. Each worker inherits a read end of its own, which is set to
send SIGKILL to the worker's group when the pipe closes: nothing in the worker has to run for that, so it holds for
handlers that keep their interpreter busy and for programs of any language. Where the kernel has no such signal, the
worker's bootstrap watches the pipe.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys

LINUX = sys.platform == "linux"
_F_SETSIG = 10


class Life:
    """`in_kernel`: whether the kernel ends workers; else their bootstraps must."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self.in_kernel = LINUX and self._has_signals()

    def _has_signals(self) -> bool:
        """Not every kernel that says it is Linux has them; without an owner they go nowhere."""
        end = self._own_end()
        try:
            self._ask_for_signal(end)
            return True
        except OSError:
            return False
        finally:
            os.close(end)

    def end_for_worker(self) -> int:
        """A read end for one worker to inherit; the caller closes it once `bind` is done."""
        return self._own_end() if self.in_kernel else os.dup(self._read)

    def bind(self, end: int, group: int) -> None:
        """From now on the process group ends with the server."""
        if self.in_kernel:
            fcntl.fcntl(end, fcntl.F_SETOWN, -group)
            self._ask_for_signal(end)
            # A pipe that closed before gives no signal any more.
            with contextlib.suppress(BlockingIOError):
                os.read(end, 1)
                os.killpg(group, signal.SIGKILL)

    def _own_end(self) -> int:
        """A file description of its own: the owner of its signals will be the worker's group."""
        return os.open(f"/proc/self/fd/{self._read}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    @staticmethod
    def _ask_for_signal(end: int) -> None:
        fcntl.fcntl(end, _F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(end, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)
