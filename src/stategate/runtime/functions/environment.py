"""The environment variables of a worker, as AWS has them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from stategate.services.ports import FunctionCode

RUNTIMES = tuple(f"python3.{minor}" for minor in range(9, 15))
"""The runtimes that can be asked for; all run on the server's own interpreter."""


def environment(
    code: FunctionCode, directory: Path, log_stream: str, credentials: Mapping[str, str], endpoint: str
) -> dict[str, str]:
    """The user's variables, and over them Lambda's. `AWS_ENDPOINT_URL` makes AWS's clients talk to this server, unless
    the user set one. `LAMBDA_TASK_ROOT` and `PWD` are where the code really is."""
    variables = {"AWS_ENDPOINT_URL": endpoint, "PYTHONPATH": "", "TZ": ":UTC"}
    variables |= code.environment
    variables |= {
        "AWS_REGION": code.world.region,
        "AWS_DEFAULT_REGION": code.world.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{code.runtime}",
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
    variables.setdefault("PATH", _path())
    if not variables["PYTHONPATH"]:
        del variables["PYTHONPATH"]
    return variables


def _path() -> str:
    """The server's own programs first: a handler that starts `python` gets the interpreter that runs it."""
    return os.pathsep.join((str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"))
