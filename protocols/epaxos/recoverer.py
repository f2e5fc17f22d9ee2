"""The handlers of recovery: one replica's part in finishing what an owner has left unfinished.

EPaxos*, OPODIS 2025, section 5 (there Recover, Validate, Waiting); Explicit Prepare in SOSP'13,
section 4.7. What is decided from the answers is in ``recovery``; here is who asks whom, and when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.ballots import ZERO, Ballot, above
from protocols.epaxos.instances import ACCEPTED, COMMITTED, Instance
from protocols.epaxos.messages import (
    Commit,
    InstanceId,
    Recover,
    RecoverOk,
    Refused,
    Validate,
    ValidateOk,
    Waiting,
)
from protocols.epaxos.recovery import (
    Choice,
    Examine,
    Recovery,
    Stage,
    conflicts,
    judge,
    overrules,
    resolved,
)
from protocols.epaxos.sometimes import REFUSED, WAITED
from protocols.kernel import NodeId

if TYPE_CHECKING:
    from protocols.epaxos.replica import EPaxos


class Recoverer:
    """The recoveries that this replica leads or answers to."""

    def __init__(self, replica: EPaxos) -> None:
        self.replica = replica
        self.seen: dict[InstanceId, Ballot] = {}
        """The highest ballot that refused us, for instances that are not committed."""
        self.waiting: set[InstanceId] = set()
        """Recoveries that came to wait for others; some may be over."""

    # --- leading ---

    def start(self, iid: InstanceId) -> None:
        """Begin, or begin again, in a ballot above all seen; the promise to oneself comes first."""
        r = self.replica
        instance = r.instances.touch(iid)
        assert instance.phase < COMMITTED
        ballot = above(max(instance.promised, self.seen.get(iid, ZERO)), r.id)
        recovery = Recovery(ballot)
        r.pace.lead(iid, recovery)
        self._promise(iid, instance, ballot)
        r.broadcast(Recover(*iid, ballot), r.peers)
        self._promised(iid, recovery, r.id, self._knowledge(iid, instance))

    def resend(self, iid: InstanceId, recovery: Recovery) -> None:
        """Repeat what has not been answered."""
        r = self.replica
        ballot = recovery.ballot
        if recovery.stage is Stage.VALIDATING:
            examined = recovery.examined
            assert examined is not None
            validate = Validate(*iid, ballot, examined.command, examined.deps)
            r.broadcast(validate, [n for n in recovery.quorum if n not in recovery.answers])
            return
        r.broadcast(Recover(*iid, ballot), [n for n in r.peers if n not in recovery.promises])
        if recovery.stage is Stage.WAITING:
            assert recovery.examined is not None
            r.broadcast(self._waits(iid, recovery.examined), r.peers)

    def on_recover_ok(self, src: NodeId, msg: RecoverOk) -> None:
        """Answers to an older ballot are not counted (error E-2)."""
        iid = (msg.row, msg.number)
        recovery = self.replica.pace.leading.get(iid)
        if isinstance(recovery, Recovery) and recovery.ballot == msg.ballot:
            self._promised(iid, recovery, src, msg)

    def _promised(self, iid: InstanceId, recovery: Recovery, src: NodeId, msg: RecoverOk) -> None:
        r = self.replica
        if src in recovery.promises:
            return
        recovery.promises[src] = msg
        instance = r.instances.touch(iid)
        if msg.command is not None:
            r.learn(iid, instance, msg.command)
        if len(recovery.promises) < r.size.slow:
            return
        decision = r.decide(iid, recovery.promises)
        match decision:
            case Choice(command, deps):
                r.choose(iid, recovery.ballot, command, deps)
            case Examine() if recovery.stage is Stage.PREPARING:
                recovery.stage = Stage.VALIDATING
                recovery.examined = decision
                recovery.quorum = tuple(recovery.promises)
                validate = Validate(*iid, recovery.ballot, decision.command, decision.deps)
                r.broadcast(validate, [n for n in recovery.quorum if n != r.id])
                found = self._validate(iid, instance, validate)
                self._validated(iid, recovery, r.id, found)
            case Examine():
                pass  # one more witness changes nothing of what is being asked

    def on_validate_ok(self, src: NodeId, msg: ValidateOk) -> None:
        iid = (msg.row, msg.number)
        recovery = self.replica.pace.leading.get(iid)
        if isinstance(recovery, Recovery) and recovery.ballot == msg.ballot:
            self._validated(iid, recovery, src, msg.conflicts)

    def _validated(
        self,
        iid: InstanceId,
        recovery: Recovery,
        src: NodeId,
        found: tuple[tuple[int, int, int], ...],
    ) -> None:
        if recovery.stage is not Stage.VALIDATING or src not in recovery.quorum:
            return
        recovery.answers[src] = found
        if len(recovery.answers) < len(recovery.quorum):
            return
        for answer in recovery.answers.values():
            for row, number, committed in answer:
                other = (row, number)
                recovery.conflicts[other] = max(committed, recovery.conflicts.get(other, 0))
        r = self.replica
        choice = judge(recovery, r.nodes, r.size, r.instances.none)
        if choice is not None:
            r.choose(iid, recovery.ballot, choice.command, choice.deps)
            return
        r.note("sometimes", WAITED)
        recovery.stage = Stage.WAITING
        self.waiting.add(iid)
        assert recovery.examined is not None
        r.broadcast(self._waits(iid, recovery.examined), r.peers)
        for other in recovery.conflicts:
            if not r.instances.forgotten(other):
                r.pace.hurry(other)
        self._look(iid, recovery)

    def _waits(self, iid: InstanceId, examined: Examine) -> Waiting:
        return Waiting(*iid, examined.witnesses, examined.deps)

    def on_waiting(self, msg: Waiting) -> None:
        """The deadlock of recoveries that wait for each other ends here."""
        r = self.replica
        other = (msg.row, msg.number)
        if overrules(msg.witnesses, r.size):
            for iid, recovery in self._waiting_for(other):
                if iid[1] > msg.deps[iid[0]]:
                    r.choose(iid, recovery.ballot, None, r.instances.none)

    def on_committed(self, other: InstanceId) -> None:
        """A commit may be what a recovery waits for."""
        if self.waiting:
            for iid, recovery in self._waiting_for(other):
                self._look(iid, recovery)

    def _waiting_for(self, other: InstanceId) -> list[tuple[InstanceId, Recovery]]:
        """The recoveries that wait for ``other``, the oldest first; those that are over are forgotten."""
        found: dict[InstanceId, Recovery] = {}
        leading = self.replica.pace.leading
        for iid in list(self.waiting):
            recovery = leading.get(iid)
            if not isinstance(recovery, Recovery) or recovery.stage is not Stage.WAITING:
                self.waiting.discard(iid)
            elif other in recovery.conflicts:
                found[iid] = recovery
        return [(iid, found[iid]) for iid in leading if iid in found] if found else []

    def _look(self, iid: InstanceId, recovery: Recovery) -> None:
        """Propose the command if every conflict is gone, no-op if one stands, else keep waiting."""
        r = self.replica
        examined = recovery.examined
        assert examined is not None
        outcomes = [
            resolved(r.instances, other, iid, examined.command) for other in recovery.conflicts
        ]
        if any(outcome is False for outcome in outcomes):
            r.choose(iid, recovery.ballot, None, r.instances.none)
        elif all(outcomes):
            r.choose(iid, recovery.ballot, examined.command, examined.deps)

    # --- answering ---

    def on_recover(self, src: NodeId, msg: Recover) -> None:
        iid = (msg.row, msg.number)
        instance = self._admit(src, iid, msg.ballot)
        if instance is None:
            return
        if instance.promised < msg.ballot:
            self._promise(iid, instance, msg.ballot)
        self.replica.say(src, self._knowledge(iid, instance))

    def on_validate(self, src: NodeId, msg: Validate) -> None:
        """Valid only in the ballot that was promised; a repetition is answered again."""
        iid = (msg.row, msg.number)
        instance = self._admit(src, iid, msg.ballot)
        if instance is None or instance.promised != msg.ballot:
            return
        found = self._validate(iid, instance, msg)
        self.replica.say(src, ValidateOk(*iid, msg.ballot, found))

    def on_refused(self, msg: Refused) -> None:
        """Somebody else is at it with a higher ballot: leave it to him for a while."""
        r = self.replica
        iid = (msg.row, msg.number)
        instance = r.instances.get(iid)
        if instance is None or instance.phase >= COMMITTED:
            return
        lead = r.pace.leading.get(iid)
        if lead is not None and r.pace.ballot_of(lead) < msg.ballot:
            r.note("sometimes", REFUSED)
            self.seen[iid] = max(msg.ballot, self.seen.get(iid, ZERO))
            r.pace.give_up(iid)

    def _admit(self, src: NodeId, iid: InstanceId, ballot: Ballot) -> Instance | None:
        """The instance, if it is open and nothing higher was promised; else say so."""
        r = self.replica
        if r.instances.forgotten(iid):
            r.catchup.offer(src)
            return None
        instance = r.instances.touch(iid)
        if instance.phase >= COMMITTED:
            r.send(src, Commit(*iid, instance.value, instance.deps))
            return None
        if instance.promised > ballot:
            r.send(src, Refused(*iid, instance.promised))
            return None
        r.pace.yield_to(iid, ballot)
        return instance

    def _promise(self, iid: InstanceId, instance: Instance, ballot: Ballot) -> None:
        self.replica.promise(instance, ballot)
        self.replica.save(iid, instance)

    def _knowledge(self, iid: InstanceId, i: Instance) -> RecoverOk:
        command = i.command if i.phase < ACCEPTED else i.value
        return RecoverOk(*iid, i.promised, i.voted, i.phase, command, i.deps, i.initial, i.examined)

    def _validate(
        self, iid: InstanceId, instance: Instance, msg: Validate
    ) -> tuple[tuple[int, int, int], ...]:
        """Remember the command, so that later ones depend on it, and its dependencies, so that it is
        named to those that they leave out; name what speaks against it.
        """
        r = self.replica
        if instance.examined != msg.deps:
            r.examine(instance, msg.deps)
            r.learn(iid, instance, msg.command)
            r.save(iid, instance)
        return tuple(conflicts(r.instances, iid, msg.command, msg.deps))
