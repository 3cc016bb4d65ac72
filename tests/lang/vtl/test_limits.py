"""No template hangs or fills the server, and none gets out of its language."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any, ClassVar

import pytest

from stategate.lang.vtl import (
    CallError,
    Exposed,
    TemplateRenderError,
    TemplateSyntaxError,
    compile,
)


def render(source: str, **references: Any) -> str:
    return compile(source).render(references)


GROWING = "#set($m = [])" + "#set($m = [$m, $m])" * 60
LISTS = "#set($a = [1..9000])#set($b = [1..9000])#set($c = 'x' )" + "#set($c = $c + $c)" * 16
LOOPS = "#foreach($i in [1..1000])#foreach($j in [1..1000])"
MANY = "$x" + " * $j" * 90


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("#foreach($i in [1..1001])x#end", "more than 1000 times"),
        ("#foreach($i in [1..1000])#foreach($j in [1..1000])#set($x = $j)#end#end", "steps"),
        ("#foreach($i in [1..99999999])x#end", "range"),
        ("#set($x = 'ab')" + '#set($x = "$x$x")' * 40, "characters"),
        ("#set($x = 'ab')" + "#set($x = $x + $x)" * 40, "characters"),
        ("#set($x = 'ab')" + "#set($x = $x.concat($x))" * 40, "characters"),
        ("#set($x = 'ab')" + "#set($x = $x.replace('a','aaaaaaaaaa'))" * 12, "characters"),
        ("#set($y='x')$y.repeat(2000000000)", "characters"),
        ("#set($x = 99999999)" + "#set($x = $x * $x)" * 40, "too large"),
        ("#set($l = ['abcdefgh'])" + "#set($l = [$l,$l,$l,$l])" * 20 + "$l", "characters"),
        ("#set($a = [])#set($b = [$a])#set($x = $a.add($b))$b", "too deeply"),
        ("#set($a = [])#set($b = [$a])#set($x = $a.add($b))$b.hashCode()", "nested too deeply"),
        (f"{GROWING}$m.hashCode()", "too many"),
        (f"{GROWING}$m.equals([[$m.get(0)], $m.get(1)])", "more than 2000000 steps"),
        (f"{GROWING}#if($m == [$m.get(0), $m.get(1)])x#end", "more than 2000000 steps"),
        (f"{LISTS}{LOOPS}#if($a == $b)#end#end#end", "steps"),
        (f"{LISTS}{LOOPS}#set($t = 'x' + $a)#end#end", "characters"),
        (f"{LISTS}{LOOPS}#set($t = $c.bytes)#end#end", "steps"),
        (f"{LISTS}{LOOPS}#set($t = $a.add(0, 1))#end#end", "steps"),
        (f"{LISTS}{LOOPS}#foreach($k in $a)#break#end#end#end", "steps"),
        (f"#set($x = 2)#foreach($i in [1..600])#set($x = $x * 2)#end{LOOPS}#set($y = {MANY})#end#end", "steps"),
        ("#set($l=[1..1000])#set($k=[])#foreach($i in $l)#set($q=$k.addAll([1..9999]))#end", "steps"),
        ("#set($l=[1..99999])#set($k=[])#foreach($i in [1..999])#set($n=[])#set($q=$n.addAll($l))#end", "steps"),
        ("#set($x='ab')" + "#set($x = $x + $x)" * 18 + "#foreach($i in [1..1000])$x.toCharArray().size()#end", "steps"),
        ("#macro(r)#r()#end#r()", "20 deep"),
        ("#macro(a)#b()#end#macro(b)#a()#end#a()", "20 deep"),
        ("#set($e = '#evaluate($e)')#evaluate($e)", "20 deep"),
        ("#set($s='" + "a" * 40 + "!')$s.matches('(a+)+b')$s.matches('(a|aa)+$')", "takes too long"),
        ("#set($s='x')$s.format('%2000000000d', 1)", "Width"),
        ("#set($e = '$a.b' )" + "#set($e = $e + $e)" * 16 + "#evaluate($e)#evaluate($e)#evaluate($e)", "steps"),
        ("#include('/etc/passwd')", "no other files"),
        ("#parse('x.vm')", "no other files"),
        ("#set($s='abc')$s.substring(4)", "StringIndexOutOfBounds"),
        ("#set($s='abc')$s.matches('[')", "PatternSyntax"),
        ("#set($l=[1])$l.get(1)", "IndexOutOfBounds"),
        ("#set($l=[1])#set($l[3]=1)", "IndexOutOfBounds"),
        ("#set($m={[1]:2})", "key"),
        ("#set($l=[1..1000])#set($l=[1..99999])$l.removeAll([1..99999])", "steps"),
        ("#set($l=[1..99999])#foreach($i in [1..1000])$l.contains($i)#end", "steps"),
        ("#set($m={'a':1,'b':2})#foreach($i in $m.keySet())#set($m.c=1)#end", "ConcurrentModification"),
        ("#set($s='a,b')$s.split(',').add('c')", "UnsupportedOperation"),
        ("#set($m={})$m.keySet().add('c')", "UnsupportedOperation"),
        ("#set($s='a')$s.compareTo(1)", "ClassCast"),
        ("#set($n=1)$n.compareTo(1.5)", "ClassCast"),
    ],
)
def test_what_is_refused_while_rendering(source: str, message: str) -> None:
    template = compile(source)
    started = time.process_time()
    with pytest.raises(TemplateRenderError) as caught:
        template.render({})
    assert message in str(caught.value)
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    "source",
    [
        "#if(true)" * 500 + "#end" * 500,
        "#set($x = " + "(" * 5000 + "1" + ")" * 5000 + ")",
        "#set($x = " + "[" * 5000 + "]" * 5000 + ")",
        "#set($x = " + "!" * 5000 + "$x)",
        "$a" + ".b($a" * 2000 + ")" * 2000,
        "$a" + "[$a" * 2000 + "]" * 2000,
    ],
)
def test_deep_nesting_is_a_syntax_error(source: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="nested too deeply"):
        compile(source)


def test_nesting_up_to_the_limit_renders() -> None:
    assert render("#if(true)" * 45 + "x" + "#end" * 45) == "x"
    assert render("#set($x = " + "(" * 40 + "1" + ")" * 40 + ")$x") == "1"


def test_a_long_chain_of_operators_does_not_break_the_interpreter() -> None:
    assert render("#set($x = 1" + " + 1" * 100 + ")$x") == "101"
    with pytest.raises(TemplateSyntaxError, match="too many operators"):
        compile("#set($x = 1" + " + 1" * 5000 + ")$x")


@pytest.mark.parametrize("piece", ["text and more text\n", '#set($a = "x$b.c")\n'])
def test_a_megabyte_compiles_in_seconds(piece: str) -> None:
    source = piece * (1_000_000 // len(piece)) + " "
    started = time.process_time()
    compile(source)
    assert time.process_time() - started < 60


def test_limits_are_the_callers() -> None:
    template = compile("#foreach($i in [1..5])xx#end")
    assert template.render({}, max_turns=5, max_output=10) == "x" * 10
    too_small: list[dict[str, Any]] = [{"max_turns": 4}, {"max_output": 9}, {"max_steps": 5}]
    for limits in too_small:
        with pytest.raises(TemplateRenderError):
            template.render({}, **limits)


class Secret:
    value = "leaked"

    def get(self, name: str) -> str:
        return "leaked"


class Host(Exposed):
    secret = "leaked"
    vtl_methods: ClassVar[Any] = {
        ("twice", 1): lambda self, value: f"{value}{value}",
        ("fail", 0): lambda self: self.fail(),
    }

    def vtl_get(self, name: str) -> Any:
        return "seen" if name == "open" else None

    def fail(self) -> None:
        raise CallError("it failed")


@pytest.mark.parametrize(
    "expression",
    [
        *("$o.value", "$o.get('value')", "$o", "$o['__class__']", "$h.secret", "$h.vtl_get('open')", "$h['secret']"),
        *("$h.fail", "$h.fail.x", "$s.format_map($m)", "$s.class", "$s.getClass()", "$s['__class__']", "$l.sort()"),
        *("$l.pop()", "$m.items()", "$n.bit_length()", "$n.class.forName('x')", "$l.append(1)", "$m.update($m)"),
    ],
)
def test_python_cannot_be_reached(expression: str) -> None:
    values = {"o": Secret(), "h": Host(), "s": "x", "l": [1], "m": {}, "n": 1}
    assert compile(expression).render(values) == ""


def test_a_host_object() -> None:
    source = "$h.open $h.twice('a') $h.twice($h.twice(1)) [$h][$h.twice()][$h.none()]"
    assert render(source, h=Host()) == "seen aa 1111 [][][]"
    with pytest.raises(TemplateRenderError) as caught:
        render("a\n  $h.fail()", h=Host())
    assert (caught.value.line, caught.value.column) == (2, 6)
    assert "it failed" in caught.value.message


def test_an_error_shows_its_place() -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        compile('{\n  "a": #set($x = 1 $y)\n}')
    assert (caught.value.line, caught.value.column) == (2, 20)
    assert str(caught.value).splitlines()[1:] == ['    "a": #set($x = 1 $y)', " " * 21 + "^"]


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("#if(true)\nx", (2, 2)),
        ("x\n#end", (2, 1)),
        ("a\n $", (2, 3)),
        ("#set($x = )", (1, 11)),
        ("#foreach($i on $l)#end", (1, 1)),
        ("#macro()#end", (1, 1)),
        ("#evaluate(1)", (1, 1)),
        ("#define(x)#end", (1, 9)),
        ("#foreach($i in x)#end", (1, 16)),
        ("#stop(x)", (1, 7)),
        ("$l[#1]", (1, 4)),
        ("#set($v = #1)", (1, 11)),
        ('\n#set($x = "#if(")', (2, 11)),
        ("${a.b", (1, 6)),
        ("$a.b(1", (1, 7)),
    ],
)
def test_the_place_of_a_syntax_error(source: str, place: tuple[int, int]) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        compile(source)
    assert (caught.value.line, caught.value.column) == place


def test_the_callers_mapping_stays_but_its_values_change() -> None:
    references: dict[str, Any] = {"context": {"responseOverride": {"header": {}}}}
    source = '#set($context.responseOverride.status = 404)#set($context.responseOverride.header["X"] = "y")#set($z = 1)'
    assert compile(source + "$!context.requestOverride.header.put('a','b')").render(references) == ""
    assert references == {"context": {"responseOverride": {"header": {"X": "y"}, "status": 404}}}


def test_missing_values_in_silent_mode_equal_null_and_the_empty_string() -> None:
    source = '#if($x.y == $null)a#end#if($x.y == "")b#end#if($x.y)c#end#if(!$x.y)d#end[$x.y]'
    assert compile(source).render({}) == "abc[]"
    assert compile(source).render({}, silent=False) == "ad[$x.y]"


def test_text_outside_of_the_first_plane_counts_as_java_counts() -> None:
    source = "$s.length() $s.substring(0,2) $s.substring(2) $s.indexOf('b')"
    assert render(source, s="\U0001f600b") == "3 \U0001f600 b 2"


_ITEMS = [{"id": f"id{number}", "tags": ["a", "b", "c"], "inner": {"x": number, "y": [1, 2]}} for number in range(1000)]


@pytest.mark.parametrize(
    "each",
    [
        "#set($done = $made.add(0, $item))",
        "#set($done = $made.addAll($item.tags))",
        "#if(!$made.contains($item.id))#set($done = $made.add($item.id))#end",
        "#if($many.contains($item.id))#end#if($many.indexOf($item.id) > 0)#end",
        "#set($done = $many.remove(0))",
        "#set($page = $items.subList(10, 20))#set($cursor = $items.iterator())",
        "#set($done = $map.put($item.id, $item))$map.getOrDefault($item.id, '').id",
        "#set($done = $map.putIfAbsent($item.id, $item))#set($done = $map.remove($item.id))",
    ],
)
def test_what_only_touches_the_members_of_large_values_is_cheap(each: str) -> None:
    source = f"#set($made = [])#set($map = {{}})#foreach($item in $items){each}#end"
    many = [text for item in _ITEMS for text in (item["id"], *item["tags"])]
    compile(source).render({"items": _ITEMS, "many": many})


@pytest.mark.parametrize(
    "source",
    [
        "$list.hashCode()",
        "$keys.hashCode()",
        "#if($list == $keys)x#end",
        "#if($items == '')x#end",
        "$items.toString()",
        "#foreach($i in [1..1000])#set($done = $made.add($items.clone()))#end",
        "#set($done = $made.add(1))#foreach($i in [1..40])#set($done = $made.addAll($made))#end",
        "#set($many = {})#foreach($i in [1..1000])#set($done = $many.putAll($small))#end",
    ],
)
def test_what_goes_through_large_values_is_dear(source: str) -> None:
    long = "x" * 1_000_000
    references = {"list": [long] * 9, "keys": {f"{long}{number}": 1 for number in range(9)}, "items": _ITEMS * 5}
    references["small"] = {str(number): number for number in range(100)}
    template = compile("#set($made = [])#foreach($turn in [1..100])" + source + "#end")
    started = time.process_time()
    with pytest.raises(TemplateRenderError, match=r"steps|too many"):
        template.render(references)
    assert time.process_time() - started < 10


def test_what_other_threads_do_meanwhile_costs_nothing() -> None:
    ended = threading.Event()

    def busy() -> None:
        while not ended.is_set():
            pass

    template = compile("#foreach($turn in [1..300])#if($text.matches($pattern))x#end#end")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.001)
    thread = threading.Thread(target=busy)
    thread.start()
    try:
        rendered = template.render({"text": "abc", "pattern": "[a-c]+"}, max_steps=100_000)
    finally:
        ended.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert rendered == "x" * 300


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ("$!list.startsWith('e', 1)", ""),
        ("$list.containsAll(['x'])", "false"),
        ("$list.contains('x')", "false"),
        ("$list.subList(0, 1).size()", "1"),
    ],
)
def test_what_does_not_look_into_members_works_on_a_list_that_holds_itself(source: str, rendered: str) -> None:
    assert render("#set($list = ['a'])#set($list[0] = $list)" + source) == rendered
