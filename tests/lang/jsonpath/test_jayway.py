"""The real Jayway JsonPath 2.0.0: its recorded answers, and where it is installed, its answers to new questions."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stategate.lang import jsonpath

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"
RECORDED = Path(__file__).resolve().parents[2] / "corpus" / "jsonpath" / "jayway-2.0.0.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line] if path.exists() else []


def ask(selector: str, document: Any) -> dict[str, Any]:
    try:
        return {"json": jsonpath.compile(selector).find(document)}
    except jsonpath.PathSyntaxError as error:
        return {"special": "NOT_SUPPORTED", "msg": str(error)}
    except jsonpath.PathNotApplicable as error:
        return {"special": "NOT_SUPPORTED", "msg": str(error)}
    except jsonpath.PathNotFound as error:
        return {"special": "NOT_FOUND", "msg": str(error)}


def check(case: dict[str, Any], answer: dict[str, Any]) -> None:
    """Values and misses must be equal, messages of misses too; what can't be evaluated needs only to be an error."""
    got = ask(case["selector"], case["document"])
    if answer.get("special") in (None, "NOT_FOUND"):
        assert got == answer
        assert json.dumps(got) == json.dumps(answer)
    else:
        assert got.get("special") == "NOT_SUPPORTED"


@pytest.mark.parametrize("case", lines(RECORDED), ids=lambda case: case["selector"])
def test_recorded(case: dict[str, Any]) -> None:
    check(case, case["answer"])


@pytest.mark.shared
@pytest.mark.parametrize(
    "case",
    [pytest.param(case) for case in lines(SHARED / "corpus" / "lang" / "jsonpath.jsonl")]
    or [pytest.param(None, marks=pytest.mark.skip("the shared corpus is not here"))],
    ids=lambda case: case["id"] if case else "none",
)
def test_comparison(case: dict[str, Any]) -> None:
    check(case, case["jayway_2_0_0"])


NAMES = st.sampled_from(["a", "b", "c"])
LITERALS = st.sampled_from(["1", "2", "'x'", "null", "true", "@.b", "$.a", "/x.*/i", "1.5", "'1'"])
SEGMENTS = st.one_of(
    NAMES.map(".{}".format),
    NAMES.map("..{}".format),
    NAMES.map("['{}']".format),
    st.integers(-2, 3).map("[{}]".format),
    st.tuples(st.integers(-2, 3), st.integers(-2, 3)).map(lambda ends: f"[{ends[0]}:{ends[1]}]"),
    st.sampled_from(
        [
            "[*]",
            ".*",
            "..*",
            "['a','b']",
            "[0,1]",
            "[1:]",
            "[:1]",
            "[-1:]",
            "[(@.length-1)]",
            "..[0]",
            "[?(@.a)]",
            "[?(!@.a)]",
            "[?(@.a && @.b || @.c)]",
            "..[?(@.a)]",
            "[?(@[0]>0)]",
            "$",
            " ",
            "[",
            "]",
            "'",
            "(",
            "[?(",
            ")]",
        ]
    ),
    st.tuples(NAMES, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "=~"]), LITERALS).map(
        lambda parts: f"[?(@.{parts[0]} {parts[1]} {parts[2]})]"
    ),
)
SELECTORS = st.lists(SEGMENTS, max_size=4).map(lambda segments: "$" + "".join(segments))
DOCUMENTS = st.recursive(
    st.sampled_from([0, 1, 2, 1.5, "x", "y", "1", "null", True, False, "", None]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
).filter(lambda document: document is not None)


@pytest.fixture(scope="module")
def oracle() -> Any:
    script = SHARED / "oracle" / "oracle.sh"
    if not script.exists():
        pytest.skip("the oracle is not here")
    with subprocess.Popen(
        [str(script), "jsonpath"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin and process.stdout
        stdin, stdout = process.stdin, process.stdout

        def answer(case: dict[str, Any]) -> dict[str, Any]:
            stdin.write(json.dumps(case) + "\n")
            stdin.flush()
            return json.loads(stdout.readline())  # type: ignore[no-any-return]

        try:
            assert answer({"selector": "$.a", "document": {"a": 1}}) == {"json": 1}
        except (OSError, ValueError):
            pytest.skip("the oracle needs Java and Debian's libjsonpath-java")
        yield answer
        stdin.close()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(selector=SELECTORS, document=DOCUMENTS)
def test_difference(oracle: Any, selector: str, document: Any) -> None:
    case = {"selector": selector, "document": document}
    check(case, oracle(case))
