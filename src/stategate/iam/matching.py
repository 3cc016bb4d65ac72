"""Wildcards, policy variables and principals, compiled once to functions.

A glob is compiled to a regular expression of atomic groups, so that matching is linear in pattern times text and no
policy can hang the server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from functools import lru_cache

ContextValue = str | Sequence[str]
Context = Mapping[str, ContextValue]
"""Condition keys in lower case, with their values as strings (or several strings, for multivalued keys)."""

TextTest = Callable[[str, Context], bool]


class UndefinedVariable(Exception):
    """A policy variable has no value in this request: its statement does not match."""


class Wildcard(Enum):
    MANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Literal:
    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    """`${aws:username}` or `${aws:username, 'default'}`; `key` in lower case."""

    key: str
    default: str | None = None


Token = Wildcard | Literal | Variable

_TOKEN = re.compile(r"\$\{(?P<escape>[*?$])\}|\$\{(?P<variable>[^${}]+)\}|(?P<wildcard>[*?])")
_DEFAULT = re.compile(r"\s*(?P<key>[^,]+?)\s*(?:,\s*'(?P<default>.*)'\s*)?", re.DOTALL)
_WILDCARD = re.compile(r"[*?]")
_NOTHING: Context = {}


def tokens(pattern: str, *, variables: bool, wildcards: bool = True) -> tuple[Token, ...]:
    """A pattern's parts. `variables`: the policy's version is 2012-10-17, where `${...}` means something."""
    expression = _TOKEN if variables else _WILDCARD
    found: list[Token] = []
    end = 0
    for match in expression.finditer(pattern):
        found.append(Literal(pattern[end : match.start()]))
        found.append(_token(match, variables, wildcards))
        end = match.end()
    found.append(Literal(pattern[end:]))
    return tuple(token for token in found if not (isinstance(token, Literal) and not token.text))


def _token(match: re.Match[str], variables: bool, wildcards: bool) -> Token:
    if variables and match["escape"]:
        return Literal(match["escape"])
    if variables and match["variable"]:
        parts = _DEFAULT.fullmatch(match["variable"])
        if parts is None:
            return Literal(match[0])
        return Variable(parts["key"].lower(), parts["default"])
    return Wildcard(match[0]) if wildcards else Literal(match[0])


def substitute(parts: Sequence[Token], context: Context) -> tuple[Token, ...]:
    """Variables replaced by their values, in which wildcards are plain characters. Raises `UndefinedVariable`."""
    return tuple(Literal(_value(part, context)) if isinstance(part, Variable) else part for part in parts)


def _value(variable: Variable, context: Context) -> str:
    value = context.get(variable.key)
    if isinstance(value, str):
        return value
    if value is not None and len(value) == 1:
        return value[0]
    if variable.default is not None:
        return variable.default
    raise UndefinedVariable(variable.key)


def _expression(parts: Sequence[Token], segmented: bool) -> str:
    """The regular expression of a glob. `segmented`: as in ARNs, a wildcard matches beyond a colon only in the last of
    (at most) six segments."""
    total = min(5, sum(part.text.count(":") for part in parts if isinstance(part, Literal))) if segmented else 0
    colons = 0
    pieces: list[str] = []
    opened = False
    for part in parts:
        character = "[^:]" if colons < total else "."
        match part:
            case Literal(text):
                colons += text.count(":")
                pieces.append(re.escape(text))
            case Wildcard.ONE:
                pieces.append(character)
            case Wildcard.MANY:
                # The leftmost place for what follows a `*` is as good as any other, so there is no need to come back.
                pieces.append(")" if opened else "")
                pieces.append(f"(?>{character}*?")
                opened = True
            case Variable():
                raise AssertionError("a variable must be substituted first")
    if opened:
        last = max(index for index, piece in enumerate(pieces) if piece.startswith("(?>"))
        pieces[last] = pieces[last].replace("(?>", "(?:")
        pieces.append(")")
    return "".join(pieces)


@lru_cache(maxsize=4096)
def _compiled(parts: tuple[Token, ...], segmented: bool) -> re.Pattern[str]:
    return re.compile(_expression(parts, segmented), re.DOTALL)


def compile_any(patterns: Iterable[str], *, variables: bool = False, segmented: bool = False) -> TextTest:
    """A test whether a text matches one of the patterns. `segmented`: the patterns are ARNs."""
    exact: set[str] = set()
    globs: list[tuple[Token, ...]] = []
    late: list[tuple[Token, ...]] = []
    for pattern in patterns:
        parts = tokens(pattern, variables=variables)
        if any(isinstance(part, Variable) for part in parts):
            late.append(parts)
        elif any(isinstance(part, Wildcard) for part in parts):
            globs.append(parts)
        else:
            exact.add("".join(part.text for part in parts if isinstance(part, Literal)))
    if any(parts == (Wildcard.MANY,) for parts in globs):
        return lambda text, context: True
    return _test(frozenset(exact), globs, late, segmented)


def _test(
    exact: frozenset[str], globs: list[tuple[Token, ...]], late: list[tuple[Token, ...]], segmented: bool
) -> TextTest:
    joined = "|".join(f"(?:{_expression(parts, segmented)})" for parts in globs)
    matches = re.compile(joined, re.DOTALL).fullmatch if globs else None

    def test(text: str, context: Context) -> bool:
        if text in exact or (matches is not None and matches(text) is not None):
            return True
        return any(_compiled(substitute(parts, context), segmented).fullmatch(text) is not None for parts in late)

    return test


def compile_actions(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test of an action's name, given in lower case. Actions know no variables, and case does not matter."""
    test = compile_any(pattern.lower() for pattern in patterns)
    return lambda action: test(action, _NOTHING)


