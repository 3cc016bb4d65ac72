"""The resource policy of an API, on the action execute-api:Invoke.

Source: the developer guide ("How API Gateway resource policies affect authorization workflow").
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from stategate.iam import Kind, MalformedPolicy, parse_policy
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


def masked(arn: str) -> str:
    """The account in an ARN as error messages show it: all but its last four digits hidden."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return arn
    parts[4] = "*" * 8 + parts[4][-4:]
    return ":".join(parts)
