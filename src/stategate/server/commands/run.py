"""`stategate run`: a definition, run to its end in this process."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from stategate.asl.effects import Finish
from stategate.asl.history import HistoryEvent
from stategate.asl.problems import InvalidDefinition
from stategate.asl.program import Map, Program
from stategate.asl.program import compile as compile_program
from stategate.lang.jsontext import dumps
from stategate.server.commands.definitions import Definition, read_definition, shown, substitutions_of
from stategate.server.commands.local import Clock, LocalExecution, NotCarriedOut, new_identity
from stategate.server.commands.mocks import NO_MOCKS, InvalidMocks, Mocks, NotMocked, read_mocks
from stategate.server.commands.texts import CONTEXT, Refused, encodable, on_one_line, parse_json, read_input, read_text

MAX_LINE = 160
"""Characters of a line where the output is no terminal."""

_SHOWN = ("input", "parameters", "output", "assignedVariables", "error", "cause")


@click.command(context_settings=CONTEXT, short_help="Run a state machine definition with mocked tasks.")
@click.argument("definition", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--input", "-i", "given", default=None, metavar="JSON", help="The execution's input.  [default: {}]")
@click.option(
    "--input-file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="A file with the input, or - for standard input.",
)
@click.option(
    "--mock",
    "mock_file",
    type=click.Path(path_type=Path),
    help="What tasks answer: a MockConfigFile of AWS's Step Functions Local.",
)
@click.option("--machine", default=None, metavar="NAME", help="The state machine in the mock file, if it has several.")
@click.option("--test-case", default=None, metavar="NAME", help="The test case in the mock file, if it has several.")
@click.option("--substitute", multiple=True, metavar="NAME=VALUE", help="What ${NAME} in the definition stands for.")
@click.option(
    "--s3", "buckets", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIRECTORY",
    help="What ItemReaders read and ResultWriters write: DIRECTORY/bucket/key.",
)  # fmt: skip
@click.option("--skip-waits", is_flag=True, help="Let time pass at once: in Wait states, and before retries.")
@click.option("--express", is_flag=True, help="Run as an Express state machine; the default is Standard.")
@click.option("--seed", default=None, type=int, help="Makes what is random (UUIDs, jitter) the same every time.")
@click.option("--full", is_flag=True, help="Show the history's data in full length.")
@click.option("--quiet", "-q", is_flag=True, help="Don't show the history.")
def run(
    definition: Path,
    given: str | None,
    input_file: Path | None,
    mock_file: Path | None,
    machine: str | None,
    test_case: str | None,
    substitute: tuple[str, ...],
    buckets: Path | None,
    skip_waits: bool,
    express: bool,
    seed: int | None,
    full: bool,
    quiet: bool,
) -> None:
    """Run the state machine definition in FILE (JSON or YAML; - is standard input), without a server.

    The history is shown on standard error as it happens; the output goes to standard output, so that it can be
    piped. Tasks answer what the mock file says; a task without a mock ends the run, and is named.

    \b
    The exit status is
      0  if the execution succeeded,
      1  if it failed, timed out or was interrupted,
      2  if it could not be run: the definition or the mocks are not valid, a task has no mock.

    \b
    Example:
      stategate run order.asl.json --input '{"id": 7}' --mock mocks.json --test-case HappyPath --skip-waits
    """
    if mock_file is None and (machine or test_case) is not None:
        raise click.UsageError("--machine and --test-case choose from a mock file, which --mock names.")
    if str(definition) == str(input_file) == "-":
        raise click.UsageError("The definition and the input can't both be standard input.")
    text, source = read_input(given, input_file)
    parse_json(text, source)
    read = read_definition(definition, substitutions_of(substitute))
    program = _program(read, "EXPRESS" if express else "STANDARD")
    mocks = NO_MOCKS if mock_file is None else _mocks(mock_file, machine, test_case, program)
    finish = _run(program, definition, text, mocks, Clock(skip_waits), seed, History(full=full, quiet=quiet), buckets)
    if finish.output is not None:
        click.echo(encodable(finish.output))
    sys.exit(0 if finish.status == "SUCCEEDED" else 1)


def _program(definition: Definition, type: str) -> Program:
    """Tasks that Stategate can't call are no problem: they are mocked, or refused when they are reached."""
    for warning in definition.warnings:
        if not warning.location:
            click.echo(f"{definition.source}: {shown(warning, definition.text)}", err=True)
    try:
        return compile_program(definition.text, type=type, any_resource=True)
    except InvalidDefinition as error:
        problems = "\n".join(f"  {shown(problem, definition.text)}" for problem in error.problems)
        raise Refused(f"{definition.source} is not valid:\n{problems}") from None


