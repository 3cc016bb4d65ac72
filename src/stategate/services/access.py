"""Who may do what: every permission check of every service, and the roles that services assume.

The decisions are made by `stategate.iam`; here the callers' policies are looked up as they are now, so that a change
counts from the next request on. Credentials of sessions are in `services.iam.credentials`; they are re-exported here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from stategate.iam import (
    ContextValue,
    Decision,
    Kind,
    Policy,
    Principal,
    Subject,
    Target,
    aws_managed_policies,
    context_of,
    evaluate,
    parse_policy,
)
from stategate.iam.decision import By
from stategate.services.call import Call
from stategate.services.errors import AwsError
from stategate.services.iam import records
from stategate.services.iam.credentials import Credentials, account_of, principal_of, secret_of, session_credentials
from stategate.services.ports import Ports, World

__all__ = [
    "Credentials",
    "RoleNotAssumable",
    "account_of",
    "assume_role",
    "authorize",
    "authorize_resource_policy",
    "decide",
    "denied",
    "may_assume",
    "pass_role",
    "principal_of",
    "role_exists_and_trusts",
    "role_of",
    "role_session",
    "secret_of",
    "service_for",
    "session_credentials",
]

RequestValues = Mapping[str, ContextValue | None]
"""Condition keys as they are written in policies, in any case: {"aws:SourceArn": ..., "iam:PassedToService": ...}."""

_ROLE_ARN = re.compile(
    r"arn:(?:aws|aws-cn|aws-us-gov):iam::(?P<account>\d{12}):role/(?P<path>[\w+=,.@/-]*/)?(?P<name>[\w+=,.@-]+)"
)


class RoleNotAssumable(Exception):
    """The role does not exist (or not in this account), or its trust policy does not allow it; `reason` says which."""

    def __init__(self, role_arn: str, reason: str) -> None:
        super().__init__(f"{role_arn}: {reason}")
        self.role_arn = role_arn
        self.reason = reason


# --- the request's context --------------------------------------------------------------------------------------


_OF_THIS_REQUEST = frozenset({"aws:currenttime", "aws:epochtime", "aws:userid"})


class RequestContext(Mapping[str, ContextValue]):
    """Condition keys in lower case: those that the request gives, else those of the principal, the resource, the region
    and the time, computed when a policy asks for them. `lasting` until one asked for what is another each time."""

    __slots__ = ("_given", "_ports", "_principal", "_resource", "_world", "lasting")

    def __init__(
        self, ports: Ports, world: World, principal: Principal, resource: str, values: RequestValues | None
    ) -> None:
        self._ports = ports
        self._world = world
        self._principal = principal
        self._resource = resource
        self._given = context_of(values) if values else {}
        self.lasting = True

    def __getitem__(self, key: str) -> ContextValue:
        value = self._given.get(key)
        if value is None:
            value = self._computed(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and (key in self._given or self._computed(key) is not None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def _computed(self, key: str) -> ContextValue | None:
        if key in _OF_THIS_REQUEST:
            self.lasting = False
        match key:
            case "aws:requestedregion":
                return "us-east-1" if self._world.region == records.GLOBAL else self._world.region
            case "aws:currenttime":
                return datetime.fromtimestamp(self._ports.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            case "aws:epochtime":
                return str(int(self._ports.clock.now()))
            case "aws:securetransport" | "aws:viaawsservice":
                return "false"
            case "aws:resourceaccount":
                return self._world.account
        if key.startswith("aws:resourcetag/"):
            # The services that have the tags need this module.
            from stategate.services.resourcetags import tags_of

            return _tag(tags_of(self._ports, self._world, self._resource), key)
        return _of_principal(self._principal, key)


def _tag(tags: Mapping[str, str], key: str) -> str | None:
    """`key` as in `aws:principaltag/<key in lower case>`."""
    name = key.partition("/")[2]
    return next((value for tag, value in tags.items() if tag.lower() == name), None)


def _of_principal(principal: Principal, key: str) -> ContextValue | None:
    if principal.kind == "service":
        return {
            "aws:principalisawsservice": "true",
            "aws:principalservicename": principal.arn,
            "aws:sourceaccount": principal.account or None,
            "aws:sourcearn": principal.source_identity,
        }.get(key)
    match key:
        case "aws:principalarn":
            return principal.role_arn or principal.arn
        case "aws:principalaccount":
            return principal.account
        case "aws:principaltype":
            return {"root": "Account", "user": "User", "role": "AssumedRole"}[principal.kind]
        case "aws:principalisawsservice":
            return "false"
        case "aws:userid":
            return principal.user_id or None
        case "aws:username":
            return principal.arn.rpartition("/")[2] if principal.kind == "user" else None
        case "aws:sourceidentity":
            return principal.source_identity
        case "aws:multifactorauthpresent":
            return "false" if principal.kind == "role" else None
    return _tag(principal.tags, key) if key.startswith("aws:principaltag/") else None


# --- the caller's policies --------------------------------------------------------------------------------------


def role_of(ports: Ports, role_arn: str) -> records.Role | None:
    """The role of that ARN, in whichever account the ARN names."""
    match = _ROLE_ARN.fullmatch(role_arn)
    if match is None:
        return None
    role = records.roles(ports, match["account"]).get(records.key_of(match["name"]))
    return role if role is not None and role.arn == role_arn else None


def _managed(ports: Ports, account: str, arn: str) -> Policy | None:
    aws = aws_managed_policies().get(arn)
    if aws is not None:
        return parse_policy(aws.document, Kind.IDENTITY)
    record = records.policies(ports, account).get(arn)
    return parse_policy(record.document(), Kind.IDENTITY) if record is not None else None


def _identity(ports: Ports, account: str, owner: records.Role | records.User) -> tuple[Policy, ...]:
    inline = [parse_policy(text, Kind.IDENTITY) for text in owner.inline.values()]
    attached = [_managed(ports, account, arn) for arn in owner.attached]
    return (*inline, *(policy for policy in attached if policy is not None))


_NOTHING_ALLOWED = Policy(())


def _boundary(ports: Ports, account: str, owner: records.Role | records.User) -> Policy | None:
    """A boundary that was deleted since allows nothing."""
    if owner.boundary is None:
        return None
    return _managed(ports, account, owner.boundary) or _NOTHING_ALLOWED


def _services(principal: Principal, region: str) -> tuple[str, ...]:
    name, _, domain = principal.arn.partition(".")
    return (principal.arn, f"{name}.{region}.{domain}")


def _subject(ports: Ports, world: World, principal: Principal) -> Subject:
    account = principal.account
    match principal.kind:
        case "root":
            return Subject((principal.arn,), account, root=True)
        case "service":
            return Subject((), "", services=_services(principal, world.region))
        case "user":
            owner: records.Role | records.User | None = records.users(ports, account).get(
                records.key_of(principal.arn.rpartition("/")[2])
            )
            arns: tuple[str, ...] = (principal.arn,)
        case _:
            role_arn = principal.role_arn or ""
            owner = role_of(ports, role_arn)
            arns = (principal.arn, role_arn)
    if owner is None or not _same(owner, principal):
        return Subject(arns, account)
    return Subject(
        arns,
        account,
        identity=_identity(ports, account, owner),
        boundary=_boundary(ports, account, owner),
        session=tuple(parse_policy(text, Kind.IDENTITY) for text in principal.session_policies),
    )


def _same(owner: records.Role | records.User, principal: Principal) -> bool:
    """A role or user that was deleted and made again is another one: old sessions have none of its permissions."""
    return not principal.user_id or principal.user_id.partition(":")[0] == owner.id


# --- decisions --------------------------------------------------------------------------------------------------


def decide(
    ports: Ports,
    world: World,
    principal: Principal,
    action: str,
    resource: str,
    context: RequestValues | None = None,
    resource_policy: str | None = None,
) -> Decision:
    """May `principal` do `action` (`states:StartExecution`) to `resource` (an ARN, or `*` where AWS has no resource
    type), which belongs to `world.account`? `resource_policy` is the resource's own policy (JSON), if it has one."""
    if principal.kind == "root" and principal.account == world.account and resource_policy is None:
        return Decision(True, By.ROOT)
    policy = (resource_policy, Kind.RESOURCE) if resource_policy else None
    return _decided(ports, world, principal, _Asked(action, resource, world.account, policy, _values(context)))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for. `policy` is the resource's own: its text and kind; `account` owns the resource."""

    action: str
    resource: str
    account: str
    policy: tuple[str, Kind] | None
    values: tuple[tuple[str, ContextValue | None], ...]


