from __future__ import annotations

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


def test_a_body_is_not_searched_without_end() -> None:
    body = "[" + "1," * 500_000 + "1]"
    with pytest.raises(GatewayFailure) as caught:
        render("#foreach($i in [1..1000])#set($x = $input.path('$..a'))#end", body)
    assert caught.value.response_type == "API_CONFIGURATION_ERROR"
    assert render("#foreach($i in [1..1000])#set($x = $input.path('$[0]'))#end$x", body) == "1"
