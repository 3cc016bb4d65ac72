"""The tree of a template. `at` is always the offset in the template of the node's first character."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Property:
    """`.name`"""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """`.name(arguments)`"""

    name: str
    arguments: tuple[Expression, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Index:
    """`[key]`"""

    key: Expression
    at: int


Part = Property | Call | Index


@dataclass(frozen=True, slots=True)
class Reference:
    """`$root.parts`. Without a value it prints `unset`; `prefix` is text that the lexer glued to it.

    `escapes`: the backslashes that stay of the pairs before it; `escaped`: one was left over.
    """

    root: str
    parts: tuple[Part, ...]
    literal: str
    unset: str
    prefix: str
    escapes: str
    escaped: bool
    at: int

    @property
    def name(self) -> str | None:
        """What `#set`, `#define` and the parameters of a macro name with it; `$!name` and `${name}` name nothing."""
        return self.root if self.literal.startswith("$" + self.root) else None


@dataclass(frozen=True, slots=True)
class Bare:
    """A word where a reference could stand, as in `$a.b(word)`: prints itself and has no value."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A string without references, a number or a boolean."""

    value: Any
    literal: str
    at: int


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A double-quoted string with references or directives in it."""

    body: Block
    padded: bool
    literal: str
    at: int


@dataclass(frozen=True, slots=True)
class ListLiteral:
    items: tuple[Expression, ...]
    literal: str
    at: int


@dataclass(frozen=True, slots=True)
class MapLiteral:
    pairs: tuple[tuple[Expression, Expression], ...]
    literal: str
    at: int


@dataclass(frozen=True, slots=True)
class RangeLiteral:
    first: Expression
    last: Expression
    literal: str
    at: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`operator`: one of `+ - * / % == != < <= > >= && ||`."""

    operator: str
    left: Expression
    right: Expression
    literal: str
    at: int


@dataclass(frozen=True, slots=True)
class Not:
    operand: Expression
    literal: str
    at: int


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word among a directive's arguments."""

    text: str
    literal: str
    at: int


Expression = Reference | Bare | Constant | Interpolated | ListLiteral | MapLiteral | RangeLiteral | Binary | Not | Word


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class If:
    branches: tuple[tuple[Expression, Block], ...]
    otherwise: Block | None


@dataclass(frozen=True, slots=True)
class Set:
    target: Reference | Bare
    value: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Foreach:
    variable: str
    values: Expression
    body: Block
    at: int


@dataclass(frozen=True, slots=True)
class Define:
    name: str | None
    body: Block
    at: int


@dataclass(frozen=True, slots=True)
class MacroCall:
    """`#name(arguments)` or `#@name(arguments) body #end`; prints `literal` when there is no such macro."""

    name: str
    arguments: tuple[Expression, ...]
    body: Block | None
    literal: str
    at: int


@dataclass(frozen=True, slots=True)
class Evaluate:
    text: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Stop:
    at: int


@dataclass(frozen=True, slots=True)
class Break:
    """`#break`, or `#break($foreach)` with the scope that it leaves."""

    scope: Expression | None
    at: int


@dataclass(frozen=True, slots=True)
class Include:
    """`#include` and `#parse`: there are no files, so they always fail."""

    directive: str
    at: int


Statement = Text | Reference | Bare | If | Set | Foreach | Define | MacroCall | Evaluate | Stop | Break | Include


@dataclass(frozen=True, slots=True)
class Macro:
    name: str
    parameters: tuple[str, ...]
    body: Block
    at: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """A template: its text, its statements and the macros that it defines, wherever they stand."""

    source: str
    body: Block
    macros: dict[str, Macro] = field(default_factory=dict)
