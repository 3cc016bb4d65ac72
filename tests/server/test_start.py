"""How a server starts: what it does not import before it needs it, and how many files it may open."""

import subprocess
import sys

import pytest

LATER = ("aiohttp", "boto3", "botocore", "cryptography", "joserfc", "pyarrow")


def test_what_is_rarely_needed_is_imported_later() -> None:
    code = f"import sys, stategate.server.cli, stategate.server.app; print([m for m in {LATER!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (100, {hard}))
from stategate.server.app import raise_open_files
raise_open_files(64)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(("hard", "warned"), [(700, False), (300, True)])
def test_it_takes_as_many_open_files_as_it_may_and_says_if_they_are_few(hard: int, warned: bool) -> None:
    command = [sys.executable, "-c", LIMITED.format(hard=hard)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines()[-1] == str(hard)
    assert ("needed=512" in done.stdout) is warned
