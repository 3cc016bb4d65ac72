"""Work whose cost others decide, such as the evaluation of an expression: waited for shortly, then left to go on beside
the event loop.

Python runs one thread at a time: beside the loop nothing gets faster, but what is there gives way to the loop every
`TURN`. Little of it runs at once, since the loop has to wait for a turn of each.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Made = Callable[[], T]

PATIENCE = 0.02
"""Seconds that one turn of the event loop waits for work, all together."""

SLICE = 0.01
"""Seconds after which a step of many states ends, so that its execution can be stopped, and others have their turn."""

THREADS = 2
"""How much work runs at once; the rest waits in its order."""

TURN = 0.001
"""Seconds that a thread may run while another wants to (`sys.setswitchinterval`)."""


class Beside(Protocol):
    """Where the engine has steps made."""

    def do(self, work: Made[T], later: Callable[[Made[T]], None], *, light: bool) -> Made[T] | None:
        """Returns a function that gives what the work gave, or raises what it raised; None: it takes long, and `later`
        will be called in the event loop with that function. `light`: it is known to take little time."""
        ...


class AtOnce:
    """In the event loop, however long it takes: for tests in which everything has its order."""

    def do(self, work: Made[T], later: Callable[[Made[T]], None], *, light: bool) -> Made[T] | None:
        return work


class Threads:
    """Threads that need not have ended when the process ends. Make it in the event loop that uses it."""

    def __init__(self) -> None:
        sys.setswitchinterval(TURN)
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._started = self._unfinished = 0
        self._patience = PATIENCE
        self._renewing = False

    def do(self, work: Made[T], later: Callable[[Made[T]], None], *, light: bool) -> Made[T] | None:
        if light:
            return work
        future: Future[T] = Future()
        self._begin(future, work)
        if self._unfinished <= THREADS and self._wait(future):
            self._unfinished -= 1
            return future.result

        def told() -> None:
            self._unfinished -= 1
            later(future.result)

        def tell(done: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(told)

        future.add_done_callback(tell)
        return None

    def _begin(self, future: Future[T], work: Made[T]) -> None:
        self._unfinished += 1
        if self._started < min(self._unfinished, THREADS):
            self._started += 1
            threading.Thread(target=self._work, name="stategate-beside", daemon=True).start()
        self._jobs.put((future, work))

    def _wait(self, future: Future[T]) -> bool:
        """Whether it is done before patience ends."""
        if not self._renewing:
            self._renewing = True
            self._loop.call_soon(self._renew)
        began = time.perf_counter()
        with contextlib.suppress(TimeoutError):
            future.exception(max(self._patience, 0.0))
        self._patience -= time.perf_counter() - began
        return future.done()

    def _renew(self) -> None:
        self._patience, self._renewing = PATIENCE, False

    def _work(self) -> None:
        while True:
            future, work = self._jobs.get()
            try:
                future.set_result(work())
            except Exception as error:  # noqa: BLE001 - whoever asks for the result is told
                future.set_exception(error)


async def made(beside: Beside, work: Made[T], *, light: bool = False) -> T:
    """The same for those who can wait: what the work gave, or raised."""
    future: asyncio.Future[Made[T]] = asyncio.get_running_loop().create_future()

    def later(done: Made[T]) -> None:
        if not future.done():  # nobody waits any more
            future.set_result(done)

    done = beside.do(work, later, light=light)
    return (await future if done is None else done)()
