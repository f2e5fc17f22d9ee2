"""What the papers claim, one test a claim, on a stage where each message is delivered by hand.

Sections are of van Renesse and Schneider, OSDI 2004, unless CRAQ is named.
"""

import pytest

from protocols.chain import Chain
from protocols.chain.configuration import Config, Configuration, reconfigure
from protocols.chain.detector import PATIENCE, Detector
from protocols.chain.messages import Ack, Ask, Confirm, Confirmed, Heartbeat, Update
from protocols.kernel import Command, Received
from protocols.multipaxos.messages import Accept
from tests.mutants.chain import HeadReplies, JoinsEmpty, KeepsHistory, ServesDirty, ZombieTail
from tests.protocols.chains import ChainStage, append, read

CRAQ = {"read": "craq"}


@pytest.fixture
def stage():
    return ChainStage()


def list_at(stage, node):
    return stage.chain(node).history.store.values.get("x")


def only(stage, src, dst, kind):
    """Deliver the messages of this kind that are under way on a link; lose the others."""
    wire = stage.wires[src, dst]
    kept = [text for text in wire if isinstance(stage.codec.decode(text), kind)]
    wire.clear()
    wire.extend(kept)
    while stage.wires[src, dst]:
        stage.deliver(src, dst)


# --- section 2: the protocol ----------------------------------------------------------------------


def test_an_update_passes_from_head_to_tail_and_the_tail_answers(stage):
    request = stage.request(1, append("a"))
    stage.deliver(1, 0)  # the head has it
    assert list_at(stage, 0) == ["a"]
    assert stage.answer(request) is ...
    stage.deliver(0, 1)
    assert list_at(stage, 1) == ["a"]
    assert list_at(stage, 2) is None
    assert stage.answer(request) is ...
    stage.deliver(1, 2)  # the tail has it: its answer, and its acknowledgement, are under way
    stage.settle()
    assert stage.answer(request) == "a"
    assert stage.chain(0).history.committed == 1


def test_who_is_nearer_to_the_head_has_all_that_one_behind_it_has(stage):
    """Section 3, Update Propagation Invariant. Method: updates stand still at every place."""
    for serial in range(1, 4):
        stage.request(0, append(serial, serial, session=f"c{serial}"))
        while serial < 3 and stage.wires[0, 1]:
            stage.deliver(0, 1)
        while serial < 2 and stage.wires[1, 2]:
            stage.deliver(1, 2)
    lists = [list_at(stage, node) for node in range(3)]
    assert lists == [[1, 2, 3], [1, 2], [1]]


def test_a_read_sees_nothing_that_the_tail_has_not(stage):
    stage.request(0, append("a"))
    stage.deliver(0, 1)
    stage.drop(1, 2)
    request = stage.request(0, read())
    stage.settle()
    assert stage.answer(request) is None


def test_the_head_may_not_answer(stage):
    """C2: what it answered is not at the tail, and a read does not find it."""
    stage = ChainStage(protocol=HeadReplies)
    request = stage.request(0, append("a"))
    stage.drop(0, 1)
    assert stage.answer(request) == "a"
    later = stage.request(0, read())
    stage.settle()
    assert stage.answer(later) is None


def test_updates_that_overtake_each_other_are_applied_in_order(stage):
    for serial in (1, 2, 3):
        stage.request(0, append(serial, serial, session=f"c{serial}"))
    stage.deliver(0, 1, 2)
    stage.deliver(0, 1, 1)
    assert list_at(stage, 1) is None
    stage.deliver(0, 1, 0)
    assert list_at(stage, 1) == [1, 2, 3]


def test_a_lost_update_is_sent_again(stage):
    request = stage.request(0, append("a"))
    stage.drop(0, 1)
    stage.tick()
    assert stage.answer(request) == "a"


def test_a_command_that_is_asked_again_runs_once(stage):
    stage.request(1, append("a"))
    stage.settle()
    again = stage.request(2, append("a"))
    stage.settle()
    assert stage.answer(again) == "a"
    assert list_at(stage, 2) == ["a"]


def test_a_request_at_a_node_that_is_wrong_about_the_chain_is_answered_all_the_same(stage):
    """Paxi's chain never answers there. Method: ask node 2, removed without its knowing."""
    stage.miss(2)
    request = stage.request(2, append("a"))
    stage.settle()
    assert stage.answer(request) is ... or stage.answer(request) == "a"
    stage.tick(times=2)
    assert stage.answer(request) == "a"


# --- section 3: failures --------------------------------------------------------------------------


