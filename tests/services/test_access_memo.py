"""Decisions are remembered, and yet each is what it would be if it were made anew."""

import json
from dataclasses import replace
from typing import Any

from iam.fakes import make_ports
from stategate.services import access
from stategate.services.iam import records
from stategate.services.ports import Ports, World

WORLD = World("000000000000", "us-east-1")
ARN = "arn:aws:iam::000000000000:role/r"
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def write(ports: Ports, trust: dict[str, Any], **statement: Any) -> records.Role:
    role = records.Role(
        name="r", path="/", id="AROA1", arn=ARN, created=0.0, trust=policy(**trust), inline={"p": policy(**statement)}
    )
    records.roles(ports, WORLD.account).put("r", role)
    return role


def allowed(ports: Ports, session: str = "s") -> bool:
    try:
        principal = access.assume_role(ports, WORLD, ARN, "lambda.amazonaws.com", session)
    except access.RoleNotAssumable:
        return False
    return access.decide(ports, WORLD, principal, "logs:PutLogEvents", "*").allowed


ALLOW = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}


def test_a_change_counts_at_once() -> None:
    ports = make_ports()
    write(ports, TRUST, **ALLOW)
    assert allowed(ports) and allowed(ports, "other")
    write(ports, TRUST, **{**ALLOW, "Effect": "Deny"})
    assert not allowed(ports)
    write(ports, TRUST, **ALLOW)
    assert allowed(ports)
    write(ports, {**TRUST, "Principal": {"Service": "states.amazonaws.com"}}, **ALLOW)
    assert not allowed(ports)
    records.roles(ports, WORLD.account).delete("r")
    assert not allowed(ports)


def test_what_depends_on_the_time_is_decided_anew() -> None:
    class Clock:
        time = 0.0

        def now(self) -> float:
            return self.time

    clock = Clock()
    ports = replace(make_ports(), clock=clock)
    early = {"DateLessThan": {"aws:CurrentTime": "1970-01-01T00:01:00Z"}}
    write(ports, TRUST, **ALLOW, Condition=early)
    assert allowed(ports)
    clock.time = 100.0
    assert not allowed(ports)
    write(ports, {**TRUST, "Condition": {"NumericLessThan": {"aws:EpochTime": "200"}}}, **ALLOW)
    assert allowed(ports)
    clock.time = 300.0
    assert not allowed(ports)


def test_what_depends_on_the_session_is_decided_anew() -> None:
    ports = make_ports()
    write(ports, TRUST, **ALLOW, Condition={"StringLike": {"aws:userid": "*:good"}})
    assert allowed(ports, "good")
    assert not allowed(ports, "bad")
    assert allowed(ports, "good")


def test_sessions_that_a_resource_names_are_told_apart() -> None:
    ports = make_ports()
    write(ports, TRUST, **{**ALLOW, "Action": "iam:*"})
    names = {"AWS": "arn:aws:sts::000000000000:assumed-role/r/good"}
    theirs = policy(Effect="Allow", Principal=names, Action="lambda:InvokeFunction", Resource="*")
    sessions = [access.assume_role(ports, WORLD, ARN, "lambda.amazonaws.com", name) for name in ("good", "bad", "good")]
    assert [
        access.decide(ports, WORLD, session, "lambda:InvokeFunction", "f", None, theirs).allowed for session in sessions
    ] == [True, False, True]
