"""What the papers claim, one test a claim, on a stage where each message is delivered by hand."""

import pytest

from protocols.kernel import Cluster, Command
from protocols.raft import Raft
from protocols.raft.log import Entry
from protocols.raft.messages import (
    Appended,
    AppendEntries,
    Commit,
    Conflict,
    InstallSnapshot,
    Refused,
    RequestVote,
    Vote,
)
from protocols.transfer import Snapshot
from tests.mutants.raft import (
    ClaimsItsLog,
    CommitsOldTerms,
    ForgetsVote,
    ReadsUnconfirmed,
    SnapshotGoesBack,
    TruncatesAlways,
    VotesForAnyLog,
)
from tests.protocols.test_multipaxos_paper import append, compacted, read
from tests.transcript import Stage


def entry(term, value):
    return Entry(term, append(value, 1, f"{term}{value}"))


@pytest.fixture
def stage():
    """Three servers; node 0 leads in term 1, and its no-op is committed."""
    stage = Stage(Raft)
    stage.start()
    stage.elect(0)
    return stage


def tell(stage, src, dst, msg):
    """Deliver this alone, and give the answer."""
    answers = stage.tell(src, dst, msg)
    return answers[-1] if answers else None


def forget_leader(stage, *nodes):
    """These have not heard of their leader for a while, but do not stand yet."""
    for node in nodes:
        stage.replicas[node].following = None


# --- elections ------------------------------------------------------------------------------------


def votes_twice(protocol):
    """Node 1 votes in term 5, restarts, and is asked again."""
    stage = Stage(protocol)
    stage.start()
    assert tell(stage, 2, 1, RequestVote(5, 0, 0, False)) == Vote(5, True, False)
    stage.kill(1)
    stage.start(1)
    assert tell(stage, 2, 1, RequestVote(5, 0, 0, False)).granted, "again for the same one"
    stage.kill(1)
    stage.start(1)
    return tell(stage, 0, 1, RequestVote(5, 0, 0, False))


def test_a_server_votes_for_at_most_one_candidate_in_a_term_also_after_a_restart():
    """Section 5.2, and figure 2: votedFor is on stable storage before the answer."""
    assert votes_twice(Raft) == Vote(5, False, False)


def test_a_vote_that_is_not_durable_elects_two_leaders():
    """U1: the schedule above, with the vote in memory alone."""
    with pytest.raises(AssertionError):
        assert not votes_twice(ForgetsVote).granted


@pytest.mark.parametrize(("last", "granted"), [((2, 3), True), ((9, 1), False), ((1, 2), False)])
def test_the_voter_denies_its_vote_if_its_own_log_is_more_up_to_date(last, granted):
    """Section 5.4.1: the later last term wins, and of one term the longer log."""
    for protocol, expected in ((Raft, granted), (VotesForAnyLog, True)):
        stage = Stage(protocol)
        stage.start()
        tell(stage, 2, 1, AppendEntries(2, 0, 0, (entry(1, "a"), entry(2, "b")), 0, 1))
        forget_leader(stage, 1)
        assert tell(stage, 0, 1, RequestVote(7, *last, False)).granted is expected


def test_a_pre_vote_changes_nobodys_term(stage):
    """Dissertation, section 9.6: a server that was cut off comes back, and disturbs no one."""
    for _ in range(6):
        stage.fire(2, "watch")
        stage.quiet()
    assert stage.replicas[2].term == 1, "it has asked, and nobody has answered"
    stage.fire(2, "tick")
    stage.settle()
    stage.fire(0, "tick")
    stage.settle()
    assert [r.term for r in stage.replicas.values()] == [1, 1, 1]
    assert [r.leader() for r in stage.replicas.values()] == [0, 0, 0]


def test_who_hears_a_leader_votes_for_nobody(stage):
    """Section 6: servers disregard RequestVote when they believe a current leader exists."""
    assert tell(stage, 2, 1, RequestVote(9, 99, 9, False)) is None
    assert stage.replicas[1].term == 1


