"""`stategate eval`: what an expression of the States Language gives."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import click

from stategate.asl.failures import StateFailure
from stategate.asl.intrinsic_functions import FUNCTIONS
from stategate.asl.intrinsics import IntrinsicSyntaxError, compile_intrinsic
from stategate.asl.paths import PathNotFound, PathSyntaxError, compile_path
from stategate.asl.scope import Scope
from stategate.lang import jsonata, jsonpath
from stategate.lang.jsontext import dumps
from stategate.server.commands.texts import CONTEXT, encodable, fail, parse_json, parse_object, read_input

_ROOT = re.compile(r"\A\$(?:\$|[^\W\d]\w*)")
"""Of paths into the context object and variables."""
_CALLED = re.compile(r"(?<![\w'.])States\.\w+(?=\s*\()", re.ASCII)


@click.command("eval", context_settings=CONTEXT, short_help="Evaluate JSONata, a JSONPath or an intrinsic function.")
@click.argument("expression")
@click.option("--jsonata", "as_jsonata", is_flag=True, help="EXPRESSION is JSONata, with or without {% %}.")
@click.option("--jsonpath", "as_jsonpath", is_flag=True, help="EXPRESSION is a path: $.a, $$.Execution.Id, $name.x.")
@click.option("--intrinsic", "as_intrinsic", is_flag=True, help="EXPRESSION is a call like States.Format('{}', $.a).")
@click.option("--input", "-i", "given", default=None, metavar="JSON", help="The input: $, or $states.input in JSONata.")
@click.option(
    "--input-file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="A file with the input, or - for standard input.",
)
@click.option("--result", default=None, metavar="JSON", help="$states.result (JSONata).")
@click.option("--error-output", default=None, metavar="JSON", help="$states.errorOutput (JSONata).")
@click.option("--context", default="{}", metavar="JSON", help="The context object: $$, or $states.context in JSONata.")
@click.option("--variables", default="{}", metavar="JSON", help="An object with the workflow variables.")
@click.option("--seed", default=None, type=int, help="Makes what is random the same every time.")
def evaluate(
    expression: str,
    as_jsonata: bool,
    as_jsonpath: bool,
    as_intrinsic: bool,
    given: str | None,
    input_file: Path | None,
    result: str | None,
    error_output: str | None,
    context: str,
    variables: str,
    seed: int | None,
) -> None:
    """Evaluate an EXPRESSION as a state would, and print its value as JSON.

    The language is guessed where none is given: {% ... %} is JSONata, States.Name(...) an intrinsic function, and
    what begins with $ a JSONPath if it can be one. The exit status is 1 where the expression is wrong, fails or gives
    nothing, and 2 where an option is not valid.

    \b
    Examples:
      stategate eval '{% $sum($states.input.prices) %}' --input '{"prices": [1, 2, 3]}'
      stategate eval '$.orders[?(@.price > 10)].id' --input-file orders.json
      stategate eval "States.Format('Hello {}', \\$.name)" --input '{"name": "Ada"}'
    """
    chosen = [name for name, wanted in zip(_EVALUATORS, (as_jsonata, as_jsonpath, as_intrinsic), strict=True) if wanted]
    if len(chosen) > 1:
        raise click.UsageError("Give only one of --jsonata, --jsonpath and --intrinsic.")
    language = chosen[0] if chosen else _guess(expression)
    if language != "jsonata" and (result is not None or error_output is not None):
        raise click.UsageError(f"--result and --error-output are for JSONata; this is {_SPOKEN[language]}.")
    scope = Scope(
        parse_json(*read_input(given, input_file)),
        parse_json(context, "--context"),
        parse_object(variables, "--variables"),
        int.from_bytes(Random().randbytes(8)) if seed is None else seed,
        time.time(),
    )
    members = {}
    if result is not None:
        members["result"] = parse_json(result, "--result")
    if error_output is not None:
        members["errorOutput"] = parse_json(error_output, "--error-output")
    scope.telling(members)
    click.echo(encodable(dumps(_EVALUATORS[language](expression, scope))))


def _guess(expression: str) -> str:
    text = expression.strip()
    if text.startswith("States."):
        return "intrinsic"
    if text.startswith(("{%", "$states")) or not text.startswith("$"):
        return "jsonata"
    if _why(text) and _is_jsonata(text):  # `$sum($a)`, `$a + 1`
        return "jsonata"
    return "jsonpath"


def _is_jsonata(expression: str) -> bool:
    try:
        jsonata.compile(expression)
    except jsonata.JsonataSyntaxError:
        return False
    return True


def _jsonata(expression: str, scope: Scope) -> Any:
    source, offset = expression, 0
    stripped = expression.strip()
    if stripped.startswith("{%") and stripped.endswith("%}"):
        source = stripped[2:-2]
        offset = expression.index("{%") + 2
    try:
        compiled = jsonata.compile(source)
    except jsonata.JsonataSyntaxError as error:
        fail(str(error), expression, offset + error.position if error.position >= 0 else None)
    if compiled.uses_eval:
        raise click.ClickException("The JSONata function '$eval' is not supported.")
    try:
        value = compiled.evaluate({**scope.variables, "states": scope.states()}, now=scope.now, random=scope.random)
    except jsonata.JsonataError as error:
        raise click.ClickException(str(error)) from None
    except jsonata.UnsupportedResult:
        raise click.ClickException("The expression gives a function, which is no JSON value.") from None
    if value is jsonata.UNDEFINED:
        hint = "" if "states" in compiled.variables else " The input is $states.input, variables are $name."
        raise click.ClickException(f"The expression gives nothing (undefined).{hint}")
    return value


def _jsonpath(expression: str, scope: Scope) -> Any:
    try:
        path = compile_path(expression)
    except PathSyntaxError as error:
        message = _why(expression) or error.message
        fail(message, expression, _place(expression, message))
    try:
        return path(scope)
    except PathNotFound as error:
        raise click.ClickException(f"{error.message}{_where_from(expression)}") from None


def _why(expression: str) -> str | None:
    """What exactly is wrong with a path, which AWS does not say of definitions."""
    if not expression.startswith("$"):
        return f"A path begins with '$', not as in '{expression}'"
    try:
        jsonpath.compile(_ROOT.sub("$", expression))
    except PathSyntaxError as error:
        return error.message
    return None


def _where_from(path: str) -> str:
    """Which option gives what the path reads, where it isn't the input."""
    if path.startswith("$$"):
        return "\n  $$ is the context object, which --context gives."
    return "" if path.startswith(("$.", "$[")) else "\n  Variables are given with --variables."


