"""A node without its disk comes back: what holds whatever the protocol is.

The rules are those of ``protocols.rejoining``; lives are of Michael et al., DISC 2017. What each protocol does
meanwhile is in the files of its name.
"""

from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.trial import Trial
from harness.zoo.hunt import judged
from protocols.amnesia import Amnesiac, new_replica
from protocols.kernel import Cluster, Command
from protocols.multipaxos import MultiPaxos
from protocols.paxos import Paxos
from protocols.raft import Raft
from protocols.rejoining import MEMBERS_STAY
from protocols.sdpaxos import SDPaxos
from tests.mutants.trials import STORM
from tests.protocols.disks import PASSIVE, Disks, come_back

PROTOCOLS = {"multipaxos": MultiPaxos, "raft": Raft, "sdpaxos": SDPaxos, "paxos": Paxos}
CHANGING = {"multipaxos": {"alpha": "2"}, "raft": {}}
"""Those whose members change, and with what options."""

every = pytest.mark.parametrize("name", PROTOCOLS)
changing = pytest.mark.parametrize("name", CHANGING)


def staged(name, n=3, **options):
    return Disks.staged(PROTOCOLS[name], n, options)


def written(name, values, **options):
    stage = staged(name, **options)
    for value in range(values):
        stage.write(0, value)
        stage.settle()
    return stage


def ticks(stage, rounds, *nodes):
    for _ in range(rounds):
        for node in nodes:
            stage.fire(node, "tick")
            stage.settle()


@every
def test_without_the_option_it_is_silent_for_good(name):
    """With it, it is not; and there is no other."""
    nodes = (0, 1, 2)
    assert isinstance(new_replica(PROTOCOLS[name], 0, Cluster(nodes), lost=True), Amnesiac)
    passive = Cluster(nodes, options=PASSIVE)
    assert isinstance(new_replica(PROTOCOLS[name], 0, passive, lost=True), PROTOCOLS[name])
    with pytest.raises(UsageError, match="rejoin=maybe: it is one of no, passive, force"):
        Trial(protocol=name, options={"rejoin": "maybe"}).replica()


def test_who_has_no_way_back_says_so():
    with pytest.raises(UsageError, match="chain has no option 'rejoin'"):
        Trial(protocol="chain", options=PASSIVE).replica()
    with pytest.raises(UsageError, match="one node decides or is elected alone"):
        Trial(protocol="hpaxos", options=PASSIVE).replica()
    with pytest.raises(UsageError, match="one node decides or is elected alone"):
        Trial(protocol="fpaxos", options={**PASSIVE, "quorum": "count:5,1"}).replica()


@every
def test_it_counts_again_when_it_knows_what_was_decided(name):
    stage = written(name, 5)
    stage.lose(2)
    come_back(stage, 2)
    lost, leader = stage.replicas[2], stage.replicas[0]
    assert lost.back is None
    assert lost.chosen() == leader.chosen()
    assert leader.lives == lost.lives == [0, 0, 1]
    assert "passive" not in stage.disks[2]
    before = leader.chosen()
    stage.kill(1)
    stage.write(0, 9)
    stage.settle(0, 2)
    stage.fire(0, "tick")
    stage.settle(0, 2)
    assert leader.chosen() == before + 1, "it is one of a majority"


@every
def test_it_comes_back_by_a_snapshot_too(name):
    stage = written(name, 8, snapshot_every="3", keep="0")
    stage.lose(2)
    ticks(stage, 3, 2, 0)
    assert stage.replicas[2].back is None
    assert stage.replicas[2].store.snapshot() == stage.replicas[0].store.snapshot()


@every
def test_it_comes_back_while_others_are_served(name):
    """What a leader has used when it is first heard is enough: what comes later does not put the end off."""
    stage = written(name, 2)
    stage.lose(2)
    for value in range(10, 16):
        stage.fire(2, "tick")
        stage.settle()
        stage.write(0, value)  # is under way when the next tick comes
    assert stage.replicas[2].back is None


@every
def test_a_restart_on_the_way_back_does_not_end_it(name):
    stage = written(name, 1)
    stage.lose(2)
    stage.kill(2)
    stage.start(2)
    assert stage.replicas[2].back is not None
    come_back(stage, 2)
    assert stage.replicas[2].back is None
    stage.kill(2)
    stage.start(2)
    assert stage.replicas[2].back is None
    assert stage.replicas[2].lives[2] == 1


