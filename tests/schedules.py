"""Random schedules for a log-based replica: what chance can do to it, and what must still hold.

Smaller and stranger than the simulator: there is no time, so that any timer may fire at any moment
and any message may be overtaken by any other. Clients append to one list and read it, through any
node; the list is the whole history of its updates, so that linearizability is four plain claims.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from protocols.kernel import Command, Replica
from tests.transcript import Stage

KEY = "x"


@dataclass
class Asked:
    command: Command
    known: int
    """How long the longest list was that anybody had been told when this was invoked."""
    acked: frozenset[int]
    """What had been appended for certain when this was invoked."""


@dataclass
class Chance:
    """A stage, driven by chance. ``asks``: of a thousand moves, how many are a client's."""

    protocol: type[Replica[Any]]
    seed: int
    n: int = 3
    crashes: bool = True
    asks: int = 30
    options: dict[str, object] = field(
        default_factory=lambda: {"batch": 4, "pipeline": 2, "snapshot_every": 5, "keep": 3}
    )

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.stage = Stage(self.protocol, self.n, self.options)
        self.asked: dict[int, Asked] = {}
        self.checked: set[int] = set()
        self.acked: list[int] = []
        self.longest: list[object] = []
        self.serial = 0
        self.cut: frozenset[int] = frozenset()

    def play(self, steps: int) -> None:
        """Raises AssertionError where a claim is broken."""
        self.stage.start()
        for _ in range(steps):
            self.move()
            self.look()
        self.recover()

    def broken(self, steps: int, *errors: type[Exception]) -> str:
        """Which claim is broken, or "". ``errors``: over what else a mutant may stumble."""
        try:
            self.play(steps)
        except (AssertionError, *errors) as error:
            return repr(error)
        return ""

    # --- what may happen --------------------------------------------------------------------------

    def move(self) -> None:
        stage, roll = self.stage, self.random.randrange(970 + self.asks) - self.asks + 30
        links = [link for link, wire in stage.wires.items() if wire]
        up = list(stage.replicas)
        if roll < 30 and up:
            self.ask(self.random.choice(up))
        elif roll < 60 and up:
            node = self.random.choice(up)
            stage.fire(node, self.random.choice(list(stage.timers[node])))
        elif roll < 64 and self.crashes and up:
            stage.kill(self.random.choice(up))
        elif roll < 70 and len(up) < self.n:
            stage.start(self.random.choice([n for n in range(self.n) if n not in up]))
        elif roll < 72:
            self.cut = frozenset(self.random.sample(range(self.n), self.random.randrange(self.n)))
        elif links:
            self.carry(*self.random.choice(links))

    def carry(self, src: int, dst: int) -> None:
        wire, roll = self.stage.wires[src, dst], self.random.randrange(100)
        place = self.random.randrange(len(wire)) if roll < 30 else 0
        if (src in self.cut) != (dst in self.cut) or roll >= 97:
            del wire[place]
            return
        if roll >= 95:
            wire.append(wire[place])
        self.stage.deliver(src, dst, place)

    def ask(self, node: int) -> None:
        self.serial += 1
        retry = [a.command for r, a in self.asked.items() if r not in self.stage.replies]
        roll = self.random.randrange(10)
        if roll < 2 and retry:
            command = self.random.choice(retry)
        elif roll < 5:
            command = Command("read", KEY)
        else:
            command = Command("append", KEY, self.serial, f"c{self.serial}", 1)
        asked = Asked(command, len(self.longest), frozenset(self.acked))
        self.asked[self.stage.request(node, command)] = asked

    # --- what must hold ---------------------------------------------------------------------------

    def look(self) -> None:
        """Check the answers that have come since the last look."""
        for request, reply in list(self.stage.replies.items())[len(self.checked) :]:
            self.checked.add(request)
            asked = self.asked[request]
            if not reply.ok:
                continue
            if asked.command.f == "append":
                assert reply.value == asked.command.value
                self.acked.append(reply.value)
                continue
            got = list(reply.value or [])  # type: ignore[call-overload]
            short, long = sorted([got, self.longest], key=len)
            assert long[: len(short)] == short, f"two orders: {got} and {self.longest}"
            assert len(got) >= asked.known, "older than what was read before it was asked for"
            assert asked.acked <= set(got), "an acknowledged append is not in it"
            assert len(set(got)) == len(got), "appended twice"
            self.longest = long

    def recover(self) -> None:
        """All is healed: the cluster serves again, and all replicas come to the same state."""
        stage = self.stage
        self.cut = frozenset()
        for node in range(self.n):
            if node not in stage.replicas:
                stage.start(node)
        finals: list[int] = []
        for round_ in range(60):
            for node in range(self.n):
                self.beat(node, round_)
            stage.settle(limit=100_000)
            if not finals and self.ready():
                finals = [self.read_finally(node) for node in self.asked_finally()]
        assert finals, "does not come back"
        assert set(finals) <= set(stage.replies), "does not serve again"
        self.look()
        stage.decided()
        stores = [r.store for r in stage.replicas.values()]  # type: ignore[attr-defined]
        assert all(store == stores[0] for store in stores), "replicas differ"

    # --- how a protocol comes back: others than those with a leader say otherwise ------------------

    def beat(self, node: int, round_: int) -> None:
        """Let a node's timers fire, some more often than others."""
        self.stage.fire(node, "tick")
        if (round_ + node) % 5 == 0:
            self.stage.fire(node, "watch")

    def ready(self) -> bool:
        """Whether a command would be served now."""
        return all(replica.leader() is not None for replica in self.stage.replicas.values())

    def asked_finally(self) -> list[int]:
        """The nodes that are read at, after which all must be in the same state."""
        return [self.random.randrange(self.n)]

    def read_finally(self, node: int) -> int:
        request = self.stage.request(node, Command("read", KEY))
        self.asked[request] = Asked(Command("read", KEY), 0, frozenset(self.acked))
        return request
