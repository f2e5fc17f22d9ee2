"""WPaxos, beside "WPaxos: Wide Area Network Flexible Consensus" (TPDS 2020, arXiv 1703.08905)."""

import pytest

from harness.errors import UsageError
from harness.trial import Trial
from protocols.kernel import Cluster, Command, Persist, effects_of
from protocols.nested import Wrapped
from protocols.quorums import majority
from protocols.wpaxos import WPaxos
from protocols.wpaxos.grid import grid_of
from protocols.wpaxos.messages import OBJECT, Digest, LeaderChange
from tests.mutants.wpaxos import MUTANTS
from tests.protocols.disks import carry
from tests.transcript import Stage, assert_golden

NINE = ("va", "va", "va", "or", "or", "or", "ir", "ir", "ir")


def staged(n=3, protocol=WPaxos, zones=(), **options):
    stage = Stage(protocol, n, options)
    stage.cluster = Cluster(tuple(range(n)), zones, 20, options)
    stage.start()
    return stage


def append(value, key="x", session="c"):
    return Command("append", key, value, f"{session}{value}", 1)


def tick(stage, *nodes, times=1):
    for _ in range(times):
        for node in nodes or list(stage.replicas):
            stage.fire(node, "tick")


def steal(stage, node, *commands, key="x"):
    """Let a node steal an object, for whatever reason."""
    replica = stage.replicas[node]
    replica._said = said = []
    replica.object(key).steal(commands)
    effects = effects_of(said)
    stage.lines.append(f"n{node} steals {key}")
    for effect in effects:
        if isinstance(effect, Persist):
            stage.persist(node, effect)
    for effect in effects:
        stage.lines.append(f"    {stage.carry_out(node, effect)}")


def kinds(stage, src, dst):
    """The classes of what is under way from ``src`` to ``dst``."""
    found = [stage.codec.decode(text) for text in stage.wires[src, dst]]
    return [type(m.msg if isinstance(m, Wrapped) else m).__name__ for m in found]


def owners(stage, key="x"):
    return [n for n, r in stage.replicas.items() if key in r.objects and r.objects[key].leadership]


# --- section 2: quorums ------------------------------------------------------------------------------


def test_an_object_is_decided_in_its_owners_zone_and_stolen_from_all_of_them():
    """Section 2.2, fz=0: a majority of every zone; a majority of any one."""
    system = grid_of(Cluster(tuple(range(9)), NINE)).quorums
    assert system.phase2(0b000000011)
    assert not system.phase2(0b001001001)
    assert system.phase1(0b011011011)
    assert not system.phase1(0b000111111)


def test_with_fz_a_zone_may_be_lost_and_commands_need_two():
    system = grid_of(Cluster(tuple(range(9)), NINE, options={"fz": "1"})).quorums
    assert system.phase1(0b000011011)
    assert not system.phase2(0b000000111)
    assert system.phase2(0b000011011)


@pytest.mark.parametrize("n", range(1, 8))
def test_without_zones_both_quorums_are_majorities(n):
    """Each node is a zone of its own, and any minority may crash."""
    system = grid_of(Cluster(tuple(range(n)))).quorums
    for nodes in range(1 << n):
        assert system.phase1(nodes) == system.phase2(nodes) or n % 2 == 0
    assert system.intersects() is None
    for alive in range(1 << n):
        if alive.bit_count() >= majority(n):
            assert system.phase1(alive)
            assert system.phase2(alive)


def test_zones_of_two_count_as_nodes_unless_fz_is_given():
    cluster = Cluster((0, 1, 2, 3), ("eu", "eu", "us", "us"))
    assert len(grid_of(cluster).zones) == 4
    chosen = Cluster(cluster.nodes, cluster.zones, options={"fz": "0"})
    assert len(grid_of(chosen).zones) == 2


@pytest.mark.parametrize("zones", [(), ("a", "b", "c") * 3])
@pytest.mark.parametrize("fz", [None, "0", "1", "2"])
def test_every_grid_intersects(zones, fz):
    options = {} if fz is None else {"fz": fz}
    assert grid_of(Cluster(tuple(range(9)), zones, options=options)).quorums.intersects() is None


@pytest.mark.parametrize("wrong", [{"fz": "5"}, {"policy": "mine"}, {"adaptive": "maybe"}])
def test_options_with_which_it_cannot_work_are_refused(wrong):
    with pytest.raises(UsageError):
        Trial(protocol="wpaxos", options=wrong).replica()


# --- section 3: stealing and deciding ----------------------------------------------------------------


def test_the_first_who_is_asked_steals_and_later_commands_need_no_phase_1():
    """Goal: sections 3.1 and 3.2, the whole conversation; then a command of another node's."""
    stage = staged()
    first = stage.request(0, append("a"))
    stage.settle()
    second = stage.request(1, append("b"))
    stage.settle()
    assert stage.replies[first].ok
    assert stage.replies[second].ok
    assert owners(stage) == [0]
    assert_golden("wpaxos", stage)


