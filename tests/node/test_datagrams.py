"""Messages over UDP: cut, put together again in any order, bounded, and never mixed up."""

from __future__ import annotations

from itertools import chain
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.node import datagrams
from harness.node.config import Address
from harness.node.counters import Counters
from harness.node.datagrams import MESSAGE_BYTES_MAX, PIECE_BYTES, Datagrams
from harness.node.transport import Station
from protocols.wire import WireError

WHERE = {node: Address("127.0.0.1", 7000 + node) for node in range(3)}


class End:
    """One node's end, without a socket."""

    def __init__(self, node: int, digest: str = "ab" * 8) -> None:
        self.counters = Counters()
        self.got: list[tuple[int, str]] = []
        station = Station(
            id=node, digest=digest, where=WHERE, counters=self.counters,
            receive=lambda src, text: self.got.append((src, text)), arrived=lambda: None,
        )  # fmt: skip
        self.link = Datagrams(station)

    def cut(self, dst: int, text: str) -> list[bytes]:
        return list(self.link._cut(dst, text.encode()))

    def take(self, datagrams: list[bytes]) -> None:
        for each in datagrams:
            self.link._take(each)


TEXTS = st.lists(
    st.one_of(st.text(max_size=5), st.integers(0, 3 * PIECE_BYTES).map(lambda n: "x" * n)),
    max_size=5,
)


@given(TEXTS, TEXTS, st.integers(0, 9))
def test_pieces_in_any_order_and_doubled_make_the_messages(
    of_0: list[str], of_1: list[str], seed: int
) -> None:
    """Each arrives once or (where pieces were doubled) more often, and nothing else does."""
    ends = End(0), End(1), End(2)
    pieces = [
        p for src, texts in enumerate((of_0, of_1)) for t in texts for p in ends[src].cut(2, t)
    ]
    Random(seed).shuffle(pieces)
    ends[2].take(pieces)
    assert sorted(ends[2].got) == sorted([(0, t) for t in of_0] + [(1, t) for t in of_1])
    assert (ends[2].link._parts, ends[2].link._parts_bytes) == ({}, 0)
    ends[2].take(pieces)
    assert {*ends[2].got} == {(0, t) for t in of_0} | {(1, t) for t in of_1}


@given(st.integers(2, 4), st.data())
def test_a_lost_piece_loses_its_message_and_no_other(pieces: int, data: st.DataObject) -> None:
    end, other = End(0), End(2)
    lost, whole = end.cut(2, "a" * (pieces * PIECE_BYTES)), end.cut(2, "b" * 2 * PIECE_BYTES)
    del lost[data.draw(st.integers(0, pieces - 1))]
    other.take(list(chain(lost, whole)))
    assert other.got == [(0, "b" * 2 * PIECE_BYTES)]


def test_two_lives_of_a_node_are_not_put_together() -> None:
    """Both number their messages from one."""
    old, new, other = End(0), End(0), End(2)
    other.take([old.cut(2, "a" * 2 * PIECE_BYTES)[0], new.cut(2, "b" * 2 * PIECE_BYTES)[1]])
    assert other.got == []


def test_strangers_and_garbage_never_reach_the_replica() -> None:
    other = End(2)
    other.take(End(0, "cd" * 8).cut(2, "of another cluster"))
    other.take(End(0).cut(1, "for another node"))
    other.take(End(2).cut(2, "from itself"))
    assert other.counters.all()["refused"] == 3
    good = End(0).cut(2, "é" * PIECE_BYTES)
    for bad in (
        b"",
        b"short",
        good[0][:-1],  # a piece that is not full, and is not the last
        End(0).cut(2, "x")[0][:-1] + b"\xff",
        good[0][:22] + b"\x00\x09\x00\x02" + good[0][26:],  # piece 9 of 2
        good[0][:22] + b"\x00\x00\xff\xff" + good[0][26:],  # more pieces than a message has
        good[0][:22] + b"\x00\x00\x00\x00" + good[0][26:],
    ):
        with pytest.raises(WireError):
            other.link._take(bad)
    assert other.got == []


def test_too_long_and_too_many_are_counted_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    end = End(0)
    end.link.send(1, "x" * (MESSAGE_BYTES_MAX + 1))
    assert end.counters.all()["too_long"] == 1
    monkeypatch.setattr(datagrams, "QUEUE_BYTES", 10_000)
    for _ in range(10):
        end.link.send(1, "x" * 2_000)
    assert end.counters.all()["dropped"] == 10 - end.counters.sent
    assert 3 <= end.counters.sent <= 5
    monkeypatch.setattr(datagrams, "PARTS_BYTES_MAX", 5 * PIECE_BYTES)
    other = End(2)
    for _ in range(10):
        other.take(end.cut(2, "x" * 3 * PIECE_BYTES)[:2])
    assert len(other.link._parts) == 2
    assert other.counters.all()["dropped"] == 8
