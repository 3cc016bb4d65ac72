"""A call with constant arguments is bound when the template is compiled: it must give what any other call gives."""

from __future__ import annotations

import pytest

from stategate.lang.vtl import ListValue, TemplateRenderError, compile

VALUES = {
    "s": "it's a/b \\'x\\' aaa",
    "l": ListValue(["a", "b"]),
    "j": ["a", {"b": 1}],
    "m": {"a": 1},
    "n": 3,
    "f": 2.5,
    "t": True,
    "u": None,
}


@pytest.mark.parametrize("holder", VALUES)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("replaceAll", ["\\'", "'"]),
        ("replaceAll", ["a", "bb"]),
        ("replaceAll", ["", "-"]),
        ("replaceAll", ["a", "$0$0"]),
        ("replaceAll", ["[a-z]", ""]),
        ("replaceAll", ["\\'", ""]),
        ("replaceAll", ["a", "b", "c"]),
        ("replaceAll", [1, "b"]),
        ("replaceFirst", ["a", ""]),
        ("indexOf", ["a"]),
        ("indexOf", [97]),
        ("get", [0]),
        ("get", ["a"]),
        ("contains", ["a"]),
        ("equals", [3]),
        ("compareTo", [2]),
        ("size", []),
        ("toString", []),
        ("join", ["-", 1, 2]),
        ("nothing", ["a"]),
    ],
)
def test_constant_arguments_are_bound_alike(holder: str, name: str, arguments: list[object]) -> None:
    def shown(argument: object) -> str:
        return "'" + argument.replace("'", "''") + "'" if isinstance(argument, str) else str(argument)

    constant = f"${holder}.{name}({', '.join(map(shown, arguments))})"
    variable = f"${holder}.{name}({', '.join(f'$a{at}' for at in range(len(arguments)))})"
    given = {**VALUES, **{f"a{at}": argument for at, argument in enumerate(arguments)}}
    outcomes = []
    for source in (constant, variable):
        try:
            outcomes.append(compile(source).render(given))
        except TemplateRenderError as error:
            outcomes.append(error.message)
    assert outcomes[0] == outcomes[1]


def test_a_bound_replacement_spares_nothing_of_the_limits() -> None:
    template = compile("#set($x = $s.replaceAll('a', 'b'))" * 200)
    with pytest.raises(TemplateRenderError, match="steps"):
        template.render({"s": "a" * 4_000_000})
    with pytest.raises(TemplateRenderError, match=r"characters|too long"):
        compile("$s.replaceAll('a', 'bbbb')").render({"s": "a" * 4_000_000})
