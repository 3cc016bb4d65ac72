"""What tests of more than one kind need."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

# A slow machine is no failure. On CI, where Hypothesis draws the same examples each time, that stays.
settings.register_profile("stategate", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stategate")

# The user's own settings, profiles, proxies and colours are not the tests' business, nor that of what they start.
for name in list(os.environ):
    if name.startswith(("AWS_", "STATEGATE_")) or name.lower().endswith(("_proxy", "_color", "columns")):
        del os.environ[name]
os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The recorded cases; a test that asks for them is skipped where they are missing."""
    if not SHARED.is_dir():
        pytest.skip("../shared, with the cases recorded from AWS, is missing")
    return SHARED


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One real server for all tests that talk to one; they keep apart by account."""
    from stategate.testing.process import ServerProcess

    with ServerProcess(tmp_path_factory.mktemp("server"), "--log-level", "warning") as process:
        yield process


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """moto's server, one for all tests."""
    from runtime.outbound.motoserver import MotoServer

    with MotoServer(tmp_path_factory.mktemp("moto") / "moto.log") as server:
        yield server


@pytest.fixture
def s3(moto: Any) -> Any:
    """The same, with nothing in it but one bucket."""
    moto.empty()
    return moto


@pytest.fixture
def account() -> str:
    """An account of the test's own: an access key id of twelve digits is one."""
    return str(random.SystemRandom().randrange(10**11, 10**12))


@pytest.fixture
def aws(server: Any, account: str) -> Iterator[Callable[..., Any]]:
    """`aws("iam")`: a boto3 client in the test's own account."""
    import boto3
    from botocore.config import Config

    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="test", region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1}, inject_host_prefix=False)
    clients: list[Any] = []

    def client(service: str, **options: Any) -> Any:
        clients.append(session.client(service, endpoint_url=server.url, config=config, **options))
        return clients[-1]

    yield client
    for each in clients:
        each.close()