def test_objects_have_owners_of_their_own():
    stage = staged()
    for node, key in enumerate("xyz"):
        stage.request(node, append(1, key))
        stage.settle()
    assert [owners(stage, key) for key in "xyz"] == [[0], [1], [2]]


def test_commands_of_an_owner_with_its_zone_wait_for_no_other_zone():
    """Section 3.2 with fz=0: the votes of the own zone decide, whatever becomes of the others."""
    stage = staged(9, zones=NINE)
    stage.request(0, append("a"))
    stage.settle()
    request = stage.request(0, append("b"))
    stage.settle(0, 1, 2)
    assert stage.replies[request].ok


def test_a_thief_adopts_what_is_under_way():
    """Section 3.1: slot 2 has one vote besides its owner's; the thief's quorum has it, and keeps it."""
    stage = staged()
    stage.request(0, append("a"))
    stage.settle()
    stage.request(0, append("b"))
    carry(stage, (0, 1))
    for link in ((1, 0), (0, 2)):
        stage.drop(*link)
    stage.kill(0)
    steal(stage, 2, append("c"))
    stage.settle(1, 2)
    assert stage.replicas[2].objects["x"].store.values == {"x": ["a", "b", "c"]}


def test_a_thief_that_lacks_chosen_slots_learns_them_before_it_leads():
    """Paxi's P-1: slots 1 and 2 are chosen by nodes 0 and 1; node 2, which has neither, steals."""
    stage = staged()
    for value in "ab":
        stage.request(0, append(value))
        while any(stage.wires[link] for link in ((0, 1), (1, 0))):
            carry(stage, (0, 1), (1, 0))
        stage.drop(0, 2)
    stage.kill(0)
    steal(stage, 2, append("c"))
    stage.settle(1, 2)
    assert stage.replicas[2].objects["x"].store.values == {"x": ["a", "b", "c"]}
    assert_golden("wpaxos-steal", stage)


LOSES = {
    "steals-without-phase-1": ["c"],
    "no-merge": ["a", "c"],
    "promises-lack-chosen": ["c"],
}


@pytest.mark.parametrize("name", LOSES)
def test_the_same_schedules_lose_a_command_where_it_is_broken(name):
    """The checks of the last two tests, seen red: "a" is chosen, and for "b" there are two votes."""
    stage = staged(protocol=MUTANTS[name])
    stage.request(0, append("a"))
    while any(stage.wires[link] for link in ((0, 1), (1, 0))):
        carry(stage, (0, 1), (1, 0))
    stage.drop(0, 2)
    if name == "no-merge":
        stage.request(0, append("b"))
        carry(stage, (0, 1))
    stage.kill(0)
    steal(stage, 2, append("c"))
    stage.settle(1, 2)
    assert stage.replicas[2].objects["x"].store.values == {"x": LOSES[name]}


def test_a_robbed_owner_hands_on_what_it_could_not_decide():
    """Section 3.1: nothing waits for a time-out when an object moves between nodes that live."""
    stage = staged()
    stage.request(0, append("a"))
    stage.settle()
    request = stage.request(0, append("b"))
    stage.drop(0, 1)
    stage.drop(0, 2)
    steal(stage, 1)
    stage.settle()
    assert stage.replies[request].ok
    assert owners(stage) == [1]
    assert {tuple(r.objects["x"].store.values["x"]) for r in stage.replicas.values()} == {
        ("a", "b")
    }


def test_promises_and_ballots_survive_a_restart():
    """An owner that was killed never uses its ballot again."""
    stage = staged()
    stage.request(0, append("a"))
    stage.settle()
    before = stage.replicas[0].objects["x"].promised
    stage.kill(0)
    stage.start(0)
    thing = stage.replicas[0].objects["x"]
    assert thing.promised == before
    assert thing.leadership is None
    request = stage.request(0, append("b"))
    stage.settle()
    assert stage.replies[request].ok
    assert stage.replicas[0].objects["x"].promised > before


# --- section 4: who owns -----------------------------------------------------------------------------


def hits(stage, node, count, start=0):
    for value in range(start, start + count):
        stage.request(node, append(value))
        stage.settle()


def test_an_object_follows_its_clients_after_the_owner_has_held_it_a_while():
    stage = staged(threshold="3", hold="2")
    stage.request(0, append("first"))
    stage.settle()
    hits(stage, 1, 4)
    assert owners(stage) == [0], "not so soon"
    tick(stage, times=2)
    stage.settle()
    hits(stage, 1, 1, start=4)
    assert owners(stage) == [1]


def test_within_a_zone_nothing_moves():
    stage = staged(9, zones=NINE, threshold="1", hold="0")
    stage.request(0, append("first"))
    stage.settle()
    hits(stage, 1, 5)
    assert owners(stage) == [0]
    hits(stage, 3, 1, start=5)
    assert owners(stage) == [3]


def test_none_moves_nothing():
    stage = staged(policy="none", hold="0")
    stage.request(0, append("first"))
    stage.settle()
    hits(stage, 1, 20)
    assert owners(stage) == [0]


def test_without_adaptation_whoever_is_asked_steals_but_not_what_was_just_stolen():
    stage = staged(adaptive="false", hold="2")
    stage.request(0, append("first"))
    stage.settle()
    hits(stage, 1, 1)
    assert owners(stage) == [0]
    tick(stage, times=2)
    stage.settle()
    hits(stage, 1, 1, start=1)
    assert owners(stage) == [1]


def test_advice_of_one_who_does_not_own_it_any_more_is_not_followed():
    """W5: a LeaderChange that arrives after another has stolen the object."""
    stage = staged()
    stage.request(0, append("a"))
    stage.settle()
    stale = stage.replicas[0].objects["x"].leadership.ballot
    steal(stage, 1)
    stage.settle()
    late = OBJECT.wrappers[LeaderChange]("x", LeaderChange(stale))
    stage.put(0, 2, late)
    stage.settle()
    assert owners(stage) == [1]


def test_a_dead_owners_objects_are_taken_over_and_the_second_one_at_once():
    """The time-out is paid once a dead node, not once an object."""
    stage = staged()
    for key in "xy":
        stage.request(0, append(1, key))
        stage.settle()
    stage.kill(0)
    first = stage.request(1, append(2, "x"))
    for _ in range(4):
        tick(stage, 1)
        stage.settle(1, 2)
    assert stage.replies[first].ok
    second = stage.request(1, append(2, "y"))
    stage.settle(1, 2)
    assert stage.replies[second].ok
    assert 0 in stage.replicas[1].suspects


# --- many objects, long lives ------------------------------------------------------------------------


def test_a_long_life_needs_no_more_memory_than_a_short_one():
    """A snapshot an object: logs and disks stay as long as ``snapshot_every`` and ``keep`` say."""
    stage = staged(snapshot_every="10", keep="5")
    for serial in range(60):
        stage.request(0, Command("write", "x", serial, "c", serial))
        stage.settle()
        stage.lines.clear()
    for node, replica in stage.replicas.items():
        assert len(replica.objects["x"].log._votes) <= 15
        assert len(stage.disks[node]) <= 17
        assert not replica.clients.commands()


def test_a_tick_walks_what_is_under_way_and_nothing_else():
    """Goal: 200 objects at rest cost one Digest a tick. Method: count the effects of a tick."""
    stage = staged()
    for number in range(200):
        stage.request(0, append(1, f"k{number}"))
        stage.settle()
        stage.lines.clear()
    tick(stage)
    stage.settle()
    before = stage.sent
    tick(stage)
    assert stage.sent - before == 3
    assert [r.open for r in stage.replicas.values()] == [{}, {}, {}]
    assert all(set(timers) == {"tick"} for timers in stage.timers)


def test_who_was_away_learns_of_every_object_by_digests():
    stage = staged(snapshot_every="4", keep="1")
    stage.kill(2)
    for number in range(70):
        stage.request(0, append(1, f"k{number}"))
        stage.settle(0, 1)
    for value in range(2, 9):
        stage.request(0, append(value, "k0"))
        stage.settle(0, 1)
    for link in ((0, 2), (1, 2)):
        stage.drop(*link)
    stage.start(2)
    for _ in range(8):
        tick(stage)
        stage.settle()
    stores = [{k: t.store for k, t in r.objects.items()} for r in stage.replicas.values()]
    assert stores[2] == stores[0]
    assert stores[2]["k0"].values == {"k0": list(range(1, 9))}


def test_an_accept_that_its_commit_overtook_is_learnt_when_it_comes():
    stage = staged()
    stage.request(0, append("a"))
    carry(stage, (0, 1), (1, 0), (0, 1), (1, 0))
    carry(stage, (0, 2))
    stage.settle(0, 1)
    assert "Commit" in kinds(stage, 0, 2) or stage.replicas[2].objects["x"].log.chosen == 1
    while len(stage.wires[0, 2]) > 1:
        stage.deliver(0, 2, 1)
    stage.settle()
    assert stage.replicas[2].objects["x"].log.chosen == 1


def test_commands_of_several_objects_are_refused_and_any_key_will_do():
    stage = staged()
    request = stage.request(0, Command("txn", "", [["w", "x", 1], ["w", "y", 2]]))
    assert not stage.replies[request].ok
    for key in ("", "a/b", "log/7/x", "/"):
        stage.request(0, append(1, key))
        stage.settle()
    stage.kill(0)
    stage.start(0)
    for key in ("", "a/b", "log/7/x", "/"):
        assert stage.replicas[0].objects[key].log.last == 1


def test_a_digest_is_bounded():
    stage = staged()
    for number in range(100):
        stage.request(0, append(1, f"k{number}"))
        stage.settle()
    tick(stage, 0)
    sent = [stage.codec.decode(t) for wire in stage.wires.values() for t in wire]
    assert [len(m.chosen) for m in sent if isinstance(m, Digest)] == [64]
