"""What becomes of asynchronous invocations: how often they are tried again, how long, and who is told of the outcome.

The messages are AWS's, as its control plane has answered them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stategate.services import access
from stategate.services.call import Call, Input, Operation, Output
from stategate.services.errors import AwsError
from stategate.services.lambda_ import destinations, functions, lookup, names, records
from stategate.services.lambda_.names import FunctionName, invalid, not_found
from stategate.services.lambda_.records import LATEST, EventInvoke


def put_config(call: Call, given: Input) -> Output:
    name = _existing(call, given, "PutFunctionEventInvokeConfig")
    return _keep(call, name, given, EventInvoke(modified=call.now))


def update_config(call: Call, given: Input) -> Output:
    name = _existing(call, given, "UpdateFunctionEventInvokeConfig")
    return _keep(call, name, given, _config(call, name))


def get_config(call: Call, given: Input) -> Output:
    name = _existing(call, given, "GetFunctionEventInvokeConfig")
    return _shape(name, _config(call, name))


def delete_config(call: Call, given: Input) -> Output:
    name = _existing(call, given, "DeleteFunctionEventInvokeConfig")
    _config(call, name)
    records.event_invokes(call.ports, call.world).delete(_key(name))
    return {}


def list_configs(call: Call, given: Input) -> Output:
    name = _existing(call, given, "ListFunctionEventInvokeConfigs")
    found = records.event_invokes(call.ports, call.world).items(f"{name.name}:")
    chosen, marker = functions.page(given, (((key,), (key, config)) for key, config in found))
    shown = [_shape(FunctionName(name.world, name.name, key.partition(":")[2]), config) for key, config in chosen]
    return {"FunctionEventInvokeConfigs": shown, "NextMarker": marker}


def _existing(call: Call, given: Input, action: str) -> FunctionName:
    name = functions.named(call, given, action)
    try:
        lookup.configuration(call.ports, name)
    except AwsError:
        raise not_found("The function doesn't exist.") from None
    return name


def _key(name: FunctionName) -> str:
    return records.event_invoke_key(name.name, name.qualifier)


def _config(call: Call, name: FunctionName) -> EventInvoke:
    config = records.event_invokes(call.ports, call.world).get(_key(name))
    if config is None:
        raise not_found(f"The function {name.arn}:{name.qualifier or LATEST} doesn't have an EventInvokeConfig")
    return config


def _keep(call: Call, name: FunctionName, given: Input, before: EventInvoke) -> Output:
    """`before` has what the input leaves out."""
    told = given.get("DestinationConfig")
    retries, max_age = given.get("MaximumRetryAttempts"), given.get("MaximumEventAgeInSeconds")
    if told is None and retries is None and max_age is None:
        raise invalid("You must specify at least one of error handling or destination setting.")
    on_success, on_failure = before.on_success, before.on_failure
    if told is not None:
        on_success = _destination(call, name, told.get("OnSuccess"))
        on_failure = _destination(call, name, told.get("OnFailure"))
    config = EventInvoke(
        modified=call.now,
        retries=before.retries if retries is None else retries,
        max_age=before.max_age if max_age is None else max_age,
        on_success=on_success,
        on_failure=on_failure,
    )
    records.event_invokes(call.ports, call.world).put(_key(name), config)
    return _shape(name, config)


def _destination(call: Call, name: FunctionName, given: Mapping[str, Any] | None) -> str | None:
    """The ARN of a function that the execution role may invoke."""
    arn = (given or {}).get("Destination")
    if not arn:
        return None
    if not arn.startswith("arn:aws:lambda:"):
        raise invalid(f"Stategate does not support the destination {arn}; it has functions.")
    target = names.parse(call.world, arn)
    if (target.world, target.name) == (name.world, name.name):
        raise invalid("You can't specify the function as a destination for itself.")
    lookup.configuration(call.ports, target)
    try:
        destinations.authorize(call.ports, name, target)
    except (access.RoleNotAssumable, AwsError):
        raise invalid(
            "The provided execution role does not have permissions to call InvokeFunction on Lambda"
        ) from None
    return str(arn)


def _shape(name: FunctionName, config: EventInvoke) -> Output:
    def told(arn: str | None) -> Output:
        return {} if arn is None else {"Destination": arn}

    return {
        "LastModified": config.modified,
        "FunctionArn": f"{name.arn}:{name.qualifier or LATEST}",
        "MaximumRetryAttempts": config.retries,
        "MaximumEventAgeInSeconds": config.max_age,
        "DestinationConfig": {"OnSuccess": told(config.on_success), "OnFailure": told(config.on_failure)},
    }


OPERATIONS: Mapping[str, Operation] = {
    "PutFunctionEventInvokeConfig": put_config,
    "UpdateFunctionEventInvokeConfig": update_config,
    "GetFunctionEventInvokeConfig": get_config,
    "DeleteFunctionEventInvokeConfig": delete_config,
    "ListFunctionEventInvokeConfigs": list_configs,
}