def test_without_its_head_the_chain_goes_on_and_what_only_the_head_had_never_was():
    stage = ChainStage(leader=1)
    stage.request(0, append("lost", session="c1"))
    stage.drop(0, 1)
    stage.kill(0)
    stage.miss(0)
    assert stage.members() == (1, 2)
    request = stage.request(2, append("a", session="c2"))
    stage.settle()
    assert stage.answer(request) == "a"
    stage.come_back(0)
    assert stage.members() == (1, 2, 0)
    assert list_at(stage, 0) == ["a"]


def test_an_old_head_that_keeps_its_history_brings_back_what_never_was():
    stage = ChainStage(leader=1, protocol=KeepsHistory)
    stage.request(0, append("lost", session="c1"))
    stage.drop(0, 1)
    stage.kill(0)
    stage.miss(0)
    stage.request(2, append("a", session="c2"))
    stage.settle()
    stage.come_back(0)
    assert (list_at(stage, 0), list_at(stage, 1)) == (["lost"], ["a"])


def test_without_its_middle_the_predecessor_sends_again_what_may_not_have_come(stage):
    request = stage.request(0, append("a"))
    stage.deliver(0, 1)
    stage.drop(1, 2)
    stage.kill(1)
    stage.miss(1)
    assert stage.members() == (0, 2)
    assert stage.answer(request) == "a"
    assert list_at(stage, 2) == ["a"]


def test_without_its_tail_the_predecessor_is_the_tail_and_answers_what_is_open(stage):
    request = stage.request(0, append("a"))
    stage.deliver(0, 1)
    stage.drop(1, 2)
    stage.kill(2)
    stage.miss(2)
    assert stage.members() == (0, 1)
    assert stage.answer(request) == "a"
    later = stage.request(0, read())
    stage.settle()
    assert stage.answer(later) == ["a"]


def test_one_replica_is_a_chain():
    """n-1 members crash, one after the other; a majority of the master stays."""
    stage = ChainStage(n=5)
    stage.kill(4)
    stage.miss(4)
    stage.kill(3)
    stage.miss(3)
    assert stage.members() == (0, 1, 2)
    request = stage.request(1, append("a"))
    stage.settle()
    assert stage.answer(request) == "a"


def test_the_last_one_that_is_complete_is_never_removed():
    detector, config = Detector((0, 1, 2)), Config(5, (0, 1))
    for _ in range(PATIENCE):
        detector.tick()
    detector.hear(1, Heartbeat(5, complete=False, suspect=None))
    assert detector.successor_of(config) is None
    detector.hear(1, Heartbeat(4, complete=True, suspect=None))
    assert detector.successor_of(config) is None, "of another epoch"
    detector.hear(1, Heartbeat(5, complete=True, suspect=None))
    assert detector.successor_of(config) == (1,)


def test_a_member_that_cannot_reach_the_next_has_it_removed_if_it_says_so_thrice():
    detector, config = Detector((0, 1, 2)), Config(1, (0, 1, 2))
    for heard in range(3):
        assert detector.successor_of(config) is None, heard
        detector.hear(0, Heartbeat(1, complete=True, suspect=1))
        detector.hear(2, Heartbeat(1, complete=True, suspect=None))
    assert detector.successor_of(config) == (0, 2)


def test_a_crash_that_nobody_missed_costs_nothing(stage):
    stage.request(0, append("a"))
    stage.settle()
    stage.kill()
    stage.start()
    stage.settle()
    assert [list_at(stage, node) for node in range(3)] == [["a"]] * 3
    stage.request(0, append("b", 2))
    stage.tick()
    assert [list_at(stage, node) for node in range(3)] == [["a", "b"]] * 3
    assert stage.chain(0).config.epoch == 1


# --- section 3: extending a chain -----------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"snapshot_every": 2, "keep": 0}], ids=["log", "state"])
def test_a_node_copies_and_then_it_is_the_tail(options):
    stage = ChainStage(options=options)
    stage.kill(2)
    stage.miss(2)
    for serial in range(1, 6):
        stage.request(0, append(serial, serial))
        stage.settle()
    stage.come_back(2)
    assert stage.members() == (0, 1, 2)
    assert list_at(stage, 2) == [1, 2, 3, 4, 5]
    request = stage.request(2, read())
    stage.settle()
    assert stage.answer(request) == [1, 2, 3, 4, 5]


