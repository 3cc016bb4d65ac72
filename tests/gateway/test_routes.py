from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stategate.gateway.routes import Routes

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "corpus" / "gateway" / "routes.jsonl").read_text().splitlines()
]


def table(methods: list[tuple[str, str]]) -> Routes[str]:
    routes: Routes[str] = Routes()
    by_path: dict[str, dict[str, str]] = {}
    for path, verb in methods:
        by_path.setdefault(path, {})[verb] = f"{path} {verb}"
    for path, verbs in by_path.items():
        routes.add(path, verbs)
    return routes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["methods"][0][0])
def test_table(case: dict[str, Any]) -> None:
    routes = table([tuple(pair) for pair in case["methods"]])
    for verb, path, expected, parameters in case["requests"]:
        match = routes.find(verb, path)
        assert (match.target if match else None) == expected, (verb, path)
        assert (match.parameters if match else {}) == parameters, (verb, path)


# --- against a matcher that tries every resource ----------------------------------------------------------------------

parts = st.sampled_from(["a", "b", "{x}", "{p+}"])
verbs = st.sampled_from(["GET", "POST", "ANY"])


def consistent(paths: list[list[str]]) -> list[list[str]]:
    """Nothing below a greedy part, and one variable name per parent, as the control plane sees to."""
    kept = []
    for path in paths:
        cut = path[: path.index("{p+}") + 1] if "{p+}" in path else path
        kept.append(cut)
    return kept


def naive(methods: list[tuple[str, str]], verb: str, path: str) -> str | None:
    segments = path.strip("/").split("/") if path.strip("/") else []
    candidates = []
    for template, method in methods:
        rank = fits([p for p in template.split("/") if p], segments)
        if rank is not None and method in (verb, "ANY"):
            candidates.append((rank, method == "ANY", f"{template} {method}"))
    return min(candidates)[2] if candidates else None


def fits(template: list[str], segments: list[str]) -> tuple[int, ...] | None:
    rank: list[int] = []
    for at, part in enumerate(template):
        if part.endswith("+}"):
            return (*rank, 2) if len(segments) > at else None
        if at >= len(segments):
            return None
        if part.startswith("{"):
            rank.append(1)
        elif part == segments[at]:
            rank.append(0)
        else:
            return None
    return tuple(rank) if len(template) == len(segments) else None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(parts, max_size=4), verbs), max_size=8, unique_by=lambda pair: (tuple(pair[0]), pair[1])
    ),
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=5),
    st.sampled_from(["GET", "POST"]),
)
def test_like_a_naive_matcher(pairs: list[tuple[list[str], str]], segments: list[str], verb: str) -> None:
    methods = sorted(
        {
            ("/" + "/".join(path), method)
            for path, method in zip(consistent([p for p, _ in pairs]), [m for _, m in pairs], strict=True)
        }
    )
    found = table(methods).find(verb, "/" + "/".join(segments))
    assert (found.target if found else None) == naive(methods, verb, "/" + "/".join(segments))


class CountingDict(dict[str, Any]):
    looked = 0

    def get(self, *args: Any) -> Any:
        CountingDict.looked += 1
        return super().get(*args)


def steps(resources: int) -> int:
    """How many look-ups one request makes in a table of so many resources."""
    routes = table([(f"/r{n}/{{id}}/move", "POST") for n in range(resources)])
    seen = [routes._root]
    while seen:
        node = seen.pop()
        seen += [*node.children.values(), *([node.variable] if node.variable else [])]
        node.children, node.methods = CountingDict(node.children), CountingDict(node.methods)
    CountingDict.looked = 0
    assert routes.find("POST", f"/r{resources - 1}/42/move") is not None
    return CountingDict.looked


def test_looking_up_does_not_grow_with_the_number_of_resources() -> None:
    assert steps(1000) == steps(10)
