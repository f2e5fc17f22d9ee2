"""What a recovery decides: pure functions of what a quorum has answered.

The rules of EPaxos* (Ryabinin, Gotsman, Sutra, OPODIS 2025, section 5), in place of the original's
TryPreAccept. Another recovery is another ``decide`` and ``judge``. With n replicas, f = ⌊(n-1)/2⌋
of which may crash, e = min(f, ⌊(n-f+1)/2⌋) is how many a fast quorum may lack.

Why a choice of no-op never contradicts a fast commit, and a choice of the command never leaves two
interfering commands blind to each other, is argued in the package's docstring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from protocols.ballots import Ballot
from protocols.epaxos.instances import ACCEPTED, COMMITTED, PREACCEPTED, Instances
from protocols.epaxos.messages import Deps, InstanceId, RecoverOk
from protocols.kernel import Cluster, Command, NodeId, record


@record
class Sizes:
    """How many of ``total`` replicas must answer, the asker included.

    ``blind``: PreAccept did not carry what the owner knew (``timed``).
    """

    total: int
    slow: int
    fast: int
    blind: bool = False

    @property
    def lacking(self) -> int:
        """e: how many replicas a fast quorum may lack."""
        return self.total - self.fast

    @property
    def witnesses(self) -> int:
        """How many of a slow quorum are at least in any fast quorum: n - f - e."""
        return self.slow - self.lacking


def sizes(n: int, *, blind: bool = False) -> Sizes:
    """The quorums of ``n`` replicas; for odd n the fast one is SOSP'13's F + ⌊(F+1)/2⌋.

    >>> [(sizes(n).slow, sizes(n).fast) for n in (1, 2, 3, 4, 5, 7, 9)]
    [(1, 1), (2, 2), (2, 2), (3, 3), (3, 3), (4, 5), (5, 6)]
    >>> [sizes(n, blind=True).fast for n in (1, 2, 3, 4, 5, 7, 9)]
    [1, 2, 3, 3, 4, 6, 8]
    """
    f = (n - 1) // 2
    e = min(f, (n - f + 1) // 2)
    if blind:
        e = 1 if n > 3 else 0
    return Sizes(n, n - f, n - e, blind)


def fast_quorum(cluster: Cluster) -> int:
    """How many must agree, the owner included, for the fast path: by the option, or as few as can be.

    What was committed by more was also pre-accepted by those few, so that recovery is the same. Raises
    ValueError for fewer, and for more than there are.
    """
    n = len(cluster.nodes)
    least = sizes(n, blind=cluster.truth("toq", default=False)).fast
    size = cluster.number("fast_quorum", least, least=least)
    if size > n:
        raise ValueError(f"fast_quorum={size}: there are {n} nodes")
    return size


@record
class Choice:
    """Propose this in the recovery's ballot; a command of None is no-op."""

    command: Command | None
    deps: Deps


@record
class Examine:
    """It may have been committed on the fast path: ask the quorum what speaks against it."""

    command: Command
    deps: Deps
    witnesses: int


class Stage(Enum):
    PREPARING = "preparing"
    VALIDATING = "validating"
    WAITING = "waiting"


@dataclass(slots=True)
class Recovery:
    """A recovery that this replica leads, in memory only: a restarted one begins a higher ballot."""

    ballot: Ballot
    stage: Stage = Stage.PREPARING
    promises: dict[NodeId, RecoverOk] = field(default_factory=dict)
    quorum: tuple[NodeId, ...] = ()
    """Who had promised when it was decided to validate; these must all answer."""
    examined: Examine | None = None
    answers: dict[NodeId, tuple[tuple[int, int, int], ...]] = field(default_factory=dict)
    conflicts: dict[InstanceId, int] = field(default_factory=dict)


