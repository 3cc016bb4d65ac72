"""What is wrong with a definition, in AWS's words."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["ERROR", "WARNING"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One diagnostic, as ValidateStateMachineDefinition shows it. `location` is a JSON pointer into the definition
    (`/States/S/Next`); of text that is no JSON it is Jackson's, which the message has already; it may be empty."""

    code: str
    message: str
    location: str = ""
    severity: Severity = "ERROR"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" at {self.location}" if self.location.startswith("/") else "")


class InvalidDefinition(Exception):
    """A definition that can't be compiled. `str()` is what AWS says after `Invalid State Machine Definition: `."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("'" + ", ".join(str(problem) for problem in problems) + "'")
        self.problems = problems