@every
def test_each_loss_is_another_life(name):
    stage = staged(name)
    for life in (1, 2, 3):
        stage.lose(2, now_ms=life)
        come_back(stage, 2)
        assert stage.replicas[2].lives[2] == life


@every
def test_who_comes_back_learns_of_the_others_lives(name):
    stage = staged(name)
    for life, node in enumerate((2, 1), 1):
        stage.lose(node, now_ms=life)
        come_back(stage, node)
    assert stage.replicas[1].lives == [0, 1, 1]


@every
def test_who_is_passive_itself_answers_nobody(name):
    """What it had promised it has forgotten, too."""
    stage = staged(name, 5)
    stage.lose(3)
    stage.lose(4, now_ms=2)
    for node in (3, 4):
        stage.fire(node, "tick")
        stage.settle(3, 4)
    assert stage.replicas[4].back.known == {}
    assert stage.replicas[3].back.known == {}


@every
def test_who_has_lost_its_disk_since_it_answered_has_not_answered(name):
    """n3 has kept the new life of n4, and nobody else: so n3's next life knows nothing of it."""
    stage = staged(name, 5)
    stage.lose(4)
    stage.fire(4, "tick")
    for node in (1, 2, 3):
        stage.deliver(4, node)
        stage.deliver(node, 4)
    while stage.wires[4, 3]:
        stage.deliver(4, 3)
    stage.settle(3, 4)
    stage.quiet()
    assert stage.replicas[4].back.life == stage.replicas[3].lives[4] == 1
    assert set(stage.replicas[4].back.known) == {3}
    stage.lose(3, now_ms=2)
    for _ in range(4):
        stage.fire(3, "tick")
        stage.settle(0, 1, 2, 3)
    assert stage.replicas[3].back is None
    assert stage.replicas[3].lives[4] == 0
    stage.fire(4, "tick")
    stage.settle(2, 4)
    assert set(stage.replicas[4].back.known) == {2}


# --- members that change --------------------------------------------------------------------------


@changing
def test_members_stay_where_it_is_not_said_how_many_there_are(name):
    stage = staged(name)
    request = stage.request(0, Command("leave", "", [2, 0]))
    assert (stage.replies[request].ok, stage.replies[request].value) == (False, MEMBERS_STAY)
    with pytest.raises(UsageError, match="only where --option members=N is given"):
        Trial(protocol=name, options=PASSIVE, nemesis="membership").windows()


@changing
def test_members_change_while_disks_are_lost(name):
    stage = staged(name, 4, members="3", **CHANGING[name])
    stage.write(0, 1)
    stage.settle()
    stage.lose(2)
    stage.lose(3)
    ticks(stage, 4, 0, 2, 3)
    assert stage.replicas[2].back is None
    assert stage.replicas[3].back is not None, "nobody writes to a spare"
    for _ in range(6):
        stage.request(0, Command("join", "", [3, stage.replicas[0].membership()[0]]))
        ticks(stage, 1, 0, 3)
    assert stage.replicas[3].back is None
    assert stage.replicas[3].membership()[1] == (0, 1, 2, 3)
    assert stage.replicas[0].lives == stage.replicas[3].lives == [0, 0, 1, 1]
    for node in (3, 2):
        ticks(stage, 1, 0)
        stage.request(0, Command("leave", "", [node, stage.replicas[0].membership()[0]]))
        stage.settle()
    assert stage.replicas[0].membership()[1] == (0, 1, 2), "of two none can lose its disk"


# --- chance ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize(
    "name", [*PROTOCOLS, "fpaxos", "wankeeper", "mencius", "wpaxos", "m2paxos"]
)
def test_a_node_that_is_wiped_again_and_again_harms_nobody(name, n):
    trial = replace(
        STORM,
        protocol=name,
        nodes=n,
        nemesis="wipe,partition,kill",
        options={"rejoin": "passive", "snapshot_every": "20", "keep": "5"},
    )
    for seed in range(2):
        assert judged(replace(trial, seed=str(seed))).objections == ()
