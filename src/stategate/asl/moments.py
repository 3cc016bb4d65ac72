"""Timestamps as Wait states read them: RFC 3339 with an upper case T, and Z or an offset; nanoseconds at most."""

import datetime
import re

_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)


def parse(text: str) -> float | None:
    """Epoch seconds, or None for what is no such timestamp."""
    match = _RFC3339.match(text)
    if match is None:
        return None
    zone = match[8]
    offset = datetime.timedelta()
    if zone != "Z":
        offset = datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
        if offset >= datetime.timedelta(hours=24):
            return None
    try:
        moment = datetime.datetime(*(int(match[part]) for part in range(1, 7)), tzinfo=datetime.UTC)  # type: ignore[misc, arg-type]
        moment = moment - offset if zone[0] != "-" else moment + offset
    except (ValueError, OverflowError):
        return None
    return moment.timestamp() + float("0." + (match[7] or "0"))
