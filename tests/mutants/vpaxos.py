"""Vertical Paxos broken on purpose, each in a few lines; R-nv as in PROTOCOLS.md section 5."""

from __future__ import annotations

from protocols.multipaxos.leadership import Leadership
from protocols.multipaxos.messages import Prepare, Promise
from protocols.quorum_systems import mask_of
from protocols.vpaxos import VPaxos
from protocols.vpaxos.configuration import Vertical
from protocols.vpaxos.group import Group


class _NoVotes(Group):
    def testimony(self, msg: Prepare) -> Promise:
        return Promise(msg.ballot, 0, ())


class NoTransfer(VPaxos):
    """R1v: a promise carries no votes, so a new leader has but its own. Paxi's vpaxos."""

    group_class = _NoVotes


class _Newest(Vertical):
    def phase1(self, nodes: int) -> bool:
        return all(nodes & mask_of(members) for members in self.config.past[-1:])


class _AsksNewest(Group):
    vertical = _Newest


class NewestOnly(VPaxos):
    """R2v: only the newest configuration is read, complete or not."""

    group_class = _AsksNewest


class _Early(Group):
    def work(self, lead: Leadership) -> None:
        super().work(lead)
        self.whole = True


class CompleteEarly(VPaxos):
    """R4v: a ballot is reported complete before its members have the state."""

    group_class = _Early


MUTANTS: dict[str, type[VPaxos]] = {
    "no-transfer": NoTransfer,
    "newest-only": NewestOnly,
    "complete-early": CompleteEarly,
}
