"""Deleting the events that have passed their group's retention."""

from __future__ import annotations

import asyncio

from stategate.services.logs import records
from stategate.services.logs.common import DAY
from stategate.services.ports import Ports


def apply(ports: Ports) -> None:
    """Once, for all groups. What is past its retention is not shown even before."""
    now = int(ports.clock.now() * 1000)
    for world in ports.store.worlds("logs.group"):
        for name, group in records.groups(ports.store, world).items():
            if group.retention is not None:
                ports.log_events.expire(world, name, now - group.retention * DAY)


async def keep_applying(ports: Ports, every: float = 3600.0) -> None:
    """Until cancelled; `every` in seconds."""
    while True:
        apply(ports)
        await asyncio.sleep(every)
