"""Velocity 1.7, the language of API Gateway's mapping templates.

    template = compile(source)                          # TemplateSyntaxError
    template.render({"input": ..., "context": {...}})   # TemplateRenderError

**Values.** dict, list, str, int, float, bool and None, as JSON gives them, behave as Java's do: `{a=1, b=2}`,
`.size()`, `1.0E8`. A template may change the dicts and lists it is given (`$map.put(...)`,
`#set($context.responseOverride.status = 404)`); the mapping of references itself is not changed.

**Host objects.** Subclass `Exposed` for objects with methods (`$input`, `$util`); see there. Nothing else of a Python
object can be reached from a template.

**Modes.** `silent=True` is API Gateway's: a reference without a value is "", prints nothing, and `#set` stores "".
`silent=False` is plain Velocity's: it prints as it is written, and `#set` leaves the variable alone.

**Limits.** Turns of one `#foreach`, characters of output (and of any string that the template makes), steps
(statements, expressions and calls, weighted by the size of what they touch; a microsecond of regular expressions is one
too), depth of macros, time of one regular expression: whoever passes one gets a TemplateRenderError. `#include` and
`#parse` always fail: there are no files.

Behaviour is checked against Apache Velocity 1.7 itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stategate.lang.vtl.compiler import ANY, CompiledMacro, compile_tree
from stategate.lang.vtl.context import BreakSignal, Output, Render, Root, Run, StopSignal
from stategate.lang.vtl.errors import CallError, TemplateError, TemplateRenderError, TemplateSyntaxError
from stategate.lang.vtl.host import Exposed
from stategate.lang.vtl.methods.strings import writable
from stategate.lang.vtl.parser import parse
from stategate.lang.vtl.values import ListValue, SilentMap, text

__all__ = [
    "CallError",
    "Exposed",
    "ListValue",
    "SilentMap",
    "Template",
    "TemplateError",
    "TemplateRenderError",
    "TemplateSyntaxError",
    "compile",
    "text",
]

MAX_TURNS = 1000
MAX_OUTPUT = 10 * 1024 * 1024
MAX_STEPS = 2_000_000


class Template:
    """A compiled template; it may be rendered any number of times."""

    __slots__ = ("_changed", "_macros", "_render", "source")

    def __init__(self, source: str, render: Render, macros: dict[str, CompiledMacro], changed: frozenset[str]) -> None:
        self.source = source
        self._render = render
        self._macros = macros
        self._changed = changed

    def may_change(self, name: str) -> bool:
        """Whether rendering may change the value of the reference, or what it holds."""
        return name in self._changed or ANY in self._changed

    def render(
        self,
        references: Mapping[str, Any],
        *,
        silent: bool = True,
        max_turns: int = MAX_TURNS,
        max_output: int = MAX_OUTPUT,
        max_steps: int = MAX_STEPS,
    ) -> str:
        """Render with references (names without `$`). `max_output` is in characters. Raises TemplateRenderError."""
        run = Run(
            self.source, self._macros, silent=silent, max_turns=max_turns, max_output=max_output, max_steps=max_steps
        )
        output = Output(max_output)
        try:
            self._render(Root(references, run), output)
        except (StopSignal, BreakSignal):
            pass
        except CallError as error:
            raise run.error(str(error), run.at) from None
        except RecursionError:
            raise run.error("The template or a value is nested too deeply", run.at) from None
        return writable(output.text())


def compile(source: str) -> Template:
    """Compile a template. Raises TemplateSyntaxError, whose text shows the line with a caret."""
    try:
        return Template(source, *compile_tree(parse(source)))
    except RecursionError:
        raise TemplateSyntaxError.at("The template is nested too deeply", source, 0) from None
