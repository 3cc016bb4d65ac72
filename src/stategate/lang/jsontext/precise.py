"""A JSON reader that finds what Jackson's ReaderBasedJsonParser (2.14) would say, and where.

It runs only on text that is known to be wrong. Of numbers with a broken fraction or exponent the column may differ
from Jackson's by two. It keeps its own stack, so that depth costs memory and nothing else.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from stategate.lang.jsontext.errors import MAX_DEPTH, JSONDepthError, JSONSyntaxError

_VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_EXPECTED_VALUE = "expected a valid value " + _VALUES
_COMMENT = (
    "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)"
)
_PLUS_SIGN = (
    "JSON spec does not allow numbers to have plus signs: "
    "enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow"
)
_TRAILING = (
    "Trailing token (of type {}) found after value (bound as `com.fasterxml.jackson.databind.JsonNode`): "
    "not allowed as per `DeserializationFeature.FAIL_ON_TRAILING_TOKENS`"
)
_MAX_DIGITS = 4300
_MAX_TOKEN = 256
_MAX_SOURCE = 500

_SPACE = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_DIGITS = re.compile(r"[0-9]*")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS = {"n": ("null", None), "t": ("true", True), "f": ("false", False)}
_NON_STANDARD = {"N": "NaN", "I": "Infinity"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOTHING = object()


def parse(text: str | bytes, max_depth: int | None = MAX_DEPTH, *, unique: bool = False) -> Any:
    """The value of a JSON text; raises JSONSyntaxError. `unique`: no object may have a name twice."""
    return _Reader(_decoded(text), max_depth, unique).document()


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        before = text[: error.start].decode()
        at_start = error.end == error.start + 1 and error.reason == "invalid start byte"
        wrong = text[error.start if at_start else min(error.end, len(text) - 1)]
        message = f"Invalid UTF-8 {'start' if at_start else 'middle'} byte 0x{wrong:x}"
        raise _Reader(before, None).error(message, len(before)) from None


@dataclass(slots=True)
class _Open:
    """An array or an object that is being read, and where it began."""

    value: Any
    start: int
    key: str = ""

    @property
    def kind(self) -> str:
        return "Object" if isinstance(self.value, dict) else "Array"

    def add(self, value: Any) -> None:
        if isinstance(self.value, dict):
            self.value[self.key] = value
        else:
            self.value.append(value)


class _Reader:
    def __init__(self, text: str, max_depth: int | None, unique: bool = False) -> None:
        self.text = text
        self.end = len(text)
        self.max_depth = max_depth
        self.unique = unique
        self.stack: list[_Open] = []

    # Places and errors

    def error(self, message: str, at: int) -> JSONSyntaxError:
        line, column = self.place(at)
        return JSONSyntaxError(message, line, column)

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of a position; columns count UTF-16 units, as Java does."""
        before = re.split(r"\r\n|\r|\n", self.text[:at])
        return len(before), len(before[-1].encode("utf-16-le", "surrogatepass")) // 2 + 1

    def unexpected(self, at: int, comment: str, where: str = "") -> JSONSyntaxError:
        """The character was consumed when Jackson reports it, so the place is the one after it, in the same line."""
        line, column = self.place(at)
        return JSONSyntaxError(
            f"Unexpected character ({_described(self.text[at])}){where}: {comment}", line, column + 1
        )

    def consumed(self, message: str, at: int) -> JSONSyntaxError:
        line, column = self.place(at)
        return JSONSyntaxError(message, line, column + 1)

    def end_of_input(self, comment: str) -> JSONSyntaxError:
        return self.error("Unexpected end-of-input" + comment, self.end)

    def unrecognized(self, start: int) -> JSONSyntaxError:
        at = start
        while at < self.end and at - start < _MAX_TOKEN and _identifier_part(self.text[at]):
            at += 1
        token = self.text[start:at] + ("..." if at - start >= _MAX_TOKEN else "")
        return self.error(f"Unrecognized token '{token}': was expecting {_VALUES}", at)

    def source(self, at: int, *, root: bool = False) -> str:
        line, column = self.place(at)
        shown = re.sub(
            r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]", lambda m: f"\\u{ord(m[0]):04X}", self.text[:_MAX_SOURCE]
        )
        cut = f"[truncated {self.end - _MAX_SOURCE} chars]" if self.end > _MAX_SOURCE else ""
        return f'[Source: (String)"{shown}"{cut}; line: {1 if root else line}, column: {0 if root else column}]'

    # Reading

    def skip_space(self, at: int) -> int:
        at = _SPACE.match(self.text, at).end()  # type: ignore[union-attr]
        if at < self.end:
            char = self.text[at]
            if char < " ":
                raise self.consumed(
                    f"Illegal character ((CTRL-CHAR, code {ord(char)})): "
                    "only regular white space (\\r, \\n, \\t) is allowed between tokens",
                    at,
                )
            if char == "/":
                raise self.unexpected(at, _COMMENT)
        return at

    def document(self) -> Any:
        at = self.skip_space(0)
        if at == self.end:
            raise self.error("No content to map due to end-of-input", at)
        value, at = self.value(at)
        while self.stack:
            value, at = self.next(at) if value is _NOTHING else self.close_or_add(value, at)
        at = self.skip_space(at)
        if at < self.end:
            raise self.trailing(at)
        return value

    def close_or_add(self, value: Any, at: int) -> tuple[Any, int]:
        self.stack[-1].add(value)
        return self.next(at)

    def next(self, at: int) -> tuple[Any, int]:
        """What follows in the innermost container: its end, or its next element."""
        container = self.stack[-1]
        at = self.skip_space(at)
        if at == self.end:
            raise self.end_of_input(
                f": expected close marker for {container.kind} (start marker at {self.source(container.start)})"
            )
        char = self.text[at]
        if char in "]}":
            return self.close(char, at)
        if container.value:
            if char != ",":
                raise self.unexpected(at, f"was expecting comma to separate {container.kind} entries")
            at = self.inside(at + 1)
        if container.kind == "Object":
            if self.text[at] != '"':
                raise self.unexpected(at, "was expecting double-quote to start field name")
            container.key, at = self.string(at + 1, name=True)
            if self.unique and container.key in container.value:
                raise self.error(f"Duplicate field '{container.key}'", at)
            at = self.inside(at)
            if self.text[at] != ":":
                raise self.unexpected(at, "was expecting a colon to separate field name and value")
            at = self.inside(at + 1)
        return self.value(at)

    def inside(self, at: int) -> int:
        at = self.skip_space(at)
        if at == self.end:
            raise self.end_of_input(f" within/between {self.stack[-1].kind} entries")
        return at

    def close(self, char: str, at: int) -> tuple[Any, int]:
        container = self.stack[-1]
        expected = "}" if container.kind == "Object" else "]"
        if char != expected:
            raise self.consumed(
                f"Unexpected close marker '{char}': expected '{expected}' "
                f"(for {container.kind} starting at {self.source(container.start)})",
                at,
            )
        return self.stack.pop().value, at + 1

    def value(self, at: int) -> tuple[Any, int]:
        """The value that begins at a character, or _NOTHING after the opening of a container."""
        char = self.text[at]
        match char:
            case '"':
                return self.string(at + 1)
            case "{" | "[":
                self.stack.append(_Open({} if char == "{" else [], at))
                if self.max_depth is not None and len(self.stack) > self.max_depth:
                    error = self.consumed(
                        f"Document nesting depth ({len(self.stack)}) exceeds the maximum allowed "
                        f"({self.max_depth}, from `StreamReadConstraints.getMaxNestingDepth()`)",
                        at,
                    )
                    raise JSONDepthError(error.message, error.line, error.column)
                return _NOTHING, at + 1
            case "n" | "t" | "f":
                return self.word(at, *_WORDS[char])
            case "N" | "I":
                word = _NON_STANDARD[char]
                _, after = self.word(at, word, None)
                raise self.non_standard(word, after)
            case "-" | "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9":
                return self.number(at)
            case "+":
                if at + 1 == self.end:
                    raise self.end_of_input(" in a Number value")
                line, column = self.place(at)
                message = f"Unexpected character ({_described(char)}) in numeric value: {_PLUS_SIGN}"
                raise JSONSyntaxError(message, line, column + 2)
        raise self.no_value(at)

    def no_value(self, at: int) -> JSONSyntaxError:
        char = self.text[at]
        if char in "]}" and not self.stack:
            expected = "]" if char == "}" else "}"
            return self.consumed(
                f"Unexpected close marker '{char}': expected '{expected}' (for root starting at "
                f"{self.source(0, root=True)})",
                at,
            )
        if char == "}" and self.stack[-1].kind == "Array":
            return self.unexpected(at, "expected a value")
        if _identifier_start(char):
            return self.unrecognized(at)
        return self.unexpected(at, _EXPECTED_VALUE)

    def trailing(self, at: int) -> JSONSyntaxError:
        start = at
        value = "" if self.text[at] == '"' else self.value(at)[0]  # Jackson reads a string only when asked for it
        match value:
            case str():
                kind = "VALUE_STRING"
            case bool():
                kind = "VALUE_TRUE" if value else "VALUE_FALSE"
            case int():
                kind = "VALUE_NUMBER_INT"
            case float():
                kind = "VALUE_NUMBER_FLOAT"
            case None:
                kind = "VALUE_NULL"
            case _:
                kind = "START_OBJECT" if self.text[start] == "{" else "START_ARRAY"
        return self.error(_TRAILING.format(kind), start)

    def word(self, at: int, word: str, value: Any) -> tuple[Any, int]:
        after = at + len(word)
        if self.text[at:after] != word or (
            after < self.end and self.text[after] >= "0" and _identifier_part(self.text[after])
        ):
            raise self.unrecognized(at)
        return value, after

    def non_standard(self, word: str, after: int) -> JSONSyntaxError:
        return self.error(
            f"Non-standard token '{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", after
        )

    # Numbers

    def number(self, start: int) -> tuple[Any, int]:
        at = start
        if self.text[at] == "-":
            at += 1
            self.after_minus(at)
        whole = self.digits(at)
        if self.text[at] == "0" and whole > at + 1:
            raise self.error("Invalid numeric value: Leading zeroes not allowed", at + 1)
        after = self.exponent(self.fraction(whole))
        if not self.stack and after < self.end and self.text[after] not in " \t\r\n":
            raise self.unexpected(after, "Expected space separating root-level values")
        text = self.text[start:after]
        if after == whole:
            if len(text) > _MAX_DIGITS:
                raise self.error(f"Number length ({len(text)}) exceeds the maximum length ({_MAX_DIGITS})", after)
            return int(text), after
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise self.error(f"Numeric value ({text[:_MAX_TOKEN]}) out of range of double", after)
        return value, after

    def after_minus(self, at: int) -> None:
        if at == self.end:
            raise self.end_of_input("No digit following minus sign")
        char = self.text[at]
        if "0" <= char <= "9":
            return
        if char == ".":
            raise self.unexpected(at, _EXPECTED_VALUE)
        if char == "I":
            if at + 1 == self.end:
                raise self.end_of_input(" in a Number value")
            if self.text[at + 1] == "n":
                _, after = self.word(at, "Infinity", None)
                raise self.non_standard("-Infinity", after)
            at += 1
        raise self.unexpected(
            at, "expected digit (0-9) to follow minus sign, for valid numeric value", " in numeric value"
        )

    def digits(self, at: int) -> int:
        return _DIGITS.match(self.text, at).end()  # type: ignore[union-attr]

    def fraction(self, at: int) -> int:
        if at == self.end or self.text[at] != ".":
            return at
        after = self.digits(at + 1)
        if after > at + 1:
            return after
        where, comment = " in numeric value", "Decimal point not followed by a digit"
        if after == self.end:
            raise self.unexpected(at, comment, where)
        line, column = self.place(after)
        raise JSONSyntaxError(
            f"Unexpected character ({_described(self.text[after])}){where}: {comment}",
            line,
            column + (1 if self.text[after] in "eE" else 0),
        )

    def exponent(self, at: int) -> int:
        if at == self.end or self.text[at] not in "eE":
            return at
        start = at + 1
        if start < self.end and self.text[start] in "+-":
            start += 1
        if start == self.end:
            raise self.end_of_input("expected a digit for number exponent")
        after = self.digits(start)
        if after == start:
            message = f"Unexpected character ({_described(self.text[at + 1 if after == at + 1 else start])})"
            raise self.error(message + " in numeric value: Exponent indicator not followed by a digit", start)
        return after

    # Strings

    def string(self, at: int, *, name: bool = False) -> tuple[str, int]:
        parts: list[str] = []
        while True:
            plain = _PLAIN.match(self.text, at)
            assert plain is not None
            parts.append(plain[0])
            at = plain.end()
            if at == self.end:
                raise self.end_of_input(
                    " in field name" if name else ": was expecting closing quote for a string value"
                )
            char = self.text[at]
            if char == '"':
                return _joined(parts), at + 1
            if char != "\\":
                raise self.consumed(
                    f"Illegal unquoted character ((CTRL-CHAR, code {ord(char)})): "
                    f"has to be escaped using backslash to be included in {'name' if name else 'string value'}",
                    at,
                )
            part, at = self.escape(at + 1)
            parts.append(part)

    def escape(self, at: int) -> tuple[str, int]:
        if at == self.end:
            raise self.end_of_input(" in character escape sequence")
        char = self.text[at]
        if char in _ESCAPES:
            return _ESCAPES[char], at + 1
        if char != "u":
            raise self.consumed(f"Unrecognized character escape {_described(char)}", at)
        for digit in range(at + 1, at + 5):
            if digit >= self.end:
                raise self.end_of_input(" in character escape sequence")
            if self.text[digit] not in "0123456789abcdefABCDEF":
                raise self.unexpected(digit, "expected a hex-digit for character escape sequence")
        return chr(int(self.text[at + 1 : at + 5], 16)), at + 5


