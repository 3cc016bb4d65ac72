"""Payload templates: Parameters, ResultSelector, ItemSelector, Assign."""

from stategate.asl.paths import Selection
from stategate.asl.scope import JSON, Report


def compile_template(template: JSON, report: Report, pointer: str) -> Selection:
    """The template as a function of a scope. Problems go to `report`. The function raises StateFailure."""
    raise NotImplementedError


def compile_expression(text: str, field: str) -> Selection:
    """A path or an intrinsic, as the value of `field` (`value.$`, `CausePath`). Raises PathSyntaxError or IntrinsicSyntaxError; the
    function raises StateFailure."""
    raise NotImplementedError
