"""What is shared between nodes cannot change; what can is copied; and both are shown to be so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.sim.content import restored
from harness.sim.frozen import FIRST, SAMPLE, Keeper, frozen, glance, kept, looker
from harness.sim.members import Settling
from harness.sim.parcel import Parcel, Post
from harness.sim.setup import PERFECT, Setup
from harness.sim.simulator import Simulator
from harness.sim.trace import Trace
from protocols.kernel import Command, Json, Replica, record
from protocols.shapes import copied
from protocols.wire import Codec, dumps, loads
from tests.protocols.test_wire import CODEC, INNERS, OUTERS, Inner, Outer
from workloads.kernel import Options, Workload


@record
class Flat:
    n: int
    yes: bool
    pair: tuple[int, str]
    many: tuple[tuple[int, ...], ...]
    maybe: Command | None
    anything: object


def flat(**changed: object) -> Flat:
    fields = {
        "n": 1,
        "yes": True,
        "pair": (2, "x"),
        "many": ((3,), ()),
        "maybe": Command("read", "k"),
        "anything": None,
    }
    return Flat(**{**fields, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize("anything", [None, 3, "x", True])
def test_a_record_of_what_cannot_change_is_frozen_and_kept_as_it_is(anything):
    msg = flat(anything=anything)

    assert frozen(Flat)(msg)
    assert glance(Flat)(msg)
    assert looker(Flat)(msg)
    assert kept(msg) is msg


@pytest.mark.parametrize(
    "changed",
    [
        {"n": True},
        {"n": [1]},
        {"yes": 1},
        {"pair": [2, "x"]},
        {"pair": (2, "x", 3)},
        {"pair": (2, ["x"])},
        {"many": ([3], ())},
        {"many": [(3,)]},
        {"maybe": ("read", "k")},
        {"maybe": Command("cas", "k", [1, 2])},
        {"anything": [1]},
        {"anything": (1, 2)},
        {"anything": 1.5},
        {"anything": {}},
    ],
)
def test_whatever_else_is_in_a_field_it_is_not_frozen(changed):
    assert not frozen(Flat)(flat(**changed))


def test_another_class_with_the_same_fields_is_not_frozen():
    class Mine(Command):
        pass

    assert not frozen(Flat)(flat(maybe=Mine("read", "k")))


@settings(max_examples=25)
@given(OUTERS)
def test_what_is_frozen_is_read_as_it_was_sent_and_nothing_else_is_shared(msg):
    shared = kept(msg) is msg

    assert shared == frozen(Outer)(msg)
    assert kept(msg) == CODEC.decode(CODEC.encode(msg))
    assert not shared or not msg.named  # a dict


@pytest.mark.parametrize(
    "changed",
    [
        {"pair": [2, "x"]},
        {"many": ([3], ())},
        {"many": [(3,)]},
        {"maybe": Command("cas", "k", [1, 2])},
        {"anything": [1]},
        {"anything": (1, 2)},
    ],
)
def test_a_quick_look_sees_what_mypy_does_not(changed):
    assert not glance(Flat)(flat(**changed))
    assert looker(Flat)(flat(**changed)) is None


@settings(max_examples=40)
@given(INNERS, INNERS)
def test_a_quick_look_sees_all_that_two_differ_in(one, two):
    assert glance(Inner)(one) == frozen(Inner)(one) == (looker(Inner)(one) is not None)
    if frozen(Inner)(one) and frozen(Inner)(two):
        assert (looker(Inner)(one) == looker(Inner)(two)) == (one == two)


def test_durable_values_are_looked_at_as_a_whole_first_and_after_one_that_was_not_frozen():
    keeper = Keeper()
    for n in range(FIRST):
        assert Flat not in keeper.checks
        value = flat(n=n)
        assert keeper.keep(value) is value
    assert keeper.checks[Flat](flat())

    wrong = flat(n=[1])
    copy = keeper.keep(wrong)
    assert copy == wrong
    assert copy is not wrong
    assert Flat not in keeper.checks


@settings(max_examples=40)
@given(st.lists(st.integers() | st.lists(st.integers())))
def test_a_list_is_copied(value):
    copy = kept(value)

    assert copy == loads(dumps(value)) == copied(value)
    assert copy is not value


READ = Command("read", "k")


def post(*, watched: bool = False) -> Post:
    return Post(Codec((Flat, Inner)), (Flat, Inner), Trace(), watched=watched)


class Chatty(Replica[Flat]):
    """Says a thousand things to the other node, and keeps what it is told."""

    messages = (Flat,)

    def on_start(self, durable: Mapping[str, Json]) -> None:
        self.got: list[Flat] = []
        self.sent = [flat(n=n) for n in range(1_000)]
        for msg in self.sent:
            self.broadcast(msg, self.peers)

    def on_message(self, src: int, msg: Flat) -> None:
        self.got.append(msg)

    def on_request(self, request: int, command: Command) -> None: ...
    def on_timer(self, timer: str) -> None: ...


def test_what_is_frozen_is_delivered_as_it_is_but_for_samples():
    nothing = Workload(
        name="none", main=lambda *_: Settling(0), final=lambda *_: Settling(0), checks={}
    )
    options = Options(threads=1, nodes=2, time_ms=1)
    simulator = Simulator(
        Setup(protocol=Chatty, workload=nothing, options=options, network=PERFECT)
    )
    simulator.run()
    one, other = (cast("Chatty", node.replica) for node in simulator.nodes)
    got = sorted(other.got, key=lambda msg: msg.n)

    assert got == one.sent
    read = [n for n in range(1_000) if got[n] is not one.sent[n]]
    assert 0 < sum(n < 2 * FIRST for n in read) <= FIRST
    assert 1_000 // SAMPLE - 1 <= sum(n >= 2 * FIRST for n in read) <= FIRST + 1_000 // SAMPLE


def test_what_is_not_frozen_is_copied_for_each_receiver():
    msg = flat(anything=[1])
    packed = post().pack(msg, 5)
    assert isinstance(packed, Parcel)
    first, second = packed.open(), packed.open()

    assert first == second == msg
    assert first is not second
    assert len({id(msg.anything), id(first.anything), id(second.anything)}) == 3  # type: ignore[attr-defined]
    assert (packed.text, packed.sent_ns) == (dumps(("Flat", *loads(dumps(msg)))), 5)


def test_what_is_not_frozen_goes_without_its_text_but_for_samples():
    made, list_of_read = post(), ["read", "k", None, "", 0]
    packed = [made.pack(flat(n=n, anything=[n, {"a": (n,)}, READ]), 0) for n in range(1_000)]
    told = [n for n, one in enumerate(packed) if cast("Parcel", one).text]

    assert told[:FIRST] == list(range(FIRST))
    assert 1_000 // SAMPLE - 1 <= len(told[FIRST:]) <= 1_000 // SAMPLE
    assert [cast("Parcel", one).open() for one in packed] == [
        flat(n=n, anything=[n, {"a": [n]}, list_of_read]) for n in range(1_000)
    ]
    last = cast("Parcel", packed[-2])
    assert not last.text
    one, other = (cast("Flat", last.open()) for _ in range(2))
    one.anything[1]["a"].append(5)  # type: ignore[index]
    assert other.anything == [998, {"a": [998]}, list_of_read]


@settings(max_examples=40)
@given(INNERS)
def test_without_its_text_a_message_is_what_it_would_be_with_it(msg):
    codec = Codec((Inner,))
    made = Post(codec, (Inner,), Trace(), watched=False)
    for _ in range(FIRST):
        made.pack(Inner((1, 2), Command("f", "k", [1])), 0)
    packed = made.pack(msg, 0)
    got = packed.open() if isinstance(packed, Parcel) else packed

    assert not (isinstance(packed, Parcel) and packed.text)
    assert got == codec.decode(codec.encode(msg))
    assert codec.encode(got) == codec.encode(msg)


@pytest.mark.parametrize(
    "value",
    [
        flat(),
        flat(maybe=None, anything="\ud800"),
        flat(n=True),  # not as annotated
        flat(anything=[1, (2, {"a": None})]),
        {"a": [flat(), (1, 2)], "b": {1: 1.5}},
        [1, [2, (3,)]],
        (1, 2),
        "x",
        None,
    ],
)
def test_what_was_durable_comes_back_as_its_text_would_be_read(value):
    """With the same types: True is no 1, and a tuple is a list."""
    told = restored(value)
    assert repr(told) == repr(loads(dumps(value)))
    assert not isinstance(value, list | dict) or told is not value


def test_what_is_not_as_annotated_never_goes_without_its_text():
    made = post()
    for n in range(2 * FIRST):
        packed = cast("Parcel", made.pack(flat(n=[n], anything=[n]), 0))
        assert packed.text
        assert packed.open() == flat(n=[n], anything=[n])


def test_the_trace_is_the_same_whether_messages_had_a_text():
    def digest(*, watched: bool) -> str:
        trace = Trace()
        made = Post(Codec((Flat,)), (Flat,), trace, watched=watched)
        for n in range(3 * FIRST):
            made.pack(flat(n=n, anything=[n, [True, 1.5]] if n % 3 else None), 0)
        return trace.digest()

    assert digest(watched=True) == digest(watched=False)


def test_whoever_watches_sees_the_text_of_all():
    packed = post(watched=True).pack(flat(), 5)

    assert isinstance(packed, Parcel)
    assert packed.open() == flat()


@pytest.mark.parametrize("receiver", [False, True])
def test_whoever_changes_a_message_is_found_out(receiver):
    made, msg = post(), flat()
    packed = made.pack(msg, 0)
    (packed if receiver else msg).n = 2  # type: ignore[attr-defined,misc]

    with pytest.raises(AssertionError, match="was changed to"):
        made.check()


def test_what_is_no_message_of_the_protocol_is_not_sent():
    with pytest.raises(KeyError):
        post().pack(Command("read", "k"), 0)


def test_all_that_is_sent_is_in_the_digest():
    def digest(*sent: Flat) -> str:
        trace = Trace()
        made = Post(Codec((Flat,)), (Flat,), trace, watched=False)
        for msg in sent:
            made.pack(msg, 0)
        return trace.digest()

    runs = [(flat(), flat(n=2)), (flat(n=2), flat()), (flat(), flat(anything=[2])), (flat(),)]
    assert len({digest(*sent) for sent in runs}) == len(runs)
    assert digest(*runs[0]) == digest(*runs[0])