def _values(context: RequestValues | None) -> tuple[tuple[str, ContextValue | None], ...]:
    if not context:
        return ()
    return tuple(
        (key, tuple(v) if isinstance(v, Sequence) and not isinstance(v, str) else v) for key, v in context.items()
    )


def _decided(ports: Ports, world: World, principal: Principal, asked: _Asked) -> Decision:
    """Remembered while no record changes. Sessions of a role are alike, unless a policy names them or asks for what
    differs."""
    alike = principal.kind == "role" and asked.policy is None
    key = (
        world,
        asked,
        principal.role_arn if alike else principal.arn,
        principal.user_id.partition(":")[0] if alike else principal.user_id,
        principal.kind,
        principal.account,
        principal.session_policies,
        principal.source_identity,
        tuple(principal.tags.items()),
    )
    found: Decision | None = ports.memo.get(ports.store, key)
    if found is not None:
        return found
    context = RequestContext(ports, World(asked.account, world.region), principal, asked.resource, dict(asked.values))
    trust = asked.policy is not None and asked.policy[1] is Kind.TRUST
    policy = parse_policy(*asked.policy) if asked.policy else None
    target = Target(asked.action, asked.resource, asked.account, policy=policy, trust=trust, context=context)
    decision = evaluate(_subject(ports, world, principal), target)
    if context.lasting:
        ports.memo.put(key, decision)
    return decision


