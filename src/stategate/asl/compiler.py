"""Definition -> program. Everything is checked, every problem collected, before anything is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from stategate.asl import jsonata_states
from stategate.asl.fields import BRANCH_FIELDS, DEFINITION_FIELDS, PROCESSOR_FIELDS, STATE_TYPES
from stategate.asl.problems import InvalidDefinition, Problem
from stategate.asl.program import Flow, Program, State
from stategate.asl.reader import DUPLICATE, MAX_NAME, MISSING_TARGET, SCHEMA, Node, Problems
from stategate.asl.references import unreadable
from stategate.asl.states import compile_state
from stategate.lang import jsontext

MAX_DEFINITION = 1_048_576
MAX_TIMEOUT = 99_999_999
NOT_SHARED = "The variable '{}' is assigned outside of the distributed Map, whose child executions can not read it"


def compile_definition(definition: str, type: str, any_resource: bool = False, stored: bool = False) -> Program:
    """See `program.compile`."""
    problems = Problems()
    document = _read(definition, jsontext.loads if stored else jsontext.loads_unique)
    compiler = Compiler(problems, type, any_resource)
    root = Node(document, "", problems)
    root.allow(DEFINITION_FIELDS)
    timeout = root.integer("TimeoutSeconds", 1, MAX_TIMEOUT)
    version = root.text("Version")
    if version not in (None, "1.0"):
        root.report("The field 'Version' should have one of these values: [1.0]", "Version")
    if compiler.read_language(root):
        try:
            compiler.flow(root)
        except RecursionError:
            root.report("Definition is nested too deeply")
    if not problems.found and compiler.assigns:
        for pointer, variable in unreadable(document):
            problems.report(NOT_SHARED.format(variable), pointer)
    if problems.found:
        raise InvalidDefinition(tuple(problems.found))
    return Program(type, timeout, tuple(flow for flow in compiler.flows if flow is not None), compiler.assigns)


def _read(definition: str, loads: Callable[[str], Any]) -> dict[str, Any]:
    if len(definition.encode("utf-8", "replace")) > MAX_DEFINITION:
        raise InvalidDefinition((Problem(SCHEMA, f"Definition must not be larger than {MAX_DEFINITION} bytes"),))
    if not definition.strip():
        raise InvalidDefinition((Problem(SCHEMA, "Definition must be a valid JSON object"),))
    try:
        document = loads(definition)
    except jsontext.JSONSyntaxError as error:
        source = definition[:500]
        rest = len(definition) - len(source)
        truncated = f"[truncated {rest} chars]" if rest else ""
        place = f'[Source: (String)"{source}"{truncated}; line: {error.line}, column: {error.column}]'
        raise InvalidDefinition(
            (Problem("INVALID_JSON_DESCRIPTION", f"{error.message}\n at {place}", place),)
        ) from None
    if not isinstance(document, dict):
        raise InvalidDefinition((Problem(SCHEMA, "Definition must be a valid JSON object"),))
    return document


class Compiler:
    """The compilation of one definition: its flows as they get known, the names and labels of all states so far, the
    variables that the current flow assigns itself and those that the flows inside of it do, each with the place."""

    def __init__(self, problems: Problems, type: str, any_resource: bool = False) -> None:
        self.problems = problems
        self.express = type == "EXPRESS"
        self.any_resource = any_resource
        self.flows: list[Flow | None] = []
        self.language = "JSONPath"
        self.names: set[str] = set()
        self.labels: set[str] = set()
        self.assigns = False
        self.assigned: list[tuple[str, str]] = []
        self.assigned_inside: list[tuple[str, str]] = []

    def read_language(self, node: Node) -> bool:
        """The language of the whole machine. Whether it is one."""
        language = _language(node)
        if language is None:
            return "QueryLanguage" not in node
        self.language = language
        return True

    def language_of(self, state: Node) -> str | None:
        """None where it is none, or can't be here."""
        language = _language(state)
        if language is None:
            return None if "QueryLanguage" in state else self.language
        if language == "JSONPath" and self.language == "JSONata":
            state.report(
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", "QueryLanguage"
            )
            return None
        return language

    def branch(self, node: Node) -> int:
        node.allow(BRANCH_FIELDS)
        return self.flow(node)

    def processor(self, node: Node) -> int:
        node.allow(PROCESSOR_FIELDS)
        config = node.node("ProcessorConfig")
        if config is not None:
            config.allow(frozenset(("Mode", "ExecutionType", "Comment")))
            mode = config.text("Mode")
            if mode == "DISTRIBUTED":
                return self._children(node, config)
            if mode not in (None, "INLINE"):
                config.report("The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]", "Mode")
            elif "ExecutionType" in config:
                config.report("The field 'ExecutionType' is for the mode DISTRIBUTED", "ExecutionType")
        return self.flow(node)

    def _children(self, node: Node, config: Node) -> int:
        """The flow of a distributed Map: its executions share no variables with this one."""
        express, self.express = self.express, self.express or config.fields.get("ExecutionType") == "EXPRESS"
        inside, self.assigned_inside = self.assigned_inside, []
        number = self.flow(node)
        self.express, self.assigned_inside = express, inside
        return number

    def flow(self, node: Node) -> int:
        """Compiles StartAt and States; returns the number of the flow."""
        number = len(self.flows)
        self.flows.append(None)
        node.require("States", "StartAt")
        start = node.text("StartAt")
        states = node.node("States")
        if states is None:
            return number
        if not states.fields:
            node.report("Value cannot be empty", "States")
            return number
        compiled: dict[str, State] = {}
        outside, self.assigned, self.assigned_inside = (self.assigned, self.assigned_inside), [], []
        for name, value in states.fields.items():
            self._name(states, name)
            if not isinstance(value, dict):
                states.report("Expected value of type Object", name)
                continue
            state = Node(value, states.at(name), self.problems)
            language = self.language_of(state)
            if self._typed(state) and language is not None:
                compile = jsonata_states.compile_state if language == "JSONata" else compile_state
                compiled[name] = compile(self, state, name)
        self._check_scopes()
        inside = self.assigned + self.assigned_inside
        self.assigned, self.assigned_inside = outside[0], outside[1] + inside
        self._check_targets(node, states, start)
        self.flows[number] = Flow(start or "", compiled)
        return number

    def _check_scopes(self) -> None:
        """What is assigned here may not be assigned again in what is nested here."""
        here = {name for name, _ in self.assigned}
        for name, pointer in self.assigned_inside:
            if name in here:
                self.problems.report(f"The variable '{name}' is already assigned in an outer scope", pointer)

    def _name(self, states: Node, name: str) -> None:
        if not 1 <= len(name) <= MAX_NAME:
            states.report(f"State name must have between 1 and {MAX_NAME} characters", name)
        if name in self.names:
            self.problems.add(DUPLICATE, f"Duplicate state name: {name}", states.at(name))
        self.names.add(name)

    def _typed(self, state: Node) -> bool:
        if "Type" not in state:
            state.require("Type")
            return False
        if state.fields["Type"] in STATE_TYPES:
            return True
        state.report(f"The field 'Type' should have one of these values: [{', '.join(STATE_TYPES)}]", "Type")
        return False

    def _check_targets(self, node: Node, states: Node, start: str | None) -> None:
        """Every target exists, and every state can be reached."""
        if start is None:
            start = ""
        elif start not in states:
            self.problems.add(MISSING_TARGET, f"Missing 'StartAt' target: {start}", node.at("StartAt"))
        reached: set[str] = set()
        ahead = [start] if start in states else []
        while ahead:
            name = ahead.pop()
            if name in reached or not isinstance(states.fields[name], dict):
                continue
            reached.add(name)
            ahead += [target for _, _, target in _targets(states, name) if target in states]
        for name in states.fields:
            for place, field, target in _targets(states, name):
                if target not in states:
                    self.problems.add(MISSING_TARGET, f"Missing '{field}' target: {target}", place)
            if start in states and name not in reached:
                self.problems.add(MISSING_TARGET, f'State "{name}" is not reachable.', states.at(name))


def _language(node: Node) -> str | None:
    language = node.text("QueryLanguage")
    if language in (None, "JSONPath", "JSONata"):
        return language
    node.report("The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]", "QueryLanguage")
    return None


def _targets(states: Node, name: str) -> Iterable[tuple[str, str, str]]:
    """(place, field, target) of every transition out of a state."""
    state = states.fields[name]
    if not isinstance(state, dict):
        return
    kind = state.get("Type")
    pointer = states.at(name)
    if kind != "Choice" and isinstance(state.get("Next"), str):
        yield f"{pointer}/Next", "Next", state["Next"]
    if kind == "Choice" and isinstance(state.get("Default"), str):
        yield f"{pointer}/Default", "Default", state["Default"]
    field = "Choices" if kind == "Choice" else "Catch"
    rules = state.get(field)
    for index, rule in enumerate(rules if isinstance(rules, list) else []):
        if isinstance(rule, dict) and isinstance(rule.get("Next"), str):
            yield f"{pointer}/{field}[{index}]/Next", "Next", rule["Next"]
