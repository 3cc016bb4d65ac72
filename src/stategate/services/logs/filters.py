"""Filter patterns: which log events a search wants.

Terms (all must be there), `"quoted phrases"`, `?optional` terms (one of them must be there if there are no others),
`-excluded` terms, `%regular expressions%`, and JSON patterns as in `{ $.level = "ERROR" && $.ms > 100 }`. Patterns for
space-delimited events, `[a, b, ...]`, are refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

import regex

from stategate.lang.jsontext import JSONSyntaxError, loads
from stategate.services.logs.common import invalid

Matcher = Callable[[str], bool]
_Condition = Callable[[Any], bool]

MAX_PATTERN = 1024
_TIMEOUT = 0.1
_MISSING = object()
_TERM = regex.compile(
    r'\s*(?P<sign>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|%(?P<regex>(?:[^%\\]|\\.)+)%|(?P<word>[^\s"]+))'
)


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Matcher:
    """Raises InvalidParameterException."""
    pattern = text.strip()
    if len(pattern) > MAX_PATTERN:
        raise invalid(
            "1 validation error detected: Value at 'filterPattern' failed to satisfy constraint:"
            f" Member must have length less than or equal to {MAX_PATTERN}"
        )
    if pattern.startswith("["):
        raise invalid("Invalid filter pattern: Stategate does not support patterns for space-delimited events ([...]).")
    if pattern.startswith("{"):
        condition = _Parser(pattern).parse()
        return lambda message: _matches_json(condition, message)
    return _terms(pattern)


# --- terms ------------------------------------------------------------------------------------------------------


def _terms(pattern: str) -> Matcher:
    required: list[Matcher] = []
    optional: list[Matcher] = []
    excluded: list[Matcher] = []
    at = 0
    while at < len(pattern):
        match = _TERM.match(pattern, at)
        if match is None:
            raise invalid(f"Invalid filter pattern: {pattern}")
        kind = {"?": optional, "-": excluded}.get(match["sign"], required)
        kind.append(_term(match))
        at = match.end()
    return lambda message: (
        all(test(message) for test in required)
        and not any(test(message) for test in excluded)
        and (bool(required) or not optional or any(test(message) for test in optional))
    )


def _term(match: regex.Match[str]) -> Matcher:
    if match["regex"] is not None:
        return _regex(match["regex"])
    text = match["word"]
    if text is None:
        text = regex.sub(r"\\(.)", r"\1", match["phrase"])
    elif not regex.fullmatch(r"\w+", text):
        raise invalid(
            f"Invalid filter pattern: Invalid character(s) in term '{text}';"
            " a term with other characters than letters, digits and underscores must be in double quotes."
        )
    return lambda message: text in message


def _regex(text: str) -> Matcher:
    try:
        compiled = regex.compile(text)
    except regex.error as error:
        raise invalid(f"Invalid filter pattern: Invalid regular expression '{text}': {error}") from None

    def test(message: str) -> bool:
        try:
            return compiled.search(message, timeout=_TIMEOUT, concurrent=False) is not None
        except TimeoutError:
            raise invalid(f"Invalid filter pattern: The regular expression '{text}' takes too long.") from None

    return test


# --- JSON patterns ----------------------------------------------------------------------------------------------

_TOKEN = regex.compile(
    r"""\s*(?:(?P<selector>\$(?:\.[\w@-]+|\[(?:\d+|"[^"]*"|'[^']*')\]|\.\*)*)|(?P<op>!=|<=|>=|=|<|>)"""
    r"""|(?P<sign>&&|\|\||[(){}])|"(?P<string>(?:[^"\\]|\\.)*)"|%(?P<regex>(?:[^%\\]|\\.)+)%|(?P<word>[^\s(){}&|]+))"""
)
_STEP = regex.compile(r"""\.(?P<name>[\w@-]+)|\[(?P<index>\d+)\]|\[["'](?P<key>[^"']*)["']\]""")
_ORDERED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _matches_json(condition: _Condition, message: str) -> bool:
    try:
        document = loads(message)
    except JSONSyntaxError:
        return False
    return condition(document)


class _Parser:
    """Recursive descent: `||` of `&&` of conditions and parentheses."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                self._fail()
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self._at = 0

    def _fail(self) -> NoReturn:
        raise invalid(f"Invalid filter pattern: {self._text}")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, kind: str, text: str) -> None:
        if self._next() != (kind, text):
            self._fail()

    def parse(self) -> _Condition:
        self._expect("sign", "{")
        condition = self._any_of()
        self._expect("sign", "}")
        if self._peek()[0] != "end":
            self._fail()
        return condition

    def _any_of(self) -> _Condition:
        parts = [self._all_of()]
        while self._peek() == ("sign", "||"):
            self._next()
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else lambda document: any(part(document) for part in parts)

    def _all_of(self) -> _Condition:
        parts = [self._one()]
        while self._peek() == ("sign", "&&"):
            self._next()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda document: all(part(document) for part in parts)

    def _one(self) -> _Condition:
        kind, text = self._next()
        if (kind, text) == ("sign", "("):
            condition = self._any_of()
            self._expect("sign", ")")
            return condition
        if kind != "selector":
            self._fail()
        select = self._selector(text)
        kind, text = self._next()
        if kind == "op":
            return self._comparison(select, text)
        word = text.upper() if kind == "word" else ""
        if word == "IS":
            return self._is(select)
        if word == "NOT":
            kind, text = self._next()
            if text.upper() == "EXISTS":
                return lambda document: select(document) is _MISSING
        return self._fail()

    def _is(self, select: Callable[[Any], Any]) -> _Condition:
        wanted = {"TRUE": True, "FALSE": False, "NULL": None}
        name = self._next()[1].upper()
        if name not in wanted:
            self._fail()
        value = wanted[name]
        return lambda document: select(document) is value

    def _selector(self, text: str) -> Callable[[Any], Any]:
        if ".*" in text:
            raise invalid(f"Invalid filter pattern: Stategate does not support the wildcard in the selector {text}.")
        steps: list[str | int] = [
            int(match["index"]) if match["index"] is not None else match["name"] or match["key"] or ""
            for match in _STEP.finditer(text)
        ]

        def select(document: Any) -> Any:
            for step in steps:
                if isinstance(document, list):
                    found = isinstance(step, int) and step < len(document)
                else:
                    found = isinstance(document, dict) and step in document
                if not found:
                    return _MISSING
                document = document[step]
            return document

        return select

    def _comparison(self, select: Callable[[Any], Any], op: str) -> _Condition:
        kind, text = self._next()
        if kind not in ("string", "word", "regex"):
            self._fail()
        number = _number(text) if kind == "word" else None
        if op in _ORDERED:
            if number is None:
                self._fail()
            compare = _ORDERED[op]
            return lambda document: _is_number(value := select(document)) and compare(value, number)
        equal = _equals(kind, text, number)
        if op == "=":
            return lambda document: equal(select(document))
        return lambda document: (value := select(document)) is not _MISSING and not equal(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _equals(kind: str, text: str, number: float | None) -> _Condition:
    if kind == "regex":
        test = _regex(text)
        return lambda value: isinstance(value, str) and test(value)
    if number is not None:
        return lambda value: (_is_number(value) and value == number) or value == text
    if kind == "string":
        text = regex.sub(r"\\(.)", r"\1", text)
    pattern = regex.compile(".*".join(regex.escape(part) for part in text.split("*")), regex.DOTALL)
    return lambda value: (
        isinstance(value, str) and pattern.fullmatch(value, timeout=_TIMEOUT, concurrent=False) is not None
    )
