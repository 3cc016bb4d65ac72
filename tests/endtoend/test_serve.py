"""`stategate serve` as a command: starting, stopping, and what it says when it can't."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from stategate.testing.process import ServerProcess


def stategate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stategate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment})


@contextlib.contextmanager
def client(server: ServerProcess, service: str) -> Iterator[Any]:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    made = session.client(service, endpoint_url=server.url, config=Config(inject_host_prefix=False))
    with contextlib.closing(made):
        yield made


def test_health(server: ServerProcess) -> None:
    with urllib.request.urlopen(f"{server.url}/_stategate/health") as answer:
        health = json.load(answer)
    assert health["status"] == "ok"
    assert set(health["services"]) >= {"apigateway", "iam", "lambda", "logs", "stepfunctions", "sts"}


def test_sigterm_ends_it_cleanly_and_everything_is_there_again(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    with client(server, "logs") as logs:
        logs.create_log_group(logGroupName="kept")
    assert server.stop() == 0
    with server, client(server, "logs") as logs:
        assert logs.describe_log_groups()["logGroups"][0]["logGroupName"] == "kept"


def test_sigterm_lets_a_request_finish(tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": statement})
    definition = '{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":2,"End":true}}}'
    server = ServerProcess(tmp_path)
    server.start()
    with client(server, "iam") as iam, client(server, "stepfunctions") as states:
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        arn = states.create_state_machine(name="m", definition=definition, roleArn=role, type="EXPRESS")
        answers: list[Any] = []
        machine = arn["stateMachineArn"]
        request = threading.Thread(target=lambda: answers.append(states.start_sync_execution(stateMachineArn=machine)))
        request.start()
        time.sleep(0.7)
        assert server.stop() == 0
        request.join()
    assert answers[0]["status"] == "SUCCEEDED"


def test_two_servers_do_not_share_a_data_directory(server: ServerProcess) -> None:
    done = stategate("serve", "--port", "0", "--data-dir", str(server.data_dir))
    assert done.returncode == 1
    assert str(server.data_dir) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken(server: ServerProcess, tmp_path: Path) -> None:
    done = stategate("serve", "--port", str(server.port), "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert f"port {server.port}: something else listens there" in done.stderr


def test_settings_that_are_wrong_are_named(tmp_path: Path) -> None:
    done = stategate("serve", "--host", "0.0.0.0", STATEGATE_PROT="1")
    assert done.returncode == 1
    assert "STATEGATE_PROT is no setting" in done.stderr
    assert stategate("serve", "--auth", "lax").returncode == 2


def test_help_names_every_setting() -> None:
    text = stategate("serve", "--help").stdout
    for option in ("--host", "--port", "--data-dir", "--auth", "--log-format", "--config"):
        assert option in text
