"""JSON texts that operations take as data: inputs of executions, outputs of tasks."""

from __future__ import annotations

from stategate.lang import jsontext
from stategate.services.errors import validation_error
from stategate.services.states.errors import Wording

MAX_BYTES = 262_144
"""Of UTF-8."""


def check_payload(member: str, text: str, invalid: Wording) -> None:
    """Any JSON value. Raises `ValidationException` where it is too large (the model counts characters), and `invalid`
    with the parser's message where it is no JSON."""
    if len(text) > MAX_BYTES // 4 and len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise validation_error(
            f"1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length"
            f" less than or equal to {MAX_BYTES}"
        )
    try:
        jsontext.loads(text)
    except jsontext.JSONSyntaxError as error:
        raise invalid(str(error).partition("\n")[0]) from None  # without the position
