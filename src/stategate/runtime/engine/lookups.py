"""What can be asked of executions on disk: the part of `services.ports.Executions` that only reads."""

from __future__ import annotations

from collections.abc import Sequence

from stategate.asl.history import HistoryEvent
from stategate.runtime.engine.mapruns import child_of
from stategate.runtime.store.executions import ExecutionTables
from stategate.runtime.store.mapruns import PENDING, PENDING_REDRIVE, ExpressChild, StoredMapRun
from stategate.services.ports import Execution, MapRun
from stategate.services.ports.executions import ListedBy


class Lookups:
    """Reads of the tables, in the event loop."""

    def __init__(self, tables: ExecutionTables) -> None:
        self._tables = tables

    def get(self, arn: str) -> Execution | None:
        return self._tables.get(arn) or self._express_child(arn)

    def list(
        self,
        arn: str,
        *,
        by: ListedBy = "machine",
        status: str | None = None,
        after: tuple[float, str] | None = None,
        limit: int = 1000,
    ) -> Sequence[Execution]:
        return self._tables.page(arn, by=by, status=status, after=after, limit=limit)

    def history(
        self, arn: str, *, after: int | None = None, limit: int = 1000, reverse: bool = False, size: int | None = None
    ) -> Sequence[HistoryEvent]:
        return self._tables.history(arn, after=after, limit=limit, reverse=reverse, size=size)

    def running(self, machine_arn: str) -> int:
        return self._tables.count_running(machine_arn)

    def last_event(self, arn: str) -> int:
        return self._tables.last_event(arn)

    def children(
        self,
        map_run_arn: str,
        *,
        status: str | None = None,
        after: tuple[float, str] | None = None,
        limit: int = 1000,
    ) -> Sequence[Execution]:
        run = self._tables.map_runs.get(map_run_arn)
        if run is None or run.spec.type != "EXPRESS":
            return self._tables.page(map_run_arn, by="map_run", status=status, after=after, limit=limit)
        rows = self._tables.map_runs.express(map_run_arn, status, None if after is None else after[1], limit)
        return self._express(run, rows)

    def _express_child(self, arn: str) -> Execution | None:
        tables = self._tables.map_runs
        known = tables.express_child(arn)
        run = None if known is None else tables.get(known[0])
        if known is None or run is None:
            return None
        return next(iter(self._express(run, [known[1]])), None)

    def _express(self, run: StoredMapRun, rows: Sequence[ExpressChild]) -> Sequence[Execution]:
        parent = self._tables.get(run.execution)
        if parent is None:
            return ()
        return [
            Execution(
                child_of(parent.new, run, row.child, row.started),
                PENDING_REDRIVE if row.status == PENDING else row.status,
                row.stopped,
                row.output,
                row.error,
                row.cause,
            )
            for row in rows
        ]

    def awaits_redrive(self, map_run_arn: str, index: int) -> bool:
        return self._tables.map_runs.awaits_redrive(map_run_arn, index)

    def map_run(self, arn: str) -> MapRun | None:
        stored = self._tables.map_runs.get(arn)
        return None if stored is None else self._tables.map_runs.shown(stored)

    def map_runs(
        self, execution_arn: str, *, after: tuple[float, str] | None = None, limit: int = 1000
    ) -> Sequence[MapRun]:
        tables = self._tables.map_runs
        return [tables.shown(stored) for stored in tables.of(execution_arn, after, limit)]
