"""Java regular expressions on the `regex` module, with a time limit.

`\\d`, `\\w`, `\\s` and `\\b`'s classes are ASCII as in Java, `.` stops at all of Java's line terminators, and
`\\Q..\\E`, `\\p{Alpha}` and other names of Java's are translated.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import regex

from stategate.lang.vtl.errors import CallError
from stategate.lang.vtl.values import MAX_TEXT, ArrayValue

TIMEOUT = 0.05  # seconds for one call
_UNNOTICED = 0.005  # seconds for which others may have to wait


class _Patience(threading.local):
    """How many seconds the next call may take. One that may take long lets other threads go on meanwhile."""

    seconds = TIMEOUT

    def options(self) -> dict[str, Any]:
        return {"timeout": self.seconds, "concurrent": self.seconds > _UNNOTICED}


patience = _Patience()
_MAX_PATTERN = 10_000
_TEXT = regex.compile(r"(?:[^\\^$.|?*+()\[\]{}]|\\[^A-Za-z0-9])+", regex.DOTALL)
_ESCAPED = regex.compile(r"\\(.)", regex.DOTALL)

_CLASSES = {
    "d": "0-9",
    "w": "a-zA-Z_0-9",
    "s": " \\t\\n\\x0B\\f\\r",
    "h": " \\t\\xA0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000",
    "v": "\\n\\x0B\\f\\r\\x85\\u2028\\u2029",
}
_POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": "\\x00-\\x7F",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": "!-/:-@\\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": " \\t",
    "Cntrl": "\\x00-\\x1F\\x7F",
    "XDigit": "0-9a-fA-F",
    "Space": " \\t\\n\\x0B\\f\\r",
    "javaLowerCase": "\\p{Ll}",
    "javaUpperCase": "\\p{Lu}",
    "javaWhitespace": "\\s",
    "IsAlphabetic": "\\p{Alphabetic}",
    "IsDigit": "\\p{Nd}",
    "IsLetter": "\\p{L}",
    "IsPunctuation": "\\p{P}",
    "IsWhite_Space": "\\p{White_Space}",
}


class _Translator:
    """One pass over a Java pattern."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.out: list[str] = []

    def translate(self) -> str:
        depth = 0
        source = self.source
        while self.at < len(source):
            char = source[self.at]
            if char == "\\":
                self._escape(depth > 0)
                continue
            if char == "[":
                depth += 1
                self.out.append(char)
                self.at += 1
                if source.startswith("^", self.at):
                    self._copy(1)
                if source.startswith("]", self.at):
                    self.out.append("\\]")
                    self.at += 1
                continue
            if depth:
                self._in_class(char)
                depth -= char == "]"
            else:
                self._outside(char)
        if depth:
            raise CallError(f"PatternSyntaxException: Unclosed character class in {source!r}")
        return "".join(self.out)

    def _copy(self, count: int) -> None:
        self.out.append(self.source[self.at : self.at + count])
        self.at += count

    def _in_class(self, char: str) -> None:
        # The doubled characters that only Python's sets give a meaning.
        if char in "|~-" and self.source.startswith(char * 2, self.at):
            self.out.append("\\" + char)
            self.at += 1
        elif char == "&" and self.source.startswith("&&", self.at):
            self._copy(2)
        else:
            self._copy(1)

    def _outside(self, char: str) -> None:
        source = self.source
        if char == ".":
            self.out.append("." if self._dotall() else "[^\\n\\r\\x85\\u2028\\u2029]")
            self.at += 1
        elif char == "(" and source.startswith("(?", self.at):
            self._group()
        elif char == "$":
            self.out.append("$" if "(?m" in source else "(?=(?:\\r\\n|[\\n\\r\\x85\\u2028\\u2029])?\\Z)")
            self.at += 1
        else:
            self._copy(1)

    def _dotall(self) -> bool:
        return regex.search(r"\(\?[a-z]*s", self.source[: self.at]) is not None

    def _group(self) -> None:
        """Flags that only Java has go away; everything else is written alike."""
        flags = regex.compile(r"\(\?([idmsuxU]*)(?:-([idmsuxU]+))?([:)])").match(self.source, self.at)
        if flags is None:
            self._copy(2)
            return
        self.at = flags.end()
        on = "".join(flag for flag in flags[1] if flag in "imsx")
        off = "".join(flag for flag in flags[2] or "" if flag in "imsx")
        if on or off or flags[3] == ":":
            self.out.append(f"(?{on}{'-' + off if off else ''}{flags[3]}")

    def _escape(self, inside: bool) -> None:
        source = self.source
        self.at += 1
        if self.at >= len(source):
            raise CallError(f"PatternSyntaxException: Unexpected internal error near index {self.at} in {source!r}")
        char = source[self.at]
        self.at += 1
        if char.lower() in _CLASSES and char in "dwshvDWSHV":
            negated = char.isupper()
            body = _CLASSES[char.lower()]
            self.out.append(f"[{'^' if negated else ''}{body}]" if negated or not inside else body)
        elif char in "pP":
            self._property(char == "P", inside)
        elif char == "Q":
            end = source.find("\\E", self.at)
            quoted = source[self.at : len(source) if end < 0 else end]
            self.at = len(source) if end < 0 else end + 2
            self.out.append(regex.escape(quoted, special_only=False))
        elif char in "zZ" and not inside:
            self.out.append("\\Z" if char == "z" else "(?=(?:\\r\\n|[\\n\\r\\x85\\u2028\\u2029])?\\Z)")
        elif char in "bB" and not inside:
            self.out.append("\\" + char)
        elif char in "AGRX" and not inside:
            self.out.append("\\" + char if char != "R" else "(?>\\r\\n|[\\n-\\r\\x85\\u2028\\u2029])")
        elif char == "e":
            self.out.append("\\x1B")
        else:
            self._coded(char, inside)

    def _coded(self, char: str, inside: bool) -> None:
        source = self.source
        if char in "xu0" and (
            coded := regex.compile(r"x\{([0-9a-fA-F]+)\}|x(\w\w)|u(\w{4})|0([0-7]{1,3})").match(source, self.at - 1)
        ):
            digits = next(group for group in coded.groups() if group)
            code = int(digits, 8 if char == "0" else 16)
            if code > 0x10FFFF:
                raise CallError("PatternSyntaxException: Hexadecimal codepoint is too big")
            self.at = coded.end()
            self.out.append(f"\\U{code:08X}")
        elif char == "k" and (named := regex.compile(r"<(\w+)>").match(source, self.at)):
            self.at = named.end()
            self.out.append(f"(?P={named[1]})")
        elif char == "c" and self.at < len(source):
            self.out.append(f"\\x{ord(source[self.at]) ^ 64 & 0x7F:02X}")
            self.at += 1
        elif char in "tnrfa":
            self.out.append("\\x07" if char == "a" else "\\" + char)
        elif char.isdigit() and not inside:
            self.out.append("\\" + char)
        elif char.isalpha() and char.isascii():
            raise CallError(f"PatternSyntaxException: Illegal/unsupported escape sequence near index {self.at - 1}")
        else:
            self.out.append(regex.escape(char, special_only=False) if char in "&~|-#" or not char.isalnum() else char)

    def _property(self, negated: bool, inside: bool) -> None:
        named = regex.compile(r"\{([A-Za-z_=]+)\}|([A-Za-z])").match(self.source, self.at)
        if named is None:
            raise CallError(f"PatternSyntaxException: Unclosed character family near index {self.at}")
        self.at = named.end()
        name = named[1] or named[2]
        body = _POSIX.get(name)
        if body is None:
            name = (
                name.removeprefix("Is")
                if name.startswith("Is")
                else name.replace("In", "Block=", 1)
                if name.startswith("In")
                else name
            )
            body = f"\\p{{{name}}}"
        self.out.append(f"[{'^' if negated else ''}{body}]" if negated or not inside else body)


