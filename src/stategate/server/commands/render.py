"""`stategate render`: what a mapping template of API Gateway gives."""

from __future__ import annotations

import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import click

from stategate.gateway.context import build_context
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.model import Method, Resource
from stategate.gateway.stages import Received, Routed, Surroundings
from stategate.gateway.templatehost import UTIL, Input
from stategate.lang import vtl
from stategate.lang.jsontext import dumps
from stategate.lang.vtl.errors import TemplateError
from stategate.server.commands.texts import (
    CONTEXT,
    Refused,
    encodable,
    name_of,
    parse_json,
    parse_object,
    read_bytes,
    read_text,
)

_PLACES = ("path", "querystring", "header")


@click.command(context_settings=CONTEXT, short_help="Render a mapping template of API Gateway (VTL).")
@click.argument("template", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--body", default=None, metavar="TEXT", help="The body that $input reads: the request's, or the answer's."
)
@click.option("--body-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A file with the body.")
@click.option("--binary", is_flag=True, help="The template sees the body in base64 (contentHandling CONVERT_TO_TEXT).")
@click.option(
    "--params",
    default="{}",
    metavar="JSON",
    help='$input.params(): {"path": {...}, "querystring": {...}, "header": {...}}. A list is a repeated parameter.',
)
@click.option(
    "--context", default="{}", metavar="JSON", help='Members of $context, as in {"identity": {"user": "u7"}}.'
)
@click.option("--stage-variables", default="{}", metavar="JSON", help="An object: $stageVariables.")
@click.option("--show-context", is_flag=True, help="Also print the overrides that the template set in $context.")
def render(
    template: Path,
    body: str | None,
    body_file: Path | None,
    binary: bool,
    params: str,
    context: str,
    stage_variables: str,
    show_context: bool,
) -> None:
    """Render a mapping template of API Gateway (VTL) and print the result.

    TEMPLATE is a file, or - for standard input. A template that is wrong or fails is shown with the line, the column
    and a caret; then the exit status is 1. It is 2 where an option is not valid.

    \b
    Example:
      stategate render move.vtl --body '{"user_id": "u7"}' --params '{"path": {"id": "42"}}'
    """
    if body is not None and body_file is not None:
        raise click.UsageError("Give either --body or --body-file.")
    source = read_text(template)
    data = read_bytes(body_file) if body_file is not None else (body or "").encode("utf-8", "surrogateescape")
    text = b64encode(data).decode() if binary else data.decode("utf-8", "replace")
    routed = _request(data, _params(params), parse_object(context, "--context"), _strings(stage_variables))
    references: dict[str, Any] = {
        "input": Input(routed, text),
        "util": UTIL,
        "context": routed.context,
        "stageVariables": dict(routed.received.around.variables),
    }
    try:
        rendered = vtl.compile(source).render(references)
    except TemplateError as error:
        raise click.ClickException(f"{name_of(template)}: {error}") from None
    except GatewayFailure as failure:
        raise click.ClickException(f"{name_of(template)}: {failure}{_where_not_json(text)}") from None
    click.echo(encodable(rendered), nl=not rendered.endswith("\n"))
    if show_context:
        overrides = {name: routed.context[name] for name in ("requestOverride", "responseOverride")}
        click.echo(dumps(overrides), err=True)


def _where_not_json(body: str) -> str:
    """Where the body is no JSON, as `$input.json` and `$input.path` need it."""
    try:
        parse_json(body, "the body")
    except Refused as problem:
        return f"\n{problem.message}"
    return ""


def _params(text: str) -> dict[str, list[tuple[str, str]]]:
    """By place, (name, value); a list in the place of a value is a parameter that comes several times."""
    given = parse_object(text, "--params")
    for place, values in given.items():
        if place not in _PLACES or not isinstance(values, dict):
            raise Refused(f"--params: an object may stand under {', '.join(_PLACES)}; not so {place}")
    return {
        place: [
            (name, _parameter(place, name, each))
            for name, value in given.get(place, {}).items()
            for each in (value if isinstance(value, list) and place != "path" else [value])
        ]
        for place in _PLACES
    }


def _parameter(place: str, name: str, value: Any) -> str:
    match value:
        case str():
            return value
        case bool() | int() | float():
            return dumps(value)
        case _:
            raise Refused(f"--params: {place}.{name} must be text, not {dumps(value)}")


def _strings(text: str) -> dict[str, str]:
    variables = parse_object(text, "--stage-variables")
    for name, value in variables.items():
        if not isinstance(value, str):
            raise Refused(f"--stage-variables: {name} must be a string")
    return variables


def _request(
    body: bytes, params: dict[str, list[tuple[str, str]]], context: dict[str, Any], variables: dict[str, str]
) -> Routed:
    """A request to an API that is not there."""
    now = int(time.time() * 1000)
    around = Surroundings("000000000000", "us-east-1", "api", "stage", "deployment", variables)
    received = Received(
        around=around,
        method="POST",
        path="/",
        full_path="/stage/",
        query=tuple(params["querystring"]),
        headers=tuple(params["header"]),
        body=body,
        source_ip="127.0.0.1",
        domain_name="api.execute-api.us-east-1.amazonaws.com",
        protocol="HTTP/1.1",
        request_id="request",
        extended_request_id="request",
        trace_id="",
        time=now,
    )
    resource = Resource("resource", "/")
    merged = _merge(build_context(received, resource), context)
    return Routed(received, resource, Method("POST"), dict(params["path"]), merged)


def _merge(known: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    merged = dict(known)
    for name, value in given.items():
        before = merged.get(name)
        merged[name] = _merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged
