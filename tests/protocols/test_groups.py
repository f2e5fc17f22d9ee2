"""Paxos groups and KPaxos: what they claim, one conversation, and random schedules."""

from collections import Counter
from dataclasses import dataclass, replace

import pytest

from checker import linearizable
from checker.history import History
from checker.verdict import Outcome
from harness.sim import Setup, simulate
from harness.simulated import play
from protocols.groups import PaxosGroups
from protocols.kernel import Cluster, Command, Started
from protocols.kpaxos import KPaxos
from tests.hosted import Hosted
from tests.known import Known
from tests.mutants import groups, kpaxos
from tests.mutants.trials import STORM
from tests.transcript import Stage, assert_golden
from workloads.kernel import Options
from workloads.register import workload

BOTH = pytest.mark.parametrize("protocol", [KPaxos, PaxosGroups])


def write(key, value, serial=1):
    return Command("write", key, value, f"c{key}", serial)


@pytest.fixture
def stage():
    """KPaxos, each of the three groups led by its node."""
    stage = Stage(KPaxos)
    stage.start()
    for node in range(3):
        stage.fire(node, "prefer")
    stage.settle()
    return stage


def leaders(stage, node):
    return [group.replica.leader() for group in stage.replicas[node].groups]


# --- claims ---------------------------------------------------------------------------------------


def test_each_group_is_led_from_where_it_is_preferred(stage):
    assert [leaders(stage, node) for node in range(3)] == [[0, 1, 2]] * 3


def test_a_preferred_leader_does_not_depose_who_leads(stage):
    """Its group was elected elsewhere while it was down; the leader stays."""
    stage.kill(0)
    stage.replicas[2].groups[0].replica.following = None  # it has not heard of it for a while
    while not stage.wires[1, 2]:
        stage.fire(1, "range3x1.0/watch")
    stage.settle(1, 2)
    assert leaders(stage, 2)[0] == 1
    stage.start(0)
    stage.fire(1, "range3x1.0/tick")
    stage.settle()
    stage.fire(0, "prefer")
    stage.settle()
    assert leaders(stage, 0)[0] == 1


def test_zones_have_a_range_each_led_by_their_first_node():
    cluster = Cluster((0, 1, 2, 3, 4), zones=("a", "a", "b", "b", "c"))
    replica = KPaxos(0, cluster)
    assert replica.map.groups == 3
    assert [replica.preferred(i) for i in range(3)] == [0, 2, 4]
    assert KPaxos(0, Cluster((0, 1, 2), zones=("a", "a", "a"))).map.groups == 3


def test_groups_are_logs_of_their_own(stage):
    """One group without a majority for it does not hold up another."""
    stage.request(0, write("r0", "a"))
    stage.drop(0, 1)
    stage.drop(0, 2)
    request = stage.request(1, write("r1", "b"))
    stage.settle(1, 2)
    assert request in stage.replies
    assert [g.replica.log.chosen for g in stage.replicas[1].groups] == [0, 1, 0]


@BOTH
def test_a_node_with_another_map_is_not_heard_and_does_not_start_on_the_old_disk(protocol):
    stage = Stage(protocol, options={"groups": 3})
    stage.start()
    stage.kill(2)
    replica = protocol(2, Cluster((0, 1, 2), options={"groups": 4}))
    names = set(replica.parts)
    assert names.isdisjoint(stage.replicas[0].parts)
    with pytest.raises(ValueError, match="were divided by"):
        replica.step(Started({"map": stage.replicas[0].map.name}))


@BOTH
def test_a_command_of_several_keys_is_refused(protocol):
    stage = Stage(protocol)
    stage.start()
    request = stage.request(0, Command("txn", "", [["r", "x", None], ["r", "y", None]]))
    assert not stage.replies[request].ok


@pytest.mark.parametrize(("key", "moved"), [("", 0), ("r1", 1)])
def test_a_group_is_handed_over_of_a_key_or_the_first(stage, key, moved):
    """``lead`` for no key is for the group of which ``leader`` speaks."""
    request = stage.request(2, Command("lead", key, 2))
    stage.settle()
    assert stage.replies[request].ok
    assert leaders(stage, 0) == [2 if group == moved else group for group in range(3)]
    assert stage.replicas[0].leader() == (2 if moved == 0 else 0)


@BOTH
def test_a_group_with_leases_hands_nothing_over(protocol):
    stage = Stage(protocol, options={"read": "leader"})
    stage.start()
    request = stage.request(0, Command("lead", "", 1))
    assert not stage.replies[request].ok


def test_a_first_election_and_a_write_in_another_group():
    """Golden: nodes 0 and 1 lead a group each; node 0 is asked for a key of node 1's."""
    stage = Stage(KPaxos, 2)
    stage.start()
    for node in range(2):
        stage.fire(node, "prefer")
    stage.settle()
    stage.lines.clear()
    stage.request(0, write("r1", "a"))
    stage.settle()
    assert_golden("kpaxos", stage)


def test_groups_use_their_own_hash():
    """Golden: a key and the group that it is of, in Paxos groups."""
    stage = Stage(PaxosGroups, 2)
    stage.start()
    for node in range(2):
        stage.fire(node, "prefer")
    stage.settle()
    stage.lines.clear()
    stage.request(1, write("x", "a"))
    stage.settle()
    assert_golden("paxos-groups", stage)


# --- random schedules -----------------------------------------------------------------------------


@dataclass
class Several(Hosted):
    def stores(self):
        return [[g.replica.store for g in r.groups] for r in self.stage.replicas.values()]

    def ready(self):
        found = [g.replica.leader() for r in self.stage.replicas.values() for g in r.groups]
        return None not in found


@BOTH
def test_a_key_is_linearizable_whatever_chance_does(protocol):
    for seed in range(8):
        Several(protocol, seed).play(1500)


def trial(protocol, seed):
    setup = Setup(
        protocol=protocol,
        workload=workload(),
        options=Options(threads=6, nodes=3, time_ms=2_000, rate=200, keys=4),
        seed=seed,
    )
    return simulate(setup)


@BOTH
def test_several_keys_are_linearizable_in_several_logs(protocol):
    """Goal: not vacuous: all logs are used."""
    run = trial(protocol, 1)
    assert linearizable.check(History.of(run.rows)).outcome is Outcome.VALID
    used = Counter(row.value[0][0] for row in run.rows if row.f == "decided")
    assert len(used) == 3 if protocol is KPaxos else len(used) > 1


@pytest.mark.parametrize("module", [kpaxos, groups], ids=["kpaxos", "paxos-groups"])
def test_a_map_of_each_node_s_own_is_seen(module):
    name = next(iter(module.MUTANTS))
    verdicts = [linearizable.check(History.of(trial(module.MUTANTS[name], s).rows)) for s in (1, 2)]
    assert Outcome.INVALID in [verdict.outcome for verdict in verdicts]


def test_one_store_is_seen_when_it_has_to_be_recovered():
    Known("groups").hunt("one-store", range(60), lambda n: Several(groups.OneStore, n).broken(1500))


@pytest.mark.parametrize("name", ["kpaxos", "paxos-groups"])
def test_each_group_lends_leases_and_comes_back_without_its_disk(name):
    trial = replace(
        STORM,
        protocol=name,
        workload="lock",
        nemesis="wipe",
        rate=300,
        keys=3,
        options={"rejoin": "passive"},
    )
    played = play(trial)
    assert played.results.checks["fenced"].outcome is Outcome.VALID
    assert played.results.checks["agreement"].outcome is Outcome.VALID
    assert any(row.f == "rejoined" for row in played.history.rows)
