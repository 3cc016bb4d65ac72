"""Work beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from stategate.services.beside import LARGE, Turns, beside


def test_owners_have_their_turns() -> None:
    turns = Turns()
    done: list[str] = []
    waiting = [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2")]
    futures = [turns.put(owner, partial(done.append, name)) for owner, name in waiting]
    for _ in waiting:
        turns.do_next()
    assert done == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert all(future.done() for future in futures)


def test_what_nobody_waits_for_any_more_is_left_out() -> None:
    turns = Turns()
    done: list[str] = []
    turns.put("a", lambda: done.append("a1")).cancel()
    kept = turns.put("a", lambda: done.append("a2"))
    turns.do_next()
    turns.do_next()
    assert done == ["a2"] and kept.done()


@pytest.mark.parametrize("size", [LARGE - 1, LARGE])
def test_the_result_and_the_error_are_the_works_own(size: int) -> None:
    def fails() -> None:
        raise KeyError("x")

    async def run() -> int:
        with pytest.raises(KeyError):
            await beside(size, fails, "a")
        return await beside(size, threading.get_ident)

    assert (asyncio.run(run()) == threading.get_ident()) is (size < LARGE)