def joining(stage):
    """Node 2 is the tail since a moment ago, and its predecessor's messages do not come."""
    stage.request(0, append("a", session="c1"))
    stage.settle()
    stage.kill(2)
    stage.miss(2)
    stage.request(0, append("b", session="c2"))
    stage.settle()
    stage.start(2)
    for _ in range(20):
        for node in range(3):
            stage.fire(node, "tick")
            stage.fire(node, "master/tick")
        stage.settle(0, 1)
        stage.settle(0, 2)
        if stage.chain(2).config.epoch == 2 and not stage.chain(2).history.last:
            stage.settle(1, 2)  # outside of the chain, it copies
            stage.request(0, append("between", session="c3"))
            stage.settle(0, 1)
        for link in ((1, 2), (2, 1)):
            stage.drop(*link)
        if stage.chain(2).config.epoch == 3:
            break
    assert stage.chain(2).is_tail
    request = stage.request(2, read())
    stage.settle(0, 2)
    return request


def test_a_new_tail_answers_nothing_before_it_has_what_its_predecessor_committed(stage):
    """Between its copy and its joining the old tail went on."""
    request = joining(stage)
    assert list_at(stage, 2) == ["a", "b"]
    assert stage.answer(request) is ...
    stage.tick(times=2)
    assert stage.answer(request) == ["a", "b", "between"]


def test_a_tail_that_serves_before_it_has_copied_answers_from_the_past():
    """C5."""
    stage = ChainStage(protocol=JoinsEmpty)
    assert stage.answer(joining(stage)) in (None, ["a", "b"])


# --- epochs: what stands for fail-stop ------------------------------------------------------------


def removed_tail(protocol=Chain):
    """Node 2 was removed and does not know it; an update was committed without it."""
    stage = ChainStage(protocol=protocol)
    stage.miss(2)
    stage.request(0, append("new"))
    stage.settle(0, 1)
    return stage


def test_a_tail_that_was_removed_answers_no_reads():
    """C4. It asks whether its epoch is the last, and no majority says so."""
    stage = removed_tail()
    assert stage.chain(2).is_tail
    request = stage.request(2, read())
    stage.settle()
    assert stage.answer(request) is ... or stage.answer(request) == ["new"]
    assert not any("Answered" in line for line in stage.lines if line.startswith("n2 "))


def test_a_tail_that_believes_in_itself_answers_from_the_past():
    stage = removed_tail(ZombieTail)
    request = stage.request(2, read())
    stage.settle()
    assert stage.answer(request) is None


def test_a_read_is_answered_when_a_majority_has_confirmed_the_epoch_after_it_came(stage):
    request = stage.request(2, read())
    stage.deliver(2, 2)  # its own confirmation is one
    stage.settle(2)
    assert stage.answer(request) is ...
    stage.deliver(2, 1)
    stage.deliver(1, 2)
    assert stage.answer(request) is None


def test_a_confirmation_from_before_a_restart_counts_for_nothing(stage):
    stage.request(2, read())
    stage.deliver(2, 1)
    late = stage.wires[1, 2].popleft()
    stage.kill(2)
    stage.start(2)
    stage.quiet()
    stage.wires[1, 2].append(late)
    request = stage.request(2, read())
    stage.settle(1, 2) if stage.wires[2, 1] else stage.deliver(1, 2)
    assert stage.answer(request) is ...


def test_the_tail_of_a_new_epoch_commits_when_a_majority_knows_the_epoch():
    """Else a read that was confirmed in the old one could miss what was answered in the new."""
    stage = ChainStage(n=3)
    stage.request(0, append("a"))
    stage.deliver(0, 1)
    stage.quiet()
    chain = stage.chain(1)
    chain.step_part(chain.part, _decided(chain, (0, 1)))
    assert chain.config.members == (0, 1)
    assert chain.is_tail
    assert (chain.history.last, chain.history.committed) == (1, 0)
    chain.reads.on_confirmed(1, Confirmed(2, chain.reads.asked.round))
    assert chain.history.committed == 0
    chain.reads.on_confirmed(0, Confirmed(2, chain.reads.asked.round))
    assert chain.history.committed == 1


def _decided(chain, members):
    """A message by which the master of this replica learns of the next configuration."""
    ballot, slot = chain.master.promised, chain.master.log.chosen + 1
    return Received(0, Accept(ballot, slot, (reconfigure(chain.config, members),), slot))


