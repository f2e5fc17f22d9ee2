"""What led to the answer that no order explains: the end of an order that explains all those before it.

The search itself keeps no orders, only configurations. So once it has failed, an order is searched for
again, up to where it came, with each configuration knowing which it came from.
"""

from __future__ import annotations

from collections.abc import Iterator

from checker.history import Op
from checker.linearizable.decision import Budget
from checker.linearizable.frontier import NONE, Configuration, Walk
from checker.linearizable.timeline import Timeline
from checker.linearizable.track import Track
from checker.linearizable.transitions import ILLEGAL, NOT_TRIED, Crowded
from checker.models import Model, State

MOST_STEPS = 400_000
"""A fifth of a second: nobody waits longer for an explanation than for the verdict."""
_MOST_OPEN = 2_000_000

Placed = tuple[int, int]
"""An op's number, and the state that it leaves."""


def lead_up(track: Track, model: Model, explained: int, most: int) -> tuple[tuple[Op, State], ...]:
    """The last ``most`` ops of one order that explains the first ``explained`` answers, each with the
    state that it leaves. Nothing where no such order is found in ``MOST_STEPS``.
    """
    timeline = Timeline(track, most=_MOST_OPEN)
    if len(timeline.answered) < explained:
        return ()
    trail = _Trail(timeline, model, Budget(), MOST_STEPS)
    try:
        order = trail.find(explained)
    except Crowded:
        return ()
    states = trail.transitions.states
    return tuple((track.op(number), states[state]) for number, state in order[-most:])


class _Trail(Walk):
    """A walk in which each configuration knows the one before it, and what was placed in between."""

    def find(self, until: int) -> list[Placed]:
        """The ops of an order, depth first, that explains so many answers."""
        self.seen = {}
        nodes: list[tuple[int, list[Placed]]] = []
        stack: list[tuple[Configuration, int, list[Placed]]] = [((0, 0, 0, 0, NONE), -1, [])]
        while stack and self.steps <= self.limit:
            configuration, parent, placed = stack.pop()
            looked = list(self.observers(configuration, until))
            here = self.advance(*configuration, until)
            nodes.append((parent, placed + looked))
            if here[0] == until:
                return self.path(nodes)
            if self.is_new(*here):
                node = len(nodes) - 1
                stack += [
                    (then, node, [(self.placed(here, then), then[2])])
                    for then in reversed(self.branch(*here))
                ]
        return []

    def observers(self, configuration: Configuration, until: int) -> Iterator[Placed]:
        """Those that ``advance`` places from here on, in its order."""
        answer, placed, state, _, _ = configuration
        timeline, after = self.timeline, self.transitions.after[state]
        looks = timeline.looks_at[answer] if answer < until else ()
        while answer < until:
            for number in looks:
                kind = timeline.class_of[number]
                if placed & timeline.bit[number]:
                    continue
                found = after.get(kind, NOT_TRIED)
                if found == NOT_TRIED:
                    found = self.transitions.step(state, kind)
                if found == state and found != ILLEGAL:
                    placed |= timeline.bit[number]
                    yield number, state
            here = timeline.bit[timeline.answered[answer]]
            if not placed & here:
                return
            placed ^= here
            answer += 1
            looks = timeline.fresh[answer] if answer < until else ()

    def placed(self, here: Configuration, then: Configuration) -> int:
        """The op that leads from one configuration to a next one."""
        answer, before, _, used, _ = here
        if then[3] == used:
            bit = before ^ then[1]
            return next(n for n in self.timeline.acts_at[answer] if self.timeline.bit[n] == bit)
        count = self.used.count
        kind = next(
            k for k, _ in self.timeline.crashed_at[answer] if count(then[3], k) > count(used, k)
        )
        track = self.timeline.track
        crashed = [n for n in range(len(track)) if track.ended[n] < 0 and track.kind[n] == kind]
        return crashed[count(used, kind)]

    @staticmethod
    def path(nodes: list[tuple[int, list[Placed]]]) -> list[Placed]:
        """All that was placed on the way to the last node."""
        parts: list[list[Placed]] = []
        place = len(nodes) - 1
        while place >= 0:
            place, placed = nodes[place]
            parts.append(placed)
        return [one for part in reversed(parts) for one in part]
