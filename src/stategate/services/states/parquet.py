"""Items out of Parquet files, with pyarrow where it is installed: the extra `stategate[parquet]`."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib.util import find_spec
from typing import IO, Any

from stategate.asl.distributed_items import Unreadable

ROWS = 200
"""So many are decoded at a time."""

NOT_INSTALLED = (
    "The InputType PARQUET takes the package pyarrow, which is not installed here: pip install 'stategate[parquet]'"
)


def installed() -> bool:
    return find_spec("pyarrow") is not None


def parquet_items(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """An object for each row. Dates and times are ISO 8601 texts, decimals are numbers, bytes are UTF-8 texts or else
    Base64. Raises `Unreadable`."""
    if not installed():
        raise Unreadable(NOT_INSTALLED)
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file, coerce_int96_timestamp_unit="us") as rows:
            for batch in rows.iter_batches(batch_size=ROWS):
                for row in batch.to_pylist(maps_as_pydicts="lossy"):
                    yield {name: _json(value) for name, value in row.items()}
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise Unreadable(f"The Parquet file cannot be read: {error}") from None


def _json(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            if not value.is_finite():
                return None
            return int(value) if value == value.to_integral_value() else float(value)
        case float():
            return value if math.isfinite(value) else None
        case bytes():
            return _text(value)
        case dict():
            return {str(name): _json(item) for name, item in value.items()}
        case list() | tuple():
            return [_json(item) for item in value]
        case _:
            return value


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
