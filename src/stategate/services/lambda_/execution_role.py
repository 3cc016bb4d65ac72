"""What the workers do as the execution role: the credentials in a handler's environment, and writing its log."""

from __future__ import annotations

from collections.abc import Mapping

from stategate.iam import Principal
from stategate.services import access
from stategate.services.errors import AwsError
from stategate.services.logs import records as log_records
from stategate.services.permissions import log_group_arn
from stategate.services.ports import FunctionCode, Ports

SERVICE = "lambda.amazonaws.com"
SESSION_SECONDS = 3600.0


def credentials(ports: Ports, code: FunctionCode) -> Mapping[str, str]:
    """The environment variables of a new session of the role, named after the function. Raises AccessDeniedException,
    which is what Invoke answers if Lambda can no longer assume the role."""
    try:
        principal = session(ports, code)
    except access.RoleNotAssumable:
        raise AwsError(
            "AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.", status=403
        ) from None
    made = access.session_credentials(ports, principal, SESSION_SECONDS)
    return {
        "AWS_ACCESS_KEY_ID": made.access_key_id,
        "AWS_SECRET_ACCESS_KEY": made.secret_access_key,
        "AWS_SESSION_TOKEN": made.session_token,
    }


def may_log(ports: Ports, code: FunctionCode) -> bool:
    """Lambda writes a function's log with the function's role: without the permissions there is no log."""
    try:
        principal = session(ports, code)
    except access.RoleNotAssumable:
        return False
    actions = ["logs:PutLogEvents", "logs:CreateLogStream"]
    if log_records.groups(ports.store, code.world).get(code.log_group) is None:
        actions.append("logs:CreateLogGroup")
    arn = log_group_arn(code.world, code.log_group)
    return all(access.decide(ports, code.world, principal, action, arn).allowed for action in actions)


def session(ports: Ports, code: FunctionCode) -> Principal:
    """Raises `access.RoleNotAssumable`."""
    return access.assume_role(ports, code.world, code.role_arn, SERVICE, code.name, {"aws:SourceArn": code.arn})
