"""What a simulation came to, and what of that a crash must not change."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sim.outside import Outside
from sim.server import JumpingLoop
from stategate.asl.history import HistoryEvent
from stategate.runtime.engine import Engine
from stategate.services.ports import (
    Execution,
)


@dataclass(frozen=True)
class Story:
    """Everything that can be seen of the executions in the end; `left`: rows of them in tables where none should be.
    `tie`: when two things happened at the same instant first; `broken`: what must not have happened."""

    executions: dict[str, Execution]
    histories: dict[str, list[HistoryEvent]]
    map_runs: list[Any]
    left: dict[str, int]
    points: int
    died: list[str]
    calls: Counter[tuple[str, int]]
    tie: float
    broken: list[Exception]


TABLES = ("timer", "task", "inbox", "token", "watch")


def tell(outside: Outside) -> Story:
    loop = JumpingLoop()
    try:
        outside_task = loop.create_task(_tell(outside))
        outside.own.add(outside_task)
        return loop.run_until_complete(outside_task)
    finally:
        loop.set_exception_handler(lambda loop, context: None)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


async def _tell(outside: Outside) -> Story:
    await outside.story()
    server = outside.server
    assert server is not None and not server.dead
    arns = [arn for (arn,) in server.rows("SELECT arn FROM execution ORDER BY started, arn")]
    executions = {arn: server.engine.get(arn) for arn in arns}
    story = Story(
        {arn: execution for arn, execution in executions.items() if execution is not None},
        {arn: _pages(server.engine, arn) for arn in arns},
        [run for arn in arns for run in reversed(server.engine.map_runs(arn))],
        {table: rows[0][0] for table in TABLES if (rows := server.rows(f"SELECT count(*) FROM {table}"))[0][0]},
        outside.points,
        outside.died,
        outside.calls,
        outside.tie,
        outside.broken,
    )
    outside.server = None
    server.dead = True
    server.reader.close()
    server.connection.close()
    return story


def _pages(engine: Engine, arn: str) -> list[HistoryEvent]:
    events: list[HistoryEvent] = []
    while page := engine.history(arn, after=events[-1].id if events else None, limit=7):
        events += page
    return events


def told(story: Story, until: float = float("inf")) -> Any:
    """The same for two stories that differ in what a crash may change: a task in flight is called again, and its
    history says so with one more ...Started; ids that follow from the numbers of events. `until`: epoch seconds; what
    happened then and later is left out, and with it how everything ended."""
    if until < float("inf"):
        histories = [[event for event in events if event.timestamp < until] for events in story.histories.values()]
        return sorted(_anonymous(without_restarts(events)) for events in histories if events)
    executions = []
    for arn, execution in story.executions.items():
        shown = (execution.status, execution.stopped, execution.output, execution.error, execution.cause)
        executions.append((shown, execution.redrive_count, without_restarts(story.histories[arn])))
    return sorted(map(_anonymous, executions)), sorted(map(_anonymous, story.map_runs))


def without_restarts(events: list[HistoryEvent]) -> list[Any]:
    ids: dict[int, int] = {0: 0}
    begun: dict[tuple[int, str], int] = {}
    shown: list[Any] = []
    for event in events:
        previous = ids[event.previous]
        if event.type in ("LambdaFunctionStarted", "TaskStarted"):
            first = begun.setdefault((_scheduled(events, event), event.type), event.id)
            if first != event.id:
                ids[event.id] = ids[first]
                continue
        ids[event.id] = len(shown) + 1
        shown.append((previous, event.timestamp, event.type, event.details))
    return shown


def _scheduled(events: list[HistoryEvent], event: HistoryEvent) -> int:
    """The id of the event that scheduled the task."""
    while event.type.endswith("Started") and event.previous:
        event = events[event.previous - 1]
    return event.id


_MADE = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}(-\d+)*|\be(-\d+)+\b|event id #\d+")


def _anonymous(shown: Any) -> str:
    return _MADE.sub("…", repr(shown))
