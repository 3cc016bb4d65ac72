"""Programs: a definition compiled once, immutable, shared by all its executions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Program:
    """`type` STANDARD or EXPRESS; `timeout` of the whole execution in seconds, if the definition gives one."""

    type: str
    timeout: float | None


def compile(definition: str, *, type: str = "STANDARD") -> Program:
    """The program of a definition; raises `problems.InvalidDefinition` with every problem found."""
    raise NotImplementedError
