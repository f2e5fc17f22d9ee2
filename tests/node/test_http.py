"""A real node by the standard library's HTTP client, and by raw bytes where that is too polite."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.node.web import BODY_BYTES_MAX
from tests.node.processes import Processes, cluster
from tests.waiting import wait_until

ADMIN = ("--admin", "127.0.0.0/8")


class Web:
    """One kept connection to a node."""

    def __init__(self, processes: Processes, node: int = 0) -> None:
        self.port = processes.http_ports[node]
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self.headers: Mapping[str, str] = {}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON value; the headers are kept."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, data, told)
        answer = self.connection.getresponse()
        self.headers = dict(answer.getheaders())
        return answer.status, json.loads(answer.read())

    def raw(self, data: bytes) -> bytes:
        """All that comes back on a connection of its own, until the node closes it."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as client:
            client.sendall(data)
            return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    base = tmp_path_factory.mktemp("http")
    with cluster(base, 1, *ADMIN, protocol="multipaxos") as made:
        made.start_all()
        yield made


@pytest.fixture
def web(processes: Processes) -> Iterator[Web]:
    web = Web(processes)
    yield web
    web.connection.close()


def test_a_key_is_written_and_read(web: Web) -> None:
    assert web("GET", "/new") == (200, {"ok": True, "value": None})
    for method, value in (("PUT", 5), ("POST", {"a": [None, "é"]})):
        assert web(method, "/new", value)[0] == 200
        assert web("GET", "/new") == (200, {"ok": True, "value": value})
    assert web("PUT", "/a%20b%2Fc", b"plain", Content_Type="text/plain")[0] == 200
    assert web("GET", "/a%20b%2Fc")[1]["value"] == "plain"


def test_paxi_s_and_gopaxos_forms(web: Web) -> None:
    assert (
        web("POST", "/", {"Key": 7, "Value": "NQ==", "ClientID": "1.1", "CommandID": 1})[0] == 200
    )
    assert web("POST", "/", {"Key": 7, "Value": None})[1]["value"] == "NQ=="
    assert web("GET", "/7")[1]["value"] == "NQ=="
    assert web("POST", "/store/set/", {"key": "g", "value": 1})[0] == 200
    assert web("GET", "/store/get/g")[1]["value"] == 1
    assert web("GET", "/store/nop")[0] == 200


def test_id_and_cid_run_a_command_once_and_come_back_with_where_it_was_decided(web: Web) -> None:
    for again in (False, True):
        assert web("POST", "/l", {"first": 1}, Id="1.9", Cid="1")[0] == 200
        assert (web.headers["Id"], web.headers["Cid"]) == ("1.9", "1")
        assert web.headers["Ballot"].count(".") >= 1
        assert ("Slot" in web.headers) is not again  # a retry is answered, not decided again
        if not again:
            assert int(web.headers["Slot"]) == int(web.headers["Execute"])
            assert web("PUT", "/l", "overwritten")[0] == 200
            assert "Slot" not in web.headers
    assert web("GET", "/l")[1]["value"] == "overwritten"  # else the retry has run again
    assert web("PUT", "/l", 2, Id="1.9", Cid="2")[0] == 200
    assert web("GET", "/l")[1]["value"] == 2


