"""GetAccount, UpdateAccount."""

from __future__ import annotations

from msgspec.structs import replace

from stategate.services import access
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.errors import bad_request
from stategate.services.apigateway.patching import invalid_path, only_replace, patches
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError
from stategate.services.ports import Ports, World

SERVICE = "apigateway.amazonaws.com"

_LOG_ACTIONS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")


def get_account(call: Call, given: Input) -> Output:
    return _shape(records.accounts(call.ports, call.world).get("account") or records.Account())


def update_account(call: Call, given: Input) -> Output:
    table = records.accounts(call.ports, call.world)
    account = table.get("account") or records.Account()
    for patch in patches(given):
        match patch.keys:
            case ["cloudwatchRoleArn"]:
                only_replace(patch)
                if patch.value:
                    _check_role(call, patch.value)
                account = replace(account, cloudwatch_role_arn=patch.value or None)
            case ["features"]:
                # Every account here has usage plans, and nothing else that could be added.
                if patch.op != "add" or patch.value != "UsagePlans":
                    raise bad_request(f"Invalid {patch.op} operation with path: {patch.path} and value: {patch.value}")
            case _:
                raise invalid_path(patch.path)
    table.put("account", account)
    return _shape(account)


def _shape(account: records.Account) -> Output:
    return shapes.present(
        cloudwatchRoleArn=account.cloudwatch_role_arn,
        throttleSettings={"burstLimit": 5000, "rateLimit": 10000.0},
        features=["UsagePlans"],
        apiKeyVersion="4",
    )


def _check_role(call: Call, role_arn: str) -> None:
    access.pass_role(call, role_arn, SERVICE)
    if not may_log(call.ports, call.world, role_arn):
        raise bad_request(
            "The role ARN does not have required permissions configured. Please grant trust permission for API Gateway "
            "and add the required role policy."
        )


def may_log(ports: Ports, world: World, role_arn: str) -> bool:
    """Whether API Gateway can assume the role, and the role may write to CloudWatch Logs."""
    try:
        session = access.assume_role(ports, world, role_arn, SERVICE, "BackplaneAssumeRoleSession")
        for action in _LOG_ACTIONS:
            resource = (
                f"arn:aws:logs:{world.region}:{world.account}:log-group:API-Gateway-Execution-Logs:log-stream:check"
            )
            access.authorize(ports, world, session, action, resource)
    except (access.RoleNotAssumable, AwsError):
        return False
    return True


OPERATIONS = {
    "GetAccount": get_account,
    "UpdateAccount": update_account,
}
