"""Windows of plans by hand: which links are cut or slow, from when until when, in ms."""

from __future__ import annotations

from nemesis.actions import CLEAR, Cut, Fault, Link, Mend, Shape, Weather, Window


def one_way(at_ms: int, end_ms: int, *links: Link) -> Window:
    """These links are cut."""
    return Window(at_ms, end_ms - at_ms, Fault("cut", (Cut(links),), (Mend(links),)))


def apart(at_ms: int, end_ms: int, *pairs: tuple[int, int]) -> Window:
    """The two nodes of each pair do not hear each other."""
    return one_way(at_ms, end_ms, *(link for a, b in pairs for link in ((a, b), (b, a))))


def slow(name: str, at_ms: int, end_ms: int, what: Weather, *links: Link) -> Window:
    """These links have this weather."""
    fault = Fault(name, (Shape(links, what),), (Shape(links, CLEAR),))
    return Window(at_ms, end_ms - at_ms, fault)
