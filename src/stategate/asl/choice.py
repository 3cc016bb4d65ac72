"""Choice rules in JSONPath mode."""

from collections.abc import Callable
from typing import Any

from stategate.asl.scope import Report, Scope

Test = Callable[[Scope], bool]


def compile_rule(rule: dict[str, Any], report: Report, pointer: str) -> Test:
    """One element of Choices: its condition as a function of a scope (its Next and Assign are the caller's).
    Problems go to `report`. The function raises StateFailure States.Runtime."""
    raise NotImplementedError
