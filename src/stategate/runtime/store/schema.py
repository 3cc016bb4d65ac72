"""The tables, and how a file of an older version becomes one of this version.

`PRAGMA user_version` is the number of migrations that a file has had. An execution's rows in `timer`, `task`, `token`
(tasks that wait for an answer from outside) and `watch` (tasks that wait for another execution) are there while it
runs; those in `frame` also when it ended without success, for a redrive. Its `history` stays. `version` counts its
commits: their fence. `machine_version` and `machine_alias` are the ARNs that it was started with; children of map runs
have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE record (
        account TEXT NOT NULL, region TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (kind, account, region, key)
    ) WITHOUT ROWID;

    CREATE TABLE definition (hash BLOB PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE execution (
        arn TEXT NOT NULL UNIQUE, machine TEXT NOT NULL, status TEXT NOT NULL, started REAL NOT NULL, stopped REAL,
        version INTEGER NOT NULL, definition BLOB NOT NULL, new BLOB NOT NULL, header BLOB,
        output TEXT, error TEXT, cause TEXT, redrives INTEGER NOT NULL DEFAULT 0, redriven REAL,
        continues INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX execution_by_machine ON execution (machine, started, arn);
    CREATE INDEX execution_by_status ON execution (machine, status, started, arn);
    CREATE INDEX execution_continues ON execution (arn) WHERE continues;

    CREATE TABLE frame (
        arn TEXT NOT NULL, frame INTEGER NOT NULL, state BLOB NOT NULL, PRIMARY KEY (arn, frame)
    ) WITHOUT ROWID;

    CREATE TABLE history (
        arn TEXT NOT NULL, first INTEGER NOT NULL, events BLOB NOT NULL, PRIMARY KEY (arn, first)
    ) WITHOUT ROWID;

    CREATE TABLE inbox (
        arn TEXT NOT NULL, event_id TEXT NOT NULL, event BLOB NOT NULL, PRIMARY KEY (arn, event_id)
    ) WITHOUT ROWID;

    CREATE TABLE timer (
        arn TEXT NOT NULL, timer TEXT NOT NULL, due REAL NOT NULL, PRIMARY KEY (arn, timer)
    ) WITHOUT ROWID;
    CREATE INDEX timer_by_due ON timer (due);

    CREATE TABLE task (
        arn TEXT NOT NULL, command INTEGER NOT NULL, task BLOB NOT NULL, PRIMARY KEY (arn, command)
    ) WITHOUT ROWID;

    CREATE TABLE express (arn TEXT NOT NULL PRIMARY KEY, definition BLOB NOT NULL, new BLOB NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE token (
        token TEXT NOT NULL UNIQUE, arn TEXT NOT NULL, command INTEGER NOT NULL, activity TEXT, input TEXT,
        offered INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX token_by_execution ON token (arn, command);
    CREATE INDEX token_offered ON token (activity) WHERE offered;

    CREATE TABLE watch (
        arn TEXT NOT NULL, command INTEGER NOT NULL, child TEXT NOT NULL, PRIMARY KEY (arn, command)
    ) WITHOUT ROWID;
    CREATE INDEX watch_by_child ON watch (child);
    """,
    """
    ALTER TABLE execution ADD COLUMN map_run TEXT;
    CREATE INDEX execution_children ON execution (map_run, started, arn) WHERE map_run IS NOT NULL;
    CREATE INDEX execution_stopped ON execution (stopped) WHERE stopped IS NOT NULL;

    CREATE TABLE map_run (
        arn TEXT NOT NULL PRIMARY KEY, execution TEXT NOT NULL, command INTEGER NOT NULL, status TEXT NOT NULL,
        started REAL NOT NULL, stopped REAL, spec BLOB NOT NULL, concurrency INTEGER NOT NULL,
        tolerated_count INTEGER, tolerated_percentage REAL, complete INTEGER NOT NULL DEFAULT 0,
        redrives INTEGER NOT NULL DEFAULT 0, redriven REAL
    ) WITHOUT ROWID;
    CREATE INDEX map_run_by_execution ON map_run (execution, started, arn);
    CREATE INDEX map_run_running ON map_run (arn) WHERE status = 'RUNNING';

    CREATE TABLE map_child (
        map_run TEXT NOT NULL, idx INTEGER NOT NULL, arn TEXT NOT NULL, input TEXT NOT NULL, items INTEGER NOT NULL,
        status TEXT NOT NULL, output TEXT, error TEXT, cause TEXT, started REAL, stopped REAL,
        PRIMARY KEY (map_run, idx)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE execution ADD COLUMN machine_version TEXT;
    ALTER TABLE execution ADD COLUMN machine_alias TEXT;
    UPDATE execution SET machine_version = msgpack_text(new, 'machine_version_arn'),
        machine_alias = msgpack_text(new, 'machine_alias_arn') WHERE map_run IS NULL;
    CREATE INDEX execution_by_version ON execution (machine_version, started, arn) WHERE machine_version IS NOT NULL;
    CREATE INDEX execution_by_version_status ON execution (machine_version, status, started, arn)
        WHERE machine_version IS NOT NULL;
    CREATE INDEX execution_by_alias ON execution (machine_alias, started, arn) WHERE machine_alias IS NOT NULL;
    CREATE INDEX execution_by_alias_status ON execution (machine_alias, status, started, arn)
        WHERE machine_alias IS NOT NULL;
    """,
    """
    CREATE INDEX map_child_express ON map_child (arn) WHERE arn GLOB '*:express:*';
    """,
)

APPLICATION = 0x53544757  # "STGW": what `file` and `PRAGMA application_id` say


class SchemaTooNew(Exception):
    """A newer Stategate wrote this file."""


def _msgpack_text(encoded: bytes, member: str) -> str | None:
    """A member of an encoded object, for scripts."""
    value = msgspec.msgpack.decode(encoded).get(member)
    return value if isinstance(value, str) else None


def migrate(connection: Any, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Brings the file to this version, each migration in a transaction of its own. Raises `SchemaTooNew`."""
    version = connection.execute("PRAGMA user_version").fetchall()[0][0]
    if version > len(migrations):
        raise SchemaTooNew(
            f"the data directory has schema version {version}, but this Stategate knows {len(migrations)} only;"
            " a newer Stategate wrote it"
        )
    if version < len(migrations):
        connection.create_scalar_function("msgpack_text", _msgpack_text, 2, deterministic=True)
    for number, script in enumerate(migrations[version:], start=version + 1):
        finish = f"PRAGMA user_version = {number}; PRAGMA application_id = {APPLICATION}; COMMIT"
        connection.execute(f"BEGIN IMMEDIATE; {script}; {finish}").fetchall()
