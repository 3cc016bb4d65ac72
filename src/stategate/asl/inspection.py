"""One state on its own: what TestState runs, and what it saw of the state's data on the way.

Nothing is interpreted twice. The compiled state's own functions are wrapped so that each leaves what it gave, and the
ordinary machine runs the state; a Map or Parallel is stopped where its iterations or branches would start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from stategate.asl import behaviour, machine
from stategate.asl.effects import Finish, ScheduleTask, StartTimer
from stategate.asl.events import TaskFailed, TaskSucceeded, TimerFired
from stategate.asl.failures import StateFailure
from stategate.asl.frames import Sequence
from stategate.asl.inspection_maps import enter_map, map_data
from stategate.asl.nesting import TIMEOUT, Failure, conclude, fail, in_state
from stategate.asl.program import Map, Parallel, Pass, Program, State, Task, Working
from stategate.asl.run import ROOT, Run, RunIdentity
from stategate.asl.turn import Refusal, Turn
from stategate.asl.value import Value
from stategate.lang.jsontext import JSON, dumps

_OPENING = frozenset({"MapStateStarted", "ParallelStateStarted"})
_CALLING = frozenset({"TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled"})

_SELECTIONS = {
    "input_path": "afterInputPath",
    "parameters": "afterParameters",
    "result_selector": "afterResultSelector",
    "items": "afterItemsPath",
    "concurrency": "maxConcurrency",
    "tolerated_count": "toleratedFailureCount",
    "tolerated_percentage": "toleratedFailurePercentage",
}
"""The functions of a compiled state that take a scope -> the member of InspectionData that shows what they gave."""


class _Reached(Exception):
    """The state would now start its iterations or branches, or call its task, which a mock stands for."""


@dataclass(slots=True)
class Outcome:
    """How the state ended. `status`: SUCCEEDED, FAILED, RETRIABLE, CAUGHT_ERROR. `data` is InspectionData by member
    name: JSON texts, and numbers where the member is one."""

    status: str
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    next_state: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


class _Watched(Turn):
    """A turn that remembers why states failed, and goes into no iteration or branch."""

    __slots__ = ("ends_at", "failures", "given_context", "variables_left")

    def __init__(
        self,
        program: Program,
        run: Run,
        now: float,
        seed: int,
        refusal: Refusal | None,
        context: JSON | None,
        mocked: bool,
    ) -> None:
        super().__init__(program, run, now, seed, refusal)
        self.failures: list[Failure] = []
        self.given_context = context
        self.ends_at = _OPENING | _CALLING if mocked else _OPENING
        self.variables_left: dict[str, Value] = {}

    def failing(self, sequence: Sequence, failure: Failure) -> None:
        self.failures.append(failure)

    def emit(self, previous: int, type: str, details: dict[str, Any] | None = None) -> int:
        if type in self.ends_at:
            raise _Reached
        return super().emit(previous, type, details)

    def finish(
        self, status: str, output: Value | None = None, error: str | None = None, cause: str | None = None
    ) -> None:
        self.variables_left = dict(self.run.variables(self.run.sequence(ROOT)))
        super().finish(status, output, error, cause)

    def context(self, sequence: Sequence, item: JSON | None = None) -> JSON:
        """The given one verbatim, or that of an Express execution."""
        if self.given_context is not None:
            context = dict(self.given_context)
        else:
            context = super().context(sequence)
            execution = context["Execution"]
            execution.pop("RedriveCount", None)
            if not self.run.identity.role_arn:
                execution.pop("RoleArn", None)
            execution["StartTime"] = execution.pop("StartTime")  # the last one [recorded]
            state = self.state(sequence)
            if isinstance(state, Working):
                context["State"]["RetryCount"] = sequence.retries
            if isinstance(state, Task) and state.resource.waits_for_token:
                context.setdefault("Task", {"Token": self.run.identity.execution_name})
        if item is not None:
            context["Map"] = {"Item": item}
        return context


class StateTest:
    """The state `name` of a program, which may stand in any of its flows, run once.

    `start`, then answer what it returns with `task_ended` or `time_passed`; or, where `mocked` is given, whatever work
    the state has with `give_result` or `give_failure` as soon as `at_work` is true. `outcome` tells the rest.
    `retried` is how often the state was tried again already.
    """

    def __init__(
        self,
        program: Program,
        name: str,
        identity: RunIdentity,
        *,
        now: float,
        seed: int,
        mocked: bool = False,
        context: JSON | None = None,
        variables: Mapping[str, JSON] | None = None,
        retried: int = 0,
        refusal: Refusal | None = None,
    ) -> None:
        """Raises KeyError where there is no such state."""
        flow = flow_of(program, name)
        self.original = program.flows[flow].states[name]
        self.seen: dict[str, Value] = {}
        self.at_work = False
        run = Run.new(identity)
        run.next_event()  # ExecutionStarted, in an execution
        self._sequence = Sequence(flow, name, run.input, 1)
        if retried and isinstance(self.original, Working):
            self._sequence.attempts = dict.fromkeys(range(len(self.original.retry)), retried)
            self._sequence.retries = retried
        run.put(run.reserve(), self._sequence)
        if variables:
            run.assign(self._sequence, {key: Value.of(value) for key, value in variables.items()})
            program = replace(program, variables=True)
        self._turn = _Watched(_watch(program, flow, name, self.seen), run, now, seed, refusal, context, mocked)

    # Running.

    def start(self, read: str | None = None) -> ScheduleTask | StartTimer | None:
        """Runs until the state has ended, waits for this task or this time, or is `at_work`. `read`: what the
        ItemReader of a Map would read."""
        try:
            behaviour.advance(self._turn, ROOT)
        except _Reached:
            self._reached(read)
            return None
        if self._sequence.phase not in ("task", "wait"):
            return None
        waited_for = ScheduleTask if self._sequence.phase == "task" else StartTimer
        return next((effect for effect in self._turn.effects if isinstance(effect, waited_for)), None)

    def _reached(self, read: str | None) -> None:
        state = self._turn.state(self._sequence)
        if isinstance(state, Map):
            try:
                scope = self._turn.scope(self._sequence, self._turn.effective_input(self._sequence, state).json)
                enter_map(
                    state, scope, lambda item: self._turn.scope(self._sequence, scope.input, item), read, self.seen
                )
            except StateFailure as failure:
                fail(self._turn, ROOT, self._sequence, in_state(self._sequence, failure))
                return
        self.at_work = True

    def task_ended(self, event: TaskSucceeded | TaskFailed) -> None:
        if isinstance(event, TaskSucceeded):
            self.seen["result"] = Value(event.output)
        machine.apply(self._turn, event)

    def time_passed(self, timer: str, now: float) -> None:
        """The time of a Wait, or of a task (`timeout:...`)."""
        self._turn.now = now
        machine.apply(self._turn, TimerFired(timer))

    def out_of_time(self) -> None:
        """The test took longer than tests may."""
        fail(self._turn, ROOT, self._sequence, Failure(TIMEOUT, None))

    def give_result(self, text: str) -> None:
        """JSON text: what the task, or the iterations or branches together, gave."""
        self.seen["result"] = Value(text)
        state = self._turn.state(self._sequence)
        assert isinstance(state, Working)
        conclude(self._turn, ROOT, self._sequence, state, Value(text))

    def give_failure(self, error: str | None, cause: str | None) -> None:
        """The task, an iteration or a branch failed."""
        children = not isinstance(self.original, Task)
        fail(self._turn, ROOT, self._sequence, Failure(error, cause, reported=True), children=children)

    # What came of it.

    def outcome(self) -> Outcome:
        finished = self._finished()
        failures = self._turn.failures
        if finished is not None:
            outcome = Outcome(finished.status, finished.output, finished.error, finished.cause)
        elif self._sequence.phase == "retry":
            outcome = Outcome("RETRIABLE", None, failures[-1].error, failures[-1].cause)
        else:
            sequence = self._sequence
            outcome = Outcome("SUCCEEDED", sequence.input.text, next_state=sequence.state)
            if failures:
                outcome.status = "CAUGHT_ERROR"
                outcome.error, outcome.cause = failures[-1].error, failures[-1].cause
        outcome.data = self._data(outcome)
        return outcome

    def _finished(self) -> Finish | None:
        return next((effect for effect in self._turn.effects if isinstance(effect, Finish)), None)

    def _data(self, outcome: Outcome) -> dict[str, Any]:
        data: dict[str, Any] = {"input": self._turn.run.input.text, **self._flow_of_data()}
        variables = self._variables()
        if variables:
            data["variables"] = dumps({name: value.json for name, value in variables.items()})
        details = self._error_details(outcome)
        if details:
            data["errorDetails"] = details
        return data

    def _variables(self) -> Mapping[str, Value]:
        run = self._turn.run
        sequence = run.sequence_or_none(ROOT)
        return self._turn.variables_left if sequence is None else run.variables(sequence)

    def _error_details(self, outcome: Outcome) -> dict[str, int]:
        """Which Retry and which Catch had to do with the failure, and how long the next attempt would wait."""
        state = self.original
        if not isinstance(state, Working) or not self._turn.failures:
            return {}
        failure = self._turn.failures[0]
        details: dict[str, int] = {}
        for number, retrier in enumerate(state.retry):
            if failure.matches(retrier.errors):
                details["retryIndex"] = number
                break
        for effect in self._turn.effects:
            if outcome.status == "RETRIABLE" and isinstance(effect, StartTimer) and effect.timer.startswith("retry:"):
                details["retryBackoffIntervalSeconds"] = round(effect.due - self._turn.now)
        for number, catcher in enumerate(state.catch):
            if outcome.status == "CAUGHT_ERROR" and failure.matches(catcher.errors):
                details["catchIndex"] = number
                break
        return details

    def _flow_of_data(self) -> dict[str, Any]:
        """The data from stage to stage, for as far as it came. A stage that the state does not define passes on what
        came before."""
        state, seen = self.original, self.seen
        shown: dict[str, Any] = {}
        value: Value = self._turn.run.input
        for stage, defined in _stages(state):
            if defined:
                if stage not in seen:
                    break
                value = seen[stage]
            if stage != "result" or not isinstance(state, Map | Parallel):
                shown[stage] = value.text
        if isinstance(state, Map):
            shown.update(map_data(state, seen))
        return shown

    def tolerates(self, failed: int, iterations: int) -> bool:
        """Whether so many iterations of a Map may fail. A Map without tolerances takes the mocked result [recorded]."""
        count, percentage = self.seen.get("toleratedFailureCount"), self.seen.get("toleratedFailurePercentage")
        if count is not None and failed > count.json:
            return False
        return percentage is None or failed * 100 <= percentage.json * iterations


_HIDDEN_RESULT = [("result", True)]
"""The result of iterations and branches is not shown, but what follows it comes from it [recorded]."""


def flow_of(program: Program, name: str) -> int:
    """The number of the flow that has the state. Raises KeyError."""
    for number, flow in enumerate(program.flows):
        if name in flow.states:
            return number
    raise KeyError(name)


def _stages(state: State) -> list[tuple[str, bool]]:
    """(member of InspectionData, whether the state defines it), in the order of evaluation [recorded]."""
    if state.jsonata:
        arguments = isinstance(state, Working) and not isinstance(state, Map) and state.parameters is not None
        if isinstance(state, Task):
            return [("afterArguments", arguments), ("result", True)]
        return [("afterArguments", True)] if arguments else []
    stages = [("afterInputPath", state.input_path is not None)]
    after = [("afterResultSelector", False), ("afterResultPath", False)]
    if isinstance(state, Pass):
        after[1] = ("afterResultPath", state.result_path is not None)
        if state.result is not None:
            return [("result", True), *after]
        return [*stages, ("afterParameters", state.parameters is not None), *after]
    if not isinstance(state, Working):
        return stages
    after = [
        ("afterResultSelector", state.result_selector is not None),
        ("afterResultPath", state.result_path is not None),
    ]
    match state:
        case Task():
            return [*stages, ("afterParameters", state.parameters is not None), ("result", True), *after]
        case Map():
            return [*stages, *_HIDDEN_RESULT, *after]
        case _:
            # A Parallel shows its effective input only where it is another than its input.
            before = [*stages, ("afterParameters", state.parameters is not None)]
            return [*(stage for stage in before if stage[1]), *_HIDDEN_RESULT, *after]


def _watch(program: Program, flow: int, name: str, seen: dict[str, Value]) -> Program:
    """The program, in which one state's functions leave in `seen` what they gave."""
    state = program.flows[flow].states[name]
    known = {each.name for each in fields(state)}
    changes: dict[str, Any] = {}
    for attribute, stage in _SELECTIONS.items():
        select = getattr(state, attribute) if attribute in known else None
        if attribute == "parameters":
            stage = "afterArguments" if state.jsonata else stage
            select = None if isinstance(state, Map) else select
        if select is not None:
            changes[attribute] = _recording(select, seen, stage)
    if isinstance(state, Pass | Working) and state.result_path is not None:
        changes["result_path"] = _recording(state.result_path, seen, "afterResultPath")
    if isinstance(state, Pass) and state.result is not None:
        seen["result"] = state.result
    states = {**program.flows[flow].states, name: replace(state, **changes)}
    flows = list(program.flows)
    flows[flow] = replace(flows[flow], states=states)
    return replace(program, flows=tuple(flows))


def _recording(select: Callable[..., JSON], seen: dict[str, Value], stage: str) -> Callable[..., JSON]:
    def recorded(*arguments: JSON) -> JSON:
        value = select(*arguments)
        seen[stage] = Value.of(value)
        return value

    return recorded
