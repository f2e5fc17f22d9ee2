"""Which key an op asks for: Paxi's distributions, each within its bounds.

After the benchmark of ailidani/paxi (``order``, ``uniform``, ``conflict``, ``normal`` with a mean
that moves, ``zipfian``, ``exponential``), where the last two leave the range of the keys and
``normal`` may reach its upper end; and ``locality``, of Ailijiang, Charapko, Demirbas, Kosar,
"WPaxos", TPDS 31(1), 2020, section 5. All are laws over the *keys there are*: a bounded law is the
unbounded one given that it stays within, and ``normal`` goes round.

>>> keys = parse("zipfian:1.5,1", Space(keys=100, sites=(0,)))
>>> [keys.pick(Random(i), 0, 0) for i in range(8)]
[11, 0, 42, 0, 0, 2, 7, 0]

The logarithm and the powers are the platform's, so the last digit of a bound may be, too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import exp, floor, isfinite
from random import Random
from typing import Protocol

from workloads.generators import below

MS = 1_000_000
ZONE = "zone"
"""In place of a mean: the middle of the keys that are the client's site's own."""


@dataclass(frozen=True)
class Space:
    """``keys`` keys, from the number ``first`` up. ``sites[thread]`` numbers the client's site from 0."""

    keys: int
    sites: tuple[int, ...]
    first: int = 0

    @property
    def parts(self) -> int:
        """How many sites there are."""
        return max(self.sites) + 1

    def begin(self, site: int) -> int:
        """The first key that is a site's own; the next site's begin is its end."""
        return self.keys * site // self.parts


class Picker(Protocol):
    """A law, ready to draw. It may remember what it drew."""

    def pick(self, random: Random, now_ns: int, thread: int) -> int:
        """Which key, as an index from 0 to keys - 1, client ``thread`` asks for now."""
        ...


class Order:
    """One key after another, and again from the first."""

    def __init__(self, space: Space) -> None:
        self._keys, self._next = space.keys, 0

    def pick(self, random: Random, now_ns: int, thread: int) -> int:  # noqa: ARG002  the seam's
        key = self._next
        self._next = (key + 1) % self._keys
        return key


class Uniform:
    """Each key as likely."""

    def __init__(self, space: Space) -> None:
        self._keys = space.keys

    def pick(self, random: Random, now_ns: int, thread: int) -> int:  # noqa: ARG002  the seam's
        return below(random, self._keys)


class Conflict:
    """The first key with this probability, else one that no other client asks for, in turn.

    So the share of ops that may meet others is what is said. Clients without a key of their own,
    where there are more clients than other keys, share one.

    >>> keys = Conflict(Space(keys=5, sites=(0, 1)), share=0.0)
    >>> [keys.pick(Random(0), 0, thread) for thread in (0, 0, 0, 1, 1, 1)]
    [1, 3, 1, 2, 4, 2]
    """

    def __init__(self, space: Space, share: float) -> None:
        others, threads = space.keys - 1, len(space.sites)
        self._share = share
        self._own = [
            range(1 + thread % others if others else 0, space.keys, threads)
            for thread in range(threads)
        ]
        self._next = [0] * threads

    def pick(self, random: Random, now_ns: int, thread: int) -> int:  # noqa: ARG002  the seam's
        if random.random() < self._share:
            return 0
        own, turn = self._own[thread], self._next[thread]
        self._next[thread] = (turn + 1) % len(own)
        return own[turn]


