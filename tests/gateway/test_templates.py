from __future__ import annotations

from time import thread_time

import pytest

from gateway.requests import received, routed
from stategate.gateway.failures import GatewayFailure
from stategate.gateway.templatehost import escape_javascript
from stategate.gateway.templates import InvalidTemplate, check_template, compile_template

BODY = '{"a": {"b": [1, 2.5, "x"]}, "name": "O\'Neil \\"q\\"", "empty": null, "foo": [{"nested": "bar"}]}'


def render(template: str, body: str = BODY) -> str:
    return compile_template(template)(routed(received()), body)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$input.body", BODY),
        ("$input.body.x", ""),
        ("$input.json('$.a')", '{"b":[1,2.5,"x"]}'),
        ("$input.json('$.none')", '""'),
        ("$input.path('$.a.b[0]')", "1"),
        ("$input.path('$').name", 'O\'Neil "q"'),
        ("$input.path('$.foo')", '[{"nested":"bar"}]'),
        ("$input.path('$.none')|$input.path('$.empty')", "|"),
        ('#if($input.path("$.none") == $null)null#end', "null"),
        ('#if($input.path("$.none") == "")empty#end', "empty"),
        ("$input.path('$.a.b').size()", "3"),
        ("$input.params('id')", "4 2"),
        ("$input.params('a')", "2"),
        ("$input.params('x-many')", "two"),
        ("$input.params().header.get('X-Many')", "two"),
        ("#foreach($p in $input.params().keySet())$p #end", "path querystring header "),
        ("$util.escapeJavaScript($input.path('$.name'))", 'O\\\'Neil \\"q\\"'),
        ("$util.base64Encode('hi')$util.base64Decode('aGk=')", "aGk=hi"),
        ("$util.urlEncode('a b&c=~*')$util.urlDecode('a+b%26')", "a+b%26c%3D%7E*a b&"),
        ("$util.parseJson('{\"k\": 7}').k", "7"),
        ("$context.identity.sourceIp $stageVariables.colour", "10.0.0.9 blue"),
        ("<$context.identity$context.requestOverride$context.get('responseOverride').header>", "<>"),
        ("<$context.get('identity').toString()>$context.identity.size()", "<>12"),
        ("$context.requestTimeEpoch", "1700000000123"),
        ("$input|$util|$nothing", "||"),
    ],
)
def test_objects(template: str, expected: str) -> None:
    assert render(template) == expected


def test_an_empty_body_is_an_empty_object() -> None:
    assert render("$input.body|$input.json('$')|$input.path('$')", "") == "{}|{}|{}"


def test_overrides_are_shared_by_the_templates_of_a_request() -> None:
    request = routed()
    compile_template("#set($context.requestOverride.path.body = 'kept')")(request, "{}")
    assert compile_template("$context.requestOverride.path.body")(request, "{}") == "kept"


def test_a_template_that_does_not_parse() -> None:
    with pytest.raises(InvalidTemplate):
        check_template("#if($x")
    with pytest.raises(InvalidTemplate):
        check_template("x" * (300 * 1024 + 1))


def test_a_template_that_fails() -> None:
    with pytest.raises(GatewayFailure) as caught:
        render("$util.parseJson('{')")
    assert caught.value.response_type == "API_CONFIGURATION_ERROR"
    with pytest.raises(GatewayFailure) as caught:
        render("$input.path('$.a')", '{"a": ')
    assert caught.value.message == "Invalid JSON in request body"
    with pytest.raises(GatewayFailure) as caught:
        render("$input.json('$')", "[" * 501 + "]" * 501)
    assert caught.value.message == "Invalid JSON in request body"


def test_what_a_template_put_into_the_document_can_not_break_the_gateway() -> None:
    with pytest.raises(GatewayFailure):
        render("#set($root = $input.path('$'))#set($root.self = $input)$input.json('$')")


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("plain", "plain"),
        ("a\"b'c\\d/e", "a\\\"b\\'c\\\\d\\/e"),
        ("a\nb\x7f\t/", "a\\nb\\u007F\\t\\/"),
        ("é'\U0001f600\u2028", "\\u00E9\\'\\uD83D\\uDE00\\u2028"),
    ],
)
def test_escape_java_script(value: str, escaped: str) -> None:
    assert escape_javascript(value) == escaped


LARGE = "[" + "1," * 300_000 + '"\U0001f600"]'
INTO_ITSELF = "#set($x = $input.path('$'))#set($x.self = $x)"
DOUBLING = "#set($m = {})" + "#set($m = {'a': $m, 'b': $m})" * 60 + "#set($x = $input.path('$'))#set($x.m = $m)"
HALF = "$input.path('$.s').substring(0,1)"


@pytest.mark.parametrize(
    ("template", "body"),
    [
        ("#foreach($i in [1..1000])#set($x = $input.path('$..a'))#end", LARGE),
        ("#foreach($i in [1..1000])$input.json('$').length()#end", LARGE),
        ("#foreach($i in [1..1000])#set($x = $input.json('$'))#end", "[" + "1," * 10_000 + "1]"),
        ("#foreach($i in [1..1000])$util.parseJson($input.body).size()#end", LARGE),
        (f"{INTO_ITSELF}$input.json('$')", "{}"),
        (f"{INTO_ITSELF}$input.path('$..s')", "{}"),
        (f"{DOUBLING}$input.json('$')", "{}"),
        (f"#set($x = $input.path('$'))#set($x[0] = [{'$x[1],' * 999}$x[1]])$input.json('$')", f'[0, "{"x" * 99_999}"]'),
    ],
)
def test_a_hostile_template_ends_soon(template: str, body: str) -> None:
    started = thread_time()
    with pytest.raises(GatewayFailure) as caught:
        render(template, body)
    assert caught.value.response_type == "API_CONFIGURATION_ERROR"
    assert thread_time() - started < 30


def test_a_path_without_a_search_costs_little() -> None:
    assert render("#foreach($i in [1..1000])#set($x = $input.path('$[0]'))#end$x", LARGE) == "1"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (HALF, "?"),
        (f"{HALF}$input.path('$.s').substring(1,2)", "\U0001f600"),
        (f"$util.urlEncode({HALF})|$util.base64Encode({HALF})", "%3F|Pw=="),
        (f"$util.escapeJavaScript({HALF})", "\\uD83D"),
    ],
)
def test_half_of_a_character_is_written_as_java_does(template: str, expected: str) -> None:
    assert render(template, '{"s": "\U0001f600"}') == expected
