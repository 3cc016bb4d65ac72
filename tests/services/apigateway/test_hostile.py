"""Hostile input and careless APIs: bounded time, the right status, nothing raised."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.apigateway.gatewayworld import GatewayWorld
from services.apigateway.test_functions import deployed, result
from stategate.gateway.compression import compressed
from stategate.gateway.stages import Reply
from stategate.gateway.templatehost import Util
from stategate.services.apigateway import execute, pipeline
from stategate.services.beside import LARGE


@pytest.fixture
def world() -> GatewayWorld:
    return GatewayWorld()


def mock(world: GatewayWorld, template: str) -> str:
    api, ids = world.api("/a")
    world.mock(api, ids["/a"], "POST", template)
    world.deploy(api)
    return api


LOOP = "#foreach($i in [1..1000])#foreach($j in [1..1000])#foreach($k in [1..1000])x#end#end#end"
DOUBLING = '#set($s = "xxxxxxxx")#foreach($i in [1..100])#set($s = "$s$s")#end$s'
RECURSION = "#macro(m)#m()#end#m()"
REGEX = '$util.escapeJavaScript("' + "a" * 60 + 'b").replaceAll("(a|aa)+$", "")'


@pytest.mark.parametrize("template", [LOOP, DOUBLING, RECURSION, REGEX])
def test_endless_templates_end(world: GatewayWorld, template: str) -> None:
    api = mock(world, template)
    start = time.process_time()
    assert world.request(api, "POST", "/a", body=b"{}").status in (200, 500)
    assert time.process_time() - start < 10


def test_catastrophic_selection_patterns(world: GatewayWorld) -> None:
    role = world.role("Invoke", allow="lambda:InvokeFunction")
    api = deployed(world, "AWS", role, **{"200": None, "400": "(a|aa|a?)+$"})
    world.functions.result = result({"errorMessage": "a" * 100 + "b"}, "Unhandled")
    start = time.process_time()
    assert world.request(api, "POST", "/", body=b"{}").status in (200, 500)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"a":' * 200_000,
        b"\xff\xfe\x00",
        b'{"a": 1e999}',
        b'"' + b"\\u0000" * 1000 + b'"',
        b"9" * 100_000,
    ],
)
def test_strange_bodies(world: GatewayWorld, body: bytes) -> None:
    api = mock(world, "$input.json('$') $input.path('$.a.b.c') $input.body.length()")
    start = time.process_time()
    assert world.request(api, "POST", "/a", body=body).status in (200, 400, 500)
    assert time.process_time() - start < 5


def test_deep_paths(world: GatewayWorld) -> None:
    api, ids = world.api("/a/{proxy+}")
    world.mock(api, ids["/a/{proxy+}"], "GET", "ok")
    world.deploy(api)
    assert world.request(api, "GET", "/a" + "/b" * 4000).status == 200
    assert world.request(api, "GET", "/" + "x/" * 4000).status == 403


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40),
    st.binary(max_size=60),
)
def test_whatever_a_client_sends_is_answered(path: str, value: str, body: bytes) -> None:
    world, api = _fuzzed()
    headers = {"Content-Type": value, "Accept": value, "X-Amzn-Trace-Id": value, "Accept-Encoding": value}
    path = path.partition("?")[0]
    answer = world.request(api, "POST", f"/a/{path}?{path}={path}", headers=headers, body=body)
    assert answer.status in (200, 400, 403, 415, 500)


_made: list[Any] = []


def _fuzzed() -> tuple[GatewayWorld, str]:
    if not _made:
        world = GatewayWorld()
        api, ids = world.api("/a/{id}", binaryMediaTypes=["image/*"])
        template = "$input.params() $input.json('$') $context.requestTime $util.urlDecode($input.params('id'))"
        world.mock(api, ids["/a/{id}"], "POST", template)
        world.deploy(api)
        _made.extend((world, api))
    return _made[0], _made[1]


@pytest.mark.parametrize(("size", "beside"), [(100, False), (200_000, True)])
def test_a_large_body_is_transformed_beside_the_event_loop(
    world: GatewayWorld, monkeypatch: pytest.MonkeyPatch, size: int, beside: bool
) -> None:
    threads = []

    def parsed(self: Util, value: str) -> str:
        threads.append(threading.current_thread())
        return value

    monkeypatch.setitem(Util.vtl_methods, ("parseJson", 1), parsed)
    api, ids = world.api("/a")
    template = "$util.parseJson('x'){\"statusCode\": 200}"
    integration = {"type": "MOCK", "requestTemplates": {"application/json": template}}
    world.method(api, ids["/a"], "POST", integration, {"200": {}})
    world.deploy(api)
    world.request(api, "POST", "/a", body=b'"' + b"x" * size + b'"')
    assert [thread is not threading.main_thread() for thread in threads] == [beside]


SLOW = "#foreach($i in [1..1000])#foreach($j in [1..9])#set($x = $i * $j)#end#end"


@pytest.mark.parametrize(("repeated", "beside"), [("", [False]), (SLOW, [False, True])])
def test_a_template_that_takes_long_is_rendered_again_beside_the_event_loop(
    world: GatewayWorld, monkeypatch: pytest.MonkeyPatch, repeated: str, beside: list[bool]
) -> None:
    """What the first attempt left in `$context` is gone."""
    threads = []

    def parsed(self: Util, value: str) -> str:
        threads.append(threading.current_thread())
        return value

    monkeypatch.setitem(Util.vtl_methods, ("parseJson", 1), parsed)
    header = "$context.responseOverride.header"
    template = f"#set($h = {header})#set($h.x = \"$!h.x$util.parseJson('1')\"){repeated}$h.x"
    api = mock(world, template)
    answer = world.request(api, "POST", "/a", body=b"{}")
    assert (answer.status, answer.body, dict(answer.headers)["x"]) == (200, b"1", "1")
    assert [thread is not threading.main_thread() for thread in threads] == beside


def test_a_context_that_is_nested_deeply_is_no_fault_of_the_server(world: GatewayWorld) -> None:
    nested = "#foreach($i in [1..1000])#set($l = [$l])#end"
    api, ids = world.api("/a")
    template = f'#set($l = []){nested}{nested}#set($context.responseOverride.x = $l){{"statusCode": 200}}'
    integration = {"type": "MOCK", "requestTemplates": {"application/json": template}}
    response = {"responseTemplates": {"application/json": "#set($context.responseOverride.header.y = 'z')ok"}}
    world.method(api, ids["/a"], "POST", integration, {"200": response})
    world.deploy(api)
    answer = world.request(api, "POST", "/a", body=b"{}")
    assert (answer.status, answer.body, dict(answer.headers)["y"]) == (200, b"ok", "z")


def count_beside(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes with which work was done beside the event loop."""
    sizes = []

    async def beside(size: int, work: Callable[[], Reply], owner: str) -> Reply:
        sizes.append(size)
        return work()

    monkeypatch.setattr(pipeline, "beside", beside)
    return sizes


