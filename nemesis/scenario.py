"""Scenarios: several faults in an order that means something, drawn anew each time.

Some bugs need a few faults, each at the right moment after the last. That two majorities meet in one node
is what most protocols stand on; so a *relay* makes two majorities in turn that meet in one node, and takes from that
node what it knows in between. No window of its own is new: a scenario is two to eight ordinary ones (cut,
mend, shape, kill, wipe, start), with nodes and times drawn from the trial's seed, in proportion to
the round trip and to the stretch of the trial that it is given. So it is played, recorded, proved and shrunk
as any plan is.

In each, of two kinds is the death: ``-kill`` (the node keeps its disk, and loses what it did not write down)
and ``-wipe`` (the disk is gone too, for protocols that can come back without: ``rejoin=passive``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from nemesis.actions import Link, Weather, Window
from nemesis.disk import wipe_node
from nemesis.packet import shape
from nemesis.partition import between, cut
from nemesis.process import kill_nodes

LEAST = 3
"""Nodes: of two, no two majorities meet in one node only."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The stretch of the trial that a scenario is played in, and the round trip that replicas expect."""

    at_ms: int
    for_ms: int
    rtt_ms: int

    def moment(self, random: Random, least_rtt: int, most_rtt: int) -> int:
        """Some ms: round trips, drawn so that each power of two is as likely, at most a quarter of the stage."""
        steps = [least_rtt << n for n in range((most_rtt // least_rtt).bit_length())]
        low = random.choice(steps)
        ms = random.randint(low * self.rtt_ms // 2, low * self.rtt_ms)
        return max(1, min(ms, self.for_ms // 4))


@dataclass(slots=True)
class Cuts:
    """Which links are cut from when to when; those of the same times are one window."""

    name: str
    found: dict[tuple[int, int], list[Link]] = field(default_factory=dict)

    def add(self, begin_ms: int, end_ms: int, some: Iterable[Link]) -> None:
        if begin_ms < end_ms:
            self.found.setdefault((begin_ms, end_ms), []).extend(some)

    def windows(self) -> Iterator[Window]:
        for (begin_ms, end_ms), some in self.found.items():
            if some:
                yield Window(begin_ms, end_ms - begin_ms, cut(f"{self.name}-cut", some))


def death(name: str, at_ms: int, down_ms: int, node: int) -> Window:
    """The node dies, with or without its disk, as the scenario's name says."""
    fault = wipe_node(name, node) if name.endswith("-wipe") else kill_nodes(name, [node])
    return Window(at_ms, max(1, down_ms), fault)


@dataclass(frozen=True, slots=True)
class Swing:
    """A node that is with two sides in turn: with each it is a majority, and nobody else is with both.

    From ``stage.at_ms`` it is with ``first``, from ``switch_ms`` with ``then``, until ``end_ms``.
    """

    node: int
    first: tuple[int, ...]
    then: tuple[int, ...]
    switch_ms: int
    end_ms: int

    @property
    def others(self) -> tuple[int, ...]:
        return self.first + self.then


def _swing(name: str, random: Random, nodes: Sequence[int], stage: Stage) -> Swing:
    if len(nodes) < LEAST:
        raise ValueError(f"{name} needs at least {LEAST} nodes")
    node, *others = random.sample(nodes, len(nodes))
    half = (len(others) + random.getrandbits(1)) // 2
    first_ms = random.randint(stage.for_ms * 35 // 100, stage.for_ms * 55 // 100)
    return Swing(
        node=node,
        first=tuple(others[:half]),
        then=tuple(others[half:]),
        switch_ms=stage.at_ms + first_ms,
        end_ms=stage.at_ms + stage.for_ms,
    )


def _split(cuts: Cuts, random: Random, swing: Swing, begin_ms: int, later_ms: int) -> int | None:
    """Cut the sides from each other. As often as not, where a side has two nodes or more, one of them changes sides at
    ``later_ms``, against the swing: until then it is with those whom the swing goes to. It is returned.
    """
    first, then = swing.first, swing.then
    if len(first) < 2 or random.getrandbits(1):
        cuts.add(begin_ms, swing.end_ms, between([first, then]))
        return None
    crosses, *rest = first
    cuts.add(begin_ms, swing.end_ms, between([rest, then]))
    cuts.add(begin_ms, later_ms, between([[crosses], rest]))
    cuts.add(later_ms, swing.end_ms, between([[crosses], then]))
    cuts.add(begin_ms, swing.switch_ms, between([[crosses], [swing.node]]))
    return crosses


def _relay(name: str, random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    swing, cuts = _swing(name, random, nodes, stage), Cuts(name)
    both_ms = random.choice((0, stage.moment(random, 1, 32)))
    leaves_ms = swing.switch_ms + both_ms
    _split(cuts, random, swing, stage.at_ms, leaves_ms)
    sooner = swing.then
    if len(swing.then) > 1 and random.getrandbits(1):  # one of the other side helps it back
        sooner, later = swing.then[:1], swing.then[1:]
        cuts.add(stage.at_ms, leaves_ms, between([[swing.node], later]))
    cuts.add(stage.at_ms, swing.switch_ms, between([[swing.node], sooner]))
    cuts.add(leaves_ms, swing.end_ms, between([[swing.node], swing.first]))
    yield from cuts.windows()
    back_ms = random.choice((0, stage.moment(random, 1, 32)))
    down_ms = stage.moment(random, 1, 8)
    dies_ms = swing.switch_ms - (back_ms + down_ms if back_ms else 0)
    yield death(name, max(stage.at_ms, dies_ms), down_ms, swing.node)


def relay_kill(random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    """Two majorities in turn that meet in one node, which is killed in between."""
    return _relay("relay-kill", random, nodes, stage)


def relay_wipe(random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    """Two majorities in turn that meet in one node, which loses its disk in between."""
    return _relay("relay-wipe", random, nodes, stage)


def _voice(name: str, random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    swing, cuts = _swing(name, random, nodes, stage), Cuts(name)
    if not random.randrange(4):
        yield from _mumbles(name, random, swing, stage)
        return
    late_ms = stage.moment(random, 4, 64)
    silent_ms = swing.switch_ms + late_ms
    swing = replace(swing, end_ms=random.randint(silent_ms, swing.end_ms))
    later_ms = swing.switch_ms + min(late_ms, stage.moment(random, 2, 32))
    crosses = _split(cuts, random, swing, stage.at_ms, later_ms)
    if crosses is not None:
        cuts.add(later_ms, swing.end_ms, between([[crosses], [swing.node]]))
    former = [node for node in swing.first if node != crosses]
    cuts.add(stage.at_ms, swing.switch_ms, between([[swing.node], swing.then]))
    said = [(swing.node, node) for node in former]
    cuts.add(swing.switch_ms, swing.end_ms, [(dst, src) for src, dst in said])
    cuts.add(silent_ms, swing.end_ms, said)  # its new words are as late, and cut off
    yield from cuts.windows()
    slow = shape(f"{name}-slow", said, Weather(delay_ms=late_ms))
    yield Window(stage.at_ms, silent_ms - stage.at_ms, slow)
    yield death(name, swing.switch_ms, stage.moment(random, 1, 4), swing.node)


def _mumbles(name: str, random: Random, swing: Swing, stage: Stage) -> Iterator[Window]:
    """Without sides: all that the node says takes its time for a moment, and then it dies, up to three times."""
    said = [(swing.node, node) for node in swing.others]
    each_ms = stage.for_ms // 3
    for turn in range(random.randint(1, 3)):
        at_ms = stage.at_ms + turn * each_ms
        late_ms, slow_ms = (
            stage.moment(random, 4, 32),
            min(each_ms // 2, stage.moment(random, 4, 16)),
        )
        slow = shape(f"{name}-slow", said, Weather(delay_ms=late_ms, jitter_ms=late_ms))
        yield Window(at_ms, max(1, slow_ms), slow)
        dies_ms = at_ms + random.randint(slow_ms // 2, slow_ms)
        yield death(name, dies_ms, min(each_ms // 3, stage.moment(random, 1, 4)), swing.node)


def voice_kill(random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    """As relay-kill, and the first side hears late what that node said before it was killed."""
    return _voice("voice-kill", random, nodes, stage)


def voice_wipe(random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    """As relay-wipe, and the first side hears late what that node said in its former life."""
    return _voice("voice-wipe", random, nodes, stage)


def _bridge(name: str, random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    swing, cuts = _swing(name, random, nodes, stage), Cuts(name)
    cuts.add(stage.at_ms, swing.end_ms, between([swing.first, swing.then]))
    yield from cuts.windows()
    echo = name.startswith("echo")
    if echo:
        heard = [(node, swing.node) for node in swing.others]
        slow = shape(f"{name}-slow", heard, Weather(delay_ms=stage.moment(random, 2, 16)))
        yield Window(stage.at_ms, stage.for_ms, slow)
    times = random.randint(2, 4) if echo else random.randint(1, 2)
    each_ms = stage.for_ms // (times + 1)
    for n in range(times):
        at_ms = stage.at_ms + each_ms * (n + 1) - random.randint(0, each_ms // 2)
        down_ms = stage.moment(random, 1, 2 if echo else 16)
        yield death(name, at_ms, min(each_ms // 2, down_ms), swing.node)


def bridge_kill(random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    """Two sides that only one node hears, which is killed, once or twice."""
    return _bridge("bridge-kill", random, nodes, stage)


def bridge_wipe(random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    """Two sides that only one node hears, which loses its disk, once or twice."""
    return _bridge("bridge-wipe", random, nodes, stage)


def echo_kill(random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    """As bridge-kill, twice to four times, and that node hears both late: it comes back to what was said to it before."""
    return _bridge("echo-kill", random, nodes, stage)


def echo_wipe(random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    """As bridge-wipe, twice to four times, and that node hears both late: it comes back to what was said to its former life."""
    return _bridge("echo-wipe", random, nodes, stage)


def slow_then_cut(random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    """A node hears one side late, and is then cut off from it, and with the other: it has voted, and got nothing."""
    name = "slow-then-cut"
    swing, cuts = _swing(name, random, nodes, stage), Cuts(name)
    cuts.add(stage.at_ms, swing.end_ms, between([swing.first, swing.then]))
    cuts.add(stage.at_ms, swing.switch_ms, between([[swing.node], swing.then]))
    cuts.add(swing.switch_ms, swing.end_ms, between([[swing.node], swing.first]))
    yield from cuts.windows()
    heard = [(node, swing.node) for node in swing.first]
    slow = shape(f"{name}-slow", heard, Weather(delay_ms=stage.moment(random, 2, 32)))
    yield Window(stage.at_ms, swing.switch_ms - stage.at_ms, slow)


def _gap(name: str, random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    swing, cuts = _swing(name, random, nodes, stage), Cuts(name)
    missed_ms = stage.at_ms + stage.moment(random, 4, 32)
    deaf_ms = missed_ms + stage.moment(random, 4, 32)
    heard = [(node, swing.node) for node in swing.first]
    cuts.add(stage.at_ms, missed_ms, heard)
    cuts.add(missed_ms, swing.end_ms, between([swing.first, swing.then]))
    cuts.add(deaf_ms, swing.end_ms, heard)
    yield from cuts.windows()
    if name.endswith("-members"):
        yield Window(missed_ms, swing.end_ms - missed_ms, "membership-replace")


def gap(random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    """A node is deaf for a moment and not dumb, and again soon after: it has heard what follows upon what it lacks."""
    return _gap("gap", random, nodes, stage)


def gap_members(random: Random, nodes: Sequence[int], stage: Stage) -> Iterator[Window]:
    """As gap, and a spare takes the place of a member meanwhile: who is deaf has voted for that, and not heard more."""
    return _gap("gap-members", random, nodes, stage)
