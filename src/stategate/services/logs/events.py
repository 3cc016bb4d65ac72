"""Log events: put, read from a stream, searched in a group."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from stategate.services.call import Call, Input, Output
from stategate.services.logs import common, filters, records
from stategate.services.logs.records import Group
from stategate.services.logs.streams import SEQUENCE_TOKEN
from stategate.services.ports import LogEvent, StoredLogEvent

MAX_EVENTS = 10_000
MAX_BATCH = 1_048_576
OVERHEAD = 26
MAX_ANSWER = 1_048_576
TOO_OLD = 14 * common.DAY
TOO_NEW = 2 * 3_600_000
_SCANNED = 10_000
_MAX_SCANS = 100


# --- putting ----------------------------------------------------------------------------------------------------


def put_log_events(call: Call, given: Input) -> Output:
    group = common.group(call, given["logGroupName"])
    stream = common.stream(call, group.name, given["logStreamName"])
    if given.get("entity") is not None:
        raise common.unsupported("entity")
    events = [LogEvent(event["timestamp"], event["message"]) for event in given["logEvents"]]
    _check_batch(events)
    accepted, rejected = _sorted_out(call, group, events)
    if accepted:
        call.ports.log_events.append(call.world, group.name, stream.name, accepted)
    return {"nextSequenceToken": SEQUENCE_TOKEN, "rejectedLogEventsInfo": rejected}


def _check_batch(events: Sequence[LogEvent]) -> None:
    if not 1 <= len(events) <= MAX_EVENTS:
        raise common.invalid(
            "1 validation error detected: Value at 'logEvents' failed to satisfy constraint:"
            f" Member must have length between 1 and {MAX_EVENTS}"
        )
    size = sum(len(event.message.encode("utf-8", "replace")) + OVERHEAD for event in events)
    if size > MAX_BATCH:
        raise common.invalid(f"Upload too large: {size} bytes exceeds limit of {MAX_BATCH}")
    times = [event.timestamp for event in events]
    if times != sorted(times):
        raise common.invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if times[-1] - times[0] > common.DAY:
        raise common.invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")


def _sorted_out(call: Call, group: Group, events: Sequence[LogEvent]) -> tuple[Sequence[LogEvent], Output | None]:
    """The events that are neither too old nor too new, and what AWS says of the others."""
    now = int(call.now * 1000)
    expired_before = common.cutoff(call, group)
    old = sum(event.timestamp < now - TOO_OLD for event in events)
    expired = 0 if expired_before is None else sum(event.timestamp < expired_before for event in events)
    new = sum(event.timestamp > now + TOO_NEW for event in events)
    rejected: dict[str, Any] = {}
    if new:
        rejected["tooNewLogEventStartIndex"] = len(events) - new
    if old:
        rejected["tooOldLogEventEndIndex"] = old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    return events[max(old, expired) : len(events) - new], rejected or None


# --- reading a stream -------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"(?P<way>[fb])/(?P<time>\d{20})(?P<number>\d{36})/s")


def get_log_events(call: Call, given: Input) -> Output:
    group = common.named_group(call, given)
    stream = common.stream(call, group.name, given["logStreamName"])
    limit = given.get("limit") or MAX_EVENTS
    token = given.get("nextToken")
    match = _token(token) if token is not None else None
    forward = match["way"] == "f" if match else bool(given.get("startFromHead"))
    after = (int(match["time"]), match["time"] + match["number"]) if match else None
    events = call.ports.log_events.read(
        call.world,
        group.name,
        streams=[stream.name],
        start=_start(call, group, given.get("startTime")),
        end=given.get("endTime"),
        after=after,
        limit=limit,
        reverse=not forward,
    )
    events = _within_answer(events)
    if not forward:
        events = events[::-1]
    return {"events": [_shape(event) for event in events], **_tokens(events, match, given)}


def _token(text: str) -> re.Match[str]:
    match = _TOKEN.fullmatch(text)
    if match is None:
        raise common.invalid("The specified nextToken is invalid.")
    return match


def _tokens(events: Sequence[StoredLogEvent], match: re.Match[str] | None, given: Input) -> Output:
    """At the end of the stream a token leads to itself."""
    if events:
        return {"nextForwardToken": f"f/{events[-1].id}/s", "nextBackwardToken": f"b/{events[0].id}/s"}
    if match is not None:
        place = match["time"] + match["number"]
    else:
        place = f"{max(given.get('startTime') or 0, 0):020d}{0:036d}"
    return {"nextForwardToken": f"f/{place}/s", "nextBackwardToken": f"b/{place}/s"}


def _within_answer(events: Sequence[StoredLogEvent]) -> Sequence[StoredLogEvent]:
    """As many as an answer may hold; at least one."""
    size = 0
    for count, event in enumerate(events):
        size += len(event.message) + OVERHEAD
        if size > MAX_ANSWER and count:
            return events[:count]
    return events


def _start(call: Call, group: Group, start: int | None) -> int | None:
    cutoff = common.cutoff(call, group)
    return start if cutoff is None else max(cutoff, start or 0)


def _shape(event: StoredLogEvent) -> Output:
    return {"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingested}


# --- searching a group ------------------------------------------------------------------------------------------


def filter_log_events(call: Call, given: Input) -> Output:
    """Reads on until the page is full; the next page begins after the last event that was looked at."""
    group = common.named_group(call, given)
    matches = filters.compile_pattern(given.get("filterPattern") or "")
    streams = _streams(call, group, given)
    limit = given.get("limit") or MAX_EVENTS
    token = given.get("nextToken")
    match = _token(token) if token is not None else None
    after = (int(match["time"]), match["time"] + match["number"]) if match else None
    end = given.get("endTime")
    found: list[StoredLogEvent] = []
    size, more = 0, False
    for _ in range(_MAX_SCANS):
        read = call.ports.log_events.read(
            call.world,
            group.name,
            streams=streams,
            start=_start(call, group, given.get("startTime")),
            end=None if end is None else end + 1,
            after=after,
            limit=_SCANNED,
        )
        more = len(read) == _SCANNED
        for event in read:
            if matches(event.message):
                if len(found) == limit or (found and size + len(event.message) > MAX_ANSWER):
                    return _found(found, after)
                found.append(event)
                size += len(event.message) + OVERHEAD
            after = (event.timestamp, event.id)
        if not more:
            break
    return _found(found, after if more else None)


def _streams(call: Call, group: Group, given: Input) -> list[str] | None:
    names, prefix = given.get("logStreamNames"), given.get("logStreamNamePrefix")
    if names and prefix is not None:
        raise common.invalid("logStreamNamePrefix and logStreamNames cannot be specified together.")
    if names:
        return [common.stream(call, group.name, name).name for name in names]
    if prefix is None:
        return None
    kept = records.streams(call.ports.store, call.world)
    return [stream.name for _, stream in kept.items(records.stream_key(group.name, prefix))]


def _found(events: Sequence[StoredLogEvent], after: tuple[int, str] | None) -> Output:
    return {
        "events": [{"logStreamName": event.stream, **_shape(event), "eventId": event.id} for event in events],
        "searchedLogStreams": [],
        "nextToken": None if after is None else f"f/{after[1]}/s",
    }
