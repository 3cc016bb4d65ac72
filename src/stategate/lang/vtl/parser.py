"""Tokens to a tree: the statements. Expressions and references are in `expressions`."""

from __future__ import annotations

from stategate.lang.vtl.errors import TemplateSyntaxError
from stategate.lang.vtl.expressions import ExpressionParser
from stategate.lang.vtl.lexer import Kind, State, Token
from stategate.lang.vtl.tree import (
    Block,
    Break,
    Constant,
    Define,
    Evaluate,
    Expression,
    Foreach,
    If,
    Include,
    Interpolated,
    Macro,
    MacroCall,
    Parsed,
    Reference,
    Set,
    Statement,
    Stop,
    Text,
    Word,
)

_BLOCK_DIRECTIVES = frozenset({"foreach", "macro", "literal", "define"})
_LINE_DIRECTIVES = frozenset({"include", "parse", "evaluate", "break", "stop"})
_DIRECTIVES = _BLOCK_DIRECTIVES | _LINE_DIRECTIVES
_CONTROL = frozenset({"if", "end", "set", "else", "elseif"})
_TEXT = frozenset(
    {
        Kind.TEXT,
        Kind.NO_REFERENCE,
        Kind.DOT,
        Kind.RPAREN,
        Kind.LPAREN,
        Kind.INTEGER,
        Kind.FLOAT,
        Kind.STRING,
        Kind.ESCAPE,
        Kind.LCURLY,
        Kind.RCURLY,
    }
)


def parse(source: str, known_macros: frozenset[str] = frozenset()) -> Parsed:
    """Parse a template. Raises TemplateSyntaxError."""
    parser = Parser(source, {}, known_macros)
    try:
        body = parser.template()
    except RecursionError:
        raise TemplateSyntaxError.at("The template is nested too deeply", source, parser.lexer.offset) from None
    return Parsed(source, body, parser.macros)