class Normal:
    """Around a mean, to the nearest key; what falls beyond an end goes on from the other.

    The mean of a site's clients is ``means[site]``, an index, and moves by ``move`` keys every
    ``speed_ms``.
    """

    def __init__(
        self, space: Space, means: tuple[float, ...], sigma: float, *, move: int, speed_ms: int
    ) -> None:
        self._space, self._means, self._sigma = space, means, sigma
        self._move, self._speed_ns = move, speed_ms * MS

    def pick(self, random: Random, now_ns: int, thread: int) -> int:
        mean = self._means[self._space.sites[thread]]
        moved = self._move * (now_ns // self._speed_ns) if self._speed_ns else 0
        return (floor(random.gauss(mean, self._sigma) + 0.5) + moved) % self._space.keys


class Weighted:
    """Each key by its weight: one draw, and a search in the sums of the weights."""

    def __init__(self, weights: Iterable[float]) -> None:
        self._sums = list(accumulate(weights))

    def pick(self, random: Random, now_ns: int, thread: int) -> int:  # noqa: ARG002  the seam's
        sums = self._sums
        return min(bisect_right(sums, random.random() * sums[-1]), len(sums) - 1)


class Locality:
    """With this probability one of the keys of the client's own site, else one of the others'."""

    def __init__(self, space: Space, share: float) -> None:
        self._space, self._share = space, share

    def pick(self, random: Random, now_ns: int, thread: int) -> int:  # noqa: ARG002  the seam's
        space, site = self._space, self._space.sites[thread]
        begin, end = space.begin(site), space.begin(site + 1)
        if random.random() < self._share or end - begin == space.keys:
            return begin + below(random, end - begin)
        other = below(random, space.keys - (end - begin))
        return other if other < begin else other + end - begin


# --- as text --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Given:
    """The numbers after the colon, and the named ones."""

    text: str
    numbers: tuple[str, ...]
    named: Mapping[str, str]

    def number(self, place: int, what: str, *, least: float, most: float = float("inf")) -> float:
        if place >= len(self.numbers):
            raise ValueError(f"{self.text}: there is no {what}: write {HOW[self.kind]}")
        return self.read(self.numbers[place], what, least, most)

    def read(self, word: str, what: str, least: float, most: float) -> float:
        try:
            value = float(word)
        except ValueError:
            raise ValueError(f"{self.text}: {what} {word!r} is not a number") from None
        if not isfinite(value) or not least <= value <= most:
            bounds = f"from {least:g} to {most:g}" if isfinite(most) else f"{least:g} or more"
            raise ValueError(f"{self.text}: {what} is {bounds}, not {word}")
        return value

    def whole(self, name: str, default: int) -> int:
        word = self.named.get(name)
        if word is None:
            return default
        if not word.lstrip("-").isdecimal():
            raise ValueError(f"{self.text}: {name} {word!r} is not a whole number")
        return int(word)

    @property
    def kind(self) -> str:
        return self.text.partition(":")[0]


def _conflict(given: _Given, space: Space) -> Picker:
    return Conflict(space, given.number(0, "percentage", least=0, most=100) / 100)


def _locality(given: _Given, space: Space) -> Picker:
    if space.keys < space.parts:
        raise ValueError(f"{given.text}: {space.keys} keys are too few for {space.parts} sites")
    return Locality(space, given.number(0, "percentage", least=0, most=100) / 100)


def _normal(given: _Given, space: Space) -> Picker:
    sites = range(space.parts)
    if given.numbers[:1] == (ZONE,):
        middles = tuple((space.begin(s) + space.begin(s + 1) - 1) / 2 for s in sites)
    else:
        last = space.first + space.keys - 1
        mean = given.number(0, "mean", least=space.first, most=last) - space.first
        middles = tuple(mean for _ in sites)
    sigma = given.number(1, "sigma", least=0)
    speed_ms = given.whole("speed", 0)
    move = given.whole("move", 1 if speed_ms else 0)
    if speed_ms < 0 or (move and not speed_ms):
        raise ValueError(f"{given.text}: it moves by move=KEYS every speed=MS, of 1 ms or more")
    return Normal(space, middles, sigma, move=move, speed_ms=speed_ms)


def _zipfian(given: _Given, space: Space) -> Picker:
    s, v = given.number(0, "s", least=0), given.number(1, "v", least=1)
    return Weighted((v + k) ** -s for k in range(space.keys))


def _exponential(given: _Given, space: Space) -> Picker:
    rate = given.number(0, "lambda", least=0)
    return Weighted(exp(-rate * k) for k in range(space.keys))


HOW = {
    "order": "order",
    "uniform": "uniform",
    "conflict": "conflict:PERCENT",
    "locality": "locality:PERCENT",
    "normal": "normal:MEAN,SIGMA[,move=KEYS,speed=MS] (MEAN: a key, or zone)",
    "zipfian": "zipfian:S,V",
    "exponential": "exponential:LAMBDA",
}
"""Name -> how it is written."""

_LAWS: Mapping[str, tuple[Callable[[_Given, Space], Picker], int]] = {
    "order": (lambda _, space: Order(space), 0),
    "uniform": (lambda _, space: Uniform(space), 0),
    "conflict": (_conflict, 1),
    "locality": (_locality, 1),
    "normal": (_normal, 2),
    "zipfian": (_zipfian, 2),
    "exponential": (_exponential, 1),
}
"""Name -> what makes it, and how many numbers it takes."""


def parse(text: str, space: Space) -> Picker:
    """The law that ``text`` names, over these keys. Raises ValueError with a sentence.

    >>> parse("zipfan:2,1", Space(10, (0,)))
    Traceback (most recent call last):
        ...
    ValueError: there is no distribution 'zipfan': there are order, uniform, conflict:PERCENT, ...
    """
    if space.keys < 1 or not space.sites:
        raise ValueError("a distribution is over one key or more, for one client or more")
    kind, _, rest = text.partition(":")
    if kind not in _LAWS:
        raise ValueError(f"there is no distribution {kind!r}: there are {', '.join(HOW.values())}")
    words = rest.split(",") if rest else []
    numbers = tuple(word for word in words if "=" not in word)
    named = dict(word.split("=", 1) for word in words if "=" in word)
    make, most = _LAWS[kind]
    known = ("move", "speed") if kind == "normal" else ()
    if len(numbers) > most or any(name not in known for name in named):
        raise ValueError(f"distribution {text}: write {HOW[kind]}")
    return make(_Given(text, numbers, named), space)
