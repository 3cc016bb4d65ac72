"""What the family of a function's runtime decides: the program of a worker, its arguments, and how it is talked to."""

from __future__ import annotations

import asyncio
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from stategate.runtime.functions.channels import Channel, ControlSocket
from stategate.runtime.functions.protocol import Answer
from stategate.runtime.functions.runtimeapi import RuntimeApi
from stategate.services.ports import RUNTIMES, FunctionCode, RuntimeFamily

PYTHON_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
NODE_BOOTSTRAP = Path(__file__).with_name("bootstrap.mjs")
OLDEST_NODE = 16
OLD_SHARE, YOUNG_SHARE = 0.9, 0.05
"""Of a function's memory, for the old objects of Node.js and each half of the young ones. Without such limits it would
collect garbage only when it has more than the function may."""

_nodes: dict[tuple[str, float], str] = {}


class InvalidEntrypoint(Exception):
    """There is no program to run the function with; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Program:
    """`version` is what the log says of it."""

    path: str
    version: str


async def find_program(code: FunctionCode, directory: Path) -> Program:
    """The program for functions of this runtime. Raises `InvalidEntrypoint`."""
    match RUNTIMES[code.runtime]:
        case RuntimeFamily.PYTHON:
            return Program(sys.executable, f"{code.runtime} on CPython {platform.python_version()}")
        case RuntimeFamily.NODEJS:
            return await _node(code.runtime)
        case RuntimeFamily.PROVIDED:
            bootstrap = directory / "bootstrap"
            if not bootstrap.is_file():
                raise InvalidEntrypoint("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")
            return Program(str(bootstrap), code.runtime)
        case family:
            assert_never(family)


def command(code: FunctionCode, program: Program, control: tuple[int, ...], life: int, separator: str) -> list[str]:
    """`control`: the inherited descriptors of the channel. `life`: of the pipe that the worker must watch, or -1.
    `separator` in hex."""
    arguments = [*map(str, control), str(life), code.runtime, separator]
    match RUNTIMES[code.runtime]:
        case RuntimeFamily.PYTHON:
            return [program.path, str(PYTHON_BOOTSTRAP), *arguments]
        case RuntimeFamily.NODEJS:
            old, young = (max(1, int(code.memory * share)) for share in (OLD_SHARE, YOUNG_SHARE))
            heap = (f"--max-old-space-size={old}", f"--max-semi-space-size={young}")
            return [program.path, *heap, str(NODE_BOOTSTRAP), *arguments]
        case RuntimeFamily.PROVIDED:
            return [program.path]
        case family:
            assert_never(family)


def channel(code: FunctionCode, answered: Callable[[Answer], None], lost: Callable[[], None]) -> Channel:
    if RUNTIMES[code.runtime] is RuntimeFamily.PROVIDED:
        return RuntimeApi(answered, lost)
    return ControlSocket(answered, lost)


async def _node(runtime: str) -> Program:
    path = shutil.which("node")
    if path is None:
        raise InvalidEntrypoint(
            f"The runtime {runtime} needs Node.js, and the Stategate server finds no program `node` on its PATH."
            f" Install Node.js {OLDEST_NODE} or later there and invoke the function again."
        )
    said = await asyncio.get_running_loop().run_in_executor(None, _ask_node, path)
    match = re.fullmatch(r"v((\d+)\.\S+) (.+)", said)
    if match is None or int(match[2]) < OLDEST_NODE:
        is_ = "no Node.js" if match is None else match[1]
        raise InvalidEntrypoint(f"The runtime {runtime} needs Node.js {OLDEST_NODE} or later; {path} is {is_}.")
    return Program(match[3], f"{runtime} on Node.js {match[1]}")


def _ask_node(path: str) -> str:
    """Its version and where it really is: version managers put a script on the PATH, which needs more variables than a
    worker has. Asked once for each program that is installed there."""
    try:
        key = path, Path(path).stat().st_mtime
        if key not in _nodes:
            question = "process.version + ' ' + process.execPath"
            asked = subprocess.run((path, "-p", question), capture_output=True, text=True, timeout=10)
            if asked.returncode != 0:
                return ""
            _nodes[key] = asked.stdout.strip()
        return _nodes[key]
    except (OSError, subprocess.SubprocessError):
        return ""
