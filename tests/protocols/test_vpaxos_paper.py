"""What Vertical Paxos claims, one test a claim, on a stage where each message is delivered by hand.

Lamport, Malkhi, Zhou, "Vertical Paxos and Primary-Backup Replication", PODC 2009.
"""

import pytest

from protocols.kernel import Cluster, Command, Started
from protocols.vpaxos import VPaxos
from protocols.vpaxos.configuration import Config, Table, Vertical, complete, first, reconfigure
from protocols.vpaxos.replica import PATIENCE
from tests.mutants.vpaxos import CompleteEarly, NewestOnly
from tests.transcript import Stage, assert_golden


def append(value, serial=1, session="c", key="x"):
    return Command("append", key, value, session, serial)


def read(session="r", serial=1):
    return Command("read", "x", None, session, serial)


class Groups(Stage):
    """One group, which begins with node 0 as its leader; so does the master."""

    def __init__(self, protocol=VPaxos, n=3, **options):
        super().__init__(protocol, n, {"groups": 1, "policy": "none", **options})

    def begin(self, *nodes):
        """Start these (default: all), and let node 0 lead the master and activate the group."""
        self.start(*nodes)
        self.lead_master(0)
        return self

    def lead_master(self, node):
        for replica in self.replicas.values():
            replica.master.silence = 2  # nobody has heard of another
        for _ in range(6):
            if self.replicas[node].master.leadership is None:
                self.fire(node, "master/watch")
                self.settle()
        self.tick()
        assert self.replicas[node].master.leadership is not None

    def tick(self, times=1):
        """A tick everywhere, and all that follows, but to and from who is down."""
        for _ in range(times):
            for node in tuple(self.replicas):
                for timer in [t for t in self.timers[node] if t.endswith("tick")]:
                    self.fire(node, timer)
            self.settle()

    def ask(self, node, command):
        request = self.request(node, command)
        self.settle()
        self.tick(2)
        return self.answer(request)

    def answer(self, request):
        reply = self.replies.get(request)
        return ... if reply is None else reply.value

    def config(self, node=0):
        return self.replicas[node].groups[0].config

    def store(self, node):
        return self.replicas[node].groups[0].store.snapshot()

    def master_alone(self, rounds):
        """Ticks, of whose messages only the master's arrive: all between groups is lost."""
        for _ in range(rounds):
            for node in tuple(self.replicas):
                for timer in [t for t in self.timers[node] if t.endswith("tick")]:
                    self.fire(node, timer)
            while busy := [link for link, wire in self.wires.items() if wire]:
                for src, dst in busy:
                    if self.wires[src, dst][0].startswith('["Master'):
                        self.deliver(src, dst)
                    else:
                        self.wires[src, dst].popleft()


def test_a_leader_reads_each_configuration_since_the_last_complete_one():
    """2.1: "a leader of ballot b must ... a quorum of each configuration" from the last complete on."""
    config = Config((1, 0), (0, 1), complete=True).followed(2, (1, 2)).followed(3, (3, 4))
    assert config.past == ((0, 1), (1, 2))
    quorums = Vertical.of(config)
    assert quorums.phase1(0b00010)
    assert quorums.phase1(0b00101)
    assert not quorums.phase1(0b11001), "none of the second"
    assert not quorums.phase1(0b11100), "none of the first"
    assert config.completed().past == ()
    newest = NewestOnly.group_class.vertical.of(config)
    assert newest.phase1(0b11100), "R2v: the mutant does without the first"


def test_all_members_vote_and_one_of_them_is_enough_to_read():
    """5: with write quorums of all, F+1 acceptors are enough; each read quorum meets each of them."""
    config = first((0, 1, 2, 3, 4), 1, 3)
    assert config == Config((1, 1), (1, 2, 3))
    assert Vertical.of(config).phase2(0b01110)
    assert not Vertical.of(config).phase2(0b11101)
    assert all(Vertical.of(config.followed(4, (4,))).phase1(1 << node) for node in config.members)


def test_a_configuration_that_was_superseded_is_never_complete():
    """VP II: the master takes a report of completion of the newest ballot only."""
    table, start = Table(), Config((1, 0), (0, 1))
    assert table.run(reconfigure(0, start, 1, (1, 2))).ok
    assert table.ran(complete(0, start))
    assert not table.run(complete(0, start)).ok
    assert not table.run(reconfigure(0, start, 2, (1, 2))).ok
    newest = table.configs[0]
    assert newest == Config((2, 1), (1, 2), past=((0, 1),))
    assert table.run(complete(0, newest)).ok
    assert table.configs[0].complete
    assert table.ran(complete(0, newest))
    assert Table.restore(table.snapshot()).configs == table.configs


