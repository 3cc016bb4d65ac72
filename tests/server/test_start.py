"""What a server does not import before it needs it: starting should not take long."""

import subprocess
import sys

LATER = ("aiohttp", "boto3", "botocore", "cryptography", "joserfc", "pyarrow")


def test_what_is_rarely_needed_is_imported_later() -> None:
    code = f"import sys, stategate.server.cli, stategate.server.app; print([m for m in {LATER!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