def _joined(parts: list[str]) -> str:
    text = "".join(parts)
    if _SURROGATE.search(text) is None:
        return text
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _SURROGATE.sub("?", paired)


def _described(char: str) -> str:
    """The character as Jackson names it: `'x' (code 120)`."""
    code = ord(char)
    if code < 32:
        return f"(CTRL-CHAR, code {code})"
    if code > 0xFFFF:
        code = 0xD800 + ((code - 0x10000) >> 10)
        char = "?"
    return f"'{char}' (code {code} / 0x{code:x})" if code > 255 else f"'{char}' (code {code})"


def _identifier_start(char: str) -> bool:
    """Java's Character.isJavaIdentifierStart(char)."""
    return ord(char) <= 0xFFFF and (
        char.isidentifier() or unicodedata.category(char) in ("Sc", "Pc", "Nl", "Lu", "Ll", "Lt", "Lm", "Lo")
    )


def _identifier_part(char: str) -> bool:
    """Java's Character.isJavaIdentifierPart(char)."""
    code = ord(char)
    if code > 0xFFFF:
        return False
    if code < 0xA0 and (code <= 8 or 0xE <= code <= 0x1B or code >= 0x7F):
        return True
    return _identifier_start(char) or unicodedata.category(char) in ("Nd", "Mn", "Mc", "Cf")
