"""Which permission an operation needs: the IAM action, and the ARN of the resource out of the input.

From the service authorization reference of AWS: mostly `<prefix>:<Operation>` on the resource that the input names, `*`
where AWS has no resource type. Table first: the tables say what differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from stategate.services.iam import records
from stategate.services.ports import Ports, World
from stategate.wire.model import load_model

Input = Mapping[str, Any]
Rule = Callable[[World, Input], str | None]
"""The resource's ARN, or None if the input does not name one that this rule knows."""

PREFIXES = {
    "iam": "iam",
    "sts": "sts",
    "lambda": "lambda",
    "stepfunctions": "states",
    "states": "states",
    "apigateway": "apigateway",
    "logs": "logs",
}

OWN_CHECK = {
    ("sts", "GetCallerIdentity"),
    ("sts", "GetSessionToken"),
    ("sts", "AssumeRole"),
    ("lambda", "Invoke"),
    ("lambda", "InvokeAsync"),
    ("lambda", "InvokeWithResponseStream"),
    ("stepfunctions", "SendTaskSuccess"),
    ("stepfunctions", "SendTaskFailure"),
    ("stepfunctions", "SendTaskHeartbeat"),
}
"""Operations that need no permission, or check by themselves: the resource's own policy counts as well, or the resource
is known from a token only."""

ACTIONS = {
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("lambda", "InvokeAsync"): "lambda:InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "lambda:InvokeFunction",
    ("lambda", "GetLayerVersionByArn"): "lambda:GetLayerVersion",
}
"""Where the action is not named as the operation."""


def required(
    service: str, operation: str, input: Input, world: World, ports: Ports | None = None, caller: str = "*"
) -> tuple[str, str] | None:
    """The action and the resource's ARN (or `*`); None if there is nothing to check before the operation.

    `service` as boto3 names it. `ports` lets the ARN of an existing role or user have its path, which the input does
    not tell; `caller` is the ARN of who asks. Raises `KeyError` for a service that is not hosted.
    """
    service = "stepfunctions" if service == "states" else service
    if (service, operation) in OWN_CHECK:
        return None
    if service == "apigateway":
        return _apigateway(operation, input, world)
    action = ACTIONS.get((service, operation), f"{PREFIXES[service]}:{operation}")
    if service == "iam":
        own = operation in _IAM_OWN and not input.get("UserName")
        return action, caller if own else _iam(operation, input, world, ports)
    return action, _RESOURCES[service](operation, input, world)


def conditions(service: str, operation: str, input: Input) -> dict[str, str | list[str]]:
    """The condition keys that AWS takes from the input: tags of the request, and the services' own keys."""
    found: dict[str, str | list[str]] = {}
    tags = _tags(input)
    keys = list(tags) or _tag_keys(input)
    if keys:
        found["aws:TagKeys"] = keys
        found.update({f"aws:RequestTag/{key}": value for key, value in tags.items()})
    for member, key in _CONDITION_KEYS.get("stepfunctions" if service == "states" else service, {}).items():
        if isinstance(input.get(member), str):
            found[key] = input[member]
    if service in ("stepfunctions", "states"):
        qualified = str(input.get("stateMachineArn", "")).split(":")
        if len(qualified) == 8:
            found["states:StateMachineQualifier"] = qualified[7]
    return found


_CONDITION_KEYS: Mapping[str, Mapping[str, str]] = {
    "iam": {"PolicyArn": "iam:PolicyARN", "PermissionsBoundary": "iam:PermissionsBoundary"},
    "lambda": {"Principal": "lambda:Principal", "FunctionUrlAuthType": "lambda:FunctionUrlAuthType"},
}


def _tags(input: Input) -> dict[str, str]:
    """Tags come as a map, or as a list of pairs, in either case of letters."""
    tags = input.get("Tags") or input.get("tags") or {}
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    pairs = [{name.lower(): value for name, value in tag.items()} for tag in tags if isinstance(tag, Mapping)]
    return {str(pair["key"]): str(pair.get("value") or "") for pair in pairs if "key" in pair}


def _tag_keys(input: Input) -> list[str]:
    """The keys of an untagging; UntagLogGroup calls them `tags`."""
    keys = input.get("TagKeys") or input.get("tagKeys") or input.get("tags")
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []


