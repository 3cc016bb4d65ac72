"""Mapping templates: VTL with `$input`, `$util`, `$context` and `$stageVariables`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stategate.gateway.failures import TakesLong, configuration_error
from stategate.gateway.stages import Routed
from stategate.gateway.templatehost import UTIL, Input
from stategate.lang import vtl
from stategate.lang.vtl.errors import TemplateError, TemplateSyntaxError

MAX_TEMPLATE = 300 * 1024
HURRIED_STEPS = 5_000
"""A few milliseconds."""

Renderer = Callable[[Routed, str], str]
"""Renders for a request; the text is the body that `$input` reads: the request's, or the integration's answer."""


class InvalidTemplate(ValueError):
    """The template does not parse; the message says where."""


def check_template(text: str) -> None:
    """Raises `InvalidTemplate`."""
    if len(text.encode("utf-8", "replace")) > MAX_TEMPLATE:
        raise InvalidTemplate(f"Template exceeds {MAX_TEMPLATE} bytes")
    try:
        vtl.compile(text)
    except TemplateSyntaxError as error:
        raise InvalidTemplate(str(error)) from None


def compile_template(text: str) -> Renderer:
    """Raises `InvalidTemplate`; rendering fails with API_CONFIGURATION_ERROR, as on AWS, or with `TakesLong`."""
    try:
        template = vtl.compile(text)
    except TemplateSyntaxError as error:
        raise InvalidTemplate(str(error)) from None
    changes_context = template.may_change("context")

    def render(routed: Routed, body: str) -> str:
        context, hurried = routed.context, routed.hurried
        try:
            before = copied(context, {}) if hurried and changes_context else None
        except RecursionError:  # what an earlier template made of it is nested too deeply to be put back
            raise TakesLong from None
        references: dict[str, Any] = {
            "input": Input(routed, body),
            "util": UTIL,
            "context": context,
            "stageVariables": dict(routed.received.around.variables),
        }
        try:
            return template.render(references, max_steps=HURRIED_STEPS if hurried else vtl.MAX_STEPS)
        except TemplateError as error:
            if not hurried:
                raise configuration_error(f"Unable to transform request: {error}") from None
            # Whether this is an error shows when there is more time.
            if before is not None:
                context.clear()
                context.update(before)
            raise TakesLong from None

    return render


def copied(value: Any, known: dict[int, Any]) -> Any:
    """A map or list with all that it holds, which may be itself. `known`: what was copied already, by its id."""
    made = known[id(value)] = type(value)(value)
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(member, dict | list):
            made[key] = known.get(id(member)) or copied(member, known)
    return made
