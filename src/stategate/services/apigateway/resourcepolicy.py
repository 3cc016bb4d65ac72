"""Policies on the action execute-api:Invoke: an API's resource policy, and what Lambda authorizers return.

Source: the developer guide ("How API Gateway resource policies affect authorization workflow").
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from stategate.iam import Kind, MalformedPolicy, Policy, parse_policy
from stategate.iam.matching import Context, Named
from stategate.lang import jsontext

ACTION = "execute-api:Invoke"
INVALIDATE = "execute-api:InvalidateCache"

_SHORT = "execute-api:/"


@lru_cache(maxsize=1024)
def expanded(text: str, prefix: str) -> str:
    """The policy's text, with `execute-api:/stage/VERB/path` written out. `prefix` is the ARN of the API. Text that is
    no JSON is left as it is: it allows nothing."""
    try:
        document = jsontext.loads(text)
    except jsontext.JSONSyntaxError:
        return text
    statements = document.get("Statement") if isinstance(document, dict) else None
    for statement in statements if isinstance(statements, list) else [statements]:
        if isinstance(statement, dict):
            for name in ("Resource", "NotResource"):
                if name in statement:
                    statement[name] = _written_out(statement[name], prefix)
    return jsontext.dumps(document)


def readable(text: str) -> bool:
    """Whether the text is a resource policy."""
    try:
        parse_policy(expanded(text, "arn:aws:execute-api:us-east-1:000000000000:a"), Kind.RESOURCE)
    except MalformedPolicy:
        return False
    return True


def _written_out(value: Any, prefix: str) -> Any:
    if isinstance(value, list):
        return [_written_out(item, prefix) for item in value]
    if isinstance(value, str) and value.startswith(_SHORT):
        return f"{prefix}/{value.removeprefix(_SHORT)}"
    return value


def anybody(text: str, resource: str, context: Context, action: str = ACTION) -> bool | None:
    """What a resource policy says of a caller without an identity: True allows, False denies, None is silent. A policy
    that can't be read denies."""
    try:
        policy = parse_policy(text, Kind.RESOURCE)
    except MalformedPolicy:
        return False
    answer = None
    for statement in policy.statements:
        principals = statement.principals
        if principals is None or principals.names((), "") is Named.NOT:
            continue
        if statement.applies(action.lower(), resource, context):
            if not statement.allow:
                return False
            answer = True
    return answer


def authorizer_policy(text: str) -> Policy:
    """What a Lambda authorizer returned; raises `MalformedPolicy`."""
    return parse_policy(text, Kind.IDENTITY)


def says(policy: Policy, resource: str, context: Context, action: str = ACTION) -> bool | None:
    """As `anybody`, of a policy without principals."""
    answer = None
    for statement in policy.statements:
        if statement.applies(action.lower(), resource, context):
            if not statement.allow:
                return False
            answer = True
    return answer


def masked(arn: str) -> str:
    """The account in an ARN as error messages show it: all but its last four digits hidden."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return arn
    parts[4] = "*" * 8 + parts[4][-4:]
    return ":".join(parts)
