"""What the Resource of a Task may be."""

import re
from collections.abc import Mapping

from stategate.asl.program import Resource

_FUNCTION = re.compile(
    r"arn:[a-z0-9-]+:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:(\$LATEST|[A-Za-z0-9_-]+))?\Z"
)
_INTEGRATION = re.compile(
    r"arn:[a-z0-9-]+:states:[a-z0-9-]*:(?:\d{12})?:((?:aws-sdk:)?[A-Za-z0-9-]+):([A-Za-z0-9]+)(?:\.(.+))?\Z"
)
_ANY_FUNCTION = re.compile(r"arn:[a-z0-9-]+:lambda:[a-z0-9-]+:[a-z0-9-]+:function:[A-Za-z0-9_:$-]+\Z")
_ACTIVITY = re.compile(r"arn:[a-z0-9-]+:states:[a-z0-9-]+:\d{12}:activity:.+\Z")
PATTERNS = ("sync", "sync:2", "waitForTaskToken")

_CALLBACK = ("", "waitForTaskToken")

INTEGRATIONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("apigateway", "invoke"): _CALLBACK,
    ("lambda", "invoke"): _CALLBACK,
    ("states", "startExecution"): ("", *PATTERNS),
}
"""(service, action) of the optimised integrations that are carried out -> their patterns."""

SDK_SERVICES = frozenset(("apigateway", "cloudwatchlogs", "iam", "lambda", "sfn", "sts"))
"""What may follow `aws-sdk:`: the services that Stategate hosts, by the names that AWS gives them there."""

COMPLETE = {service for service, _ in INTEGRATIONS} | {f"aws-sdk:{service}" for service in SDK_SERVICES}
"""Services of which AWS has no further integrations."""

ARN_MESSAGE = "Value is not a valid resource ARN"


def not_recognized(text: str) -> str:
    """AWS's message for an integration that its service does not have."""
    return (
        f"The resource provided {text} is not recognized. The value is not a valid resource ARN, or the resource is not"
        " available in this region."
    )


def express_refusal(text: str) -> str | None:
    """AWS's message for what an Express state machine can't call."""
    if _ACTIVITY.match(text):
        return "Express state machine does not support Activity ARN"
    match = _INTEGRATION.match(text)
    if match and match[3] in ("sync", "sync:2"):
        return f"Express state machine does not support '.{match[3]}' service integration"
    if match and match[3] == "waitForTaskToken":
        return "Express state machine does not support '.waitForTaskToken' service integration "
    return None


def parse(text: str) -> Resource | str:
    """The resource, or the message of the problem."""
    if _FUNCTION.match(text):
        return Resource(text, "lambda")
    if _ACTIVITY.match(text):
        return Resource(text, "activity")
    match = _INTEGRATION.match(text)
    if match is None or (match[3] and match[3] not in PATTERNS):
        return ARN_MESSAGE
    service, action, pattern = match[1], match[2], match[3] or ""
    if pattern not in patterns(service, action):
        known = service in COMPLETE
        return not_recognized(text) if known else f"Stategate does not support the resource {text} yet"
    return Resource(text, "integration", service, action, pattern)


def patterns(service: str, action: str) -> tuple[str, ...]:
    """The patterns (`""`: wait for the answer only) with which the action can be called; none if it can't be."""
    if service.startswith("aws-sdk:"):
        return _CALLBACK if service.removeprefix("aws-sdk:") in SDK_SERVICES else ()
    return INTEGRATIONS.get((service, action), ())


def named(text: str) -> Resource | None:
    """The resource of a state that is tested with a mock: every service integration, also those that can't be called,
    and functions in regions and accounts that don't exist [recorded]. None for what is none."""
    if _ANY_FUNCTION.match(text):
        return Resource(text, "lambda")
    match = _INTEGRATION.match(text)
    if match is None or (match[3] and match[3] not in PATTERNS):
        return None
    return Resource(text, "integration", match[1], match[2], match[3] or "")
