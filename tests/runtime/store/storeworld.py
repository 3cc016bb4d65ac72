"""A store on disk for the time of a test."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from stategate.runtime.store.sqlite import SqliteStore


def run(data_dir: Path, body: Callable[[SqliteStore], Awaitable[None]]) -> None:
    async def main() -> None:
        store = SqliteStore(data_dir)
        try:
            await body(store)
        finally:
            await store.close()

    asyncio.run(main())
