"""Anti-entropy: two nodes compare trees of what both are home of, and send what differs (4.7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from protocols.dynamo.merkle import DEPTH, MerkleTree
from protocols.dynamo.messages import Compare, Leaves
from protocols.kernel import NodeId

LEAVES = 16
"""Leaves compared in one message; what differs beyond is for the next round."""
KEYS = 64
"""Keys sent for one message, likewise."""


class AntiEntropy:
    """A tree for each peer, and whose turn it is. Decides what to say; the replica says it."""

    def __init__(self, peers: Sequence[NodeId], content: Callable[[str], str]) -> None:
        self.trees = {peer: MerkleTree(content) for peer in peers}
        self._turn = 0

    def changed(self, key: str, homes: Sequence[NodeId]) -> None:
        """What this node, one of the key's homes, has of it is another now."""
        for node in homes:
            tree = self.trees.get(node)
            if tree is not None:
                tree.touch(key)

    def begin(self) -> tuple[NodeId, Compare] | None:
        """The next peer, and the root to send to it."""
        if not self.trees:
            return None
        self._turn = (self._turn + 1) % len(self.trees)
        peer = list(self.trees)[self._turn]
        return peer, Compare(0, ((0, self.trees[peer].node(0, 0)),))

    def on_compare(self, src: NodeId, msg: Compare) -> Compare | Leaves | None:
        """Go one level down where the trees differ; None where they do not."""
        tree = self.trees[src]
        differing = [i for i, theirs in msg.nodes if tree.node(msg.level, i) != theirs]
        if not differing:
            return None
        if msg.level < DEPTH:
            below = [child for i in differing for child in tree.children(msg.level, i)]
            return Compare(msg.level + 1, tuple(below))
        leaves = tuple(differing[:LEAVES])
        return Leaves(leaves, tuple(entry for i in leaves for entry in tree.leaf(i).items()))

    def on_leaves(self, src: NodeId, msg: Leaves) -> list[str]:
        """The keys of which the two have different things, or only one has any."""
        theirs = dict(msg.entries)
        mine = {k: d for i in msg.leaves for k, d in self.trees[src].leaf(i).items()}
        return [key for key in mine | theirs if mine.get(key) != theirs.get(key)][:KEYS]
