"""Waiting for a backend, no longer than an integration may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


class Waiting:
    """The gateway stops waiting after the time limit; what it called goes on, as on AWS."""

    def __init__(self) -> None:
        # asyncio keeps no task alive by itself.
        self._running: set[asyncio.Task[Any]] = set()

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        """Raises TimeoutError."""
        task: asyncio.Task[T] = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        done, _ = await asyncio.wait((task,), timeout=seconds)
        if not done:
            raise TimeoutError
        return task.result()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Retrieved, so that a failure after the time limit is not reported as forgotten.
            task.exception()
