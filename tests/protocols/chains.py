"""A chain on a stage, with what its tests say often: time passes, the master takes note."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from protocols.chain import Chain
from protocols.chain.detector import PATIENCE
from protocols.kernel import Command
from tests.transcript import Stage


def append(value: object, serial: int = 1, session: str = "c") -> Command:
    return Command("append", "x", value, session, serial)


def read(session: str = "r", serial: int = 1, key: str = "x") -> Command:
    return Command("read", key, None, session, serial)


class ChainStage(Stage):
    """Node ``leader`` leads the master from the start; all has been said that follows from that."""

    def __init__(
        self,
        n: int = 3,
        options: Mapping[str, object] | None = None,
        protocol: type[Chain] = Chain,
        leader: int = 0,
    ) -> None:
        super().__init__(protocol, n, options)
        self.start()
        self.settle()
        while not any(self.wires.values()):
            self.fire(leader, "master/watch")
        self.settle()
        assert self.chain(leader).detector is not None
        self.lines.clear()

    def chain(self, node: int) -> Chain:
        return cast("Chain", self.replicas[node])

    def tick(self, *nodes: int, times: int = 1) -> None:
        """Time passes for these nodes (all), and what they say arrives."""
        for _ in range(times):
            for node in nodes or tuple(self.replicas):
                self.fire(node, "tick")
                self.fire(node, "master/tick")
            self.settle(*(nodes or self.cluster.nodes))

    def miss(self, *nodes: int) -> None:
        """The others wait in vain for these, until the chain is without them."""
        rest = [node for node in self.replicas if node not in nodes]
        for _ in range(PATIENCE + 2):
            self.tick(*rest)
            for node in nodes:
                for other in self.cluster.nodes:
                    self.drop(other, node)
        assert not {*nodes} & {*self.chain(rest[0]).config.members}

    def come_back(self, node: int) -> None:
        """A node that was killed starts, hears what it missed, copies, and is appended."""
        self.start(node)
        for _ in range(12):
            self.tick()
            if self.members()[-1] == node and self.chain(node).complete:
                return
        raise AssertionError(f"node {node} is not back")

    def members(self) -> tuple[int, ...]:
        return max((self.chain(n).config for n in self.replicas), key=lambda c: c.epoch).members

    def answer(self, request: int) -> object:
        """The value that was answered; ``...`` if nothing was."""
        reply = self.replies.get(request)
        return ... if reply is None else reply.value
