"""Dynamo: a key-value store that always takes a write, and agrees on what was written later.

DeCandia, Hastorun, Jampani, Kakulapati, Lakshman, Pilchin, Sivasubramanian, Vosshall, Vogels,
"Dynamo: Amazon's Highly Available Key-value Store", SOSP, 2007. Its sections are cited throughout.

- **The ring** (4.2, 4.3): each node has several tokens on it; a key's homes are the first N nodes
  that a walk from its hash meets (``ring``).
- **Get and put** (4.5): the node that was asked asks all homes, and answers when R (or W) of them
  have. A read answers from all versions that it was told, and then tells the homes that had less
  (*read repair*, section 5).
- **Versions** (4.4, ``versions``): a write supersedes what its *context* knows, all that a get found.
  Writes that did not know each other are *siblings*, kept side by side. A client that reads is told
  one value: siblings that are lists are merged, as the paper's shopping cart; of others the one
  whose (counter, node) is highest, at every node the same. The others are lost to the next write.
- **Sloppy quorums, hinted handoff** (4.6): for a home that does not answer another node stands in,
  keeps what it is given with a hint, and hands it off when that home is back. ``sloppy=false``
  waits for the homes alone.
- **Anti-entropy** (4.7, ``merkle``): two homes compare Merkle trees, and send what differs.
- **Deletes** leave a tombstone: the clock of what was deleted, without a version. They answer what
  they deleted. ``replica`` reads what the node asked has itself, if it is a home of the key.

**What holds.** All homes come to hold the same, and no write that was answered is lost but to one that
superseded it, or that the reading rule above put before it. It is not linearizable (a read does not
write back before it answers, a write asks for no order), and with sloppy quorums a read may be stale
for as long as a partition lasts. With ``sloppy=false`` and R+W>N, a read is not older than the last
write that had been answered when it began (regular registers, Lamport 1986, but for several writers,
and for what writes of unknown fate left behind); one reader may still see new and then old.

**Departures.** Clients here are plain and hold no context, so the coordinator gets one for each write,
in a round of its own: what a client library does in two calls. Any node coordinates writes, where
the paper forwards them to a home (6.4): it keeps its copy of what it so wrote, since its next dot of
that key must know its last. Clocks are dotted version vectors rather than vectors alone: two
writes under way at one node stay apart. They are never truncated (4.4 does so beyond ten entries, and
loses order by it): there is one entry a node. Membership is fixed (4.8's gossip is left out); who is silent
is each node's own opinion (4.8.3). One Merkle tree for each pair of nodes covers all the ranges that they share,
instead of one a range. A client's retry is a new write: there are no sessions.

**Assumes** that nodes come back with their disks; nothing of time but the pace of retries. Messages may be
lost, doubled, late and reordered: all that a node is told is merged, in whatever order. Memory is one
state a key, of as many versions as were written without knowing each other; requests and hints
are bounded, and more are refused.
"""

from protocols.dynamo.replica import Dynamo

__all__ = ["Dynamo"]
