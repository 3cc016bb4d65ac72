"""In which order timers fire."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from stategate.runtime.engine.timers import HORIZON, Timers
from stategate.testing.clock import FakeClock

START = 1_700_000_000.0
IN_ORDER = ["timeout:30", "timeout:200", "timeout:7", "timeout:12", "timeout:104"]
ROWS = [(arn, timer, START + due) for timer, due in zip(IN_ORDER, (4, 4, 5, 5, 5), strict=True) for arn in "ab"]


class Table:
    def __init__(self, rows: Sequence[tuple[str, str, float]]) -> None:
        self.rows = rows

    def timers(self, after: float, until: float, limit: int) -> tuple[float, Sequence[tuple[str, str, float]]]:
        return until, [row for row in self.rows if after < row[2] <= until]


@pytest.mark.parametrize("on_disk", [False, True])
def test_of_an_execution_s_timers_due_at_once_the_one_started_first_goes_first(on_disk: bool) -> None:
    async def body() -> None:
        clock, fired = FakeClock(START), list[tuple[str, str]]()
        table = Table(ROWS if on_disk else ())
        timers = Timers(clock, table, lambda arn, timer: fired.append((arn, timer)), lambda: False)
        timers.open()
        for arn, timer, due in reversed(() if on_disk else ROWS):
            timers.set(arn, timer, due)
        timers.set("a", "execution", START + 5)
        clock.advance(5)
        assert [timer for arn, timer in fired if arn == "a"] == [*IN_ORDER[:2], "execution", *IN_ORDER[2:]]
        assert [timer for arn, timer in fired if arn == "b"] == IN_ORDER

    asyncio.run(body())


def test_a_timer_that_fails_is_tried_again() -> None:
    async def body() -> None:
        clock, fired = FakeClock(START), list[float]()

        def fire(arn: str, timer: str) -> None:
            fired.append(clock.now() - START)
            if len(fired) < 3:
                raise OSError("the disk could not be read")

        timers = Timers(clock, Table([("a", "wait:2", START + 5)]), fire, lambda: False)
        timers.open()
        for _ in range(60):
            clock.advance(5)
        assert fired == [5, 5 + HORIZON, 5 + 2 * HORIZON]

    asyncio.run(body())
