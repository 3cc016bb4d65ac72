"""The evaluation: who may do what to which resource, and why not.

The order is that of the IAM user guide ("Policy evaluation logic"): an explicit deny anywhere wins; then the
resource-based policy, the identity-based policies, the permissions boundary and the session policies must allow, as far
as they count for this caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from stategate.iam.matching import Context, ContextValue, Named
from stategate.iam.policy import Kind, MalformedPolicy, Policy, parse_policy


class By(Enum):
    """The kind of policy that decided, as the access denied texts name it."""

    IDENTITY = "identity-based"
    RESOURCE = "resource-based"
    BOUNDARY = "permissions boundary"
    SESSION = "session"
    TRUST = "role trust"
    ROOT = "root"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks, with what its policies are. `arns`: its own first, then its role's. A service has `services` (its
    global and regional names) and no policies of its own."""

    arns: tuple[str, ...]
    account: str
    root: bool = False
    services: tuple[str, ...] = ()
    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for. `policy` is the resource's own; `trust` says that it is a role's trust policy, which must
    allow explicitly. `account` owns the resource."""

    action: str
    resource: str
    account: str
    policy: Policy | None = None
    trust: bool = False
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """`by` is the kind of policy that allowed or denied; `explicit` is a denial by a Deny statement."""

    allowed: bool
    by: By
    explicit: bool = False

    def reason(self, action: str) -> str:
        """The end of the access denied text, from `because` or `with`."""
        if not self.explicit:
            kind = self.by.value if self.by is By.BOUNDARY else f"{self.by.value} policy"
            return f"because no {kind} allows the {action} action"
        if self.by is By.BOUNDARY:
            return "with an explicit deny in a permissions boundary"
        article = "an" if self.by is By.IDENTITY else "a"
        return f"with an explicit deny in {article} {self.by.value} policy"

    def message(self, principal: str, action: str, resource: str | None) -> str:
        """AWS's text: `User: ... is not authorized to perform: ... on resource: ... because ...`."""
        place = f" on resource: {resource}" if resource else ""
        return f"User: {principal} is not authorized to perform: {action}{place} {self.reason(action)}"


def context_of(values: Mapping[str, ContextValue | None]) -> dict[str, ContextValue]:
    """A context from condition keys as they are written; keys without a value are left out."""
    return {key.lower(): value for key, value in values.items() if value is not None}


_NOBODY = Subject((), "")


def says(policies: Iterable[Policy], action: str, resource: str, context: Context) -> bool | None:
    """Of policies without principals. True: a statement allows; False: a statement denies; None: none applies."""
    action = action.lower()
    answer: bool | None = None
    for policy in policies:
        for statement in policy.statements:
            if (statement.allow and answer) or not statement.applies(action, resource, context):
                continue
            if not statement.allow:
                return False
            answer = True
    return answer


def says_to_anybody(text: str, action: str, resource: str, context: Context) -> bool | None:
    """As `says`, of a resource policy and a caller without an identity. A policy that can't be read denies."""
    try:
        policy = parse_policy(text, Kind.RESOURCE)
    except MalformedPolicy:
        return False
    named = _resource_says(_NOBODY, action.lower(), Target(action, resource, "", policy, context=context))
    if named is None:
        return False
    return None if named is Named.NOT else True


def _resource_says(subject: Subject, action: str, target: Target) -> Named | None:
    """None: denied. Else how precisely the statements that allow name the subject (NOT: they don't)."""
    best = Named.NOT
    if target.policy is None:
        return best
    for statement in target.policy.statements:
        principals = statement.principals
        named = principals.names(subject.arns, subject.account, subject.services) if principals else Named.NOT
        if named is Named.NOT or not statement.applies(action, target.resource, target.context):
            continue
        if not statement.allow:
            return None
        best = max(best, named)
    return best


def evaluate(subject: Subject, target: Target) -> Decision:
    """The decision. An account's root may do everything in its own account that no resource policy denies."""
    action = target.action.lower()
    resource_kind = By.TRUST if target.trust else By.RESOURCE
    named = _resource_says(subject, action, target)
    if named is None:
        return Decision(False, resource_kind, explicit=True)
    if subject.services:
        return Decision(named is not Named.NOT, resource_kind)
    if subject.root:
        return _of_root(subject, target, named, resource_kind)
    resource, context = target.resource, target.context
    identity = says(subject.identity, action, resource, context)
    boundary = says((subject.boundary,), action, resource, context) if subject.boundary else True
    session = says(subject.session, action, resource, context) if subject.session else True
    for answer, kind in ((identity, By.IDENTITY), (boundary, By.BOUNDARY), (session, By.SESSION)):
        if answer is False:
            return Decision(False, kind, explicit=True)
    return _combined(subject, target, named, (identity, boundary, session))


def _of_root(subject: Subject, target: Target, named: Named, resource_kind: By) -> Decision:
    if named is not Named.NOT or (subject.account == target.account and not target.trust):
        return Decision(True, By.ROOT)
    return Decision(False, resource_kind)


def _combined(subject: Subject, target: Target, named: Named, answers: Sequence[bool | None]) -> Decision:
    identity, boundary, session = answers
    resource_kind = By.TRUST if target.trust else By.RESOURCE
    same_account = subject.account == target.account
    if (target.trust or not same_account) and named is Named.NOT:
        # Where both sides must allow, the caller's own side is reported first.
        return Decision(False, resource_kind if identity or target.trust else By.IDENTITY)
    if same_account and named is Named.ITSELF:
        return Decision(True, resource_kind)
    # A statement that names the whole account leaves the choice to the account's identity policies.
    suffices = same_account and named in (Named.ROLE, Named.ANYBODY)
    if not identity and not suffices:
        return Decision(False, By.IDENTITY)
    if not boundary:
        return Decision(False, By.BOUNDARY)
    if not session:
        return Decision(False, By.SESSION)
    return Decision(True, By.IDENTITY if identity else resource_kind)
