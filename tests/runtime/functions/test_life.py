"""A process group ends when the pipe closes, whether it was bound to it before or after."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from stategate.runtime.functions.life import Life


@pytest.mark.parametrize("closed_first", [False, True])
def test_a_group_ends_with_the_pipe(closed_first: bool) -> None:
    life = Life()
    if not life.in_kernel:
        pytest.skip("this system does not end workers by itself")
    end = life.end_for_worker()
    process = subprocess.Popen(["sleep", "60"], pass_fds=(end,), start_new_session=True)
    if closed_first:
        life.close()
        life.bind(end, process.pid)
    else:
        life.bind(end, process.pid)
        assert process.poll() is None
        life.close()
    os.close(end)
    assert process.wait(timeout=50) == -signal.SIGKILL
