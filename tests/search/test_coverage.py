"""Features: the same for runs that differ in who did what, different for what was done."""

from __future__ import annotations

from checker.history import INFO, NEMESIS, Row, node_process
from harness.search.coverage import Recorder, note_states
from harness.sim.seen import Seen

EVENTS = [
    Seen(1, 0, "message", '["Prepare",1]', 1, 0),
    Seen(2, 0, "message", '["Accept",1]', 1, 0),
    Seen(3, 1, "timer", "tick"),
    Seen(4, 2, "message", '["Accept",1]', 0, 0),
]


def features(events, rows=()):
    recorder = Recorder()
    for event in events:
        recorder.watch(event)
    return recorder.features(rows)


def renamed(event, names):
    src = None if event.src is None else names[event.src]
    return event._replace(node=names[event.node], src=src)


def test_nodes_have_no_names():
    names = {0: 2, 1: 0, 2: 1}
    assert features(EVENTS) == features([renamed(event, names) for event in EVENTS])


def test_another_order_at_a_node_is_seen():
    assert features(EVENTS) != features([EVENTS[1], EVENTS[0], *EVENTS[2:]])


def test_counts_are_by_powers_of_two():
    assert features(EVENTS * 4) != features(EVENTS)
    assert features(EVENTS * 40) == features(EVENTS * 41)


def test_states_of_notes_are_folded():
    def rows(first, second):
        return [
            Row(1, node_process(first), INFO, "decided", None, [1, "a"]),
            Row(2, node_process(second), INFO, "leader", None, [[1, 0], second]),
            Row(3, NEMESIS, INFO, "kill-one", None, {}),
        ]

    assert list(note_states(rows(0, 1))) == list(note_states(rows(2, 0)))
    assert list(note_states(rows(0, 1))) != list(note_states(rows(1, 1)))
