"""Groups, streams and events through the operations of CloudWatch Logs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.apigateway.gatewayworld import SeededEntropy
from services.memorystore import MemoryStore
from stategate.iam.principal import root
from stategate.runtime.logs import LogStore
from stategate.services import logs
from stategate.services.call import Call
from stategate.services.dispatch import Dispatcher
from stategate.services.errors import AwsError
from stategate.services.logs import retention
from stategate.services.logs.filters import compile_pattern
from stategate.services.ports import LogEvent, Ports, World
from stategate.testing.clock import FakeClock

WORLD = World("111122223333", "us-east-1")
ARN = "arn:aws:logs:us-east-1:111122223333:log-group:g"


class LogWorld:
    def __init__(self, directory: Path) -> None:
        self.clock, store, nothing = FakeClock(), MemoryStore(), None
        self.log_store = LogStore(directory / "logs.db", self.clock)
        absent: Any = nothing
        self.ports = Ports(self.clock, SeededEntropy(), store, absent, absent, self.log_store, absent, b"s" * 32)
        self.writer = logs.Writer(store, self.clock, self.log_store)
        self.dispatcher = Dispatcher(self.ports, {"logs": logs.OPERATIONS})

    @property
    def now(self) -> int:
        return int(self.clock.now() * 1000)

    def __call__(self, operation: str, **given: Any) -> dict[str, Any]:
        call = Call(self.ports, WORLD, root(WORLD.account), "request", self.clock.now())
        return asyncio.run(self.dispatcher.call(call, "logs", operation, given))

    def error(self, operation: str, **given: Any) -> tuple[str, str]:
        with pytest.raises(AwsError) as raised:
            self(operation, **given)
        return raised.value.code, raised.value.message

    def put(self, *messages: str, stream: str = "s") -> dict[str, Any]:
        events = [{"timestamp": self.now + at, "message": message} for at, message in enumerate(messages)]
        return self("PutLogEvents", logGroupName="g", logStreamName=stream, logEvents=events)

    def stream(self, name: str = "s") -> None:
        if not self("DescribeLogGroups")["logGroups"]:
            self("CreateLogGroup", logGroupName="g")
        self("CreateLogStream", logGroupName="g", logStreamName=name)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LogWorld]:
    world = LogWorld(tmp_path)
    yield world
    world.log_store.close()


def test_groups(world: LogWorld) -> None:
    world("CreateLogGroup", logGroupName="g", tags={"a": "1"})
    assert world.error("CreateLogGroup", logGroupName="g") == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    assert world("DescribeLogGroups", logGroupNamePrefix="g")["logGroups"] == [
        {
            "logGroupName": "g",
            "creationTime": world.now,
            "retentionInDays": None,
            "metricFilterCount": 0,
            "arn": f"{ARN}:*",
            "storedBytes": 0,
            "logGroupClass": "STANDARD",
            "logGroupArn": ARN,
        }
    ]
    world("TagResource", resourceArn=ARN, tags={"b": "2"})
    world("UntagResource", resourceArn=ARN, tagKeys=["a"])
    assert world("ListTagsForResource", resourceArn=ARN)["tags"] == {"b": "2"}
    assert world.error("PutRetentionPolicy", logGroupName="g", retentionInDays=2)[0] == "InvalidParameterException"
    world("DeleteLogGroup", logGroupName="g")
    assert world.error("DeleteLogGroup", logGroupName="g") == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )


def test_resource_policies(world: LogWorld) -> None:
    statement = '{"Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:*", "Resource": "*"}'
    document = f'{{"Version": "2012-10-17", "Statement": [{statement}]}}'
    assert world.error("PutResourcePolicy", policyName="p", policyDocument="{") == (
        "InvalidParameterException",
        "The policyDocument cannot be used: This policy contains invalid Json",
    )
    assert world("DescribeResourcePolicies")["resourcePolicies"] == []
    for number in range(10):
        world("PutResourcePolicy", policyName=f"p{number}", policyDocument=document)
    assert world.error("PutResourcePolicy", policyName="p", policyDocument=document) == (
        "LimitExceededException",
        "Resource limit exceeded.",
    )
    world("PutResourcePolicy", policyName="p9", policyDocument=document)
    assert world("DescribeResourcePolicies")["resourcePolicies"][9]["policyDocument"] == document
    assert world.error("DeleteResourcePolicy", policyName="p9", resourceArn=ARN) == (
        "InvalidParameterException",
        "Stategate does not support resourceArn.",
    )
    world("DeleteResourcePolicy", policyName="p9")
    world("PutResourcePolicy", policyName="p", policyDocument=document)


def test_pages_of_groups(world: LogWorld) -> None:
    for number in range(5):
        world("CreateLogGroup", logGroupName=f"g{number}")
    names, token = [], None
    while True:
        page = world("DescribeLogGroups", limit=2, **({"nextToken": token} if token else {}))
        names += [group["logGroupName"] for group in page["logGroups"]]
        if (token := page["nextToken"]) is None:
            break
    assert names == [f"g{number}" for number in range(5)]


def test_streams(world: LogWorld) -> None:
    for name in ("b", "a"):
        world.stream(name)
    assert world.error("CreateLogStream", logGroupName="g", logStreamName="a")[0] == "ResourceAlreadyExistsException"
    world.put("x", "y", stream="a")
    shown = world("DescribeLogStreams", logGroupName="g")["logStreams"]
    assert [stream["logStreamName"] for stream in shown] == ["a", "b"]
    assert (shown[0]["firstEventTimestamp"], shown[0]["lastEventTimestamp"]) == (world.now, world.now + 1)
    assert "lastEventTimestamp" not in shown[1]
    latest = world("DescribeLogStreams", logGroupName="g", orderBy="LastEventTime", descending=True)["logStreams"]
    assert [stream["logStreamName"] for stream in latest] == ["a", "b"]
    world("DeleteLogStream", logGroupName="g", logStreamName="a")
    assert world.error("GetLogEvents", logGroupName="g", logStreamName="a") == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )


def test_what_is_put(world: LogWorld) -> None:
    world.stream()

    def error(*times: int) -> str:
        events = [{"timestamp": time, "message": "m"} for time in times]
        return world.error("PutLogEvents", logGroupName="g", logStreamName="s", logEvents=events)[1]

    assert error(world.now, world.now - 1) == (
        "Log events in a single PutLogEvents request must be in chronological order."
    )
    assert "cannot span more than 24 hours" in error(world.now - 90_000_000, world.now)
    day = 86_400_000
    old = [{"timestamp": world.now - 15 * day, "message": "old"}]
    answer = world("PutLogEvents", logGroupName="g", logStreamName="s", logEvents=old)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    new = [{"timestamp": world.now, "message": "now"}, {"timestamp": world.now + 7_200_001, "message": "new"}]
    answer = world("PutLogEvents", logGroupName="g", logStreamName="s", logEvents=new)
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    events = world("GetLogEvents", logGroupName="g", logStreamName="s")["events"]
    assert events == [{"timestamp": world.now, "message": "now", "ingestionTime": world.now}]


def test_reading_forward_and_backward(world: LogWorld) -> None:
    world.stream()
    world.put(*map(str, range(7)))

    def get(**given: Any) -> tuple[list[str], dict[str, Any]]:
        answer = world("GetLogEvents", logGroupName="g", logStreamName="s", **given)
        return [event["message"] for event in answer["events"]], answer

    assert get(limit=3)[0] == ["4", "5", "6"]
    first, answer = get(limit=3, startFromHead=True)
    assert first == ["0", "1", "2"]
    second, answer = get(limit=3, nextToken=answer["nextForwardToken"])
    assert second == ["3", "4", "5"]
    assert get(limit=3, nextToken=answer["nextBackwardToken"])[0] == ["0", "1", "2"]
    third, answer = get(limit=3, nextToken=answer["nextForwardToken"])
    assert third == ["6"]
    end = answer["nextForwardToken"]
    nothing, answer = get(nextToken=end)
    assert (nothing, answer["nextForwardToken"]) == ([], end)
    world.clock.advance(1)
    world.put("later")
    assert get(nextToken=end)[0] == ["later"]
    assert get(startTime=world.now - 1000 + 5, endTime=world.now)[0] == ["5", "6"]
    assert world.error("GetLogEvents", logGroupName="g", logStreamName="s", nextToken="x")[1] == (
        "The specified nextToken is invalid."
    )


def test_searching_a_group(world: LogWorld) -> None:
    for name in ("a1", "a2", "b"):
        world.stream(name)
        world.put("an ERROR", "nothing", stream=name)

    def search(**given: Any) -> list[tuple[str, str]]:
        found, token = [], None
        while True:
            answer = world("FilterLogEvents", logGroupName="g", **given, **({"nextToken": token} if token else {}))
            found += [(event["logStreamName"], event["message"]) for event in answer["events"]]
            if (token := answer["nextToken"]) is None:
                return found

    errors = [("a1", "an ERROR"), ("a2", "an ERROR"), ("b", "an ERROR")]
    assert search(filterPattern="ERROR") == errors
    assert search(filterPattern="ERROR", limit=1) == errors
    assert search(filterPattern="ERROR", logStreamNamePrefix="a") == errors[:2]
    assert search(filterPattern="ERROR", logStreamNames=["b"]) == errors[2:]
    assert len(search()) == 6
    assert len(search(endTime=world.now)) == 3


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", "an ERROR here", True),
        ("ERROR", "an error here", False),
        ("ERROR Fail", "Fail ERROR", True),
        ("ERROR Fail", "ERROR", False),
        ("?ERROR ?WARN", "WARN", True),
        ("?ERROR ?WARN", "INFO", False),
        ("ERROR -Exiting", "ERROR Exiting", False),
        ("ERROR -Exiting", "ERROR here", True),
        ('"internal error"', "an internal error", True),
        ('"internal error"', "internal, error", False),
        ("%E[RX]+OR%", "EXOR", True),
        ('{ $.level = "ERROR" }', '{"level":"ERROR"}', True),
        ('{ $.level = "ERR*" }', '{"level":"ERROR"}', True),
        ('{ $.level != "ERROR" }', '{"level":"INFO"}', True),
        ('{ $.level != "ERROR" }', "{}", False),
        ("{ $.ms > 100 }", '{"ms":100.5}', True),
        ("{ $.ms > 100 }", '{"ms":"200"}', False),
        ('{ ($.a = 1 || $.b = 2) && $.c[0].d = "x" }', '{"b":2,"c":[{"d":"x"}]}', True),
        ("{ $.a IS TRUE }", '{"a":true}', True),
        ("{ $.a NOT EXISTS }", '{"b":1}', True),
        ("{ $.a NOT EXISTS }", "no JSON", False),
    ],
)
def test_filter_patterns(pattern: str, message: str, matches: bool) -> None:
    assert compile_pattern(pattern)(message) is matches


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("[ip, user]", "space-delimited"),
        ("{ $.a = }", "{ $.a = }"),
        ("{ $.a = 1", "{ $.a = 1"),
        ("{ $.a.* = 1 }", "wildcard"),
        ("foo-bar", "foo-bar"),
        ("%(%", "regular expression"),
        ('"open', "open"),
    ],
)
def test_filter_patterns_that_are_refused(pattern: str, named: str) -> None:
    with pytest.raises(AwsError) as raised:
        compile_pattern(pattern)
    assert raised.value.code == "InvalidParameterException"
    assert named in raised.value.message


def test_retention(world: LogWorld) -> None:
    world.stream()
    world.put("first")
    world("PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    world.clock.advance(2 * 86_400)
    assert world("GetLogEvents", logGroupName="g", logStreamName="s")["events"] == []
    assert len(world.log_store.read(WORLD, "g")) == 1
    retention.apply(world.ports)
    assert len(world.log_store.read(WORLD, "g")) == 0


def test_the_writer_makes_what_is_missing(world: LogWorld) -> None:
    world.writer.write(WORLD, "/aws/x", "s", [LogEvent(world.now, "m")])
    world.writer.write(WORLD, "/aws/x", "s", [LogEvent(world.now + 1, "n")])
    events = world("GetLogEvents", logGroupName="/aws/x", logStreamName="s")["events"]
    assert [event["message"] for event in events] == ["m", "n"]
    assert world("DescribeLogStreams", logGroupName="/aws/x")["logStreams"][0]["creationTime"] == world.now
