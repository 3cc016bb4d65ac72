"""Work on what a request brought: in a thread beside the event loop where it is much, so that other requests go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

LARGE = 64 * 1024
"""Work on so many bytes, or of that weight, does not hold the event loop up noticeably."""

_threads = ThreadPoolExecutor(2, "stategate-beside")
"""Of its own, so that this holds up nothing that waits for the outside; few, since each delays the event loop."""


async def beside(size: int, work: Callable[[], T]) -> T:
    """Does work on so many bytes."""
    return work() if size < LARGE else await asyncio.get_running_loop().run_in_executor(_threads, work)
