"""Text -> tokens, with the liberties and the limits of Jayway 2.0.0's compiler.

It cuts the text at dots and brackets first, then reads each fragment for itself; what a fragment has beyond what its
kind looks at is dropped (`$[0:3:2]` is `$[0:3]`). One thing differs: `[?]`, the place of a filter that Java code would
supply, is refused here; Jayway fails when it gets there.
"""

import re
from collections.abc import Callable

from stategate.lang.jsonpath.errors import PathSyntaxError
from stategate.lang.jsonpath.tokens import (
    Elements,
    Filter,
    Operation,
    Predicate,
    Properties,
    Root,
    Scan,
    Token,
    Wildcard,
)

_NAME_END = re.compile(r"[.\[ ]")
_FILTER_PLACES = re.compile(r"\[\s*\?\s*[,\s*?]*?\s*\]")
_FUNCTION_NAMES = ("size", "length")
_MAX_INT, _MIN_INT = 2**31 - 1, -(2**31)

FilterParser = Callable[[str], Predicate]


def parse(text: str, parse_filter: FilterParser) -> list[Token]:
    """The tokens of a path that begins with `$` (or `@`, which is the same here)."""
    try:
        return _tokens(text, parse_filter)
    except IndexError:
        raise PathSyntaxError(f"Unexpected end of path {text}") from None


def _tokens(text: str, parse_filter: FilterParser) -> list[Token]:
    text = text.strip()
    if not text:
        raise PathSyntaxError("path can not be null or empty")
    if text[0] not in "$@":
        text = "$." + text
    if text.endswith(".."):
        raise PathSyntaxError("A path can not end with a scan.")
    if len(text) > 1 and text[1] not in ".[":
        raise PathSyntaxError(f"Invalid path {text}")
    tokens: list[Token] = [Root()]
    at = 1
    while at < len(text):
        match text[at]:
            case " ":
                raise PathSyntaxError("Space not allowed in path")
            case "$":
                tokens.append(Root())
                at += 1
            case "*":
                tokens.append(Wildcard())
                at += 1
            case "[":
                end = _closing(text, at)
                tokens.append(_bracket(text[at:end], parse_filter))
                at = end
            case ".":
                at += 1
                if text[at] == ".":
                    tokens.append(Scan())
                    at += 1
                    continue
                end = _name_end(text, at)
                if end > at:
                    tokens.append(Wildcard() if text[at:end] == "*" else _name(text[at:end]))
                at = end
            case _:
                end = _name_end(text, at)
                tokens.append(_name(text[at:end]))
                at = end
    return tokens


def _name_end(text: str, at: int) -> int:
    found = _NAME_END.search(text, at)
    return found.start() if found else len(text)


def _closing(text: str, at: int) -> int:
    """The end of a bracket; brackets nest, quotes count for nothing."""
    depth = 0
    for end in range(at + 1, len(text)):
        if text[end] == "[":
            depth += 1
        elif text[end] == "]":
            if depth == 0:
                return end + 1
            depth -= 1
    return len(text)


def _name(name: str) -> Token:
    """A name behind a dot. One that has quotes of its own is read as if it stood between quotes in brackets."""
    return _quoted(f"['{name}']", 1) if "'" in name or "]" in name else Properties((name,))


def _bracket(fragment: str, parse_filter: FilterParser) -> Token:
    if fragment == "[*]":
        return Wildcard()
    if _FILTER_PLACES.fullmatch(fragment):
        raise PathSyntaxError(f"Could not analyze path component: {fragment}")
    for at, char in enumerate(fragment):
        if char == "?":
            return Filter(parse_filter(_filter_text(fragment[fragment.rindex("[", 0, at) :])))
        if char == "'":
            return _quoted(fragment, at)
        if char == "@":
            return _from_end(fragment, at)
        if char.isdecimal() or char in ":-":
            return _elements(fragment, at)
    raise PathSyntaxError(f"Could not analyze path component: {fragment}")


def _quoted(fragment: str, at: int) -> Token:
    """`'a', 'b'`: names between quotes, which know no escapes; a bracket ends the list even within a name."""
    names: list[str] = []
    start: int | None = None
    while fragment[at] != "]":
        if fragment[at] == "'":
            if start is None:
                start = at + 1
            else:
                names.append(fragment[start:at])
                start = None
        at += 1
    return Properties(tuple(names))


def _from_end(fragment: str, at: int) -> Token:
    """`(@.length-1)`, `(@.size() - 1)`."""
    at += 2
    minus = at
    while fragment[minus] != "-":
        minus += 1
    function = re.sub("[ ()]", "", fragment[at:minus])
    if function not in _FUNCTION_NAMES:
        raise PathSyntaxError(
            f"Invalid function: @.{function}. Supported functions are: [(@.length - n)] and [(@.size() - n)]"
        )
    end = minus
    while fragment[end] != ")":
        end += 1
    return Elements(Operation.FROM_END, (_integer(fragment[minus:end].replace(" ", "")),))


def _elements(fragment: str, at: int) -> Token:
    """`0`, `0,2`, `1:`, `:2`, `1:2`."""
    numbers: list[int] = []
    flags: set[Operation] = set()
    digits = ""
    while _in_sequence(fragment[at]):
        char = fragment[at]
        if char == ":":
            after, at = _digits(fragment, at + 1)
            if not digits:
                flags.add(Operation.TO)
                numbers.append(_integer(after))
            else:
                numbers.append(_integer(digits))
                flags.add(Operation.BETWEEN if after else Operation.FROM)
                if after:
                    numbers.append(_integer(after))
            digits = ""
        elif char == ",":
            numbers.append(_integer(digits))
            digits = ""
            flags.add(Operation.INDEXES)
        elif char != " ":
            digits += char
        if fragment[at] == "]":
            break
        at += 1
    if digits:
        numbers.append(_integer(digits))
    if len(numbers) == 1 and not flags & {Operation.TO, Operation.FROM}:
        return Elements(Operation.INDEX, tuple(numbers))
    for operation in (Operation.INDEXES, Operation.FROM, Operation.TO, Operation.BETWEEN):
        if operation in flags:
            return Elements(operation, tuple(numbers))
    raise PathSyntaxError(f"Could not analyze path component: {fragment}")


def _in_sequence(char: str) -> bool:
    return char.isdecimal() or char in ", :-"


def _digits(fragment: str, at: int) -> tuple[str, int]:
    start = at
    while fragment[at].isdecimal() or fragment[at] in " -":
        at += 1
    return fragment[start:at].replace(" ", ""), at


def _integer(text: str) -> int:
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not digits.isdecimal() or len(digits) > 400 or not _MIN_INT <= int(text) <= _MAX_INT:
        raise PathSyntaxError(f'For input string: "{text}"')
    return int(text)


def _filter_text(fragment: str) -> str:
    """From the opening bracket to the one that closes it outside of quotes and parentheses."""
    parentheses = brackets = 0
    quoted = False
    before = " "
    for at, char in enumerate(fragment):
        if char == "'" and before != "\\":
            quoted = not quoted
        elif not quoted:
            if char in "()":
                parentheses += 1 if char == "(" else -1
            elif char == "[":
                brackets += 1
            elif char == "]":
                brackets -= 1
                if parentheses == 0:
                    if brackets:
                        break
                    return fragment[: at + 1]
        before = char
    else:
        raise IndexError
    raise PathSyntaxError("Filter brackets are not balanced")
