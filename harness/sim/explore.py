"""Exhaustive exploration of small scopes: every world that can be, each once, the nearest first.

    found = explore(Scope(protocol=ABD, ops=ops_from("write,read", 3), checks={"linearizable": check}))

Breadth first, so the first counterexample is a shortest one. What is known of a world is all that
bears on its future, in a canonical form (``explore_world``), and each is expanded once. Every world
is judged, not only the last ones: the clients' history by the scope's checks, the nodes' notes by
agreement; and a replica that raises an exception is a counterexample too.

As in TLC (Yu, Manolios, Lamport, "Model Checking TLA+ Specifications", CHARME 1999), but the model
is the protocol's own code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from checker.verdict import Verdict
from harness.sim.explore_path import spelled_out, trimmed
from harness.sim.explore_scope import Scope
from harness.sim.explore_symmetry import Unequal, World
from harness.sim.explore_world import Move, Worlds

SPEAK_EVERY = 2_000
"""Worlds expanded between two looks at whether to stop."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an exploration is. ``frontier`` are worlds met, but not expanded yet."""

    states: int
    moves: int
    frontier: int
    depth: int
    node_states: int
    """Distinct states of single nodes."""
    steps: int
    """Steps that replicas made, those to build them again included."""


@dataclass(frozen=True, kw_only=True)
class Counterexample:
    """The way from the first world to a bad one: each move, and the world after it.

    ``check`` names what is violated; ``verdict`` is None where a replica broke (``broken``).
    """

    check: str
    verdict: Verdict | None
    broken: str
    moves: tuple[Move, ...]


@dataclass(frozen=True, kw_only=True)
class Explored:
    """What came of it. ``exhausted``: no world is left that the scope allows."""

    worlds: Worlds
    exhausted: bool
    passes: int
    """How often all was explored until no message was taken for dead that was not, and no nodes for
    equal that were not."""
    equal: tuple[int, ...]
    """The nodes that proved to be equal, of which each order was explored once."""
    progress: Progress
    counterexample: Counterexample | None
    histories: int
    answered: bool
    """Whether any op was answered in any of them; if not, they show nothing."""
    undecided: int
    """Histories of which a check could not say whether they are right."""


Tell: TypeAlias = Callable[[Progress], bool]
"""Is told how far the exploration is, now and then; True ends it."""


def explore(
    scope: Scope, *, most_states: int = 1_000_000, tell: Tell = lambda _: False
) -> Explored:
    """Explore until a counterexample is found, nothing is left, or a bound is reached."""
    worlds = Worlds(scope)
    passes = 0
    while True:
        passes += 1
        search = _Search(worlds)
        try:
            found = search.run(most_states, tell)
        except Unequal:
            worlds.symmetry = None
            continue
        stopped = found is None and search.left > 0
        if stopped or not worlds.rethink():
            break
    stories = worlds.stories
    return Explored(
        worlds=worlds,
        exhausted=found is None and not stopped,
        passes=passes,
        equal=() if worlds.symmetry is None else worlds.symmetry.bystanders,
        progress=search.progress(),
        counterexample=found,
        histories=len(stories),
        answered=stories.answered,
        undecided=len(stories.unknown),
    )


class _Search:
    """``before`` has every world that was met, with the one that it was first reached from."""

    def __init__(self, worlds: Worlds) -> None:
        self.worlds = worlds
        first = worlds.first()
        self.before: dict[World, World | None] = {first: None}
        self.frontier: list[World] = [first]
        self.left = 1
        self.depth = 0
        self.moves = 0

    def progress(self) -> Progress:
        nodes = self.worlds.nodes
        return Progress(
            states=len(self.before),
            moves=self.moves,
            frontier=self.left,
            depth=self.depth,
            node_states=len(nodes.locals),
            steps=nodes.played,
        )

    def run(self, most_states: int, tell: Tell) -> Counterexample | None:
        if found := self._judge(self.frontier[0]):
            return found
        before, moves = self.before, self.worlds.moves
        bad, disagreeing, broken = (
            self.worlds.stories.bad, self.worlds.facts.bad, self.worlds.broken,
        )  # fmt: skip
        while self.frontier:
            later: list[World] = []
            for place, world in enumerate(self.frontier):
                if place % SPEAK_EVERY == 0 or len(before) >= most_states:
                    self.left = len(self.frontier) - place + len(later)
                    if len(before) >= most_states or tell(self.progress()):
                        return None
                    if place:
                        self._prove()
                nexts = moves(world)
                self.moves += len(nexts)
                for _, next_world in nexts:
                    if next_world in before:
                        continue
                    before[next_world] = world
                    later.append(next_world)
                    if (bad or disagreeing or broken) and (example := self._judge(next_world)):
                        self.left = len(self.frontier) - place + len(later)
                        return example
            self.frontier = later
            self.left = len(later)
            self.depth += bool(later)
        self._prove()
        return None

    def _prove(self) -> None:
        """Raises Unequal if nodes that were taken for equal are not."""
        worlds = self.worlds
        if worlds.symmetry and not worlds.symmetry.holds(worlds.first(plainly=True)):
            raise Unequal

    def _judge(self, world: World) -> Counterexample | None:
        """The counterexample that this world is, if it is one."""
        wrong = self.worlds.wrong(world)
        return None if wrong is None else self._counterexample(*wrong, world)

    def _counterexample(self, check: str, verdict: Verdict | None, world: World) -> Counterexample:
        path = [world]
        while (previous := self.before[path[-1]]) is not None:
            path.append(previous)
        path.reverse()
        moves, world = self._apart(path)
        wrong = self.worlds.wrong(world)
        if wrong is None or wrong[0] != check:
            raise Unequal
        verdict = wrong[1]
        if self.worlds.scope.thrifty:
            moves = trimmed(self.worlds, spelled_out(self.worlds, moves), check)
        return Counterexample(
            check=check,
            verdict=verdict,
            broken=self.worlds.broken.get(world, ""),
            moves=tuple(moves),
        )

    def _apart(self, path: Sequence[World]) -> tuple[list[Move], World]:
        """A way through worlds of which these are the twins, all nodes told apart; and its end."""
        symmetry, world = self.worlds.symmetry, path[0]
        moves: list[Move] = []
        for following in path[1:]:
            for move, after in self.worlds.moves_apart(world):
                if after == following or (symmetry and symmetry.least(after) == following):
                    moves.append(move)
                    world = after
                    break
            else:
                raise Unequal
        return moves, world
