"""Tokens to a tree: references, literals and operators."""

from __future__ import annotations

import re

from stategate.lang.vtl.errors import TemplateSyntaxError
from stategate.lang.vtl.lexer import Kind, Lexer, Token
from stategate.lang.vtl.tree import (
    Bare,
    Binary,
    Block,
    Call,
    Constant,
    Expression,
    Index,
    Interpolated,
    ListLiteral,
    Macro,
    MapLiteral,
    Not,
    Part,
    Property,
    RangeLiteral,
    Reference,
    Word,
)

MAX_OPERATORS = 100  # in one expression; each is a level of the tree
MAX_DIGITS = 1000  # of one number
MAX_DEPTH = 50  # nesting of blocks, parentheses, brackets and strings

_UNICODE_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_LEVELS: tuple[dict[Kind, str], ...] = (
    {Kind.OR: "||"},
    {Kind.AND: "&&"},
    {Kind.EQ: "==", Kind.NE: "!="},
    {Kind.LT: "<", Kind.LE: "<=", Kind.GT: ">", Kind.GE: ">="},
    {Kind.PLUS: "+", Kind.MINUS: "-"},
    {Kind.MULTIPLY: "*", Kind.DIVIDE: "/", Kind.MODULUS: "%"},
)
_BINDING = {kind: (level, text) for level, kinds in enumerate(_LEVELS) for kind, text in kinds.items()}


