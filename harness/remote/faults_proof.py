"""Proofs of faults on the network: datagrams sent over each link, and what became of them.

A cut is proven by datagrams that do not arrive while others, sent in the same round over other links
to the same host, do. A delay is proven by the round trip, which holds both directions' delays; loss
and duplicates by counting. A round is repeated for a second before it says that a fault did not bite.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, TypeAlias

from harness.remote.faults_agent import Agents
from nemesis.actions import CLEAR, Link, Weather

Json: TypeAlias = object

PATIENCE_S = 1.0
_TRIES = 4
"""The least number of rounds for weather."""
_GENTLEST_GAP_US = 15_000
_GRACE_MS = 15
"""What a datagram that is not delayed may take more than the control datagrams of its round."""
_SLACK_MS = 100
"""What a loaded machine may add to a round trip. It bounds delays from above only."""
_CLEAR_MIN_MS, _CLEAR_QUARTILE_MS = 8, 10
"""What it may add to the quickest, and to a quarter of all, where there should be no weather."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What became of a round of datagrams; a link that is missing carried none."""

    sent: int
    heard: Mapping[Link, Mapping[str, int]]
    """By (src, dst), what dst heard: ``count``, ``distinct``, ``overtaken``."""
    rtt_us: Mapping[Link, list[int]]
    """By (src, dst), the round trips that src measured."""
    errors: Mapping[Link, str]

    def arrived(self, link: Link) -> int:
        return self.heard.get(link, {}).get("distinct", 0)

    def add(self, later: Round) -> Round:
        """Both rounds as one."""
        heard = {link: dict(counts) for link, counts in self.heard.items()}
        for link, counts in later.heard.items():
            mine = heard.setdefault(link, {})
            for name, count in counts.items():
                mine[name] = mine.get(name, 0) + count
        rtts = {
            link: [*self.rtt_us.get(link, []), *later.rtt_us.get(link, [])]
            for link in {**self.rtt_us, **later.rtt_us}
        }
        return Round(
            sent=self.sent + later.sent,
            heard=heard,
            rtt_us=rtts,
            errors={**self.errors, **later.errors},
        )


@dataclass
class Network:
    """What the links are thought to be like now, and how they were before any fault."""

    nodes: tuple[int, ...]
    cut: set[Link] = field(default_factory=set)
    weather: dict[Link, Weather] = field(default_factory=dict)
    base_us: dict[Link, int] = field(default_factory=dict)
    """The undisturbed round trip, without any distance of ours."""
    apart_us: dict[Link, int] = field(default_factory=dict)
    """The distances that stand, one way, under whatever weather (``nemesis.shell_facts``)."""

    @property
    def links(self) -> list[Link]:
        return [(a, b) for a in self.nodes for b in self.nodes if a != b]

    def delays_ms(self, link: Link) -> tuple[float, float]:
        """The least and the most that weather and distance add to a round trip from ``link[0]``."""
        apart = self.apart_ms(link)
        ways = [self.weather.get(way, CLEAR) for way in (link, (link[1], link[0]))]
        # A packet that overtakes is not delayed at all, but by the distance.
        least = sum(max(0, w.delay_ms - w.jitter_ms) for w in ways if not w.reorder_permille)
        return apart + least, apart + sum(w.delay_ms + w.jitter_ms for w in ways)

    def apart_ms(self, link: Link) -> float:
        """What the distance adds to a round trip."""
        return (self.apart_us.get(link, 0) + self.apart_us.get((link[1], link[0]), 0)) / 1000

    def two_way(self, link: Link) -> bool:
        return link not in self.cut and (link[1], link[0]) not in self.cut


