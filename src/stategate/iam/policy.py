"""A policy document: parsed and checked, all problems collected, compiled to statements.

The messages are those of IAM's `MalformedPolicyDocument`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from stategate.iam.conditions import ConditionTest, InvalidCondition, compile_condition
from stategate.iam.matching import (
    Context,
    Principals,
    TextTest,
    UndefinedVariable,
    compile_actions,
    compile_any,
    compile_principals,
)


class Kind(Enum):
    """What a document is for: it decides which elements it must and must not have."""

    IDENTITY = "identity"
    TRUST = "trust"
    RESOURCE = "resource"


class MalformedPolicy(ValueError):
    """The document cannot be used; `problems` has every message, `str()` is the first, which AWS shows."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(problems[0])
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Statement:
    """`resource` is None in a trust policy, `principals` in an identity policy, `condition` where there is none."""

    sid: str
    allow: bool
    action: Callable[[str], bool]
    resource: TextTest | None
    principals: Principals | None
    condition: ConditionTest | None

    def applies(self, action: str, resource: str, context: Context) -> bool:
        """Whoever asks. `action` is in lower case."""
        if not self.action(action):
            return False
        try:
            if self.resource is not None and not self.resource(resource, context):
                return False
            return self.condition is None or self.condition(context)
        except UndefinedVariable:
            return False


@dataclass(frozen=True, slots=True)
class Policy:
    statements: tuple[Statement, ...]


OLD_VERSION = "2008-10-17"
NEW_VERSION = "2012-10-17"
SYNTAX = "Syntax errors in policy."

_DOCUMENT_KEYS = {"Version", "Id", "Statement"}
_STATEMENT_KEYS = {
    "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition",
}  # fmt: skip
_PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
_TRUST_ACTIONS = {
    "sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:tagsession",
    "sts:setsourceidentity", "sts:setcontext",
}  # fmt: skip
_AWS_PRINCIPAL = re.compile(
    r"\*|\d{12}|arn:[a-z-]+:iam::\d{12}:(root|(user|role)/[\w+=,.@/-]+)"
    r"|arn:[a-z-]+:sts::\d{12}:(assumed-role|federated-user)/[\w+=,.@/-]+|(AIDA|AROA)[A-Z0-9]{12,}"
)
_ENTITY = re.compile(r"arn:[a-z-]+:iam::\d{12}:(role|user)/|AIDA|AROA")
_SERVICE_PRINCIPAL = re.compile(r"[a-z0-9][a-z0-9.-]*\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal|aws)")


@lru_cache(maxsize=2048)
def parse_policy(text: str, kind: Kind) -> Policy:
    """The compiled policy; raises `MalformedPolicy`. Kept by text, so that the same text costs a look-up only."""
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedPolicy(["This policy contains invalid Json"]) from error
    reader = _Reader(kind)
    policy = reader.document(document)
    if reader.problems or policy is None:
        raise MalformedPolicy(reader.problems)
    return policy


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


