"""Definitions as the operations take them: what `asl` compiles, with actions and arguments that the services have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stategate.asl import resources
from stategate.asl.jsonata import expression_in
from stategate.asl.problems import InvalidDefinition, Problem
from stategate.asl.program import Program, Resource
from stategate.asl.program import compile as compile_program
from stategate.asl.references import variable_references
from stategate.lang import jsontext
from stategate.services.beside import beside
from stategate.services.states import parquet
from stategate.services.states.tasks import arguments

INTEGRATION = ":states:"
SYNC = ":states:startExecution.sync"
PARQUET = "PARQUET"


def compile(definition: str, *, type: str = "STANDARD") -> Program:
    """As `asl.program.compile`, which can't know the services' models, nor what is installed. Raises
    `InvalidDefinition`."""
    program = compile_program(definition, type=type)
    problems: list[Problem] = []
    if INTEGRATION in definition:
        parsed = jsontext.loads(definition)
        problems += [*_unknown_actions(parsed), *argument_problems(parsed)]
    if PARQUET in definition and not parquet.installed():
        problems += _parquet_readers(jsontext.loads(definition))
    if problems:
        raise InvalidDefinition(tuple(problems))
    return program


def weight(definition: str) -> int:
    """For `beside`: bytes that take as long as this to read. Expressions are translated to code."""
    return len(definition) * (32 if "{%" in definition else 1)


async def references(definition: str) -> dict[str, list[str]]:
    """The variables that each state of a valid definition reads."""
    return await beside(weight(definition), lambda: variable_references(definition))


def waits_for_executions(definition: str) -> bool:
    """Whether a task of this (valid) definition waits for the end of an execution."""
    return SYNC in definition and any(
        state["Type"] == "Task" and SYNC in state["Resource"] for _, state in _states(jsontext.loads(definition), "")
    )


def argument_problems(definition: Any) -> Iterator[Problem]:
    """What can be seen of the arguments of tasks before their values are known. `definition` is JSON, and valid."""
    for place, state, resource in _integrations(definition):
        known = arguments.arguments_of(resource.service, resource.action)
        field = "Arguments" if "Arguments" in state else "Parameters"
        if known is not None and isinstance(given := state.get(field), dict):
            names, literals = _named(given, field)
            for message in (*arguments.name_problems(known, names), *arguments.value_problems(known, literals)):
                yield Problem("SCHEMA_VALIDATION_FAILED", message, f"{place}/{field}")


def _named(given: dict[str, Any], field: str) -> tuple[list[str], dict[str, Any]]:
    """The names of the arguments, and those whose values are in the definition."""
    if field == "Arguments":
        return list(given), {name: value for name, value in given.items() if expression_in(value) is None}
    names = [name.removesuffix(".$") for name in given]
    return names, {name: value for name, value in given.items() if not name.endswith(".$")}


def _unknown_actions(definition: Any) -> Iterator[Problem]:
    for place, _, resource in _integrations(definition):
        message = unknown_action(resource)
        if message is not None:
            yield Problem("SCHEMA_VALIDATION_FAILED", message, f"{place}/Resource")


def unknown_action(resource: Resource) -> str | None:
    """What is wrong with an integration of an action that its service does not have; None for all others."""
    if resource.kind != "integration" or arguments.arguments_of(resource.service, resource.action) is not None:
        return None
    return resources.not_recognized(resource.text)


def _integrations(definition: Any) -> Iterator[tuple[str, dict[str, Any], Resource]]:
    """(place, state, what it calls), also of what can't be called: mocks stand for it."""
    for place, state in _states(definition, ""):
        if state["Type"] == "Task":
            known = resources.parse(state["Resource"])
            resource = resources.named(state["Resource"]) if isinstance(known, str) else known
            if resource is not None and resource.kind == "integration":
                yield place, state, resource


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