def test_a_higher_term_makes_a_follower_of_a_leader(stage):
    """Section 5.1."""
    tell(stage, 1, 0, Refused(4))
    assert stage.replicas[0].leadership is None
    assert stage.replicas[0].term == 4


def test_a_message_of_an_older_term_is_refused(stage):
    """Figure 2, AppendEntries, step 1."""
    stage.replicas[1].enter(3, None)
    assert tell(stage, 0, 1, AppendEntries(1, 0, 0, (), 0, 9)) == Refused(3)
    assert tell(stage, 0, 1, InstallSnapshot(1, Snapshot(9, 0, 2, "{}"))) == Refused(3)


def test_a_leader_that_a_majority_does_not_answer_steps_down(stage):
    """Dissertation, section 6.2."""
    for _ in range(3):
        stage.fire(0, "watch")
    assert stage.replicas[0].leader() is None


# --- replication ----------------------------------------------------------------------------------


def test_an_entry_is_on_a_majoritys_disks_before_its_client_is_told(stage):
    """Section 5.3."""
    request = stage.request(0, append("a"))
    assert "log/2" in stage.disks[0]
    assert request not in stage.replies
    stage.deliver(0, 1)
    assert "log/2" in stage.disks[1]
    stage.deliver(1, 0)
    assert stage.replies[request].value == "a"


FIGURE_7 = {
    "a": [1, 1, 1, 4, 4, 5, 5, 6, 6],
    "b": [1, 1, 1, 4],
    "c": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    "d": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    "e": [1, 1, 1, 4, 4, 4, 4],
    "f": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
}


@pytest.mark.parametrize("follower", FIGURE_7)
def test_a_leader_makes_any_followers_log_its_own(follower):
    """Section 5.3, figure 7, and its conflict hints: it goes back by terms, not by entries."""
    stage = Stage(Raft, 2)
    stage.start()
    for node, terms in ((0, [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]), (1, FIGURE_7[follower])):
        stage.replicas[node].append([entry(t, i) for i, t in enumerate(terms)])
        stage.replicas[node].enter(7, None)
    leader = stage.replicas[0]
    leader.enter(8, 0)
    leader.lead()  # off the stage: what it says is lost
    for _ in range(2):
        stage.fire(0, "tick")
        stage.settle()
    logs = [r.log.since(1, 99) for r in stage.replicas.values()]
    assert logs[0] == logs[1]
    assert [e.term for e in logs[1]] == [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8]
    conflicts = [line for line in stage.lines if line.startswith("n0 <- n1 Conflict")]
    assert len(conflicts) <= 3, "one for each term that differs"
    assert leader.log.commit == 11


def acknowledged_and_overtaken(protocol):
    """Node 1 has acknowledged two entries; then the message of the first comes again, late."""
    stage = Stage(protocol)
    stage.start()
    a, b = entry(1, "a"), entry(1, "b")
    first = AppendEntries(1, 0, 0, (a,), 0, 1)
    tell(stage, 0, 1, first)
    assert tell(stage, 0, 1, AppendEntries(1, 1, 1, (b,), 0, 1)) == Appended(1, 2, 1)
    tell(stage, 0, 1, first)
    return [e.command.value for e in stage.replicas[1].log.since(1, 9)]


def test_a_late_message_takes_nothing_back():
    """Figure 2, AppendEntries, step 3: delete only what conflicts. U4 deletes what was acknowledged."""
    assert acknowledged_and_overtaken(Raft) == ["a", "b"]
    assert acknowledged_and_overtaken(TruncatesAlways) == ["a"]


