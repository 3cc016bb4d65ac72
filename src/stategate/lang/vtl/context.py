"""What a template has while it is rendered: its references, its output and its budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import thread_time
from typing import TYPE_CHECKING, Any

from stategate.lang.vtl.errors import CallError, TemplateRenderError
from stategate.lang.vtl.host import Exposed
from stategate.lang.vtl.javaregex import TIMEOUT
from stategate.lang.vtl.values import HOLDERS, MAX_TEXT, Entry, MapView, loosely_equal, measure, printed, text

if TYPE_CHECKING:
    from stategate.lang.vtl.compiler import CompiledMacro

MAX_CALLS = 20  # macros and #evaluate in each other
MAX_DEFINES = 2  # a #define that prints itself, as Velocity has it
_STEPS_PER_SECOND = 1_000_000
# One step for so many (as a power of two) characters of what a value holds, or members that are only moved.
_WEIGHT_OF_TEXT, _WEIGHT_OF_MOVES = 3, 4
_QUICK = 256  # characters that are compared in the time that it takes to get to them
_SIZED = HOLDERS - {Entry}


class Output:
    """The text so far."""

    __slots__ = ("limit", "parts", "size")

    def __init__(self, limit: int) -> None:
        self.parts: list[str] = []
        self.size = 0
        self.limit = limit

    def write(self, text: str) -> None:
        self.parts.append(text)
        self.size += len(text)
        if self.size > self.limit:
            raise CallError(f"The output is larger than {self.limit} characters")

    def text(self) -> str:
        return "".join(self.parts)


class Run:
    """One rendering: its limits, what it has spent, and the place that an error without a better one is reported at."""

    __slots__ = (
        "at",
        "depth",
        "macros",
        "max_output",
        "max_steps",
        "max_turns",
        "silent",
        "source",
        "steps",
    )

    def __init__(
        self,
        source: str,
        macros: dict[str, CompiledMacro],
        *,
        silent: bool,
        max_turns: int,
        max_output: int,
        max_steps: int,
    ) -> None:
        self.source = source
        self.macros = macros
        self.silent = silent
        self.max_turns = max_turns
        self.max_output = max_output
        self.max_steps = max_steps
        self.steps = 0
        self.depth = 0
        self.at = 0

    def charge(self, steps: int) -> None:
        """Spend steps of the budget."""
        self.steps += steps
        if self.steps > self.max_steps:
            raise TemplateRenderError.at(f"The template takes more than {self.max_steps} steps", self.source, self.at)

    def took(self, started: float) -> None:
        """Spend steps for work whose time alone tells what it costs; `started` as `thread_time` gave it: what other
        threads did meanwhile does not count."""
        self.charge(int((thread_time() - started) * _STEPS_PER_SECOND))

    def seconds(self) -> float:
        """How long a regular expression may take now."""
        return max(0.0001, min(TIMEOUT, (self.max_steps - self.steps) / _STEPS_PER_SECOND))

    def walk(self, *values: Any) -> None:
        """Spend steps for going through all that values hold, before it is done."""
        for value in values:
            if type(value) in HOLDERS:
                left = max(0, self.max_steps - self.steps)
                try:
                    self.charge(measure(value, left))
                except CallError:
                    self.charge(left + 1)

    def skim(self, value: Any, *more: Any) -> None:
        """Spend steps for going through the members of a value, whatever is in them, and for taking in further ones."""
        if type(value) in _SIZED:
            self.charge(len(value) >> _WEIGHT_OF_MOVES)
        for each in more:
            if type(each) in _SIZED:
                self.charge(len(each))

    def search(self, value: Any, sought: Any) -> None:
        """Spend steps for comparing each member of a value, which is quick where a text is sought."""
        if type(sought) is str and type(value) in _SIZED:
            self.charge(len(value) * (_QUICK + len(sought)) // _QUICK >> _WEIGHT_OF_MOVES)
        else:
            self.walk(value, sought)

    def search_all(self, value: Any, sought: Any) -> None:
        """Spend steps for comparing each member of a value with each of another."""
        for each in sought if type(sought) in _SIZED else ():
            self.search(value, each)

    def take(self, value: Any, key: Any) -> None:
        """Spend steps for removing a map's key, or a list's member by its index or as it is."""
        if isinstance(value, dict) or (isinstance(value, list) and type(key) is int):
            self.skim(value)
        elif isinstance(value, list):
            self.search(value, key)
        else:
            self.walk(value, key)

    def text(self, value: Any) -> str:
        """The text of a value."""
        if type(value) not in HOLDERS:
            return text(value)
        left = max(0, self.max_steps - self.steps)
        made, size = printed(value, min(MAX_TEXT, left << _WEIGHT_OF_TEXT))
        self.charge(size >> _WEIGHT_OF_TEXT)
        return made

    def equal(self, one: Any, other: Any) -> bool:
        """`==` of two values, at least one of which holds others."""
        if one is None or other is None:
            return False
        if any(isinstance(one, kind) and isinstance(other, kind) for kind in (list, dict)):
            self.walk(one)
            return loosely_equal(one, other)
        return self.text(one) == self.text(other)

    def made(self, text: str) -> str:
        """Account for a text that the template made; large ones cost steps, so that they cannot pile up."""
        size = len(text)
        if size > 4096:
            if size > self.max_output:
                raise CallError(f"A text of more than {self.max_output} characters")
            self.charge(size >> 6)
        return text

    def error(self, message: str, at: int) -> TemplateRenderError:
        return TemplateRenderError.at(message, self.source, at)


class Root(dict[str, Any]):
    """The references of a template."""

    __slots__ = ("missing", "run")

    def __init__(self, references: Mapping[str, Any], run: Run) -> None:
        super().__init__(references)
        self.run = run
        self.missing: str | None = "" if run.silent else None

    def put(self, name: str, value: Any) -> None:
        self[name] = value

    def remove(self, name: str) -> None:
        self.pop(name, None)

    def literal(self, name: str) -> str | None:
        """The text of the argument that a macro's parameter stands for."""
        return None


