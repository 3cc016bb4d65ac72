"""Integration URIs: `arn:{partition}:apigateway:{region}:{service}:{path|action}/{rest}`, checked and taken apart.

Messages are AWS's (recorded from PutIntegration).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_ARN = re.compile(r"arn:([a-z0-9\-]+):apigateway:([a-z0-9\-]+):([^:]+):(path|action)/(.*)\Z", re.DOTALL)
_FUNCTION = re.compile(r"2015-03-31/functions/(.+)/invocations\Z", re.DOTALL)
_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_\-]+)\}")
_FUNCTION_NAME = re.compile(
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?\Z"
)

WITH_SUBDOMAIN = frozenset(("s3",))
"""Services before whose name a sub-domain may stand: a bucket, which begins the path at the endpoint, as that may have
no sub-domains."""


class InvalidUri(ValueError):
    """The message is AWS's."""


@dataclass(frozen=True, slots=True)
class IntegrationUri:
    """`service` without its sub-domain; `rest` is the action's name or the path, without a leading slash."""

    region: str
    service: str
    subdomain: str | None
    kind: Literal["path", "action"]
    rest: str

    @property
    def function(self) -> str | None:
        """The function's ARN or name, if this invokes a Lambda function."""
        if self.service != "lambda" or self.kind != "path":
            return None
        found = _FUNCTION.match(self.rest)
        return found[1] if found else None


def parse(uri: str) -> IntegrationUri:
    """Raises `InvalidUri` with AWS's message."""
    if not uri.startswith("arn:") or uri.count(":") < 5:
        raise InvalidUri("Invalid ARN specified in the request")
    found = _ARN.match(uri)
    if found is None:
        raise InvalidUri("AWS ARN for integration must contain path or action")
    subdomain, _, service = found[3].rpartition(".")
    kind: Literal["path", "action"] = "path" if found[4] == "path" else "action"
    return IntegrationUri(found[2], service, subdomain or None, kind, found[5])


def check_aws(uri: str | None, *, proxy: bool, any_function: bool = False) -> IntegrationUri:
    """The URI of an AWS or AWS_PROXY integration; raises `InvalidUri` with AWS's message. `any_function`: the name of
    the function is not looked at."""
    if not uri:
        raise InvalidUri("Invalid ARN specified in the request")
    parsed = parse(uri)
    function = parsed.function
    if proxy and function is None and (parsed.service, parsed.kind) != ("firehose", "action"):
        raise InvalidUri(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations."
        )
    if function is not None and not any_function and "${" not in function and _FUNCTION_NAME.match(function) is None:
        raise InvalidUri("Invalid lambda function")
    return parsed


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """`${stageVariables.x}` replaced; an unknown variable leaves nothing."""
    if "${" not in text:
        return text
    return _VARIABLE.sub(lambda found: variables.get(found[1], ""), text)


def with_parameters(path: str, values: Mapping[str, str]) -> str:
    """`{name}` replaced by what `integration.request.path.name` was mapped to; unknown names stay."""
    if "{" not in path:
        return path
    for name, value in values.items():
        path = path.replace("{" + name + "}", value).replace("{" + name + "+}", value)
    return path
