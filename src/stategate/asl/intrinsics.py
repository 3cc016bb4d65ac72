"""Intrinsic functions: `States.Format('{} {}', $.a, States.UUID())`, parsed and compiled to closures.

    call     = name "(" [ argument { "," argument } ] ")"
    argument = call | path | 'string' | number | true | false | null

In a string `\\'`, `\\{`, `\\}` and `\\\\` stand for the character; any other use of a backslash is an error.
"""

import re
from typing import Any

from stategate.asl.failures import StateFailure, runtime_failure
from stategate.asl.intrinsic_functions import FUNCTIONS, Function, Refused, join_format, parse_format
from stategate.asl.paths import PathNotFound, PathSyntaxError, Selection, compile_path
from stategate.asl.scope import Scope
from stategate.lang.jsontext import JSON, dumps

INTRINSIC_FAILURE = "States.IntrinsicFailure"
MAX_NESTING = 10

_NAME = re.compile(r"States\.\w+(?=\s*\()", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?(?![\w.])", re.ASCII)
_WORD = re.compile(r"(?:true|false|null)(?!\w)")
_SPACE = re.compile(r"\s*")
_STRING = re.compile(r"'((?:[^'\\]|\\['{}\\])*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None}
_MAX_DIGITS = 300


class IntrinsicSyntaxError(ValueError):
    """The text is not a call of a known function with as many arguments as it takes. `column` counts from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"{message} (column {column})")
        self.message = message
        self.column = column


def compile_intrinsic(text: str) -> Selection:
    """Raises IntrinsicSyntaxError; the function raises StateFailure: States.IntrinsicFailure where a function refuses
    its arguments, States.Runtime where a path leads nowhere."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def whole(self) -> Selection:
        self.space()
        call = self.call(1)
        self.space()
        if self.at < len(self.text):
            raise self.error("Unexpected text after the function")
        return call

    def error(self, message: str) -> IntrinsicSyntaxError:
        return IntrinsicSyntaxError(message, self.at + 1)

    def space(self) -> None:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]

    def taken(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def accept(self, char: str) -> bool:
        self.space()
        if self.text.startswith(char, self.at):
            self.at += 1
            return True
        return False

    def call(self, depth: int) -> Selection:
        start = self.at
        name = self.taken(_NAME)
        function = FUNCTIONS.get(name[0]) if name else None
        if function is None:
            self.at = start
            raise self.error("Expected the name of an intrinsic function and its arguments")
        if depth > MAX_NESTING:
            raise self.error(f"Intrinsic functions can not be nested deeper than {MAX_NESTING} levels")
        self.accept("(")
        arguments: list[Selection] = []
        template: str | None = None
        if not self.accept(")"):
            while True:
                self.space()
                if not arguments and function.name == "States.Format" and (literal := self.taken(_STRING)):
                    template = literal[1]
                    arguments.append(lambda scope: None)
                else:
                    arguments.append(self.argument(depth))
                if self.accept(")"):
                    break
                if not self.accept(","):
                    raise self.error("Expected ',' or ')'")
        if not function.fewest <= len(arguments) <= function.most:
            raise self.error(f"{function.name} does not take {len(arguments)} arguments")
        source = self.text[start : self.at]
        return _call(function, arguments, source) if template is None else _format(template, arguments[1:], source)

    def argument(self, depth: int) -> Selection:
        char = self.text[self.at : self.at + 1]
        if char == "$":
            return self.path()
        if char == "S":
            return self.call(depth + 1)
        value: Any
        if match := self.taken(_STRING):
            value = _ESCAPE.sub(r"\1", match[1])
        elif match := self.taken(_NUMBER):
            if len(match[0]) > _MAX_DIGITS:
                raise self.error("The number is too long")
            value = float(match[0]) if match[1] or match[2] else int(match[0])
            if value in (float("inf"), float("-inf")):
                raise self.error("The number is out of range")
        elif match := self.taken(_WORD):
            value = _WORDS[match[0]]
        else:
            raise self.error("Expected a path, a function, a string in single quotes, a number, true, false or null")
        return lambda scope: value

    def path(self) -> Selection:
        """A path ends before the comma or parenthesis that is in none of its own brackets, parentheses or quotes."""
        start, depth, quoted = self.at, 0, False
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "'" and (quoted or depth):
                quoted = not quoted
            elif not quoted:
                if char in "[(":
                    depth += 1
                elif depth == 0 and char in ",)":
                    break
                elif char in "])":
                    depth -= 1
            self.at += 1
        text = self.text[start : self.at].rstrip()
        try:
            query = compile_path(text)
        except PathSyntaxError as error:
            self.at = start
            raise self.error(f"Invalid path: {error}") from None

        def select(scope: Scope) -> JSON:
            try:
                return query(scope)
            except PathNotFound:
                raise runtime_failure(
                    f"The JsonPath argument for the field '{text}' could not be found in the input "
                    f"'{dumps(scope.input)}'"
                ) from None

        return select


def _call(function: Function, arguments: list[Selection], source: str) -> Selection:
    apply = function.apply

    def call(scope: Scope) -> JSON:
        values = [argument(scope) for argument in arguments]
        try:
            return apply(values, scope)
        except Refused as reason:
            raise _failure(source, str(reason)) from None
        except RecursionError:
            raise _failure(source, "An argument is nested too deeply") from None

    return call


def _format(template: str, arguments: list[Selection], source: str) -> Selection:
    """States.Format with a literal template, which is cut once."""
    pieces = parse_format(template)

    def call(scope: Scope) -> JSON:
        try:
            return join_format(pieces, [argument(scope) for argument in arguments])
        except Refused as reason:
            raise _failure(source, str(reason)) from None
        except RecursionError:
            raise _failure(source, "An argument is nested too deeply") from None

    return call


def _failure(source: str, reason: str) -> StateFailure:
    return StateFailure(INTRINSIC_FAILURE, f"The function '{source}' had the following error: {reason}")
