"""GetAccount, UpdateAccount; TagResource, UntagResource, GetTags."""

from __future__ import annotations

import re
from urllib.parse import unquote

from msgspec.structs import replace

from stategate.gateway.model import RestApi, Stage
from stategate.services import access
from stategate.services.apigateway import records, shapes
from stategate.services.apigateway.errors import bad_request, not_found
from stategate.services.apigateway.patching import invalid_path, only_replace, patches
from stategate.services.call import Call, Input, Output
from stategate.services.errors import AwsError
from stategate.services.ports import Ports, World

SERVICE = "apigateway.amazonaws.com"

_ARN = re.compile(r"arn:[a-z\-]+:apigateway:[a-z0-9\-]+::/restapis/([^/]+)(?:/stages/([^/]+))?\Z")
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
                continue
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


def get_tags(call: Call, given: Input) -> Output:
    return {"tags": dict(_tagged(call, given)[1].tags)}


def tag_resource(call: Call, given: Input) -> Output:
    key, thing = _tagged(call, given)
    _store(call, key, thing, {**thing.tags, **given["tags"]})
    return {}


def untag_resource(call: Call, given: Input) -> Output:
    key, thing = _tagged(call, given)
    gone = set(given["tagKeys"])
    _store(call, key, thing, {name: value for name, value in thing.tags.items() if name not in gone})
    return {}


def _tagged(call: Call, given: Input) -> tuple[str, RestApi | Stage]:
    arn = unquote(given["resourceArn"])
    found = _ARN.match(arn)
    if found is None:
        raise bad_request("Invalid ARN specified in the request")
    api_id, stage_name = found[1], found[2]
    if stage_name is not None:
        return f"{api_id}/{stage_name}", records.get_stage(call, api_id, stage_name)
    api = records.apis(call.ports, call.world).get(api_id)
    if api is None:
        raise not_found("Invalid API identifier specified")
    return api_id, api


def _store(call: Call, key: str, thing: RestApi | Stage, tags: dict[str, str]) -> None:
    match thing:
        case RestApi():
            records.apis(call.ports, call.world).put(key, replace(thing, tags=tags))
        case Stage():
            records.stages(call.ports, call.world).put(key, replace(thing, tags=tags))


OPERATIONS = {
    "GetAccount": get_account,
    "UpdateAccount": update_account,
    "GetTags": get_tags,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
