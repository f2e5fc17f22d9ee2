"""The ring: consistent hashing with virtual nodes (sections 4.2, 4.3 and 6.2).

Karger, Lehman, Leighton, Panigrahy, Levine, Lewin, "Consistent Hashing and Random Trees", STOC 1997.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import md5

from protocols.kernel import NodeId


def point(text: str) -> int:
    """A place on the ring, by MD5 as in section 4.2: the same at every node, for ever.

    >>> point("x") == point("x") < 1 << 128
    True
    """
    raw = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(md5(raw, usedforsecurity=False).digest(), "big")


class Ring:
    """Each node has ``vnodes`` tokens; a key belongs to the nodes that follow it, clockwise.

    >>> ring = Ring((0, 1, 2, 3, 4), vnodes=8)
    >>> sorted(ring.preference("x"))
    [0, 1, 2, 3, 4]
    """

    def __init__(self, nodes: Sequence[NodeId], vnodes: int) -> None:
        tokens = sorted((point(f"token/{n}/{i}"), n) for n in nodes for i in range(vnodes))
        self._tokens = [token for token, _ in tokens]
        owners = [node for _, node in tokens]
        self._preferences = [
            tuple(dict.fromkeys(owners[start:] + owners[:start])) for start in range(len(owners))
        ]

    def preference(self, key: str) -> tuple[NodeId, ...]:
        """All nodes in the order in which a walk from the key meets them: the first N are its
        homes, the others stand in for them. Tokens of a node already met are skipped (4.3).
        """
        start = bisect_right(self._tokens, point(f"key/{key}"))
        return self._preferences[start % len(self._preferences)]
