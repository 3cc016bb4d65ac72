"""The compiled expression: the one thing that other parts hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from stategate.lang.jsontext import JSON

from . import engine
from .limits import DEFAULT, Limits
from .references import References
from .values import UNDEFINED, Undefined, to_json


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression ready to be evaluated, any number of times and from any thread.

    `variables` are the names that it refers to as values and does not bind itself (`states` among them; names of
    built-in functions are left out), `uses_eval` whether it refers to `$eval`."""

    source: str
    references: References
    _entry: engine.Entry = field(repr=False, compare=False)
    _hiding: dict[frozenset[str], engine.Entry] = field(default_factory=dict, repr=False, compare=False)

    @property
    def variables(self) -> frozenset[str]:
        return self.references.variables

    @property
    def uses_eval(self) -> bool:
        return self.references.uses_eval

    def evaluate(
        self, variables: Mapping[str, JSON], *, now: float, random: Random, limits: Limits = DEFAULT
    ) -> JSON | Undefined:
        """The value, `UNDEFINED` where the expression finds nothing. `now` is in seconds since 1970.

        Raises `JsonataError` (`LimitExceeded` among them) and `UnsupportedResult`."""
        entry = self._entry
        if not self.references.builtins.isdisjoint(variables):
            entry = self._entry_hiding(self.references.builtins.intersection(variables))
        return to_json(engine.run(entry, variables, now, random, limits), limits)

    def _entry_hiding(self, hidden: frozenset[str]) -> engine.Entry:
        """The expression where variables called `count` or `sum` stand in place of the functions of that name."""
        entry = self._hiding.get(hidden)
        if entry is None:
            entry = self._hiding[hidden] = engine.build(self.source, hidden=hidden)[0]
        return entry


@dataclass(frozen=True, slots=True)
class PlainExpression:
    """An expression as jsonata-js evaluates it: over an input that `$` and `$$` stand for, and with `$eval`."""

    source: str
    _entry: engine.Entry = field(repr=False, compare=False)

    def evaluate(
        self,
        variables: Mapping[str, JSON],
        *,
        now: float,
        random: Random,
        limits: Limits = DEFAULT,
        data: JSON | Undefined = UNDEFINED,
    ) -> JSON | Undefined:
        """As `Expression.evaluate`, with the input."""
        given = engine.NOTHING if data is UNDEFINED else data
        return to_json(engine.run(self._entry, variables, now, random, limits, given, engine.evaluate_text), limits)


def compile(source: str) -> Expression:
    """Parses and prepares an expression. Raises `JsonataSyntaxError`."""
    entry, references = engine.build(source)
    return Expression(source, references, entry)


def compile_plain(source: str) -> PlainExpression:
    """As `compile`, for JSONata without what Step Functions adds and removes."""
    return PlainExpression(source, engine.build(source, plain=True)[0])
