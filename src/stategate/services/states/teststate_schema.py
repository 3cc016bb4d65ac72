"""A mocked result, checked against what the service would answer [recorded; messages as AWS words them]."""

from __future__ import annotations

from collections.abc import Callable

from stategate.asl.program import Resource
from stategate.lang.jsontext import JSON
from stategate.services.errors import AwsError, validation_error
from stategate.services.states.tasks.arguments import SDK
from stategate.services.states.tasks.aws_sdk import pascal
from stategate.wire.model import Shape, UnknownService, load_model, sdk_service

_OPTIMIZED = {"states": "stepfunctions", "events": "events"}
"""Service of an optimized integration -> boto3's name, where they differ."""

_POLLED = {
    ("states", "startExecution"): "DescribeExecution",
    ("glue", "startJobRun"): "GetJobRun",
    ("databrew", "startJobRun"): "DescribeJobRun",
    ("athena", "startQueryExecution"): "GetQueryExecution",
    ("sagemaker", "createTrainingJob"): "DescribeTrainingJob",
    ("sagemaker", "createTransformJob"): "DescribeTransformJob",
    ("sagemaker", "createLabelingJob"): "DescribeLabelingJob",
    ("sagemaker", "createProcessingJob"): "DescribeProcessingJob",
    ("sagemaker", "createHyperParameterTuningJob"): "DescribeHyperParameterTuningJob",
}
"""What `.sync` gives is what this operation answers. Of services that are not here `.sync` shapes a result of its own,
and mocks are not checked."""

_ANYTHING = frozenset({("lambda", "Payload"), ("stepfunctions", "Output"), ("stepfunctions", "Input")})
"""(service, member): text on the wire, any JSON in a state machine."""

_EXPECTED = {
    "string": "a string",
    "blob": "a string",
    "timestamp": "a string",
    "integer": "a number",
    "long": "a number",
    "float": "a number",
    "double": "a number",
    "boolean": "a boolean",
    "list": "an array",
    "map": "an object",
    "structure": "an object",
}


def check_result(resource: Resource, result: JSON, mode: str) -> None:
    """`mode`: STRICT, PRESENT or NONE. Raises `ValidationException`. What calls no operation of an AWS service (a
    function's ARN, an activity, `http:invoke`, what answers with a task token) has no schema."""
    found = None if mode == "NONE" else _output(resource)
    if found is None:
        return
    service, shape = found
    if not isinstance(result, dict):
        raise validation_error("Mocked result must be a JSON object.")
    named = pascal if resource.service.startswith(SDK) else _capitalized
    _Check(service, named, strict=mode == "STRICT").structure(shape, result)


def _output(resource: Resource) -> tuple[str, Shape] | None:
    if resource.kind != "integration" or resource.waits_for_token:
        return None
    name = resource.service
    if name.startswith(SDK):
        service = sdk_service(name.removeprefix(SDK))
    else:
        service = _OPTIMIZED.get(name, name)
    action: str | None = _capitalized(resource.action)
    if resource.pattern:
        action = _POLLED.get((name, resource.action))
    if service is None or action is None:
        return None
    try:
        operations = load_model(service).operations
    except UnknownService:
        return None
    operation = operations.get(action) or next((o for n, o in operations.items() if n.lower() == action.lower()), None)
    return None if operation is None else (service, operation.output)


def _capitalized(name: str) -> str:
    return name[:1].upper() + name[1:]


class _Check:
    """`named` makes of a member's name what state machines call it; `strict`: required members must be there."""

    def __init__(self, service: str, named: Callable[[str], str], *, strict: bool) -> None:
        self.service = service
        self.named = named
        self.strict = strict

    def structure(self, shape: Shape, value: dict[str, JSON]) -> None:
        """Others than the model's members may be there."""
        members = {self.named(name): member for name, member in shape.members.items()}
        if self.strict:
            for name, member in members.items():
                if member.required and value.get(name) is None:
                    raise _problem(f"Required field '{name}' is missing")
        for name, given in value.items():
            known = members.get(name)
            if known is not None and given is not None and (self.service, name) not in _ANYTHING:
                self.value(known.shape, given, name)

    def value(self, shape: Shape, value: JSON, name: str) -> None:
        if not _fits(shape.type, value):
            raise _problem(f"Field '{name}' must be {_EXPECTED[shape.type]}")
        match shape.type:
            case "structure":
                self.structure(shape, value)
            case "list":
                assert shape.member is not None
                for item in value:
                    self.value(shape.member.shape, item, name)
            case "map":
                assert shape.value is not None
                for key, item in value.items():
                    self.value(shape.value.shape, item, key)
            case _:
                _limits(shape, value, name)


def _fits(type: str, value: JSON) -> bool:
    match _EXPECTED[type]:
        case "a string":
            return isinstance(value, str)
        case "a number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "a boolean":
            return isinstance(value, bool)
        case "an array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)


def _limits(shape: Shape, value: JSON, name: str) -> None:
    if shape.enum and value not in shape.enum:
        raise _problem(f"Field '{name}' is not an expected value")
    if shape.type not in ("integer", "long", "float", "double"):
        return
    if shape.minimum is not None and value < shape.minimum:
        raise _problem(f"Field '{name}' is less than the minimum value")
    if shape.maximum is not None and value > shape.maximum:
        raise _problem(f"Field '{name}' exceeds the maximum value")


def _problem(what: str) -> AwsError:
    return validation_error(f"Mock result schema validation error: {what}")
