"""Task effects in flight: at most so many at a time, each of them can be cancelled, the rest wait in order."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import structlog

from stategate.asl.effects import ScheduleTask
from stategate.services.ports import NewExecution, TaskFailure, TaskOutcome, TaskRunner

log = structlog.get_logger(__name__)

Key = tuple[str, int]  # execution's ARN, command


class Tasks:
    """Performs tasks with `runner` and tells `ended(arn, command, outcome)`, but never of a cancelled one."""

    def __init__(self, runner: TaskRunner, limit: int, ended: Callable[[str, int, TaskOutcome], None]) -> None:
        self._runner = runner
        self._limit = limit
        self._ended = ended
        self._running: dict[Key, asyncio.Task[TaskOutcome]] = {}
        self._waiting: OrderedDict[Key, tuple[NewExecution, ScheduleTask]] = OrderedDict()
        self._commands: dict[str, set[int]] = {}
        self._cancelled: set[asyncio.Task[TaskOutcome]] = set()
        self._detached: set[asyncio.Task[TaskOutcome]] = set()

    def start(self, new: NewExecution, task: ScheduleTask) -> None:
        key = (new.arn, task.command)
        if key in self._running or key in self._waiting:
            return
        self._commands.setdefault(new.arn, set()).add(task.command)
        if len(self._running) < self._limit:
            self._launch(key, new, task)
        else:
            self._waiting[key] = (new, task)

    def cancel(self, arn: str, command: int) -> None:
        self._forget(arn, command)
        self._waiting.pop((arn, command), None)
        running = self._running.pop((arn, command), None)
        if running is not None:
            self._cancelled.add(running)
            running.cancel()
            self._next()

    def detach(self, arn: str, command: int) -> None:
        """The task's answer came by its token: its call goes on to its end, but nobody waits for that."""
        self._forget(arn, command)
        self._waiting.pop((arn, command), None)
        running = self._running.pop((arn, command), None)
        if running is not None:
            self._detached.add(running)
            self._next()

    def drop(self, arn: str) -> None:
        """Cancels all tasks of an execution."""
        for command in tuple(self._commands.get(arn, ())):
            self.cancel(arn, command)

    def active(self, arn: str) -> bool:
        return arn in self._commands

    async def close(self) -> None:
        """Cancels everything and waits until it has ended."""
        self._waiting.clear()
        for arn in tuple(self._commands):
            self.drop(arn)
        for detached in self._detached:
            self._cancelled.add(detached)
            detached.cancel()
        if self._cancelled:
            await asyncio.wait(self._cancelled)

    def _launch(self, key: Key, new: NewExecution, task: ScheduleTask) -> None:
        running = asyncio.get_running_loop().create_task(self._perform(new, task))
        self._running[key] = running
        running.add_done_callback(lambda done: self._done(key, done))

    async def _perform(self, new: NewExecution, task: ScheduleTask) -> TaskOutcome:
        try:
            return await _awaited(self._runner(new, task))
        except Exception as error:
            log.exception("task.failed", execution=new.arn, resource=task.resource, state=task.state_name)
            return TaskFailure("States.TaskFailed", f"The task could not be performed: {type(error).__name__}: {error}")

    def _done(self, key: Key, done: asyncio.Task[TaskOutcome]) -> None:
        self._cancelled.discard(done)
        self._detached.discard(done)
        if self._running.get(key) is not done:
            return
        del self._running[key]
        self._forget(*key)
        outcome = TaskFailure("States.TaskFailed", "The call was cancelled") if done.cancelled() else done.result()
        self._next()
        self._ended(*key, outcome)

    def _next(self) -> None:
        while self._waiting and len(self._running) < self._limit:
            key, (new, task) = self._waiting.popitem(last=False)
            self._launch(key, new, task)

    def _forget(self, arn: str, command: int) -> None:
        commands = self._commands.get(arn)
        if commands is not None:
            commands.discard(command)
            if not commands:
                del self._commands[arn]


async def _awaited(outcome: Awaitable[TaskOutcome]) -> TaskOutcome:
    return await outcome
