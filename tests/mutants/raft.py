"""Raft broken on purpose, each in a few lines, by mistakes that were made elsewhere.

U-n, D-n and M-n are those of PROTOCOLS.md section 5; figures and sections are the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocols.kernel import Cluster, Command, Json, NodeId
from protocols.raft import Raft
from protocols.raft.leadership import Leadership
from protocols.raft.log import Entry, Log, key_of
from protocols.raft.messages import AppendEntries, RequestVote
from protocols.statemachine import Answer, KeyValue


class ForgetsVote(Raft):
    """U1: the term and the vote in it are in memory alone: after a restart it votes again."""

    def enter(self, term: int, voted_for: NodeId | None) -> None:
        self.term, self.voted_for, self.matched = term, voted_for, self.log.commit


class CommitsOldTerms(Raft):
    """U2: an entry of an older term is committed when a majority has it (figure 8)."""

    def may_commit(self, lead: Leadership, index: int) -> bool:
        return True


class VotesForAnyLog(Raft):
    """U3: votes for a candidate that lacks what may be committed (section 5.4.1)."""

    def may_lead(self, msg: RequestVote) -> bool:
        return True


class TruncatesAlways(Raft):
    """U4: whatever comes after the entries of an AppendEntries is deleted, though nothing conflicts,
    and though it was acknowledged: the message was late."""

    def take(self, first: int, entries: tuple[Entry, ...]) -> None:
        start = max(first, self.log.commit + 1)
        if start <= self.log.last:
            self.overwrite(start)
        self.append(entries[start - first :])


class ClaimsItsLog(Raft):
    """U11's kin: a follower says, and believes, that its whole log is the leader's, although the
    message has only shown it up to the message's own entries."""

    def shown_to_match(self, msg: AppendEntries) -> int:
        return self.log.last


class CommitsUnmatched(Raft):
    """Commits min(leaderCommit, its own last index), where figure 2 says "index of last new entry"."""

    def learn(self, commit: int) -> None:
        while self.log.commit < min(commit, self.log.last):
            self.advance()


class ReadsUnconfirmed(Raft):
    """U7: a leader answers reads without asking whether it is the leader still."""

    def confirmed(self, lead: Leadership) -> int:
        return lead.round + 1


class ReadsEarly(Raft):
    """U7: a leader serves reads before an entry of its term is committed, when there may be more
    committed than it knows (dissertation, section 6.4, step 1)."""

    def knows_commit(self, lead: Leadership) -> bool:
        return True


class LeaseByWallClock(Raft):
    """U8, Z4: a lease that is counted by a clock that can be set, and lasts as long as others wait."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.read_mode = "lease"
        self.until_ms = 0

    def has_lease(self, lead: Leadership, confirmed: int) -> bool:
        if confirmed >= lead.lease_round:
            self.until_ms = lead.lease_ms + 8 * self.cluster.rtt_ms
        return self.now_ms < self.until_ms


class SnapshotGoesBack(Raft):
    """U9, L3: a snapshot that comes late replaces a state and a log that are newer."""

    def is_news(self, slot: int) -> bool:
        return True

    def install(self, index: int, term: int, state: Json, config: Json) -> None:
        if index <= self.log.commit:
            for old in range(self.log.base + 1, self.log.last + 1):
                self.forget(key_of(old))
            self.log = Log(index - 1)
        super().install(index, term, state, config)


class RunsTwice(Raft):
    """M13, D1: a command that is in the log twice, because it was sent twice, runs twice."""

    def run(self, command: Command) -> Answer:
        return self.store.run(Command(command.f, command.key, command.value))


class LosesSessions(Raft):
    """M14, D3: the sessions are not in the snapshot, so that a retry runs again after it."""

    def load(self, durable: Mapping[str, Json]) -> None:
        super().load(durable)
        self._forget_sessions()

    def install(self, index: int, term: int, state: Json, config: Json) -> None:
        super().install(index, term, state, config)
        self._forget_sessions()

    def _forget_sessions(self) -> None:
        saved: Any = self.store.snapshot()
        self.store = KeyValue.restore({**saved, "sessions": {}})


MUTANTS: dict[str, type[Raft]] = {
    "forgets-vote": ForgetsVote,
    "commits-old-terms": CommitsOldTerms,
    "votes-for-any-log": VotesForAnyLog,
    "truncates-always": TruncatesAlways,
    "claims-its-log": ClaimsItsLog,
    "commits-unmatched": CommitsUnmatched,
    "reads-unconfirmed": ReadsUnconfirmed,
    "reads-early": ReadsEarly,
    "lease-by-wall-clock": LeaseByWallClock,
    "snapshot-goes-back": SnapshotGoesBack,
    "runs-twice": RunsTwice,
    "loses-sessions": LosesSessions,
}
