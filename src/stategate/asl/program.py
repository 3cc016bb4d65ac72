"""Programs: a definition compiled once, immutable, shared by all its executions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stategate.asl.choice import Test
from stategate.asl.paths import Insertion, Selection
from stategate.asl.scope import Scope
from stategate.asl.value import Value

if TYPE_CHECKING:
    from stategate.asl.distributed_fields import Distributed

Number = Callable[[Scope], float]
"""A number of seconds, or another number that may come from a path; raises StateFailure."""


@dataclass(frozen=True, slots=True)
class Retrier:
    """`max_delay` in seconds; `jitter`: JitterStrategy FULL."""

    errors: tuple[str, ...]
    interval: float = 1
    attempts: int = 3
    backoff: float = 2.0
    max_delay: float | None = None
    jitter: bool = False


@dataclass(frozen=True, slots=True)
class Catcher:
    """`result_path` None is the default: the error output replaces the input."""

    errors: tuple[str, ...]
    next: str
    result_path: Insertion | None = None
    assign: Selection | None = None
    output: Selection | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """What a Task calls. `kind`: `lambda` is a function by its ARN, `activity` an activity by its ARN, `integration` is
    `arn:aws:states:::{service}:{action}[.{pattern}]`."""

    text: str
    kind: Literal["lambda", "activity", "integration"]
    service: str = ""
    action: str = ""
    pattern: str = ""

    @property
    def waits_for_token(self) -> bool:
        return self.pattern == "waitForTaskToken"

    @property
    def goes_on(self) -> bool:
        """Whether the answer to the call is not yet the task's result."""
        return self.pattern != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What all states have. Paths that are None are the default, `$`. `next` None: the sequence ends here. `jsonata`:
    the state's query language; then `output` is its Output, Arguments are its `parameters`, and it has no paths."""

    name: str
    input_path: Selection | None = None
    output_path: Selection | None = None
    next: str | None = None
    assign: Selection | None = None
    output: Selection | None = None
    jsonata: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(State):
    """`result` is the literal Result, if there is one."""

    parameters: Selection | None = None
    result: Value | None = None
    result_path: Insertion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(State):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(State):
    """`error` and `cause` give text, or are absent."""

    error: Selection | None = None
    cause: Selection | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    test: Test
    next: str
    assign: Selection | None = None
    output: Selection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(State):
    rules: tuple[Rule, ...]
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(State):
    """Exactly one of `seconds` (relative) and `until` (epoch seconds) is there."""

    seconds: Number | None = None
    until: Number | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Working(State):
    """What Task, Parallel and Map have in common."""

    parameters: Selection | None = None
    result_selector: Selection | None = None
    result_path: Insertion | None = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Working):
    """`timeout` and `heartbeat` in seconds; `credentials` gives the ARN of the role to assume."""

    resource: Resource
    timeout: Number | None = None
    heartbeat: Number | None = None
    credentials: Selection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(Working):
    """`branches` are indexes of `Program.flows`."""

    branches: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(Working):
    """`parameters` is the ItemSelector (or the older Parameters), evaluated for each item; `items` gives the array
    (None: the effective input); `flow` is an index of `Program.flows`; `concurrency` 0 or None: no limit of its own.
    The tolerances mean something for a `distributed` Map only."""

    flow: int
    items: Selection | None = None
    items_path: str = "$"
    concurrency: Number | None = None
    tolerated_count: Number | None = None
    tolerated_percentage: Number | None = None
    distributed: Distributed | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence of states: the top level, a branch or an item processor."""

    start: str
    states: Mapping[str, State]


@dataclass(frozen=True, slots=True)
class Program:
    """`type` STANDARD or EXPRESS; `timeout` of the whole execution in seconds, if the definition gives one; the top
    level is `flows[0]`; `variables`: whether any state assigns some."""

    type: str
    timeout: float | None
    flows: tuple[Flow, ...] = ()
    variables: bool = False


def compile(definition: str, *, type: str = "STANDARD", any_resource: bool = False, stored: bool = False) -> Program:
    """The program of a definition; raises `problems.InvalidDefinition` with every problem found. `any_resource`: tasks
    that can't be called are no problem, because they never are (tests with mocks). `stored`: it was accepted once,
    perhaps by a version that let the last of two fields of one name count."""
    from stategate.asl.compiler import compile_definition

    return compile_definition(definition, type, any_resource, stored)