def denied(principal: Principal, action: str, resource: str | None, decision: Decision) -> AwsError:
    """The error of the service that owns the action: `AccessDenied` of query services, else `AccessDeniedException`."""
    return _denied(action.partition(":")[0], decision.message(principal.arn, action, resource))


def _denied(vendor: str, message: str) -> AwsError:
    if vendor in ("iam", "sts"):
        return AwsError("AccessDenied", message, status=403)
    return AwsError("AccessDeniedException", message, status=403 if vendor in ("lambda", "apigateway") else 400)


def authorize(
    ports: Ports,
    world: World,
    principal: Principal,
    action: str,
    resource: str,
    context: RequestValues | None = None,
    *,
    resource_policy: str | None = None,
    status: int | None = None,
) -> None:
    """Raises AWS's access denied error unless the policies allow it; see `decide`. `status` is the error's HTTP status
    where it is not the one that the action's service answers with."""
    decision = decide(ports, world, principal, action, resource, context, resource_policy)
    if decision.allowed:
        return
    error = denied(principal, action, resource, decision)
    raise error if status is None else AwsError(error.code, error.message, status=status)


def authorize_resource_policy(
    ports: Ports,
    world: World,
    principal: Principal,
    action: str,
    resource: str,
    resource_policy: str | None,
    context: RequestValues | None = None,
) -> None:
    """As `authorize`, for a resource that may have its own policy (a Lambda function's): the only thing that counts for
    an AWS service (with aws:SourceArn and aws:SourceAccount in `context`), and what lets other accounts in."""
    authorize(ports, world, principal, action, resource, context, resource_policy=resource_policy)


# --- roles ------------------------------------------------------------------------------------------------------


def may_assume(
    ports: Ports,
    world: World,
    principal: Principal,
    role: records.Role,
    action: str = "sts:AssumeRole",
    context: RequestValues | None = None,
) -> Decision:
    """The role's trust policy, and the caller's own policies where the trust policy leaves it to them."""
    asked = _Asked(action, role.arn, role.arn.split(":")[4], (role.trust, Kind.TRUST), _values(context))
    return _decided(ports, world, principal, asked)


def role_session(
    role: records.Role,
    session_name: str,
    session_policies: tuple[str, ...] = (),
    tags: Mapping[str, str] | None = None,
    transitive: tuple[str, ...] = (),
    source_identity: str | None = None,
) -> Principal:
    """The principal of a role's session. The session has the role's tags and its own, which win."""
    account = role.arn.split(":")[4]
    return Principal(
        kind="role",
        arn=f"arn:aws:sts::{account}:assumed-role/{role.name}/{session_name}",
        account=account,
        user_id=f"{role.id}:{session_name}",
        role_arn=role.arn,
        session_policies=session_policies,
        tags={**role.tags, **(tags or {})},
        transitive=transitive,
        source_identity=source_identity,
    )


def assume_role(
    ports: Ports,
    world: World,
    role_arn: str,
    service: str,
    session_name: str,
    context: RequestValues | None = None,
) -> Principal:
    """The session of a role that an AWS service (`apigateway.amazonaws.com`) assumes to work for `world.account`.
    Raises `RoleNotAssumable`."""
    role = role_of(ports, role_arn)
    if role is None:
        raise RoleNotAssumable(role_arn, "The role does not exist.")
    if role.arn.split(":")[4] != world.account:
        raise RoleNotAssumable(role_arn, "The role belongs to another account.")
    values: RequestValues = {"aws:SourceAccount": world.account, **(context or {})}
    decision = may_assume(ports, world, Principal("service", service, ""), role, context=values)
    if not decision.allowed:
        raise RoleNotAssumable(role_arn, f"The role's trust policy does not allow {service} to assume it.")
    return role_session(role, session_name)


def service_for(service: str, account: str, source_arn: str) -> Principal:
    """An AWS service (`states.amazonaws.com`) that works for a resource of this account: what resource policies see as
    aws:SourceAccount and aws:SourceArn."""
    return Principal("service", service, account, source_identity=source_arn)


def role_exists_and_trusts(
    ports: Ports, world: World, role_arn: str, service: str, context: RequestValues | None = None
) -> bool:
    """Could `service` assume the role now? For the checks that services make when they are given a role."""
    try:
        assume_role(ports, world, role_arn, service, "check", context)
    except RoleNotAssumable:
        return False
    return True


def pass_role(call: Call, role_arn: str, service: str) -> None:
    """The caller's iam:PassRole check where an operation takes a role; `service` is the one that will assume it
    (`states.amazonaws.com`). Raises AWS's access denied error. Whether the role exists and trusts is not checked."""
    vendor = service.partition(".")[0]
    match = _ROLE_ARN.fullmatch(role_arn)
    if match is not None and match["account"] != call.world.account:
        raise _denied(vendor, "Cross-account pass role is not allowed.")
    decision = decide(
        call.ports, call.world, call.principal, "iam:PassRole", role_arn, {"iam:PassedToService": service}
    )
    if not decision.allowed:
        raise _denied(vendor, decision.message(call.principal.arn, "iam:PassRole", role_arn))
