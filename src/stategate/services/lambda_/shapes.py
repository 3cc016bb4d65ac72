"""Functions, versions and aliases as the operations show them."""

from __future__ import annotations

import hashlib
import time

from stategate.services.call import Output
from stategate.services.lambda_.records import LATEST, Alias, Configuration
from stategate.services.ports import World


def moment(at: float) -> str:
    """As `2024-01-01T00:00:00.000+0000`."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}+0000"


def function_arn(world: World, name: str, qualifier: str | None = None) -> str:
    arn = f"arn:aws:lambda:{world.region}:{world.account}:function:{name}"
    return arn if qualifier is None else f"{arn}:{qualifier}"


def log_group(configuration: Configuration) -> str:
    return configuration.log_group or f"/aws/lambda/{configuration.name}"


def configuration(world: World, shown: Configuration, qualifier: str | None = None) -> Output:
    """`qualifier` as the caller named it; a published version shows its number anyway."""
    if qualifier is None and shown.version != LATEST:
        qualifier = shown.version
    runtime_id = hashlib.sha256(shown.runtime.encode()).hexdigest()
    return {
        "FunctionName": shown.name,
        "FunctionArn": function_arn(world, shown.name, qualifier),
        "Runtime": shown.runtime,
        "Role": shown.role,
        "Handler": shown.handler,
        "CodeSize": shown.code_size,
        "Description": shown.description,
        "Timeout": shown.timeout,
        "MemorySize": shown.memory,
        "LastModified": moment(shown.modified),
        "CodeSha256": shown.code_sha256,
        "Version": shown.version,
        "Environment": None if shown.environment is None else {"Variables": dict(shown.environment)},
        "TracingConfig": {"Mode": shown.tracing},
        "RevisionId": shown.revision,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": list(shown.architectures),
        "EphemeralStorage": {"Size": shown.ephemeral_storage},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "RuntimeVersionConfig": {"RuntimeVersionArn": f"arn:aws:lambda:{world.region}::runtime:{runtime_id}"},
        "LoggingConfig": {"LogFormat": shown.log_format, "LogGroup": log_group(shown)},
    }


def created(world: World, shown: Configuration) -> Output:
    """What CreateFunction answers; the next look shows the function active."""
    output = configuration(world, shown)
    del output["LastUpdateStatus"]
    output |= {
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
    }
    return output


def updated(world: World, shown: Configuration) -> Output:
    """What the updates answer; the next look shows them done."""
    return configuration(world, shown) | {
        "LastUpdateStatus": "InProgress",
        "LastUpdateStatusReason": "The function is being created.",
        "LastUpdateStatusReasonCode": "Creating",
    }


def alias(world: World, shown: Alias) -> Output:
    return {
        "AliasArn": function_arn(world, shown.function, shown.name),
        "Name": shown.name,
        "FunctionVersion": shown.version,
        "Description": shown.description,
        "RoutingConfig": {"AdditionalVersionWeights": dict(shown.weights)} if shown.weights else None,
        "RevisionId": shown.revision,
    }
