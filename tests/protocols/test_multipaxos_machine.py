"""Multi-Paxos agrees on other things than a key-value store: here on a chain's configurations."""

from protocols.kernel import Command
from protocols.multipaxos import MultiPaxos
from protocols.multipaxos.messages import Snapshot
from protocols.statemachine import Answer
from tests.transcript import Stage


class Configurations:
    """An epoch and its members. ``install`` [epoch, members] takes effect if it is the next epoch."""

    def __init__(self, epoch=0, members=()):
        self.epoch, self.members = epoch, list(members)

    def run(self, command):
        if command.f != "install":
            return Answer([self.epoch, self.members], ok=command.f == "current")
        epoch, members = command.value
        if epoch != self.epoch + 1:
            return Answer(self.epoch, ok=False)
        self.epoch, self.members = epoch, list(members)
        return Answer(self.epoch)

    def ran(self, command):
        return command.f == "install" and command.value[0] <= self.epoch

    def snapshot(self):
        return [self.epoch, self.members]

    @classmethod
    def restore(cls, snapshot):
        return cls(*snapshot)


class Master(MultiPaxos):
    machine = Configurations
    served = ("install", "current")
    reads = ("current",)

    def __init__(self, id, cluster):
        super().__init__(id, cluster)
        self.told = []

    def executed(self, command, answer):
        self.told.append((command.value, answer.value))

    def restored(self):
        self.told.append(self.store.snapshot())


def install(epoch, *members):
    return Command("install", "", [epoch, list(members)])


def started(**options):
    stage = Stage(Master, options=options)
    stage.start()
    stage.elect(0)
    return stage


def test_every_replica_is_told_of_each_update_once_in_order():
    stage = started()
    requests = [stage.request(node, install(epoch, node)) for epoch, node in ((1, 0), (2, 1))]
    stage.settle()
    assert [stage.replies[request].value for request in requests] == [1, 2]
    for replica in stage.replicas.values():
        assert replica.told == [[0, []], ([1, [0]], 1), ([2, [1]], 2)]


def test_an_update_that_was_decided_twice_is_told_once():
    """Two nodes ask for the same epoch at the same time: one of them is told that it was late."""
    stage = started()
    for node in (1, 2):
        stage.request(node, install(1, node))
    stage.settle()
    assert [value for value, _ in stage.replicas[0].told[1:]] == [[1, [1]]]
    assert stage.replicas[0].log.chosen == 2


def test_a_command_that_the_machine_does_not_serve_is_refused():
    stage = started()
    request = stage.request(0, Command("write", "x", 1))
    assert not stage.replies[request].ok


def test_a_read_is_answered_from_the_machine():
    stage = started()
    stage.request(0, install(1, 2))
    stage.settle()
    request = stage.request(1, Command("current", ""))
    stage.settle()
    assert stage.replies[request].value == [1, [2]]


def test_a_restart_and_a_snapshot_are_told_of_as_one_state():
    """Nothing of the machine is lost by compaction, nor by a transfer of its snapshot."""
    stage = started(snapshot_every=2, keep=0)
    for epoch in range(1, 6):
        stage.request(0, install(epoch, epoch))
        stage.settle(0, 1)
        stage.drop(0, 2)
    stage.kill(1)
    stage.start(1)
    assert stage.replicas[1].told == [[4, [4]]], "the fifth is not known to be chosen on its disk"
    for _ in range(3):
        stage.fire(0, "tick")
        stage.fire(2, "tick")
        stage.settle(0, 2)
    assert any(f"<- n0 {Snapshot.__name__}" in line for line in stage.lines)
    assert [4, [4]] in stage.replicas[2].told
    assert stage.replicas[2].store.snapshot() == [5, [5]]