@lru_cache(maxsize=512)
def _compiled(source: str) -> Any:
    if len(source) > _MAX_PATTERN:
        raise CallError("PatternSyntaxException: The pattern is too long")
    try:
        return regex.compile(
            _Translator(source).translate(),
            regex.VERSION1 | regex.ASCII if source.isascii() and "\\p" not in source else regex.VERSION1,
        )
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        raise CallError(f"PatternSyntaxException: {error}") from None


@lru_cache(maxsize=256)
def plain(pattern: str) -> str | None:
    """The text that a pattern stands for if it is nothing but text, as `\\'` is."""
    if _TEXT.fullmatch(pattern) is None:
        return None
    return str(_ESCAPED.sub(r"\1", pattern))


def is_text(replacement: str) -> bool:
    """Whether a replacement stands for itself."""
    return "$" not in replacement and "\\" not in replacement


def _late(pattern: str) -> CallError:
    return CallError(f"The regular expression {pattern[:80]!r} takes too long")


def matches(subject: str, pattern: str) -> bool:
    """`subject.matches(pattern)`: the whole text."""
    try:
        return _compiled(pattern).fullmatch(subject, **patience.options()) is not None
    except TimeoutError:
        raise _late(pattern) from None


def replace(subject: str, pattern: str, replacement: str, *, first: bool) -> str:
    """`replaceAll` and `replaceFirst`; `$1`, `${name}` and backslashes in the replacement as in Java."""
    literal = plain(pattern)
    if literal is not None and is_text(replacement):
        count = 1 if first else subject.count(literal)
        if len(subject) + count * len(replacement) <= MAX_TEXT:
            return subject.replace(literal, replacement, count)
    compiled = _compiled(pattern)
    parts: list[str] = []
    at = size = 0
    try:
        for found in compiled.finditer(subject, **patience.options()):
            filled = _fill(found, replacement)
            size += found.start() - at + len(filled)
            if size > MAX_TEXT:
                raise CallError(f"A text of more than {MAX_TEXT} characters")
            parts += (subject[at : found.start()], filled)
            at = found.end()
            if first:
                break
    except TimeoutError:
        raise _late(pattern) from None
    parts.append(subject[at:])
    return "".join(parts)