def test_a_follower_vouches_for_no_more_than_it_was_shown():
    """Figure 2, step 5: "index of last new entry"; what comes after may be another leader's."""
    for protocol, match in ((Raft, 1), (ClaimsItsLog, 2)):
        stage = Stage(protocol)
        stage.start()
        tell(stage, 0, 1, AppendEntries(1, 0, 0, (entry(1, "a"), entry(1, "lost")), 0, 1))
        answer = tell(stage, 2, 1, AppendEntries(2, 1, 1, (), 9, 1))
        assert answer == Appended(2, match, 1)
        assert stage.replicas[1].log.commit == match


def figure_8(protocol):
    """(a) S1 leads term 2, and S2 has its entry. (b) S5 is elected for term 3 and has another entry.
    (c) S1 leads term 4, and the entry of term 2 comes to S3 as well: a majority has it. (d) S5 leads
    again. What does S1 commit at (c)?
    """
    stage = Stage(protocol, 5)
    stage.start()
    for node, terms in enumerate(([1, 2], [1, 2], [1], [1], [1, 3])):
        replica = stage.replicas[node]
        replica.append([entry(t, "old" if t == 2 else "other") for t in terms])
        replica.enter(3, None)
    leader = stage.replicas[0]
    leader.enter(4, 0)
    leader.lead()
    stage.quiet()
    for node in (1, 2):
        stage.put(node, 0, Appended(4, 2, 1))
        stage.deliver(node, 0)
    return leader.log.commit


def test_an_entry_of_an_older_term_is_not_committed_by_being_counted():
    """Section 5.4.2, figure 8: at (d) S5 may still overwrite it, on a majority though it is."""
    assert figure_8(Raft) == 0
    assert figure_8(CommitsOldTerms) == 2


def test_once_an_entry_of_its_own_term_is_committed_so_are_all_before_it():
    """Figure 8 (e), and the no-op of section 8, which makes it come soon."""
    stage = Stage(Raft)
    stage.start()
    for node in (0, 1):
        stage.replicas[node].append([entry(1, "old")])
        stage.replicas[node].enter(1, None)
    stage.elect(0)
    assert stage.replicas[0].log.commit == 2
    assert stage.replicas[2].store.values["x"] == ["old"]


def test_a_commit_index_counts_only_as_far_as_the_logs_are_known_to_be_the_same(stage):
    """Departures: Commit is step 5 of AppendEntries alone."""
    stage.replicas[1].append([entry(1, "unseen")])
    tell(stage, 0, 1, Commit(1, 2))
    assert stage.replicas[1].log.commit == 1


def test_batches_are_sent_ahead_of_their_answers_and_grow_with_the_load():
    """Dissertation, sections 10.2.1 and 10.2.2."""
    stage = Stage(Raft, options={"batch": 4, "pipeline": 2})
    stage.start()
    stage.elect(0)
    for i in range(12):
        stage.request(0, append(i, i + 1, f"c{i}"))
    assert len(stage.wires[0, 1]) == 2
    stage.deliver(0, 1)
    stage.deliver(1, 0)
    sizes = [len(stage.codec.decode(t).entries) for t in stage.wires[0, 1] if "Entries" in t]
    assert sizes == [1, 4]
    stage.settle()
    assert stage.replicas[2].store.values["x"] == list(range(12))


def test_what_was_lost_is_sent_again(stage):
    """Section 5.3: the leader retries indefinitely; and one batch at a time, until one is answered."""
    request = stage.request(0, append("a"))
    stage.quiet()
    stage.fire(0, "tick")
    stage.quiet()
    stage.fire(0, "tick")
    stage.settle()
    assert request in stage.replies
    assert stage.replicas[2].store.values["x"] == ["a"]


# --- snapshots ------------------------------------------------------------------------------------


def test_a_log_is_cut_short_behind_a_snapshot_on_disk_too():
    """Section 7."""
    stage = compacted(Raft)
    kept = sorted(int(key[4:]) for key in stage.disks[0] if key.startswith("log/"))
    assert kept == list(range(19, 27))
    stage.kill(0)
    stage.start(0)
    log = stage.replicas[0].log
    assert (log.base, log.last) == (19, 26)
    assert stage.replicas[0].store.values["x"] == list(range(log.commit - 1))