def decide(
    replies: Mapping[NodeId, RecoverOk], owner: NodeId, size: Sizes, none: Deps
) -> Choice | Examine:
    """What at least a slow quorum of promises, none of them of a committed instance, allows.

    1. Somebody voted: take the vote of the highest ballot *voted in*, as in Paxos.
    2. The owner promised and has not voted: it will never commit on the fast path. No-op, and the
       owner proposes its command again in a new instance.
    3. Enough pre-accepted with nothing to add to the owner's dependencies that all the others may
       have done so too: examine that. Otherwise no fast quorum exists: no-op. Nor does one if an
       earlier recovery had reason to examine others (``timed``): those were the only ones, then.
    """
    voted = [r for r in replies.values() if r.phase == ACCEPTED]
    if voted:
        last = max(voted, key=lambda r: r.voted)
        return Choice(last.command, last.deps)
    if owner in replies:
        return Choice(None, none)
    agreeing = [r for r in replies.values() if r.phase == PREACCEPTED and r.deps == r.initial]
    if size.blind:
        agreeing = _most_alike(agreeing)
    if agreeing and len(agreeing) >= len(replies) - size.lacking:
        command, deps = agreeing[0].command, agreeing[0].deps
        assert command is not None
        if all(r.examined in (None, deps) for r in replies.values()):
            return Examine(command, deps, len(agreeing))
    return Choice(None, none)


def _most_alike(replies: Sequence[RecoverOk]) -> list[RecoverOk]:
    """The greatest number of replies with the same dependencies."""
    alike: dict[Deps, list[RecoverOk]] = {}
    for reply in replies:
        alike.setdefault(reply.deps, []).append(reply)
    return max(alike.values(), key=len, default=[])


def conflicts(
    instances: Instances, iid: InstanceId, command: Command, deps: Deps
) -> Iterator[tuple[int, int, int]]:
    """What interferes with ``iid``, is not in its ``deps`` and does not have it in its own.

    As (row, number, 1 if committed else 0). Called where ``iid`` is not committed: what has been
    executed there without it cannot depend on it.
    """
    row, number = iid
    for other, highest in enumerate(instances.done.of(command)):
        if highest > deps[other]:
            yield other, highest, 1
    for (other, at), found in instances.interfering(command):
        if at <= deps[other] or (other, at) == iid:
            continue
        if found.phase >= COMMITTED:
            if number > found.deps[row]:
                yield other, at, 1
        elif found.may_leave_out(iid):
            yield other, at, 0


def judge(recovery: Recovery, owners: tuple[NodeId, ...], size: Sizes, none: Deps) -> Choice | None:
    """What all answers to Validate allow; None: only the conflicting instances can tell, wait.

    No-op is right if a conflicting instance is committed, for the two could not both be. It is right
    also if the witnesses are as few as can be and the owner of a conflicting instance is outside
    the quorum: a fast quorum would have to include that owner, which would then have put this
    instance into its own initial dependencies (if those were told).
    """
    examined = recovery.examined
    assert examined is not None
    found = recovery.conflicts
    if not found:
        return Choice(examined.command, examined.deps)
    if any(found.values()):
        return Choice(None, none)
    least = examined.witnesses == len(recovery.quorum) - size.lacking
    if least and not size.blind and any(owners[row] not in recovery.quorum for row, _ in found):
        return Choice(None, none)
    return None


def overrules(witnesses: int, size: Sizes) -> bool:
    """Whether a waiting recovery with so many witnesses shows that those it waits for are no-ops.

    Its witnesses and its owner left the other instance out; together they meet every fast quorum.
    (So do the witnesses alone, where what the owner left out is not known.)
    """
    return witnesses > (size.lacking if size.blind else size.witnesses)


def resolved(
    instances: Instances, other: InstanceId, iid: InstanceId, command: Command
) -> bool | None:
    """How a conflict with ``other`` has ended: True: no conflict after all; None: not yet."""
    row, number = other
    found = instances.get(other)
    if found is None:  # executed and forgotten
        return instances.done.of(command)[row] < number
    if found.phase < COMMITTED:
        return None
    return found.noop or iid[1] <= found.deps[iid[0]]
