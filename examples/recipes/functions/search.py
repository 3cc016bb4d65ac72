"""The search index: an Elasticsearch or OpenSearch server when SEARCH_URL is set, else SQLite's full-text index (FTS5)
in the file of RECIPES_INDEX. A document is a dict; putting the same id again replaces it."""

import json
import os
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol


class Index(Protocol):
    def put(self, index: str, document_id: str, document: dict[str, Any]) -> None: ...

    def get(self, index: str, document_id: str) -> dict[str, Any] | None: ...

    def search(self, index: str, words: str) -> list[dict[str, Any]]: ...

    def close(self) -> None: ...


class Embedded:
    """One FTS5 table: the text of a document's values is searchable, the document itself is kept beside it."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS document USING fts5"
            " (name UNINDEXED, id UNINDEXED, body UNINDEXED, words, tokenize = 'unicode61 remove_diacritics 2')"
        )

    def put(self, index: str, document_id: str, document: dict[str, Any]) -> None:
        words = " ".join(_words(document))
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("DELETE FROM document WHERE name = ? AND id = ?", (index, document_id))
        self._connection.execute(
            "INSERT INTO document VALUES (?, ?, ?, ?)", (index, document_id, json.dumps(document), words)
        )
        self._connection.execute("COMMIT")

    def get(self, index: str, document_id: str) -> dict[str, Any] | None:
        row = self._connection.execute(
            "SELECT body FROM document WHERE name = ? AND id = ?", (index, document_id)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def search(self, index: str, words: str) -> list[dict[str, Any]]:
        query = " ".join('"' + word.replace('"', '""') + '"' for word in words.split())
        rows = self._connection.execute(
            "SELECT body FROM document WHERE document MATCH ? AND name = ? ORDER BY rank", (query, index)
        )
        return [json.loads(body) for (body,) in rows]

    def close(self) -> None:
        self._connection.close()


class Server:
    """An Elasticsearch or OpenSearch server through its official client; which of the two it is, it says itself."""

    def __init__(self, url: str) -> None:
        with urllib.request.urlopen(url, timeout=10) as answer:
            distribution = json.load(answer).get("version", {}).get("distribution")
        self._client: Any
        self._missing: type[Exception]
        if distribution == "opensearch":
            import opensearchpy

            self._client, self._body, self._missing = opensearchpy.OpenSearch(url), "body", opensearchpy.NotFoundError
        else:
            import elasticsearch

            self._client, self._body, self._missing = (
                elasticsearch.Elasticsearch(url),
                "document",
                elasticsearch.NotFoundError,
            )

    def put(self, index: str, document_id: str, document: dict[str, Any]) -> None:
        self._client.index(index=index, id=document_id, refresh="wait_for", **{self._body: document})

    def get(self, index: str, document_id: str) -> dict[str, Any] | None:
        try:
            source: dict[str, Any] = self._client.get(index=index, id=document_id)["_source"]
        except self._missing:
            return None
        return source

    def search(self, index: str, words: str) -> list[dict[str, Any]]:
        query = {"query": {"multi_match": {"query": words, "operator": "and", "lenient": True}}}
        found = self._client.search(index=index, body=query)
        return [hit["_source"] for hit in found["hits"]["hits"]]

    def close(self) -> None:
        self._client.close()


def _words(value: Any) -> list[str]:
    match value:
        case dict():
            return [word for item in value.values() for word in _words(item)]
        case list():
            return [word for item in value for word in _words(item)]
        case _:
            return [str(value)]


@contextmanager
def connect() -> Iterator[Index]:
    url = os.environ.get("SEARCH_URL")
    index: Index = Server(url) if url else Embedded(os.environ["RECIPES_INDEX"])
    try:
        yield index
    finally:
        index.close()
