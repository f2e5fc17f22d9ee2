import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ballots import ZERO
from protocols.kernel import Command
from protocols.log import Durable, Log, Vote, key_of
from protocols.wire import dumps, loads


def vote(slot, number=1):
    return Vote(slot, (number, 0), Command("write", "x", slot))


def durable(votes, chosen):
    """What a disk gives back of these votes."""
    return {key_of(v.slot): loads(dumps(Durable(v.ballot, v.command, chosen))) for v in votes} | {
        "promised": [1, 0]
    }


def test_votes_are_found_by_slot_and_gaps_are_gaps():
    log = Log()
    log.put(vote(1))
    log.put(vote(3, 2))
    assert [v.slot for v in log.since(1)] == [1, 3]
    assert [v.slot for v in log.since(2)] == [3]
    assert [v.slot for v in log.since(1, 2)] == [1]
    assert (log.ballot(2), log.ballot(3)) == (ZERO, (2, 0))
    assert 2 not in log
    assert log.last == 3


def test_a_later_vote_replaces_an_earlier_one():
    log = Log()
    log.put(vote(1))
    log.put(vote(1, 5))
    assert log[1].ballot == (5, 0)


@given(st.integers(0, 6), st.integers(0, 6), st.sets(st.integers(1, 5)))
def test_a_log_is_read_back_as_it_was(chosen, base, above):
    """Goal: after a restart the chosen prefix, the votes above it and the gaps are what they were.

    Method: slots base+1..chosen kept, any votes above, a snapshot anywhere in the prefix.
    """
    base = min(base, chosen)
    votes = [vote(s) for s in range(base + 1, chosen + 1)] + [vote(chosen + s) for s in above]
    log = Log.load(durable(votes, chosen), base)
    assert [*log.since(1)] == sorted(votes, key=lambda v: v.slot)
    assert log.base == base
    assert log.chosen == (chosen if votes else base)


def test_entries_below_the_snapshot_are_kept_for_laggards():
    log = Log.load(durable([vote(s) for s in range(3, 9)], 7), snapshot=5)
    assert (log.base, log.chosen, log.last) == (2, 7, 8)


def test_a_hole_in_the_chosen_prefix_is_a_bug_and_not_passed_over():
    with pytest.raises(AssertionError, match="a hole"):
        Log.load(durable([vote(1), vote(3)], 3), snapshot=0)


def test_truncation_says_what_is_gone_and_takes_only_what_is_chosen():
    log = Log.load(durable([vote(s) for s in range(1, 6)], 4), snapshot=0)
    assert log.truncate(3) == [1, 2, 3]
    assert log.truncate(2) == []
    assert (log.base, [v.slot for v in log.since(1)]) == (3, [4, 5])
    with pytest.raises(AssertionError):
        log.truncate(5)


def test_a_jump_drops_the_prefix_and_keeps_the_votes_above():
    """Else an acceptor breaks its promises (paxakos' K-1)."""
    log = Log.load(durable([vote(1), vote(2), vote(9)], 1), snapshot=0)
    assert log.jump(7) == [1, 2]
    assert (log.base, log.chosen, log.last) == (7, 7, 9)
    assert [v.slot for v in log.since(1)] == [9]
    with pytest.raises(AssertionError):
        log.jump(6)
