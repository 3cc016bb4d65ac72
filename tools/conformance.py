"""Replays the cases recorded from AWS against a server of its own and holds the result against the known gaps.

    python tools/conformance.py [--update] [replay.py's options, as --only or --area]

tests/corpus/known-gaps.txt names the cases that do not pass, a line each: the id, blanks, the reason. A case that fails
and is not named there fails this command. One that is named and passes is said, and `--update` takes it out: the list
only shrinks. A case that fails and is not named is replayed by itself, up to three times, since some depend on the
machine's speed: it counts as failing only if it fails each time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from stategate.testing.process import ServerProcess

ROOT = Path(__file__).resolve().parent.parent
REPLAY = ROOT.parent / "shared" / "corpus" / "replay.py"
GAPS = ROOT / "tests" / "corpus" / "known-gaps.txt"


def main(arguments: list[str]) -> int:
    if not REPLAY.exists():
        print(f"conformance: skipped, {REPLAY} is missing")
        return 0
    update = "--update" in arguments
    options = [option for option in arguments if option != "--update"]
    gaps = read_gaps()
    with ServerProcess(None, "--log-level", "warning") as server:
        results = replay(server.url, *options)
        failed = {case["id"]: case for case in results if case["outcome"] != "passed"}
        swings = [case_id for case_id in failed if case_id not in gaps and passes(server.url, case_id)]
        print(server.log.read_text()[-20000:], file=sys.stderr)
        if not server.running:
            print("The server died.")
            return 1
    for case_id in swings:
        print(f"Failed beside others, passes by itself: {case_id}\n    {failed.pop(case_id)['reason']}")
    ids = {case["id"] for case in results}
    new = sorted(set(failed) - set(gaps))
    closed = sorted(case_id for case_id in gaps if case_id in ids and case_id not in failed)
    for case_id in new:
        print(f"FAILS, by itself too, and is no known gap: {case_id}\n    {failed[case_id]['reason']}")
    if update and closed:
        write_gaps({case_id: reason for case_id, reason in gaps.items() if case_id not in closed})
        print(f"{len(closed)} gaps are closed and taken out of {GAPS.name}")
    elif closed:
        print("These known gaps seem to be closed; --update takes them out:", *closed, sep="\n    ")
    known = len(set(gaps) & set(failed))
    print(f"{len(ids) - len(failed)} of {len(ids)} pass, {known} known gaps, {len(new)} new failures")
    return 1 if new else 0


def passes(endpoint: str, case_id: str) -> bool:
    """Whether a case passes by itself, with more time, in one of three replays."""
    return any(
        case["id"] == case_id and case["outcome"] == "passed"
        for _ in range(3)
        for case in replay(endpoint, "--only", case_id, "--jobs", "1", "--cap", "120", quiet=True)
    )


def read_gaps() -> dict[str, str]:
    if not GAPS.exists():
        return {}
    lines = [line.rstrip("\n") for line in GAPS.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {case_id: reason for case_id, _, reason in (line.partition("  ") for line in lines)}


def write_gaps(gaps: dict[str, str]) -> None:
    head = [line for line in GAPS.read_text().splitlines() if line.startswith("#")]
    GAPS.write_text(
        "\n".join([*head, *(f"{case_id}  {reason.strip()}" for case_id, reason in sorted(gaps.items()))]) + "\n"
    )


def replay(endpoint: str, *options: str, quiet: bool = False) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [sys.executable, str(REPLAY), endpoint, "--hosted", "--isolate", "--jobs", "8", "--out", out.name]
        subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL if quiet else None)
        results: list[dict[str, Any]] = json.load(out)["tests"]
        return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