def test_who_lacks_what_was_forgotten_gets_the_snapshot_in_parts(monkeypatch):
    """Figure 13; a part that comes twice does no harm; sessions come with it."""
    monkeypatch.setattr("protocols.transfer.PART", 40)
    stage = compacted(Raft)
    for _ in range(4):
        stage.fire(0, "tick")
        stage.wires[0, 2].extend(list(stage.wires[0, 2]))
        stage.settle()
    assert sum("n2 <- n0 InstallSnapshot" in line for line in stage.lines) >= 4
    assert stage.replicas[2].store == stage.replicas[0].store
    again = stage.request(2, append(3, 4))
    assert again not in stage.replies, "long answered; nobody may be told that it failed"


def test_entries_after_a_snapshot_stay_only_if_the_log_has_its_last_entry():
    """Figure 13, steps 6 and 7."""
    for term, left in ((1, ["c"]), (9, [])):
        stage = Stage(Raft)
        stage.start()
        replica = stage.replicas[1]
        replica.append([entry(1, v) for v in "abc"])
        replica.install(2, term, stage.replicas[0].store.snapshot(), [0, [0, 1, 2]])
        assert [e.command.value for e in replica.log.since(3, 9)] == left
        assert (replica.log.base, replica.log.base_term, replica.log.commit) == (2, term, 2)


def test_a_snapshot_that_comes_late_takes_nothing_back():
    """U9, L3."""
    for protocol, length in ((Raft, 25), (SnapshotGoesBack, 9)):
        stage = compacted(protocol)
        text = '[1,{"values":{"x":[0,1,2,3,4,5,6,7,8]},"sessions":{}},[0,[0,1,2]]]'
        tell(stage, 0, 1, InstallSnapshot(1, Snapshot(10, 0, len(text), text)))
        assert len(stage.replicas[1].store.values["x"]) == length


# --- clients and reads ----------------------------------------------------------------------------


def test_a_command_asked_for_twice_runs_once(stage):
    """Dissertation, section 6.3: also through another server, also after it was answered."""
    first = stage.request(1, append("a"))
    second = stage.request(2, append("a"))
    stage.settle()
    third = stage.request(2, append("a"))
    stage.settle()
    assert {stage.replies[r].value for r in (first, second, third)} == {"a"}
    assert stage.replicas[0].store.values["x"] == ["a"]


def test_what_cannot_be_done_is_refused_at_once(stage):
    """No queue without a bound: a refusal is certain, and says so."""
    assert stage.replies[stage.request(0, Command("increment", "x"))].ok is False
    stage.quiet()
    requests = [stage.request(1, append(i, 1, f"c{i}")) for i in range(1025)]
    assert stage.replies[requests[-1]].ok is False
    assert requests[-2] not in stage.replies
    with pytest.raises(ValueError, match="read=any"):
        Raft.check(Cluster((0, 1, 2), options={"read": "any"}))


def deposed_leader_is_read(protocol, **options):
    """Node 0 leads and is cut off; the others elect node 1 and write; then node 0 is asked."""
    stage = Stage(protocol, options=options)
    stage.start()
    stage.elect(0)
    forget_leader(stage, 2)
    stage.elect(1, 1, 2)
    stage.quiet()
    stage.request(1, append("new"))
    stage.settle(1, 2)
    request = stage.request(0, read())
    return stage, request


def test_a_deposed_leader_answers_no_read():
    """Dissertation, section 6.4, step 3: it hears of its successor first. U7 answers, and is stale."""
    stage, request = deposed_leader_is_read(Raft)
    assert request not in stage.replies
    stage.settle()
    for _ in range(3):
        for node in range(3):
            stage.fire(node, "tick")
        stage.settle()
    assert stage.replies[request].value == ["new"]
    stage, request = deposed_leader_is_read(ReadsUnconfirmed)
    assert stage.replies[request].value is None


