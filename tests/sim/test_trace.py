"""The digest is of every event."""

from __future__ import annotations

from harness.sim.trace import Trace


def digest(events: list[tuple[int, int, str]]) -> str:
    trace = Trace()
    for event in events:
        trace.add(*event)
    return trace.digest()


def test_a_change_of_anything_changes_the_digest():
    events = [(i, i % 5, f"m{i}") for i in range(10)]
    changed = [
        events,
        events[:-1],
        [*events[:3], (4, 3, "m3"), *events[4:]],
        [*events[:3], (3, 4, "m3"), *events[4:]],
        [*events[:3], (3, 3, "m4"), *events[4:]],
        [*events[:3], events[4], events[3], *events[5:]],
    ]

    assert len({digest(version) for version in changed}) == len(changed)
    assert digest(events) == digest(list(events))


def test_events_are_counted():
    trace = Trace()
    for i in range(10_000):
        trace.add(i, 0, "m")
        if i == 5_000:
            trace.flush()

    assert trace.count == 10_000
