"""One compiler for each type of state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from stategate.asl import numbers, resources
from stategate.asl.choice import compile_rule
from stategate.asl.distributed_fields import distribution
from stategate.asl.fields import CATCHER_FIELDS, CREDENTIALS_FIELDS, RETRIER_FIELDS, STATE_FIELDS, state_fields
from stategate.asl.paths import Selection, compile_field, compile_filter, compile_result_path
from stategate.asl.program import (
    Catcher,
    Choice,
    Fail,
    Map,
    Number,
    Parallel,
    Pass,
    Resource,
    Retrier,
    Rule,
    State,
    Succeed,
    Task,
    Wait,
)
from stategate.asl.reader import Node
from stategate.asl.templates import compile_expression, compile_template
from stategate.asl.timestamps import NANOSECONDS, parse_timestamp
from stategate.asl.value import Value

if TYPE_CHECKING:
    from stategate.asl.compiler import Compiler

MAX_SECONDS = numbers.MAX_SECONDS
MAX_DELAY = 31_622_400


def compile_state(compiler: Compiler, node: Node, name: str) -> State:
    """The state, for as far as it can be made: what is wrong has been reported."""
    kind = node.fields["Type"]
    node.allow_in("JSONPath", state_fields(kind))
    common: dict[str, Any] = {"name": name}
    for field in ("InputPath", "OutputPath"):
        if field in node and field in STATE_FIELDS[kind]:
            common["input_path" if field == "InputPath" else "output_path"] = _filter(node, field)
    if "Next" in STATE_FIELDS[kind]:
        common["next"] = next_of(node)
    if "Assign" in node and "Assign" in STATE_FIELDS[kind]:
        common["assign"] = _assign(compiler, node)
    return _COMPILERS[kind](compiler, node, common)


# --- fields that several types have -----------------------------------------------------------------------------


def _filter(node: Node, name: str) -> Selection | None:
    value = node.fields[name]
    if value == "$":
        return None
    if value is None:
        return compile_filter(None)
    return node.compiled(name, compile_filter)


def next_of(node: Node) -> str | None:
    next, end = node.text("Next"), node.boolean("End")
    if "Next" in node and end is True:
        node.report("Only one of these fields may be specified: [Next, End]")
    elif "Next" not in node and end is not True and not ("End" in node and end is None):
        node.report("One of these fields is required: [Next, End]")
    return next


def _assign(compiler: Compiler, node: Node) -> Selection | None:
    compiler.assigns = True
    assign = node.node("Assign")
    if assign is None:
        return None
    if not assign.fields:
        return lambda scope: {}
    declare_variables(compiler, assign, [key.removesuffix(".$") for key in assign.fields])
    return compile_template(assign.fields, node.problems.report, assign.pointer)


def declare_variables(compiler: Compiler, assign: Node, names: Iterable[str]) -> None:
    """These are the names of the members of an Assign, in their order."""
    compiler.assigns = True
    for key, name in zip(assign.fields, names, strict=True):
        if not (name.isidentifier() and len(name) <= 80) or name == "states":
            assign.report(f"'{name}' is not a valid variable name", key)
        compiler.assigned.append((name, assign.at(key)))


def _template(node: Node, name: str) -> Selection | None:
    if name not in node:
        return None
    value = node.fields[name]
    if not isinstance(value, dict | list):
        literal = value
        return lambda scope: literal
    return compile_template(value, node.problems.report, node.at(name))


def _result_path(node: Node) -> dict[str, Any]:
    if "ResultPath" not in node or node.fields["ResultPath"] == "$":
        return {}
    if node.fields["ResultPath"] is None:
        return {"result_path": compile_result_path(None)}
    return {"result_path": node.compiled("ResultPath", compile_result_path)}


def _seconds(node: Node, name: str, minimum: int) -> Number | None:
    """`name`, or `name` + "Path"."""
    path = f"{name}Path"
    node.exclusive(name, path)
    if path in node:
        return node.compiled(path, lambda text: numbers.seconds(text, path, minimum))
    value = node.integer(name, minimum, MAX_SECONDS)
    return None if value is None else numbers.constant(value)


def _working(compiler: Compiler, node: Node) -> dict[str, Any]:
    """The fields of states that do work."""
    return {
        "result_selector": _template(node, "ResultSelector"),
        **_result_path(node),
        "retry": tuple(retrier(policy) for policy in policies(node, "Retry")),
        "catch": tuple(_catcher(compiler, catcher) for catcher in policies(node, "Catch")),
    }


def policies(node: Node, name: str) -> list[Node]:
    nodes = node.nodes(name, empty=True)
    for position, policy in enumerate(nodes):
        errors = policy.fields.get("ErrorEquals")
        if isinstance(errors, list) and "States.ALL" in errors and (len(errors) > 1 or position < len(nodes) - 1):
            policy.report("States.ALL must appear alone, and in the last element", "ErrorEquals")
    return nodes


def errors_of(node: Node) -> tuple[str, ...]:
    if not node.require("ErrorEquals"):
        return ()
    errors = node.array("ErrorEquals")
    if not all(isinstance(error, str) for error in errors):
        node.report("Expected value of type String", "ErrorEquals")
        return ()
    return tuple(errors)


def retrier(node: Node) -> Retrier:
    node.allow(RETRIER_FIELDS)
    interval = node.integer("IntervalSeconds", 1, MAX_SECONDS)
    attempts = node.integer("MaxAttempts", 0, MAX_SECONDS)
    backoff = node.number("BackoffRate", 1.0, float(MAX_SECONDS))
    max_delay = node.integer("MaxDelaySeconds", 1, MAX_DELAY - 1)
    jitter = node.text("JitterStrategy")
    if jitter not in (None, "NONE", "FULL"):
        node.report("The field 'JitterStrategy' should have one of these values: [FULL, NONE]", "JitterStrategy")
    if max_delay is not None and max_delay <= (interval or 1):
        node.report("MaxDelaySeconds must be greater than IntervalSeconds", "MaxDelaySeconds")
    return Retrier(
        errors_of(node),
        1 if interval is None else interval,
        3 if attempts is None else attempts,
        2.0 if backoff is None else backoff,
        max_delay,
        jitter == "FULL",
    )


def _catcher(compiler: Compiler, node: Node) -> Catcher:
    node.allow_in("JSONPath", CATCHER_FIELDS)
    node.require("Next")
    assign = _assign(compiler, node) if "Assign" in node else None
    return Catcher(errors_of(node), node.text("Next") or "", assign=assign, **_result_path(node))


# --- the types --------------------------------------------------------------------------------------------------


def _pass(compiler: Compiler, node: Node, common: dict[str, Any]) -> Pass:
    result = Value(None, node.fields["Result"]) if "Result" in node else None
    return Pass(**common, parameters=_template(node, "Parameters"), result=result, **_result_path(node))


def _succeed(compiler: Compiler, node: Node, common: dict[str, Any]) -> Succeed:
    return Succeed(**common)


def _fail(compiler: Compiler, node: Node, common: dict[str, Any]) -> Fail:
    return Fail(**common, error=_text_or_path(node, "Error"), cause=_text_or_path(node, "Cause"))


def _text_or_path(node: Node, name: str) -> Selection | None:
    path = f"{name}Path"
    node.exclusive(name, path)
    if path in node:
        return node.compiled(path, lambda text: compile_expression(text, path))
    literal = node.text(name)
    return None if literal is None else lambda scope: literal


def _choice(compiler: Compiler, node: Node, common: dict[str, Any]) -> Choice:
    rules = []
    if node.require("Choices"):
        for rule in node.nodes("Choices"):
            rule.require("Next")
            condition = {key: value for key, value in rule.fields.items() if key not in ("Next", "Assign", "Comment")}
            rule.text("Comment")
            test = compile_rule(condition, node.problems.report, rule.pointer)
            assign = _assign(compiler, rule) if "Assign" in rule else None
            rules.append(Rule(test, rule.text("Next") or "", assign))
    return Choice(**common, rules=tuple(rules), default=node.text("Default"))


def _wait(compiler: Compiler, node: Node, common: dict[str, Any]) -> Wait:
    choices = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
    node.exclusive(*choices)
    seconds: Number | None = None
    until: Number | None = None
    if "Seconds" in node:
        value = node.integer("Seconds", 0, MAX_SECONDS)
        seconds = None if value is None else numbers.constant(value)
    elif "SecondsPath" in node:
        seconds = node.compiled("SecondsPath", lambda text: numbers.seconds(text, "SecondsPath"))
    elif "Timestamp" in node:
        until = fixed_timestamp(node)
    elif "TimestampPath" in node:
        until = node.compiled("TimestampPath", numbers.moment)
    else:
        node.report(f"One of these fields is required: [{', '.join(choices)}]")
    return Wait(**common, seconds=seconds, until=until)


def fixed_timestamp(node: Node) -> Number | None:
    text = node.text("Timestamp")
    if text is None:
        return None
    moment = parse_timestamp(text)
    if moment is None:
        node.report("String does not match RFC3339 timestamp", "Timestamp")
        return None
    return numbers.constant(moment / NANOSECONDS)


def _task(compiler: Compiler, node: Node, common: dict[str, Any]) -> Task:
    timeout = _seconds(node, "TimeoutSeconds", 1)
    heartbeat = _seconds(node, "HeartbeatSeconds", 1)
    check_heartbeat(node)
    return Task(
        **common,
        **_working(compiler, node),
        parameters=_template(node, "Parameters"),
        resource=resource_of(compiler, node),
        timeout=timeout,
        heartbeat=heartbeat,
        credentials=_credentials(node),
    )


def check_heartbeat(node: Node) -> None:
    fixed, beat = node.fields.get("TimeoutSeconds"), node.fields.get("HeartbeatSeconds")
    if isinstance(fixed, int) and isinstance(beat, int) and beat >= fixed:
        node.report("HeartbeatSeconds must be smaller than TimeoutSeconds", "HeartbeatSeconds")


def resource_of(compiler: Compiler, node: Node) -> Resource:
    nothing = Resource("", "lambda")
    if "Resource" not in node:
        node.report("The field 'Resource' is required but was missing")
        return nothing
    text = node.text("Resource")
    if text is None:
        return nothing
    refusal = resources.express_refusal(text) if compiler.express else None
    resource = refusal or resources.parse(text)
    if isinstance(resource, str) and compiler.any_resource:
        resource = resources.named(text) or resource
    if isinstance(resource, Resource):
        return resource
    node.report(resource, "Resource")
    return nothing


def _credentials(node: Node) -> Selection | None:
    credentials = node.node("Credentials")
    if credentials is None:
        return None
    if "RoleArn" not in credentials and "RoleArn.$" not in credentials:
        credentials.report("The field 'RoleArn' is required but was missing")  # and that alone, whatever else is there
        return None
    credentials.allow_in("JSONPath", CREDENTIALS_FIELDS)
    credentials.text("RoleArn")
    template = compile_template(credentials.fields, node.problems.report, credentials.pointer)
    return lambda scope: template(scope)["RoleArn"]


def _parallel(compiler: Compiler, node: Node, common: dict[str, Any]) -> Parallel:
    node.require("Branches")
    return Parallel(
        **common,
        **_working(compiler, node),
        parameters=_template(node, "Parameters"),
        branches=tuple(compiler.branch(branch) for branch in node.nodes("Branches")),
    )


def _map(compiler: Compiler, node: Node, common: dict[str, Any]) -> Map:
    node.exclusive("ItemProcessor", "Iterator")
    node.exclusive("ItemSelector", "Parameters")
    node.exclusive("MaxConcurrency", "MaxConcurrencyPath")
    processor = node.node("ItemProcessor") or node.node("Iterator")
    if "ItemProcessor" not in node and "Iterator" not in node:
        node.require("ItemProcessor")
    selector = "ItemSelector" if "ItemSelector" in node else "Parameters"
    items = node.compiled("ItemsPath", lambda text: compile_field(text, "ItemsPath"))
    return Map(
        **common,
        **_working(compiler, node),
        parameters=_template(node, selector),
        flow=0 if processor is None else compiler.processor(processor),
        items=None if node.fields.get("ItemsPath") == "$" else items,
        items_path=str(node.fields.get("ItemsPath", "$")),
        concurrency=_concurrency(node),
        **distribution(compiler, node, processor, common["name"]),
    )


def _concurrency(node: Node) -> Number | None:
    if "MaxConcurrencyPath" in node:
        return node.compiled("MaxConcurrencyPath", lambda text: numbers.integer(text, "MaxConcurrencyPath"))
    value = node.integer("MaxConcurrency", 0, MAX_SECONDS)
    return None if value is None else numbers.constant(value)


_COMPILERS: dict[str, Callable[[Compiler, Node, dict[str, Any]], State]] = {
    "Task": _task,
    "Wait": _wait,
    "Pass": _pass,
    "Succeed": _succeed,
    "Fail": _fail,
    "Choice": _choice,
    "Parallel": _parallel,
    "Map": _map,
}
