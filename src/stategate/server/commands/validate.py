"""`stategate validate`: what is wrong with a definition."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from stategate.asl.problems import InvalidDefinition, Problem
from stategate.asl.program import compile as compile_program
from stategate.server.commands.texts import CONTEXT, Refused, parse_json, read_text


@click.command(context_settings=CONTEXT)
@click.argument("definitions", metavar="FILE...", nargs=-1, required=True,
                type=click.Path(path_type=Path, exists=True, dir_okay=False))  # fmt: skip
@click.option("--express", is_flag=True, help="Check as an Express state machine; the default is Standard.")
def validate(definitions: tuple[Path, ...], express: bool) -> None:
    """Check state machine definitions, without a server.

    Prints every problem of each FILE (Amazon States Language, JSON) with the place where it is, as
    CreateStateMachine would report it. The exit status is 0 if no file has any, else 1.

    \b
    Example:
      stategate validate workflow.asl.json
    """
    failed = False
    for path in definitions:
        text = read_text(path)
        problems = problems_of(text, "EXPRESS" if express else "STANDARD")
        failed = failed or any(problem.severity == "ERROR" for problem in problems)
        for problem in problems:
            click.echo(f"{path}: {_shown(problem, text)}")
        if not problems:
            click.echo(f"{path}: {click.style('valid', fg='green')}")
    sys.exit(1 if failed else 0)


def problems_of(definition: str, type: str) -> tuple[Problem, ...]:
    try:
        compile_program(definition, type=type)
    except InvalidDefinition as error:
        return error.problems
    return ()


def _shown(problem: Problem, text: str) -> str:
    kind = click.style(problem.severity.lower(), fg="red" if problem.severity == "ERROR" else "yellow")
    if problem.code == "INVALID_JSON_DESCRIPTION":
        return f"{kind}: {_not_json(text)}"
    place = f" at {click.style(problem.location, bold=True)}" if problem.location.startswith("/") else ""
    return f"{kind}{place}: {problem.message} ({problem.code})"


def _not_json(text: str) -> str:
    """Where the text stops being JSON, instead of the whole text that AWS's message has."""
    try:
        parse_json(text, "the definition")
    except Refused as error:
        return error.message
    raise AssertionError(text)