def test_nothing_is_proposed_before_the_ballot_is_complete():
    """VP II: a configuration is active only after its state transfer."""
    stage = Groups()
    stage.start()
    request = stage.request(0, append(1))
    stage.settle()
    assert stage.replicas[0].groups[0].whole
    assert not stage.replicas[0].groups[0].active
    assert stage.answer(request) is ...
    stage.lead_master(0)
    stage.tick()
    assert stage.config().complete
    assert stage.answer(request) is not ...


def test_any_node_answers():
    stage = Groups().begin()
    stage.ask(2, append(1))
    assert [stage.ask(n, read(f"r{n}")) for n in range(3)] == [[1]] * 3
    assert stage.store(0) == stage.store(1) == stage.store(2)


def behind(protocol):
    """Node 2, no member, has never been up. Members 0 and 1 have 30 appends, and forgot their logs."""
    stage = Groups(protocol, snapshot_every=5, keep=0).begin(0, 1)
    for serial in range(1, 31):
        stage.ask(0, append(serial, serial))
    for node in range(2):
        stage.drop(node, 2)
    stage.start(2)
    return stage


def test_a_new_member_has_the_state_before_the_ballot_is_complete():
    """The silent member is replaced by one that knew nothing, which then is enough to go on from."""
    stage = behind(VPaxos)
    stage.kill(1)
    stage.tick(PATIENCE + 4)
    assert stage.config().members == (0, 2)
    assert stage.config().complete
    assert stage.store(2) == stage.store(0)
    assert stage.ask(2, read()) == list(range(1, 31))


def test_who_is_restarted_asks_for_another_ballot():
    """A leader's ballot is its incarnation's: proposals of one ballot are one leader's memory."""
    stage = Groups().begin()
    stage.ask(0, append(1))
    before = stage.config().ballot
    stage.kill(0)
    stage.start(0)
    stage.lead_master(0)
    stage.tick(3)
    assert stage.config().ballot > before
    assert stage.config().complete
    assert stage.ask(1, read()) == [1]


def test_two_of_three_members_may_die_at_once():
    """5: F+1 members, of whom F may be lost: any one of them has it all."""
    stage = Groups(n=5).begin()
    assert stage.config().members == (0, 1, 2)
    stage.ask(0, append(1))
    stage.kill(0, 1)
    stage.lead_master(4)
    stage.tick(PATIENCE + 6)
    assert stage.config(2).complete
    assert not {0, 1} & {*stage.config(2).members}
    assert stage.ask(3, read()) == [1]


def test_a_group_moves_to_who_asks():
    """Ownership goes where the keys are used, and what was chosen goes with it."""
    stage = Groups(policy="consecutive", threshold=3).begin()
    for serial in range(1, 6):
        stage.ask(2, append(serial, serial))
    assert stage.config().leader == 2
    assert 2 in stage.config().members
    assert stage.ask(2, read()) == [1, 2, 3, 4, 5]


def test_nodes_of_another_map_of_keys_do_not_start_on_this_disk():
    with pytest.raises(ValueError, match="keys were divided"):
        VPaxos(0, Cluster((0, 1, 2), options={"groups": 2})).step(Started({"map": "hash3"}))


def test_what_it_cannot_keep_is_refused():
    for options, why in (
        ({"policy": "best"}, "policy"),
        ({"threshold": "0"}, "threshold"),
        ({"groups": "0"}, "groups"),
    ):
        with pytest.raises(ValueError, match=why):
            VPaxos.check(Cluster((0, 1, 2), options=options))


def test_a_command_of_several_keys_is_refused():
    stage = Groups().begin()
    request = stage.request(0, Command("txn", "", [["r", "x", None], ["r", "y", None]]))
    assert not stage.replies[request].ok


@pytest.mark.parametrize(("protocol", "early"), [(VPaxos, False), (CompleteEarly, True)])
def test_complete_is_reported_after_the_state_is_there(protocol, early):
    """R4v: the mutant says so of a ballot whose other member has nothing yet."""
    stage = behind(protocol)
    stage.kill(1)
    stage.master_alone(PATIENCE + 5)
    assert stage.config(2).members == (0, 2)
    assert stage.replicas[2].groups[0].log.chosen == 0
    assert stage.config(2).complete == early


def test_a_silent_member_is_replaced():
    """Golden: of three nodes one of two members dies; the other takes the third, and goes on."""
    stage = Groups(n=3).begin()
    stage.ask(0, append(1))
    stage.kill(1)
    for link in [link for link in stage.wires if 1 in link]:
        del stage.wires[link]
    stage.replicas[0].silence[1] = PATIENCE
    stage.lines.clear()
    stage.request(0, append(2, 2))
    stage.fire(0, "tick")
    stage.settle(0, 2)
    assert stage.config().members == (0, 2)
    assert stage.ask(2, read()) == [1, 2]
    assert_golden("vpaxos", stage)
