"""Mencius: a log whose slots are owned in turn, so that every replica leads for its own clients.

Mao, Junqueira, Marzullo, "Mencius: Building Efficient Replicated State Machines for WANs", OSDI, 2008.

Slot s belongs to node (s-1) mod n. Consensus in a slot is *coordinated* (section 4.1): its owner
*suggests* commands, without asking, in the lowest ballot, or *skips*; others may only *revoke*, by
both phases of Paxos with a higher ballot, and propose a no-op unless they find a suggestion. So a
skip needs no votes: who hears of it knows that the slot holds a no-op.

- **Suggest** (4.2, rule 1): a command takes the next slot of the replica that is asked, a batch a slot.
- **Skip** (rule 2): who hears of a suggestion in slot i skips its own unused slots below i. That is said
  with the vote for it, and with the next suggestion and sign of life (4.3, optimizations 1 to 3).
- **Revoke** (rule 3): slots of an owner that is not heard of are revoked in ranges, and some ahead
  (optimization 4), by the first node that is not suspected.
- Slots are executed in order. A replica answers when its suggestion is chosen and all before it are
  known: at the pace of the slowest of all, which is the price.

Departures, and why they are safe:

- Channels are not FIFO here. So a skip is said as a range: *my slots after my suggestion in s and
  below i are skipped*, with each suggestion (back to the one before it) and each vote.
- A replica that comes back takes up its index above every slot that it has on disk: a slot in which
  it voted made it skip, and one that it suggested in has its own vote. So no slot is used twice.
- An owner may be alive and its slot stuck, when a revocation was begun and not ended: whatever
  blocks all for a while is revoked, by the same node.
- Commands run in the order of slots, even those that commute: section 4.4's out-of-order commit is an
  optimization, and is left out.
- A command may be chosen twice, by a client's retry elsewhere; sessions make it run once.

Assumes: messages may be lost, duplicated, delayed and reordered; processes crash and come back with
their disk; clocks are not used. A node that comes back with an empty disk takes no part, but as ``rejoin``
says (``mencius.rejoining``).
"""

from protocols.mencius.replica import Mencius

__all__ = ["Mencius"]
