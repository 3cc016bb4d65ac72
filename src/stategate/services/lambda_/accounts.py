"""Tags, concurrency, and what an account may have."""

from __future__ import annotations

from msgspec import structs

from stategate.services.call import Call, Input, Output
from stategate.services.lambda_ import functions, lookup, records, settings
from stategate.services.lambda_.names import FunctionName, invalid
from stategate.services.lambda_.records import Function
from stategate.wire.arn import Arn, InvalidArn

CONCURRENCY = 1000
MIN_UNRESERVED = 100
TOTAL_CODE_SIZE = 80_530_636_800
UNZIPPED = 262_144_000
ZIPPED = 52_428_800


def _tagged(call: Call, given: Input, action: str) -> tuple[FunctionName, Function]:
    try:
        arn = Arn.parse(given["Resource"])
    except InvalidArn:
        raise invalid(f"The resource {given['Resource']} is not an ARN.") from None
    if arn.service != "lambda" or arn.resource_type != "function":
        raise invalid(f"Stategate has tags of functions only, not of {given['Resource']}.")
    name = functions.named(call, {"FunctionName": given["Resource"]}, action)
    if name.qualifier is not None:
        raise invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
    return name, lookup.function(call.ports, name)


def list_tags(call: Call, given: Input) -> Output:
    return {"Tags": dict(_tagged(call, given, "ListTags")[1].tags)}


def tag_resource(call: Call, given: Input) -> Output:
    name, function = _tagged(call, given, "TagResource")
    tags = {**function.tags, **given["Tags"]}
    settings.check_tags(tags)
    records.functions(call.ports, call.world).put(name.name, structs.replace(function, tags=tags))
    return {}


def untag_resource(call: Call, given: Input) -> Output:
    name, function = _tagged(call, given, "UntagResource")
    tags = {key: value for key, value in function.tags.items() if key not in given["TagKeys"]}
    records.functions(call.ports, call.world).put(name.name, structs.replace(function, tags=tags))
    return {}


# --- concurrency ------------------------------------------------------------------------------------------------


def _function(call: Call, given: Input, action: str) -> tuple[FunctionName, Function]:
    name = functions.named(call, given, action)
    return name, lookup.function(call.ports, name)


def _reserved(call: Call, but: str | None = None) -> int:
    kept = records.functions(call.ports, call.world)
    return sum(function.concurrency or 0 for key, function in kept.items() if key != but)


def put_function_concurrency(call: Call, given: Input) -> Output:
    name, function = _function(call, given, "PutFunctionConcurrency")
    if name.qualifier is not None:
        raise invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support it.")
    wanted: int = given["ReservedConcurrentExecutions"]
    if wanted and CONCURRENCY - _reserved(call, name.name) - wanted < MIN_UNRESERVED:
        raise invalid(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution"
            f" below its minimum value of [{MIN_UNRESERVED}]."
        )
    records.functions(call.ports, call.world).put(name.name, structs.replace(function, concurrency=wanted))
    return {"ReservedConcurrentExecutions": wanted}


def get_function_concurrency(call: Call, given: Input) -> Output:
    return {"ReservedConcurrentExecutions": _function(call, given, "GetFunctionConcurrency")[1].concurrency}


def delete_function_concurrency(call: Call, given: Input) -> Output:
    name, function = _function(call, given, "DeleteFunctionConcurrency")
    records.functions(call.ports, call.world).put(name.name, structs.replace(function, concurrency=None))
    return {}


# --- the account ------------------------------------------------------------------------------------------------


def get_account_settings(call: Call, given: Input) -> Output:
    latest = [function.latest for _, function in records.functions(call.ports, call.world).items()]
    published = [version for _, version in records.versions(call.ports, call.world).items()]
    return {
        "AccountLimit": {
            "TotalCodeSize": TOTAL_CODE_SIZE,
            "CodeSizeUnzipped": UNZIPPED,
            "CodeSizeZipped": ZIPPED,
            "ConcurrentExecutions": CONCURRENCY,
            "UnreservedConcurrentExecutions": CONCURRENCY - _reserved(call),
        },
        "AccountUsage": {
            "TotalCodeSize": sum(configuration.code_size for configuration in (*latest, *published)),
            "FunctionCount": len(latest),
        },
    }


def get_function_code_signing_config(call: Call, given: Input) -> Output:
    """Functions have none: Stategate refuses them."""
    name, _ = _function(call, given, "GetFunctionCodeSigningConfig")
    return {"FunctionName": name.name}
