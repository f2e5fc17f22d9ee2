"""The reader of requests against bytes of all sorts: it never errs but in its own words, and what it takes,
an independent reader takes alike."""

from __future__ import annotations

import http.client
from io import BytesIO

from hypothesis import example, given
from hypothesis import strategies as st

from harness.node.admin import asked_of_admin, query_of
from harness.node.routes import command_of
from harness.node.web import BadRequest, Request, RequestReader

METHODS = st.sampled_from([b"GET", b"PUT", b"POST", b"BREW", b"get", b""])
TARGETS = st.sampled_from(
    [b"/", b"/x", b"/a%20b", b"/%", b"/%ff", b"x", b"//", b"/store/set/", b"/store/get/x",
     b"/crash?t=1", b"/drop?id=n2&id=n3", b"/history?key=%zz", b"/?" + b"q" * 99]
)  # fmt: skip
NAMES = st.sampled_from(
    [b"Content-Length", b"content-length", b"Content-Length ", b"Id", b"Cid", b"Expect", b"Host",
     b"Connection", b"Content-Type", b" Id", b"", b"X\tY"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        [
            b"1",
            b" 2 ",
            b"0",
            b"-1",
            b"+1",
            b"1,1",
            b"close",
            b"text/plain",
            b"100-continue",
            b"\xff",
            b"",
        ]
    ),
    st.binary(max_size=5),
)
FIELDS = st.lists(
    st.builds(lambda name, colon, value: name + colon + value, NAMES, st.sampled_from([b": ", b":", b" "]), VALUES),
    max_size=4,
)  # fmt: skip
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"])
REQUESTS = st.builds(
    lambda method, target, version, fields, end, body: (
        b" ".join([method, target, version]) + end + end.join([*fields, b"", b""]) + body
    ),
    METHODS, TARGETS, st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b""]), FIELDS, ENDS,
    st.binary(max_size=4),
)  # fmt: skip


def read_all(data: bytes, size: int) -> tuple[list[Request], BadRequest | None]:
    """The requests in ``data``, fed in pieces of ``size``, and why it was given up."""
    reader, found = RequestReader(), []
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        try:
            while (one := reader.next()) is not None:
                found.append(one)
        except BadRequest as bad:
            return found, bad
    return found, None


def refused(request: Request) -> BadRequest | None:
    """Why it is no command; None if it is one, or the admin's."""
    try:
        query_of(request.path)
        if asked_of_admin(request) is None:
            command_of(request)
    except BadRequest as bad:
        return bad
    return None


@given(st.one_of(st.lists(REQUESTS, max_size=3).map(b"".join), st.binary(max_size=60)))
@example(b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx")
def test_it_errs_only_in_its_own_words_and_does_not_care_how_bytes_are_cut(data: bytes) -> None:
    found, bad = read_all(data, max(1, len(data)))
    assert bad is None or bad.fatal
    by_bytes, again = read_all(data, 1)
    if b"\n\n" not in data:  # which is given up as soon as it is seen
        assert by_bytes == found
        assert again == bad or (
            again is not None and bad is not None and again.status == bad.status
        )
    for request in found:
        why_not = refused(request)
        assert why_not is None or (400 <= why_not.status < 500 and not why_not.fatal)


@given(REQUESTS)
def test_what_it_takes_the_standard_library_takes_alike(data: bytes) -> None:
    """Method: the head's fields by ``http.client.parse_headers``, which is the email package's parser."""
    found, _ = read_all(data, max(1, len(data)))
    if not found:
        return
    request = found[0]
    line, _, rest = data.partition(b"\r\n")
    fields = http.client.parse_headers(BytesIO(rest))
    assert line.split(b" ")[:2] == [request.method.encode(), request.path.encode()]
    assert len(request.body) == int((fields["Content-Length"] or "0").strip())
    for name, got in (("Id", request.client), ("Cid", request.serial)):
        told = fields.get_all(name) or [""]
        if got.isascii() and got.isalnum():
            assert told[-1].strip() == got.decode()
