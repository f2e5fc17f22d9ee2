"""A node that is to lead first leads first, whoever else wants to, and no longer than it can."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.simulated import play
from harness.trial import Trial
from protocols.kernel import Cluster
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.messages import Prepare
from protocols.preferred import preferred
from protocols.raft import Raft
from protocols.raft.messages import RequestVote
from tests.transcript import Stage

ZONES = "virginia,california,oregon,ireland,tokyo"


def test_it_asks_for_votes_as_it_starts_and_others_do_not() -> None:
    stage = Stage(MultiPaxos, 3, {"leader": "n2"})
    stage.start()
    assert sum("Prepare(" in line for line in stage.lines) == 2
    stage.settle()
    assert [replica.leader() for replica in stage.replicas.values()] == [1, 1, 1]


@pytest.mark.parametrize(("protocol", "asks"), [(MultiPaxos, Prepare), (Raft, RequestVote)])
def test_when_it_comes_back_it_waits_like_all(protocol, asks) -> None:
    stage = Stage(protocol, 3, {"leader": "n2"})
    stage.start()
    stage.settle()
    assert [replica.leader() for replica in stage.replicas.values()] == [1, 1, 1]
    stage.kill(1)
    stage.wires.clear()
    stage.start(1)
    assert not any(isinstance(stage.codec.decode(text), asks) for w in stage.wires.values() for text in w)  # fmt: skip


@pytest.mark.parametrize("protocol", ["multipaxos", "fpaxos", "sdpaxos", "raft"])
@pytest.mark.parametrize("node", [0, 4])
def test_nobody_else_leads_where_nothing_fails(protocol, node) -> None:
    trial = Trial(
        protocol=protocol, zones=ZONES, network="perfect", time_ms=3_000, seed="1",
        options={"leader": ZONES.split(",")[node]},
    )  # fmt: skip
    played = play(trial)
    leaders = {row.value[1] for row in played.run.rows if row.process < -1 and row.f == "leader"}
    assert leaders == {node}
    assert played.results.outcome.exit_code == 0


def test_a_leader_that_dies_is_followed_by_another() -> None:
    trial = Trial(
        protocol="multipaxos", options={"leader": "n3"}, time_ms=10_000, seed="4",
        plan='[{"at_ms":1000,"for_ms":8000,"fault":{"name":"kill","begin":[{"do":"kill","node":2}],'
        '"end":[{"do":"start","node":2}]}}]',
    )  # fmt: skip
    played = play(trial)
    leaders = [row.value[1] for row in played.run.rows if row.process < -1 and row.f == "leader"]
    assert leaders[0] == 2
    assert set(leaders[1:]) - {2}
    assert played.results.outcome.exit_code == 0


def test_a_node_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="leader=mars"):
        Trial(protocol="raft", options={"leader": "mars"}).replica()
    with pytest.raises(ValueError, match="leader=mars: it is one of n1, n2, eu"):
        preferred(Cluster((0, 1), ("eu", "eu"), options={"leader": "mars"}))
    with pytest.raises(UsageError, match="protocol multipaxos: leader=n9"):
        Trial(protocol="multipaxos", options={"leader": "n9"}).replica()
