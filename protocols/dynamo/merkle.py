"""A Merkle tree over the keys that two nodes have in common (section 4.7).

Merkle, "A Digital Signature Based on a Conventional Encryption Function", CRYPTO 1987. The leaves
are ranges of the keys' hashes. Two trees of the same root hold the same; else their children are
compared, so that what is sent depends on what differs and not on what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from zlib import crc32

FANOUT = 16
DEPTH = 2
"""Levels below the root: 256 leaves."""


def digest(text: str) -> int:
    """63 bits, so that it is a small int everywhere."""
    raw = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(raw, digest_size=8).digest(), "big") >> 1


def leaf_of(key: str) -> int:
    index: int = crc32(key.encode("utf-8", "surrogatepass")) % FANOUT**DEPTH
    return index


class MerkleTree:
    """Digests of keys, hashed when they are asked for: ``touch`` only notes that a key changed.

    ``content`` gives a key's content as text.

    >>> a, b = {"x": "1"}, {"x": "1"}
    >>> trees = MerkleTree(a.__getitem__), MerkleTree(b.__getitem__)
    >>> for tree in trees: tree.touch("x")
    >>> trees[0].node(0, 0) == trees[1].node(0, 0)
    True
    >>> a["x"] = "2"; trees[0].touch("x")
    >>> trees[0].node(0, 0) == trees[1].node(0, 0)
    False
    """

    def __init__(self, content: Callable[[str], str]) -> None:
        self._content = content
        self._leaves: list[dict[str, int]] = [{} for _ in range(FANOUT**DEPTH)]
        self._nodes: dict[tuple[int, int], int] = {}
        self._touched: dict[str, None] = {}

    def touch(self, key: str) -> None:
        self._touched[key] = None

    def _refresh(self) -> None:
        for key in self._touched:
            index = leaf_of(key)
            self._leaves[index][key] = digest(f"{key}\n{self._content(key)}")
            for level in range(DEPTH, -1, -1):
                self._nodes.pop((level, index), None)
                index //= FANOUT
        self._touched.clear()

    def node(self, level: int, index: int) -> int:
        """The digest of one node; level 0 is the root, ``DEPTH`` the leaves."""
        if self._touched:
            self._refresh()
        found = self._nodes.get((level, index))
        if found is None:
            if level == DEPTH:
                below: Iterable[int] = (d for _, d in sorted(self._leaves[index].items()))
            else:
                below = (d for _, d in self.children(level, index))
            found = self._nodes[level, index] = digest(",".join(map(str, below)))
        return found

    def children(self, level: int, index: int) -> list[tuple[int, int]]:
        """(index, digest) of the nodes below one."""
        first = index * FANOUT
        return [(i, self.node(level + 1, i)) for i in range(first, first + FANOUT)]

    def leaf(self, index: int) -> Mapping[str, int]:
        """The digests of a leaf's keys."""
        if self._touched:
            self._refresh()
        return self._leaves[index]
