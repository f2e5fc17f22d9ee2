"""Commands over several keys: each is ordered with whatever shares a key with it, and only that."""

from __future__ import annotations

from protocols.ballots import ZERO
from protocols.epaxos import EPaxos
from protocols.epaxos.instances import EXECUTED, Instances
from protocols.epaxos.messages import Accept
from protocols.epaxos.recovery import conflicts
from protocols.kernel import Command
from tests.protocols.test_epaxos_paper import decided, sent
from tests.transcript import Stage

MOVE = Command("transfer", "", {"from": "a", "to": "b", "amount": 3}, "ann", 1)
TXN = Command("txn", "", [["append", "b", 1], ["r", "c", None]], "bob", 1)
ON_A = Command("write", "a", 10, "cat", 1)
ON_B = Command("write", "b", 10, "cat", 2)
ON_C = Command("write", "c", 10, "cat", 3)
NAMELESS = Command("txn", "", "malformed", "dan", 1)


def learn(instances: Instances, row: int, number: int, command: Command) -> None:
    iid = (row, number)
    instances.learn(iid, instances.touch(iid), command)


def test_dependencies_are_on_what_shares_any_key():
    instances = Instances(3)
    learn(instances, 0, 1, ON_A)
    learn(instances, 1, 1, ON_C)
    learn(instances, 1, 2, ON_B)
    assert instances.deps(MOVE, 2) == (1, 2, 0)
    assert instances.deps(TXN, 2) == (0, 2, 0)
    learn(instances, 2, 1, MOVE)
    assert instances.deps(Command("read", "b"), 0) == (0, 2, 1)
    assert instances.deps(Command("read", "c"), 0) == (0, 1, 0)


def test_an_instance_with_two_keys_in_common_is_met_once():
    instances = Instances(2)
    learn(instances, 0, 1, MOVE)
    learn(instances, 0, 2, ON_B)
    learn(instances, 1, 1, ON_C)
    assert [iid for iid, _ in instances.interfering(MOVE)] == [(0, 1), (0, 2)]
    for iid in ((0, 1), (0, 2), (1, 1)):
        found = instances.get(iid)
        assert found is not None
        instances.settle(iid, found)
    assert instances.live == {}, "settled under each of its keys"


def test_a_command_without_any_key_is_ordered_with_its_like():
    """Its session's answer is kept under "", so that these, too, must run in one order."""
    instances = Instances(2)
    learn(instances, 0, 1, NAMELESS)
    assert instances.deps(NAMELESS, 1) == (1, 0)
    assert instances.deps(ON_A, 1) == (0, 0)


def test_validation_names_what_shares_only_the_second_key():
    """A recovery of a transfer must hear of a write of either account."""
    instances = Instances(3)
    iid = (1, 1)
    learn(instances, *iid, ON_B)
    found = instances.get(iid)
    assert found is not None
    found.initial = instances.none
    assert list(conflicts(instances, (0, 1), MOVE, instances.none)) == [(1, 1, 0)]
    found.phase = EXECUTED
    instances.settle(iid, found)
    instances.done.add(*iid, ON_B)
    assert list(conflicts(instances, (0, 1), MOVE, instances.none)) == [(1, 1, 1)]
    assert found.promised == ZERO


def test_concurrent_transfers_and_writes_end_alike_everywhere():
    stage = Stage(EPaxos)
    stage.start()
    for key in ("a", "b"):
        stage.request(0, Command("write", key, 10, "init", 1))
        stage.settle()
    asked = [stage.request(0, MOVE), stage.request(1, ON_A), stage.request(2, TXN)]
    stage.settle()
    assert sent(stage, Accept) > 0, "they met"
    assert all(request in stage.replies for request in asked)
    stores = [r.store for r in stage.replicas.values()]
    assert stores[0] == stores[1] == stores[2]
    executed: dict[tuple[int, object], list[object]] = {}
    for node, note in stage.notes:
        if note.kind == "executed":
            key, name = note.value  # type: ignore[misc]
            executed.setdefault((node, key), []).append(name)
    assert [executed[0, key].count("ann/1") for key in "ab"] == [1, 1], "once for each of its keys"
    for key in "abc":
        assert executed[0, key] == executed[1, key] == executed[2, key]


def test_transfers_of_other_accounts_do_not_meet():
    stage = Stage(EPaxos)
    stage.start()
    stage.request(0, MOVE)
    stage.request(1, Command("transfer", "", {"from": "c", "to": "d", "amount": 1}, "bob", 1))
    stage.settle()
    assert sent(stage, Accept) == 0
    assert decided(stage, 1, 1)[0] == ["bob/1", [0, 0, 0]]


def test_a_retried_transfer_runs_once():
    stage = Stage(EPaxos)
    stage.start()
    for key in ("a", "b"):
        stage.request(0, Command("write", key, 10, "init", 1))
    stage.settle()
    first, again = stage.request(0, MOVE), stage.request(1, MOVE)
    stage.settle()
    assert stage.replies[first].value == stage.replies[again].value == MOVE.value
    assert stage.replicas[2].store.values == {"a": 7, "b": 13}
