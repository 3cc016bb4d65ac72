"""The resource policies of functions, versions and aliases: AddPermission and its kin."""

from __future__ import annotations

import re

from stategate.iam import Kind, MalformedPolicy, parse_policy
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError
from stategate.services.lambda_ import functions, lookup, permissions, records
from stategate.services.lambda_.names import FunctionName, conflict, invalid, not_found
from stategate.services.lambda_.records import LATEST, Policy
from stategate.services.ports import Records

MAX_POLICY = 20_480


def add_permission(call: Call, given: Input) -> Output:
    name, kept, key = _policy_of(call, given, "AddPermission")
    lookup.configuration(call.ports, name)
    if name.qualifier == LATEST:
        raise invalid("We currently do not support adding policies for $LATEST.")
    if given.get("EventSourceToken") is not None:
        raise invalid("Stategate does not support EventSourceToken.")
    policy = kept.get(key)
    statements = dict(policy.statements) if policy is not None else {}
    functions.check_revision(given, policy.revision if policy is not None else _revision(call, name), "GetPolicy")
    sid = given["StatementId"]
    if sid in statements:
        raise conflict(
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the"
            " existing statement."
        )
    statement = permissions.statement(name, sid, given["Action"], _principal(given["Principal"]), _conditions(given))
    statements[sid] = statement
    changed = Policy(statements=statements, revision=call.ports.entropy.uuid())
    _check(changed)
    kept.put(key, changed)
    return {"Statement": statement}


def get_policy(call: Call, given: Input) -> Output:
    name, kept, key = _policy_of(call, given, "GetPolicy")
    policy = kept.get(key)
    if policy is None:
        lookup.configuration(call.ports, name)
        raise not_found("The resource you requested does not exist.")
    return {"Policy": permissions.document(policy), "RevisionId": policy.revision}


def remove_permission(call: Call, given: Input) -> Output:
    name, kept, key = _policy_of(call, given, "RemovePermission")
    lookup.configuration(call.ports, name)
    policy = kept.get(key)
    if policy is None:
        raise not_found("No policy is associated with the given resource.")
    functions.check_revision(given, policy.revision, "GetPolicy")
    if given["StatementId"] not in policy.statements:
        raise not_found(f"Statement {given['StatementId']} is not found in resource policy.")
    left = {sid: text for sid, text in policy.statements.items() if sid != given["StatementId"]}
    if left:
        kept.put(key, Policy(statements=left, revision=call.ports.entropy.uuid()))
    else:
        kept.delete(key)
    return {}


def _policy_of(call: Call, given: Input, action: str) -> tuple[FunctionName, Records[Policy], str]:
    name = functions.named(call, given, action)
    return name, records.policies(call.ports, call.world), permissions.policy_key(name)


def _revision(call: Call, name: FunctionName) -> str:
    return lookup.configuration(call.ports, name)[1].revision


def _principal(text: str) -> str:
    return f"arn:aws:iam::{text}:root" if re.fullmatch(r"\d{12}", text) else text


def _conditions(given: Input) -> dict[str, dict[str, str]]:
    conditions: dict[str, dict[str, str]] = {}
    for member, operator, key in (
        ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
        ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
        ("SourceArn", "ArnLike", "AWS:SourceArn"),
        ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
    ):
        if given.get(member) is not None:
            conditions.setdefault(operator, {})[key] = given[member]
    if given.get("InvokedViaFunctionUrl") is not None:
        shown = "true" if given["InvokedViaFunctionUrl"] else "false"
        conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": shown}
    return conditions


def _check(policy: Policy) -> None:
    text = permissions.document(policy)
    if len(text.encode()) > MAX_POLICY:
        raise AwsError(
            "PolicyLengthExceededException",
            f"The final policy size ({len(text.encode())}) is bigger than the limit ({MAX_POLICY}).",
            members={"Type": "User"},
        )
    try:
        parse_policy(text, Kind.RESOURCE)
    except MalformedPolicy:
        raise invalid("The provided principal was invalid. Please check the principal and try again.") from None
