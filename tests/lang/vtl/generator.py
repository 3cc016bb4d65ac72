"""Random templates for the differential test: small and strange ones, that use what they set."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

BODY = '{"a":1,"b":{"c":"é\\"/\'x","d":[1,2.5,null,true]},"e":[],"long":12345678901234567890,"f":1e10}'
VARS: dict[str, Any] = {
    "n": 7,
    "f": 2.5,
    "s": "Hello",
    "x": "a,b;;c  d\té😀\"'\\/<&>",
    "l": ["x", "y"],
    "m": {"a": 1, "b": {"c": [1, "t"]}},
    "t": True,
    "u": None,
    "e": "",
}
PARAMS: dict[str, Any] = {
    "path": {"id": "4 2"},
    "querystring": {"q": "a&b", "id": "other"},
    "header": {"H-x": "v", "Accept": "*/*"},
}
NAMES = [
    *("n", "s", "l", "m", "t", "u", "v", "w", "q", "d", "x", "f", "e", "foo.bar", "m.a", "l.size()", "m.b.c", "m['a']"),
    *("l[0]", "l[1]", "l[-1]", "l[5]", "m.get('b').c", "foreach.index", "foreach.parent.count", "u.x", "v.y", "w[0]"),
    *("velocityCount", "velocityHasNext", "foreach.count", "foreach.hasNext", "foreach.first", "foreach.last"),
    *(
        "foreach",
        "foreach.topmost.count",
        "foreach.parent",
        "i",
        "i.key",
        "i.value",
        "i.getKey()",
        "i.size()",
        "a",
        "b",
    ),
    *("bodyContent", "m.c.d", "m.b.c[1]", "m.b.c.get(0)", "m.size()", "l.get(1)", "m.isEmpty()"),
]
TEXTUAL = [
    *("length()", "substring(1)", "substring(1,3)", "substring(2,1)", "indexOf('l')", "indexOf('l', 3)", "trim()"),
    *("lastIndexOf('l')", "charAt(1)", "charAt(9)", "contains('l')", "startsWith('H')", "startsWith('e', 1)"),
    *("endsWith('o')", "equals('Hello')", "equals($s)", "equalsIgnoreCase('hELLO')", "compareTo('Hallo')", "isEmpty()"),
    *("concat('!')", "concat($s)", "concat($u)", "replace('l','L')", "replaceAll('l+','<$0>')"),
    *("replaceAll('[aeo]','')", "replaceAll('(l)(o)','$2$1')", "replaceFirst('l','r')", "replaceAll('\\\\','/')"),
    *("replaceAll('\"','')", 'replaceAll("\\\'", "\'")', "replaceAll('^|$', '|')"),
    *("replaceAll('\\s+', ' ')", "replaceAll('.', '$0$0')", "replaceAll('(?i)h', 'J')", "replaceAll('l', '$9')"),
    *("matches('H.*')", "matches('\\w+')", "matches('[')", "matches($s)", "split(',')", "split('l')", "split('')"),
    *("split(',', 2)", "split(',').size()", "split(';')[0]", "split('\\s')[1]", "split('l', -1).size()"),
    *("toUpperCase()", "toLowerCase()", "hashCode()", "toString()", "intern()", "isBlank()", "repeat(2)", "strip()"),
    *("substring($n)", "codePointAt(0)", "format('%s-%05d', 'a', 7)", "format('%.2f', 1.5)", "join('-', $l)"),
    *("toCharArray().size()", "valueOf(1)", "getBytes().size()", "foo()", "bytes.size()", "empty"),
]
LISTED = [
    *(
        "size()",
        "isEmpty()",
        "get(0)",
        "get(9)",
        "contains('x')",
        "indexOf('y')",
        "lastIndexOf('q')",
        "clone()",
        "add('z')",
    ),
    *(
        "add(0, 'z')",
        "add($l)",
        "remove(0)",
        "remove('x')",
        "set(0, 'q')",
        "addAll(['p', 'q'])",
        "clear()",
        "toString()",
    ),
    *("subList(0, 1)", "iterator().next()", "containsAll(['x'])", "equals(['x','y'])", "empty", "size"),
    *("removeAll(['x'])", "retainAll(['x'])", "addAll(0, ['p'])", "get('0')", "get($n)", "isEmpty().toString()"),
]
MAPPED = [
    *("size()", "isEmpty()", "get('a')", "get($s)", "put('k', 'v')", "put('a', $u)", "putAll({'p': 1})", "remove('a')"),
    *("containsKey('a')", "containsValue(1)", "keySet()", "values()", "entrySet()", "entrySet().size()", "clear()"),
    *("toString()", "equals({'a': 1})", "hashCode()", "a.b.c", "empty", "getOrDefault('zz', 3)", "keySet().size()"),
    *("putIfAbsent('a', 2)", "putIfAbsent('z', 2)", "values().contains(1)", "keySet().contains('a')", "b.c.size()"),
]
NUMERIC = [
    *("intValue()", "longValue()", "doubleValue()", "floatValue()", "toString()", "equals(7)", "equals('7')"),
    *("compareTo(3)", "hashCode()", "byteValue()", "shortValue()", "parseInt('12')", "valueOf('5')", "parseInt('x')"),
    *("toHexString(255)", "MAX_VALUE", "toBinaryString(5)", "max(1, 2)", "isNaN()", "isInfinite()"),
]
HOSTED = [
    *("input.path('$.a')", "input.path('$.b.c')", "input.path('$.zz')", "input.path('$')", "input.path('$.b.d')"),
    *(
        "input.path('$.b.d').size()",
        "input.path('$.b.d[1]')",
        "input.path('$.e')",
        "input.path('$.b').d[3]",
        "input.body",
    ),
    *(
        "input.params('id')",
        "input.params('q')",
        "input.params('zz')",
        "input.params().header",
        "input.params().path.id",
    ),
    *("input.params().querystring.keySet()", "input.params().header.get('H-x')", "input.path('$.long')"),
    *("util.escapeJavaScript($x)", "util.escapeJavaScript($u)", "util.escapeJavaScript('it''s')", "util.urlEncode($x)"),
    *(
        "util.urlDecode('a%20b+c%C3%A9')",
        "util.base64Encode($x)",
        "util.base64Decode('w6kh')",
        "util.foo()",
        "util.foo",
    ),
    *("util.parseJson('{\"k\": [1, 2]}').k", "util.parseJson('[1,\"x\"]')[1]", "util.parseJson('[]').size()"),
    *('util.escapeJavaScript($input.body).replaceAll("\\\'", "\'")', "util.escapeJavaScript($s.split('l')[0])"),
]
LITERALS = [
    *("1", "0", "-3", "2.5", "'a'", '"b"', '"x$s y"', "true", "false", "[1,2,'z']", "{'k':'v'}", "[1..3]", "'it''s'"),
    *('"#if($t)q#end$n"', "[]", "{}", "10", "'$n'", '"a""b"', "3000000000", "9223372036854775807", '"\\u0041"'),
    *("[3..1]", "[$n..9]", "[-1..$u]", "{$s: $n, 'b': [1]}", "[[1], {'a': $u}]", "1e3", "-0.5", "1.", ".5", "''", '""'),
    *(
        '"$x"',
        '"${s}$!u$zz"',
        '"$s.length()"',
        '"#foreach($j in $l)$j#end"',
        "'#if'",
        '"##"',
        '"#hi($n)"',
        "2147483647",
    ),
    *(
        '"$m.b.c[0]"',
        "-2147483648",
        '"\\$n"',
        '"\\\\$n"',
        '"#set($v = 5)$v"',
        "[$l, $m]",
        "{ }",
        "[ ]",
        "'\\n'",
        "1.0E3",
    ),
]
OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", ">", "<=", ">=", "&&", "||", "and", "or", "eq", "ne", "lt", "ge"]
# Not a space-separated list: blanks and line ends are what is being tested.
TEXTS = [
    *("a", " ", "\n", "  \n", "x y", "\t", "\\", "\\\\", "$", "#", "!", "{", "}", "(", ")", "[", "]", ".", "..", "-"),
    *("'", '"', "1", "#x", "$ ", "# ", "$!", "##c\n", "#* c *#", "#[[ $n #if ]]#", "$.a", "$[0]", "\r\n", ",", "#foo"),
    *("#foo()", "\\$n", "\\\\$n", "\\#if", "\\\\#if($t)z#end", "\\$zz", "é", "$5.00", "a@b.c", "#1", "#{", "${"),
    *("$\\!n", "#hi($n)", "#hi('a' $u)", '#hi("x$s")', "#hi()", "$d", "#@wrap()b$n#end", "#hi($u.x)", "#break"),
    *("#stop", "\r", "😀", "\\\\\\$n", "\\\\\\\\$zz", "\\$!n", "\\${n}", "\\$!{zz}", "$!\\n", "$$n", "$$$n", "$n$n"),
    *(
        "##",
        "##x",
        "#**  doc *#",
        "#*\n*#",
        "#[[\n]]#\n",
        "#wrap()",
        "#other($s)",
        "#hi($n $s)",
        "#hi([1,2])",
        "#hi({})",
    ),
    *(
        '"$n"',
        "'$s'",
        '"x": "$s",',
        "{$n}",
        "$n.",
        "$n.5",
        "$n-1",
        "$n_1",
        "$s.",
        "$s.length",
        "$s.length(",
        "$l[",
        "$l[0",
    ),
    *(
        "$l.get(0).x",
        "${s}x",
        "${s.x",
        "$!{u}y",
        "#end",
        "#else",
        "#elseif",
        "#set",
        "#set(",
        "#if(",
        "#foreach",
        "#{foo}",
    ),
    *("\\#set($v = 1)", "\\\\#set($v = 1)", "\\#hi($n)", "\\#foo($n)", "\\\\#end", "#include('x')", "#literal()$n#end"),
    *("#define($d)q$n#end", "#@other()x#end", "#hi($d)", '#hi("$d")', "#set($v = $null)", "#set($v=$v+1)$v", "\f"),
]
FORMS = ["$%s", "$!%s", "${%s}", "$!{%s}"]
HOLDERS = [
    (["s", "x", "s", "e", "v", "m.a", "i", "l[0]", "s.toUpperCase()", "a"], TEXTUAL),
    (["l", "v", "w", "m.b.c", "input.path('$.b.d')", "x.split(',')", "m.keySet()", "m.values()"], LISTED),
    (["m", "v", "m.b", "input.path('$.b')", "input.params().header", "a"], MAPPED),
    (["n", "f", "t", "m.a", "v", "l.size()", "foreach.count"], NUMERIC),
]
TARGETS = [
    *("$v = ", "$w=", " $v  =  ", "$m.z = ", "$m['y'] = ", "$l[0] = ", "$u.x = ", "$v.k = ", "${v} = ", "$!v = "),
    *(
        "$l[-1] = ",
        "$l[7] = ",
        "$m.b.c[0] = ",
        "$foreach.x = ",
        "$i = ",
        "$a = ",
        "$s.x = ",
        "$i.value = ",
        "\n$v\n=\n",
    ),
]
ENDS = ["#end", "#end\n", "#{end}", "#end  \n", "#end ", "#end\r\n", "#end\t"]
BREAKS = ["", "\n", " \n", "\r\n", "  "]
LAST = [
    *("", "$i", "#break", "#if($foreach.hasNext),#end", "$foreach.count", "$i.key=$i.value", "#break($foreach)"),
    *("$velocityCount", "$foreach.index/$foreach.last", "#set($v = $v + $i)", "#set($i = 1)", "#stop"),
    *("#break($foreach.parent)", "$foreach.topmost.count", "#if($i == 2)#break#end"),
]
SOURCES = [
    "$l",
    "$m",
    "[1..3]",
    "$u",
    "$s",
    "$m.entrySet()",
    "$m.keySet()",
    "$m.values()",
    "$l.iterator()",
    "$x.split(',')",
]
MACROS = ["hi $a", "hi $a $b", "wrap", "other", "other $a", "wrap $a", "hi"]
USED = [
    *(
        "$a",
        "$b",
        "$!bodyContent",
        "",
        "#set($a = 3)$a",
        "$a.length()",
        "#if($a)y#else n#end",
        "$!a",
        "#foreach($j in $a)$j#end",
    ),
]
EVALUATED = ["'$n'", '"$s"', "$s", "'#set($v=1)'", "$u", '"#macro(hi)z#end"', "'#hi($n)'", "'#break'"]
ALTERNATIVES = [
    "#else\n",
    "#{else}",
    "#elseif($t)",
    "#elseif($v == 1)\n",
    "#else",
    "#else \n",
    "#{elseif}($u)",
    "#elseif ($n > 3)",
]
OPENINGS = ["#if(", "#if (", "#{if}(", "  #if("]


class Generator:
    """Templates from a seed: the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._any = self._random.choice
        self._blocks: list[Callable[[int], str]] = [
            self._if,
            self._if_else,
            self._foreach,
            lambda depth: f"#define($d){self._body(depth)}{self._any(ENDS)}",
            self._macro,
            lambda depth: f"#evaluate({self._any(EVALUATED)})",
        ]

    def template(self) -> str:
        return "".join([self._statement(0) for _ in range(self._random.randint(1, 5))])

    def _referred(self) -> str:
        kind = self._random.randint(0, 6)
        if kind < 2:
            return self._any(NAMES)
        if kind == 2:
            return self._any(HOSTED)
        holders, methods = HOLDERS[kind - 3]
        return f"{self._any(holders)}.{self._any(methods)}"

    def _reference(self) -> str:
        return self._any(FORMS) % self._referred()

    def _expression(self, depth: int = 0) -> str:
        if depth > 2 or self._random.random() < 0.6:
            return self._any(LITERALS) if self._random.random() < 0.4 else self._reference()
        left, right = self._expression(depth + 1), self._expression(depth + 1)
        form = self._any(["{0} {1} {2}", "({0}) {1} {2}", "{0} {1} ({2})", "!{0}", "{0}{1}{2}", "!({0} {1} {2})"])
        return str(form.format(left, self._any(OPERATORS), right))

    def _statement(self, depth: int) -> str:
        kind = self._random.random()
        if kind < 0.3:
            return self._any(TEXTS)
        if kind < 0.55:
            return self._reference() + self._any(["", "", "", " ", "\n", ".x", "[0]", "("])
        if kind < 0.75 or depth > 2:
            indent = self._any(["", "", "  ", "\n  ", "x "])
            return f"{indent}#set({self._any(TARGETS)}{self._expression()}){self._any(BREAKS)}"
        return self._any(self._blocks)(depth + 1)

    def _body(self, depth: int) -> str:
        return "".join([self._statement(depth) for _ in range(self._random.randint(0, 3))])

    def _if(self, depth: int) -> str:
        head = f"{self._any(OPENINGS)}{self._expression()}){self._any(BREAKS)}"
        return f"{head}{self._body(depth)}{self._any(ENDS)}"

    def _if_else(self, depth: int) -> str:
        head = f"#if({self._expression()}){self._body(depth)}"
        return f"{head}{self._any(ALTERNATIVES)}{self._body(depth)}{self._any(ENDS)}"

    def _foreach(self, depth: int) -> str:
        source = self._any(SOURCES) if self._random.random() < 0.7 else self._expression()
        return f"#foreach($i in {source}){self._any(BREAKS)}{self._body(depth)}{self._any(LAST)}{self._any(ENDS)}"

    def _macro(self, depth: int) -> str:
        head = f"#macro({self._any(MACROS)}){self._any(BREAKS)}"
        return f"{head}{self._body(depth)}{self._any(USED)}{self._any(ENDS)}"
