"""Histories as AWS recorded them, against the machine's. The surroundings are the smallest that the cases need: roles
are names, functions run in this process from the recorded package."""

from __future__ import annotations

import base64
import builtins
import functools
import io
import json
import re
import traceback
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest

from asl.driver import ACCOUNT, Execution, identity
from stategate.asl.effects import ScheduleTask
from stategate.asl.events import Started, StopRequested, TaskFailed, TaskSucceeded
from stategate.asl.problems import InvalidDefinition
from stategate.asl.program import compile
from stategate.asl.run import Run

CORPUS = Path(__file__).resolve().parents[2] / ".." / "shared" / "corpus"
CASES = CORPUS / "aws" / "stepfunctions"

pytestmark = pytest.mark.shared

OPERATIONS = {
    "iam": {"CreateRole", "CreatePolicy", "AttachRolePolicy", "PutRolePolicy"},
    "lambda": {"CreateFunction", "GetFunction"},
    "stepfunctions": {"CreateStateMachine", "StartExecution", "GetExecutionHistory", "DescribeExecution"},
}

OTHERWISE = {
    "test_max_concurrency_path_negative": "the recording was taken before the execution had gone on",
    "with_retry_extended_input": "recorded before the context object had Execution.RedriveCount",
}
"""Recordings that this comparison can't hold, with the reason."""


class Unsupported(Exception):
    """The case needs more than these surroundings have."""


class Surroundings:
    """What the steps of one case have made."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.answers: dict[int, Any] = {}
        self.functions: dict[str, str] = {}
        self.machines: dict[str, str] = {}
        self.executions: dict[str, Execution] = {}
        self.suffix = uuid.uuid4().hex[:8]

    def filled(self, value: Any) -> Any:
        """The parameters with `{{ref:...}}` and `{{uid:...}}` replaced."""
        if isinstance(value, dict):
            return {key: self.filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        return (
            re.sub(r"\{\{(?:ref:(\d+):(\[.*?\])|uid:\d+)\}\}", self._replace, value)
            if isinstance(value, str)
            else value
        )

    def _replace(self, match: re.Match[str]) -> str:
        if match[1] is None:
            return self.suffix
        found = self.answers[int(match[1])]
        for part in json.loads(match[2]):
            found = json.loads(found) if part == "$json" else found[part]
        return str(found)

    def perform(self, operation: str, params: dict[str, Any]) -> Any:
        match operation:
            case "CreateRole":
                return {"Role": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/{params['RoleName']}"}}
            case "CreatePolicy":
                return {"Policy": {"Arn": f"arn:aws:iam::{ACCOUNT}:policy/{params['PolicyName']}"}}
            case "CreateFunction":
                return self._create_function(params)
            case "CreateStateMachine":
                arn = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{params['name']}"
                try:
                    compile(params["definition"], type=params.get("type", "STANDARD"))
                except InvalidDefinition as error:
                    if "Stategate does not support" in str(error) or "Field is not supported" in str(error):
                        raise Unsupported(str(error)) from None
                    raise
                self.machines[arn] = params["definition"]
                return {"stateMachineArn": arn}
            case "StartExecution":
                return self._start(params)
            case "GetExecutionHistory":
                events = [self._shown(event) for event in self.executions[params["executionArn"]].history]
                return {"events": events[::-1] if params.get("reverseOrder") else events}
            case _:
                return {}

    def _create_function(self, params: dict[str, Any]) -> Any:
        package = base64.b64decode(params["Code"]["ZipFile"]["$bytes"])
        names = zipfile.ZipFile(io.BytesIO(package)).namelist()
        if not params["Runtime"].startswith("python") or names != ["handler.py"]:
            raise Unsupported("not a function of one Python file")
        source = zipfile.ZipFile(io.BytesIO(package)).read("handler.py").decode()
        if "boto3" in source or "urllib" in source:
            raise Unsupported("the function calls others")
        arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{params['FunctionName']}"
        self.functions[arn] = self.functions[params["FunctionName"]] = source
        return {"FunctionArn": arn, "FunctionName": params["FunctionName"]}

    def _start(self, params: dict[str, Any]) -> Any:
        machine = params["stateMachineArn"]
        program = compile(self.machines[machine])
        execution = Execution(program, Run.new(identity(params.get("input", "{}"), role=self._role())), self._answer)
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{len(self.executions)}"
        self.executions[arn] = execution.go()
        return {"executionArn": arn}

    def _role(self) -> str:
        return str(next(answer["Role"]["Arn"] for answer in self.answers.values() if "Role" in answer))

    def _answer(self, task: ScheduleTask) -> TaskSucceeded | TaskFailed | None:
        if ":lambda:" not in task.resource:
            raise Unsupported(f"{task.resource} is not called here")
        event = json.loads(task.input)
        direct = ":lambda:" in task.resource and "states" not in task.resource
        name = task.resource if direct else event["FunctionName"]
        if name not in self.functions:
            raise Unsupported(f"no function {name}")
        source = self.functions[name]
        if "sleep" in source:
            return None
        payload = event if direct else event.get("Payload", {})
        result, failure = call(source, payload)
        if failure is not None:
            cause = json.dumps(failure, separators=None if direct else (",", ":"))
            return TaskFailed(task.command, failure["errorType"], cause)
        text = json.dumps(result, separators=(",", ":"), ensure_ascii=False)
        if not direct:
            if any(event["type"] == "TaskSucceeded" for event in self._recorded_events()):
                raise Unsupported("the answer of lambda:invoke is the integration's own")
            text = json.dumps({"Payload": result}, separators=(",", ":"), ensure_ascii=False)
        return TaskSucceeded(task.command, text)

    def _recorded_events(self) -> list[dict[str, Any]]:
        return [event for check in self.case["checks"] for event in check["expected"].get("events", [])]

    def _shown(self, event: Any) -> dict[str, Any]:
        shown = {"id": event.id, "previousEventId": event.previous, "timestamp": "timestamp", "type": event.type}
        if event.details is not None:
            shown[details_member(event.type)] = event.details
        return shown


def details_member(type: str) -> str:
    """`stateEnteredEventDetails` for PassStateEntered, `taskFailedEventDetails` for TaskFailed, ..."""
    for ending in ("StateEntered", "StateExited"):
        if type.endswith(ending):
            type = ending
    return f"{type[0].lower()}{type[1:]}EventDetails"


def call(source: str, payload: Any) -> tuple[Any, dict[str, Any] | None]:
    """The handler's result, or its error in Lambda's shape."""
    module: dict[str, Any] = {}
    exec(builtin_compile(source), module)
    try:
        return json.loads(json.dumps(module["handler"](payload, None), default=_text_of)), None
    except Exception as error:  # noqa: BLE001
        frames = [at for at in traceback.extract_tb(error.__traceback__) if at.filename == "handler.py"]
        lines = ["", *source.splitlines()]
        stack = [
            f'  File "/var/task/handler.py", line {at.lineno}, in {at.name}\n    {lines[at.lineno or 0].strip()}\n'
            for at in frames
        ]
        return None, {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "requestId": str(uuid.uuid4()),
            "stackTrace": stack,
        }


def builtin_compile(source: str) -> Any:
    return builtins.compile(source, "handler.py", "exec")


def _text_of(value: bytes) -> Any:
    """Lambda's runtime reads bytes as text, JSON where it is."""
    text = value.decode()
    return json.loads(text) if text.startswith('"') else text


