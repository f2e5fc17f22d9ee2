"""How often a leader shows that it is alive, and how long the others are patient: ``heartbeat``, ``patience``.

Both in round trips: what is late in a network is slow in all of its parts.
"""

from __future__ import annotations

from protocols.kernel import Cluster

TICK = 5
"""Round trips between two signs of life of a leader, and before anything is sent again."""

WATCH = 8
"""Round trips between two looks at whether a leader is alive, at least, and nearly twice as many at most:
two in vain make a candidate."""


def pace(cluster: Cluster) -> tuple[int, int]:
    """Options ``heartbeat`` and ``patience``: other numbers for these two. Raises ValueError where a
    leader that lives would be taken for dead between two of its signs.
    """
    tick, watch = cluster.number("heartbeat", TICK), cluster.number("patience", WATCH)
    if watch <= tick:
        raise ValueError(
            f"patience={watch}: it is more than heartbeat={tick}, or leaders never last"
        )
    return tick, watch


def watches(cluster: Cluster) -> tuple[int, int]:
    """Between which two times, in ms, a look follows the last.

    >>> watches(Cluster((0, 1, 2), rtt_ms=10))
    (80, 150)
    """
    _, watch = pace(cluster)
    return watch * cluster.rtt_ms, (2 * watch - 1) * cluster.rtt_ms
