"""What WanKeeper claims, one test a claim, on a stage where each message is delivered by hand.

Ailijiang et al., "Efficient Distributed Coordination at WAN-scale", ICDCS 2017.
"""

import pytest

from protocols.cells import Cell
from protocols.kernel import Cluster, Command, Started
from protocols.policies import make
from protocols.wankeeper import WanKeeper
from protocols.wankeeper.broker import Broker, delivered, grant, release
from protocols.wankeeper.master import MASTER, Table, give_back, serve, taken
from tests.mutants.wankeeper import BeforeDrain, KeepsServing, NoEpochs, ReadsLocally
from tests.transcript import Stage, assert_golden


def append(value, serial=1, session="c", key="x"):
    return Command("append", key, value, session, serial)


def read(key="x", session="r", serial=1):
    return Command("read", key, None, session, serial)


class Zones(Stage):
    """Two homes, nodes 0 and 1, each of whom leads its zone; node 0 leads the master, too."""

    def __init__(self, protocol=WanKeeper, n=3, **options):
        super().__init__(protocol, n, {"zones": 2, "threshold": 2, **options})
        self.start()
        for node in (0, 1):
            self.fire(node, "prefer")
            self.settle()
        self.lines.clear()

    def ask(self, node, command):
        """Ask, and let everything happen; the answer."""
        request = self.request(node, command)
        self.settle()
        self.tick()
        return self.answer(request)

    def answer(self, request):
        reply = self.replies.get(request)
        return ... if reply is None else reply.value

    def tick(self, times=2):
        for _ in range(times):
            for node in tuple(self.replicas):
                for timer in [t for t in self.timers[node] if t.endswith("tick")]:
                    self.fire(node, timer)
            self.settle()

    def token(self, node=0, key="x"):
        return self.replicas[node].master.table.tokens[key]

    def wait(self, part, *nodes):
        """These nodes wait for a leader of this part, until one of them is."""
        for _ in range(4):
            for node in nodes:
                self.fire(node, f"{part}/watch")
                self.settle()
            self.tick()

    def holders(self, key="x"):
        """In whose logs the key is, by the word of each zone's home."""
        return [i for i in (0, 1) if key in self.replicas[i].groups[i].store.cells]

    def holders_at(self, node, key="x"):
        """The same, by the word of one node."""
        return [i for i, group in self.replicas[node].groups.items() if key in group.store.cells]

    def chosen(self, node, place):
        return self.replicas[node].groups[place].log.chosen


@pytest.fixture
def stage():
    return Zones()


@pytest.fixture
def moved(stage):
    """The token of x is at the zone of node 1."""
    for serial in (1, 2):
        stage.ask(1, append(serial, serial))
    assert stage.token().at == 1
    assert stage.holders() == [1]
    return stage


# --- the master serves, and grants ----------------------------------------------------------------


def test_a_key_that_no_zone_has_is_served_by_the_master(stage):
    before = [stage.chosen(0, place) for place in (0, 1)]
    assert stage.ask(1, append(1)) == 1
    assert stage.ask(0, read()) == [1]
    assert stage.token().at == MASTER
    assert [stage.chosen(0, place) for place in (0, 1)] == before


def test_a_zone_that_asks_consecutively_is_given_the_token(stage):
    """The paper's policy: so many requests in a row from one site."""
    stage.ask(1, append(1, 1))
    stage.ask(0, read())
    stage.ask(1, append(2, 2))
    assert stage.token().at == MASTER
    stage.ask(1, append(3, 3))
    assert stage.token().at == 1
    assert stage.token().sent is None, "the zone has it in its log, and the master no copy"


def test_a_zone_with_the_token_asks_nobody_else(moved):
    """Level 1 is the zone's own. Method: the master's log does not grow."""
    master = moved.replicas[0].master.log.chosen
    assert moved.ask(1, append(3, 3)) == 3
    assert moved.ask(1, read()) == [1, 2, 3]
    assert moved.replicas[0].master.log.chosen == master


def test_a_read_needs_the_token(moved):
    """Q3t. Method: zone 0 asks for what zone 1 has written; its own copy is older."""
    moved.ask(1, append(3, 3))
    assert moved.ask(0, read()) == [1, 2, 3]
    assert moved.token().epoch > 1, "it was revoked"
    assert moved.holders() == [0], "and is here: to wait for it is half of asking twice"


def test_a_token_comes_back_though_the_master_has_no_room_for_those_who_wait_for_it():
    """Found by a swarm: with a line of four, that were always full when the token's zone asked, nothing was answered
    for 20 s. Method: node 0's clients fill the line, and are refused; then the zones' commands come."""
    master = Zones(batch=1, pipeline=1).replicas[0].master
    taken_in = [not master.take_in([serve(read(session=f"r{i}"), 0)]) for i in range(9)]
    assert taken_in == [True] * 5 + [False] * 4, "one is under way, four wait"
    assert master.take_in([give_back("x", 1, Cell().snapshot()), taken("y", 1)]) == []


