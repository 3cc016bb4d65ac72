"""Who may call a function: its resource policy next to the caller's identity policies."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from stategate.iam import Principal
from stategate.services import access
from stategate.services.lambda_ import records
from stategate.services.lambda_.names import FunctionName
from stategate.services.lambda_.records import LATEST, Policy
from stategate.services.ports import Ports


def policy_key(name: FunctionName) -> str:
    """A qualified name has a policy of its own; `$LATEST` is the function."""
    return name.name if name.qualifier in (None, LATEST) else f"{name.name}:{name.qualifier}"


def document(policy: Policy) -> str:
    """The policy document as GetPolicy shows it."""
    statements = ",".join(policy.statements.values())
    return f'{{"Version":"2012-10-17","Id":"default","Statement":[{statements}]}}'


def authorize(
    ports: Ports, name: FunctionName, principal: Principal, action: str, context: access.RequestValues | None = None
) -> None:
    """Raises AccessDeniedException (HTTP 403) unless an identity policy of the caller or the policy of the function,
    version or alias allows `action`."""
    policy = records.policies(ports, name.world).get(policy_key(name))
    access.authorize_resource_policy(
        ports,
        name.world,
        principal,
        action,
        name.qualified_arn,
        document(policy) if policy is not None else None,
        context,
    )


def statement(
    name: FunctionName, sid: str, action: str, principal: str, conditions: Mapping[str, Mapping[str, str]]
) -> str:
    """A statement as AddPermission makes and returns it."""
    who: object = "*"
    if principal != "*":
        who = {"Service" if principal.endswith((".amazonaws.com", ".amazon.com")) else "AWS": principal}
    made: dict[str, object] = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": who,
        "Action": action,
        "Resource": name.arn if name.qualifier in (None, LATEST) else name.qualified_arn,
    }
    if conditions:
        made["Condition"] = conditions
    return orjson.dumps(made).decode()