def test_a_read_takes_no_entry_and_one_heartbeat_serves_many(stage):
    """Dissertation, section 6.4: the leader amortises a round over any number of reads."""
    last, before = stage.replicas[0].log.last, stage.sent
    requests = [stage.request(0, read(f"r{i}")) for i in range(20)]
    stage.settle()
    assert set(requests) <= set(stage.replies)
    assert stage.replicas[0].log.last == last
    assert stage.sent - before <= 2 * 4, "the first's round, and one for all others"


def test_a_follower_answers_when_it_has_applied_the_log_as_far_as_the_leader_says(stage):
    """Dissertation, section 6.4, the last paragraph."""
    stage.request(0, append("a"))
    stage.settle(0, 1)
    held = list(stage.wires[0, 2])
    stage.wires[0, 2].clear()
    request = stage.request(2, read())
    stage.settle()
    assert request not in stage.replies, "it has not the entry yet"
    stage.wires[0, 2].extend(held)
    stage.settle()
    assert stage.replies[request].value == ["a"]


def test_a_new_leader_serves_no_read_before_it_knows_what_is_committed():
    """Dissertation, section 6.4, step 1: not before an entry of its term is committed."""
    stage = Stage(Raft)
    stage.start()
    stage.elect(0)
    stage.request(0, append("a"))
    stage.deliver(0, 1)
    stage.deliver(1, 0)
    stage.quiet()
    stage.kill(0)
    forget_leader(stage, 2)
    while stage.replicas[1].campaign is None:
        stage.fire(1, "watch")
    for link in [(1, 2), (2, 1)] * 2:
        stage.deliver(*link)
    assert stage.replicas[1].leadership is not None
    stage.quiet()
    request = stage.request(1, read())
    assert stage.replicas[1].log.commit == 1, "it has the write, and does not know it committed"
    stage.settle(1, 2)
    assert request not in stage.replies
    for _ in range(2):
        stage.fire(1, "tick")
        stage.settle(1, 2)
    assert stage.replies[request].value == ["a"]


def test_a_lease_answers_at_once_and_ends_with_the_next_tick():
    """Dissertation, section 6.4.1."""
    stage = Stage(Raft, options={"read": "lease"})
    stage.start()
    stage.elect(0)
    assert stage.request(0, read("r1")) in stage.replies
    stage.fire(0, "tick")
    late = stage.request(0, read("r2"))
    assert late not in stage.replies, "the heartbeat that renews it is not answered yet"
    stage.settle()
    assert late in stage.replies
    stage.replicas[0].now_ms += 100
    assert stage.request(0, read("r3")) not in stage.replies, "a pause was longer than the lease"


def test_after_a_restart_nobody_votes_while_there_may_be_a_lease():
    """Dissertation, section 6.4.1, assumes that who heard the leader votes for nobody for a while."""
    for mode, answers in (("lease", False), ("index", True)):
        stage = Stage(Raft, options={"read": mode})
        stage.start()
        stage.elect(0)
        stage.kill(1)
        stage.start(1)
        assert (tell(stage, 2, 1, RequestVote(9, 9, 9, False)) is not None) is answers


def test_a_conflict_names_its_term_and_where_that_begins():
    """Section 5.3."""
    stage = Stage(Raft)
    stage.start()
    stage.replicas[1].append([entry(t, i) for i, t in enumerate([1, 2, 2, 2])])
    assert tell(stage, 0, 1, AppendEntries(5, 4, 4, (), 0, 7)) == Conflict(5, 4, 2, 2, 7)
    assert tell(stage, 0, 1, AppendEntries(5, 9, 4, (), 0, 7)) == Conflict(5, 9, 0, 5, 7)