class Parser(ExpressionParser):
    """The statements of a template."""

    def template(self) -> Block:
        """The whole text."""
        statements = self._statements()
        token = self.peek()
        if token.kind is not Kind.EOF:
            raise self.unexpected(token)
        return Block(statements)

    def nested(self, source: str, at: int) -> Block:
        return Parser(source, self.macros, self.known_macros, self.depth + 1, self.outermost, at).template()

    def _statements(self) -> tuple[Statement, ...]:
        self.enter()
        found: list[Statement] = []
        text: list[str] = []
        while True:
            kind = self.peek().kind
            if kind in (Kind.END, Kind.ELSE, Kind.ELSEIF, Kind.EOF):
                break
            statement = self._statement(kind)
            match statement:
                case None:
                    continue
                case str():
                    text.append(statement)
                    continue
                case _:
                    if text:
                        found.append(Text("".join(text)))
                        text.clear()
                    found.append(statement)
        if text:
            found.append(Text("".join(text)))
        self.leave()
        return tuple(found)

    def _statement(self, kind: Kind) -> Statement | str | None:
        """One statement; a str is text, None prints nothing."""
        match kind:
            case Kind.IDENTIFIER:
                return self.reference()
            case Kind.LCURLY if self.peek(1).kind is Kind.IDENTIFIER:
                return self.reference()
            case _ if kind in _TEXT:
                return self.take().literal
            case Kind.IF:
                return self._if()
            case Kind.SET:
                return self._set()
            case Kind.WORD | Kind.BRACKETED_WORD:
                return self._directive()
            case Kind.LINE_COMMENT_OPEN | Kind.COMMENT:
                return self._comment()
            case Kind.LINE_COMMENT:
                raise self.unexpected(self.peek())
            case Kind.TEXTBLOCK:
                return self.take().image[3:-3]
            case Kind.ESCAPE_DIRECTIVE:
                return self._escaped_directive(self.take().image)
            case Kind.DOUBLE_ESCAPE:
                return self._escape()
            case _:
                raise self.unexpected(self.peek())

    def _comment(self) -> str:
        image = self.take().image
        if self.tokens[-1].kind is Kind.LINE_COMMENT_OPEN and self.peek().kind is Kind.LINE_COMMENT:
            self.take()
        starts = [at for at in (image.find("##"), image.find("#*")) if at >= 0]
        return image[: starts[0]] if starts else ""

    def _is_macro(self, name: str) -> bool:
        # The engine reads strings after the template: what they define is not known to the text around them.
        return name in self.known_macros or name in (self.named if self.base is None else self.macros)

    def _escaped_directive(self, image: str) -> str:
        last = image.rindex("\\")
        directive = image[last + 1 :]
        name = directive[1:].removeprefix("{").removesuffix("}")
        if name in _DIRECTIVES or name in _CONTROL or self._is_macro(name):
            return image[: last // 2] + directive if last // 2 else directive
        return image

    def _escape(self) -> str:
        count = 0
        while self.peek().kind is Kind.DOUBLE_ESCAPE:
            self.take()
            count += 1
        following = self.peek()
        name = following.image[1:]
        control = (
            following.kind in (Kind.IF, Kind.ELSE, Kind.ELSEIF, Kind.END) or name in _DIRECTIVES or self._is_macro(name)
        )
        return ("\\" if control else "\\\\") * count

    # -- control structures

    def _if(self) -> If:
        branches: list[tuple[Expression, Block]] = []
        otherwise: Block | None = None
        self.take()
        branches.append((self._condition(), Block(self._statements())))
        while self.peek().kind is Kind.ELSEIF:
            self.take()
            branches.append((self._condition(), Block(self._statements())))
        if self.peek().kind is Kind.ELSE:
            self.take()
            otherwise = Block(self._statements())
        self.expect(Kind.END)
        return If(tuple(branches), otherwise)

    def _condition(self) -> Expression:
        self.blanks()
        self.expect(Kind.LPAREN)
        condition = self.expression()
        self.expect(Kind.RPAREN)
        return condition

    def _set(self) -> Set:
        at = self.take().start
        self.blanks()
        target = self.reference()
        self.blanks()
        self.expect(Kind.EQUALS)
        value = self.expression()
        self.expect(Kind.RPAREN)
        self.lexer.in_set = False
        return Set(target, value, at)

    # -- directives with a name

    def _directive(self) -> Statement | str | None:
        token = self.take()
        first = len(self.tokens) - 1
        name = token.image[2:-1] if token.kind is Kind.BRACKETED_WORD else token.image[1:]
        self.lexer.state = State.DIRECTIVE
        arguments: tuple[Expression, ...] = ()
        if self.lexer.followed_by_parenthesis():
            arguments = self._directive_arguments()
        else:
            self.lexer.pop()
        self._check_words(name, arguments)
        if name in _LINE_DIRECTIVES:
            return self._line_directive(name, arguments, token)
        if name not in _BLOCK_DIRECTIVES and not name.startswith("@"):
            return MacroCall(name, arguments, None, token.special + self.images(first), token.start)
        inside = len(self.tokens)
        body = Block(self._statements())
        inner = self.literal(inside) if name == "literal" else ""
        self.expect(Kind.END)
        if name.startswith("@"):
            return MacroCall(name[1:], arguments, body, token.special + self.images(first), token.start)
        return self._block_directive(name, arguments, body, inner, token)

    def _directive_arguments(self) -> tuple[Expression, ...]:
        self.blanks()
        self.expect(Kind.LPAREN)
        arguments: list[Expression] = []
        while True:
            self.blanks()
            if self.peek().kind is Kind.RPAREN:
                break
            if self.peek().kind is Kind.COMMA:
                self.take()
                self.blanks()
            arguments.append(self.directive_argument())
        self.expect(Kind.RPAREN)
        return tuple(arguments)

    def _check_words(self, name: str, arguments: tuple[Expression, ...]) -> None:
        """A bare word is `in` of a #foreach or the name of a #macro, or for the macro that is called to refuse."""
        if name not in _DIRECTIVES:
            return
        allowed = {"foreach": 1, "macro": 0}.get(name)
        for number, argument in enumerate(arguments):
            if isinstance(argument, Word) and number != allowed:
                message = f"Invalid argument '{argument.text}' of #{name}"
                raise TemplateSyntaxError.at(message, self.outermost, argument.at)

    def _line_directive(self, name: str, arguments: tuple[Expression, ...], token: Token) -> Statement:
        match name:
            case "stop":
                return Stop(token.start)
            case "break":
                return Break(arguments[0] if arguments else None, token.start)
            case "evaluate":
                if len(arguments) != 1 or not self._is_text(arguments[0]):
                    raise self.error("#evaluate takes one argument: a string or a reference", token)
                return Evaluate(arguments[0], token.start)
            case _:
                return Include(name, token.start)

    def _is_text(self, argument: Expression) -> bool:
        match argument:
            case Reference() | Interpolated():
                return True
            case Constant():
                return isinstance(argument.value, str)
            case _:
                return False

    def _block_directive(
        self, name: str, arguments: tuple[Expression, ...], body: Block, inner: str, token: Token
    ) -> Statement | str | None:
        match name, arguments:
            case "foreach", (Reference(root=variable), Word(text="in"), values, *_):
                return Foreach(variable, values, body, token.start)
            case "foreach", _:
                raise self.error("#foreach takes ($variable in values)", token)
            case "define", (Reference(name=variable),):
                return Define(variable, body, token.start)
            case "define", _:
                raise self.error("#define takes one reference", token)
            case "macro", (Word(text=macro), *parameters):
                self._define_macro(macro, parameters, body, token)
                return None
            case "macro", _:
                raise self.error("#macro takes a name and references", token)
            case _:
                return inner

    def _define_macro(self, name: str, parameters: list[Expression], body: Block, token: Token) -> None:
        names: list[str] = []
        for parameter in parameters:
            # What is no plain reference takes an argument and gives it no name.
            named = parameter.name if isinstance(parameter, Reference) else None
            names.append(named or f"{len(names)} of {name}")
        self.named.add(name)
        # The first definition of a name stays.
        self.macros.setdefault(name, Macro(name, tuple(names), body, token.start))
