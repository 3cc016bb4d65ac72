"""The command line: `stategate serve`, and the commands of `server.commands` that need no server."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import click

from stategate import __version__
from stategate.server.commands.evaluate import evaluate
from stategate.server.commands.render import render
from stategate.server.commands.routes import routes
from stategate.server.commands.run import run as run_definition
from stategate.server.commands.validate import validate
from stategate.server.settings import CHOICES, HELP, Settings, SettingsError, load

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="stategate")
def main() -> None:
    """API Gateway REST APIs, Step Functions state machines and Lambda functions on your own machines.

    The AWS CLI and the AWS SDKs talk to it with AWS_ENDPOINT_URL=http://127.0.0.1:4566.
    """


main.add_command(run_definition)
main.add_command(validate)
main.add_command(evaluate)
main.add_command(render)
main.add_command(routes)


def _settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for every setting. The defaults stay None here: what is not given may stand in the environment."""
    for field in reversed(fields(Settings)):
        kind: Any = str
        if field.name in CHOICES:
            kind = click.Choice(CHOICES[field.name])
        elif isinstance(field.default, int):
            kind = int
        shown = field.default is not MISSING and field.default != ""
        default = f"  [default: {field.default}]" if shown else ""
        option = f"--{field.name.replace('_', '-')}"
        command = click.option(option, type=kind, default=None, help=HELP[field.name] + default)(command)
    return command


@main.command(context_settings=CONTEXT)
@_settings_options
@click.option("--config", type=click.Path(path_type=Path), default=None, help="A TOML file with settings.")
def serve(config: Path | None, **given: Any) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Each option can also be set in the environment (STATEGATE_DATA_DIR) or in a TOML file (data_dir = "..."):
    stategate.toml in the working directory, or the one that --config or STATEGATE_CONFIG names.
    """
    try:
        settings = load(given, os.environ, config)
        listener = listen(settings)
    except SettingsError as error:
        raise click.ClickException("\n       ".join(error.problems)) from None
    from stategate.server.app import StartupError, run  # what it imports takes a while, which --help needn't wait for

    try:
        run(listening(settings, listener), listener)
    except StartupError as error:
        listener.close()
        raise click.ClickException(str(error)) from None
    sys.exit(0)


def listening(settings: Settings, listener: socket.socket) -> Settings:
    """With the address that it became: of localhost's and a name's several one was taken, of port 0 a free one."""
    host, port, *_ = listener.getsockname()
    return replace(settings, host=host, port=port)


def listen(settings: Settings) -> socket.socket:
    """The listening socket; a host or port that can't be had is a setting's fault."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except UnicodeError:  # the host is looked up as an internationalised name
        raise SettingsError([f"host: {settings.host!r} is no host name"]) from None
    except OSError as error:
        why = "something else listens there" if error.errno == errno.EADDRINUSE else error.strerror
        raise SettingsError([f"host, port: can't listen at {settings.host} port {settings.port}: {why}"]) from None
    return listener