def _first(rules: Mapping[str, Rule], world: World, input: Input) -> str | None:
    for member, rule in rules.items():
        if input.get(member) is not None:
            arn = rule(world, input)
            if arn is not None:
                return arn
    return None


# --- Step Functions ---------------------------------------------------------------------------------------------

_STATES_ARNS = (
    "executionArn",
    "mapRunArn",
    "stateMachineArn",
    "stateMachineVersionArn",
    "stateMachineAliasArn",
    "activityArn",
    "resourceArn",
)
_STATES_NAMED = {"CreateStateMachine": "stateMachine", "CreateActivity": "activity"}
_STATES_LISTED = {"ListStateMachines": "stateMachine", "ListActivities": "activity"}


def _states(operation: str, input: Input, world: World) -> str:
    prefix = f"arn:aws:states:{world.region}:{world.account}"
    if operation in _STATES_NAMED:
        return f"{prefix}:{_STATES_NAMED[operation]}:{input.get('name', '')}"
    if operation in _STATES_LISTED:
        return f"{prefix}:{_STATES_LISTED[operation]}:*"
    members = ("mapRunArn", "stateMachineArn") if operation == "ListExecutions" else _STATES_ARNS
    return next((str(input[member]) for member in members if input.get(member)), "*")


# --- Lambda -----------------------------------------------------------------------------------------------------

_FUNCTION = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):|)(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[A-Za-z0-9_-]+)(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]+))?"
)


def function_arn(name: str, qualifier: str | None, world: World) -> str | None:
    """The ARN of what is called by a name, a partial ARN or an ARN, with its qualifier if there is one; None if the
    text is none of these."""
    match = _FUNCTION.fullmatch(name)
    if match is None:
        return None
    region, account = match["region"] or world.region, match["account"] or world.account
    suffix = qualifier or match["qualifier"]
    return f"arn:aws:lambda:{region}:{account}:function:{match['name']}" + (f":{suffix}" if suffix else "")


def _function(world: World, input: Input) -> str | None:
    return function_arn(str(input["FunctionName"]), input.get("Qualifier"), world)


def _layer(world: World, input: Input) -> str:
    name, version = str(input["LayerName"]), input.get("VersionNumber")
    arn = name if name.startswith("arn:") else f"arn:aws:lambda:{world.region}:{world.account}:layer:{name}"
    return arn if version is None else f"{arn}:{version}"


def _lambda_thing(kind: str, member: str) -> Rule:
    return lambda world, input: f"arn:aws:lambda:{world.region}:{world.account}:{kind}:{input[member]}"


def _verbatim(member: str) -> Rule:
    return lambda world, input: str(input[member])


_LAMBDA: Mapping[str, Rule] = {
    "Resource": _verbatim("Resource"),
    "ResourceArn": _verbatim("ResourceArn"),
    "Arn": _verbatim("Arn"),
    "UUID": _lambda_thing("event-source-mapping", "UUID"),
    "LayerName": _layer,
    "CodeSigningConfigArn": _verbatim("CodeSigningConfigArn"),
    "DurableExecutionArn": _verbatim("DurableExecutionArn"),
    "CapacityProviderName": _lambda_thing("capacity-provider", "CapacityProviderName"),
    "FunctionName": _function,
}
_LAMBDA_ANY = {
    "ListFunctions", "ListLayers", "ListLayerVersions", "ListEventSourceMappings", "CreateEventSourceMapping",
    "GetAccountSettings", "ListCodeSigningConfigs", "ListCapacityProviders",
}  # fmt: skip


def _lambda(operation: str, input: Input, world: World) -> str:
    if operation in _LAMBDA_ANY:
        return "*"
    if operation.endswith("FunctionCodeSigningConfig"):
        return _first({"FunctionName": _function}, world, input) or "*"
    return _first(_LAMBDA, world, input) or "*"


# --- CloudWatch Logs --------------------------------------------------------------------------------------------


def log_group_arn(world: World, group: str, stream: str = "") -> str:
    """As IAM sees a log group: with its streams, so that policies on `log-group:<name>:*` apply."""
    return f"arn:aws:logs:{world.region}:{world.account}:log-group:{group}:log-stream:{stream}"


