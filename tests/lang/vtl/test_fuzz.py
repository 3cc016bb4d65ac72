"""Whatever the text: a template or a TemplateSyntaxError with a place; a rendering or a TemplateRenderError."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from lang.vtl.generator import BODY, PARAMS, VARS, Generator
from lang.vtl.support import references
from stategate.lang.vtl import TemplateRenderError, TemplateSyntaxError, compile

PIECES = st.sampled_from(
    [
        *(
            "$",
            "#",
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            "!",
            "\\",
            '"',
            "'",
            ".",
            ",",
            "..",
            "=",
            "-",
            "1",
            "2.5",
            "\n",
            "\r",
        ),
        *("a", "$a", "${a", "$!{", "#if", "#set", "#foreach", "#end", "#else", "#macro", "#define", "#evaluate", "#@a"),
        *("##", "#*", "*#", "#[[", "]]#", "true", " in ", "and", "&&", "==", "'x'", '"$a"', ".size()", "[0]", "\u2028"),
        *(
            "\r",
            "\x00",
            "\ud800",
            "\U0001f600",
            "é",
            "9" * 40,
            "1e999",
            ":",
            "+",
            "/",
            "%",
            "<",
            "not",
            "$x.split('a')",
        ),
    ]
)


def _try(source: str) -> None:
    started = time.process_time()
    try:
        template = compile(source)
    except TemplateSyntaxError as error:
        assert error.line >= 1
        assert error.column >= 1
        return
    try:
        template.render(references({"body": BODY, "vars": VARS, "params": PARAMS}))
    except TemplateRenderError as error:
        assert error.line >= 1
    assert time.process_time() - started < 20


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=40))
def test_any_text_is_read_or_refused(source: str) -> None:
    _try(source)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10**9), st.integers(0, 300), st.sampled_from(["", "(", '"', "#end", "$", "#", "{", "\\", "]", "#*"])
)
def test_a_template_that_is_cut_or_disturbed(seed: int, at: int, piece: str) -> None:
    source = Generator(seed).template()
    _try(source[:at] + piece + source[at + 1 :])
    _try(source[:at])