class _Reader:
    """Collects the problems while it reads, and skips what it cannot read."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.problems: list[str] = []

    def problem(self, message: str) -> None:
        if message not in self.problems:
            self.problems.append(message)

    def document(self, document: Any) -> Policy | None:
        if not isinstance(document, dict) or not document.keys() <= _DOCUMENT_KEYS or "Statement" not in document:
            self.problem(SYNTAX)
            return None
        version = document.get("Version", OLD_VERSION)
        if version not in (OLD_VERSION, NEW_VERSION) or not isinstance(document.get("Id", ""), str):
            self.problem(SYNTAX)
        statements = document["Statement"]
        if isinstance(statements, dict):
            statements = [statements]
        if not isinstance(statements, list) or not statements:
            self.problem(SYNTAX)
            return None
        read = [self.statement(statement, version == NEW_VERSION) for statement in statements]
        sids = [statement.sid for statement in read if statement is not None and statement.sid]
        if len(set(sids)) < len(sids):
            self.problem("Statement IDs (SID) in a single policy must be unique.")
        return Policy(tuple(s for s in read if s is not None))

    def statement(self, statement: Any, variables: bool) -> Statement | None:
        if not isinstance(statement, dict) or not statement.keys() <= _STATEMENT_KEYS:
            self.problem(SYNTAX)
            return None
        if statement.get("Effect") not in ("Allow", "Deny"):
            self.problem(SYNTAX)
        return Statement(
            sid=self.sid(statement.get("Sid", "")),
            allow=statement.get("Effect") == "Allow",
            action=self.actions(statement),
            resource=self.resources(statement, variables),
            principals=self.principals(statement),
            condition=self.condition(statement.get("Condition", {}), variables),
        )

    def sid(self, sid: Any) -> str:
        if not isinstance(sid, str):
            self.problem(SYNTAX)
            return ""
        if self.kind is not Kind.RESOURCE and not re.fullmatch(r"[0-9A-Za-z]*", sid):
            self.problem(
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
                "[0-9A-Za-z]*"
            )
        return sid

    def one_of(self, statement: Mapping[str, Any], name: str, missing: str | None) -> tuple[list[str], bool] | None:
        """The strings of `name` or `Not<name>`, and whether it was the latter."""
        present = [key for key in (name, f"Not{name}") if key in statement]
        if len(present) != 1:
            if present or missing is not None:
                self.problem(SYNTAX if present else str(missing))
            return None
        values = self.strings(statement[present[0]])
        if not values:
            self.problem(missing if missing is not None and statement[present[0]] == [] else SYNTAX)
            return None
        return values, present[0] != name

    def strings(self, value: Any) -> list[str]:
        """One string or a list of strings; empty if it is neither."""
        values = [value] if isinstance(value, str) else value
        if isinstance(values, list) and all(isinstance(item, str) for item in values):
            return values
        return []

    def actions(self, statement: Mapping[str, Any]) -> Callable[[str], bool]:
        found = self.one_of(statement, "Action", "Policy statement must contain actions.")
        if found is None:
            return lambda action: False
        patterns, negated = found
        for pattern in patterns:
            self.action(pattern)
        test = compile_actions(patterns)
        return (lambda action: not test(action)) if negated else test

    def action(self, pattern: str) -> None:
        vendor, colon, name = pattern.partition(":")
        if pattern == "*" and self.kind is not Kind.TRUST:
            return
        if self.kind is Kind.TRUST:
            if pattern.lower() not in _TRUST_ACTIONS and pattern.lower() != "sts:*":
                self.problem("AssumeRole policy may only specify STS AssumeRole actions.")
        elif not colon:
            self.problem("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        elif ":" in name:
            self.problem("Actions/Condition can contain only one colon.")
        elif not re.fullmatch(r"[A-Za-z0-9*?-]+", vendor):
            self.problem(f"Vendor {vendor} is not valid")
        elif not re.fullmatch(r"[A-Za-z0-9*?_-]+", name):
            self.problem(SYNTAX)

    def resources(self, statement: Mapping[str, Any], variables: bool) -> TextTest | None:
        if self.kind is Kind.TRUST:
            for name in ("Resource", "NotResource"):
                if name in statement:
                    self.problem(f"Has prohibited field {name}")
            return None
        found = self.one_of(statement, "Resource", "Policy statement must contain resources.")
        if found is None:
            return None
        patterns, negated = found
        for pattern in patterns:
            self.resource(pattern)
        test = compile_any(patterns, variables=variables, segmented=True)
        return (lambda resource, context: not test(resource, context)) if negated else test

    def resource(self, pattern: str) -> None:
        if pattern == "*":
            return
        parts = pattern.split(":", 5)
        if parts[0] != "arn" or len(parts) < 3:
            self.problem(f'Resource {pattern} must be in ARN format or "*".')
        elif parts[1] not in _PARTITIONS and not re.search(r"[*?]|\$\{", parts[1]):
            self.problem(f'Partition "{parts[1]}" is not valid for resource "{pattern}".')
        elif len(parts) > 3 and re.search(r"[*?]", parts[2]):
            self.problem("Resource vendor must be fully qualified and cannot contain regexes.")
        elif len(parts) < 6 and not parts[-1].endswith("*"):
            self.problem("The policy failed legacy parsing")

    def principals(self, statement: Mapping[str, Any]) -> Principals | None:
        present = [name for name in ("Principal", "NotPrincipal") if name in statement]
        if self.kind is Kind.IDENTITY:
            if present:
                self.problem("Policy document should not specify a principal.")
            return None
        if len(present) != 1:
            self.problem("Missing required field Principal" if not present else SYNTAX)
            return None
        value = statement[present[0]]
        if present[0] == "NotPrincipal" and (self.kind is Kind.TRUST or statement.get("Effect") == "Allow"):
            self.problem("Has prohibited field NotPrincipal" if self.kind is Kind.TRUST else SYNTAX)
        if value == "*":
            return compile_principals("*", negated=present[0] == "NotPrincipal")
        if not isinstance(value, dict) or not value:
            self.problem(SYNTAX)
            return None
        lists = {kind: self.strings(texts) for kind, texts in value.items()}
        for kind, texts in lists.items():
            self.principal(kind, texts)
        return compile_principals(lists, negated=present[0] == "NotPrincipal")

    def principal(self, kind: str, texts: Sequence[str]) -> None:
        if kind not in ("AWS", "Service", "Federated", "CanonicalUser") or not texts:
            self.problem(SYNTAX)
        for text in texts:
            if kind == "AWS" and not _AWS_PRINCIPAL.fullmatch(text):
                self.problem(f'Invalid principal in policy: "AWS":"{text}"')
            if kind == "Service" and not _SERVICE_PRINCIPAL.fullmatch(text):
                self.problem(f'Invalid principal in policy: "SERVICE":"{text}"')

    def condition(self, block: Any, variables: bool) -> ConditionTest | None:
        if not isinstance(block, dict) or not all(isinstance(keys, dict) for keys in block.values()):
            self.problem(SYNTAX)
            return None
        read: dict[str, dict[str, list[str]]] = {}
        for name, keys in block.items():
            for key, value in keys.items():
                if ":" not in key:
                    self.problem("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
                values = list(_scalars(value))
                if None in values:
                    self.problem(SYNTAX)
                read.setdefault(name, {})[key] = [text for text in values if text is not None]
        try:
            return compile_condition(read, variables=variables)
        except InvalidCondition as error:
            self.problem(str(error))
            return None


def _scalars(value: Any) -> Iterator[str | None]:
    """A condition's values as strings; None for what is no value."""
    for item in value if isinstance(value, list) else [value]:
        match item:
            case bool():
                yield "true" if item else "false"
            case int() | float():
                yield str(item)
            case str():
                yield item
            case _:
                yield None


def principal_names(text: str) -> list[str]:
    """The users and roles, by ARN or unique id, that a document (already checked) names as principals."""
    names: list[str] = []
    for value in _aws_principals(json.loads(text)):
        names += [value["AWS"]] if isinstance(value["AWS"], str) else value["AWS"]
    return [name for name in names if _ENTITY.match(name)]


def renamed(text: str, old: str, new: str) -> str:
    """The document (already checked) with the principal `new` for `old`."""
    document = json.loads(text)
    for value in _aws_principals(document):
        names = value["AWS"]
        value["AWS"] = (
            (new if names == old else names)
            if isinstance(names, str)
            else [new if name == old else name for name in names]
        )
    return json.dumps(document)


def _aws_principals(document: Any) -> Iterator[dict[str, Any]]:
    """The values of Principal and NotPrincipal that have the kind AWS."""
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        value = statement.get("Principal", statement.get("NotPrincipal"))
        if isinstance(value, dict) and "AWS" in value:
            yield value
