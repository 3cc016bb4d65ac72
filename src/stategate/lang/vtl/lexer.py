"""Template text to tokens.

Velocity's lexer is a machine of lexical states with a stack, and much of the language's behaviour (which blanks vanish,
what is a reference and what is text, how escapes pair up) is that machine's. So this one has the same states, the same
longest-match rule and the same tokens; the parser drives it lazily, because a directive's name decides what follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum, auto
from typing import Final

from stategate.lang.vtl.errors import TemplateSyntaxError


class State(IntEnum):
    """Where in the text the lexer is."""

    DEFAULT = 0
    REFERENCE = auto()  # after `$`
    REFMODIFIER = auto()  # after `$a.`
    REFMOD2 = auto()  # in the parentheses of a method call
    REFINDEX = auto()  # in the brackets of an index
    DIRECTIVE = auto()  # in the parentheses of a directive
    PRE_DIRECTIVE = auto()  # after `#`
    LINE_COMMENT = auto()
    COMMENT = auto()
    TEXTBLOCK = auto()


class Kind(IntEnum):
    """What a token is. The order settles ties between rules that match the same length."""

    EOF = 0
    INDEX_OPEN = auto()
    INDEX_CLOSE = auto()
    LBRACKET = auto()
    RBRACKET = auto()
    COMMA = auto()
    DOUBLEDOT = auto()
    COLON = auto()
    LEFT_CURLY = auto()
    RIGHT_CURLY = auto()
    LPAREN = auto()
    RPAREN = auto()
    METHOD_CLOSE = auto()
    ESCAPE_DIRECTIVE = auto()
    SET = auto()
    DOLLAR = auto()
    TEXTBLOCK_OPEN = auto()
    FORMAL_OPEN = auto()
    COMMENT_OPEN = auto()
    HASH = auto()
    LINE_COMMENT_OPEN = auto()
    DOUBLE_ESCAPE = auto()
    ESCAPE = auto()
    TEXT = auto()
    NO_REFERENCE = auto()
    LINE_COMMENT = auto()
    COMMENT = auto()
    TEXTBLOCK = auto()
    SKIPPED = auto()
    KEPT = auto()
    WHITESPACE = auto()
    STRING = auto()
    TRUE = auto()
    FALSE = auto()
    MINUS = auto()
    PLUS = auto()
    MULTIPLY = auto()
    DIVIDE = auto()
    MODULUS = auto()
    AND = auto()
    OR = auto()
    LT = auto()
    LE = auto()
    GT = auto()
    GE = auto()
    EQ = auto()
    NE = auto()
    NOT = auto()
    EQUALS = auto()
    END = auto()
    IF = auto()
    ELSEIF = auto()
    ELSE = auto()
    INTEGER = auto()
    FLOAT = auto()
    WORD = auto()
    BRACKETED_WORD = auto()
    IDENTIFIER = auto()
    DOT = auto()
    LCURLY = auto()
    RCURLY = auto()
    REFERENCE_END = auto()
    DIRECTIVE_END = auto()


class Token:
    """A token: its text with what the lexer glued in front of it, and the special text that precedes it."""

    __slots__ = ("end", "image", "kind", "special", "start")

    def __init__(self, kind: Kind, image: str, special: str, start: int, end: int) -> None:
        self.kind = kind
        self.image = image
        self.special = special
        self.start = start
        self.end = end

    @property
    def literal(self) -> str:
        """The text as Velocity prints it again."""
        return "" if self.kind is Kind.COMMENT and not self.special else self.special + self.image


_NEWLINE = r"(?:\r\n|\n|\r)"
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = "0123456789"
_ANY: Final = None

D, R, RM, R2, RI, DI, PD = (
    State.DEFAULT,
    State.REFERENCE,
    State.REFMODIFIER,
    State.REFMOD2,
    State.REFINDEX,
    State.DIRECTIVE,
    State.PRE_DIRECTIVE,
)
# Comments and unparsed text hold nothing but their end.
_OPEN = tuple(state for state in State if state < State.LINE_COMMENT)
_ARGUMENTS = (DI, R2, RI)
_LITERALS = (PD, DI, R2, RI)

# (states, token, first characters, expression)
_TABLE: tuple[tuple[tuple[State, ...], Kind, str | None, str], ...] = (
    ((R, RM), Kind.INDEX_OPEN, "[", r"\["),
    ((RI,), Kind.INDEX_CLOSE, "]", r"\]"),
    ((DI, R2), Kind.LBRACKET, "[", r"\["),
    ((DI, R2), Kind.RBRACKET, "]", r"\]"),
    ((DI, R2), Kind.COMMA, ",", r","),
    ((DI, R2), Kind.DOUBLEDOT, ".", r"\.\."),
    ((DI, R2), Kind.COLON, ":", r":"),
    ((DI, R2), Kind.LEFT_CURLY, "{", r"\{"),
    ((DI, R2), Kind.RIGHT_CURLY, "}", r"\}"),
    ((DI, RM), Kind.LPAREN, "(", r"\("),
    ((DI,), Kind.RPAREN, ")", rf"\)(?:[ \t]*{_NEWLINE})?"),
    ((R2,), Kind.METHOD_CLOSE, ")", r"\)"),
    ((D,), Kind.ESCAPE_DIRECTIVE, "\\", r"\\(?:\\\\)*#(?:[a-zA-Z_@][a-zA-Z0-9_]*|\{[a-zA-Z_@][a-zA-Z0-9_]*\})"),
    ((D, R, RM, R2), Kind.SET, " \t#", r"[ \t]*#(?:set|\{set\})[ \t]*\("),
    (_OPEN, Kind.DOLLAR, "\\$", r"\\*\$(?:\\*!)?"),
    (_OPEN, Kind.TEXTBLOCK_OPEN, "#", r"#\[\["),
    (_OPEN, Kind.FORMAL_OPEN, "#", r"#\*\*[^#]"),
    (_OPEN, Kind.COMMENT_OPEN, "#", r"#\*"),
    (_OPEN, Kind.HASH, "#", r"#"),
    ((D, R, PD, DI), Kind.LINE_COMMENT_OPEN, "#", r"##"),
    ((D,), Kind.DOUBLE_ESCAPE, "\\", r"\\\\"),
    ((D,), Kind.ESCAPE, "\\", r"\\"),
    ((D,), Kind.TEXT, _ANY, r"[^$#\\]+"),
    ((D, R), Kind.NO_REFERENCE, "$", r"\$(?:\.|!?\[)"),
    ((State.LINE_COMMENT,), Kind.LINE_COMMENT, "\r\n", _NEWLINE),
    ((State.COMMENT,), Kind.COMMENT, "*", r"\*#"),
    ((State.TEXTBLOCK,), Kind.TEXTBLOCK, "]", r"\]\]#"),
    # A text must not end right after one of these, not even in a comment.
    ((State.LINE_COMMENT, State.COMMENT), Kind.HASH, "\\$#", r"#|\\*\$(?:\\*!)?"),
    ((State.LINE_COMMENT, State.COMMENT), Kind.SKIPPED, _ANY, r"(?s:.)"),
    ((State.TEXTBLOCK,), Kind.KEPT, _ANY, r"(?s:.)"),
    (_ARGUMENTS, Kind.WHITESPACE, " \t\r\n", r"[ \t\r\n]+"),
    (_ARGUMENTS, Kind.STRING, "\"'", r"\"[^\"]*(?:\"\"[^\"]*)*\"|'[^']*(?:''[^']*)*'"),
    ((R, RM, *_ARGUMENTS), Kind.TRUE, "t", r"true"),
    ((R, RM, *_ARGUMENTS), Kind.FALSE, "f", r"false"),
    ((DI,), Kind.MINUS, "-", r"-"),
    ((DI,), Kind.PLUS, "+", r"\+"),
    ((DI,), Kind.MULTIPLY, "*", r"\*"),
    ((DI,), Kind.DIVIDE, "/", r"/"),
    ((DI,), Kind.MODULUS, "%", r"%"),
    ((DI,), Kind.AND, "&a", r"&&|and"),
    ((DI,), Kind.OR, "|o", r"\|\||or"),
    ((DI,), Kind.LT, "<l", r"<|lt"),
    ((DI,), Kind.LE, "<l", r"<=|le"),
    ((DI,), Kind.GT, ">g", r">|gt"),
    ((DI,), Kind.GE, ">g", r">=|ge"),
    ((DI,), Kind.EQ, "=e", r"==|eq"),
    ((DI,), Kind.NE, "!n", r"!=|ne"),
    ((DI,), Kind.NOT, "!n", r"!|not"),
    ((DI,), Kind.EQUALS, "=", r"="),
    ((PD,), Kind.END, "e{", rf"(?:end|\{{end\}})(?:[ \t]*{_NEWLINE})?"),
    ((PD,), Kind.IF, "i{", r"if|\{if\}"),
    ((PD,), Kind.ELSEIF, "e{", r"elseif|\{elseif\}"),
    ((PD,), Kind.ELSE, "e{", rf"(?:else|\{{else\}})(?:[ \t]*{_NEWLINE})?"),
    (_LITERALS, Kind.INTEGER, "-" + _DIGITS, r"-?[0-9]+(?:\.\.)?"),
    (
        _LITERALS,
        Kind.FLOAT,
        "-." + _DIGITS,
        r"-?(?:[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)",
    ),
    ((PD, DI), Kind.WORD, "_@" + _LETTERS, r"[a-zA-Z_@][a-zA-Z0-9_]*"),
    ((PD, DI), Kind.BRACKETED_WORD, "{", r"\{[a-zA-Z_@][a-zA-Z0-9_]*\}"),
    ((R, RM, R2), Kind.IDENTIFIER, "_" + _LETTERS, r"[a-zA-Z_][a-zA-Z0-9_-]*"),
    ((R, RM, R2), Kind.DOT, ".", r"\.[a-zA-Z]"),
    ((R, RM), Kind.LCURLY, "{", r"\{"),
    ((R, RM), Kind.RCURLY, "}", r"\}"),
    ((R, RM), Kind.REFERENCE_END, _ANY, r"(?s:.)"),
    ((PD,), Kind.DIRECTIVE_END, _ANY, r"(?s:.)"),
)

_Rules = tuple[tuple[Kind, Callable[[str, int], "re.Match[str] | None"]], ...]
_RULES: dict[State, list[tuple[Kind, str | None, Callable[[str, int], re.Match[str] | None]]]] = {s: [] for s in State}
for _states, _kind, _firsts, _expression in _TABLE:
    for _state in _states:
        _RULES[_state].append((_kind, _firsts, re.compile(_expression).match))
_BY_CHAR: dict[State, dict[str, _Rules]] = {s: {} for s in State}
_COMMON_CHARS = frozenset(map(chr, range(128)))


def _rules(state: State, char: str) -> _Rules:
    """The rules of a state that can match text beginning with a character."""
    known = _BY_CHAR[state].get(char)
    if known is None:
        known = tuple((kind, match) for kind, firsts, match in _RULES[state] if firsts is None or char in firsts)
        if char in _COMMON_CHARS:
            _BY_CHAR[state][char] = known
    return known


def _special_text(image: str) -> str:
    """What is printed of text that was read as the beginning of a reference or directive, but is none."""
    kept: list[str] = []
    at = 0
    while at < len(image):
        char = image[at]
        if char in "#$":
            kept.append(char)
        elif char == "\\":
            end = at
            while end < len(image) and image[end] == "\\":
                end += 1
            if end < len(image) and image[end] == "$":
                kept.append(image[at : end + 1])
                at = end + 1
        at += 1
    return "".join(kept)


class Lexer:
    """The tokens of a text, one at a time. `state` may be changed by the parser between two tokens."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.offset = 0
        self.state = State.DEFAULT
        self.in_set = False
        self._stack: list[tuple[State, int, int]] = []
        self._open = 0
        self._closed = 0

    def push(self, state: State) -> None:
        self._stack.append((self.state, self._open, self._closed))
        self._open = self._closed = 0
        self.state = state

    def pop(self) -> bool:
        if not self._stack:
            self.state, self._open, self._closed = State.DEFAULT, 0, 0
            return False
        self.state, self._open, self._closed = self._stack.pop()
        return True

    def followed_by_parenthesis(self) -> bool:
        """Whether `(` follows, with nothing but blanks before it."""
        source, at = self.source, self.offset
        while at < len(source) and source[at] in " \t\r\n":
            at += 1
        return at < len(source) and source[at] == "("

    def next(self) -> Token:
        """The next token. Raises TemplateSyntaxError where no token can begin."""
        source = self.source
        size = len(source)
        start = self.offset
        special = ""
        while True:
            at = self.offset
            if at >= size:
                if start < size:
                    raise TemplateSyntaxError.at("Lexical error: the template ends here", source, size)
                return Token(Kind.EOF, "", special, size, size)
            best, end = self._longest(at)
            self.offset = end
            match best:
                case Kind.DOLLAR | Kind.HASH | Kind.TEXTBLOCK_OPEN | Kind.FORMAL_OPEN | Kind.COMMENT_OPEN:
                    self._begin(best)
                case Kind.KEPT:
                    pass
                case Kind.SKIPPED:
                    start = end
                case Kind.REFERENCE_END | Kind.DIRECTIVE_END:
                    self.offset = end - 1
                    special += _special_text(source[start:end])
                    self.pop()
                    start = self.offset
                case _:
                    end = self._finish(best, end)
                    # The engine forgets what stood before the dot.
                    image = "." if best is Kind.DOT else source[start:end]
                    return Token(best, image, special, start, end)

    def _longest(self, at: int) -> tuple[Kind, int]:
        source = self.source
        best: Kind | None = None
        end = at
        for kind, matcher in _rules(self.state, source[at]):
            found = matcher(source, at)
            if found is not None and found.end() > end:
                best, end = kind, found.end()
        if best is None:
            raise TemplateSyntaxError.at(f'Lexical error: unexpected "{source[at]}"', source, at)
        return best, end

    def _begin(self, kind: Kind) -> None:
        """Text that belongs to the token that follows it."""
        if self.state in (State.LINE_COMMENT, State.COMMENT):
            return
        match kind:
            case Kind.DOLLAR:
                if self.state is State.REFERENCE:
                    self.pop()
                self.push(State.REFERENCE)
            case Kind.HASH:
                if self.state in (State.REFERENCE, State.REFMODIFIER):
                    self.pop()
                self.push(State.PRE_DIRECTIVE)
            case _:
                if kind is Kind.FORMAL_OPEN:
                    self.offset -= 1
                self.push(State.TEXTBLOCK if kind is Kind.TEXTBLOCK_OPEN else State.COMMENT)

    def _finish(self, kind: Kind, end: int) -> int:
        """Move to the state that follows a token; returns where the token ends."""
        match kind:
            case Kind.INDEX_OPEN:
                self.push(State.REFINDEX)
            case Kind.INDEX_CLOSE | Kind.RCURLY | Kind.END | Kind.ELSE:
                self.pop()
            case Kind.LPAREN:
                self._open += 1
                if self.state is State.REFMODIFIER:
                    self.state = State.REFMOD2
            case Kind.RPAREN:
                self._close()
            case Kind.METHOD_CLOSE:
                self.state = State.REFERENCE
            case Kind.SET:
                self.push(State.DIRECTIVE)
                self.in_set = True
                self._open += 1
            case Kind.LINE_COMMENT_OPEN:
                if self.state is State.REFERENCE:
                    self.pop()
                self.push(State.LINE_COMMENT)
            case Kind.LINE_COMMENT | Kind.COMMENT | Kind.TEXTBLOCK:
                self.pop()
            case Kind.STRING:
                if self.state is State.DIRECTIVE and not self.in_set and self._open == 0:
                    self.pop()
            case Kind.INTEGER | Kind.FLOAT:
                if self.source.startswith("..", end - 2) and kind is Kind.INTEGER:
                    end -= 2
                    self.offset = end
                if self._open == 0 and not self.in_set and self.state not in (State.REFMOD2, State.REFINDEX):
                    self.pop()
            case Kind.IF | Kind.ELSEIF:
                self.state = State.DIRECTIVE
            case Kind.DOT:
                end -= 1
                self.offset = end
                self.state = State.REFMODIFIER
            case _:
                pass
        return end

    def _close(self) -> None:
        """A parenthesis closes the innermost state that has an open one."""
        while True:
            if self._open > 0:
                if self._open == self._closed + 1:
                    self.pop()
                else:
                    self._closed += 1
                return
            if not self.pop():
                return
