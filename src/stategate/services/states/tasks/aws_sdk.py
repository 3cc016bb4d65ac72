"""`arn:aws:states:::aws-sdk:<service>:<action>`: any operation of the services that Stategate hosts.

Arguments and results have the operation's members in PascalCase; the second version of AWS's SDK for Java names the
errors. Dates are ISO 8601 texts, blobs are texts; JSON where the operation wants a text is written as text.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from stategate.lang.jsontext import JSON, dumps
from stategate.services.errors import AwsError
from stategate.services.ports import TaskFailure, TaskOutcome, TaskSuccess
from stategate.services.states.tasks.taskcall import TaskCall
from stategate.wire import Operation, Service, load
from stategate.wire.model import Member, Shape


@dataclass(frozen=True, slots=True)
class SdkService:
    """`boto` is boto3's name of the service, `java` the name of the SDK's client, as in `Sfn.InvalidTokenException`."""

    boto: str
    java: str


SERVICES = {
    "apigateway": SdkService("apigateway", "ApiGateway"),
    "cloudwatchlogs": SdkService("logs", "CloudWatchLogs"),
    "iam": SdkService("iam", "Iam"),
    "lambda": SdkService("lambda", "Lambda"),
    "sfn": SdkService("stepfunctions", "Sfn"),
    "sts": SdkService("sts", "Sts"),
}
"""By what follows `aws-sdk:`."""


class BadArgument(Exception):
    """An argument that the operation can't have."""


def operation(service: str, action: str) -> Operation | None:
    """The operation that an action (in camelCase) names."""
    sdk = SERVICES.get(service)
    if sdk is None or not action[:1].islower():
        return None
    return load(sdk.boto).operations.get(action[0].upper() + action[1:])


async def run(call: TaskCall, service: str, action: str) -> TaskOutcome:
    sdk = SERVICES[service]
    model, called = load(sdk.boto), operation(service, action)
    assert called is not None, "definitions name operations only"
    request = call.request()
    input = to_input(called.model.input, call.arguments())
    try:
        output = await call.perform(request, sdk.boto, called.name, input)
    except AwsError as error:
        return refused(model, sdk.java, error, request.request_id)
    return TaskSuccess(dumps(to_output(called.model.output, output)))


def refused(model: Service, java: str, error: AwsError, request_id: str) -> TaskFailure:
    """Errors that the service's model does not have are those of the client: `Sfn.SfnException`."""
    shape = model.model.errors.get(error.code)
    status = error.status
    if shape is None:
        name = f"{java}Exception"
    else:
        name = shape.name.removesuffix("Exception").removesuffix("Fault") + "Exception"
        if status == 400 and shape.error_status is not None:
            status = shape.error_status
    cause = f"{error.message} (Service: {java}, Status Code: {status}, Request ID: {request_id}) (SDK Attempt Count: 1)"
    return TaskFailure(f"{java}.{name}", cause)


def problems(service: str, action: str, given: JSON) -> list[str]:
    """What can't be an argument of this operation: the first thing that is found."""
    called = operation(service, action)
    try:
        if called is not None:
            to_input(called.model.input, given)
    except BadArgument as problem:
        return [str(problem)]
    return []


_ACRONYM = re.compile(r"[A-Z]+(?=[A-Z][a-z]|[^A-Za-z]|\Z)")


@cache
def pascal(name: str) -> str:
    """A member's name as tasks have it: that of the SDK for Java 2, which takes only an acronym at the beginning for a
    word: KMSKeyArn is KmsKeyArn, QRCodePNG is QrCodePNG, ETag stays."""
    name = name[0].upper() + name[1:]
    acronym = _ACRONYM.match(name)
    return name if acronym is None else acronym[0].capitalize() + name[acronym.end() :]


# --- arguments --------------------------------------------------------------------------------------------------------


def to_input(shape: Shape, value: JSON, path: str = "") -> Any:
    """The operation's input. Raises `BadArgument`."""
    match shape.type:
        case "structure":
            return _structure(shape, _expect(dict, value, path, "an OBJECT"), path)
        case "list":
            assert shape.member is not None
            items = _expect(list, value, path, "an ARRAY")
            return [to_input(shape.member.shape, item, f"{path}[{index}]") for index, item in enumerate(items)]
        case "map":
            assert shape.value is not None
            entries = _expect(dict, value, path, "an OBJECT")
            return {key: to_input(shape.value.shape, item, f"{path}.{key}") for key, item in entries.items()}
        case _:
            return _scalar(shape, value, path)


def _structure(shape: Shape, value: dict[str, JSON], path: str) -> dict[str, Any]:
    members: dict[str, Member] = {pascal(name): member for name, member in shape.members.items()}
    given = {}
    for name, item in value.items():
        member = members.get(name)
        place = f"{path}.{name}" if path else name
        if member is None:
            raise BadArgument(f"The field '{place}' is not supported by Step Functions")
        if item is not None:
            given[member.name] = to_input(member.shape, item, place)
    return given


def _scalar(shape: Shape, value: JSON, path: str) -> Any:
    match shape.type:
        case "string":
            return value if isinstance(value, str) else dumps(value)
        case "blob":
            return (value if isinstance(value, str) else dumps(value)).encode("utf-8", "surrogatepass")
        case "boolean":
            return _expect(bool, value, path, "a BOOLEAN")
        case "timestamp":
            return _moment(value, path)
        case "integer" | "long":
            number = _number(value, path)
            if number != int(number):
                raise BadArgument(f"The value for the field '{path}' must be an INTEGER")
            return int(number)
        case _:
            return float(_number(value, path))


def _expect(type_: type, value: JSON, path: str, called: str) -> Any:
    if not isinstance(value, type_):
        raise BadArgument(f"The value for the field '{path}' must be {called}")
    return value


def _number(value: JSON, path: str) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadArgument(f"The value for the field '{path}' must be a NUMBER")
    return value


def _moment(value: JSON, path: str) -> float:
    """Epoch seconds, of ISO 8601 or of epoch seconds."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            raise BadArgument(f"The value for the field '{path}' must be a date in ISO 8601") from None
    return float(_number(value, path))


# --- results ----------------------------------------------------------------------------------------------------------


def to_output(shape: Shape, value: Any) -> JSON:
    """The result, as JSON; members that are not there are left out."""
    match shape.type:
        case "structure":
            return {
                pascal(name): to_output(member.shape, value[name])
                for name, member in shape.members.items()
                if value.get(name) is not None
            }
        case "list":
            assert shape.member is not None
            return [to_output(shape.member.shape, item) for item in value]
        case "map":
            assert shape.value is not None
            return {key: to_output(shape.value.shape, item) for key, item in value.items()}
        case "timestamp":
            return _instant(value)
        case "blob":
            return _text(value)
        case _:
            return value


def _instant(seconds: float) -> str:
    """As Java prints an instant: no fraction where there is none."""
    millis = round(seconds * 1000)
    moment = datetime.fromtimestamp(millis // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{millis % 1000:03d}Z" if millis % 1000 else f"{moment}Z"


def _text(value: bytes | str) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
