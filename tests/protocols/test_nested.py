"""A host hands events to its parts and their effects on, each under its part's name."""

import pytest

from protocols.kernel import (
    CancelTimer,
    Cluster,
    Command,
    Fired,
    Note,
    Persist,
    Received,
    Replica,
    Reply,
    Requested,
    Send,
    SetTimer,
    Started,
    record,
)
from protocols.nested import Host, among, carried, wrapping
from protocols.wire import Codec


@record
class Said:
    text: str


class Speaker(Replica[Said]):
    """Says everything that a replica can say, in one step."""

    messages = (Said,)

    def on_start(self, durable):
        self.durable, self.heard = dict(durable), []
        self.set_timer("tick", 1, 2)

    def on_request(self, request, command):
        self.broadcast(Said(command.key))
        self.persist("last", command.key)
        self.cancel_timer("tick")
        self.note("decided", [7, command.key])
        self.note("leader", [[1, 0], 0])
        self.reply(request, command.key)

    def on_message(self, src, msg):
        self.heard.append((src, msg, self.now_ms))

    def on_timer(self, timer):
        self.heard.append(timer)


ROOM = wrapping("Room", Speaker.messages)
HALL = wrapping("Hall", Speaker.messages)


class House(Host):
    messages = carried(ROOM, HALL)

    def __init__(self, id, cluster):
        super().__init__(id, cluster)
        self.add_part("a", ROOM, Speaker(id, cluster))
        self.add_part("b", HALL, Speaker(id, among(cluster, (0, 1), {"loud": 1})))

    def on_start(self, durable):
        self.start_parts(durable)

    def on_request(self, request, command):
        self.ask_part(self.parts[command.f], request, command)

    def on_message(self, src, msg):
        self.to_part(src, msg)

    def on_timer(self, timer):
        assert self.part_fired(timer)


@pytest.fixture
def house():
    house = House(0, Cluster((0, 1, 2), zones=("x", "y", "z")))
    house.step(Started({"a/last": 1, "b/last": 2, "c/last": 3, "own": 4, "b/in/side": 5}))
    return house


def test_each_part_starts_with_its_own_of_the_disk_and_timers_of_its_own():
    house = House(0, Cluster((0, 1, 2)))
    effects = house.step(Started({"a/last": 1, "b/last": 2, "c/last": 3, "b/in/side": 5}))

    assert effects == [SetTimer("a/tick", 1, 2), SetTimer("b/tick", 1, 2)]
    assert house.parts["a"].replica.durable == {"last": 1}
    assert house.parts["b"].replica.durable == {"last": 2, "in/side": 5}


def test_what_a_part_says_comes_out_under_its_name_to_its_own_nodes(house):
    said = HALL.wrappers[Said]("b", Said("x"))

    assert house.step(Requested(9, Command("b", "x"))) == [
        Send(0, said),
        Send(1, said),
        Persist("b/last", "x"),
        CancelTimer("b/tick"),
        Note("decided", [("b", 7), "x"]),
        Note("leader", [[1, 0], 0]),
        Reply(9, "x"),
    ]


def test_a_broadcast_stays_one_message(house):
    sent = [e.msg for e in house.step(Requested(9, Command("a", "x"))) if isinstance(e, Send)]
    assert len(sent) == 3
    assert sent[0] is sent[1] is sent[2]


def test_a_message_goes_to_its_part_with_the_clock(house):
    house.now_ms = 77
    house.step(Received(1, ROOM.wrappers[Said]("a", Said("hi"))))
    house.step(Fired("b/tick"))

    assert house.parts["a"].replica.heard == [(1, Said("hi"), 77)]
    assert house.parts["b"].replica.heard == ["tick"]


def test_what_is_of_no_part_here_is_dropped(house):
    """Of an unknown part; of another kind than the part is; from a node that the part is not of."""
    house.step(Received(1, ROOM.wrappers[Said]("z", Said("hi"))))
    house.step(Received(1, ROOM.wrappers[Said]("b", Said("hi"))))
    house.step(Received(2, HALL.wrappers[Said]("b", Said("hi"))))

    assert all(part.replica.heard == [] for part in house.parts.values())


def test_kinds_travel_as_classes_of_their_own():
    codec, msg = Codec(House.messages), ROOM.wrappers[Said]("a", Said("hi"))

    assert codec.encode(msg) == '["RoomSaid","a",["hi"]]'
    assert codec.decode(codec.encode(msg)) == msg
    assert msg != HALL.wrappers[Said]("a", Said("hi"))


def test_a_subset_has_its_own_zones_options_and_majority():
    cluster = among(Cluster((0, 1, 2, 3), zones=("x", "y", "z", "z"), options={"a": 1}), (2, 3))

    assert cluster.zones == ("z", "z")
    assert cluster.majority == 2
    assert among(cluster, (3,), {"b": 2}).options == {"a": 1, "b": 2}
