"""The links between the nodes: how long a message takes, and whether and how often it arrives.

Each directed link draws from streams of its own, so that a fault elsewhere leaves the n-th message
of this link the delay that it had; and weather draws from another stream than the link itself, so
that so does weather that has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from random import Random

import numpy as np

from harness.sim.setup import Network
from nemesis.actions import CLEAR, Weather

US, MS = 1_000, 1_000_000
"""Nanoseconds in a microsecond and in a millisecond."""

FATE_BITS, DELAY_BITS = 20, 32
DELAY_MASK = (1 << DELAY_BITS) - 1
BLOCKS = 32, 256
"""How many messages' times are drawn at once: first, and from then on."""


def _share(permille: int) -> int:
    """A probability as a bound for a number of FATE_BITS bits."""
    assert 0 <= permille <= 1000
    return (permille << FATE_BITS) // 1000


def _blocks(random: Random, base_ns: int, span_ns: int, late: int) -> Iterator[list[int]]:
    """What ``take`` gives, many at a time: that takes a quarter of the time. Fates below ``late`` are
    those of messages that do not simply arrive.
    """
    assert span_ns < 1 << 32, "delays of a link differ by at most 4 s"
    for size in chain(BLOCKS, repeat(BLOCKS[-1])):
        words = np.frombuffer(random.randbytes(8 * size), "<u4").astype(np.int64)
        delay, fate = words[::2], words[1::2] >> (32 - FATE_BITS)
        after = base_ns + (delay.astype(np.uint64) * span_ns >> DELAY_BITS).astype(np.int64)
        yield np.where(fate < late, -1 - (fate << DELAY_BITS | delay), after).tolist()


def link(src: int, dst: int) -> int:
    """One number for a directed link, unlike any kind of event or node."""
    return (src + 1) << 32 | dst


class Wire:
    """One directed link.

    Each message makes one draw: of a delay, and of a fate. ``take`` makes it, and gives the ns after which
    the message simply arrives; or -1 and less for one that does not, and what was drawn. While the
    link is ``calm`` the simulator's hot path needs no more than that; else, and for such a message,
    :meth:`arrivals` says when. No link to oneself is ever calm: no message goes over it.
    """

    __slots__ = (
        "_base_ns", "_calm", "_doubled", "_extra", "_late", "_late_ns", "_lost", "_span_ns",
        "calm", "cut", "link", "src", "take", "weather",
    )  # fmt: skip

    def __init__(self, seed: int | str, src: int, dst: int, network: Network) -> None:
        least, most = network.delay_us
        assert 0 <= least <= most
        self.src = src
        self.link = link(src, dst)
        self._base_ns = (least + (network.apart_us[src][dst] if network.apart_us else 0)) * US
        self._span_ns = (most - least) * US + 1
        self._extra = Random(f"{seed}/weather/{src}/{dst}").getrandbits
        self._lost = _share(network.loss_permille)
        self._doubled = self._lost + _share(network.duplicate_permille)
        self._late = self._doubled + _share(network.late_permille)
        self._late_ns = max(0, network.late_us - least) * US + 1
        self.weather = CLEAR
        self._calm = self.calm = src != dst
        self.cut = False
        random = Random(f"{seed}/net/{src}/{dst}")
        drawn = _blocks(random, self._base_ns, self._span_ns, self._late)
        self.take: Callable[[], int] = chain.from_iterable(drawn).__next__

    def shape(self, weather: Weather) -> None:
        """Let this weather be until the next; under CLEAR the link is its own self again."""
        self.weather = weather
        self.calm = self._calm and weather == CLEAR

    def arrivals(self, taken: int) -> Sequence[int]:
        """After how many ns this message arrives: never, once, or several times."""
        usual = [taken] if taken >= 0 else self._oddly(-1 - taken)
        if self.weather == CLEAR:
            return usual
        return [ns for own in usual for ns in self._under_weather(own)]

    def _oddly(self, draw: int) -> list[int]:
        fate, delay = draw >> DELAY_BITS, draw & DELAY_MASK
        if fate < self._lost:
            return []
        if fate >= self._doubled:
            return [self._base_ns + (delay * self._late_ns >> DELAY_BITS)]
        again = self._extra(DELAY_BITS)
        return [self._base_ns + (bits * self._span_ns >> DELAY_BITS) for bits in (delay, again)]

    def _under_weather(self, own_ns: int) -> Iterator[int]:
        weather = self.weather
        if self._happens(weather.loss_permille):
            return
        yield own_ns + self._held_up()
        if self._happens(weather.duplicate_permille):
            yield own_ns + self._held_up()

    def _held_up(self) -> int:
        """How long the weather keeps one packet, in ns."""
        weather = self.weather
        if self._happens(weather.reorder_permille):
            return 0
        least = max(0, weather.delay_ms - weather.jitter_ms) * MS
        most = (weather.delay_ms + weather.jitter_ms) * MS
        return least + (self._extra(DELAY_BITS) * (most - least + 1) >> DELAY_BITS)

    def _happens(self, permille: int) -> bool:
        return permille > 0 and self._extra(FATE_BITS) < _share(permille)
