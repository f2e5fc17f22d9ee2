from itertools import islice

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
    request_ids,
)


@record
class Ping:
    n: int


class Echo(Replica[Ping]):
    """Says everything that a replica can say."""

    messages = (Ping,)

    def on_start(self, durable):
        self.n = durable.get("n", 0)
        self.set_timer("once", 5)
        self.set_timer("range", 5, 9)

    def on_request(self, request, command):
        self.reply(request, command.value)
        self.reply(request, "no", ok=False)

    def on_message(self, src, msg):
        self.n = msg.n
        self.persist("n", msg.n)
        self.forget("m")
        self.send(src, msg)

    def on_timer(self, timer):
        self.cancel_timer(timer)
        self.broadcast(Ping(1))
        self.broadcast(Ping(2), self.peers)
        self.note("kind", [1])


def replica():
    return Echo(1, Cluster((0, 1, 2)))


def test_each_event_has_its_handler_and_each_word_its_effect():
    echo = replica()
    assert echo.step(Started({"n": 3})) == [SetTimer("once", 5, 5), SetTimer("range", 5, 9)]
    assert echo.n == 3
    assert echo.step(Received(0, Ping(4))) == [
        Persist("n", 4),
        Persist("m", None),
        Send(0, Ping(4)),
    ]
    assert echo.step(Requested(7, Command("f", "x", "v"))) == [
        Reply(7, "v"),
        Reply(7, "no", ok=False),
    ]
    assert echo.step(Fired("once")) == [
        CancelTimer("once"),
        *[Send(n, Ping(1)) for n in (0, 1, 2)],
        *[Send(n, Ping(2)) for n in (0, 2)],
        Note("kind", [1]),
    ]


def test_the_effects_of_a_step_are_the_callers_to_keep():
    echo = replica()
    first = echo.step(Started({}))
    second = echo.step(Received(0, Ping(1)))
    assert len(first) == 2
    assert first is not second


def test_a_cluster_knows_its_majority():
    assert [Cluster(tuple(range(n))).majority for n in (1, 2, 3, 4, 5)] == [1, 2, 2, 3, 3]


def test_a_replicas_state_is_shown_without_its_machinery():
    echo = replica()
    echo.step(Started({}))
    assert echo.state() == {"id": 1, "now_ms": 0, "n": 0}
    assert echo.leader() is None


def test_no_two_incarnations_of_any_nodes_share_a_request_id():
    ids = [
        request
        for node in range(4)
        for incarnation in range(1, 5)
        for request in islice(request_ids(node, incarnation), 50)
    ]
    assert len({*ids}) == len(ids)