def _mocks(path: Path, machine: str | None, case: str | None, program: Program) -> Mocks:
    if case is not None and machine is None and "#" in case:
        machine, _, case = case.partition("#")
    try:
        mocks = read_mocks(parse_json(read_text(path), str(path)), machine, case)
    except InvalidMocks as error:
        raise Refused(f"{path} cannot be used:\n" + "\n".join(f"  {each}" for each in error.problems)) from None
    strangers = sorted(mocks.states - _names(program))
    if strangers:
        raise Refused(f"{path}: the definition has no state {', '.join(repr(name) for name in strangers)}")
    return mocks


def _names(program: Program) -> set[str]:
    """Of all states, also of those that child executions would run."""
    names = {name for flow in program.flows for name in flow.states}
    for flow in program.flows:
        for state in flow.states.values():
            if isinstance(state, Map) and state.distributed is not None:
                names |= _names(compile_program(state.distributed.definition, any_resource=True))
    return names


def _run(
    program: Program,
    path: Path,
    input: str,
    mocks: Mocks,
    clock: Clock,
    seed: int | None,
    history: History,
    buckets: Path | None,
) -> Finish:
    seed = int.from_bytes(Random().randbytes(7)) if seed is None else seed
    name = path.stem.removesuffix(".asl").strip("-") or "machine"
    identity = new_identity(name, "local", input, clock.now(), express=program.type == "EXPRESS")
    execution = LocalExecution(program, identity, mocks, clock, seed, history, buckets)
    try:
        finish = execution.run()
    except (NotMocked, NotCarriedOut) as error:
        raise Refused(str(error)) from None
    except KeyboardInterrupt:
        finish = execution.stop()
    history.end(finish)
    return finish


class History:
    """The history on standard error, a line for each event: number, seconds since the start, type, data."""

    def __init__(self, *, full: bool, quiet: bool) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=full)
        self._full = full
        self._quiet = quiet
        self._start: float | None = None
        self._width = self._console.width if self._console.is_terminal else MAX_LINE

    def show(self, event: HistoryEvent) -> None:
        if self._start is None:
            self._start = event.timestamp
        if self._quiet:
            return
        passed = event.timestamp - self._start
        head = f"{event.id:>5} {passed:>9.3f}  {event.type:<24} "
        data = on_one_line(_data(event.details or {}))
        if not self._full and len(head) + len(data) > self._width:
            data = data[: max(8, self._width - len(head) - 1)] + "…"
        style = _style(event.type)
        shown = f"[dim]{event.id:>5} {passed:>9.3f}[/dim]  [{style}]{event.type:<24}[/{style}] {escape(data)}"
        self._console.print(shown, no_wrap=not self._full, overflow="ignore", crop=False)

    def child_failed(self, state: str, index: int, finish: Finish) -> None:
        if not self._quiet:
            self._console.print(f"{'':17}{escape(on_one_line(state))}\\[{index}] {_ended(finish)}", soft_wrap=True)

    def end(self, finish: Finish) -> None:
        if not self._quiet or finish.status != "SUCCEEDED":
            self._console.print(_ended(finish), soft_wrap=True)


def _ended(finish: Finish) -> str:
    style = "bold green" if finish.status == "SUCCEEDED" else "bold red"
    why = on_one_line(": ".join(text for text in (finish.error, finish.cause) if text))
    return f"[{style}]{finish.status}[/{style}]" + (f" {escape(why)}" if why else "")


def _style(type: str) -> str:
    if type.endswith(("Failed", "TimedOut", "Aborted")):
        return "red"
    if type.endswith("Succeeded"):
        return "green"
    return "bold" if type.endswith("StateEntered") else "default"


def _data(details: dict[str, Any]) -> str:
    """The name of the state or resource first, then what went in or came out."""
    parts = []
    if "name" in details:
        parts.append(f"{details['name']}" + (f"[{details['index']}]" if "index" in details else ""))
    if "resource" in details:
        service = details.get("resourceType")
        parts.append(f"{service}:{details['resource']}" if service else str(details["resource"]))
    if "length" in details:
        parts.append(f"{details['length']} items")
    for member in _SHOWN:
        value = details.get(member)
        if value is not None:
            parts.append(dumps(value) if not isinstance(value, str) else value)
    return "  ".join(parts)
