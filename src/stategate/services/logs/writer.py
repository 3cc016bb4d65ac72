"""Writing the server's own logs: of functions, executions and APIs."""

from __future__ import annotations

from collections.abc import Sequence

from stategate.services.logs import records
from stategate.services.logs.records import Group, Stream
from stategate.services.ports import Clock, LogEvent, LogEvents, Store, World


class Writer:
    """Implements `services.ports.LogWriter`."""

    def __init__(self, store: Store, clock: Clock, log_events: LogEvents) -> None:
        self._store = store
        self._clock = clock
        self._log_events = log_events

    def write(self, world: World, group: str, stream: str, events: Sequence[LogEvent]) -> None:
        streams = records.streams(self._store, world)
        key = records.stream_key(group, stream)
        if streams.get(key) is None:
            now = int(self._clock.now() * 1000)
            groups = records.groups(self._store, world)
            if groups.get(group) is None:
                groups.put(group, Group(name=group, created=now))
            streams.put(key, Stream(group=group, name=stream, created=now))
        self._log_events.append(world, group, stream, events)