def test_the_mutant_that_reads_locally_is_seen():
    stage = Zones(ReadsLocally)
    for serial in (1, 2, 3):
        stage.ask(1, append(serial, serial))
    assert stage.ask(2, read()) != [1, 2, 3]


# --- revocation drains ----------------------------------------------------------------------------


def overtaken(stage):
    """An append is under way in zone 1's log when its leader reads that the token is wanted."""
    for serial in (1, 2):
        stage.ask(1, append(serial, serial))
    late = stage.request(1, append(3, 3))  # proposed, not voted for
    early = stage.request(0, read())
    stage.settle()
    stage.tick()
    return stage, stage.answer(late), stage.answer(early)


def test_what_is_under_way_is_run_before_the_token_leaves():
    """Q1t: a token is revoked only after what is in flight was committed."""
    stage, late, early = overtaken(Zones())
    assert (late, early) == (3, [1, 2, 3])
    assert stage.holders() == [0]


def test_the_mutant_that_does_not_drain_loses_it():
    stage = Zones(BeforeDrain)
    for serial in (1, 2):
        stage.ask(1, append(serial, serial))
    zone = "zone n2"
    stage.request(0, read())
    # Votes for node 1's append stand still while the master's log goes on.
    late = stage.request(1, append(3, 3))
    held = {}
    for link in [(1, 0), (1, 2)]:
        wire = stage.wires[link]
        held[link] = [text for text in wire if f'"{zone}"' in text]
        for text in held[link]:
            wire.remove(text)
    stage.settle()
    for link, texts in held.items():
        stage.wires[link].extend(texts)
    stage.settle()
    stage.tick()
    assert stage.answer(late) == 3
    assert stage.ask(0, read(serial=2)) != [1, 2, 3]


def test_a_command_after_the_release_finds_no_token_and_is_run_at_the_master():
    machine = Broker()
    machine.run(grant("x", 1, Cell().snapshot()))
    assert machine.run(append(1)).ok
    machine.run(release("x", 1))
    assert not machine.run(append(2, 2)).ok
    epoch, state = machine.outbox["x"]
    assert epoch == 1
    assert Cell.restore(state).store.values == {"x": [1]}


# --- fencing: by epoch alone ----------------------------------------------------------------------


def test_a_grant_that_comes_late_is_not_taken_again():
    machine = Broker()
    late = grant("x", 1, Cell().snapshot())
    machine.run(late)
    machine.run(release("x", 1))
    machine.run(late)
    assert "x" not in machine.cells
    machine.run(grant("x", 3, Cell().snapshot()))
    machine.run(release("x", 1))
    assert "x" in machine.cells, "nor does a late release take another epoch's token"
    machine.run(delivered("x", 1))
    machine.run(release("x", 3))
    machine.run(delivered("x", 1))
    assert machine.outbox["x"][0] == 3


def test_the_mutant_without_epochs_takes_it():
    machine = NoEpochs.group_class.machine()
    late = grant("x", 1, Cell().snapshot())
    machine.run(late)
    machine.run(release("x", 1))
    machine.run(late)
    assert "x" in machine.cells


def test_the_mutant_that_keeps_serving_has_a_token_at_two_places():
    machine = KeepsServing.group_class.machine()
    machine.run(grant("x", 1, Cell().snapshot()))
    machine.run(release("x", 1))
    assert machine.run(append(1)).ok


def granted():
    table = Table()
    for serial in (1, 2, 3):
        assert table.run(serve(append(serial, serial), 1)).ok
    assert table.tokens["x"].at == 1
    return table


def test_the_master_takes_a_token_back_of_its_own_epoch_only():
    table = granted()
    state = table.tokens["x"].sent
    table.run(give_back("x", 0, state))
    assert table.tokens["x"].at == 1
    table.run(give_back("x", 1, state))
    assert table.tokens["x"].at == MASTER
    table.run(taken("x", 1))
    assert table.tokens["x"].cell.updates == 3


def test_the_table_runs_nothing_whose_token_is_away():
    """And remembers that somebody wants it."""
    table = granted()
    assert not table.run(serve(append(4, 4), 0)).ok
    assert table.tokens["x"].wanted == 0
    assert not table.run(serve(append(5, 5), 1)).ok
    assert table.tokens["x"].wanted == 0


def test_an_old_answer_is_no_hit():
    """A retry is answered beside the log, at one replica only: it must not change the table."""
    table = Table()
    for _ in range(5):
        table.run(serve(append(1), 1))
    assert table.tokens["x"].at == MASTER
    assert table.tokens["x"].cell.updates == 1