class Prober:
    """Sends rounds of datagrams and judges them by what the network should be like."""

    def __init__(self, agents: Agents, network: Network) -> None:
        self.agents, self.network = agents, network
        self._rounds = itertools.count(1)

    def round(
        self, links: Iterable[Link], *, count: int, need: int = 1, gap_us: int = 1000
    ) -> Round:
        """Send ``count`` datagrams over each link, all at once. Raises RemoteError for a lost host."""
        network, number = self.network, next(self._rounds)
        by_source: dict[int, list[int]] = {}
        for src, dst in links:
            by_source.setdefault(src, []).append(dst)
        slowest_ms = math.ceil(
            max((network.delays_ms(link)[1] for link in network.links), default=0)
        )

        def send(node: int) -> dict[str, Any]:
            to = by_source.get(node, [])
            return self.agents.links[node].ask(
                "probe",
                round=number,
                to=to,
                count=count,
                need=need,
                gap_us=gap_us,
                expect=[dst for dst in to if network.two_way((node, dst))],
                settle_ms=_GRACE_MS + slowest_ms,
                wait_ms=60 + 2 * slowest_ms,
            )

        sent = self.agents.each(send)
        heard = self.agents.tell("heard", round=number)
        return Round(
            sent=count,
            heard={
                (int(src), dst): counts
                for dst, answer in heard.items()
                for src, counts in answer["from"].items()
            },
            rtt_us=_by_link(sent, "rtt_us"),
            errors=_by_link(sent, "errors"),
        )

    def measure_base(self) -> list[Link]:
        """Measure the undisturbed round trips. Returns the links over which nothing comes back."""
        links = self.network.links
        seen = self.round(links, count=10, need=10, gap_us=2000)
        deadline = time.monotonic() + PATIENCE_S
        while not all(seen.rtt_us.get(link) for link in links) and time.monotonic() < deadline:
            seen = seen.add(self.round(links, count=10, need=10, gap_us=2000))
        self.network.base_us = {link: min(rtts) for link, rtts in seen.rtt_us.items() if rtts}
        return [link for link in links if link not in self.network.base_us]

    # --- cuts -------------------------------------------------------------------------------------

    def prove_links(self, links: Collection[Link]) -> tuple[dict[Link, bool], dict[str, Json]]:
        """Whether each of these links is cut or open as it should be; and what was seen.

        Every node also sends to itself: a host that hears nothing at all proves nothing.
        """
        network = self.network
        loss = max((w.loss_permille for w in network.weather.values()), default=0)
        count = 3 if loss == 0 else 12
        to_probe = [*network.links, *((node, node) for node in network.nodes)]
        deadline = time.monotonic() + PATIENCE_S
        tries = 0
        while True:
            tries += 1
            seen = self.round(to_probe, count=count)
            control = {dst: self._control(seen, dst) for dst in network.nodes}
            good = {
                link: control[link[1]] > 0
                and link not in seen.errors
                and (seen.arrived(link) == 0 if link in network.cut else seen.arrived(link) > 0)
                for link in links
            }
            if all(good.values()) or time.monotonic() > deadline:
                break
        saw: dict[str, Json] = {
            "sent": seen.sent,
            "arrived": {_name(link): seen.arrived(link) for link in sorted(links)},
            "control": {str(dst): control[dst] for dst in sorted({link[1] for link in links})},
            "tries": tries,
        }
        if seen.errors:
            saw["errors"] = {_name(link): text for link, text in sorted(seen.errors.items())}
        return good, saw

    def _control(self, seen: Round, dst: int) -> int:
        """How many datagrams came to ``dst`` over links that should be open, or else from itself."""
        open_links = [
            (src, dst) for src in self.network.nodes if (src, dst) not in self.network.cut
        ]
        others = sum(seen.arrived(link) for link in open_links if link[0] != dst)
        return others or seen.arrived((dst, dst))

    # --- weather ----------------------------------------------------------------------------------

    def prove_weather(
        self, links: Collection[Link], weather: Weather
    ) -> tuple[bool, dict[str, Json]]:
        """Whether these links have this weather; and what was measured.

        Rounds are repeated for a second or four times, whichever is longer.

        A link that a cut hides cannot be measured, and is named: there the command's word counts.
        """
        network = self.network
        measurable = [link for link in sorted(links) if network.two_way(link)]
        steady = weather.loss_permille == weather.duplicate_permille == 0 and weather != CLEAR
        count, gap_us = (20 if steady else 100), 1000
        deadline = time.monotonic() + PATIENCE_S
        seen = Round(sent=0, heard={}, rtt_us={}, errors={})
        problems: dict[str, str] = {}
        tries = 0
        while measurable:
            tries += 1
            need = 1 if weather.loss_permille else count
            now = self.round(measurable, count=count, need=need, gap_us=gap_us)
            # Chances are judged by all rounds, the weather's presence by the last one alone.
            seen = seen.add(now) if weather != CLEAR else now
            problems = self._wrong_weather(measurable, weather, now, seen)
            if not problems or (tries >= _TRIES and time.monotonic() > deadline):
                break
            # A slow machine chokes on a burst, and would show its own delays.
            gap_us = min(gap_us * 3, _GENTLEST_GAP_US)
        saw: dict[str, Json] = {"sent": seen.sent, "tries": tries, "links": {}}
        saw["links"] = {_name(link): self._measured(link, seen) for link in measurable}
        if hidden := [_name(link) for link in sorted(links) if link not in measurable]:
            saw["hidden by a cut"] = hidden
        if problems:
            saw["problems"] = problems
        return not problems, saw

    def _measured(self, link: Link, seen: Round) -> dict[str, Json]:
        rise_ms = [round((us - self.network.base_us.get(link, 0)) / 1000, 1) for us in seen.rtt_us.get(link, [])]  # fmt: skip
        heard = seen.heard.get(link, {})
        return {
            "arrived": heard.get("distinct", 0),
            "twice": heard.get("count", 0) - heard.get("distinct", 0),
            "rtt_rise_ms": {"min": min(rise_ms), "median": median(rise_ms)} if rise_ms else None,
        }

    def _wrong_weather(
        self, links: Iterable[Link], weather: Weather, now: Round, seen: Round
    ) -> dict[str, str]:
        problems = {}
        for link in links:
            if link in seen.errors:
                problems[_name(link)] = seen.errors[link]
            elif not now.rtt_us.get(link):
                problems[_name(link)] = "no datagram came back"
            elif problem := (
                self._wrong_delay(link, weather, now) or _wrong_counts(link, weather, seen)
            ):
                problems[_name(link)] = problem
        return problems

    def _wrong_delay(self, link: Link, weather: Weather, now: Round) -> str | None:
        """What is wrong with the round trips; they have the delays of both ways."""
        least, most = self.network.delays_ms(link)
        base_us = self.network.base_us.get(link, 0)
        rises_ms = [(us - base_us) / 1000 for us in now.rtt_us[link]]
        # A base measured at a bad moment is too long; by no more than it was.
        if min(rises_ms) < least - base_us / 1000 - 1:
            return f"a round trip rose by {min(rises_ms):.1f} ms, not by {least:g} ms or more"
        quartile_ms = sorted(rises_ms)[len(rises_ms) // 4]
        if weather == CLEAR and quartile_ms > most + _CLEAR_QUARTILE_MS:
            return f"three quarters rose by {quartile_ms:.1f} ms or more, not by {most:g} ms"
        slack_ms = _CLEAR_MIN_MS if weather == CLEAR else _SLACK_MS
        if min(rises_ms) > most + slack_ms:
            return f"each round trip rose by {min(rises_ms):.1f} ms or more, not by {most:g} ms at most"
        apart = self.network.apart_ms(link)
        if least == apart and most > apart and max(rises_ms) < apart + (most - apart) / 10:
            return f"no round trip rose by more than {max(rises_ms):.1f} ms of up to {most:g} ms"
        return None


def _wrong_counts(link: Link, weather: Weather, seen: Round) -> str | None:
    """What is wrong with how many arrived, and how many of these twice, by five sigma of a binomial."""
    heard = seen.heard.get(link, {})
    distinct = heard.get("distinct", 0)
    lost = _wrong_share("lost", seen.sent - distinct, seen.sent, weather.loss_permille)
    twice = heard.get("count", 0) - distinct
    return lost or _wrong_share("doubled", twice, distinct, weather.duplicate_permille)


def _wrong_share(what: str, count: int, of: int, permille: int) -> str | None:
    """What is wrong with a count of chances that came true, if anything is.

    >>> _wrong_share("lost", 21, 100, 200), _wrong_share("lost", 0, 100, 200)
    (None, '0 of 100 lost, at 200 permille')
    """
    expected = of * permille / 1000
    # A loaded machine loses a datagram by itself; a fault that is on is seen at least once.
    slack = 5 * math.sqrt(expected * (1 - permille / 1000)) + 1
    if abs(count - expected) <= slack and (count > 0 or permille == 0):
        return None
    return f"{count} of {of} {what}, at {permille} permille"


def _by_link(answers: Mapping[int, Mapping[str, Any]], name: str) -> dict[Link, Any]:
    return {
        (src, int(dst)): value
        for src, answer in answers.items()
        for dst, value in answer[name].items()
    }


def _name(link: Link) -> str:
    return f"{link[0]}>{link[1]}"
