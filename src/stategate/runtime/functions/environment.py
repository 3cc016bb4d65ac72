"""The environment variables of a worker, as AWS has them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

from stategate.runtime.functions.families import Program
from stategate.services.ports import RUNTIMES, FunctionCode, RuntimeFamily

_PATH = ("/usr/local/bin", "/usr/bin", "/bin")


def environment(
    code: FunctionCode,
    program: Program,
    directory: Path,
    log_stream: str,
    credentials: Mapping[str, str],
    endpoint: str,
) -> dict[str, str]:
    """The user's variables, and over them Lambda's. `AWS_ENDPOINT_URL` makes AWS's clients talk to this server, unless
    the user set one, and AWS_DISABLE_HOST_PREFIX_INJECTION lets StartSyncExecution do so, which they would send to the
    host `sync-127.0.0.1`. `LAMBDA_TASK_ROOT` and `PWD` are where the code really is."""
    ours = {"AWS_ENDPOINT_URL": endpoint, "AWS_DISABLE_HOST_PREFIX_INJECTION": "true", "TZ": ":UTC"}
    variables = {**ours, **_of_family(code, program, directory)}
    variables |= code.environment
    variables |= {
        "AWS_REGION": code.world.region,
        "AWS_DEFAULT_REGION": code.world.region,
        "AWS_LAMBDA_FUNCTION_NAME": code.name,
        "AWS_LAMBDA_FUNCTION_VERSION": code.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(code.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": code.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_TASK_ROOT": str(directory),
        "LANG": "en_US.UTF-8",
        "LC_CTYPE": "C.UTF-8",
        "PWD": str(directory),
        "SHLVL": "0",
        "_HANDLER": code.handler,
    }
    variables |= credentials
    if RUNTIMES[code.runtime] is not RuntimeFamily.PROVIDED:
        variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{code.runtime}"
    return variables


def _of_family(code: FunctionCode, program: Program, directory: Path) -> dict[str, str]:
    """Variables that the user may set otherwise. The program's own directory comes first in `PATH`: a handler that
    starts `python` or `node` gets the one that runs it."""
    match RUNTIMES[code.runtime]:
        case RuntimeFamily.PYTHON:
            return {"PATH": os.pathsep.join((str(Path(program.path).parent), *_PATH))}
        case RuntimeFamily.NODEJS:
            path = os.pathsep.join((str(Path(program.path).parent), *_PATH))
            return {"PATH": path, "NODE_PATH": str(directory)}
        case RuntimeFamily.PROVIDED:
            return {"PATH": os.pathsep.join(_PATH)}
        case family:
            assert_never(family)
