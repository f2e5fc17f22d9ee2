"""A stage on which nodes lose their disks, and come back."""

from protocols.amnesia import new_replica
from protocols.kernel import Command, Started
from tests.transcript import Stage

PASSIVE = {"rejoin": "passive"}


class Disks(Stage):
    @classmethod
    def staged(cls, protocol, n, options):
        """All have started, and n0 leads, where anybody does."""
        stage = cls(protocol, n, PASSIVE | options)
        stage.start()
        if "watch" in stage.timers[0]:
            stage.elect(0)
        return stage

    def lose(self, node, now_ms=1):
        self.kill(node)
        self.disks[node].clear()
        self.incarnations[node] += 1
        replica = self.replicas[node] = new_replica(self.protocol, node, self.cluster, lost=True)
        replica.now_ms = now_ms
        self.step(node, Started({}, lost=True), "starts without its disk")

    def said_by(self, src, kind):
        wires = [wire for (a, _), wire in self.wires.items() if a == src]
        return [m for wire in wires for m in map(self.codec.decode, wire) if isinstance(m, kind)]

    def write(self, node, value):
        self.request(node, Command("write", "x", value, f"c{value}", 1))


def come_back(stage, node, *among):
    """Six ticks, at most, of a node on its way back."""
    for _ in range(6):
        if stage.replicas[node].back is not None:
            stage.fire(node, "tick")
            stage.settle(*among)


def carry(stage, *links):
    """Deliver all that is under way on these links, one after the other, and what follows not."""
    for src, dst in links:
        for _ in range(len(stage.wires[src, dst])):
            stage.deliver(src, dst)


def alone(stage, *links):
    """These links bring what is on them; all else is lost."""
    carry(stage, *links)
    stage.quiet()


def late_word(stage, *, back, ticks=2, of=""):
    """n4 answers n1's proposal, which is under way, and forgets it before n1 is told. n2, which has kept n4's new
    life, answers, too. Then comes what n4 said in its former life: all, or only what ``of`` is in.

    ``back`` brings n4 back without n1, which then proposes again within so many ticks.
    """
    carry(stage, (1, 4))
    late = [text for text in stage.wires[4, 1] if of in text]
    assert late
    stage.quiet()
    stage.lose(4)
    back()
    stage.quiet()
    assert stage.replicas[4].back is None
    for _ in range(ticks):
        stage.fire(1, "tick")
    alone(stage, (1, 2), (2, 1))
    stage.wires[4, 1].extend(late)
    alone(stage, (4, 1))


def both_answer(stage, ticks):
    """To n2, which comes back. To each other n0 and n1 say nothing."""
    for _ in range(ticks):
        stage.fire(2, "tick")
        for _ in range(6):
            carry(stage, (2, 0), (2, 1), (0, 2), (1, 2))
            stage.drop(0, 1)
            stage.drop(1, 0)
    stage.quiet()
