"""What the Dynamo paper says (DeCandia et al., SOSP 2007), each by a schedule played by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from protocols.dynamo import Dynamo
from protocols.dynamo.ring import Ring
from protocols.dynamo.versions import EMPTY, State, merge, mint, resolve
from protocols.kernel import Cluster, Command, Json
from tests.transcript import Stage, assert_golden


def stage(n: int = 3, **options: object) -> Stage:
    made = Stage(Dynamo, n, options)
    made.start()
    return made


def homes(made: Stage, key: str) -> tuple[int, ...]:
    replica = made.replicas[next(iter(made.replicas))]
    assert isinstance(replica, Dynamo)
    return replica.homes(key)


def ask(made: Stage, node: int, f: str, key: str, value: Json = None) -> int:
    return made.request(node, Command(f, key, value))


def answer(made: Stage, request: int) -> Json:
    return made.replies[request].value


def call(made: Stage, node: int, f: str, key: str, value: Json = None) -> Json:
    """An op to its end, all between living nodes being delivered."""
    request = ask(made, node, f, key, value)
    made.settle(*made.replicas)
    return answer(made, request)


def patience(made: Stage, node: int, ticks: int = 2) -> None:
    """Let a coordinator notice who is silent."""
    for _ in range(ticks):
        if "retry" in made.timers[node]:
            made.fire(node, "retry")
    made.settle(*made.replicas)


def copies(made: Stage, key: str) -> Mapping[int, Json]:
    return {node: call(made, node, "replica", key) for node in made.replicas}


# --- 4.2, 4.3: the ring ---------------------------------------------------------------------------


def test_a_node_that_leaves_moves_only_its_own_keys() -> None:
    """4.2: "departure or arrival of a node only affects its immediate neighbors"."""
    five, four = Ring((0, 1, 2, 3, 4), 8), Ring((0, 1, 2, 3), 8)
    for i in range(500):
        without = [node for node in five.preference(f"k{i}") if node != 4]
        assert tuple(without) == four.preference(f"k{i}")


def test_virtual_nodes_spread_the_keys() -> None:
    """4.2: with tokens "the load [is] evenly dispersed"; 4.3: a list has distinct nodes."""

    def most(vnodes: int) -> int:
        ring = Ring((0, 1, 2, 3, 4), vnodes)
        first = [ring.preference(f"k{i}")[0] for i in range(2_000)]
        return max(first.count(node) for node in range(5))

    assert most(64) < 600 < most(1)
    assert all(sorted(Ring((0, 1, 2), 8).preference(f"k{i}")) == [0, 1, 2] for i in range(50))


# --- 4.4: versions --------------------------------------------------------------------------------


def test_figure_3_versions_of_an_object_over_time() -> None:
    """D1, D2 by Sx; D3 by Sy and D4 by Sz, each on top of D2; reconciled as D5 by Sx."""
    sx, sy, sz = 0, 1, 2
    d2 = mint(mint(EMPTY, sx, "D1"), sx, "D2")
    assert d2.clock == ((sx, 2),)
    d3, d4 = mint(d2, sy, "D3"), mint(d2, sz, "D4")
    both = merge(d3, d4)
    assert [v.value for v in both.versions] == ["D3", "D4"]
    d5 = mint(both, sx, "D5")
    assert dict(d5.clock).keys() == {sx, sy, sz}
    for older in (d2, d3, d4, both):
        assert merge(d5, older) == merge(older, d5) == d5


def test_merging_is_a_join() -> None:
    d1 = mint(EMPTY, 0, 1)
    states: list[State] = [EMPTY, d1, mint(d1, 1, 2), mint(d1, 2, None), mint(EMPTY, 1, 3)]
    for a in states[:4]:
        assert merge(a, a) == a
        for b in states[:4]:
            assert merge(a, b) == merge(b, a)
            for c in states[:4]:
                assert merge(merge(a, b), c) == merge(a, merge(b, c))


def test_writes_on_both_sides_of_a_partition_are_siblings_and_a_cart_loses_nothing() -> None:
    """4.4: "an 'Add to Cart' operation can never be forgotten or rejected"."""
    made = stage(5, N=2, R=1, W=1)
    a, b = homes(made, "cart")
    first, second = ask(made, a, "add", "cart", "book"), ask(made, b, "add", "cart", "pen")
    made.drop(a, b)
    made.drop(b, a)
    assert answer(made, first), answer(made, second)
    assert copies(made, "cart")[a] != copies(made, "cart")[b]
    made.fire(a, "exchange")
    while copies(made, "cart")[a] != copies(made, "cart")[b]:
        made.fire(a, "exchange")
        made.settle()
    assert sorted(map(str, copies(made, "cart")[a])) == ["['book']", "['pen']"]  # type: ignore[call-overload]
    found = call(made, a, "read", "cart")
    assert isinstance(found, list)
    assert sorted(found) == ["book", "pen"]
    assert_golden("dynamo-siblings", made)


# --- 4.5: quorums ---------------------------------------------------------------------------------


def test_a_write_waits_for_w_homes_and_a_read_for_r() -> None:
    """4.5: "W is the minimum number of nodes that must participate in a successful write"."""
    made = stage(3, sloppy="false")
    made.kill(1, 2)
    request = ask(made, 0, "write", "x", 1)
    patience(made, 0, 3)
    assert request not in made.replies
    made.start(1)
    patience(made, 0)
    assert answer(made, request) == 1
    assert call(made, 1, "read", "x") == 1


def test_strict_quorums_that_meet_see_every_answered_write() -> None:
    made = stage(3, sloppy="false")
    for i in range(9):
        writer, reader, out = i % 3, (i + 1) % 3, (i + 2) % 3
        made.kill(out)
        assert call(made, writer, "write", "x", i) == i
        assert call(made, reader, "read", "x") == i
        made.start(out)


def test_a_strict_quorum_is_not_atomic_new_and_then_old() -> None:
    """R+W>N is no linearizability: one reader meets a write that is under way, the next does not."""
    made = stage(3, sloppy="false")
    call(made, 0, "write", "x", "old")
    write = ask(made, 0, "write", "x", "new")
    made.deliver(0, 1)  # its get
    made.deliver(1, 0)
    made.drop(0, 1)
    made.drop(0, 2)  # its puts: only 0 has it
    reads = [ask(made, 0, "read", "x"), ask(made, 2, "read", "x")]
    made.deliver(0, 1)
    made.deliver(1, 0)
    assert answer(made, reads[0]) == "new"
    made.drop(0, 1)  # and its repair
    made.deliver(2, 1)
    made.deliver(1, 2)
    assert answer(made, reads[1]) == "old"
    assert write not in made.replies
    assert_golden("dynamo-new-then-old", made)


# --- 4.6: sloppy quorums, hinted handoff ----------------------------------------------------------


def test_another_node_stands_in_and_hands_off() -> None:
    """4.6: "D will have a hint ... Upon detecting that A has recovered, D will attempt to deliver"."""
    made = stage(4, N=3)
    a, b, c = homes(made, "x")
    d = next(node for node in range(4) if node not in (a, b, c))
    made.kill(a, b)
    request = ask(made, c, "write", "x", 7)
    patience(made, c)
    assert answer(made, request) == 7
    assert any(key.startswith("hint/") for key in made.disks[d])
    made.kill(d)
    made.start(a, d)
    made.fire(d, "exchange")
    made.settle(*made.replicas)
    assert call(made, a, "replica", "x") == [7]
    made.start(b)
    for _ in range(3):
        if "exchange" in made.timers[d]:
            made.fire(d, "exchange")
        made.settle()
    assert not any(key.startswith("hint/") for key in made.disks[d])
    assert not made.disks[d], "and what was kept for others only is forgotten"
    assert_golden("dynamo-handoff", made)


def test_a_fallback_refuses_a_hint_too_many() -> None:
    made = stage(4, N=3, hints=1)
    by_home: dict[tuple[int, ...], list[str]] = {}
    for i in range(60):
        by_home.setdefault(tuple(sorted(homes(made, f"k{i}"))), []).append(f"k{i}")
    (a, b, c), keys = next((h, k) for h, k in by_home.items() if len(k) > 1)
    made.kill(a, b)
    first, second = (ask(made, c, "write", key, 1) for key in keys[:2])
    patience(made, c, 4)
    assert (first in made.replies) != (second in made.replies)


# --- 4.7, 5: Merkle trees, read repair; deletes ---------------------------------------------------


def test_a_read_repairs_the_homes_that_had_less() -> None:
    """5: the coordinator "updates those nodes with the latest version"."""
    made = stage(3)
    made.kill(2)
    call(made, 0, "write", "x", 5)
    made.start(2)
    assert call(made, 2, "replica", "x") == []
    assert call(made, 0, "read", "x") == 5
    assert call(made, 2, "replica", "x") == [5]


def test_trees_find_what_differs_and_send_that_only() -> None:
    """4.7: "to minimize the amount of transferred data"."""
    made = stage(3)
    for i in range(40):
        call(made, 0, "write", f"k{i}", i)
    made.kill(2)
    call(made, 0, "write", "k7", "new")
    made.start(2)
    before = made.sent
    made.fire(0, "exchange")
    made.fire(0, "exchange")
    made.settle()
    assert call(made, 2, "replica", "k7") == ["new"]
    assert made.sent - before < 15


def test_what_is_deleted_does_not_come_back_from_a_replica_that_was_away() -> None:
    made = stage(3)
    call(made, 0, "write", "x", 1)
    made.kill(2)
    assert call(made, 0, "delete", "x") == [1]
    made.kill(0)
    made.start(0, 2)
    for node in (2, 0, 1, 2, 0, 1):
        made.fire(node, "exchange")
        made.settle()
    assert copies(made, "x") == {0: [], 1: [], 2: []}
    assert call(made, 2, "read", "x") is None


# --- ours -----------------------------------------------------------------------------------------


def test_what_could_not_be_served_is_refused_before() -> None:
    for options in ({"N": "4"}, {"R": "4"}, {"W": "0"}, {"sloppy": "maybe"}, {"N": "x"}):
        with pytest.raises(ValueError, match="="):
            Dynamo.check(Cluster((0, 1, 2), options=options))
    made = stage(3, pending=1)
    ask(made, 0, "read", "x")
    second = ask(made, 0, "read", "x")
    assert not made.replies[second].ok


def test_memory_is_bounded_by_keys_and_not_by_ops() -> None:
    made = stage(5)
    sizes = []
    for ops in (60, 600):
        for i in range(ops):
            call(made, i % 5, "write", f"k{i % 6}", i % 9)
        sizes.append(sum(len(disk) for disk in made.disks))
        assert not any(r.pending for r in made.replicas.values() if isinstance(r, Dynamo))
    assert sizes[0] == sizes[1] <= 30


def test_siblings_that_are_no_lists_are_told_alike_everywhere() -> None:
    one, two = mint(EMPTY, 0, "a"), mint(EMPTY, 1, "b")
    assert resolve(merge(one, two)) == resolve(merge(two, one)) == "b"
