"""Replicas that leave out the sync: what they have told of is in the page cache, and not on the disk.

As many a database does if it is asked to (Redis' ``appendfsync no``, etcd's ``--unsafe-no-fsync``). A process
that is killed loses nothing by it, however often; a machine whose power fails does.
"""

from __future__ import annotations

from typing import ClassVar

from protocols.abd import ABD
from protocols.multipaxos import MultiPaxos
from protocols.raft import Raft


class UnsyncedABD(ABD):
    """B7's kin: a store is acknowledged that a power cut forgets."""

    synced: ClassVar[bool] = False


class UnsyncedMultiPaxos(MultiPaxos):
    """An acceptor's vote is told of that a power cut forgets."""

    synced: ClassVar[bool] = False


class UnsyncedRaft(Raft):
    """A follower acknowledges an entry that a power cut forgets."""

    synced: ClassVar[bool] = False


MUTANTS: dict[str, type[ABD | MultiPaxos | Raft]] = {
    "abd": UnsyncedABD,
    "multipaxos": UnsyncedMultiPaxos,
    "raft": UnsyncedRaft,
}
