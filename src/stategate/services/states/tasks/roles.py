"""As whom a task is called: the state machine's role, or the role of the state's Credentials."""

from __future__ import annotations

from stategate.iam import Principal
from stategate.services import access
from stategate.services.ports import NewExecution, Ports, TaskFailure

SERVICE = "states.amazonaws.com"


def assume(ports: Ports, execution: NewExecution, credentials: str | None) -> Principal | TaskFailure:
    """The session that the call is made with; the execution's role first, and from it the other one. Its name is 32
    random characters."""
    name = ports.entropy.uuid().replace("-", "")
    try:
        own = access.assume_role(
            ports, execution.world, execution.role_arn, SERVICE, name, {"aws:SourceArn": execution.machine_arn}
        )
    except access.RoleNotAssumable:
        return TaskFailure(
            "States.TaskFailed",
            "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume"
            " the provided role.",
        )
    if credentials is None:
        return own
    role = access.role_of(ports, credentials)
    if role is None or not access.may_assume(ports, execution.world, own, role).allowed:
        return TaskFailure(
            "States.TaskFailed",
            f"The role {execution.role_arn} is not authorized to assume the task state's role, {credentials}.",
        )
    return access.role_session(role, name)
