"""Definitions as the operations take them: what `asl` compiles, with actions that the services have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stategate.asl.problems import InvalidDefinition, Problem
from stategate.asl.program import Program
from stategate.asl.program import compile as compile_program
from stategate.lang import jsontext
from stategate.services.states.tasks import aws_sdk

SDK = ":aws-sdk:"


def compile(definition: str, *, type: str = "STANDARD") -> Program:
    """As `asl.program.compile`, which can't know the services' models. Raises `InvalidDefinition`."""
    program = compile_program(definition, type=type)
    if SDK in definition:
        unknown = list(_unknown_actions(jsontext.loads(definition), ""))
        if unknown:
            raise InvalidDefinition(tuple(unknown))
    return program


def _unknown_actions(flow: Any, pointer: str) -> Iterator[Problem]:
    """Of a valid flow: `flow` has States, and so has what is nested in them."""
    for name, state in flow["States"].items():
        place = f"{pointer}/States/{name}"
        resource = state.get("Resource")
        if state["Type"] == "Task" and isinstance(resource, str) and not _known(resource):
            message = (
                f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the"
                " resource is not available in this region."
            )
            yield Problem("SCHEMA_VALIDATION_FAILED", message, f"{place}/Resource")
        for index, branch in enumerate(state.get("Branches") or ()):
            yield from _unknown_actions(branch, f"{place}/Branches[{index}]")
        for field in ("ItemProcessor", "Iterator"):
            if state["Type"] == "Map" and field in state:
                yield from _unknown_actions(state[field], f"{place}/{field}")


def _known(resource: str) -> bool:
    if SDK not in resource:
        return True
    service, _, action = resource.partition(SDK)[2].partition(":")
    return aws_sdk.operation(service, action.partition(".")[0]) is not None
