"""Swarm configurations: each trial of a campaign draws its own mix of faults, rates and sizes.

Groce, Zhang, Eide, Chen, Regehr, "Swarm Testing", ISSTA 2012: a configuration that leaves features
out finds what one with all of them hides, since features also suppress bugs (a cluster whose
majority is always being killed never elects the leader that would err). So each kind of fault is in
a trial or not, by a coin; and so are small limits, short time-outs and many clients.

All times are multiples of the round trip that is drawn, since small scopes whose time-outs do not
fit their length find little (PERFORMANCE.md 1.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from harness.errors import UsageError
from harness.trial import Trial
from nemesis import KINDS

GROUPS = ("partition", "kill", "pause", "packet", "aimed")
"""Drawn from unless the base trial names its faults: what every protocol here must live through.

Not disk and clock: a protocol need not claim to survive a damaged disk or a clock that jumps.
"""

RTT_MS = 2, 3, 5, 10
"""Links take 2 to 10 ms there and back (``Network``): so replicas are too impatient, or not."""
PERIODS_RTT = 20, 40, 60, 120
"""From one fault of a lane to the next; an election of multi-Paxos takes about 40."""
TIMEOUTS_RTT = 10, 25, 40, 100, 250
SHORTEST_TIMEOUT_MS = 50
"""Five round trips of the links: who gives up after two, and asks anew, is never answered by five
proposers who meet in each slot, and that is no fault of theirs.
"""
LENGTHS = 6, 10, 16
"""Periods in a trial."""
SHORTEST_MS, LONGEST_MS = 500, 8_000
CALM_RTT, CALM_MS = 100, 500
"""Clients go on for so many round trips, and ms, after the last fault. Kinds overlap, and where four have
a period of 20 round trips each, there is no moment without a fault that an election would fit in: nothing
is answered before the end, and that such a trial was safe says nothing.
"""
RATES = 50, 100, 200, 400
DRAWS = 50


def draw(random: Random, base: Trial) -> Trial:
    """A trial of the same protocol, workload and seed as ``base``, all else drawn with ``random``.

    Faults are drawn among the kinds of those that ``base`` names (all ``GROUPS`` for none), they go on
    for no longer than ``base``, and what zones and a wide-area network fix stays. What the base's options do not
    go with is drawn again. Raises UsageError where nothing goes with them in many draws, or where a plan or
    ops are given: what is drawn would not fit them.

    >>> base = Trial(protocol="abd")
    >>> draw(Random(1), base) == draw(Random(1), base) != draw(Random(2), base)
    True
    """
    if base.plan is not None or base.ops is not None:
        raise UsageError("a swarm draws sizes and faults: it takes neither --plan nor --ops")
    for _ in range(DRAWS):
        drawn = _draw(random, base)
        try:
            drawn.replica()
            drawn.check_load()
        except UsageError as error:
            wrong = error
        else:
            return drawn
    raise UsageError(f"none of {DRAWS} trials that a swarm drew can be: {wrong}") from wrong


def _draw(random: Random, base: Trial) -> Trial:
    nodes = base.nodes if base.wan or base.zones else random.choice((3, 3, 5))
    rtt_ms = base.rtt_ms if base.wan else random.choice(RTT_MS)
    period_ms = rtt_ms * random.choice(PERIODS_RTT)
    calm_ms = max(CALM_MS, CALM_RTT * rtt_ms)
    length_ms = max(SHORTEST_MS, min(LONGEST_MS, period_ms * random.choice(LENGTHS)))
    return replace(
        base,
        nodes=nodes,
        threads=nodes * random.choice((1, 2, 4)),
        keys=random.choice((1, 1, 2, 5)),
        rate=random.choice(RATES),
        rtt_ms=rtt_ms,
        time_ms=min(base.time_ms, length_ms) + calm_ms,
        interval_ms=period_ms,
        calm_ms=calm_ms,
        client_timeout_ms=max(SHORTEST_TIMEOUT_MS, rtt_ms * random.choice(TIMEOUTS_RTT)),
        nemesis=",".join(faults(random, base.faults)),
        network=random.choice(("hostile", "hostile", "perfect")),
        options={**base.options, **options(random, base)},
    )


def faults(random: Random, named: Sequence[str]) -> list[str]:
    """Of each group by a coin, and of its kinds by another; at least one fault.

    >>> faults(Random(3), ["kill-one"])
    ['kill-one']
    """
    groups = [KINDS.get(name, (name,)) for name in named or GROUPS]
    while True:
        some = [kind for kinds in groups if _coin(random) for kind in kinds if _coin(random)]
        if some:
            return list(dict.fromkeys(some))


def options(random: Random, base: Trial) -> dict[str, str]:
    """Each of the options that the protocol declares to have choices: by a coin, one of them.

    Those that ``base`` sets stand.
    """
    choices = base.replica().choices
    drawn = {name: str(random.choice(of)) for name, of in choices.items() if _coin(random)}
    return {name: value for name, value in drawn.items() if name not in base.options}


def _coin(random: Random) -> bool:
    return bool(random.getrandbits(1))


def swarmed(base: Trial) -> Trial:
    """The swarm's trial for the base's seed."""
    return draw(Random(f"{base.seed}/swarm"), base)