@pytest.mark.parametrize(
    ("asked", "headers", "status"),
    [
        (("GET", "/", None), {}, 404),
        (("DELETE", "/x", None), {}, 405),
        (("PUT", "/x", b"{"), {}, 400),
        (("PUT", "/x", b"1"), {"Id": "1.1"}, 400),
        (("PUT", "/x", b"1"), {"Id": "1.1", "Cid": "one"}, 400),
        (("GET", "/%ff", None), {}, 400),
        (("POST", "/", b"[]"), {}, 400),
        (("POST", "/", b'{"f":"dance","key":"x"}'), {}, 409),
        (("GET", "/history", None), {}, 400),
        (("GET", "/history?key=nobody", None), {}, 404),
        (("PUT", "/history?key=x", b"1"), {}, 405),
        (("GET", "/log/print?last=none", None), {}, 400),
        (("GET", "/drop?t=1", None), {}, 400),
        (("GET", "/drop?id=n9&t=1", None), {}, 404),
        (("GET", "/drop?id=n1&t=1", None), {}, 400),
        (("GET", "/slow?id=n1&ms=x", None), {}, 400),
        (("GET", "/crash?t=soon", None), {}, 400),
        (("GET", "/partition?t=1", None), {}, 400),
        (("GET", "/crash?t=1&t=2", None), {}, 400),
        (("PUT", "/heal", b"1"), {}, 405),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_sentence_and_the_connection_stays(
    web: Web, asked: tuple[str, str, bytes | None], headers: dict[str, str], status: int
) -> None:
    got, answer = web(*asked, **headers)
    assert got == status
    assert answer["ok"] is False
    assert len(answer["error"].split()) > 2
    kept = web.connection.sock
    assert web("GET", "/x")[0] == 200
    assert web.connection.sock is kept


def test_a_large_value_and_one_that_is_too_large(web: Web) -> None:
    value = "é" * (BODY_BYTES_MAX // 2 - 10)
    assert web("PUT", "/large", json.dumps(value, ensure_ascii=False).encode())[0] == 200
    assert web("GET", "/large")[1]["value"] == value
    head = b"PUT /large HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1)
    assert web.raw(head).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_asks_whether_to_go_on_is_told_to(web: Web) -> None:
    with socket.create_connection(("127.0.0.1", web.port), 20) as client:
        client.sendall(
            b"PUT /e HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"12")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def test_who_was_told_to_go_on_is_told_so_once(web: Web) -> None:
    """Also where the answer needs no replica: a refusal, and then nothing."""
    with socket.create_connection(("127.0.0.1", web.port), 20) as client:
        client.sendall(b"PUT /e HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{")
        client.sendall(b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
        rest = b"".join(iter(lambda: client.recv(65536), b""))
    assert [part[:3] for part in rest.split(b"HTTP/1.1 ")[1:]] == [b"400", b"200"]


def test_pipelined_requests_are_answered_in_order_whatever_they_are(web: Web) -> None:
    """Commands wait for the replica, histories for a file, refusals for nothing."""
    asked = [
        b"PUT /p HTTP/1.1\r\nContent-Length: 1\r\n\r\n1",
        b"GET /history?key=p HTTP/1.1\r\n\r\n",
        b"BREW /p HTTP/1.1\r\n\r\n",
        b"GET /p HTTP/1.1\r\n\r\n",
        b"GET /state HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n",
    ]
    answers = web.raw(b"".join(asked)).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"200", b"405", b"200", b"200", b"200"]
    bodies = [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers]
    assert len(bodies[1]["value"]) == 1
    assert bodies[3]["value"] == 1
    assert bodies[4]["id"] == bodies[5]["node"] == 0
    assert b"Allow: GET, PUT, POST" in answers[2]


def test_history_and_log_say_what_was_done(web: Web) -> None:
    for value in range(3):
        web("PUT", "/h", value, Id="h", Cid=str(value + 1))
    assert web("GET", "/history?key=h")[1]["value"] == ["h/1", "h/2", "h/3"]
    decided = web("GET", "/log/print?last=3")[1]["value"]
    assert [what for _, what in decided] == ["h/1", "h/2", "h/3"]
    slots = [slot for slot, _ in web("GET", "/log/print")[1]["value"]]
    assert slots == sorted(set(slots))


def test_who_seems_to_have_crashed_serves_nobody_until_it_is_healed(web: Web) -> None:
    assert web("POST", "/crash?t=600") == (
        200,
        {"ok": True, "value": {"crash": pytest.approx(600, 1)}},
    )
    assert web("GET", "/x")[0] == 503
    assert web.headers["Retry-After"] == "1"
    assert web("GET", "/health")[0] == 200
    assert web("GET", "/heal") == (200, {"ok": True, "value": {}})
    assert web("GET", "/x")[0] == 200


def test_admin_is_off_and_asked_from_elsewhere_refused(tmp_path: Path) -> None:
    for arguments, sentence in (((), "admin is off"), (("--admin", "10.0.0.0/8"), "not for 127")):
        base = tmp_path / (sentence[:3])
        base.mkdir()
        with cluster(base, 1, *arguments) as processes:
            processes.start_all()
            web = Web(processes)
            for path in ("/state", "/crash?t=1", "/history?key=x", "/log/print", "/heal"):
                status, answer = web("GET", path)
                assert (status, sentence in answer["error"]) == (403, True), path
            assert web("GET", "/x")[0] == 200
            web.connection.close()


def test_a_node_without_a_majority_says_in_time_that_nobody_knows(tmp_path: Path) -> None:
    """GoPaxos waits for ever there (PROTOCOLS.md, G-7). The faults are those of the node's own door."""
    with cluster(tmp_path, 3, *ADMIN, "--answer-s", "1", protocol="multipaxos") as processes:
        processes.start_all()
        web = Web(processes)
        wait_until(lambda: web("PUT", "/x", 1)[0] == 200, 20, "it serves")
        on = web("GET", "/partition?ids=n2,n3&t=600")[1]["value"]
        assert sorted(on) == ["deaf", "drop"]
        assert web("GET", "/x")[0] == 503
        assert web.headers["Retry-After"] == "1"
        others = Web(processes, 1)
        wait_until(lambda: others("PUT", "/x", 2)[0] == 200, 20, "the others serve")
        web("GET", "/heal")
        wait_until(lambda: web("GET", "/x") == (200, {"ok": True, "value": 2}), 20, "it is back")
        for told in ("/slow?id=n2&ms=30", "/flaky?id=n3&p=0.1", "/drop?id=n2&t=0.05"):
            assert web("GET", told)[0] == 200
        wait_until(lambda: web("PUT", "/x", 3)[0] == 200, 20, "slow, but it serves")
        web.connection.close()
        others.connection.close()
