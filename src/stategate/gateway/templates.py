"""Mapping templates: VTL with `$input`, `$util`, `$context` and `$stageVariables`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stategate.gateway.failures import configuration_error
from stategate.gateway.stages import Routed
from stategate.gateway.templatehost import UTIL, Input
from stategate.lang import vtl
from stategate.lang.vtl.errors import TemplateError, TemplateSyntaxError

MAX_TEMPLATE = 300 * 1024

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
    """Raises `InvalidTemplate`; rendering fails with API_CONFIGURATION_ERROR, as on AWS."""
    try:
        template = vtl.compile(text)
    except TemplateSyntaxError as error:
        raise InvalidTemplate(str(error)) from None

    def render(routed: Routed, body: str) -> str:
        references: dict[str, Any] = {
            "input": Input(routed, body),
            "util": UTIL,
            "context": routed.context,
            "stageVariables": dict(routed.received.around.variables),
        }
        try:
            return template.render(references)
        except TemplateError as error:
            raise configuration_error(f"Unable to transform request: {error}") from None

    return render
