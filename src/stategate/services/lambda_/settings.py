"""What a function may be configured with: checked, and what Stategate has not is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from stategate.services import access
from stategate.services.call import Call, Input
from stategate.services.errors import validation_error
from stategate.services.lambda_.names import invalid
from stategate.services.ports import RUNTIMES

MAX_TIMEOUT = 900
MAX_MEMORY = 10_240
MAX_ENVIRONMENT = 4096
MAX_TAGS = 50
RESERVED = {
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
}  # fmt: skip

_UNSUPPORTED: Mapping[str, tuple[Any, ...]] = {
    "PublishTo": (),
    "VpcConfig": ({}, {"SubnetIds": [], "SecurityGroupIds": []}, {"SubnetIds": []}),
    "PackageType": ("Zip",),
    "DeadLetterConfig": ({}, {"TargetArn": ""}),
    "KMSKeyArn": ("",),
    "TracingConfig": ({}, {"Mode": "PassThrough"}),
    "Layers": ([],),
    "FileSystemConfigs": ([],),
    "CodeSigningConfigArn": (),
    "ImageConfig": ({},),
    "SnapStart": ({}, {"ApplyOn": "None"}),
    "TenancyConfig": (),
    "CapacityProviderConfig": (),
    "DurableConfig": (),
    "RuntimeConfig": (),
    "AcceleratorConfig": (),
}
"""Members that are refused unless they have one of these values, which ask for nothing."""

_UNSUPPORTED_CODE = (
    "S3Bucket", "S3Key", "S3ObjectVersion", "S3ObjectStorageMode", "ImageUri", "SourceKMSKeyArn",
)  # fmt: skip


def check(given: Input) -> None:
    """Raises InvalidParameterValueException and ValidationException for what cannot be, member by member."""
    for member, harmless in _UNSUPPORTED.items():
        value = given.get(member)
        if value is not None and value not in harmless:
            raise unsupported(member, value)
    _check_range("timeout", given.get("Timeout"), 1, MAX_TIMEOUT)
    _check_range("memorySize", given.get("MemorySize"), 128, MAX_MEMORY)
    _check_range("ephemeralStorage.size", (given.get("EphemeralStorage") or {}).get("Size"), 512, 10_240)
    runtime = given.get("Runtime")
    if runtime is not None and runtime not in RUNTIMES:
        raise invalid(f"Stategate does not support the runtime {runtime}; it has {', '.join(RUNTIMES)}.")
    _check_environment((given.get("Environment") or {}).get("Variables"))
    _check_logging(given.get("LoggingConfig") or {})


def check_code(given: Mapping[str, Any]) -> bytes:
    """The zip file of a `FunctionCode` shape, or of UpdateFunctionCode's input."""
    for member in _UNSUPPORTED_CODE:
        if given.get(member) is not None:
            raise unsupported(f"Code.{member}", given[member], "; give the zip file in ZipFile")
    package = given.get("ZipFile")
    if not package:
        raise invalid("Please provide a source for function code.")
    return bytes(package)


def check_role(call: Call, role_arn: str) -> None:
    """The caller may pass the role, and Lambda may assume it."""
    access.pass_role(call, role_arn, "lambda.amazonaws.com")
    if not access.role_exists_and_trusts(call.ports, call.world, role_arn, "lambda.amazonaws.com"):
        raise invalid("The role defined for the function cannot be assumed by Lambda.")


def check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MAX_TAGS:
        raise invalid(f"Number of tags exceeds function limit of {MAX_TAGS}")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise invalid("The following tag keys are invalid: " + key)


def unsupported(member: str, value: Any, hint: str = "") -> Exception:
    shown = f" {value}" if isinstance(value, str) else ""
    return invalid(f"Stategate does not support {member}{shown}{hint}.")


def _check_range(member: str, value: int | None, least: int, most: int) -> None:
    if value is None or least <= value <= most:
        return
    bound = f"less than or equal to {most}" if value > most else f"greater than or equal to {least}"
    raise validation_error(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint:"
        f" Member must have value {bound}"
    )


def _check_environment(variables: Mapping[str, str] | None) -> None:
    if not variables:
        return
    problem = "Lambda was unable to configure your environment variables because the environment variables you have "
    reserved = sorted(RESERVED & variables.keys())
    if reserved:
        raise invalid(
            f"{problem}provided contains reserved keys that are currently not supported for modification."
            f" Reserved keys used in this request: {', '.join(reserved)}"
        )
    if "AWS_LAMBDA_EXEC_WRAPPER" in variables:
        raise unsupported("the environment variable AWS_LAMBDA_EXEC_WRAPPER", None)
    measured = orjson.dumps(dict(variables)).decode()
    if len(measured.encode()) > MAX_ENVIRONMENT:
        raise invalid(f"{problem}provided exceeded the 4KB limit. String measured: {measured}")


def _check_logging(given: Mapping[str, Any]) -> None:
    if given.get("LogFormat", "Text") != "Text":
        raise unsupported("LoggingConfig.LogFormat", given["LogFormat"])
    for member in ("ApplicationLogLevel", "SystemLogLevel"):
        if given.get(member) is not None:
            raise unsupported(f"LoggingConfig.{member}", given[member])
