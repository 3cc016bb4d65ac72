"""Executions on their way back into memory: those that run, and those that have ended and are to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stategate.asl.events import Continued, TaskRestarted, TimerFired
from stategate.runtime.engine.language import Language, identity
from stategate.runtime.engine.live import Delivery, Live
from stategate.runtime.engine.posts import decode_event
from stategate.runtime.engine.timers import order
from stategate.runtime.store.executions import ExecutionTables, StoredRun
from stategate.services.ports import NotRedrivable


def running(stored: StoredRun, language: Language, now: float) -> Live:
    """With what it has to do first in its inbox. Raises whatever what was stored can't be decoded with."""
    run = language.load(identity(stored.new), stored.header, stored.frames)
    live = Live(stored.new, run, stored.version, stored.latest, timers=set(stored.timers))
    live.owed = {task.command: task for task in stored.tasks}
    live.tokens, live.watches = dict(stored.tokens), dict(stored.watches)
    live.waits = bool(live.tokens or live.watches)
    live.inbox.extend(Delivery(TimerFired(timer)) for timer in _overdue(stored.timers, now))
    live.inbox.extend(Delivery(TaskRestarted(task.command)) for task in stored.tasks)
    live.inbox.extend(Delivery(decode_event(event), row=row) for row, event in stored.inbox)
    if stored.continues:
        live.inbox.append(Delivery(Continued()))
    return live


def _overdue(timers: Mapping[str, float], now: float) -> Sequence[str]:
    """They go before anything else: a task whose time is over must not be called again."""
    return [timer for _, (_, timer) in sorted((due, order(timer)) for timer, due in timers.items() if due <= now)]


def ended(tables: ExecutionTables, language: Language, arn: str) -> Live:
    """Raises `NotRedrivable` if nothing was kept that could go on."""
    stored = tables.load(arn, ended=True)
    if stored is None:
        raise NotRedrivable("Execution has no state that could be redriven")
    try:
        run = language.load(identity(stored.new), stored.header, stored.frames)
    except Exception as error:
        raise NotRedrivable(f"Execution cannot be read: {type(error).__name__}: {error}") from error
    if not run.redrivable:
        raise NotRedrivable(f"Execution is {run.status} and cannot be redriven")
    return Live(stored.new, run, stored.version, stored.latest)