def _place(expression: str, message: str) -> int | None:
    """Jayway's messages have no position; most quote the rest of the path where reading stopped."""
    rest = message.partition(": ")[2].strip('"')
    if rest and rest in expression:
        return expression.rindex(rest)
    if "end" in message or "balanced" in message or "Unclosed" in message:
        return len(expression)
    return expression.find(" ") if "Space" in message else None


def _intrinsic(expression: str, scope: Scope) -> Any:
    try:
        call = compile_intrinsic(expression)
    except IntrinsicSyntaxError as error:
        unknown = next((name for name in _CALLED.findall(expression) if name not in FUNCTIONS), None)
        if unknown is None:
            fail(error.message, expression, error.column - 1)
        known = ", ".join(name.removeprefix("States.") for name in FUNCTIONS)
        fail(
            f"There is no intrinsic function {unknown}; in States there are {known}",
            expression,
            expression.index(unknown),
        )
    try:
        return call(scope)
    except StateFailure as failure:
        raise click.ClickException(str(failure)) from None


_EVALUATORS: dict[str, Callable[[str, Scope], Any]] = {
    "jsonata": _jsonata,
    "jsonpath": _jsonpath,
    "intrinsic": _intrinsic,
}
_SPOKEN = {"jsonpath": "a JSONPath", "intrinsic": "an intrinsic function"}
