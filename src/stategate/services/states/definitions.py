"""Definitions as the operations take them: what `asl` compiles, with actions that the services have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stategate.asl.problems import InvalidDefinition, Problem
from stategate.asl.program import Program
from stategate.asl.program import compile as compile_program
from stategate.lang import jsontext
from stategate.services.states import parquet
from stategate.services.states.tasks import aws_sdk

SDK = ":aws-sdk:"
PARQUET = "PARQUET"


def compile(definition: str, *, type: str = "STANDARD") -> Program:
    """As `asl.program.compile`, which can't know the services' models, nor what is installed. Raises
    `InvalidDefinition`."""
    program = compile_program(definition, type=type)
    problems: list[Problem] = []
    if SDK in definition:
        problems += _unknown_actions(jsontext.loads(definition))
    if PARQUET in definition and not parquet.installed():
        problems += _parquet_readers(jsontext.loads(definition))
    if problems:
        raise InvalidDefinition(tuple(problems))
    return program


def _unknown_actions(definition: Any) -> Iterator[Problem]:
    for place, state in _states(definition, ""):
        resource = state.get("Resource")
        if state["Type"] == "Task" and isinstance(resource, str) and not _known(resource):
            message = (
                f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the"
                " resource is not available in this region."
            )
            yield Problem("SCHEMA_VALIDATION_FAILED", message, f"{place}/Resource")


def _parquet_readers(definition: Any) -> Iterator[Problem]:
    for place, state in _states(definition, ""):
        config = state.get("ItemReader", {}).get("ReaderConfig", {})
        if state["Type"] == "Map" and config.get("InputType") == PARQUET:
            pointer = f"{place}/ItemReader/ReaderConfig/InputType"
            yield Problem("SCHEMA_VALIDATION_FAILED", parquet.NOT_INSTALLED, pointer)


def _states(flow: Any, pointer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, state) of everything in a valid flow: `flow` has States, and so has what is nested in them."""
    for name, state in flow["States"].items():
        place = f"{pointer}/States/{name}"
        yield place, state
        for index, branch in enumerate(state.get("Branches") or ()):
            yield from _states(branch, f"{place}/Branches[{index}]")
        for field in ("ItemProcessor", "Iterator"):
            if state["Type"] == "Map" and field in state:
                yield from _states(state[field], f"{place}/{field}")


def _known(resource: str) -> bool:
    if SDK not in resource:
        return True
    service, _, action = resource.partition(SDK)[2].partition(":")
    return aws_sdk.operation(service, action.partition(".")[0]) is not None
