"""How executions move: per execution an ordered inbox of events, steps, one commit for all of them, then their effects.

* An execution that waits for timers only may leave memory; a timer, a stop or a callback brings it back.
* A step that takes long goes on beside the event loop; what comes for its execution meanwhile waits in the inbox.
* What can't go on because of an error in Stategate (a step that raises, a run that can't be decoded) ends as FAILED
  with States.Runtime and its cause; the others go on. What can't be written is forgotten and read again from disk.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from stategate.asl.effects import Finish
from stategate.asl.events import (
    Continued,
    StopRequested,
    TaskFailed,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from stategate.asl.machine import IllegalEvent, Step
from stategate.asl.maprun import RedriveMapRun
from stategate.runtime.clock import AlarmClock
from stategate.runtime.engine import loading
from stategate.runtime.engine.activities import Activities
from stategate.runtime.engine.beside import AtOnce, Beside
from stategate.runtime.engine.children import ended
from stategate.runtime.engine.language import (
    Language,
    Programs,
    light,
    light_but_for_jsonata,
    states_language,
)
from stategate.runtime.engine.live import STOP, Delivery, Live, Outcome, broken
from stategate.runtime.engine.lookups import Lookups
from stategate.runtime.engine.mapruns import MapRuns
from stategate.runtime.engine.tasks import Tasks
from stategate.runtime.engine.timers import HORIZON, Timers
from stategate.runtime.store.executions import Change, ExecutionTables
from stategate.runtime.store.writer import Conflict, StoreFailed
from stategate.services.ports import (
    Entropy,
    Execution,
    ExecutionObserver,
    NewExecution,
    TaskAccepted,
    TaskOutcome,
    TaskRunner,
    TaskSuccess,
)

HOT = 512
"""So many idle runs stay in memory."""

BUSY = 1000
"""With so many commits under way, timers and recovery wait."""

TOGETHER = 100
"""So many events of one execution share a commit at most."""

RETRY = 1.0
"""Seconds until an execution that could not be written is read again."""

log = structlog.get_logger(__name__)


class Runs(Lookups):
    """The executions in memory, brought back from disk when something happens to them."""

    _activities: Activities
    _map_runs: MapRuns

    def __init__(
        self,
        tables: ExecutionTables,
        runner: TaskRunner,
        clock: AlarmClock,
        entropy: Entropy,
        observers: Sequence[ExecutionObserver],
        language: Language | None,
        beside: Beside | None,
        max_tasks: int,
    ) -> None:
        super().__init__(tables)
        self._clock = clock
        self._seed = int(entropy.uuid().replace("-", ""), 16)  # plus the step's number: never the same twice
        self._observers = tuple(observers)
        self._language = language or states_language()
        self._programs = Programs(self._language)
        self._beside = beside or AtOnce()
        self._tasks = Tasks(runner, max_tasks, self._task_ended)
        self._timers = Timers(clock, tables, self._fire, self._busy)
        self._live: dict[str, Live] = {}
        self._idle: OrderedDict[str, Live] = OrderedDict()
        self._stepping: dict[Live, Outcome] = {}
        self._committing = 0
        self._quiet: asyncio.Future[None] | None = None
        self._closed = False
        self.steps = 0

    async def _leave(self, error: Exception) -> None:
        """Waits for the commits under way; whoever waits for something else gets the error."""
        for outcome in self._stepping.values():
            outcome.settle(error)
        self._stepping.clear()  # first, or one would end meanwhile and commit
        if self._committing:
            self._quiet = asyncio.get_running_loop().create_future()
            await self._quiet
        for live in tuple(self._live.values()):
            self._give_up(live, error)

    # --- finding and bringing back

    def _find(self, arn: str) -> Live | None:
        """The execution in memory, read from disk if need be; None if it doesn't run."""
        live = self._live.get(arn)
        return live if live is not None else self._load(arn)

    def _load(self, arn: str) -> Live | None:
        stored = self._tables.load(arn)
        if stored is None:
            return None
        now = self._clock.now()
        try:
            live = loading.running(stored, self._language, now)
        except Exception as error:
            log.exception("execution.undecodable", execution=arn)
            self._park(Live(stored.new, None, stored.version, stored.latest), error)
            return None
        self._live[arn] = live
        live.has_map_runs = self._map_runs.any_of(arn)
        for command, child in live.watches.items():
            self._look(live, command, child)
        for timer, due in stored.timers.items():  # a commit that failed may have taken them out of memory
            if due > now:
                self._timers.set(arn, timer, due)
        self._proceed(live)
        return live

    def _recover(self, arn: str) -> None:
        if self._closed or arn in self._live:
            return
        try:
            self._load(arn)
        except Exception:
            log.exception("execution.unreadable", execution=arn)
            self._clock.call_at(self._clock.now() + HORIZON, lambda: self._recover(arn))

    # --- the loop

    def _deliver(self, live: Live, delivery: Delivery) -> None:
        live.inbox.append(delivery)
        self._proceed(live)

    def _proceed(self, live: Live) -> None:
        """Takes up what is in the inbox, unless a commit is under way: it will be taken up after that."""
        if live.busy or self._closed:
            return
        if not live.inbox:
            self._rest(live)
            return
        self._idle.pop(live.new.arn, None)
        live.busy = True
        self._step_all(live, Outcome())

    def _step_all(self, live: Live, outcome: Outcome, made: Callable[[], Step] | None = None) -> None:
        """Steps through the inbox and commits. A step that takes long comes back as `made` when it is over."""
        try:
            while True:
                if made is not None:
                    self._take(live, outcome, made)
                if not live.inbox or outcome.finish is not None or len(outcome.deliveries) >= TOGETHER:
                    break
                made = self._step(live, outcome, live.inbox.popleft())
                if made is None:
                    self._stepping[live] = outcome
                    return
            self._commit(live, outcome, outcome.change(live) if live.kept else None)
        except Exception as error:
            log.exception("execution.broken", execution=live.new.arn)
            self._park(live, error, outcome)

    def _step(self, live: Live, outcome: Outcome, delivery: Delivery) -> Callable[[], Step] | None:
        """None: it takes long, and goes on beside the event loop."""
        now = outcome.at = self._clock.now()
        is_first = not outcome.deliveries
        outcome.event(live, delivery)
        self.steps += 1
        new, event, seed, is_light = live.new, delivery.event, self._seed + self.steps, light(live.new)
        if not is_light and is_first and light_but_for_jsonata(new):
            live.run, attempted = self._programs.attempt(new, live.run, event, now, seed)
            if attempted is not None:
                return attempted
        step = partial(self._programs.step, new, live.run, event, now, seed)
        return self._beside.do(step, lambda made: self._stepped(live, made), light=is_light)

    def _stepped(self, live: Live, made: Callable[[], Step]) -> None:
        outcome = self._stepping.pop(live, None)
        if outcome is not None:  # not closed meanwhile
            self._step_all(live, outcome, made)

    def _take(self, live: Live, outcome: Outcome, made: Callable[[], Step]) -> None:
        try:
            outcome.take(live, made())
        except IllegalEvent:
            illegal = type(outcome.deliveries[-1].event).__name__
            log.exception("event.illegal", execution=live.new.arn, illegal=illegal)

    def _commit(self, live: Live, outcome: Outcome, change: Change | None) -> None:
        """`change` None: nothing is kept."""
        live.busy = True
        self._committing += 1

        def done(error: Exception | None) -> None:
            self._committed(live, outcome, error)

        if change is None:
            asyncio.get_running_loop().call_soon(done, None)
            return
        try:
            self._tables.commit(change, done)
        except Exception:  # what can't be written, such as a number that is too large
            self._committing -= 1
            raise

    def _committed(self, live: Live, outcome: Outcome, error: Exception | None) -> None:
        self._committing -= 1
        live.busy = False
        if error is None:
            self._visible(live, outcome)
        else:
            self._lose(live, outcome, error)
        if not self._committing and self._quiet is not None and not self._quiet.done():
            self._quiet.set_result(None)

    def _visible(self, live: Live, outcome: Outcome) -> None:
        """The commit is on disk: now others may know, and effects be performed."""
        live.version += 1
        live.starting = None
        outcome.settle(None)
        for command in outcome.answered:
            self._tasks.detach(live.new.arn, command)
        self._observe(live, outcome)
        if outcome.finish is not None:
            self._finished(live, outcome, outcome.finish)
            return
        live.run.committed()
        self._perform(live, outcome)
        for begun in outcome.map_runs:
            self._map_runs.begin(begun.map_run, again=isinstance(begun, RedriveMapRun))
        if outcome.stopped_map_runs:
            self._map_runs.abort(live.new.arn, outcome.stopped_map_runs)
        self._tell_others(live, outcome)
        if outcome.continues:
            live.inbox.appendleft(Delivery(Continued()))
        self._proceed(live)

    def _perform(self, live: Live, outcome: Outcome) -> None:
        arn = live.new.arn
        for command in outcome.cancelled:
            self._tasks.cancel(arn, command)
        for timer in outcome.ended_timers:
            self._timers.cancel(arn, timer)
        for timer, due in outcome.timers.items():
            live.timers.add(timer)
            self._timers.set(arn, timer, due, on_disk=live.kept)
        if self._closed:
            return
        for task in (*outcome.restarted.values(), *outcome.tasks.values()):
            self._tasks.start(live.new, task)

    def _tell_others(self, live: Live, outcome: Outcome) -> None:
        for token in outcome.tokens.values():
            if token.activity is not None:
                self._activities.offered(token.activity)
        for command, child in outcome.watches.items():
            self._look(live, command, child)
        for child in outcome.stops:
            self._take_up(child, Delivery(StopRequested(), row=STOP))

    def _look(self, live: Live, command: int, child: str) -> None:
        """Tells a run of the execution that it waits for, if that has ended."""
        execution = self._tables.get(child)
        if execution is None:
            cause = f"Execution Does Not Exist: '{child}'"
            live.inbox.append(Delivery(TaskFailed(command, "States.TaskFailed", cause)))
        elif execution.status != "RUNNING":
            live.inbox.append(Delivery(ended(command, execution)))

    def _take_up(self, arn: str, delivery: Delivery) -> None:
        """What has been written into an execution's inbox; if it has to be read from disk, the inbox comes with it."""
        known = arn in self._live
        live = self._find(arn)
        if live is not None and known:
            self._deliver(live, delivery)

    def _finished(self, live: Live, outcome: Outcome, finish: Finish) -> None:
        arn = live.new.arn
        self._forget(live)
        self._tell_others(live, outcome)
        if live.has_map_runs:
            self._map_runs.abort(arn)
        if live.kept and live.new.map_run_arn is not None:
            self._map_runs.child_ended(live.new, finish.status)
        for watcher, command in self._tables.watchers(arn) if live.kept else ():
            waiting = self._live.get(watcher)
            if waiting is None:
                self._find(watcher)
            elif command in waiting.watches:
                execution = _execution(live.new, finish, outcome.stopped)
                self._deliver(waiting, Delivery(ended(command, execution)))
        if live.recorded:
            self._tables.end_express(arn, _logged(arn))
        for delivery in live.inbox:
            delivery.settle(None)
        live.inbox.clear()
        if live.ended is not None and not live.ended.done():
            live.ended.set_result(_execution(live.new, finish, outcome.stopped))

    def _lose(self, live: Live, outcome: Outcome, error: Exception) -> None:
        """It is not on disk: forget what was done in memory; what is on disk goes on a little later."""
        arn = live.new.arn
        if not (isinstance(error, Conflict) and live.version == 0):
            log.error("execution.not_written", execution=arn, error=str(error) or type(error).__name__)
        outcome.settle(error)
        self._give_up(live, error)
        if live.version and not self._closed:
            self._clock.call_at(self._clock.now() + RETRY, lambda: self._recover(arn))

    def _give_up(self, live: Live, error: Exception) -> None:
        self._forget(live)
        for delivery in live.inbox:
            delivery.settle(error)
        live.inbox.clear()
        if live.ended is not None and not live.ended.done():
            live.ended.set_exception(error)
            live.ended.exception()  # whoever waited may be gone

    def _park(self, live: Live, error: Exception, outcome: Outcome | None = None) -> None:
        """Ends an execution that Stategate can't go on with."""
        last = self._tables.last_event(live.new.arn) if live.version else 0
        parked = broken(error, last, max(self._clock.now(), live.latest))
        parked.deliveries = outcome.deliveries if outcome else []
        self._commit(live, parked, parked.change(live) if live.kept else None)

    # --- resting

    def _rest(self, live: Live) -> None:
        arn = live.new.arn
        if not live.kept or self._tasks.active(arn) or arn not in self._live:
            return
        self._idle[arn] = live
        self._idle.move_to_end(arn)
        while len(self._idle) > HOT:
            arn, _ = self._idle.popitem(last=False)
            del self._live[arn]

    def _forget(self, live: Live) -> None:
        arn = live.new.arn
        if self._live.get(arn) is live:
            del self._live[arn]
            self._idle.pop(arn, None)
            self._tasks.drop(arn)
            self._timers.drop(arn)

    def _busy(self) -> bool:
        return self._committing + len(self._stepping) >= BUSY

    # --- what happens

    def _task_ended(self, arn: str, command: int, outcome: TaskOutcome) -> None:
        live = self._live.get(arn)
        if live is None:
            return
        if isinstance(outcome, TaskSuccess):
            self._deliver(live, Delivery(TaskSucceeded(command, outcome.output)))
        elif isinstance(outcome, TaskAccepted):
            self._deliver(live, Delivery(TaskSubmitted(command, outcome.output, outcome.execution_arn)))
        else:
            self._deliver(live, Delivery(TaskFailed(command, outcome.error, outcome.cause)))

    def _fire(self, arn: str, timer: str) -> None:
        live = self._find(arn)
        if live is not None and timer in live.timers:
            self._deliver(live, Delivery(TimerFired(timer)))

    def _observe(self, live: Live, outcome: Outcome) -> None:
        for observer in self._observers:
            try:
                if live.version == 1 or outcome.redriven:
                    observer.status(_running(live.new))
                if outcome.history:
                    observer.events(live.new, outcome.history)
                if outcome.finish is not None:
                    observer.status(_execution(live.new, outcome.finish, outcome.stopped))
            except Exception:
                log.exception("observer.failed", execution=live.new.arn)


def _running(new: NewExecution) -> Execution:
    return Execution(new, "RUNNING", redrive_count=new.redrives, redriven=new.redriven)


def _execution(new: NewExecution, finish: Finish, stopped: float | None) -> Execution:
    ending = (finish.status, stopped, finish.output, finish.error, finish.cause)
    return Execution(new, *ending, new.redrives, new.redriven)


def _logged(arn: str) -> Callable[[Exception | None], None]:
    def done(error: Exception | None) -> None:
        if isinstance(error, StoreFailed):
            log.error("express.not_written", execution=arn, error=str(error))

    return done