class ExpressionParser:
    """The expressions of a template, and the tokens it reads them from.

    A string with references in it is a template of its own: `outermost` and `base` then tell where it stands.
    """

    def __init__(
        self,
        source: str,
        macros: dict[str, Macro],
        known_macros: frozenset[str],
        depth: int = 0,
        outermost: str | None = None,
        base: int | None = None,
    ) -> None:
        self.lexer = Lexer(source)
        self.macros = macros
        self.known_macros = known_macros
        self.named: set[str] = set()
        self.depth = depth
        self.outermost = source if outermost is None else outermost
        self.base = base
        self.tokens: list[Token] = []
        self._ahead: list[Token] = []

    # -- tokens

    def peek(self, distance: int = 0) -> Token:
        while len(self._ahead) <= distance:
            try:
                token = self.lexer.next()
            except TemplateSyntaxError as error:
                if self.base is None:
                    raise
                raise TemplateSyntaxError.at(f"In a string: {error.message}", self.outermost, self.base) from None
            if self.base is not None:
                token.start = token.end = self.base
            self._ahead.append(token)
        return self._ahead[distance]

    def take(self) -> Token:
        token = self._ahead.pop(0) if self._ahead else self.peek() and self._ahead.pop(0)
        self.tokens.append(token)
        return token

    def expect(self, kind: Kind) -> Token:
        if self.peek().kind is not kind:
            raise self.unexpected(self.peek())
        return self.take()

    def blanks(self) -> None:
        if self.peek().kind is Kind.WHITESPACE:
            self.take()

    def literal(self, first: int) -> str:
        """The text of the tokens taken since the one numbered `first`."""
        return "".join([token.literal for token in self.tokens[first:]])

    def images(self, first: int) -> str:
        """The same without the text that no token is made of."""
        return "".join([token.image for token in self.tokens[first:]])

    def error(self, message: str, token: Token) -> TemplateSyntaxError:
        return TemplateSyntaxError.at(message, self.outermost, token.start)

    def unexpected(self, token: Token) -> TemplateSyntaxError:
        if token.kind is Kind.EOF:
            return self.error("The template ends where more is expected (a missing #end or parenthesis?)", token)
        shown = token.image.rstrip("\r\n")[:60]
        return self.error(f'Encountered "{shown}"', token)

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error("The template is nested too deeply", self.peek())

    def leave(self) -> None:
        self.depth -= 1

    def nested(self, source: str, at: int) -> Block:
        """Parse the template inside a string."""
        raise NotImplementedError

    # -- references

    def reference(self) -> Reference | Bare:
        """`$a.b`, `${a.b}`, with what the lexer glued to it."""
        first = self.expect_any(Kind.IDENTIFIER, Kind.LCURLY)
        number = len(self.tokens) - 1
        formal = first.kind is Kind.LCURLY
        root = self.expect(Kind.IDENTIFIER).image if formal else ""
        self.enter()
        parts: list[Part] = []
        self._indexes(parts)
        while self.peek().kind is Kind.DOT and self.peek(1).kind is Kind.IDENTIFIER:
            self.take()
            parts.append(self._part())
            self._indexes(parts)
        if formal:
            self.expect(Kind.RCURLY)
        self.leave()
        return self._shaped(first, root, tuple(parts), number)

    def expect_any(self, *kinds: Kind) -> Token:
        if self.peek().kind not in kinds:
            raise self.unexpected(self.peek())
        return self.take()

    def _shaped(self, first: Token, root: str, parts: tuple[Part, ...], number: int) -> Reference | Bare:
        image = first.image
        rest = self.literal(number + 1)
        if "\\!" in image and "$" in image:
            return _slashbang(image, rest, parts, first.start)
        stripped = image.lstrip("\\")
        slashes = len(image) - len(stripped)
        dollar = stripped.rfind("$")
        if dollar < 0:
            return Bare(image, first.start)
        prefix, start = stripped[: max(dollar, 0)], stripped[dollar:]
        escaped = slashes % 2 == 1
        quiet = start.startswith("$!")
        literal = start + rest
        if not root:
            root = start[2:] if quiet else start[1:]
        # The literal of a first token with special text in front keeps that text.
        return Reference(
            root=root,
            parts=parts,
            literal=literal,
            unset="" if quiet and not escaped else first.special + literal,
            prefix=prefix,
            escapes="\\" * (slashes // 2),
            escaped=escaped,
            at=first.start,
        )

    def _part(self) -> Part:
        name = self.take()
        if self.peek().kind is not Kind.LPAREN or not self._starts_argument(self.peek(1).kind):
            return Property(name.image, name.start)
        self.take()
        arguments: list[Expression] = []
        if self.peek().kind is not Kind.METHOD_CLOSE:
            arguments.append(self.parameter())
            while self.peek().kind is Kind.COMMA:
                self.take()
                arguments.append(self.parameter())
        self.expect(Kind.METHOD_CLOSE)
        return Call(name.image, tuple(arguments), name.start)

    def _starts_argument(self, kind: Kind) -> bool:
        return kind in _ARGUMENT_STARTS or kind is Kind.METHOD_CLOSE

    def _indexes(self, parts: list[Part]) -> None:
        while self.peek().kind is Kind.INDEX_OPEN:
            at = self.take().start
            self.blanks()
            if self.peek().kind not in _INDEX_STARTS:
                raise self.unexpected(self.peek())
            key = self.operand()
            self.blanks()
            self.expect(Kind.INDEX_CLOSE)
            parts.append(Index(key, at))

    # -- operands

    def parameter(self) -> Expression:
        """A method's argument, or a member of a list or map."""
        self.blanks()
        found = self.operand()
        self.blanks()
        return found

    def directive_argument(self) -> Expression:
        token = self.peek()
        if token.kind is Kind.WORD:
            self.take()
            return Word(token.image, token.literal, token.start)
        return self.operand()

    def operand(self) -> Expression:
        """A literal or a reference."""
        token = self.peek()
        match token.kind:
            case Kind.STRING:
                return self._string(self.take())
            case Kind.INTEGER | Kind.FLOAT:
                return self._number(self.take())
            case Kind.TRUE | Kind.FALSE:
                self.take()
                return Constant(token.kind is Kind.TRUE, token.literal, token.start)
            case Kind.IDENTIFIER:
                return self.reference()
            case Kind.LCURLY if self.peek(1).kind is Kind.IDENTIFIER:
                return self.reference()
            case Kind.LBRACKET:
                return self._brackets()
            case Kind.LEFT_CURLY | Kind.LCURLY:
                return self._map()
            case _:
                raise self.unexpected(token)

    def _number(self, token: Token) -> Expression:
        if len(token.image) > MAX_DIGITS:
            raise self.error(f"A number of more than {MAX_DIGITS} digits", token)
        try:
            value = int(token.image) if token.kind is Kind.INTEGER else float(token.image)
        except ValueError:
            # The lexer glued a `#` or `$` to it.
            raise self.unexpected(token) from None
        return Constant(value, token.literal, token.start)

    def _string(self, token: Token) -> Expression:
        image = token.image
        quote, text = image[0], image[1:-1]
        live = quote == '"' and ("$" in text or "#" in text)
        if quote == '"':
            text = _UNICODE_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
        text = text.replace(quote * 2, quote)
        if not live:
            return Constant(text, token.literal, token.start)
        # The lexer needs a character after a reference; a line comment would swallow it.
        padded = "##" not in text
        self.enter()
        body = self.nested(text + " " if padded else text, token.start)
        self.leave()
        return Interpolated(body, padded, token.literal, token.start)

    def _brackets(self) -> Expression:
        token = self.take()
        number = len(self.tokens) - 1
        self.enter()
        items: list[Expression] = []
        self.blanks()
        if self.peek().kind is not Kind.RBRACKET:
            items.append(self.parameter())
            if self.peek().kind is Kind.DOUBLEDOT and isinstance(items[0], Reference | Constant):
                self.take()
                self.blanks()
                items.append(self.operand())
                self.blanks()
                self.expect(Kind.RBRACKET)
                self.leave()
                return RangeLiteral(items[0], items[1], self.literal(number), token.start)
            while self.peek().kind is Kind.COMMA:
                self.take()
                items.append(self.parameter())
        elif self.tokens[-1].kind is Kind.WHITESPACE:
            raise self.unexpected(self.peek())
        self.expect(Kind.RBRACKET)
        self.leave()
        return ListLiteral(tuple(items), self.literal(number), token.start)

    def _map(self) -> Expression:
        token = self.take()
        number = len(self.tokens) - 1
        self.enter()
        pairs: list[tuple[Expression, Expression]] = []
        self.blanks()
        if self.peek().kind not in (Kind.RIGHT_CURLY, Kind.RCURLY):
            pairs.append(self._pair())
            while self.peek().kind is Kind.COMMA:
                self.take()
                pairs.append(self._pair())
        self.expect_any(Kind.RIGHT_CURLY, Kind.RCURLY)
        self.leave()
        return MapLiteral(tuple(pairs), self.literal(number), token.start)

    def _pair(self) -> tuple[Expression, Expression]:
        key = self.parameter()
        self.expect(Kind.COLON)
        return key, self.parameter()

    # -- operators

    def expression(self, level: int = 0) -> Expression:
        """Operators by precedence, all of them left-associative."""
        left = self._unary()
        operators = 0
        while True:
            binding = _BINDING.get(self.peek().kind)
            if binding is None or binding[0] < level:
                return left
            token = self.take()
            operators += 1
            if operators > MAX_OPERATORS:
                raise self.error("The expression is nested too deeply: it has too many operators", token)
            number = len(self.tokens)
            right = self.expression(binding[0] + 1)
            # The engine's text of an operation is that of its right side.
            left = Binary(binding[1], left, right, self.literal(number), token.start)

    def _unary(self) -> Expression:
        number = len(self.tokens)
        self.blanks()
        token = self.peek()
        self.enter()
        found: Expression
        match token.kind:
            case Kind.NOT:
                self.take()
                found = Not(self._unary(), self.literal(number), token.start)
            case Kind.LPAREN:
                self.take()
                found = self.expression()
                self.expect(Kind.RPAREN)
                self.blanks()
            case _:
                found = self.operand()
                self.blanks()
        self.leave()
        return found


_INDEX_STARTS = frozenset({Kind.STRING, Kind.INTEGER, Kind.TRUE, Kind.FALSE, Kind.IDENTIFIER, Kind.LCURLY})
_ARGUMENT_STARTS = frozenset(
    {
        Kind.STRING,
        Kind.INTEGER,
        Kind.FLOAT,
        Kind.TRUE,
        Kind.FALSE,
        Kind.IDENTIFIER,
        Kind.LCURLY,
        Kind.LEFT_CURLY,
        Kind.LBRACKET,
        Kind.WHITESPACE,
    }
)


def _slashbang(image: str, rest: str, parts: tuple[Part, ...], at: int) -> Reference:
    """`$\\!a` is no reference: one backslash goes, the rest is text, and it has no value."""
    start = image.find("\\", image.index("$"))
    text = image[:start] + image[start + 1 :]
    return Reference(
        root=text, parts=parts, literal=image + rest, unset=text, prefix="", escapes="", escaped=False, at=at
    )
