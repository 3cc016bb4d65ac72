"""TestState: one state, run on its own, with what it saw of its data."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from stategate.asl import resources
from stategate.asl.effects import ScheduleTask, StartTimer
from stategate.asl.events import TaskFailed, TaskSucceeded
from stategate.asl.inspection import Outcome, StateTest, flow_of
from stategate.asl.problems import InvalidDefinition
from stategate.asl.program import Map, Parallel, Program, Resource, State, Task, Working
from stategate.asl.program import compile as compile_program
from stategate.asl.run import RunIdentity
from stategate.asl.value import Value
from stategate.lang import jsontext
from stategate.services import access
from stategate.services.beside import LARGE, beside
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError, validation_error
from stategate.services.ports import NewExecution, TaskFailure
from stategate.services.states import configuration, definitions, names
from stategate.services.states.definitions import argument_problems, unknown_action
from stategate.services.states.errors import invalid_definition, invalid_input
from stategate.services.states.payloads import check_payload
from stategate.services.states.tasks import refusal, run_task
from stategate.services.states.teststate_context import read_context
from stategate.services.states.teststate_schema import check_result

ALONE = "StateName"
"""The name that a state has when it comes without a state machine [recorded]."""

LONGEST = 300.0
"""Seconds that a test may take."""

THRESHOLD_EXCEEDED = "States.ExceedToleratedFailureThreshold"
_UNSUPPORTED = (
    "TestState API does not support Map or Parallel states. Supported state types include:"
    " [Task, Wait, Pass, Succeed, Fail, Choice]"
)
_WITH_MOCK_ONLY = {
    "retrierRetryCount": "RetrierRetryCount",
    "errorCausedByState": "ErrorCausedByState",
    "mapIterationFailureCount": "MapIterationFailureCount",
    "mapItemReaderData": "MapItemReaderData",
}


@dataclass(frozen=True, slots=True)
class _Mock:
    """`result` is JSON text with its value, or there is a failure."""

    result: str | None
    value: Any
    error: str | None
    cause: str | None
    mode: str


@dataclass(frozen=True, slots=True)
class _Request:
    """A call of TestState, checked."""

    program: Program
    state: State
    role_arn: str
    input: str
    variables: dict[str, Any]
    context: dict[str, Any] | None
    mock: _Mock | None
    configuration: dict[str, Any]


async def test_state(call: Call, input: Input) -> Output:
    """A state that fails is an answer, not an error."""
    name, machine = call.ports.entropy.uuid(), call.ports.entropy.uuid()
    request = await _read(call, input, machine)
    identity = RunIdentity(
        names.arn_of(call.world, f"express:{machine}:{name}"),
        name,
        names.machine_arn(call.world, machine),
        machine,
        request.role_arn,
        request.input,
        call.now,
    )

    def refused(resource: Resource, given: Value) -> str | None:
        # A mock stands for the activity, which need not be there.
        if request.mock is not None and resource.kind == "activity":
            return None
        return refusal(call.ports, resource, given)

    test = StateTest(
        request.program,
        request.state.name,
        identity,
        now=call.now,
        seed=int(call.ports.entropy.random() * 2**62),
        mocked=request.mock is not None,
        context=request.context,
        variables=request.variables,
        retried=int(request.configuration.get("retrierRetryCount") or 0),
        refusal=refused,
    )
    waits_for = await beside(LARGE, lambda: test.start(request.configuration.get("mapItemReaderData")))
    mock = request.mock
    if mock is not None:
        if test.at_work:
            await beside(LARGE, lambda: _answer(test, request, mock))
    elif isinstance(waits_for, ScheduleTask):
        await _perform(call, test, waits_for, identity, input["definition"])
    elif isinstance(waits_for, StartTimer):
        await _wait(call, test, waits_for)
    return _show(test.outcome(), input.get("inspectionLevel") or "INFO")


def _show(outcome: Outcome, level: str) -> Output:
    answer: Output = {
        "status": outcome.status,
        "output": outcome.output,
        "error": outcome.error,
        "cause": outcome.cause,
        "nextState": outcome.next_state,
    }
    answer = {member: value for member, value in answer.items() if value is not None}
    if level != "INFO":
        answer["inspectionData"] = outcome.data
    return answer


# --- running ----------------------------------------------------------------------------------------------------


def _answer(test: StateTest, request: _Request, mock: _Mock) -> None:
    failed = int(request.configuration.get("mapIterationFailureCount") or 0)
    if mock.result is None:
        test.give_failure(mock.error, mock.cause)
    elif test.tolerates(failed, len(mock.value) if isinstance(mock.value, list) else failed):
        test.give_result(mock.result)
    else:
        test.give_failure(THRESHOLD_EXCEEDED, "The specified tolerated failure threshold was exceeded")


async def _perform(call: Call, test: StateTest, task: ScheduleTask, identity: RunIdentity, definition: str) -> None:
    """Calls the task as an Express execution of this role would."""
    execution = NewExecution(
        arn=identity.execution_arn,
        name=identity.execution_name,
        world=call.world,
        machine_arn=identity.machine_arn,
        machine_name=identity.machine_name,
        definition=definition,
        role_arn=identity.role_arn,
        type="EXPRESS",
        input=identity.input,
        started=identity.started,
    )
    limit = min(LONGEST, task.timeout if task.timeout is not None else LONGEST)
    try:
        outcome = await asyncio.wait_for(run_task(call.ports, execution, task, call.calls), limit)
    except TimeoutError:
        test.time_passed(f"timeout:{task.command}", call.ports.clock.now())
        return
    if isinstance(outcome, TaskFailure):
        event: TaskFailed | TaskSucceeded = TaskFailed(task.command, outcome.error, outcome.cause)
    else:
        event = TaskSucceeded(task.command, outcome.output)
    await beside(LARGE, lambda: test.task_ended(event))


async def _wait(call: Call, test: StateTest, timer: StartTimer) -> None:
    seconds = timer.due - call.ports.clock.now()
    await asyncio.sleep(max(0.0, min(seconds, LONGEST)))
    if seconds > LONGEST:
        test.out_of_time()
    else:
        await beside(LARGE, lambda: test.time_passed(timer.timer, timer.due))


# --- reading ----------------------------------------------------------------------------------------------------


async def _read(call: Call, input: Input, machine: str) -> _Request:
    """`machine`: the name that the state machine of the test has."""
    mock = _mock(input)
    program, state = await beside(definitions.weight(input["definition"]), lambda: _state(input))
    given = {name: value for name, value in (input.get("stateConfiguration") or {}).items() if value is not None}
    if mock is None:
        _check_unmocked(state, input, given)
    else:
        _check_mock(program, state, mock, given)
    context = None if input.get("context") is None else read_context(input["context"])
    role_arn = input.get("roleArn") or ""
    if role_arn:
        configuration.check_role(call, role_arn, names.machine_arn(call.world, machine))
    if input.get("revealSecrets"):
        access.authorize(call.ports, call.world, call.principal, "states:RevealSecrets", "*")
    text = input.get("input")
    if text is not None:
        check_payload("input", text, invalid_input)
    return _Request(program, state, role_arn, text or "{}", _variables(input), context, mock, given)


def _variables(input: Input) -> dict[str, Any]:
    try:
        variables = jsontext.loads(input.get("variables") or "{}")
    except jsontext.JSONSyntaxError:
        variables = None
    if not isinstance(variables, dict):
        raise validation_error("Variables must be a valid JSON object")
    return variables


def _state(input: Input) -> tuple[Program, State]:
    """The state under test, and the program that it stands in: its own machine's, or one made for it alone."""
    name = input.get("stateName")
    definition = input["definition"] if name is not None else _machine_of(input["definition"])
    try:
        program = compile_program(definition, any_resource=True)
        problems = tuple(argument_problems(jsontext.loads(definition)))
        if problems:
            raise InvalidDefinition(problems)
    except InvalidDefinition as error:
        raise invalid_definition(error) from None
    name = ALONE if name is None else name
    try:
        return program, program.flows[flow_of(program, name)].states[name]
    except KeyError:
        raise validation_error("State not found in definition") from None


