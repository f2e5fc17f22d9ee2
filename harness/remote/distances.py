"""Distances that stand between hosts: how much is to be added to their links, and whether it is there.

A wide-area network is imitated by delays that are there before any fault and after it: what a matrix of
round trips says, less what already lies between the hosts, half each way (``nemesis.shell_weather``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from harness.errors import CapabilityError
from harness.remote.faults_proof import Prober, Round
from harness.remote.faults_record import Json, Proof
from nemesis.actions import Link

PATIENCE_S = 10.0
_COUNT, _GAPS_US = 30, (1_000, 3_000, 9_000, 15_000)
_SHARE = 0.05
_SLACK_MS, _QUARTILE_SLACK_MS = 2.0, 10.0
"""What a machine that is busy adds to the quickest round trip, and to the quickest quarter of them."""


def apart_us(rtt_ms: Mapping[Link, int], base_us: Mapping[Link, int]) -> dict[Link, int]:
    """By how much, one way, links must be longer for round trips of ``rtt_ms``, from ``base_us``.

    Raises CapabilityError for hosts that are farther apart than that already.

    >>> apart_us({(0, 1): 40, (1, 0): 40}, {(0, 1): 200, (1, 0): 180})
    {(0, 1): 19905, (1, 0): 19905}
    """
    added: dict[Link, int] = {}
    for (a, b), ms in rtt_ms.items():
        there_us = min(base_us[a, b], base_us[b, a])
        if there_us > _most_ms(ms) * 1_000:
            raise CapabilityError(
                f"nodes {a} and {b} are {there_us / 1000:.1f} ms apart already, and should be {ms} ms"
            )
        added[a, b] = max(0, ms * 1_000 - there_us) // 2 if ms > 0 else 0
    return added


def prove(prober: Prober, rtt_ms: Mapping[Link, int]) -> Proof:
    """Measure the round trips, until each was once that of the matrix, or some seconds have passed.

    What was as it should be is not measured again: a busy machine makes a round trip longer for a moment,
    and none shorter, and the fewer are measured at once the less it has to do.
    """
    began = time.monotonic()
    tries, left = 0, dict(rtt_ms)
    came: dict[Link, list[int]] = {}
    wrong: dict[Link, str] = {}
    while left and (tries == 0 or time.monotonic() < began + PATIENCE_S):
        # A slow machine chokes on a burst, and would show its own delays.
        gap_us = _GAPS_US[min(tries, len(_GAPS_US) - 1)]
        seen = prober.round(left, count=_COUNT, need=_COUNT, gap_us=gap_us)
        came |= {link: seen.rtt_us.get(link, []) for link in left}
        wrong = _wrong(left, seen)
        left = {link: rtt_ms[link] for link in wrong}
        tries += 1
    links: dict[str, Json] = {
        _name(link): {"matrix_ms": ms, **_measured(came[link])}
        for link, ms in sorted(rtt_ms.items())
    }
    saw: dict[str, Json] = {"sent": _COUNT, "tries": tries, "links": links}
    problems = {_name(link): problem for link, problem in wrong.items()}
    return {
        "action": {"do": "stand-apart"},
        "probe": "udp",
        "saw": saw | ({"problems": problems} if problems else {}),
        "bit": not problems,
        "ms": round((time.monotonic() - began) * 1000),
    }


def _name(link: Link) -> str:
    return f"{link[0]}>{link[1]}"


def words(proofs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What proofs say, for people: all is well, or what is wrong."""
    said: list[str] = []
    for one in proofs:
        saw = one["saw"]
        if problems := saw.get("problems"):
            said += [f"link {link}: {problem}" for link, problem in problems.items()]
            continue
        links = saw["links"].values()
        off = max(abs(link["median_ms"] - link["matrix_ms"]) for link in links)
        far = max(link["matrix_ms"] for link in links)
        said.append(
            f"{len(links)} round trips of up to {far} ms stand; their medians are within {off:.1f} ms"
        )
    return said


def _measured(rtt_us: list[int]) -> dict[str, Json]:
    if not rtt_us:
        return {"min_ms": None, "median_ms": None}
    return {
        "min_ms": round(min(rtt_us) / 1000, 1),
        "median_ms": round(median(rtt_us) / 1000, 1),
    }


def _most_ms(ms: int) -> float:
    return ms * (1 + _SHARE) + _SLACK_MS


def _wrong(rtt_ms: Mapping[Link, int], seen: Round) -> dict[Link, str]:
    """What is wrong with the links that are not as long as they should be."""
    problems: dict[Link, str] = {}
    for link, ms in sorted(rtt_ms.items()):
        came = sorted(us / 1000 for us in seen.rtt_us.get(link, []))
        problem = seen.errors.get(link) or ("" if came else "no datagram came back")
        if came and not ms * (1 - _SHARE) - 1 <= came[0] <= _most_ms(ms):
            problem = f"the quickest round trip took {came[0]:.1f} ms, and should take {ms}"
        elif came and came[len(came) // 4] > _most_ms(ms) + _QUARTILE_SLACK_MS:
            problem = (
                f"three quarters took {came[len(came) // 4]:.1f} ms or more, and should take {ms}"
            )
        if problem:
            problems[link] = problem
    return problems
