"""Who acts: an account's root, a user, a role's session, or an AWS service."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Principal:
    """`kind`: "root", "user", "role" (a session of a role) or "service".

    `arn` is what error messages show: `arn:aws:iam::<account>:root`, `arn:aws:iam::<account>:user/<path><name>`,
    `arn:aws:sts::<account>:assumed-role/<role name>/<session>`, or the service's name (`apigateway.amazonaws.com`).
    `role_arn` is the role's ARN of a role session (with its path); `user_id` is `AROA...:<session>` and the like.
    `session_policies` are the session policy documents (JSON texts) given to AssumeRole; `tags` the session's tags,
    `transitive` the keys of those that further sessions inherit, `source_identity` who stands behind the session. A
    service may work for a resource: then `account` and `source_identity` are the resource's account and ARN.
    """

    kind: str
    arn: str
    account: str
    user_id: str = ""
    role_arn: str | None = None
    session_policies: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive: tuple[str, ...] = ()
    source_identity: str | None = None


def root(account: str) -> Principal:
    return Principal("root", f"arn:aws:iam::{account}:root", account, account)


def service(name: str) -> Principal:
    """An AWS service, by its principal name, as in `states.amazonaws.com`."""
    return Principal("service", name, "")
