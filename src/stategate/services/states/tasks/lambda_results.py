"""What both ways to call a function make of what Lambda answers."""

from __future__ import annotations

from stategate.lang.jsontext import JSON, JSONSyntaxError, dumps, loads
from stategate.services.errors import AwsError
from stategate.services.lambda_.invoking import Invoked
from stategate.services.ports import TaskFailure
from stategate.services.states.tasks.taskcall import sdk_cause

MAX_ERROR = 256
MAX_CAUSE = 32_768
MAX_DATA = 262_144

_MODELED = {
    "CodeStorageExceededException", "InvalidParameterValueException", "InvalidRequestContentException",
    "InvalidRuntimeException", "InvalidZipFileException", "RequestTooLargeException", "ResourceConflictException",
    "ResourceNotFoundException", "ResourceNotReadyException", "ServiceException", "TooManyRequestsException",
    "UnsupportedMediaTypeException",
}  # fmt: skip
"""The errors that have classes of their own in the SDK; the others are `AWSLambdaException`."""


class NotJSON(Exception):
    """The function's response is no JSON."""


def payload_of(invoked: Invoked) -> JSON:
    """The response. Raises `NotJSON`."""
    try:
        return loads(invoked.payload)
    except JSONSyntaxError as error:
        if len(invoked.payload) > MAX_DATA:
            # AWS looks at the size first; the machine refuses a result of this size, whatever it is.
            return invoked.payload.decode("utf-8", "replace")
        raise NotJSON(str(error)) from None


def refused(error: AwsError, request_id: str) -> TaskFailure:
    """Lambda did not call the function."""
    name = error.code if error.code in _MODELED else "AWSLambdaException"
    return TaskFailure(f"Lambda.{name}", sdk_cause(error, "AWSLambda", request_id))


def failed(invoked: Invoked, *, verbatim: bool) -> TaskFailure:
    """The function failed: its error type, and the whole payload as the cause. Where the Resource is the function's ARN
    the cause is the payload's text, and with lambda:invoke the payload as compact JSON."""
    try:
        payload = payload_of(invoked)
    except NotJSON:
        payload = None
    error = payload.get("errorType") if isinstance(payload, dict) else None
    if not isinstance(error, str) or not error:
        returned = invoked.payload.decode("utf-8", "replace")
        return _cut(
            "Lambda.Unknown",
            "The cause could not be determined because Lambda did not return an error type."
            f" Returned payload: {returned}",
        )
    return _cut(error, invoked.payload.decode("utf-8", "replace") if verbatim else dumps(payload))


def not_json(error: NotJSON) -> TaskFailure:
    return _cut("Lambda.Unknown", f"The function's response is not JSON: {error}")


def _cut(error: str, cause: str) -> TaskFailure:
    return TaskFailure(error[:MAX_ERROR], cause[:MAX_CAUSE])
