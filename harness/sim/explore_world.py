"""Worlds: all nodes, what is under way between them, what clients saw; and what may happen next.

Two thrifts leave out most worlds, and no behaviour (``Scope.thrifty``):

**Dead letters.** Worlds that differ only in messages that can have no effect any more behave alike,
and most worlds differ in nothing else. Whether a message to a node is dead in the node's state is a
question about all states that the node can come to from there. It is answered by guessing and then
proving: a message that has no effect *now* is taken for dead and dropped; when all is explored,
``rethink`` looks whether it would have had an effect in any later state of its node that was
explored, and if so, marks it as alive from that state on; then all is explored again. When no guess
was wrong, none mattered: a first effect of a dropped message would be in a state that is reached
without it, so it was explored. (A counterexample of a run that guessed wrong is true all the same:
a dropped message is a lost one.)

**Plain answers.** Where messages may be repeated without bound, one that leaves its receiver as it
was and only has it send something is delivered as soon as can be. In the world after it all can
happen that can happen in the world before it, for it has the same messages under way, and more.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, assert_never

from checker.verdict import Verdict
from harness.sim.explore_ledger import STARTED, Bag, Facts, Flying, Stories
from harness.sim.explore_nodes import Local, Nodes, Step
from harness.sim.explore_scope import ANY, Scope
from harness.sim.explore_symmetry import NODES_FROM, Symmetry, World
from protocols.kernel import Cluster, Command

EXCEPTION = "exception"
"""The name of the check that no replica raises one."""


class Deliver(NamedTuple):
    """A message arrives. ``stays``: the network has a copy of it, which may arrive too."""

    letter: int
    stays: bool


class Fire(NamedTuple):
    """A timer runs down."""

    node: int
    timer: str


class Ask(NamedTuple):
    """A client invokes its op at a node, which hears of it at once."""

    op: int
    node: int


class Crash(NamedTuple):
    """A node loses all but its disk, and starts again."""

    node: int


Move: TypeAlias = Deliver | Fire | Ask | Crash


class Worlds:
    """The rules of the game: from a world to those that are one move away."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.commands: tuple[Command, ...] = scope.commands()
        cluster = Cluster(
            tuple(range(scope.nodes)), rtt_ms=scope.rtt_ms, options=scope.protocol_options
        )
        self.nodes = Nodes(scope.protocol, cluster, self.commands)
        self.flying = Flying(self.nodes.letters, repeats=scope.duplicates == ANY)
        self.stories = Stories(self.commands, scope.checks)
        self.facts = Facts(scope.nodes)
        self.broken: dict[World, str] = {}
        """Worlds in which a replica has raised an exception, and which."""
        self._alive: set[tuple[int, int]] = set()
        self._dropped: set[tuple[int, int]] = set()
        """(message, state of its receiver): not to be dropped then; was dropped then."""
        self._tidied: dict[tuple[int, int], tuple[int, Bag]] = {}
        self.symmetry: Symmetry | None = None
        """None: all nodes are told apart."""
        if scope.symmetric and len(scope.bystanders()) > 1:
            self.symmetry = Symmetry(
                self.nodes, self.flying, self.facts, scope.nodes, scope.bystanders()
            )

    def first(self, *, plainly: bool = False) -> World:
        """All nodes are up, for the first time; nothing was asked."""
        scope = self.scope
        world: World = (
            0, 0, 0, scope.crashes, scope.timers, max(scope.duplicates, 0), *[-1] * scope.nodes
        )  # fmt: skip
        for node in range(scope.nodes):
            world = self._after(world, node, self.nodes.start(node, {}), plainly=plainly)
        return world

    def wrong(self, world: World) -> tuple[str, Verdict | None] | None:
        """The check that this world fails and what it says; an exception has no verdict."""
        if world in self.broken:
            return EXCEPTION, None
        return self.stories.bad.get(world[0]) or self.facts.bad.get(world[2])

    def moves(self, world: World) -> list[tuple[Move, World]]:
        """All that may happen next, each world as the twin that stands for it. Raises Unequal."""
        found = self.moves_apart(world)
        if self.symmetry is None:
            return found
        folded: list[tuple[Move, World]] = []
        for move, after in found:
            least = self.symmetry.least(after)
            if after in self.broken:
                self.broken.setdefault(least, self.broken[after])
            folded.append((move, least))
        return folded

    def moves_apart(self, world: World) -> list[tuple[Move, World]]:
        """All that may happen next, but for what changes nothing; all nodes told apart.

        A message that its receiver ignores may as well stay under way: all that can happen without
        it can happen with it. So can all that can happen after its loss; therefore nothing is ever
        lost here, and a world is judged whatever is still under way.
        """
        story, bag, _, crashes, firings, copies, *states = world
        letters, step = self.nodes.letters, self.nodes.step
        found: list[tuple[Move, World]] = []
        for letter in self.flying.apart[bag]:
            node = letters[letter].dst
            local = states[node]
            done = step(local, letter)
            if done.idle or (done.after == local and self._answered_already(letter, local)):
                continue
            landed = self._after(world, node, done, letter)
            found.append((Deliver(letter, False), landed))
            if copies and letters[letter].src != node:
                found.append((Deliver(letter, True), self._after(_spend(world, 5), node, done)))
        for op in self.stories.left[story]:
            where = self.scope.ops[op].node
            for node in range(self.scope.nodes) if where == ANY else (where,):
                asked = (self.stories.ask(story, op, node), *world[1:])
                later = self._after(asked, node, step(states[node], -1 - op))
                found.append((Ask(op, node), later))
        if firings:
            for node, local in enumerate(states):
                found += self._firings(world, node, self.nodes.locals[local])
        if crashes:
            for node, local in enumerate(states):
                found.append((Crash(node), self._crash(world, node, step(local, None))))
        return found

    def play(self, world: World, move: Move) -> World | None:
        """The world after one move, without thrift; None where the move is not possible."""
        states = world[NODES_FROM:]
        match move:
            case Deliver(letter, stays):
                node = self.nodes.letters[letter].dst
                if letter not in self.flying.bags[world[1]] or (stays and not world[5]):
                    return None
                step = self.nodes.step(states[node], letter)
                if stays:
                    return self._after(_spend(world, 5), node, step, plainly=True)
                return self._after(world, node, step, letter, plainly=True)
            case Ask(op, node):
                if op not in self.stories.left[world[0]]:
                    return None
                asked = (self.stories.ask(world[0], op, node), *world[1:])
                return self._after(
                    asked, node, self.nodes.step(states[node], -1 - op), plainly=True
                )
            case Fire(node, timer):
                if not world[4] or timer not in self.nodes.locals[states[node]].timers:
                    return None
                step = self.nodes.step(states[node], timer)
                return self._after(_spend(world, 4), node, step, plainly=True)
            case Crash(node):
                if not world[3]:
                    return None
                return self._crash(world, node, self.nodes.step(states[node], None), plainly=True)
        assert_never(move)

    def plain_answers(self, world: World) -> list[Move]:
        """The messages under way that would be answered plainly, with something new."""
        bag = self.flying.bags[world[1]]
        return [
            Deliver(letter, False)
            for letter in self.flying.apart[world[1]]
            for local in (world[NODES_FROM + self.nodes.letters[letter].dst],)
            if self.flying.repeated(letter)
            and self.is_plain(letter, local)
            and any(sent not in bag for sent in self.nodes.step(local, letter).sent)
        ]

    def _firings(self, world: World, node: int, local: Local) -> list[tuple[Move, World]]:
        found: list[tuple[Move, World]] = []
        for timer in local.timers:
            done = self.nodes.step(local.number, timer)
            if not done.idle:
                found.append((Fire(node, timer), self._after(_spend(world, 4), node, done)))
        return found

    def _crash(self, world: World, node: int, started: Step, *, plainly: bool = False) -> World:
        story, bag, facts, crashes = world[:4]
        crashed = (
            self.stories.crash(story, node),
            self.flying.crash(bag, node),
            self.facts.note(facts, node, (STARTED,)),
            crashes - 1,
            *world[4:],
        )
        return self._after(crashed, node, started, plainly=plainly)

    def _after(
        self, world: World, node: int, step: Step, landed: int = -1, *, plainly: bool = False
    ) -> World:
        """The world when ``node`` has made a step."""
        story, bag, facts = world[:3]
        place = NODES_FROM + node
        later = (*world[3:place], step.after, *world[place + 1 :])
        if step.replies:
            story = self.stories.answer(story, step.replies)
        if step.notes:
            facts = self.facts.note(facts, node, step.notes)
        if landed >= 0 or step.sent:
            bag = self.flying.change(bag, landed, step.sent)
        if step.broken:
            self.broken[story, bag, facts, *later] = step.broken
        elif self.scope.thrifty and not plainly:
            letters = self.nodes.letters
            hit = dict.fromkeys([node, *[letters[letter].dst for letter in step.sent]])
            bag = self._settle(bag, later[NODES_FROM - 3 :], list(hit))
        return (story, bag, facts, *later)

    # --- thrift -----------------------------------------------------------------------------------

    def _settle(self, bag: int, states: World, hit: list[int]) -> int:
        """The bag without dead letters, and with all plain answers, to what these nodes may get."""
        while hit:
            node = hit.pop()
            if states[node] < 0:
                continue  # it is yet to be started, or broke
            bag, answers = self._tidy(bag, states[node], node)
            for letter in answers:
                dst = self.nodes.letters[letter].dst
                if letter not in self.flying.bags[bag] and not self._dead(letter, states[dst]):
                    bag = self.flying.change(bag, -1, (letter,))
                    hit.append(dst)
        return bag

    def _tidy(self, bag: int, local: int, node: int) -> tuple[int, Bag]:
        """The bag without the messages to ``node`` that are dead in its state ``local``; and what
        it plainly answers to the others.
        """
        tidied = self._tidied.get((bag, local))
        if tidied is None:
            left, answers = bag, dict[int, None]()
            for letter in self.flying.bags[bag]:
                if self.nodes.letters[letter].dst != node:
                    continue
                if self._dead(letter, local):
                    left = self.flying.drop(left, letter)
                elif self.flying.repeated(letter) and self.is_plain(letter, local):
                    answers.update(dict.fromkeys(self.nodes.step(local, letter).sent))
            tidied = self._tidied[bag, local] = (left, tuple(answers))
        return tidied

    def _dead(self, letter: int, local: int) -> bool:
        """Whether this message is dropped in this state of its receiver."""
        if local < 0 or (letter, local) in self._alive or not self.nodes.step(local, letter).idle:
            return False
        self._dropped.add((letter, local))
        return True

    def _answered_already(self, letter: int, local: int) -> bool:
        return self.scope.thrifty and self.flying.repeated(letter) and self.is_plain(letter, local)

    def is_plain(self, letter: int, local: int) -> bool:
        """Whether this message only makes its receiver, in this state, send to others."""
        step = self.nodes.step(local, letter)
        return (
            step.after == local
            and not (step.replies or step.notes)
            and all(self.flying.repeated(sent) for sent in step.sent)
        )

    def rethink(self) -> bool:
        """Whether some message was dropped that might have had an effect later; then explore again."""
        starts: dict[int, list[int]] = {}
        for letter, local in sorted(self._dropped):
            starts.setdefault(letter, []).append(local)
        before = len(self._alive)
        for letter, dropped_in in starts.items():
            self._alive.update((letter, local) for local in self._wakers(letter, dropped_in))
        wrong = not self._alive.isdisjoint(self._dropped)
        assert wrong == (len(self._alive) > before)
        self._dropped.clear()
        self._tidied.clear()
        return wrong

    def _wakers(self, letter: int, dropped_in: list[int]) -> list[int]:
        """The states, after those, from which a state can be reached that does not ignore it."""
        states, step = self.nodes.locals, self.nodes.step
        into: dict[int, list[int]] = {local: [] for local in dropped_in}
        ahead, awake = list(dropped_in), dict[int, None]()
        while ahead:
            local = ahead.pop()
            for after in dict.fromkeys([done.after for done in states[local].steps.values()]):
                if after < 0:
                    continue
                if after not in into:
                    into[after] = []
                    ahead.append(after)
                into[after].append(local)
            if not step(local, letter).idle:
                awake[local] = None
        ahead = list(awake)
        while ahead:
            for local in into[ahead.pop()]:
                if local not in awake:
                    awake[local] = None
                    ahead.append(local)
        return list(awake)


def _spend(world: World, place: int) -> World:
    """The world with one less left of what is counted at ``place``."""
    return (*world[:place], world[place] - 1, *world[place + 1 :])