def test_a_pattern_that_takes_long_is_matched_again_beside_the_event_loop(
    world: GatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = world.role("Invoke", allow="lambda:InvokeFunction")
    api = deployed(world, "AWS", role, **{"200": None, "400": "(a|aa|a?)+$"})
    world.functions.result = result({"errorMessage": "a" * 100 + "b"}, "Unhandled")
    sizes = count_beside(monkeypatch)
    assert world.request(api, "POST", "/", body=b"{}").status == 500
    assert sizes == [LARGE]


@pytest.mark.parametrize(
    ("mapped", "template", "size", "beside"),
    [
        ("a.b", "$input.path('$..a')", 100, 0),
        ("a.b", "$input.path('$..a')", 9_000, 1),
        ("a.b", "$input.path('$..a..b')", 100, 1),
        ("a.b", "$input.path('$.a[?(@.b =~ /x/)]')", 100, 1),
        ("a..b", "x", 100, 1),
    ],
)
def test_searches_that_may_take_long_are_made_beside_the_event_loop(
    world: GatewayWorld, monkeypatch: pytest.MonkeyPatch, mapped: str, template: str, size: int, beside: int
) -> None:
    sizes = count_beside(monkeypatch)
    api, ids = world.api("/a")
    integration = {
        "type": "MOCK",
        "requestTemplates": {"application/json": f'{template} {{"statusCode": 200}}'},
        "requestParameters": {"integration.request.header.x": f"method.request.body.{mapped}"},
    }
    world.method(api, ids["/a"], "POST", integration, {"200": {}})
    world.deploy(api)
    body = json.dumps({"a": [{"b": "x"}], "c": "x" * size}).encode()
    assert world.request(api, "POST", "/a", body=body).status == 200
    assert sizes == [LARGE] * beside


@pytest.mark.parametrize(("size", "beside"), [(100, False), (100_000, True)])
def test_large_answers_are_compressed_beside_the_event_loop(
    world: GatewayWorld, monkeypatch: pytest.MonkeyPatch, size: int, beside: bool
) -> None:
    threads = []

    def compressing(reply: Reply, accepted: str | None, minimum: int | None) -> Reply:
        threads.append(threading.current_thread())
        return compressed(reply, accepted, minimum)

    monkeypatch.setattr(execute, "compressed", compressing)
    api, ids = world.api("/a", minimumCompressionSize=0)
    world.mock(api, ids["/a"], "GET", "x" * size)
    world.deploy(api)
    answer = world.request(api, "GET", "/a", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(answer.body) == b"x" * size
    assert [thread is not threading.main_thread() for thread in threads] == [beside]
