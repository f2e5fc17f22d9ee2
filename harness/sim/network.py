"""The links between the nodes: how long a message takes, and whether and how often it arrives.

Each directed link draws from streams of its own, so that a fault elsewhere leaves the n-th message
of this link the delay that it had; and weather draws from another stream than the link itself, so
that so does weather that has passed.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from random import Random

from harness.sim.setup import Network
from nemesis.actions import CLEAR, Weather

US, MS = 1_000, 1_000_000
"""Nanoseconds in a microsecond and in a millisecond."""

FATE_BITS, DELAY_BITS = 20, 32
DELAY_MASK = (1 << DELAY_BITS) - 1
BLOCK = 32
"""How many messages' times are drawn at once."""


def _share(permille: int) -> int:
    """A probability as a bound for a number of FATE_BITS bits."""
    assert 0 <= permille <= 1000
    return (permille << FATE_BITS) // 1000


def _blocks(seed: str, base_ns: int, span_ns: int, late: int) -> Iterator[list[int]]:
    """What ``take`` gives, many at a time, since a call for each would take longer. Fates below ``late``
    are those of messages that do not simply arrive.
    """
    randbytes = Random(seed).randbytes
    low, late_word = 32 - FATE_BITS, late << 32 - FATE_BITS
    while True:
        words = array("I", randbytes(8 * BLOCK))
        if sys.byteorder == "big":
            words.byteswap()
        delays, fates = words[::2], words[1::2]
        taken = [base_ns + (delay * span_ns >> DELAY_BITS) for delay in delays]
        if min(fates) < late_word:
            for i, fate in enumerate(fates):
                if fate < late_word:
                    taken[i] = -1 - (fate >> low << DELAY_BITS | delays[i])
        yield taken


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
        "_base_ns", "_calm", "_clear", "_doubled", "_late", "_late_ns", "_lost", "_more", "_span_ns",
        "_weather_seed", "calm", "cut", "link", "src", "take", "weather",
    )  # fmt: skip

    def __init__(self, seed: int | str, src: int, dst: int, network: Network) -> None:
        least, most = network.delay_us
        assert 0 <= least <= most
        self.src = src
        self.link = link(src, dst)
        self._base_ns = (least + (network.apart_us[src][dst] if network.apart_us else 0)) * US
        self._span_ns = (most - least) * US + 1
        self._weather_seed = f"{seed}/weather/{src}/{dst}"
        self._more: Callable[[int], int] | None = None
        self._lost = _share(network.loss_permille)
        self._doubled = self._lost + _share(network.duplicate_permille)
        self._late = self._doubled + _share(network.late_permille)
        self._late_ns = max(0, network.late_us - least) * US + 1
        self.weather, self._clear = CLEAR, True
        self._calm = self.calm = src != dst
        self.cut = False
        # The streams are made when the first message is: many links of a short trial see none.
        drawn = _blocks(f"{seed}/net/{src}/{dst}", self._base_ns, self._span_ns, self._late)
        self.take: Callable[[], int] = chain.from_iterable(drawn).__next__

    def shape(self, weather: Weather) -> None:
        """Let this weather be until the next; under CLEAR the link is its own self again."""
        self.weather = weather
        self._clear = weather == CLEAR
        self.calm = self._calm and self._clear

    def arrivals(self, taken: int) -> Sequence[int]:
        """After how many ns this message arrives: never, once, or several times."""
        usual = [taken] if taken >= 0 else self._oddly(-1 - taken)
        if self._clear:
            return usual
        weather, found = self.weather, []
        for own_ns in usual:
            if weather.loss_permille and self._happens(weather.loss_permille):
                continue
            found.append(own_ns + self._held_up())
            if weather.duplicate_permille and self._happens(weather.duplicate_permille):
                found.append(own_ns + self._held_up())
        return found

    def _oddly(self, draw: int) -> list[int]:
        fate, delay = draw >> DELAY_BITS, draw & DELAY_MASK
        if fate < self._lost:
            return []
        if fate >= self._doubled:
            return [self._base_ns + (delay * self._late_ns >> DELAY_BITS)]
        again = self._extra(DELAY_BITS)
        return [self._base_ns + (bits * self._span_ns >> DELAY_BITS) for bits in (delay, again)]

    def _held_up(self) -> int:
        """How long the weather keeps one packet, in ns."""
        weather = self.weather
        if weather.reorder_permille and self._happens(weather.reorder_permille):
            return 0
        least = max(0, weather.delay_ms - weather.jitter_ms) * MS
        most = (weather.delay_ms + weather.jitter_ms) * MS
        return least + (self._extra(DELAY_BITS) * (most - least + 1) >> DELAY_BITS)

    def _extra(self, bits: int) -> int:
        """A draw for what happens to few messages."""
        if self._more is None:
            self._more = Random(self._weather_seed).getrandbits
        return self._more(bits)

    def _happens(self, permille: int) -> bool:
        return self._extra(FATE_BITS) < _share(permille)
