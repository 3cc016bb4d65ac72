"""Timestamps on the wire and as epoch seconds. Formats: the three that AWS's protocols know."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from math import isfinite

from stategate.wire.problems import serialization


def epoch(seconds: float) -> float:
    """With millisecond precision; a whole number is an int, as AWS writes it."""
    rounded = round(seconds, 3)
    return int(rounded) if rounded == int(rounded) else rounded


def iso8601(seconds: float) -> str:
    """`2024-01-31T23:59:59Z`; the milliseconds are written only if there are any."""
    milliseconds = round(seconds * 1000)
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{milliseconds % 1000:03d}Z" if milliseconds % 1000 else f"{moment}Z"


def rfc822(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


def parse(text: str) -> float:
    """Reads any of the three formats. Raises `WireError` for anything else."""
    try:
        seconds = float(text)
    except ValueError:
        return _parse_date(text)
    if not isfinite(seconds):
        raise serialization(f"Unable to parse date {text}")
    return seconds


def _parse_date(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text) if "-" in text[:8] else parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise serialization(f"Unable to parse date {text}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