def _machine_of(definition: str) -> str:
    """A state machine around the state, with an end for each of its transitions."""
    try:
        state = jsontext.loads_unique(definition)
    except jsontext.JSONSyntaxError:
        return definition  # the compiler says what is wrong
    if not isinstance(state, dict):
        return definition
    ends = {target: {"Type": "Succeed"} for target in _targets(state) if target != ALONE}
    return jsontext.dumps({"StartAt": ALONE, "States": {ALONE: state, **ends}})


def _targets(state: dict[str, Any]) -> list[str]:
    rules = [rule for field in ("Choices", "Catch") for rule in (state.get(field) or []) if isinstance(rule, dict)]
    targets = [state.get("Next"), state.get("Default"), *(rule.get("Next") for rule in rules)]
    return [target for target in targets if isinstance(target, str) and target]


def _mock(input: Input) -> _Mock | None:
    given = input.get("mock")
    if given is None:
        if input.get("context") is not None:
            raise validation_error("TestState does not support Context when a mock is not specified.")
        return None
    result, failure = given.get("result"), given.get("errorOutput")
    if (result is None) == (failure is None):
        raise validation_error("A test mock should have only one of the following fields: [result, errorOutput].")
    if input.get("revealSecrets"):
        raise validation_error("TestState does not support RevealSecrets when a mock is specified.")
    try:
        value = None if result is None else jsontext.loads(result)
    except jsontext.JSONSyntaxError:
        raise validation_error("Mocked result must be valid JSON") from None
    if failure is not None and failure.get("error") is None:
        raise validation_error("The field 'error' is required in the errorOutput of a mock.")
    failure = failure or {}
    return _Mock(
        result, value, failure.get("error"), failure.get("cause"), given.get("fieldValidationMode") or "STRICT"
    )