class MacroScope:
    """A macro's references: its parameters are evaluated each time they are used, in the scope of the call.

    What it sets is seen inside and outside of it.
    """

    __slots__ = ("_arguments", "_literals", "_local", "_outer", "missing", "run")

    def __init__(self, outer: Scope, arguments: dict[str, Callable[[Scope], Any]], literals: dict[str, str]) -> None:
        self._outer = outer
        self._arguments = arguments
        self._literals = literals
        self._local: dict[str, Any] = {}
        self.run: Run = outer.run
        self.missing: str | None = outer.missing

    def get(self, name: str) -> Any:
        value = self._local.get(name)
        if value is not None:
            return value
        argument = self._arguments.get(name)
        return self._outer.get(name) if argument is None else argument(self._outer)

    def put(self, name: str, value: Any) -> None:
        self._local[name] = value
        self._outer.put(name, value)

    def remove(self, name: str) -> None:
        self._local.pop(name, None)
        self._arguments.pop(name, None)
        self._outer.remove(name)

    def literal(self, name: str) -> str | None:
        own = self._literals.get(name)
        return self._outer.literal(name) if own is None else own


Scope = Root | MacroScope
Render = Callable[[Scope, Output], None]


class BreakSignal(Exception):
    """`#break`; `scope` is the loop it leaves, None the innermost one."""

    def __init__(self, scope: Any = None) -> None:
        self.scope = scope


class StopSignal(Exception):
    """`#stop`."""


class Deferred(Exposed):
    """A block that renders where it is printed: the value of a #define, and `$bodyContent`."""

    __slots__ = ("_body", "_depth", "_scope")

    def __init__(self, body: Render, scope: Scope) -> None:
        self._body = body
        self._scope = scope
        self._depth = 0

    def render(self, output: Output) -> bool:
        """Whether it rendered; not when it prints itself too deeply."""
        self._depth += 1
        try:
            if self._depth > MAX_DEFINES:
                return False
            self._scope.run.charge(1)
            self._body(self._scope, output)
        except BreakSignal:
            pass
        finally:
            self._depth -= 1
        return True

    def vtl_text(self) -> str | None:
        output = Output(self._scope.run.max_output)
        return self._scope.run.made(output.text()) if self.render(output) else None


class Loop(Exposed):
    """`$foreach`: what it tells of the loop, and a map of what the template sets in it."""

    __slots__ = ("_replaced", "count", "last", "members", "parent")

    def __init__(self, replaced: Any) -> None:
        self._replaced = replaced
        self.parent = replaced if isinstance(replaced, Loop) else None
        self.count = 0
        self.last = False
        self.members: dict[Any, Any] = {}

    def vtl_text(self) -> str:
        return text(self.members)

    def vtl_set(self, name: str, value: Any) -> None:
        self.members[name] = value

    def vtl_get(self, name: str) -> Any:
        match name:
            case "index":
                return self.count - 1
            case "count":
                return self.count
            case "hasNext":
                return not self.last
            case "first":
                return self.count == 1
            case "last":
                return self.last
            case "parent":
                return self.parent
            case "topmost":
                return self if self.parent is None else self.parent.vtl_get("topmost")
            case "replaced":
                return self._replaced if self.parent is None else self.parent.vtl_get("replaced")
            case _:
                return self.members.get(name)


def _getter(name: str) -> Callable[[Loop], Any]:
    return lambda loop: loop.vtl_get(name)


Loop.vtl_methods = {
    (method, 0): _getter(name)
    for method, name in (
        ("getIndex", "index"),
        ("getCount", "count"),
        ("hasNext", "hasNext"),
        ("getHasNext", "hasNext"),
        ("isFirst", "first"),
        ("getFirst", "first"),
        ("isLast", "last"),
        ("getLast", "last"),
        ("getParent", "parent"),
        ("getTopmost", "topmost"),
    )
} | {
    ("get", 1): lambda loop, name: loop.members.get(text(name)),
    ("size", 0): lambda loop: len(loop.members),
    ("isEmpty", 0): lambda loop: not loop.members,
    ("keySet", 0): lambda loop: MapView(loop.members, "keys"),
}
