"""What a client makes of each answer, and of none: ok, fail (Refused) or info (anything else)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.errors import ConnectError
from harness.systems.http_client import HttpClient, ResponseError, StatusError, connect_to, get
from workloads.kernel import Refused

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"ok":true,"value":7}'


class Server:
    """Plays a list of scripts, one a connection: bytes to answer each request with; None closes."""

    def __init__(self, scripts: list[list[bytes | None]]) -> None:
        self.heard: list[bytes] = []
        self.accepted = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._play, args=(scripts,))
        self._thread.start()

    def _play(self, scripts: list[list[bytes | None]]) -> None:
        for script in scripts:
            connection, _ = self._listening.accept()
            self.accepted += 1
            with connection:
                for answer in script:
                    if answer is None:
                        break
                    self.heard.append(connection.recv(65536))
                    connection.sendall(answer)
                else:
                    connection.recv(65536)  # until the client goes

    def close(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._listening.close()


@contextmanager
def serving(
    *scripts: list[bytes | None], timeout_s: float = 5.0
) -> Iterator[tuple[Server, HttpClient]]:
    server = Server(list(scripts))
    client = HttpClient(connect_to("127.0.0.1", server.port, timeout_s), 3)
    try:
        yield server, client
    finally:
        client.close()
        server.close()


def answer(status: int, body: str) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def test_ops_share_a_connection_and_count_up_in_the_session_of_the_process() -> None:
    with serving([OK, OK]) as (server, client):
        assert client.invoke("write", "é", [1, None]) == 7
        assert client.invoke("read", "x", None) == 7

    assert server.accepted == 1
    bodies = [request.partition(b"\r\n\r\n")[2] for request in server.heard]
    assert bodies == [
        b'{"f":"write","key":"\\u00e9","value":[1,null],"session":"c3","serial":1}',
        b'{"f":"read","key":"x","value":null,"session":"c3","serial":2}',
    ]


def test_409_is_fail_with_the_reason_and_the_connection_stays() -> None:
    with serving([answer(409, '{"ok":false,"error":"was 5"}'), OK]) as (server, client):
        with pytest.raises(Refused, match="was 5"):
            client.invoke("cas", "x", [1, 2])
        assert client.invoke("read", "x", None) == 7
    assert server.accepted == 1


def test_a_connection_that_cannot_be_opened_is_fail() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    client = HttpClient(connect_to("127.0.0.1", port, 1), 0)
    with pytest.raises(Refused, match="cannot connect"):
        client.invoke("read", "x", None)


@pytest.mark.parametrize(
    "bad",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        answer(200, "[1]"),
        answer(200, "{"),
        answer(503, '{"ok":false,"error":"busy"}'),
        OK + b"more",
        b"",
    ],
)
def test_anything_else_is_info_and_ends_the_connection(bad: bytes) -> None:
    """A late answer must not be taken for that of the next op: it goes over a new connection."""
    with serving([bad, None], [OK]) as (server, client):
        with pytest.raises(OSError):
            client.invoke("read", "x", None)
        assert client.invoke("read", "x", None) == 7
    assert server.accepted == 2


def test_no_answer_in_time_is_info() -> None:
    with serving([b""], timeout_s=0.05) as (_, client), pytest.raises(TimeoutError):
        client.invoke("write", "x", 1)


def test_an_answer_in_pieces_is_put_together() -> None:
    connection = Pieces([OK[i : i + 1] for i in range(len(OK))])
    assert HttpClient(lambda: connection, 0).invoke("read", "x", None) == 7


def test_a_host_that_is_not_reached_is_fail_since_nothing_was_sent() -> None:
    def connect() -> Pieces:
        raise ConnectError("h1", "no route")

    with pytest.raises(Refused, match="h1: no route"):
        HttpClient(connect, 0).invoke("write", "x", 1)


def test_a_channel_that_says_that_it_has_ended_is_replaced() -> None:
    first, second = Pieces([OK]), Pieces([OK])
    channels = [second, first]
    client = HttpClient(channels.pop, 0)
    assert client.invoke("read", "x", None) == 7
    first.eof_received = True
    assert client.invoke("read", "x", None) == 7


class Pieces:
    """Any object with these three methods is a connection: a channel through SSH, for one."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.eof_received = False

    def sendall(self, data: bytes) -> None: ...

    def recv(self, size: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def close(self) -> None: ...


def test_a_connection_that_the_node_has_closed_meanwhile_is_replaced_before_anything_is_sent() -> (
    None
):
    """So a node's restart costs the op that was in flight, and no other, its certainty."""
    with serving([OK, None], [OK]) as (server, client):
        assert client.invoke("read", "x", None) == 7
        peer = client._connection
        assert isinstance(peer, socket.socket)
        peer.recv(1, socket.MSG_PEEK)  # until the end has arrived
        assert client.invoke("read", "x", None) == 7
    assert server.accepted == 2


def test_get_raises_for_a_status_that_is_not_200() -> None:
    with serving([answer(404, "{}")]) as (server, _), pytest.raises(ResponseError):
        get(connect_to("127.0.0.1", server.port, 5), "/health")


@pytest.mark.parametrize(
    ("body", "problem"),
    [('{"ok":false,"error":"admin is off"}', "admin is off"), ("[", "status 403: b'['")],
)
def test_what_a_node_says_of_its_refusal_is_kept(body: str, problem: str) -> None:
    with serving([answer(403, body)]) as (server, _), pytest.raises(StatusError) as caught:
        get(connect_to("127.0.0.1", server.port, 5), "/state")
    assert caught.value.problem == problem
