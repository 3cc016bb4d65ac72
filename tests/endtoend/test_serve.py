"""`stategate serve` as a command: starting, stopping, and what it says when it can't."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stategate.testing.process import ServerProcess

STATEMENT = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": STATEMENT})


def stategate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stategate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **environment})


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


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def asked(server: ServerProcess, call: Callable[[Any], Any]) -> tuple[threading.Thread, list[Any]]:
    """A request to Step Functions under way; its answer, or its failure, comes into the list."""
    answers: list[Any] = []

    def run() -> None:
        with client(server, "stepfunctions") as states:
            try:
                answers.append(call(states))
            except (BotoCoreError, ClientError) as error:
                answers.append(error)

    request = threading.Thread(target=run)
    request.start()
    return request, answers


def begin_to_wait(server: ServerProcess, seconds: int) -> tuple[threading.Thread, list[Any]]:
    """A request that is answered after so many seconds."""
    group = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:cloudwatchlogs:createLogGroup", "Next": "W"}
    told = {**group, "Parameters": {"LogGroupName": "begun"}}
    definition = {"StartAt": "T", "States": {"T": told, "W": {"Type": "Wait", "Seconds": seconds, "End": True}}}
    policy = json.dumps({"Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}})
    with client(server, "iam") as iam, client(server, "stepfunctions") as states:
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy)
        made = states.create_state_machine(name="m", definition=json.dumps(definition), roleArn=role, type="EXPRESS")
        machine = made["stateMachineArn"]
    request, answers = asked(server, lambda states: states.start_sync_execution(stateMachineArn=machine))
    with client(server, "logs") as logs:
        until(lambda: logs.describe_log_groups()["logGroups"])
    return request, answers


def test_sigterm_lets_a_request_finish(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    request, answers = begin_to_wait(server, 2)
    assert server.stop() == 0
    request.join()
    assert answers[0]["status"] == "SUCCEEDED"


def test_a_worker_that_waits_does_not_hold_up_the_end(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    with client(server, "stepfunctions") as states:
        arn = states.create_activity(name="a")["activityArn"]
    worker, answers = asked(server, lambda states: states.get_activity_task(activityArn=arn))
    time.sleep(1.5)  # nothing tells that it waits
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 25
    worker.join()
    assert isinstance(answers[0], Exception) or "taskToken" not in answers[0]


def test_ctrl_c_twice_cuts_off_what_runs(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    request, answers = begin_to_wait(server, 250)
    os.kill(server.pid, signal.SIGINT)
    until(lambda: "Ctrl-C cuts them off" in server.log.read_text())
    assert server.running
    os.kill(server.pid, signal.SIGINT)
    until(lambda: not server.running)
    request.join()
    assert isinstance(answers[0], Exception)
    log = server.log.read_text()
    assert "Traceback" not in log
    assert log.rstrip().endswith("stopped")


@pytest.mark.parametrize(("level", "logged"), [("debug", True), ("info", False)])
def test_the_level_debug_logs_each_request(tmp_path: Path, level: str, logged: bool) -> None:
    with ServerProcess(tmp_path, "--log-level", level, "--log-format", "json") as server:
        with client(server, "stepfunctions") as states:
            states.list_state_machines()
        until(lambda: "listening" in server.log.read_text())
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    requests = [(line["method"], line["path"], line["operation"], line["status"]) for line in lines if "path" in line]
    assert (("POST", "/", "AWSStepFunctions.ListStateMachines", 200) in requests) is logged


def test_two_servers_do_not_share_a_data_directory(server: ServerProcess) -> None:
    done = stategate("serve", "--port", "0", "--data-dir", str(server.data_dir))
    assert done.returncode == 1
    assert str(server.data_dir) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken(server: ServerProcess, tmp_path: Path) -> None:
    done = stategate("serve", "--port", str(server.port), "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert f"port {server.port}: something else listens there" in done.stderr


def test_a_data_directory_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = stategate("serve", "--port", "0", "--data-dir", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: data_dir: {file}")
    assert "cannot be used: " in done.stderr
    assert done.stderr.count("\n") == 1


def test_settings_that_are_wrong_are_named(tmp_path: Path) -> None:
    done = stategate("serve", "--host", "0.0.0.0", STATEGATE_PROT="1")
    assert done.returncode == 1
    assert "STATEGATE_PROT is no setting" in done.stderr
    assert stategate("serve", "--auth", "lax").returncode == 2


def test_help_names_every_setting() -> None:
    text = stategate("serve", "--help").stdout
    for option in ("--host", "--port", "--data-dir", "--auth", "--log-format", "--config"):
        assert option in text
