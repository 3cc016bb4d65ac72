"""What executions cost at scale: wide maps and parallels, long loops, and many that wait. The time per item shows
whether the cost stays in proportion; memory and disk are the server's own. Of costly definitions: how long they hold up
the requests of others.

    python bench/machine.py [--waiting 20000]
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import uvloop
from harness import Account, load, request, signed
from rich.console import Console
from rich.table import Table

from stategate.testing.process import ServerProcess

PASS: dict[str, Any] = {"Type": "Pass", "End": True}


def one_state(state: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": "S", "States": {"S": {**state, "End": True}}}


def loop(turns: int) -> dict[str, Any]:
    """Pass and Choice by turns: two transitions a turn."""
    add = {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Again"}
    again = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.n", "NumericLessThan": turns, "Next": "Add"}],
        "Default": "End",
    }
    return {"StartAt": "Add", "States": {"Add": add, "Again": again, "End": {"Type": "Succeed"}}}


MAP = one_state({"Type": "Map", "ItemProcessor": {"StartAt": "P", "States": {"P": PASS}}})
PARALLEL = one_state(
    {"Type": "Parallel", "Branches": [{"StartAt": f"P{n}", "States": {f"P{n}": PASS}} for n in range(100)]}
)
WAIT = one_state({"Type": "Wait", "Seconds": 86_400})

FIBONACCI = "{% ($f := function($n) {$n < 2 ? $n : $f($n - 1) + $f($n - 2)}; $f(40)) %}"
SUM = "{% $sum($map([1..5000], function($i) {$i * 2})) %}"
DOCUMENT = {"l": [{"a": {"b": n, "c": [n, n]}} for n in range(6_000)]}
"""200 KB"""

COSTLY: dict[str, tuple[dict[str, Any], Any]] = {
    "JSONata that recurs without end": (one_state({**PASS, "QueryLanguage": "JSONata", "Output": FIBONACCI}), {}),
    "JSONata for each of 500 items": (
        one_state({**MAP["States"]["S"], "QueryLanguage": "JSONata", "ItemSelector": SUM}),
        list(range(500)),
    ),
    "20 paths that descend 200 KB": (
        one_state({**PASS, "Parameters": {f"p{n}.$": "States.ArrayLength($..c)" for n in range(20)}}),
        DOCUMENT,
    ),
    "Parallel of 100 branches with 200 KB": (PARALLEL, DOCUMENT),
}


class Machines(Account):
    def express(self, name: str, definition: dict[str, Any], given: Any) -> float:
        """Seconds of a synchronous Express execution."""
        machine = self.state_machine(name, definition, "EXPRESS")
        start = time.perf_counter()
        ended = self.states.start_sync_execution(stateMachineArn=machine, input=json.dumps(given))
        assert ended["status"] == "SUCCEEDED", (ended.get("error"), ended.get("cause"))
        return time.perf_counter() - start

    def standard(self, name: str, definition: dict[str, Any], given: Any) -> float:
        """Seconds of a Standard execution."""
        machine = self.state_machine(name, definition)
        start = time.perf_counter()
        execution = self.states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        while (status := self.states.describe_execution(executionArn=execution)["status"]) == "RUNNING":
            time.sleep(0.005)
        assert status == "SUCCEEDED", self.states.describe_execution(executionArn=execution)
        return time.perf_counter() - start


class Bystander(threading.Thread):
    """Asks for something cheap again and again; `worst` is how long it waited, in milliseconds."""

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port)
        self._over = threading.Event()
        self.worst = 0.0

    def run(self) -> None:
        while not self._over.wait(0.002):
            start = time.perf_counter()
            self._connection.request("GET", "/_stategate/health")
            self._connection.getresponse().read()
            self.worst = max(self.worst, (time.perf_counter() - start) * 1e3)

    def stop(self) -> float:
        self._over.set()
        self.join()
        return self.worst


def memory(server: ServerProcess) -> float:
    """Resident MB of the server's process."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def disk(server: ServerProcess) -> float:
    return sum(file.stat().st_size for file in server.data_dir.rglob("*") if file.is_file()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, default=20_000)
    waiting: int = parser.parse_args().waiting
    table = Table("what", "size", "seconds", "µs each")

    def row(what: str, size: int, seconds: float) -> None:
        table.add_row(what, f"{size:,}", f"{seconds:.2f}", f"{seconds / size * 1e6:,.0f}")

    with ServerProcess(None, "--log-level", "warning") as server:
        machines = Machines(server)
        for size in (1_000, 10_000):
            row("Map (Express), iterations", size, machines.express(f"map{size}", MAP, list(range(size))))
        for size in (1_000, 5_000):
            row("Map (Standard), iterations", size, machines.standard(f"smap{size}", MAP, list(range(size))))
        row("Parallel (Standard), branches", 100, machines.standard("parallel", PARALLEL, {}))
        for size in (1_000, 10_000):
            row("loop (Express), turns of two transitions", size, machines.express(f"loop{size}", loop(size), {"n": 0}))
        row("loop (Standard), turns of two transitions", 5_000, machines.standard("loop", loop(5_000), {"n": 0}))
        table.add_section()
        measure_costly(server, machines, table)
        table.add_section()
        measure_waiting(server, machines, waiting, table)
    Console(width=None if sys.stdout.isatty() else 110).print(table)


def measure_costly(server: ServerProcess, machines: Machines, table: Table) -> None:
    for number, (what, (definition, given)) in enumerate(COSTLY.items()):
        machine = machines.state_machine(f"costly{number}", definition, "EXPRESS")
        bystander = Bystander(server)
        bystander.start()
        start = time.perf_counter()
        machines.states.start_sync_execution(stateMachineArn=machine, input=json.dumps(given))
        seconds = time.perf_counter() - start
        table.add_row(what, "1", f"{seconds:.2f}", "")
        table.add_row("  another request waited, ms at most", "", f"{bystander.stop():.0f}", "")


def measure_waiting(server: ServerProcess, machines: Machines, waiting: int, table: Table) -> None:
    machine = machines.state_machine("wait", WAIT)
    body = json.dumps({"stateMachineArn": machine, "input": "{}"})
    raw = request(server.url, body.encode(), signed(server.url, body))
    before, kept = memory(server), disk(server)
    start = time.perf_counter()
    started = uvloop.run(load(server.url, lambda number: raw, 0, 16, total=waiting)).count
    seconds = time.perf_counter() - start
    table.add_row("executions that wait, started", f"{started:,}", f"{seconds:.1f}", f"{seconds / started * 1e6:,.0f}")
    table.add_row("  memory, MB more", f"{memory(server) - before:.0f}", "", "")
    table.add_row("  disk, KB each", f"{(disk(server) - kept) * 1e3 / started:.2f}", "", "")
    server.kill()
    start = time.perf_counter()
    server.start()
    listed = machines.states.list_executions(stateMachineArn=machine, statusFilter="RUNNING", maxResults=1)[
        "executions"
    ]
    assert listed
    table.add_row("  kill -9, and up again", f"{started:,}", f"{time.perf_counter() - start:.1f}", "")
    table.add_row("  memory then, MB", f"{memory(server):.0f}", "", "")


if __name__ == "__main__":
    main()