def _fill(found: Any, replacement: str) -> str:
    if is_text(replacement):
        return replacement
    out: list[str] = []
    at = 0
    while at < len(replacement):
        char = replacement[at]
        at += 1
        if char == "\\":
            if at >= len(replacement):
                raise CallError("IllegalArgumentException: character to be escaped is missing")
            out.append(replacement[at])
            at += 1
        elif char == "$":
            value, at = _group(found, replacement, at)
            out.append(value)
        else:
            out.append(char)
    return "".join(out)


def _group(found: Any, replacement: str, at: int) -> tuple[str, int]:
    if replacement.startswith("{", at):
        end = replacement.find("}", at)
        name = replacement[at + 1 : end] if end > 0 else ""
        if name not in found.re.groupindex:
            raise CallError(f"IllegalArgumentException: No group with name {{{name}}}")
        return found.group(name) or "", end + 1
    digits = 0
    number = 0
    # As many digits as name a group that exists, one at least.
    while at + digits < len(replacement) and replacement[at + digits] in "0123456789":
        longer = number * 10 + int(replacement[at + digits])
        if digits and longer > found.re.groups:
            break
        number = longer
        digits += 1
    if not digits:
        raise CallError("IllegalArgumentException: Illegal group reference")
    if number > found.re.groups:
        raise CallError(f"IndexOutOfBoundsException: No group {number}")
    return found.group(number) or "", at + digits


def split(subject: str, pattern: str, limit: int = 0) -> ArrayValue:
    """`subject.split(pattern, limit)`: without a limit, empty strings at the end go away."""
    pieces = ArrayValue()
    at = 0
    try:
        for found in _compiled(pattern).finditer(subject, **patience.options()):
            if limit > 0 and len(pieces) == limit - 1:
                break
            if found.end() == 0:
                continue
            if found.start() == found.end() == len(subject):
                continue
            pieces.append(subject[at : found.start()])
            at = found.end()
    except TimeoutError:
        raise _late(pattern) from None
    if not pieces and at == 0:
        return ArrayValue([subject])
    pieces.append(subject[at:])
    if limit == 0:
        while pieces and pieces[-1] == "":
            pieces.pop()
    return pieces
