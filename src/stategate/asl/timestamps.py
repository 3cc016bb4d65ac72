"""Timestamps of the States Language: RFC 3339 with an upper case `T` and an offset or an upper case `Z`."""

import re
from datetime import UTC, datetime, timedelta

NANOSECONDS = 1_000_000_000
"""In a second."""

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp(text: str) -> int | None:
    """Nanoseconds since the epoch, or None if the text is no timestamp."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    offset = 0
    if sign:
        offset = int(offset_hours) * 60 + int(offset_minutes)
        if int(offset_hours) > 18 or int(offset_minutes) > 59:
            return None
        offset = -offset if sign == "-" else offset
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    seconds = (moment - _EPOCH) // timedelta(seconds=1) - offset * 60
    return seconds * NANOSECONDS + int((fraction or "").ljust(9, "0"))