def test_a_message_of_another_epoch_is_dropped(stage):
    stage.request(0, append("old"))
    update = stage.codec.decode(stage.wires[0, 1][0])
    assert isinstance(update, Update)
    late = stage.wires[0, 1].popleft()
    stage.miss(2)
    before = list(stage.chain(1).history.entries)
    stage.wires[0, 1].append(late)
    stage.deliver(0, 1)
    assert list(stage.chain(1).history.entries) == before


def test_an_update_that_a_removed_tail_answers_is_in_the_next_chain(stage):
    """Why only reads need to be confirmed: the predecessors have it, and only they stay."""
    request = stage.request(2, append("a"))
    stage.deliver(2, 0)
    stage.deliver(0, 1)
    on_its_way = stage.wires[1, 2].popleft()
    stage.miss(2)
    assert list_at(stage, 1) == ["a"]
    stage.wires[1, 2].append(on_its_way)
    stage.deliver(1, 2)
    assert stage.answer(request) == "a"


def test_configurations_are_decided_one_from_the_other():
    machine, config = Configuration(), Config(1, (0, 1, 2))
    assert machine.run(reconfigure(config, (0, 1))).ok
    assert not machine.run(reconfigure(config, (1, 2))).ok, "decided from the same one, too late"
    assert machine.ran(reconfigure(config, (1, 2)))
    assert not machine.run(Command("noop", "")).ok
    restored = Configuration.restore(machine.snapshot())
    assert (restored.epoch, restored.members) == (2, (0, 1))


# --- CRAQ -----------------------------------------------------------------------------------------


def asks(stage, node):
    """Whether a node has asked another for something, since the last look."""
    found = any("-> n" in line and " Ask(" in line for line in stage.lines)
    stage.lines.clear()
    return found


def test_any_replica_answers_what_is_clean():
    """CRAQ, section 2.3. Method: node 1 answers, and asks for no more than a confirmation."""
    stage = ChainStage(options=CRAQ)
    stage.request(0, append("a"))
    stage.settle()
    asks(stage, 1)
    request = stage.request(1, read())
    stage.settle()
    assert stage.answer(request) == ["a"]
    assert not asks(stage, 1)


def test_what_is_dirty_is_asked_of_the_tail():
    stage = ChainStage(options=CRAQ)
    stage.request(0, append("a"))
    stage.deliver(0, 1)
    stage.drop(1, 2)
    clean = stage.request(1, read("r1", key="y"))
    dirty = stage.request(1, read("r2"))
    stage.settle()
    assert stage.answer(clean) is None
    assert stage.answer(dirty) is None, "the tail does not have it"
    assert asks(stage, 1)


def test_serving_what_is_dirty_shows_what_may_never_have_been():
    stage = ChainStage(options=CRAQ, protocol=ServesDirty)
    stage.request(0, append("a"))
    stage.deliver(0, 1)
    stage.drop(1, 2)
    early, late = stage.request(1, read("r1")), stage.request(2, read("r2"))
    stage.settle()
    assert stage.answer(early) == ["a"]
    assert stage.answer(late) is None


# --- what is kept ---------------------------------------------------------------------------------


def test_its_disk_and_its_memory_are_bounded():
    """Goal: compaction. Method: 600 updates; then look at every collection of every replica."""
    stage = ChainStage(options={"snapshot_every": 50, "keep": 20})
    for serial in range(1, 601):
        stage.request(serial % 3, Command("write", "x", serial, "c", serial))
        stage.settle()
        stage.lines.clear()
    for node in range(3):
        history = stage.chain(node).history
        assert history.last == 600
        assert len(history.entries) <= 50 + 20
        assert len(stage.disks[node]) <= 50 + 20 + 10
        assert not history.outcomes
        assert history.clean("x")


def test_a_head_lets_in_no_more_than_it_can_hold():
    stage = ChainStage(options={"batch": 1, "pipeline": 1})
    stage.drop(0, 1)
    for serial in range(20):
        stage.request(0, append(serial, serial, session=f"c{serial}"))
    assert len(stage.chain(0).history.entries) == stage.chain(0).reach == 4
    stage.tick(times=25)
    assert len(list_at(stage, 2)) == 20


def test_what_is_asked_of_the_wrong_node_is_left_to_who_asked(stage):
    for msg in (Ask((append("a"),)), Ack(1, 7, 7, lacks=False)):
        stage.put(2, 1, msg)
        stage.deliver(2, 1)
    assert stage.chain(1).history.last == 0
    assert stage.chain(1).history.committed == 0
    stage.put(1, 0, Confirm(2, (1, 1)))
    stage.deliver(1, 0)
    assert not stage.wires[0, 1], "it does not know of that epoch"
