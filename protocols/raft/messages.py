"""What Raft servers tell each other: the remote calls of the paper's figure 2 and figure 13, with
their answers as messages of their own, and the calls of clients' commands and reads.
"""

from __future__ import annotations

from typing import TypeAlias

from protocols.appending import Forward, Nay
from protocols.kernel import RequestId, record
from protocols.raft.log import Entry
from protocols.rejoining import Known, Rejoin
from protocols.transfer import Missing, Snapshot
from protocols.verifying import Digest, Restore


@record
class RequestVote:
    """Figure 2. ``pre``: would you vote for me in ``term``? Nobody's state changes by that
    (dissertation, section 9.6).
    """

    term: int
    last_index: int
    last_term: int
    pre: bool
    handed: bool = False
    """Whether the leader wished it (dissertation, section 3.10): a leader that is heard is no reason not to vote."""


@record
class TimeoutNow:
    """The leader of ``term`` leads no more, and the receiver is to stand at once (section 3.10)."""

    term: int


@record
class Vote:
    """The answer; ``term`` is the voter's, but that asked for where a pre-vote is granted."""

    term: int
    granted: bool
    pre: bool


@record
class AppendEntries:
    """Figure 2. Without entries: a heartbeat. ``round`` is repeated by the answer, and says that
    the leader was still followed after that round began (dissertation, section 6.4).
    """

    term: int
    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]
    commit: int
    round: int


@record
class Appended:
    """The answer: success. The follower's log is the leader's up to ``match``, and on disk."""

    term: int
    match: int
    round: int


@record
class Copied:
    """The same of a passive server (``raft.rejoining``), which does not count: nothing is acknowledged."""

    term: int
    match: int


@record
class Sworn:
    """A Vote, with the lives of all servers as the sender knows them; of its own it is certain."""

    vote: Vote
    lives: tuple[int, ...]


@record
class Conflict:
    """The answer: the log has no entry of the asked term at ``prev_index``. It has one of ``other``
    (0: none at all), and none of that term before ``first`` (section 5.3, the last but one
    paragraph, makes the leader go back a whole term at a time by this).
    """

    term: int
    prev_index: int
    other: int
    first: int
    round: int


@record
class Refused:
    """The answer to whoever leads or asks in an older term: the current one."""

    term: int


@record
class Commit:
    """The leader's commitIndex, between two AppendEntries (see Departures)."""

    term: int
    index: int


@record
class InstallSnapshot:
    """Figure 13, a part of the leader's snapshot."""

    term: int
    part: Snapshot


@record
class Installing:
    """The answer: which part comes next."""

    term: int
    missing: Missing


@record
class ReadIndex:
    """From a follower: how far must I have applied the log to answer this read? (Dissertation,
    section 6.4, the last paragraph.)
    """

    request: RequestId


@record
class Unread:
    """The other answer, of who does not lead or is asked too much, and says why (not with ``retry=tick``)."""

    request: RequestId
    why: str


@record
class ReadAt:
    """The answer: up to ``index``. The sender led after the question came, and had committed it."""

    request: RequestId
    index: int


Message: TypeAlias = (
    RequestVote
    | Vote
    | AppendEntries
    | Appended
    | Copied
    | Conflict
    | Refused
    | Commit
    | InstallSnapshot
    | Installing
    | Forward
    | Nay
    | ReadIndex
    | ReadAt
    | Unread
    | Rejoin
    | Known
    | Sworn
    | TimeoutNow
    | Digest
    | Restore
    | Snapshot
)
MESSAGES: tuple[type, ...] = (
    RequestVote,
    Vote,
    AppendEntries,
    Appended,
    Copied,
    Conflict,
    Refused,
    Commit,
    InstallSnapshot,
    Installing,
    Forward,
    Nay,
    ReadIndex,
    ReadAt,
    Unread,
    Rejoin,
    Known,
    Sworn,
    TimeoutNow,
    Digest,
    Restore,
    Snapshot,
)
