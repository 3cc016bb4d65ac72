"""The protocol on a real socket: what uvicorn's own does not do."""

import http.client
import socket
import time
from typing import Any

import pytest


def talk(server: Any, sent: bytes, wait: float = 60) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
            if b"\r\n\r\n" in received and b"close" not in received:
                break
        return received


def test_a_method_in_lower_case_is_taken(server: Any) -> None:
    answer = talk(server, b"get /_stategate/health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_body_in_lower_case_is_no_method(server: Any) -> None:
    """A body that comes in a packet of its own must stay as it is."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        target = b"X-Amz-Target: AWSStepFunctions.ListStateMachines\r\n"
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.0\r\n" + target
        connection.sendall(head + b"Content-Length: 9\r\n\r\n")
        time.sleep(0.1)
        connection.sendall(b"get a b c")
        answer = connection.recv(65536)
    assert b"SerializationException" in answer


def test_answers_keep_the_casing_of_names(server: Any) -> None:
    answer = talk(server, b"GET /_stategate/health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"\r\nContent-Type: application/json\r\n" in answer
    assert b"\r\nDate: " in answer


def test_two_requests_at_once_get_two_answers(server: Any) -> None:
    one = b"GET /_stategate/health HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(one + one)
        received = b""
        while received.count(b'"status":"ok"') < 2:
            chunk = connection.recv(65536)
            assert chunk
            received += chunk
    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_connection_close_is_kept(server: Any) -> None:
    answer = talk(server, b"GET /_stategate/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"}")


def test_head_has_no_body(server: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for _ in range(2):
        connection.request("HEAD", "/_stategate/health")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
    connection.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(100)) + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01 not HTTP at all\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"get",
    ],
)
def test_what_is_no_request_is_refused_and_others_go_on(server: Any, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = connection.recv(65536)
    assert received == b"" or received.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))
    assert server.healthy()


def test_an_idle_head_does_not_hold_others_up(server: Any) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert server.healthy()