@functools.cache
def replay() -> dict[str, Any]:
    """The definitions of the corpus's own comparison, a script: all but its last line, which runs it."""
    script, _, run = (CORPUS / "replay.py").read_text().rstrip().rpartition("\n")
    assert run.startswith("main()"), run
    module: dict[str, Any] = {"__name__": "replay", "__file__": str(CORPUS / "replay.py")}
    exec(script, module)
    return module


def cases() -> list[Any]:
    """The cases with a history whose steps are all known here."""
    found = []
    for file in sorted(CASES.glob("*.json")) if CASES.is_dir() else []:
        case = json.loads(file.read_text())
        known = all(step.get("operation") in OPERATIONS.get(step.get("service", ""), ()) for step in case["steps"])
        histories = [check for check in case["checks"] if has_history(check)]
        if known and histories and case["replayable"]:
            found.append(pytest.param(case, id=case["id"].removeprefix("stepfunctions/v2/")))
    return found


def has_history(check: dict[str, Any]) -> bool:
    expected = check["expected"]
    return isinstance(expected, dict) and isinstance(expected.get("events"), list) and "ref" in check["expr"]


def older_map_run(case: dict[str, Any]) -> bool:
    """Until the autumn of 2024, MapStateExited of a distributed Map followed MapRunSucceeded; in every recording since
    then it follows MapRunStarted."""
    day, month, year = case["recorded_date"][:10].split("-")
    types = {event["type"] for check in case["checks"] if has_history(check) for event in check["expected"]["events"]}
    return (year, month, day) < ("2024", "11", "01") and {"MapRunStarted", "MapStateExited"} <= types


CASES_HERE = cases()


@pytest.mark.skipif(not CASES_HERE, reason="../shared, with the cases recorded from AWS, is missing")
@pytest.mark.parametrize("case", CASES_HERE)
def test_history_is_what_aws_recorded(case: dict[str, Any]) -> None:
    for name, reason in OTHERWISE.items():
        if name in case["id"]:
            pytest.skip(reason)
    if older_map_run(case):
        pytest.skip("recorded before MapStateExited followed MapRunStarted")
    surroundings = Surroundings(case)
    try:
        for number, recorded in enumerate(case["steps"]):
            if recorded.get("expect_error"):
                raise Unsupported("a step that fails")
            params = surroundings.filled(recorded.get("params") or {})
            surroundings.answers[number] = surroundings.perform(recorded["operation"], params)
    except Unsupported as reason:
        pytest.skip(str(reason))
    unify = replay()["Unify"](case["tokens"], ACCOUNT)
    for check in case["checks"]:
        if has_history(check):
            expected = {key: value for key, value in check["expected"].items() if key == "events"}
            answer = surroundings.answers[check["expr"]["ref"]]
            assert unify.eq({check["key"]: expected}, {check["key"]: answer}), unify.errs


def test_stop_is_recorded_as_aws_does() -> None:
    definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
    execution = Execution(compile(json.dumps(definition)), Run.new(identity()))
    execution.send(Started())
    execution.send(StopRequested())
    assert execution.outline[-1] == (0, "ExecutionAborted")
    assert execution.history[-1].details == {}
