"""placeholder"""

from stategate.lang.jsontext.errors import JSONSyntaxError
import json
from typing import Any


def parse(text: str | bytes, max_depth: int | None = None) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as e:
        raise JSONSyntaxError(e.msg, e.lineno, e.colno) from None
