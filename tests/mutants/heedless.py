"""Replicas that do not look whether what they persist was written: what they have told of was refused by a full disk.

As many a program that ignores what ``write`` returns, or goes on after an ``fsync`` that failed (Rebello et al.,
"Can Applications Recover from fsync Failures?", ATC 2020). As long as they live they know it all.
"""

from __future__ import annotations

from typing import ClassVar

from protocols.abd import ABD
from protocols.multipaxos import MultiPaxos
from protocols.raft import Raft


class HeedlessABD(ABD):
    """B7's kin: a store is acknowledged that the disk had no space for."""

    heedful: ClassVar[bool] = False


class HeedlessMultiPaxos(MultiPaxos):
    """M2's kin: a vote is told of that the acceptor's disk had no space for."""

    heedful: ClassVar[bool] = False


class HeedlessRaft(Raft):
    """A follower acknowledges an entry that its disk had no space for."""

    heedful: ClassVar[bool] = False


MUTANTS: dict[str, type[ABD | MultiPaxos | Raft]] = {
    "abd": HeedlessABD,
    "multipaxos": HeedlessMultiPaxos,
    "raft": HeedlessRaft,
}
