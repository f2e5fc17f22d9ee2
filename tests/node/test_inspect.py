"""Any state can be shown, and none is too long."""

from __future__ import annotations

from harness.node.inspect import DEPTH_MAX, ITEMS_MAX, plain
from protocols.kernel import Send
from protocols.wire import dumps


def test_whatever_a_replica_holds_becomes_json() -> None:
    class Odd:
        def __init__(self) -> None:
            self.x = {1: b"bytes"}

    state = {"odd": Odd(), "send": Send(1, (2, 3)), "set": frozenset({4}), (5, 6): 7.5}
    assert dumps(plain(state)) == (
        '{"odd":{"x":{"1":"b\'bytes\'"}},"send":{"dst":1,"msg":[2,3]},"set":[4],"(5, 6)":7.5}'
    )


def test_long_and_deep_things_are_cut() -> None:
    many = plain(list(range(5000)))
    assert isinstance(many, list)
    assert (len(many), many[-1]) == (ITEMS_MAX + 1, "... 5000 in all")
    assert dumps(plain({i: i for i in range(5000)})).endswith('"...":"5000 in all"}')
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    assert dumps(plain(deep)).count("[") == DEPTH_MAX + 1
    loop: list[object] = []
    loop.append(loop)
    assert "..." in dumps(plain(loop))


def test_what_refers_to_itself_in_many_ways_is_shown_in_bounded_time() -> None:
    """EPaxos' parts know each other: followed blindly, 12 levels of that are millions of values."""

    class Part:
        def __init__(self) -> None:
            self.others: list[Part] = []

    parts = [Part() for _ in range(20)]
    for part in parts:
        part.others = parts
    assert len(dumps(plain(parts[0]))) < 1_000_000