def _log_group(world: World, input: Input) -> str:
    identifier = str(input.get("logGroupIdentifier") or input.get("logGroupName"))
    arn = re.fullmatch(r"arn:aws[a-z-]*:logs:([a-z0-9-]+):(\d{12}):log-group:([^:]+)(?::\*)?", identifier)
    if arn is not None:
        return log_group_arn(World(arn[2], arn[1]), arn[3])
    return log_group_arn(world, identifier)


_LOGS: Mapping[str, Rule] = {
    "logGroupName": _log_group,
    "logGroupIdentifier": _log_group,
    "resourceArn": _verbatim("resourceArn"),
    "resourceIdentifier": _verbatim("resourceIdentifier"),
}
_STREAM_OPERATIONS = {"DeleteLogStream", "GetLogEvents", "PutLogEvents"}
_LOGS_ANY = {"PutResourcePolicy", "DescribeResourcePolicies", "DeleteResourcePolicy", "PutQueryDefinition"}


def _logs(operation: str, input: Input, world: World) -> str:
    if operation in _LOGS_ANY:
        return "*"
    if operation in ("DescribeLogGroups", "ListLogGroups"):
        return log_group_arn(world, "")
    arn = _first(_LOGS, world, input) or "*"
    stream = input.get("logStreamName") if operation in _STREAM_OPERATIONS else None
    return f"{arn}{stream}" if stream else arn


# --- IAM and STS ------------------------------------------------------------------------------------------------

_IAM_NAMED = {"RoleName": "role", "UserName": "user", "GroupName": "group", "InstanceProfileName": "instance-profile"}
_IAM_OWN = {"GetUser", "CreateAccessKey", "DeleteAccessKey", "ListAccessKeys", "UpdateAccessKey"}
"""Operations that mean the caller where no user is named."""
_IAM_LISTED = {"ListRoles": "role", "ListUsers": "user"}


def _iam(operation: str, input: Input, world: World, ports: Ports | None) -> str:
    if operation == "ListPolicies":
        return f"policy path {input.get('PathPrefix') or '/'}"
    if operation in _IAM_LISTED:
        return _iam_arn(world, _IAM_LISTED[operation], input.get("PathPrefix"), "")
    if operation == "CreatePolicy":
        return _iam_arn(world, "policy", input.get("Path"), str(input.get("PolicyName", "")))
    for member, kind in _IAM_NAMED.items():
        if input.get(member):
            return _existing(ports, world, kind, str(input[member])) or _iam_arn(
                world, kind, input.get("Path"), str(input[member])
            )
    return str(input["PolicyArn"]) if input.get("PolicyArn") else "*"


def _iam_arn(world: World, kind: str, path: str | None, name: str) -> str:
    return f"arn:aws:iam::{world.account}:{kind}{path or '/'}{name}"


def _existing(ports: Ports | None, world: World, kind: str, name: str) -> str | None:
    if ports is None:
        return None
    found: records.Role | records.User | None = None
    if kind == "role":
        found = records.roles(ports, world.account).get(records.key_of(name))
    elif kind == "user":
        found = records.users(ports, world.account).get(records.key_of(name))
    return found.arn if found is not None else None


def _sts(operation: str, input: Input, world: World) -> str:
    return str(input.get("RoleArn") or "*")


_RESOURCES: Mapping[str, Callable[[str, Input, World], str]] = {
    "stepfunctions": _states,
    "lambda": _lambda,
    "logs": _logs,
    "sts": _sts,
}


# --- API Gateway ------------------------------------------------------------------------------------------------


@cache
def _apigateway_paths() -> Mapping[str, tuple[str, str, Mapping[str, str]]]:
    """By operation: HTTP method, path template, and the members by their name in the template."""
    paths = {}
    for name, operation in load_model("apigateway").operations.items():
        members = {member.wire: member.name for member in operation.input.members.values() if member.location == "uri"}
        paths[name] = (operation.method, operation.uri.partition("?")[0], members)
    return paths


def _apigateway(operation: str, input: Input, world: World) -> tuple[str, str]:
    method, template, members = _apigateway_paths()[operation]
    path = re.sub(
        r"\{([^}+]+)\+?\}",
        lambda match: quote(str(input.get(members.get(match[1], match[1]), "")), safe="-._~$"),
        template,
    )
    return f"apigateway:{method}", f"arn:aws:apigateway:{world.region}::{path}"
