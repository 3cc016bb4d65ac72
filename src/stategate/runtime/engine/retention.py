"""Throws away executions a while after their end, a few at a time, so that nobody has to wait for it."""

from __future__ import annotations

import asyncio

import structlog

from stategate.runtime.engine.futures import written
from stategate.runtime.store.retention import RetentionTables
from stategate.runtime.store.writer import StoreFailed
from stategate.services.ports import Clock

DAY = 86_400.0
PAUSE = 3600.0
"""Seconds between two looks."""

TOGETHER = 100

log = structlog.get_logger(__name__)


async def keep_purging(tables: RetentionTables, clock: Clock, days: float) -> None:
    """Until it is cancelled."""
    while True:
        try:
            await purge(tables, clock.now() - days * DAY)
        except StoreFailed as error:
            log.error("retention.not_written", error=str(error))
        await asyncio.sleep(PAUSE)


async def purge(tables: RetentionTables, before: float) -> int:
    """Deletes what ended before then; returns how many executions that were. Raises `StoreFailed`."""
    count = 0
    while arns := tables.expired(before, TOGETHER):
        await written(lambda done, arns=arns: tables.delete(arns, before, done))  # type: ignore[misc]
        count += len(arns)
        await asyncio.sleep(0)
    if count:
        await written(tables.delete_definitions)
        log.info("retention.purged", executions=count)
    return count