@pytest.mark.parametrize("policy", ["consecutive", "majority", "ema", "none"])
def test_a_table_comes_back_from_its_snapshot_with_its_policy_s_counts(policy):
    class Mine(Table):
        pass

    Mine.policy = (policy, 4)
    table = Mine()
    for serial, zone in enumerate((1, 0, 1, 1, 0, 1), 1):
        table.run(serve(append(serial, serial), zone))
        copy = Mine.restore(table.snapshot())
        assert copy.snapshot() == table.snapshot()
        assert copy.moving == table.moving
    assert make(*Mine.policy).hit(1) is None


# --- failures -------------------------------------------------------------------------------------


def test_a_retry_runs_once_though_the_key_has_gone_to_another_log(moved):
    """Sessions travel with the token."""
    assert moved.ask(0, append(2, 2)) == 2
    assert moved.ask(0, read()) == [1, 2]


def test_the_next_leader_of_a_zone_goes_on_with_the_hand_over(moved):
    """The leader dies with the release in its log, and the state not sent."""
    request = moved.request(0, read())
    while 1 not in moved.replicas or not moved.replicas[1].groups[1].store.outbox:
        link = next(link for link, wire in moved.wires.items() if wire)
        moved.deliver(*link)
    moved.kill(1)
    for node in (0, 2):
        moved.drop(1, node)
    moved.settle()
    moved.wait("zone n2", 2, 0)
    assert moved.replicas[2].groups[1].leader() in (0, 2)
    assert moved.answer(request) == [1, 2]
    assert moved.holders_at(2) == [0]


def test_the_master_s_next_leader_knows_the_same_tokens(moved):
    """Q2t. Method: node 0, who leads the master, dies; a node of zone 0 asks for x."""
    moved.ask(1, append(3, 3))
    moved.kill(0)
    for part in ("master", "zone n1"):
        moved.wait(part, 2, 1)
    assert moved.replicas[2].master.leader() in (1, 2)
    assert moved.token(2).at == 1
    assert moved.ask(2, read()) == [1, 2, 3]


def test_a_zone_that_is_gone_keeps_its_keys_until_it_is_back():
    """Assumes. Zones of their own nodes: 0 and 2, 1 and 3; the master's majority is alive."""
    stage = Stage(WanKeeper, 5, {"threshold": 1})
    stage.cluster = Cluster((0, 1, 2, 3, 4), ("eu", "us", "eu", "us", "eu"), 20, {"threshold": 1})
    stage.start()
    for node in (0, 1):
        stage.fire(node, "prefer")
        stage.settle()
    us = stage.request(1, append(1))
    stage.settle()
    stage.kill(1, 3)
    other = stage.request(0, append(1, key="y"))
    wait = stage.request(0, read())
    stage.settle()
    assert stage.replies[us].ok
    assert stage.replies[other].ok, "another key is served"
    for _ in range(5):
        for node in (0, 2, 4):
            stage.fire(node, "tick")
        stage.settle()
    assert wait not in stage.replies
    stage.start(1, 3)
    for _ in range(5):
        for node in range(5):
            for timer in [t for t in stage.timers[node] if not t.startswith("prefer")]:
                if not timer.endswith("watch") or node == 1:
                    stage.fire(node, timer)
        stage.settle()
    assert stage.replies[wait].value == [1]


def test_nodes_of_other_zones_do_not_start_on_this_disk():
    stage = Zones()
    with pytest.raises(ValueError, match="the zones were"):
        WanKeeper(2, Cluster((0, 1, 2), options={"zones": 3})).step(
            Started({"zones": [["n1", 0, 1, 2], ["n2", 0, 1, 2]]})
        )
    assert stage.replicas[0].zones[1].home == 1


def test_what_it_cannot_keep_is_refused():
    for options, why in (
        ({"read": "any"}, "linearizable"),
        ({"policy": "best"}, "policy"),
        ({"zones": "0"}, "zones"),
    ):
        with pytest.raises(ValueError, match=why):
            WanKeeper.check(Cluster((0, 1, 2), options=options))


def test_a_command_of_several_keys_is_refused(stage):
    request = stage.request(0, Command("txn", "", [["r", "x", None], ["r", "y", None]]))
    assert not stage.replies[request].ok


def test_a_token_is_revoked_drained_and_brought_back():
    """Golden: zone n2 has the token and an append under way; zone n1 asks for the key."""
    stage = Zones(n=2, threshold=1)
    stage.ask(1, append(1))
    stage.lines.clear()
    stage.request(1, append(2, 2))
    stage.request(0, read())
    stage.settle()
    assert_golden("wankeeper", stage)
