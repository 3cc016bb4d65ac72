"""Generated templates: the same text, or an error in both, as Velocity 1.7 itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lang.vtl.support import ask, references
from stategate.lang.vtl import TemplateError, compile

BODY = '{"a":1}'
VARS: dict[str, Any] = {
    "n": 7,
    "s": "Hello",
    "l": ["x", "y"],
    "m": {"a": 1, "b": {"c": [1, "t"]}},
    "t": True,
    "u": None,
}
NAMES = [
    *("n", "s", "l", "m", "t", "u", "v", "w", "q", "d", "foo.bar", "m.a", "l.size()", "s.length()", "m.b.c", "m['a']"),
    *("l[0]", "l[1]", "l[-1]", "m.get('b').c", "s.substring(1)", "foreach.index", "foreach.parent.count", "u.x"),
    *("velocityCount", "s.replaceAll('l+','<$0>')", "m.keySet()", "s.toUpperCase()"),
]
LITERALS = [
    *("1", "0", "-3", "2.5", "'a'", '"b"', '"x$s y"', "true", "false", "[1,2,'z']", "{'k':'v'}", "[1..3]", "'it''s'"),
    *('"#if($t)q#end$n"', "[]", "{}", "10", "'$n'", '"a""b"', "3000000000", "9223372036854775807", '"\\u0041"'),
]
OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", ">", "<=", ">=", "&&", "||", "and", "or", "eq"]
# Not a space-separated list: blanks and line ends are what is being tested.
TEXTS = [
    *("a", " ", "\n", "  \n", "x y", "\t", "\\", "\\\\", "$", "#", "!", "{", "}", "(", ")", "[", "]", ".", "..", "-"),
    *("'", '"', "1", "#x", "$ ", "# ", "$!", "##c\n", "#* c *#", "#[[ $n #if ]]#", "$.a", "$[0]", "\r\n", ",", "#foo"),
    *(
        "#foo()",
        "\\$n",
        "\\\\$n",
        "\\#if",
        "\\\\#if($t)z#end",
        "\\$zz",
        "é",
        "$5.00",
        "a@b.c",
        "#1",
        "#{",
        "${",
        "$\\!n",
    ),
    *(
        "${",
        "$\\!n",
        "#hi($n)",
        "#hi('a' $u)",
        '#hi("x$s")',
        "#hi()",
        "$d",
        "#@wrap()b$n#end",
        "#hi($u.x)",
        "#break",
        "#stop",
    ),
]
FORMS = st.sampled_from(["$%s", "$!%s", "${%s}", "$!{%s}"])
REFERENCE = st.builds(lambda form, name: form % name, FORMS, st.sampled_from(NAMES))
EXPRESSION = st.recursive(
    REFERENCE | st.sampled_from(LITERALS),
    lambda inner: st.builds(
        lambda form, left, operator, right: form.format(left, operator, right),
        st.sampled_from(["{0} {1} {2}", "({0}) {1} {2}", "{0} {1} ({2})", "!{0}"]),
        inner,
        st.sampled_from(OPERATORS),
        inner,
    ),
    max_leaves=4,
)
TARGET = st.sampled_from(["$v = ", "$w=", " $v  =  ", "$m.z = ", "$m['y'] = ", "$l[0] = ", "$u.x = "])
END = st.sampled_from(["#end", "#end\n", "#{end}", "#end  \n"])
BREAK = st.sampled_from(["", "\n", " \n"])
SET = st.builds(lambda target, value, tail: f"#set({target}{value}){tail}", TARGET, EXPRESSION, BREAK)


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, max_size=4).map("".join)
    loop = st.sampled_from(["", "$i", "#break", "#if($foreach.hasNext),#end", "$foreach.count"])
    source = st.sampled_from(["$l", "$m", "[1..3]", "$u", "$s"]) | EXPRESSION
    macro = st.sampled_from(["hi $a", "hi $a $b", "wrap", "other"])
    used = st.sampled_from(["$a", "$b", "$!bodyContent", ""])
    evaluated = st.sampled_from(["'$n'", '"$s"', "$s", "'#set($v=1)'"])
    alternative = st.sampled_from(["#else\n", "#{else}", "#elseif($t)", "#elseif($v == 1)\n"])
    return st.one_of(
        st.builds(lambda test, tail, a, end: f"#if({test}){tail}{a}{end}", EXPRESSION, BREAK, body, END),
        st.builds(
            lambda test, a, other, b, end: f"#if({test}){a}{other}{b}{end}", EXPRESSION, body, alternative, body, END
        ),
        st.builds(lambda of, tail, a, last: f"#foreach($i in {of}){tail}{a}{last}#end", source, BREAK, body, loop),
        st.builds(lambda a: f"#define($d){a}#end", body),
        st.builds(lambda head, a, last: f"#macro({head}){a}{last}#end", macro, body, used),
        st.builds(lambda of: f"#evaluate({of})", evaluated),
    )


STATEMENT = st.recursive(st.sampled_from(TEXTS) | REFERENCE | SET, _blocks, max_leaves=8)
TEMPLATE = st.lists(STATEMENT, min_size=1, max_size=6).map("".join)


def _ours(template: str, *, silent: bool) -> dict[str, Any]:
    try:
        return {"out": compile(template).render(references({"body": BODY, "vars": VARS}), silent=silent)}
    except TemplateError:
        return {"error": True}


def _same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    if "error" in theirs:
        return "error" in ours
    # An object's address is nothing to compare.
    return ours == theirs or "Reference@" in theirs["out"]


@pytest.mark.shared
@pytest.mark.parametrize("mode", ["vtl", "vtl-aws"])
def test_generated_templates_render_as_velocity_does(mode: str) -> None:
    ask(mode, [])  # skips where there is no oracle
    # One process of the engine for a whole batch: collect first, then compare.
    templates: list[str] = []

    @settings(
        max_examples=600, phases=[Phase.generate], database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(TEMPLATE)
    def collect(template: str) -> None:
        templates.append(template)

    collect()
    answers = ask(mode, [{"template": template, "body": BODY, "vars": VARS} for template in templates])
    assert len(answers) == len(templates) >= 500
    assert sum("out" in answer for answer in answers) > 200
    wrong = [
        (template, ours, theirs)
        for template, theirs in zip(templates, answers, strict=True)
        if not _same(ours := _ours(template, silent=mode == "vtl-aws"), theirs)
    ]
    assert wrong == []
