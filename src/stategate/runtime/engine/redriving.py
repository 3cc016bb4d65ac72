"""Bringing back executions that have ended, to let them go on."""

from __future__ import annotations

from stategate.runtime.engine.language import Language, identity
from stategate.runtime.engine.live import Live
from stategate.runtime.store.executions import ExecutionTables
from stategate.services.ports import NotRedrivable


def load_ended(tables: ExecutionTables, language: Language, arn: str) -> Live:
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
    return Live(stored.new, run, stored.version)
