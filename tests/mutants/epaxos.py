"""EPaxos broken on purpose, each mutant in a few lines, with where the bug was seen.

In which trials chance finds each is in ``ZOO``, below. ``one-ballot`` is the rare one: two
recoveries of one instance must follow each other with an isolated replica in between. A test plays
that schedule itself (``test_epaxos_paper.sutra``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protocols.ballots import ZERO, Ballot
from protocols.epaxos import EPaxos
from protocols.epaxos.batching import concerned, members
from protocols.epaxos.execution import Executor
from protocols.epaxos.instances import COMMITTED, Instance, Instances
from protocols.epaxos.messages import Deps, InstanceId, RecoverOk
from protocols.epaxos.recovery import Choice, Examine, sizes
from protocols.epaxos.timed import Queue
from protocols.kernel import Cluster, Command, Json, NodeId


class OneBallot(EPaxos):
    """X1, E-1: one variable for the promise and the vote, so that a promise makes an old vote look new.

    The TLA+ specification and the Go code of SOSP'13; found by Sutra, "On the correctness of
    Egalitarian Paxos", arXiv 1906.10917.
    """

    def promise(self, instance: Instance, ballot: Ballot) -> None:
        instance.promised = instance.voted = ballot


class _CommitOrder(Executor):
    def visit(self, root: InstanceId) -> None:
        instance = self.instances.get(root)
        if instance is not None and instance.phase == COMMITTED:
            self._execute(root)


class NoComponents(EPaxos):
    """X6: commands run in the order in which their commits arrive, whatever they depend on.

    Paxi's epaxos: ``exec`` walks each row and looks at no dependency.
    """

    def make_executor(self) -> Executor:
        return _CommitOrder(self.instances, self.run)


class UnequalFastPath(EPaxos):
    """X3: a fast quorum of answers commits, although they do not agree.

    The missing ``allEqual`` of Moraru's advice (efficient/epaxos, issue 16).
    """

    def agrees(self, deps: Deps, initial: Deps) -> bool:
        return True


class LeadersDeps(EPaxos):
    """X4: the slow path proposes what the leader knew, and not what the others answered.

    Paxi's epaxos: replies do not change the leader's own dependencies.
    """

    def union(self, initial: Deps, answers: Mapping[NodeId, Deps]) -> Deps:
        return initial


class NoopOverPreAccepted(EPaxos):
    """X9: a recovery proposes no-op although enough replicas pre-accepted the command.

    Step 3 of Explicit Prepare left out; paxi issue 11 is the same hole, taken to its end.
    """

    def decide(self, iid: InstanceId, promises: Mapping[NodeId, RecoverOk]) -> Choice | Examine:
        choice = super().decide(iid, promises)
        return Choice(None, self.instances.none) if isinstance(choice, Examine) else choice


class _AsFound(Executor):
    def older(
        self, iid: InstanceId, instance: Instance, other: InstanceId, found: Instance
    ) -> bool:
        return False

    def order(self, component: list[InstanceId]) -> list[InstanceId]:
        return component


class NoTieBreak(EPaxos):
    """X7: commands that depend on each other run as the walk came upon them.

    efficient/epaxos sorts by ``seq`` alone, unstably (error E-3), and ``seq`` may be equal (E-4).
    """

    def make_executor(self) -> Executor:
        return _AsFound(self.instances, self.run)


class _ByFirstKey(Instances):
    def deps(self, command: Command, row: int, initial: Deps | None = None) -> Deps:
        f, key = command.f, concerned(command)[0]
        return super().deps(Command(f, key, command.value), row, initial)


class FirstKey(EPaxos):
    """O1, for EPaxos: a command of several keys is ordered by the first of them only.

    As paxi's ``Conflict`` of two commands compares their one key; a transfer has two.
    """

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.instances = _ByFirstKey(len(self.nodes))
        self.executor = self.make_executor()


class _ByStamp(Queue):
    def __init__(self, replica: EPaxos) -> None:
        super().__init__(replica)
        self.stamps: list[tuple[tuple[int, int, int], Command]] = []

    def deps(self, iid: InstanceId, command: Command, stamp_ms: int) -> Deps:
        deps = list(self.replica.instances.none)
        for (stamp, row, number), other in self.stamps:
            mine = (stamp, row, number) < (stamp_ms, *iid)
            if mine and set(concerned(other)) & set(concerned(command)):
                deps[row] = max(deps[row], number)
        self.stamps.append(((stamp_ms, *iid), command))
        return tuple(deps)


class StampsAreOrder(EPaxos):
    """T1: what has a later stamp is left out, though it was opened first: "it comes after, anyway"."""

    def make_queue(self) -> Queue:
        return _ByStamp(self)


class BlindAndSmall(EPaxos):
    """Timestamp-ordered queuing with the fast quorum of SOSP'13, as the paper has it.

    Who recovers cannot tell what the owner knew, and takes the first answer for it.
    """

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.size = sizes(len(self.nodes))
        self.fast_quorum = self.size.fast


class FewerThanNeedBe(EPaxos):
    """X2: a fast quorum (``fast_quorum``) of one less than it takes for a recovery to see it."""

    def __init__(self, id: NodeId, cluster: Cluster) -> None:
        super().__init__(id, cluster)
        self.fast_quorum -= 1


class ImpatientCommits(EPaxos):
    """With ``patient=false`` the first answers are enough, though they differ: what they say together is
    committed, without the votes of phase 2 that would let a recovery find it."""

    def choose(self, iid: InstanceId, ballot: Ballot, command: Command | None, deps: Deps) -> None:
        if ballot == ZERO and not self.patient:
            self.commit(iid, command, deps)
        else:
            super().choose(iid, ballot, command, deps)


class OwnAnswerOnly(EPaxos):
    """Who has opened a command stands by what it answered then, and forgets what it helped to examine.

    So it was here, until ``test_epaxos_timed_recovery`` was written: too rare for chance.
    """

    def examine(self, instance: Instance, deps: Deps) -> None:
        if instance.initial is None:
            instance.examined = deps


class EachExamination(EPaxos):
    """Each recovery examines what its own quorum says, whatever an earlier one had examined."""

    def decide(self, iid: InstanceId, promises: Mapping[NodeId, RecoverOk]) -> Choice | Examine:
        forgetful = {n: replace(r, examined=None) for n, r in promises.items()}
        return super().decide(iid, forgetful)


class RunsAgain(EPaxos):
    """X12: what has been executed is not told apart from what is to be after a restart: the instances that are kept
    for laggards run again, on a checkpoint that has them.

    In go-distributed/epaxos the mark comes after the execution, and a crash may come between; here the
    sessions would forgive that, so it goes without them.
    """

    def on_start(self, durable: Mapping[str, Json]) -> None:
        super().on_start(durable)
        for row in self.instances.rows:
            for number, instance in sorted(row.instances.items()):
                if number <= row.executed and instance.value is not None:
                    for member in members(instance.value):
                        self.store.run(Command(member.f, member.key, member.value))


MUTANTS: dict[str, type[EPaxos]] = {
    "one-ballot": OneBallot,
    "no-components": NoComponents,
    "unequal-fast-path": UnequalFastPath,
    "leaders-deps": LeadersDeps,
    "noop-over-pre-accepted": NoopOverPreAccepted,
    "no-tie-break": NoTieBreak,
    "first-key": FirstKey,
    "stamps-are-order": StampsAreOrder,
    "blind-and-small": BlindAndSmall,
    "fewer-than-need-be": FewerThanNeedBe,
    "impatient-commits": ImpatientCommits,
    "runs-again": RunsAgain,
}
