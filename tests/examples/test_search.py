"""The search index of the example: the embedded one, and the official clients against a server like theirs."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

FUNCTIONS = Path(__file__).resolve().parents[2] / "examples" / "recipes" / "functions"


class Handler(BaseHTTPRequestHandler):
    """As much of the document API as the example uses, kept in a dict."""

    protocol_version = "HTTP/1.1"
    documents: dict[str, Any]
    distribution: str

    def do_GET(self) -> None:
        if self.path == "/":
            version = {"number": "9.0.0" if self.distribution == "elasticsearch" else "3.0.0"}
            if self.distribution == "opensearch":
                version["distribution"] = "opensearch"
            self.answer(200, {"name": "n", "version": version, "tagline": "You Know, for Search"})
        elif self.path in self.documents:
            self.answer(200, {"found": True, "_source": self.documents[self.path]})
        else:
            self.answer(404, {"found": False})

    def do_PUT(self) -> None:
        path, _, query = self.path.partition("?")
        assert query == "refresh=wait_for"
        self.documents[path] = self.body()
        self.answer(201, {"result": "created"})

    def do_POST(self) -> None:
        index = self.path.split("/")[1]
        words = self.body()["query"]["multi_match"]["query"].lower()
        hits = [
            {"_source": document}
            for path, document in self.documents.items()
            if path.startswith(f"/{index}/") and words in json.dumps(document).lower()
        ]
        self.answer(200, {"hits": {"hits": hits}})

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        kind = "application/vnd.elasticsearch+json; compatible-with=9"
        self.send_header("Content-Type", kind if self.distribution == "elasticsearch" else "application/json")
        if self.distribution == "elasticsearch":
            self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture(params=["embedded", "elasticsearch", "opensearch"])
def index(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(FUNCTIONS))
    monkeypatch.setenv("RECIPES_INDEX", str(tmp_path / "index.db"))
    monkeypatch.delenv("SEARCH_URL", raising=False)
    import search

    if request.param == "embedded":
        with search.connect() as index:
            yield index
        return
    pytest.importorskip("opensearchpy" if request.param == "opensearch" else "elasticsearch")
    handler = type("H", (Handler,), {"documents": {}, "distribution": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("SEARCH_URL", f"http://127.0.0.1:{server.server_port}")
    try:
        with search.connect() as index:
            yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_put_get_search(index: Any) -> None:
    assert index.get("recipes", "42") is None
    index.put("recipes", "42", {"id": "42", "title": "Plum cake"})
    index.put("recipes", "42", {"id": "42", "title": "Crème brûlée", "owner": {"name": "Ada"}})
    index.put("owners", "u3", {"id": "u3", "recipes": ["Crème brûlée"]})
    assert index.get("recipes", "42") == {"id": "42", "title": "Crème brûlée", "owner": {"name": "Ada"}}
    assert index.search("recipes", "ada") == [{"id": "42", "title": "Crème brûlée", "owner": {"name": "Ada"}}]
    assert index.search("recipes", "plum") == []
