"""Options of multi-Paxos for who is heard and how often: voter, heartbeat, patience (paxakos' rows)."""

from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.trial import Trial
from harness.zoo.hunt import judged
from protocols.kernel import Cluster, SetTimer, Started
from protocols.multipaxos import MultiPaxos
from tests.mutants.hunts.multipaxos import OUSTED
from tests.mutants.trials import STORM
from tests.transcript import Stage


def returns(**options):
    """n2 has heard nobody for long, and asks for promises; n0 leads, and n1 hears it."""
    stage = Stage(MultiPaxos, 3, options)
    stage.start()
    stage.elect(0)
    for _ in range(3):
        stage.fire(2, "watch")
    stage.settle(1, 2)
    return stage


def test_a_steady_voter_abstains_while_it_hears_a_leader():
    stage = returns()
    assert stage.replicas[2].leadership is None
    assert stage.replicas[1].leader() == 0


def test_a_lax_voter_promises_whoever_asks_with_a_higher_ballot():
    stage = returns(voter="lax")
    assert stage.replicas[2].leadership is not None


def test_even_a_lax_voter_is_bound_by_what_it_granted():
    stage = Stage(MultiPaxos, 3, {"voter": "lax", "read": "leader"})
    stage.start()
    for node in range(3):
        stage.fire(node, "grant")
    stage.elect(0)
    stage.fire(2, "grant")
    for _ in range(3):
        stage.fire(2, "watch")
    stage.settle(1, 2)
    assert stage.replicas[2].leadership is None


def timers(**options):
    replica = MultiPaxos(0, Cluster((0, 1, 2), rtt_ms=20, options=options))
    return {e.timer: (e.ms_min, e.ms_max) for e in replica.step(Started({})) if type(e) is SetTimer}


def test_heartbeats_and_patience_are_multiples_of_the_round_trip():
    assert timers() == {"tick": (100, 100), "watch": (160, 300)}
    assert timers(heartbeat="2", patience="4") == {"tick": (40, 40), "watch": (80, 140)}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"patience": "5"}, "patience=5: it is more than heartbeat=5"),
        ({"heartbeat": "0"}, "heartbeat=0: it is a whole number of at least 1"),
        ({"voter": "loud"}, "voter=loud: it is one of steady, lax"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, why):
    with pytest.raises(UsageError, match=why):
        Trial(protocol="multipaxos", options=options).replica()


@pytest.mark.parametrize("trial", [STORM, OUSTED], ids=["storm", "ousted"])
def test_none_of_these_makes_it_wrong(trial):
    options = {**trial.options, "voter": "lax", "heartbeat": "2", "patience": "3"}
    for seed in range(2):
        run = replace(trial, protocol="multipaxos", options=options, seed=str(seed))
        said = {name for name, _ in judged(run).objections}
        assert not {"linearizable", "agreement", "crashes"} & said
