"""Expressions that ask for too much, in a process of their own under a limit on its memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from stategate.lang import jsonata

CASES = Path(__file__).resolve().parents[2] / "corpus" / "jsonata" / "hostile.jsonl"
SECONDS = 15.0
MEGABYTES = 200

PROGRAM = """
import json, resource, sys, time
from random import Random
from stategate.lang import jsonata
with open("/proc/self/statm") as statm:
    used = int(statm.read().split()[0]) * resource.getpagesize()
limit = used + 256 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = {"states": {"input": {"s": "a" * 200000, "n": list(range(10000)), "o": [{"a": i} for i in range(3000)]}}}
for line in sys.stdin:
    began = time.process_time()
    try:
        jsonata.compile(line := json.loads(line)["expression"]).evaluate(data, now=0.0, random=Random(1))
        outcome = "value"
    except (jsonata.JsonataError, jsonata.JsonataSyntaxError, jsonata.UnsupportedResult) as error:
        outcome = str(error)
    took = time.process_time() - began
    print(json.dumps([line, took, outcome]), flush=True)
print(json.dumps((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024))
"""


def test_time_and_memory_are_bounded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=CASES.read_text(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *lines, grown = map(json.loads, done.stdout.splitlines())
    assert len(lines) == len(CASES.read_text().splitlines())
    assert [line for line in lines if line[1] > SECONDS] == []
    assert [line for line in lines if "too much memory" in line[2]] == []
    assert grown < MEGABYTES


def test_an_allowance_is_for_all_evaluations_together() -> None:
    texts = ("$count([$a, $a])", "$sum($map([1..999], function($i) {$i}))", "$match('a', /a/)")
    few, many, pattern = map(jsonata.compile, texts)

    def evaluate(expression: jsonata.Expression) -> object:
        return expression.evaluate({"a": 1}, now=0.0, random=Random(1))

    with jsonata.within(1000):
        assert [evaluate(few) for _ in range(10)] == [2] * 10
        for costly in (many, pattern):
            with pytest.raises(jsonata.TooCostly):
                evaluate(costly)
        with pytest.raises(jsonata.TooCostly):
            jsonata.compile("1")
    with jsonata.within(20), pytest.raises(jsonata.TooCostly):
        for _ in range(100):
            evaluate(few)
    assert evaluate(many) == 499500
    assert evaluate(few) == 2
