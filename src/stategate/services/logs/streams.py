"""Log streams: made, listed, deleted."""

from __future__ import annotations

from stategate.services.call import Call, Input, Output
from stategate.services.logs import common, records
from stategate.services.logs.records import Group, Stream
from stategate.services.ports import StoredLogEvent

SEQUENCE_TOKEN = "49039859627405664127160136063185430480231263744370803890"
"""PutLogEvents needs no token any more; clients that pass on what they were told may go on doing so."""


def create_log_stream(call: Call, given: Input) -> Output:
    group, name = common.group(call, given["logGroupName"]), given["logStreamName"]
    common.check_stream_name(name)
    streams = records.streams(call.ports.store, call.world)
    key = records.stream_key(group.name, name)
    if streams.get(key) is not None:
        raise common.already_exists("log stream")
    streams.put(key, Stream(group=group.name, name=name, created=int(call.now * 1000)))
    return {}


def delete_log_stream(call: Call, given: Input) -> Output:
    group = common.group(call, given["logGroupName"])
    stream = common.stream(call, group.name, given["logStreamName"])
    records.streams(call.ports.store, call.world).delete(records.stream_key(group.name, stream.name))
    call.ports.log_events.delete(call.world, group.name, stream.name)
    return {}


def describe_log_streams(call: Call, given: Input) -> Output:
    group = common.named_group(call, given)
    prefix, order = given.get("logStreamNamePrefix"), given.get("orderBy", "LogStreamName")
    if prefix is not None and order == "LastEventTime":
        raise common.invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    kept = records.streams(call.ports.store, call.world)
    streams = [stream for _, stream in kept.items(records.stream_key(group.name, prefix or ""))]
    descending = bool(given.get("descending"))
    by_time = order == "LastEventTime"
    placed = [(_time(_last(call, group, stream)) if by_time else 0, stream.name, stream) for stream in streams]
    placed.sort(key=lambda one: one[:2], reverse=descending)
    items = (((time, name), stream) for time, name, stream in placed)
    chosen, token = common.page(given, items, descending=descending)
    return {"logStreams": [_shape(call, group, stream) for stream in chosen], "nextToken": token}


def _time(event: StoredLogEvent | None) -> int:
    return 0 if event is None else event.timestamp


def _last(call: Call, group: Group, stream: Stream) -> StoredLogEvent | None:
    read = call.ports.log_events.read(call.world, group.name, streams=[stream.name], limit=1, reverse=True)
    return read[0] if read else None


def _shape(call: Call, group: Group, stream: Stream) -> Output:
    last = _last(call, group, stream)
    shape: Output = {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "arn": f"{common.group_arn(call.world, group.name)}:log-stream:{stream.name}",
        "storedBytes": 0,
    }
    if last is not None:
        first = call.ports.log_events.read(call.world, group.name, streams=[stream.name], limit=1)
        shape |= {
            "firstEventTimestamp": first[0].timestamp if first else last.timestamp,
            "lastEventTimestamp": last.timestamp,
            "lastIngestionTime": last.ingested,
            "uploadSequenceToken": SEQUENCE_TOKEN,
        }
    return shape
