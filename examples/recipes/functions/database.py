"""The recipes' database: PostgreSQL when DATABASE_URL is set, else the SQLite file of RECIPES_DB."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS owner (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS recipe (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    owner_id TEXT NOT NULL REFERENCES owner (id),
    moves INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS move (
    id TEXT PRIMARY KEY, recipe_id TEXT NOT NULL, previous_owner_id TEXT NOT NULL, new_owner_id TEXT NOT NULL
);
"""


class Database:
    """One transaction: committed when the block ends well, else rolled back. Statements use `?` for parameters."""

    def __init__(self, connection: Any, mark: str) -> None:
        self._connection = connection
        self._mark = mark

    def run(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        cursor = self._connection.cursor()
        cursor.execute(statement.replace("?", self._mark), parameters)
        if cursor.description is None:
            return []
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def one(self, statement: str, *parameters: object) -> dict[str, Any] | None:
        rows = self.run(statement, *parameters)
        return rows[0] if rows else None


def connect() -> tuple[Any, str]:
    url = os.environ.get("DATABASE_URL")
    if url:
        import psycopg

        return psycopg.connect(url), "%s"
    connection = sqlite3.connect(os.environ["RECIPES_DB"], timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection, "?"


@contextmanager
def transaction() -> Iterator[Database]:
    connection, mark = connect()
    try:
        with connection:
            yield Database(connection, mark)
    finally:
        connection.close()


def create() -> None:
    with transaction() as database:
        for statement in filter(str.strip, SCHEMA.split(";")):
            database.run(statement)
