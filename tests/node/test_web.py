"""HTTP as bytes in and bytes out: read against the standard library's own client and server words."""

from __future__ import annotations

import json
from http.client import HTTPResponse
from io import BytesIO
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.node import web
from harness.node.routes import command_of
from harness.node.web import BadRequest, Request, RequestReader
from protocols.kernel import Command

POST = b"POST / HTTP/1.1\r\nHost: n1\r\ncontent-LENGTH: 7\r\n\r\n[1,2,3]"
GET = b"GET /x HTTP/1.1\r\n\r\n"


def request(method: str, path: str, body: str = "") -> Request:
    return Request(method, path, body.encode(), True)


@given(st.lists(st.sampled_from([POST, GET])), st.integers(1, 50))
def test_requests_survive_any_cutting(requests: list[bytes], size: int) -> None:
    data = b"".join(requests)
    reader = RequestReader()
    found = []
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        while (one := reader.next()) is not None:
            found.append(one.method.encode())
    assert found == [one.split(b" ")[0] for one in requests]
    assert len(reader) == 0


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        (b"HTTP/1.1", True),
        (b"HTTP/1.1\r\nConnection: Close", False),
        (b"HTTP/1.0", False),
        (b"HTTP/1.0\r\nConnection: keep-alive", True),
    ],
)
def test_whether_the_connection_stays(head: bytes, keep_alive: bool) -> None:
    reader = RequestReader()
    reader.feed(b"GET / " + head + b"\r\n\r\n")
    one = reader.next()
    assert one is not None
    assert one.keep_alive is keep_alive


@pytest.mark.parametrize(
    ("bytes_", "status"),
    [
        (b"\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: \r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % (b"9" * 9000), 413),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length : 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nId: a\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nId: a\nCid: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno field\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n: no name\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\nHost: n\n\n", 400),
        (b"G" * 20_000, 431),
        (b"GET / HTTP/1.1\r\nx: %s\r\n\r\n" % (b"x" * 20_000), 431),
    ],
)
def test_what_cannot_be_read_is_fatal(bytes_: bytes, status: int) -> None:
    reader = RequestReader()
    reader.feed(bytes_)
    with pytest.raises(BadRequest) as caught:
        reader.next()
    assert (caught.value.status, caught.value.fatal) == (status, True)


@pytest.mark.parametrize(
    ("one", "command"),
    [
        (request("GET", "/x"), Command("read", "x")),
        (request("GET", "/a%20b%2Fc?since=1"), Command("read", "a b/c")),
        (request("PUT", "/x", "5"), Command("write", "x", 5)),
        (request("POST", "/x", '{"a":[1]}'), Command("write", "x", {"a": [1]})),
        (request("POST", "/", '{"f":"cas","key":"k","value":[1,2]}'), Command("cas", "k", [1, 2])),
        (
            request("POST", "/", '{"serial":7,"session":"c1","key":"","f":"noop"}'),
            Command("noop", "", None, "c1", 7),
        ),
        (Request("GET", "/x", b"", True, b"1.2", b"7"), Command("read", "x", None, "1.2", 7)),
        (Request("PUT", "/x", b"5", True, b"a", b"0"), Command("write", "x", 5, "a", 0)),
        (Request("PUT", "/x", b"five", True, text=True), Command("write", "x", "five")),
        (
            request("POST", "/", '{"Key":3,"Value":"NQ==","ClientID":"1.1","CommandID":2}'),
            Command("write", "3", "NQ==", "1.1", 2),
        ),
        (request("POST", "/", '{"Key":3,"Value":null}'), Command("read", "3")),
        (request("POST", "/store/set/", '{"key":"x","value":[1]}'), Command("write", "x", [1])),
        (request("GET", "/store/get/a%2fb"), Command("read", "a/b")),
        (request("GET", "/store/nop"), Command("read", "nop")),
    ],
)
def test_commands(one: Request, command: Command) -> None:
    assert command_of(one) == command


@pytest.mark.parametrize(
    ("one", "status", "problem"),
    [
        (request("GET", "/"), 404, "GET /KEY"),
        (request("PUT", "/", "5"), 404, "PUT /KEY"),
        (request("GET", "x"), 400, "not a path"),
        (request("BREW", "/x"), 405, "BREW"),
        (request("PUT", "/x", "{"), 400, "not JSON"),
        (request("PUT", "/x", "[" * 51 + "]" * 51), 400, "nested"),
        (request("PUT", "/x", "[" * 90_000), 400, "not JSON"),
        (request("POST", "/", "5"), 400, "a command is"),
        (request("POST", "/", '{"f":1,"key":"x"}'), 400, "a command is"),
        (request("POST", "/", '{"f":"read","key":"x","sesion":"c"}'), 400, "has no sesion"),
        (request("POST", "/", '{"f":"read","key":"x","serial":true}'), 400, "serial an int"),
        (request("POST", "/", '{"Key":true,"Value":null}'), 400, "a command is"),
        (request("GET", "/%zz"), 400, "not an escape"),
        (request("GET", "/%ff"), 400, "not UTF-8"),
        (request("POST", "/store/set/", '{"key":"x"}'), 400, "takes"),
        (request("POST", "/store/set/", '{"key":"x","value":1,"more":1}'), 400, "takes"),
        (request("GET", "/store/get/"), 404, "GET /store/get/KEY"),
        (request("PUT", "/store/get/x", "1"), 404, "GET /store/get/KEY"),
        (Request("GET", "/x", b"", True, b"1.2"), 400, "one of them is missing"),
        (Request("GET", "/x", b"", True, b"", b"7"), 400, "one of them is missing"),
        (Request("GET", "/x", b"", True, b"1.2", b"-7"), 400, "Cid is a whole number"),
        (Request("GET", "/x", b"", True, b"1.2", b"9" * 19), 400, "Cid is a whole number"),
        (Request("GET", "/x", b"", True, b"\xff", b"7"), 400, "Id is not UTF-8"),
        (Request("GET", "/x", b"", True, b"a" * 201, b"7"), 400, "more than 200"),
        (Request("PUT", "/x", b"\xff", True, text=True), 400, "not text in UTF-8"),
    ],
)
def test_what_is_no_command_is_refused_but_the_connection_stays(
    one: Request, status: int, problem: str
) -> None:
    with pytest.raises(BadRequest, match=problem) as caught:
        command_of(one)
    assert (caught.value.status, caught.value.fatal) == (status, False)


def test_wide_is_not_deep() -> None:
    body = json.dumps([[i] for i in range(1000)])
    assert command_of(request("PUT", "/x", body)).value == [[i] for i in range(1000)]


class FakeSocket:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> BytesIO:
        return BytesIO(self.data)


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (web.answer('"é"', ok=True), 200, {"ok": True, "value": "é"}),
        (web.answer('"was 5"', ok=False), 409, {"ok": False, "error": "was 5"}),
        (web.refusal(BadRequest(405, 'no "x"')), 405, {"ok": False, "error": 'no "x"'}),
    ],
)
def test_the_standard_library_reads_our_answers(
    answer: tuple[int, str], status: int, body: Any, keep_alive: bool
) -> None:
    """h11's habit: tested against an independent peer."""
    data = web.response(*answer, keep_alive=keep_alive)
    with HTTPResponse(cast("Any", FakeSocket(data))) as parsed:
        parsed.begin()
        assert parsed.status == status
        assert json.loads(parsed.read()) == body
        assert parsed.getheader("Connection") == (None if keep_alive else "close")
