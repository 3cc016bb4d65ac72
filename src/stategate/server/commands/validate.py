"""`stategate validate`: what is wrong with a definition."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from stategate.asl.lint import warnings
from stategate.asl.problems import InvalidDefinition, Problem
from stategate.server.commands.definitions import read_definition, shown, substitutions_of
from stategate.server.commands.texts import CONTEXT, Refused


@click.command(context_settings=CONTEXT, short_help="Check state machine definitions, without a server.")
@click.argument("definitions", metavar="FILE...", nargs=-1, required=True,
                type=click.Path(path_type=Path, allow_dash=True))  # fmt: skip
@click.option("--express", is_flag=True, help="Check as an Express state machine; the default is Standard.")
@click.option("--substitute", multiple=True, metavar="NAME=VALUE", help="What ${NAME} in the definitions stands for.")
def validate(definitions: tuple[Path, ...], express: bool, substitute: tuple[str, ...]) -> None:
    """Check state machine definitions, without a server.

    Prints every problem of each FILE (Amazon States Language in JSON, or in YAML where the name ends so; - is standard
    input) with the place where it is, as CreateStateMachine would report it, and warnings. Placeholders like ${Name},
    which SAM and CloudFormation fill in, may stand in a Resource, and where a number is expected. The exit status is 0
    if no file has an error, else 1.

    \b
    Examples:
      stategate validate workflow.asl.json
      stategate validate --substitute Table=orders statemachine/*.asl.yaml
    """
    substitutions = substitutions_of(substitute)
    failed = False
    for path in definitions:
        try:
            definition = read_definition(path, substitutions)
        except Refused as error:
            click.echo(f"{click.style('error', fg='red')}: {error.message}")
            failed = True
            continue
        problems = (*definition.warnings, *problems_of(definition.text, "EXPRESS" if express else "STANDARD"))
        for problem in problems:
            click.echo(f"{definition.source}: {shown(problem, definition.text)}")
        if any(problem.severity == "ERROR" for problem in problems):
            failed = True
        else:
            click.echo(f"{definition.source}: {click.style('valid', fg='green')}")
    sys.exit(1 if failed else 0)


def problems_of(definition: str, type: str) -> tuple[Problem, ...]:
    """Errors; warnings where there are none."""
    # Imported here, as all services cost the other commands half a second.
    from stategate.services.states.definitions import compile as compile_program

    try:
        compile_program(definition, type=type)
    except InvalidDefinition as error:
        return error.problems
    return warnings(definition)
