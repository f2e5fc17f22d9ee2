"""The links between the nodes: how long a message takes, and whether and how often it arrives.

Each directed link draws from streams of its own, so that a fault elsewhere leaves the n-th message
of this link the delay that it had; and weather draws from another stream than the link itself, so
that so does weather that has passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from harness.sim.setup import Network
from nemesis.actions import CLEAR, Weather

US, MS = 1_000, 1_000_000
"""Nanoseconds in a microsecond and in a millisecond."""

FATE_BITS, DELAY_BITS = 20, 32
DRAW_BITS = FATE_BITS + DELAY_BITS
DELAY_MASK = (1 << DELAY_BITS) - 1
ALL_FATES = 1 << FATE_BITS


def _share(permille: int) -> int:
    """A probability as a bound for a number of FATE_BITS bits."""
    assert 0 <= permille <= 1000
    return (permille << FATE_BITS) // 1000


class Wire:
    """One directed link.

    Each message makes one draw of ``DRAW_BITS`` bits: a delay (the low bits) and a fate (the high
    ones). A fate of at least ``odd`` is a message that simply arrives, ``base_ns + (delay *
    span_ns >> DELAY_BITS)`` later: the simulator's hot path works that out itself from the slots.
    For any other, :meth:`arrivals` says when. All to oneself are such: they are not on this link.
    """

    __slots__ = (
        "_doubled", "_extra", "_late", "_late_ns", "_lost", "_usual", "_weather",
        "base_ns", "cut", "draw", "odd", "span_ns", "src",
    )  # fmt: skip

    def __init__(self, seed: int | str, src: int, dst: int, network: Network) -> None:
        least, most = network.delay_us
        assert 0 <= least <= most
        self.src = src
        self.base_ns = (least + (network.apart_us[src][dst] if network.apart_us else 0)) * US
        self.span_ns = (most - least) * US + 1
        self.draw = Random(f"{seed}/net/{src}/{dst}").getrandbits
        self._extra = Random(f"{seed}/weather/{src}/{dst}").getrandbits
        self._lost = _share(network.loss_permille)
        self._doubled = self._lost + _share(network.duplicate_permille)
        self._late = self._doubled + _share(network.late_permille)
        self._late_ns = max(0, network.late_us - least) * US + 1
        self._weather = CLEAR
        self._usual = ALL_FATES if src == dst else self._late
        self.odd = self._usual
        self.cut = False

    def shape(self, weather: Weather) -> None:
        """Let this weather be until the next; under CLEAR the link is its own self again."""
        self._weather = weather
        self.odd = self._usual if weather == CLEAR else ALL_FATES

    @property
    def weather(self) -> Weather:
        """What it is under now."""
        return self._weather

    def arrivals(self, draw: int) -> Sequence[int]:
        """After how many ns the message of this draw arrives: never, once, or several times."""
        fate, delay = draw >> DELAY_BITS, draw & DELAY_MASK
        if fate < self._lost:
            return ()
        late = self._doubled <= fate < self._late
        span_ns = self._late_ns if late else self.span_ns
        usual = [self.base_ns + (delay * span_ns >> DELAY_BITS)]
        if fate < self._doubled:
            usual.append(self.base_ns + (self._extra(DELAY_BITS) * span_ns >> DELAY_BITS))
        if self._weather == CLEAR:
            return usual
        return [ns for own in usual for ns in self._under_weather(own)]

    def _under_weather(self, own_ns: int) -> Iterator[int]:
        weather = self._weather
        if self._happens(weather.loss_permille):
            return
        yield own_ns + self._held_up()
        if self._happens(weather.duplicate_permille):
            yield own_ns + self._held_up()

    def _held_up(self) -> int:
        """How long the weather keeps one packet, in ns."""
        weather = self._weather
        if self._happens(weather.reorder_permille):
            return 0
        least = max(0, weather.delay_ms - weather.jitter_ms) * MS
        most = (weather.delay_ms + weather.jitter_ms) * MS
        return least + (self._extra(DELAY_BITS) * (most - least + 1) >> DELAY_BITS)

    def _happens(self, permille: int) -> bool:
        return permille > 0 and self._extra(FATE_BITS) < _share(permille)
