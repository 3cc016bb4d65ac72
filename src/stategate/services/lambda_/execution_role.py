"""What a function's execution role gives its workers: credentials, and the right to log."""

from __future__ import annotations

from collections.abc import Mapping

from stategate.iam import Principal
from stategate.services.access import RoleNotAssumable, assume_role, decide
from stategate.services.errors import AwsError
from stategate.services.iam.credentials import session_credentials
from stategate.services.ports import FunctionCode, Ports

DURATION = 3600 + 960
"""Seconds: the pool replaces workers after an hour; an invocation may have begun just before, and take 15 minutes."""


def credentials(ports: Ports, code: FunctionCode) -> Mapping[str, str]:
    """The environment variables of a session of the execution role. Raises AccessDeniedException."""
    try:
        session = _session(ports, code)
    except RoleNotAssumable:
        message = "The role defined for the function cannot be assumed by Lambda."
        raise AwsError("AccessDeniedException", message, status=403) from None
    made = session_credentials(ports, session, DURATION)
    return {
        "AWS_ACCESS_KEY_ID": made.access_key_id,
        "AWS_SECRET_ACCESS_KEY": made.secret_access_key,
        "AWS_SESSION_TOKEN": made.session_token,
    }


def may_log(ports: Ports, code: FunctionCode) -> bool:
    """Lambda logs as the execution role: without logs:PutLogEvents nothing is logged."""
    world = code.world
    group = f"arn:aws:logs:{world.region}:{world.account}:log-group:{code.log_group}:*"
    try:
        return decide(ports, world, _session(ports, code), "logs:PutLogEvents", group).allowed
    except RoleNotAssumable:
        return False


def _session(ports: Ports, code: FunctionCode) -> Principal:
    return assume_role(ports, code.world, code.role_arn, "lambda.amazonaws.com", code.name)