# --- principals -------------------------------------------------------------------------------------------------


class Named(IntEnum):
    """How precisely a statement names who asks; the evaluation depends on it."""

    NOT = 0
    ACCOUNT = 1
    ANYBODY = 2
    ROLE = 3
    ITSELF = 4


@dataclass(frozen=True, slots=True)
class Principals:
    """The value of Principal or NotPrincipal (`negated`). `arns` of users, roles and sessions."""

    anybody: bool = False
    accounts: frozenset[str] = frozenset()
    arns: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    negated: bool = False

    def names(self, arns: Sequence[str], account: str, services: Sequence[str] = ()) -> Named:
        """`arns`: the session's or user's own first, then its role's; a service comes with its names instead."""
        named = self._names(arns, account, services)
        if not self.negated:
            return named
        return Named.NOT if named is not Named.NOT else Named.ANYBODY

    def _names(self, arns: Sequence[str], account: str, services: Sequence[str]) -> Named:
        if services:
            if not self.services.isdisjoint(services):
                return Named.ITSELF
            return Named.ANYBODY if self.anybody else Named.NOT
        if arns and arns[0] in self.arns:
            return Named.ITSELF
        if not self.arns.isdisjoint(arns):
            return Named.ROLE
        if self.anybody:
            return Named.ANYBODY
        return Named.ACCOUNT if account in self.accounts else Named.NOT


_ROOT = re.compile(r"arn:[a-z-]+:iam::(\d{12}):root")


def compile_principals(value: str | Mapping[str, Sequence[str]], *, negated: bool = False) -> Principals:
    """From a policy's Principal, already checked: `"*"`, or lists by kind (AWS, Service; Federated and
    CanonicalUser name nobody who comes here)."""
    if isinstance(value, str):
        return Principals(anybody=True, negated=negated)
    accounts: set[str] = set()
    arns: set[str] = set()
    for text in value.get("AWS", ()):
        root = _ROOT.fullmatch(text)
        if root or text.isdigit():
            accounts.add(root[1] if root else text)
        else:
            arns.add(text)
    return Principals(
        anybody="*" in arns,
        accounts=frozenset(accounts),
        arns=frozenset(arns - {"*"}),
        services=frozenset(value.get("Service", ())),
        negated=negated,
    )
