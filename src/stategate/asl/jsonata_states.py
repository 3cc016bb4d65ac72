"""One compiler for each type of state, in JSONata mode. What both modes share is `states`'s."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stategate.asl import numbers, states
from stategate.asl.choice import RULE_FIELDS
from stategate.asl.distributed_fields import distribution, is_distributed
from stategate.asl.failures import EvaluationFailure
from stategate.asl.fields import CATCHER_FIELDS, CREDENTIALS_FIELDS, JSONATA_STATE_FIELDS, state_fields
from stategate.asl.jsonata import Fields, expecting, expression_in
from stategate.asl.paths import Selection
from stategate.asl.program import (
    Catcher,
    Choice,
    Fail,
    Map,
    Number,
    Parallel,
    Pass,
    Rule,
    State,
    Succeed,
    Task,
    Wait,
)
from stategate.asl.reader import Node
from stategate.asl.scope import Scope
from stategate.asl.timestamps import NANOSECONDS, parse_timestamp

if TYPE_CHECKING:
    from stategate.asl.compiler import Compiler

_RESULT = ("result",)
_ERROR_OUTPUT = ("errorOutput",)
_WORKING = ("Task", "Parallel", "Map")


def compile_state(compiler: Compiler, node: Node, name: str) -> State:
    """The state, for as far as it can be made: what is wrong has been reported."""
    kind = node.fields["Type"]
    allowed = JSONATA_STATE_FIELDS[kind]
    node.allow_in("JSONata", state_fields(kind))
    fields = Fields(node.problems.report, node.pointer)
    common: dict[str, Any] = {"name": name, "jsonata": True}
    if "Next" in allowed:
        common["next"] = states.next_of(node)
    known = fields.knowing(_RESULT) if kind in _WORKING else fields
    if "Assign" in allowed:
        common["assign"] = _assign(compiler, node, known)
    if "Output" in allowed:
        common["output"] = _value(node, known, "Output")
    return _COMPILERS[kind](compiler, node, fields, common)


# --- fields that several types have -----------------------------------------------------------------------------


def _value(node: Node, fields: Fields, name: str) -> Selection | None:
    return fields.value(node.fields[name], name) if name in node else None


def _assign(compiler: Compiler, node: Node, fields: Fields) -> Selection | None:
    assign = node.node("Assign")
    if assign is None:
        return None
    states.declare_variables(compiler, assign, assign.fields)
    return fields.value(assign.fields, "Assign")


def _number(
    node: Node, fields: Fields, name: str, minimum: float, maximum: float = numbers.MAX_SECONDS, *, whole: bool = True
) -> Number | None:
    return fields.number(node.fields[name], name, minimum, maximum, whole=whole) if name in node else None


def _string(node: Node, fields: Fields, name: str) -> Selection | None:
    return fields.typed(node.fields[name], name, "string") if name in node else None


def _working(compiler: Compiler, node: Node, fields: Fields) -> dict[str, Any]:
    """The fields of states that do work."""
    catchers = [
        _catcher(compiler, catcher, fields.inside(f"Catch[{index}]", _ERROR_OUTPUT))
        for index, catcher in enumerate(states.policies(node, "Catch"))
    ]
    return {
        "retry": tuple(states.retrier(retrier) for retrier in states.policies(node, "Retry")),
        "catch": tuple(catchers),
    }


def _catcher(compiler: Compiler, node: Node, fields: Fields) -> Catcher:
    node.allow_in("JSONata", CATCHER_FIELDS)
    node.require("Next")
    return Catcher(
        states.errors_of(node),
        node.text("Next") or "",
        assign=_assign(compiler, node, fields),
        output=_value(node, fields, "Output"),
    )


# --- the types --------------------------------------------------------------------------------------------------


def _pass(compiler: Compiler, node: Node, fields: Fields, common: dict[str, Any]) -> Pass:
    return Pass(**common)


def _succeed(compiler: Compiler, node: Node, fields: Fields, common: dict[str, Any]) -> Succeed:
    return Succeed(**common)


def _fail(compiler: Compiler, node: Node, fields: Fields, common: dict[str, Any]) -> Fail:
    return Fail(**common, error=_string(node, fields, "Error"), cause=_string(node, fields, "Cause"))


def _choice(compiler: Compiler, node: Node, fields: Fields, common: dict[str, Any]) -> Choice:
    node.require("Choices")
    rules = [
        _rule(compiler, rule, fields.inside(f"Choices[{index}]", ()))
        for index, rule in enumerate(node.nodes("Choices"))
    ]
    return Choice(**common, rules=tuple(rules), default=node.text("Default"))


def _rule(compiler: Compiler, node: Node, fields: Fields) -> Rule:
    node.allow_in("JSONata", RULE_FIELDS)
    node.require("Condition", "Next")
    return Rule(
        fields.test(node.fields.get("Condition", False), "Condition"),
        node.text("Next") or "",
        _assign(compiler, node, fields),
        _value(node, fields, "Output"),
    )


def _wait(compiler: Compiler, node: Node, fields: Fields, common: dict[str, Any]) -> Wait:
    node.exclusive("Seconds", "Timestamp")
    if "Seconds" not in node and "Timestamp" not in node:
        node.report("One of these fields is required: [Seconds, Timestamp]")
    until = _timestamp(node, fields) if "Timestamp" in node else None
    return Wait(**common, seconds=_number(node, fields, "Seconds", 0), until=until)


def _timestamp(node: Node, fields: Fields) -> Number | None:
    source = expression_in(node.fields["Timestamp"])
    if source is None:
        return states.fixed_timestamp(node)
    select = fields.expression(source, "Timestamp")
    if select is None:
        return None
    text = expecting(select, "string", source, "Timestamp")

    def until(scope: Scope) -> float:
        value = text(scope)
        moment = parse_timestamp(value)
        if moment is None:
            what = "cannot be parsed as an ISO-8601 extended offset date-time format string"
            raise EvaluationFailure(f"The Timestamp field {what}: {value}", "Timestamp")
        return moment / NANOSECONDS

    return until


def _task(compiler: Compiler, node: Node, fields: Fields, common: dict[str, Any]) -> Task:
    states.check_heartbeat(node)
    return Task(
        **common,
        **_working(compiler, node, fields),
        parameters=_value(node, fields, "Arguments"),
        resource=states.resource_of(compiler, node),
        timeout=_number(node, fields, "TimeoutSeconds", 1),
        heartbeat=_number(node, fields, "HeartbeatSeconds", 1),
        credentials=_credentials(node, fields),
    )


def _credentials(node: Node, fields: Fields) -> Selection | None:
    credentials = node.node("Credentials")
    if credentials is None:
        return None
    if "RoleArn" not in credentials:
        credentials.report("The field 'RoleArn' is required but was missing")
        return None
    credentials.allow_in("JSONata", CREDENTIALS_FIELDS)
    return fields.typed(credentials.fields["RoleArn"], "Credentials/RoleArn", "string")


def _parallel(compiler: Compiler, node: Node, fields: Fields, common: dict[str, Any]) -> Parallel:
    node.require("Branches")
    return Parallel(
        **common,
        **_working(compiler, node, fields),
        parameters=_value(node, fields, "Arguments"),
        branches=tuple(compiler.branch(branch) for branch in node.nodes("Branches")),
    )


def _map(compiler: Compiler, node: Node, fields: Fields, common: dict[str, Any]) -> Map:
    node.require("ItemProcessor")
    processor = node.node("ItemProcessor")
    return Map(
        **common,
        **_working(compiler, node, fields),
        parameters=_value(node, fields, "ItemSelector"),
        flow=0 if processor is None else compiler.processor(processor),
        items=_items(node, fields, processor),
        concurrency=_number(node, fields, "MaxConcurrency", 0),
        **distribution(compiler, node, processor, common["name"], fields),
    )


def _items(node: Node, fields: Fields, processor: Node | None) -> Selection | None:
    """Only a distributed Map takes an object for its items."""
    also = "object" if is_distributed(processor) else ""
    if "Items" in node:
        return fields.typed(node.fields["Items"], "Items", "array", also)
    return expecting(lambda scope: scope.input, "array", "$states.input", "Items", also)


_COMPILERS: dict[str, Callable[[Compiler, Node, Fields, dict[str, Any]], State]] = {
    "Task": _task,
    "Wait": _wait,
    "Pass": _pass,
    "Succeed": _succeed,
    "Fail": _fail,
    "Choice": _choice,
    "Parallel": _parallel,
    "Map": _map,
}