def _check_unmocked(state: State, input: Input, given: dict[str, Any]) -> None:
    for member, name in _WITH_MOCK_ONLY.items():
        if member in given:
            raise validation_error(f"TestState does not support {name} when a mock is not specified.")
    if isinstance(state, Map | Parallel):
        raise AwsError("InvalidDefinition", _UNSUPPORTED)
    if not isinstance(state, Task):
        return
    resource = state.resource
    if resource.kind == "activity" or resource.pattern:
        what = "activities" if resource.kind == "activity" else f"the integration pattern '.{resource.pattern}'"
        raise validation_error(f"TestState does not support {what} when a mock is not specified.")
    known = resources.parse(resource.text)
    refusal = known if isinstance(known, str) else unknown_action(known)
    if refusal is not None:
        raise invalid_definition(f"'SCHEMA_VALIDATION_FAILED: {refusal} at /States/{state.name}/Resource'")
    if not input.get("roleArn"):
        raise validation_error("RoleArn must be specified when testing a Task state")


def _check_mock(program: Program, state: State, mock: _Mock, given: dict[str, Any]) -> None:
    if not isinstance(state, Working):
        raise validation_error(f"State type '{type(state).__name__}' is not supported when a mock is specified")
    if not isinstance(state, Map):
        for member in ("mapIterationFailureCount", "mapItemReaderData"):
            if member in given:
                raise validation_error(f"TestState supports {_WITH_MOCK_ONLY[member]} for Map states only.")
    elif "mapItemReaderData" in given and not (state.distributed and state.distributed.reader):
        raise validation_error("TestState supports MapItemReaderData for Map states with an ItemReader only.")
    if "errorCausedByState" in given:
        _check_origin(program, state, given["errorCausedByState"])
    if mock.result is None:
        return
    if isinstance(state, Task):
        check_result(state.resource, mock.value, mock.mode)
        return
    if isinstance(state, Map) and _writes(state):
        if not isinstance(mock.value, dict):
            raise validation_error("Mocked result must be a JSON object.")
        return
    if not isinstance(mock.value, list):
        raise validation_error("Mocked result must be an array.")
    if isinstance(state, Parallel) and len(mock.value) != len(state.branches):
        raise validation_error("Mocked result must contain the same number of items as number of Parallel branches.")
    if int(given.get("mapIterationFailureCount") or 0) > len(mock.value):
        raise validation_error("Map iteration failure count must be less than or equal to the number of Map iterations")


def _check_origin(program: Program, state: Working, name: str) -> None:
    if isinstance(state, Task):
        raise validation_error("TestState supports ErrorCausedByState for Map and Parallel states only.")
    try:
        flow_of(program, name)
    except KeyError:
        raise validation_error("State not found in definition") from None


def _writes(state: Map) -> bool:
    return state.distributed is not None and state.distributed.writer is not None
