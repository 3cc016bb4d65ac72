"""Work on what a request brought: in a thread beside the event loop where it is much, so that other requests go on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")

LARGE = 64 * 1024
"""Work on so many bytes, or of that weight, does not hold the event loop up noticeably."""

_threads = ThreadPoolExecutor(2, "stategate-beside")
"""Of its own, so that this holds up nothing that waits for the outside; few, since each delays the event loop."""


class Turns:
    """Work that waits for a thread, by whose it is: the owners have their turns, so that nobody waits for all that
    another one has to do."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = {}

    def put(self, owner: str, work: Callable[[], T]) -> Future[T]:
        """`do_next` is to be called once for it."""
        future: Future[T] = Future()
        with self._lock:
            self._waiting.setdefault(owner, deque()).append((future, work))
        return future

    def do_next(self) -> None:
        with self._lock:
            owner = next(iter(self._waiting))
            mine = self._waiting.pop(owner)
            future, work = mine.popleft()
            if mine:
                self._waiting[owner] = mine  # the last in the row
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits for the result is told
            future.set_exception(error)


_turns = Turns()


async def beside(size: int, work: Callable[[], T], owner: str = "") -> T:
    """Does work on so many bytes. `work` may run in another thread: it draws no ids, and gets records by key at most.
    `owner`: an API, say, whose work takes its turn with that of others."""
    if size < LARGE:
        return work()
    future = _turns.put(owner, work)
    _threads.submit(_turns.do_next)
    return await asyncio.wrap_future(future)
