"""Decision tables: tests/corpus/iam/*.jsonl."""

import json
from pathlib import Path
from typing import Any

import pytest

from stategate.iam import Kind, MalformedPolicy, Policy, Subject, Target, context_of, evaluate, parse_policy
from stategate.iam.conditions import compile_condition

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "iam"


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


def policy(document: object, kind: Kind = Kind.IDENTITY) -> Policy:
    return parse_policy(json.dumps(document), kind)


def evaluated(row: dict[str, Any]) -> Any:
    given = row["subject"]
    subject = Subject(
        tuple(given["arns"]),
        given["account"],
        root=given.get("root", False),
        services=tuple(given.get("services", ())),
        identity=tuple(policy(document) for document in row.get("identity", ())),
        boundary=policy(row["boundary"]) if "boundary" in row else None,
        session=tuple(policy(document) for document in row.get("session", ())),
    )
    own = None
    if "trust" in row:
        own = policy(row["trust"], Kind.TRUST)
    elif "resource_policy" in row:
        own = policy(row["resource_policy"], Kind.RESOURCE)
    context = context_of(row.get("context", {}))
    return evaluate(
        subject, Target(row["action"], row["resource"], row["account"], own, trust="trust" in row, context=context)
    )


@pytest.mark.parametrize("row", rows("decisions.jsonl"), ids=lambda row: row["name"])
def test_decision(row: dict[str, Any]) -> None:
    decision = evaluated(row)
    assert (decision.allowed, decision.by.value, decision.explicit) == (row["allowed"], row["by"], row["explicit"])


@pytest.mark.parametrize("row", rows("conditions.jsonl"), ids=lambda row: f"{row['condition']} {row['context']}")
def test_condition(row: dict[str, Any]) -> None:
    test = compile_condition(row["condition"], variables=row.get("variables", True))
    assert test is not None
    assert test(context_of(row["context"])) is row["holds"]


@pytest.mark.parametrize("row", rows("malformed.jsonl"), ids=lambda row: f"{row['kind']} {row['document'][:80]}")
def test_malformed(row: dict[str, Any]) -> None:
    with pytest.raises(MalformedPolicy) as caught:
        parse_policy(row["document"], Kind(row["kind"]))
    assert list(caught.value.problems) == row["problems"]
    assert str(caught.value) == row["problems"][0]


PRINCIPAL = "arn:aws:sts::111111111111:assumed-role/R/S"
MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:M"
TEXTS = {
    "nothing allows": "because no identity-based policy allows the states:StartExecution action",
    "a deny wins over an allow before it": "with an explicit deny in an identity-based policy",
    "the boundary must allow": "because no permissions boundary allows the states:StartExecution action",
    "the boundary denies": "with an explicit deny in a permissions boundary",
    "the session policy must allow": "because no session policy allows the states:StartExecution action",
    "a session policy denies": "with an explicit deny in a session policy",
}


@pytest.mark.parametrize("name", TEXTS)
def test_message(name: str) -> None:
    decision = evaluated(next(row for row in rows("decisions.jsonl") if row["name"] == name))
    assert decision.message(PRINCIPAL, "states:StartExecution", MACHINE) == (
        f"User: {PRINCIPAL} is not authorized to perform: states:StartExecution on resource: {MACHINE} {TEXTS[name]}"
    )


def test_message_without_resource() -> None:
    decision = evaluated(next(row for row in rows("decisions.jsonl") if row["name"] == "nothing allows"))
    assert decision.message("root", "iam:ListRoles", None) == (
        "User: root is not authorized to perform: iam:ListRoles "
        "because no identity-based policy allows the iam:ListRoles action"
    )
