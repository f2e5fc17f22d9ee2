"""What EPaxos replicas say to each other, in the words of SOSP'13 (Figures 2 and 3) and OPODIS'25.

An instance is named by its row (whose it is, as a position in ``cluster.nodes``) and its number in
that row, from 1. A command of None stands for a no-op: each instance has only two possible values,
the one command that its owner proposed, and no-op.
"""

from __future__ import annotations

from typing import TypeAlias, assert_never

from protocols.ballots import Ballot
from protocols.kernel import Command, record
from protocols.rejoining import Known, Rejoin

InstanceId: TypeAlias = tuple[int, int]
"""(row, number)."""

Deps: TypeAlias = tuple[int, ...]
"""For each row a number d: all interfering instances of that row up to d. 0: none."""


@record
class PreAccept:
    """Phase 1, always in the default ballot; ``deps`` are what the leader knows."""

    row: int
    number: int
    command: Command
    deps: Deps


@record
class Timed:
    """Phase 1 of ``timed``: hold it until your clock says ``open_ms``. ``sent_ms``: by the owner's."""

    row: int
    number: int
    command: Command
    sent_ms: int
    open_ms: int


@record
class TimedOk:
    """What the sender knew when it opened the command; by both clocks, it had come after ``delay_ms``."""

    row: int
    number: int
    deps: Deps
    delay_ms: int


@record
class PreAcceptOk:
    row: int
    number: int
    deps: Deps


@record
class Accept:
    """Phase 2: vote for this in this ballot."""

    row: int
    number: int
    ballot: Ballot
    command: Command | None
    deps: Deps


@record
class AcceptOk:
    row: int
    number: int
    ballot: Ballot


@record
class Commit:
    row: int
    number: int
    command: Command | None
    deps: Deps


@record
class Recover:
    """Explicit Prepare: promise ``ballot`` and say what you know."""

    row: int
    number: int
    ballot: Ballot


@record
class RecoverOk:
    """``voted`` is the ballot of the last Accept voted for, never the promise (error E-1).

    ``initial`` are the dependencies with which the owner proposed, None where no PreAccept came;
    ``examined`` those of the last Validate that came.
    """

    row: int
    number: int
    ballot: Ballot
    voted: Ballot
    phase: int
    command: Command | None
    deps: Deps
    initial: Deps | None
    examined: Deps | None = None


@record
class Refused:
    """The receiver has promised ``ballot``, which is higher than what it was sent."""

    row: int
    number: int
    ballot: Ballot


@record
class Validate:
    """Would committing ``command`` with ``deps`` leave out a command that leaves it out too?"""

    row: int
    number: int
    ballot: Ballot
    command: Command
    deps: Deps


@record
class ValidateOk:
    """The instances that would be left out, and whether each is committed: (row, number, 0 or 1)."""

    row: int
    number: int
    ballot: Ballot
    conflicts: tuple[tuple[int, int, int], ...]


@record
class Waiting:
    """A recovery waits, having seen ``witnesses`` replicas that pre-accepted these dependencies."""

    row: int
    number: int
    witnesses: int
    deps: Deps


@record
class Frontier:
    """For each row, up to where everything is committed, and executed, at the sender."""

    committed: Deps
    executed: Deps


@record
class Ask:
    """Which of these instances do you know to be committed?"""

    ids: tuple[InstanceId, ...]


@record
class Entry:
    """A committed instance."""

    row: int
    number: int
    command: Command | None
    deps: Deps


@record
class Learned:
    entries: tuple[Entry, ...]


@record
class Install:
    """The sender's state, for one who misses what the sender has forgotten.

    ``beyond`` are the instances that the state has executed past its frontier.
    """

    checkpoint: object
    beyond: tuple[Entry, ...]


Word: TypeAlias = PreAcceptOk | TimedOk | AcceptOk | RecoverOk | ValidateOk
"""What counts in a quorum."""


@record
class Sworn:
    """One of these words, of an acceptor that knows of these ``lives`` of all nodes (``rejoining``)."""

    lives: tuple[int, ...]
    pre_accepted: PreAcceptOk | None = None
    timed: TimedOk | None = None
    accepted: AcceptOk | None = None
    promised: RecoverOk | None = None
    validated: ValidateOk | None = None

    @property
    def word(self) -> Word:
        word = self.pre_accepted or self.timed or self.accepted or self.promised or self.validated
        assert word is not None, "nothing was sworn"
        return word


def sworn(word: Word, lives: tuple[int, ...]) -> Sworn:
    match word:
        case PreAcceptOk():
            return Sworn(lives, pre_accepted=word)
        case TimedOk():
            return Sworn(lives, timed=word)
        case AcceptOk():
            return Sworn(lives, accepted=word)
        case RecoverOk():
            return Sworn(lives, promised=word)
        case ValidateOk():
            return Sworn(lives, validated=word)
        case _:
            assert_never(word)


@record
class HeldKnown:
    """The answer to one that comes back, with the highest number of each row that was heard of."""

    known: Known
    rows: Deps


@record
class Heard:
    """The sender comes back without its disk, and may have helped to decide up to here: finish these."""

    rows: Deps


Msg: TypeAlias = (
    PreAccept
    | PreAcceptOk
    | Timed
    | TimedOk
    | Accept
    | AcceptOk
    | Commit
    | Recover
    | RecoverOk
    | Refused
    | Validate
    | ValidateOk
    | Waiting
    | Frontier
    | Ask
    | Learned
    | Install
    | Sworn
    | Rejoin
    | HeldKnown
    | Heard
)
