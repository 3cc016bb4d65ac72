"""Waiting for what the writer's callbacks say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Done = Callable[[Exception | None], None]


async def written(submit: Callable[[Done], None]) -> None:
    """Returns once it is on disk. Raises `Conflict` or `StoreFailed`."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    submit(settler(future))
    await asyncio.shield(future)


def settler(future: asyncio.Future[None]) -> Done:
    """A callback that settles the future, unless somebody has given up on it."""

    def settle(error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
            future.exception()  # whoever waited may be gone

    return settle
